"""Files on their way to the inbox, in pieces, so that a broken connection costs one piece."""

from __future__ import annotations

import uuid

from django.db import models

from cohorts.models import Cohort, User


class Upload(models.Model):
    """Files that a person sends together; it becomes an import when all are there."""

    cohort_path = "cohort"

    class State(models.TextChoices):
        OPEN = "open", "Being sent"
        FINISHED = "finished", "Handed to the import"
        DISCARDED = "discarded", "Discarded"

    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="uploads")
    fingerprint = models.CharField(max_length=64, help_text="of sizes and dates; the same files find their upload")
    inbox = models.CharField(max_length=40, help_text="folder of the inbox that receives the files")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    total_bytes = models.BigIntegerField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"Upload {str(self.reference)[:8]}"


class UploadedFile(models.Model):
    """One file of an upload, under a name that tells nothing."""

    cohort_path = "upload__cohort"

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=100, help_text="neutral name within the inbox folder")
    size = models.BigIntegerField()
    received = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["upload", "number"]
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="file_number_unique_in_upload")]

    def __str__(self) -> str:
        return f"{self.upload}, file {self.number}"

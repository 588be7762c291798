"""Tables of clinical data and outcomes that people bring: checked first, written when they say so."""

from __future__ import annotations

import uuid

from django.db import models
from django.urls import reverse

from cohorts.models.cohort import Cohort, User


class TableImport(models.Model):
    """One table, without its file name, which may hold identity; rows of it are refused with a reason."""

    cohort_path = "cohort"

    class Source(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel (XLSX)"
        REDCAP = "redcap", "REDCap export"

    class State(models.TextChoices):
        CHECKED = "checked", "Checked, not written"
        WRITTEN = "written", "Written"
        DISCARDED = "discarded", "Discarded"

    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="table_imports")
    source = models.CharField(max_length=6, choices=Source)
    state = models.CharField(max_length=9, choices=State, default=State.CHECKED)
    content = models.BinaryField(help_text="the table as it came; emptied once it is written or discarded")
    dictionary = models.BinaryField(null=True, help_text="a REDCap project's data dictionary")
    mapping = models.JSONField(default=dict, help_text='column of the table → field, or "" for none')
    counts = models.JSONField(default=dict, help_text="new, changed, unchanged, refused rows")
    refused = models.JSONField(default=list, help_text="row, column, reason of each")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_source_display()} table {str(self.reference)[:8]}"

    def get_absolute_url(self) -> str:
        return reverse("cohorts:table-import", args=[self.cohort.code, self.reference])

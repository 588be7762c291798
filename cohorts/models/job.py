"""Background work and its truth."""

from __future__ import annotations

import uuid

from django.db import models
from django.urls import reverse

from cohorts.models.cohort import Centre, Cohort, User
from cohorts.models.patient import Patient


class Job(models.Model):
    """One piece of background work, or a batch of them; what the job page shows is what is here."""

    cohort_path = "cohort"
    centre_path = "centre"

    class Kind(models.TextChoices):
        IMPORT = "import", "Import of images"
        IMPORT_BATCH = "import_batch", "Import of several folders"
        EXTRACTION = "extraction", "Extraction"
        EXTRACTION_BATCH = "extraction_batch", "Extraction of a cohort"
        REGISTRATION = "registration", "Registration"
        REGISTRATION_BATCH = "registration_batch", "Registration of a cohort"
        STABILITY = "stability", "Stability of features"
        TRAINING = "training", "Training"
        PREDICTION = "prediction", "Prediction"
        ANALYSIS = "analysis", "Analysis of a table"
        REPORT = "report", "Report"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CRASHED = "crashed", "Crashed"
        CANCELLED = "cancelled", "Cancelled"

    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="jobs")
    centre = models.ForeignKey(
        Centre, null=True, on_delete=models.CASCADE, related_name="jobs", help_text="Empty: the work spans centres."
    )
    patient = models.ForeignKey(Patient, null=True, on_delete=models.CASCADE, related_name="jobs")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    parameters = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    remedy = models.TextField(blank=True)

    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    enqueued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    BATCHES = (Kind.IMPORT_BATCH, Kind.EXTRACTION_BATCH, Kind.REGISTRATION_BATCH)
    TERMINAL = (State.DONE, State.FAILED, State.CRASHED, State.CANCELLED)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "lease_until"]), models.Index(fields=["cohort", "kind", "state"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {str(self.reference)[:8]}"

    def get_absolute_url(self) -> str:
        return reverse("cohorts:job", args=[self.reference])

    @property
    def is_over(self) -> bool:
        """True once nothing more will happen."""
        return self.state in self.TERMINAL

    @property
    def can_retry(self) -> bool:
        """True where trying again may help: a refused import needs other files, not another try."""
        if self.state == self.State.DONE:
            return bool(self.result.get("failed"))
        return self.is_over and not (self.kind == self.Kind.IMPORT and self.state == self.State.FAILED)

    @property
    def percent(self) -> int:
        """Progress, 0 to 100."""
        if self.state == self.State.DONE:
            return 100
        return min(100, round(100 * self.done / self.total)) if self.total else 0

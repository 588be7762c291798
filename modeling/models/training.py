"""A run of a recipe, and the models that it froze."""

from __future__ import annotations

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cohorts.models import Cohort, Job, Patient, User
from modeling.models.snapshot import TableSnapshot


class TrainingRun(models.Model):
    """One recipe on one snapshot."""

    cohort_path = "cohort"

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="training_runs")
    number = models.PositiveIntegerField()
    recipe_name = models.CharField(max_length=40)
    recipe = models.JSONField()
    recipe_digest = models.CharField(max_length=64)
    snapshot = models.ForeignKey(TableSnapshot, on_delete=models.PROTECT, related_name="runs")
    job = models.OneToOneField(Job, null=True, on_delete=models.SET_NULL, related_name="training_run")
    versions = models.JSONField(default=dict, help_text="libraries that fitted the models")
    findings = models.JSONField(
        default=dict, help_text="sample size, comparisons, heterogeneity, subgroups, centre predictability, warnings"
    )
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["cohort", "-number"]
        constraints = [models.UniqueConstraint(fields=["cohort", "number"], name="run_number_unique")]

    def __str__(self) -> str:
        return f"Run {self.number} of {self.recipe_name}"

    def get_absolute_url(self) -> str:
        return reverse("modeling:run", args=[self.cohort.code, self.number])


class ModelVersion(models.Model):
    """One frozen model of a run; twin of a fitted estimator."""

    cohort_path = "cohort"

    class State(models.TextChoices):
        #: The first of a name: its estimates are shown as a candidate's until a person promotes a version.
        CANDIDATE = "candidate", _("Candidate")
        CHALLENGER = "challenger", _("Challenger")
        CHAMPION = "champion", _("Champion")
        RETIRED = "retired", _("Retired")

    #: What pages and predictions use; at most one version of a name.
    IN_USE = (State.CHAMPION, State.CANDIDATE)

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="model_versions")
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="model_versions")
    name = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.CHALLENGER)
    sha256 = models.CharField(max_length=64)
    threshold = models.FloatField(help_text="probability, frozen on training patients (Youden)")
    threshold_sensitive = models.FloatField(help_text="probability, frozen on training patients (sensitivity 0.90)")
    classifier = models.CharField(max_length=24, default="logistic")
    selected = models.JSONField(default=list)
    facts = models.JSONField(
        default=dict, help_text="comparison of classifiers, selection frequency, ICC, importance, notes"
    )
    fitted_on = models.ManyToManyField(Patient, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["cohort", "name", "-version"]
        constraints = [models.UniqueConstraint(fields=["cohort", "name", "version"], name="model_version_unique")]

    def __str__(self) -> str:
        return f"{self.title} {self.version}"

    @property
    def title(self) -> str:
        """The model's name for people."""
        return self.name.replace("_", " ").capitalize()

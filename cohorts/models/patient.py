"""Pseudonymous patients and their clinical moments."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cohorts.core.staging import CM_CHOICES, CN_CHOICES, CT_CHOICES, ClinicalTNM
from cohorts.models.cohort import Centre, Cohort

TNM_EDITIONS = [(8, _("8th")), (9, _("9th"))]

PATIENT_CODE = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$", _("Letters, digits, '-', '_' and '.', at most 32.")
)

_POSITIVE = MinValueValidator(Decimal("0.01"))


class Patient(models.Model):
    """A pseudonymous person. ``code`` is never a name or a hospital number."""

    cohort_path = "cohort"
    centre_path = "centre"

    class Sex(models.TextChoices):
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")

    class Smoking(models.TextChoices):
        NEVER = "never", _("Never")
        FORMER = "former", _("Former")
        CURRENT = "current", _("Current")

    class Histology(models.TextChoices):
        ADENOCARCINOMA = "adenocarcinoma", _("Adenocarcinoma")
        SQUAMOUS = "squamous", _("Squamous cell carcinoma")
        ADENOSQUAMOUS = "adenosquamous", _("Adenosquamous carcinoma")
        LARGE_CELL = "large_cell", _("Large cell carcinoma")
        NOS = "nsclc_nos", _("NSCLC, not otherwise specified")
        OTHER = "other", _("Other")

    class Location(models.TextChoices):
        CENTRAL = "central", _("Central (inner two thirds)")
        PERIPHERAL = "peripheral", _("Peripheral (outer third)")

    class RadiologicalResponse(models.TextChoices):
        COMPLETE = "CR", _("Complete response (CR)")
        PARTIAL = "PR", _("Partial response (PR)")
        STABLE = "SD", _("Stable disease (SD)")
        PROGRESSIVE = "PD", _("Progressive disease (PD)")

    class Exclusion(models.TextChoices):
        NO_SURGERY = "no_surgery", _("No surgery")
        UNRESECTABLE = "unresectable", _("Not resectable")
        PROGRESSION = "progression", _("Progression before surgery")
        DIED = "died", _("Died before surgery")
        WITHDRAWN = "withdrawn", _("Consent withdrawn")
        CRITERIA = "criteria", _("Criteria of the protocol not met")
        OTHER = "other", _("Other reason")

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="patients")
    centre = models.ForeignKey(Centre, verbose_name=_("centre"), on_delete=models.PROTECT, related_name="patients")
    code = models.CharField(max_length=32, validators=[PATIENT_CODE], help_text=_("Pseudonym, never a name."))

    age_years = models.PositiveSmallIntegerField(
        _("age (years)"), null=True, blank=True, validators=[MinValueValidator(18), MaxValueValidator(110)]
    )
    sex = models.CharField(_("sex"), max_length=10, choices=Sex, blank=True)
    smoking = models.CharField(_("smoking"), max_length=10, choices=Smoking, blank=True)
    histology = models.CharField(_("histology before treatment"), max_length=20, choices=Histology, blank=True)
    clinical_t = models.CharField(_("clinical T"), max_length=8, choices=[(c, c) for c in CT_CHOICES], blank=True)
    clinical_n = models.CharField(_("clinical N"), max_length=8, choices=[(c, c) for c in CN_CHOICES], blank=True)
    clinical_m = models.CharField(_("clinical M"), max_length=8, choices=[(c, c) for c in CM_CHOICES], blank=True)
    clinical_tnm_edition = models.PositiveSmallIntegerField(
        _("TNM edition of the clinical stage"), null=True, blank=True, choices=TNM_EDITIONS
    )
    clinical_stage = models.CharField(_("clinical stage"), max_length=10, blank=True)
    pdl1_percent = models.DecimalField(
        _("PD-L1 (%)"),
        max_digits=5,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    location = models.CharField(_("location"), max_length=12, choices=Location, blank=True)
    regimen = models.CharField(_("regimen"), max_length=120, blank=True)
    cycles = models.PositiveSmallIntegerField(_("cycles"), null=True, blank=True, validators=[MaxValueValidator(12)])
    first_dose_on = models.DateField(_("first dose"), null=True, blank=True)
    last_dose_on = models.DateField(_("last dose"), null=True, blank=True)
    # Of the patient and not of a timepoint: they are known where no scan was imported, and stay when one is taken back.
    radiological_response = models.CharField(
        _("radiological response (RECIST 1.1)"), max_length=2, choices=RadiologicalResponse, blank=True
    )
    suv_max_pre = models.DecimalField(
        _("SUVmax before treatment"), max_digits=5, decimal_places=2, null=True, blank=True, validators=[_POSITIVE]
    )
    suv_max_post = models.DecimalField(
        _("SUVmax after treatment"), max_digits=5, decimal_places=2, null=True, blank=True, validators=[_POSITIVE]
    )
    enrolled_on = models.DateField(_("enrolment"), null=True, blank=True)
    exclusion = models.CharField(_("excluded because"), max_length=12, choices=Exclusion, blank=True)
    exclusion_note = models.CharField(_("note on the exclusion"), max_length=200, blank=True)
    revision = models.PositiveIntegerField(default=1, editable=False, help_text=_("Counts saved changes of the row."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["cohort", "code"], name="patient_code_unique_in_cohort")]

    def __str__(self) -> str:
        return self.code

    @property
    def clinical_tnm(self) -> ClinicalTNM:
        """The value twin, to which the rules of staging apply."""
        return ClinicalTNM(
            self.clinical_t, self.clinical_n, self.clinical_m, self.clinical_tnm_edition, self.clinical_stage
        )

    def get_absolute_url(self) -> str:
        return reverse("cohorts:patient", args=[self.cohort.code, self.code])

    @property
    def suv_max_change_percent(self) -> float | None:
        """Change of SUVmax from before to after treatment; None unless both are entered."""
        if self.suv_max_pre is None or self.suv_max_post is None:
            return None
        return float(100 * (self.suv_max_post - self.suv_max_pre) / self.suv_max_pre)


class Timepoint(models.Model):
    """A clinical moment of a patient: before or after treatment.

    ``scanned_on`` lies on the patient's shifted calendar, as the de-identified files do; `cohorts.selectors`
    gives the true day to those who may see clinical dates.
    """

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class Kind(models.TextChoices):
        PRE = "pre", _("Pre-treatment")
        POST = "post", _("Post-treatment")

    class Status(models.TextChoices):
        EVALUABLE = "evaluable", _("Evaluable")
        NOT_EVALUABLE = "not_evaluable", _("Not evaluable")

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="timepoints")
    kind = models.CharField(max_length=4, choices=Kind)
    scanned_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.EVALUABLE)
    note = models.CharField(max_length=200, blank=True, help_text=_("Why a timepoint cannot be evaluated."))

    class Meta:
        ordering = ["patient", "-kind"]
        constraints = [models.UniqueConstraint(fields=["patient", "kind"], name="one_timepoint_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.patient.code} {self.get_kind_display().lower()}"

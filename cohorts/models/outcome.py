"""Readings of the resected tumour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cohorts.core.response import YPM_CHOICES, YPN_CHOICES, YPT_CHOICES, ResponseReading
from cohorts.models.cohort import User
from cohorts.models.patient import TNM_EDITIONS, Patient

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def _percent(label: StrOrPromise, *, required: bool = False) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        label,
        max_digits=5,
        decimal_places=2,
        null=not required,
        blank=not required,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )


class PathologyOutcome(models.Model):
    """One version of one reading. A correction adds a version; nothing is overwritten."""

    cohort_path = "patient__cohort"
    centre_path = "patient__centre"

    class Procedure(models.TextChoices):
        WEDGE = "wedge", _("Wedge resection")
        SEGMENTECTOMY = "segmentectomy", _("Segmentectomy")
        LOBECTOMY = "lobectomy", _("Lobectomy")
        SLEEVE = "sleeve", _("Sleeve lobectomy")
        BILOBECTOMY = "bilobectomy", _("Bilobectomy")
        PNEUMONECTOMY = "pneumonectomy", _("Pneumonectomy")
        OTHER = "other", _("Other")

    class Resection(models.TextChoices):
        R0 = "R0", "R0"
        R1 = "R1", "R1"
        R2 = "R2", "R2"
        RX = "RX", "RX"

    class Sampling(models.TextChoices):
        COMPLETE = "complete", _("Complete")
        AS_IASLC = "as_iaslc", _("As IASLC asks above 3 cm: mapped cross-section, about a block a centimetre")
        INCOMPLETE = "incomplete", _("Incomplete")

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="outcomes")
    version = models.PositiveIntegerField()
    is_current = models.BooleanField(default=True)

    viable_percent = _percent(_("viable tumour (%)"), required=True)
    necrosis_percent = _percent(_("necrosis (%)"), required=True)
    stroma_percent = _percent(_("stroma (%)"), required=True)
    fibrosis_percent = _percent(_("of stroma: fibrosis (%)"))
    inflammation_percent = _percent(_("of stroma: inflammation (%)"))
    ypt = models.CharField(_("ypT"), max_length=8, choices=[(c, c) for c in YPT_CHOICES])
    ypn = models.CharField(_("ypN"), max_length=8, choices=[(c, c) for c in YPN_CHOICES])
    ypm = models.CharField(_("ypM"), max_length=8, choices=[(c, c) for c in YPM_CHOICES], blank=True)
    nodes_examined = models.PositiveSmallIntegerField(_("nodes examined"), null=True, blank=True)
    nodes_positive = models.PositiveSmallIntegerField(_("nodes positive"), null=True, blank=True)
    nodes_viable_percent = _percent(_("viable tumour in nodes (%)"))
    stations = models.JSONField(
        _("nodes by station"),
        default=list,
        blank=True,
        help_text=_("station, examined, positive, viable_percent of each"),
    )
    tumour_bed_mm = models.DecimalField(
        _("tumour bed, largest size (mm)"), max_digits=5, decimal_places=1, null=True, blank=True
    )
    blocks_examined = models.PositiveSmallIntegerField(_("blocks of the bed examined"), null=True, blank=True)
    tumours_resected = models.PositiveSmallIntegerField(
        _("tumours resected"), null=True, blank=True, help_text=_("The values are those of the segmented one.")
    )
    procedure = models.CharField(_("procedure"), max_length=16, choices=Procedure, blank=True)
    resection = models.CharField(_("resection margin"), max_length=2, choices=Resection, blank=True)
    sampling = models.CharField(_("sampling of the tumour bed"), max_length=12, choices=Sampling, blank=True)
    surgical_histology = models.CharField(
        _("histology at surgery"), max_length=20, choices=Patient.Histology, blank=True
    )
    tnm_edition = models.PositiveSmallIntegerField(
        _("TNM edition of ypT, ypN and ypM"), null=True, blank=True, choices=TNM_EDITIONS
    )
    surgery_on = models.DateField(_("surgery"), null=True, blank=True)
    signed_off_on = models.DateField(_("pathology sign-off"), null=True, blank=True)
    reader = models.CharField(_("reader's initials"), max_length=8, blank=True)
    blinded = models.BooleanField(_("read blind to model output"), null=True, blank=True)
    source = models.CharField(
        _("source"),
        max_length=10,
        choices=[("report", _("Pathology report")), ("re_review", _("Re-review"))],
        default="report",
    )
    reported_mpr = models.BooleanField(_("the report states MPR"), null=True, blank=True)
    reported_pcr = models.BooleanField(_("the report states pCR"), null=True, blank=True)

    entered_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    entered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["patient", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "version"], name="outcome_version_unique"),
            models.UniqueConstraint(fields=["patient"], condition=Q(is_current=True), name="one_current_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.patient.code}, reading {self.version}"

    @property
    def reading(self) -> ResponseReading:
        """The value twin, to which the response rules apply."""

        def number(value: object) -> float | None:
            return None if value is None else float(str(value))

        return ResponseReading(
            viable_percent=float(self.viable_percent),
            necrosis_percent=float(self.necrosis_percent),
            stroma_percent=float(self.stroma_percent),
            ypt=self.ypt,
            ypn=self.ypn,
            nodes_examined=self.nodes_examined,
            nodes_positive=self.nodes_positive,
            nodes_viable_percent=number(self.nodes_viable_percent),
            fibrosis_percent=number(self.fibrosis_percent),
            inflammation_percent=number(self.inflammation_percent),
            sampling=self.sampling,
            tumour_bed_mm=number(self.tumour_bed_mm),
            histology=self.surgical_histology or self.patient.histology,
            reported_mpr=self.reported_mpr,
            reported_pcr=self.reported_pcr,
            stations=tuple(self.stations),
            tnm_edition=self.tnm_edition,
            ypm=self.ypm,
        )

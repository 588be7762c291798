"""CT series and the masks that were drawn on them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from cohorts.models import Job, Timepoint, User


class ImageSeries(models.Model):
    """One de-identified CT series; its value twin is `imaging.core.geometry.Volume`."""

    cohort_path = "timepoint__patient__cohort"
    centre_path = "timepoint__patient__centre"

    class Kind(models.TextChoices):
        DICOM = "dicom", "DICOM"
        NIFTI = "nifti", "NIfTI"
        NRRD = "nrrd", "NRRD"

    timepoint = models.ForeignKey(Timepoint, on_delete=models.CASCADE, related_name="series")
    kind = models.CharField(max_length=8, choices=Kind)
    series_uid = models.CharField("series UID (remapped)", max_length=64)
    frame_of_reference_uid = models.CharField(max_length=64, blank=True)
    shape_zyx = models.JSONField()
    spacing_zyx_mm = models.JSONField()
    manufacturer = models.CharField(max_length=64, blank=True)
    scanner = models.CharField(max_length=64, blank=True)
    kernel = models.CharField(max_length=64, blank=True)
    kvp = models.FloatField(null=True)
    slice_thickness_mm = models.FloatField(null=True)
    contrast = models.BooleanField(null=True)
    dicom_sha256 = models.CharField("de-identified files", max_length=64, blank=True)
    volume_sha256 = models.CharField(max_length=64)
    corrections = models.JSONField(default=list, help_text="what was corrected on import, sentences with numbers")
    notes = models.JSONField(default=list, help_text="what the import found remarkable, sentences with numbers")
    derived = models.CharField(max_length=64, blank=True, help_text="Empty: an original image.")
    source_digest = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="keyed hash of the original series UID"
    )
    scanned_on = models.DateField(null=True, help_text="on the shifted calendar; empty where the files do not say")
    imported_by = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["timepoint", "-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["timepoint", "volume_sha256"], name="series_once_per_timepoint")
        ]

    def __str__(self) -> str:
        return f"CT of {self.timepoint}"


class Segmentation(models.Model):
    """Who drew the tumour, with which tool, in which version; twin of `imaging.core.geometry.TumorMask`."""

    cohort_path = "series__timepoint__patient__cohort"
    centre_path = "series__timepoint__patient__centre"

    class Kind(models.TextChoices):
        RTSTRUCT = "rtstruct", "RTSTRUCT"
        SEG = "seg", "DICOM SEG"
        MASK = "mask", "Mask file"
        DRAWN = "drawn", "Drawn in Ecotone"

    series = models.ForeignKey(ImageSeries, on_delete=models.CASCADE, related_name="segmentations")
    timepoint = models.ForeignKey(Timepoint, on_delete=models.CASCADE, related_name="segmentations")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=Kind)
    version = models.PositiveIntegerField()
    lesion = models.PositiveSmallIntegerField(
        default=1, help_text="Which lesion of the timepoint: versions of one lesion share the number."
    )
    roi_number = models.PositiveIntegerField(null=True, help_text="of the region in its file")
    is_current = models.BooleanField(
        default=True, help_text="The mask that features of this timepoint are taken from."
    )
    author = models.CharField(max_length=64, blank=True)
    tool = models.CharField(max_length=64, blank=True)
    voxels = models.PositiveIntegerField()
    volume_mm3 = models.FloatField()
    mean_hu = models.FloatField()
    components = models.PositiveIntegerField(default=1)
    source_sha256 = models.CharField("de-identified file", max_length=64, blank=True)
    mask_sha256 = models.CharField(max_length=64)
    drawn_from = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="+", help_text="the version that was edited"
    )
    comparison = models.JSONField(default=dict, help_text="with the version before: Dice, volumes, surface distances")
    notes = models.JSONField(default=list, help_text="what the import found remarkable, sentences with numbers")
    imported_by = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["timepoint", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["timepoint", "version"], name="segmentation_version_unique"),
            models.UniqueConstraint(
                fields=["timepoint"], condition=Q(is_current=True), name="one_current_segmentation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}, {self.timepoint}"

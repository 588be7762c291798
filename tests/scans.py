"""Small scans: as values, as files on disk, and as stored records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from django.db import transaction

from cohorts.models import Patient
from cohorts.selectors.patients import shift_days
from cohorts.services.patients import record_scan
from imaging import storage
from imaging.core.codec import pack_mask, pack_volume
from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct, write_seg
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.models import ImageSeries, Segmentation

GRID = Grid((10, 30, 32), (2.5, 1.2, 1.2), (-18.0, -18.0, -100.0))
PRE_SCAN_ON, POST_SCAN_ON = date(2024, 2, 20), date(2024, 5, 21)


@dataclass(frozen=True, eq=False)
class Scan:
    """An image and its tumour."""

    volume: Volume
    mask: TumorMask


@cache
def small_scan(seed: int = 0, *, radius_mm: float = 8.0, tumour: bool = True) -> Scan:
    """Air with a ball of soft tissue of three textures in it; equal arguments give equal scans."""
    random = np.random.default_rng(seed)
    z, y, x = (
        (np.arange(n) - (n - 1) / 2) * step for n, step in zip(GRID.shape_zyx, GRID.spacing_zyx_mm, strict=True)
    )
    distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    inside = distance <= radius_mm
    array = random.normal(-850, 20, GRID.shape_zyx)
    soft = np.where(x[None, None, :] > 0, 60.0, 20.0) + random.normal(0, 15, GRID.shape_zyx)
    array[inside] = np.where(distance < radius_mm / 2, -10 + random.normal(0, 5, GRID.shape_zyx), soft)[inside]
    mask = inside if tumour else np.zeros_like(inside)
    return Scan(Volume(np.rint(array).astype(np.int16), GRID), TumorMask(mask, GRID))


def identity_of(code: str, scanned_on: date, *, key: str = "") -> DicomIdentity:
    """Give headers of a made-up patient; ``key`` tells series of one day apart."""
    return DicomIdentity(code, f"{code}/{scanned_on}/{key}", scanned_on, "Chest", "STANDARD")


def write_scan(
    folder: Path,
    scan: Scan,
    *,
    code: str = "RAW-1",
    scanned_on: date = PRE_SCAN_ON,
    kind: str = "rtstruct",
    key: str = "",
) -> Path:
    """Write a scan as DICOM: slices in ``ct/``, the tumour as ``rtstruct`` or ``seg`` (or "" for none) beside it."""
    identity = identity_of(code, scanned_on, key=key)
    write_ct(scan.volume, folder / "ct", identity=identity)
    if kind:
        {"rtstruct": write_rtstruct, "seg": write_seg}[kind](scan.mask, folder / "tumour.dcm", identity=identity)
    return folder


def write_raster(file: Path, scan: Scan, *, mask: bool = False) -> Path:
    """Write the image of a scan, or its mask, as NIfTI or NRRD."""
    grid = scan.volume.grid
    image = sitk.GetImageFromArray(scan.mask.array.astype(np.uint8) if mask else scan.volume.array)
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    image.SetOrigin(grid.origin_lps_mm)
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(file))
    return file


@transaction.atomic
def store_scan(patient: Patient, kind: str, scan: Scan, *, scanned_on: date | None = None) -> Segmentation:
    """Store a scan as an import would, with its artefacts; ``scanned_on`` is the true day."""
    shifted = scanned_on + timedelta(days=shift_days(patient)) if scanned_on else None
    timepoint = record_scan(patient, kind=kind, scanned_on=shifted, actor=None)
    series = ImageSeries.objects.create(
        timepoint=timepoint,
        kind="dicom",
        series_uid=f"2.25.{patient.pk}{'01'[kind == 'post']}",
        shape_zyx=list(scan.volume.grid.shape_zyx),
        spacing_zyx_mm=list(scan.volume.grid.spacing_zyx_mm),
        volume_sha256=storage.put(pack_volume(scan.volume)),
        scanned_on=shifted,
    )
    return Segmentation.objects.create(
        timepoint=timepoint,
        series=series,
        name="GTV-1",
        kind="rtstruct",
        version=1,
        voxels=scan.mask.voxels,
        volume_mm3=scan.mask.volume_mm3,
        mean_hu=20.0,
        mask_sha256=storage.put(pack_mask(scan.mask)),
    )

"""Voxel maps of one image and one mask, as files, without a database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cohorts.errors import ServiceError
from imaging.core.case import read_case
from imaging.core.engine.voxel_maps import (
    FIRST_ORDER_FEATURES,
    GLCM_FEATURES,
    VoxelMaps,
    first_order_maps,
    glcm_maps,
)
from imaging.core.geometry import TumorMask, Volume
from imaging.core.neighbourhood import padding_voxels
from imaging.core.nrrd_write import to_nrrd
from imaging.core.provenance import digest_of, traced
from imaging.core.resample import resample_around
from imaging.core.spec import STANDARD
from imaging.services.single_case import mask_file_of

#: Feature classes that have voxel maps, and their features.
CLASSES = {"firstorder": FIRST_ORDER_FEATURES, "glcm": GLCM_FEATURES}


@dataclass(frozen=True, eq=False)
class MappedCase:
    """What was read, on which grid it was mapped, and the maps by feature class."""

    volume: Volume
    mask: TumorMask
    region: TumorMask
    spacing_mm: float
    maps: dict[str, VoxelMaps]


def maps_of(
    image: Path,
    mask: Path,
    *,
    roi: str | None,
    kinds: Sequence[str],
    features: Sequence[str],
    spacing_mm: float,
) -> MappedCase:
    """Resample one case around its tumour and compute its voxel maps.

    `kinds` are classes of `CLASSES`, none for both; `features` are names within them, none for all.
    Bin width and shift of values are those of the standard protocol.
    """
    if not (math.isfinite(spacing_mm) and spacing_mm > 0):
        raise ServiceError("unknown_setting", f"The spacing must be a positive number of mm, not {spacing_mm:g}.")
    wanted = _wanted(kinds, features)
    read, named = read_case(image, mask_file_of(mask), roi=roi)
    volume, tumour = read.volume, named.mask
    settings = STANDARD.radiomics
    resampled, region = resample_around(
        volume, tumour, spacing_mm=spacing_mm, pad_voxels=settings.pad_distance_voxels
    )
    maps: dict[str, VoxelMaps] = {}
    if names := wanted.get("firstorder"):
        maps["firstorder"] = first_order_maps(
            resampled,
            region,
            bin_width_hu=settings.bin_width_hu,
            voxel_array_shift=settings.voxel_array_shift,
            features=names,
        )
    if names := wanted.get("glcm"):
        maps["glcm"] = glcm_maps(resampled, region, bin_width_hu=settings.bin_width_hu, features=names)
    return MappedCase(volume, tumour, region, spacing_mm, maps)


def _wanted(kinds: Sequence[str], features: Sequence[str]) -> dict[str, list[str]]:
    """Give the features of each class, where every name that was asked for belongs to one of the classes."""
    if unknown := sorted(set(kinds) - set(CLASSES)):
        known = ", ".join(CLASSES)
        raise ServiceError("unknown_setting", f"There are no voxel maps of {', '.join(unknown)}; there are {known}.")
    offered = {kind: CLASSES[kind] for kind in kinds or CLASSES}
    known_names = [name for names in offered.values() for name in names]
    if missing := [name for name in features if name not in known_names]:
        raise ServiceError(
            "unknown_setting", f"There is no map of {', '.join(missing)}; there are {', '.join(known_names)}."
        )
    return {kind: [name for name in features or names if name in names] for kind, names in offered.items()}


def write_maps(case: MappedCase, folder: Path) -> dict[str, Any]:
    """Write one NRRD file a map, named as pyradiomics names the feature, and give a report ready for JSON."""
    if folder.exists() and not folder.is_dir():
        raise ServiceError("unknown_setting", "The maps go into a folder, and --out names a file.")
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind, maps in case.maps.items():
        for name in maps.names:
            file = f"original_{kind}_{name}.nrrd"
            (folder / file).write_bytes(to_nrrd(maps[name], maps.grid))
            rows.append({"class": kind, "feature": name, "file": file} | _summary(maps, name))
    return {"maps": rows, "provenance": _provenance(case)}


def _summary(maps: VoxelMaps, name: str) -> dict[str, Any]:
    values = maps[name][np.isfinite(maps[name])]
    known = {"minimum": values.min(), "mean": values.mean(), "maximum": values.max()} if values.size else {}
    words = {key: float(known[key]) if key in known else None for key in ("minimum", "mean", "maximum")}
    return words | {"undefined_voxels": maps.undefined[name]}


def _provenance(case: MappedCase) -> dict[str, object]:
    settings = STANDARD.radiomics
    touched = padding_voxels(
        case.volume, case.mask, spacing_mm=case.spacing_mm, pad_voxels=settings.pad_distance_voxels
    )
    stated: dict[str, object] = {
        "engine": "native",
        "kernel_radius_voxels": 1,
        "spacing_mm": case.spacing_mm,
        "bin_width_hu": settings.bin_width_hu,
        "voxel_array_shift": settings.voxel_array_shift,
        "voxels": case.region.voxels,
        "padding_voxels": touched,
        "image_grid": case.volume.grid.as_dict(),
        "map_grid": next(iter(case.maps.values())).grid.as_dict(),
    }
    return traced(stated, volume_sha256=digest_of(case.volume), mask_sha256=digest_of(case.mask))

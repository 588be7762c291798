"""Ecotone's side of every row, each in one function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.cases import Case
from imaging.core.dicom import read_series
from imaging.core.engine.voxel_maps import first_order_maps, glcm_maps
from imaging.core.feature_vector import FeatureVector
from imaging.core.features import extract
from imaging.core.geometry import TumorMask, Volume
from imaging.core.masks import read_mask
from imaging.core.nifti import read_volume_file
from imaging.core.resample import resample_around
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

#: Original, LoG of 1, 3 and 5 mm and eight wavelet bands, every class: 1,130 features.
WHOLE = ExtractionSpec("bench", RadiomicsSpec(log_sigma_mm=(1.0, 3.0, 5.0)))
UNRESAMPLED = replace(WHOLE, radiomics=replace(WHOLE.radiomics, resampled_spacing_mm=None))
#: One image that has its spacing already. Without a shift, Energy is what every peer calls energy.
ONE_IMAGE = ExtractionSpec(
    "bench image", RadiomicsSpec(resampled_spacing_mm=None, voxel_array_shift=0, log_sigma_mm=(), wavelet=False)
)


def read(image: Path, mask: Path) -> tuple[Volume, TumorMask]:
    volume = read_volume_file(image)
    return volume, read_mask(mask, volume).mask


def from_files(image: Path, mask: Path, spec: ExtractionSpec) -> FeatureVector:
    return extract(*read(image, mask), spec)


def read_dicom(case: Case) -> tuple[Volume, TumorMask]:
    volume = read_series(sorted(case.ct.glob("*.dcm")))
    return volume, read_mask(case.seg, volume).mask


def prepared(case: Case) -> tuple[Volume, TumorMask]:
    """Give the tumour with its surroundings at 1 mm, as engines that work in memory receive it."""
    pad = WHOLE.radiomics.pad_distance_voxels
    return resample_around(*read(case.image, case.mask), spacing_mm=1.0, pad_voxels=pad)


def in_memory(image: Volume, mask: TumorMask) -> dict[str, float]:
    """Compute every class of one image; the only call of the engine that the row in memory measures."""
    return extract(image, mask, ONE_IMAGE).as_dict()


def voxel_maps(
    image: Volume, mask: TumorMask, *, kind: str, names: tuple[str, ...]
) -> dict[str, NDArray[np.float64]]:
    """Compute voxel maps of one class, glcm or firstorder, on the box of the mask; 0 outside it, as the peer has."""
    make = {"glcm": glcm_maps, "firstorder": first_order_maps}[kind]
    found = make(image, mask, bin_width_hu=25.0, kernel_radius=1, features=names, outside=0.0)
    return {name: found[name] for name in names}

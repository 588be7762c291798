"""What the viewer loads: crops around the tumour, as NIfTI."""

from __future__ import annotations

import numpy as np

from imaging import storage
from imaging.core.codec import to_nifti, unpack_labels
from imaging.core.geometry import Slices, TumorMask, bounding_box, nearest_on
from imaging.models import HabitatMap, Segmentation
from imaging.services.extraction import load

MARGIN_MM = 40.0


def volume_nifti(segmentation: Segmentation, *, whole: bool) -> bytes:
    """Give the CT around the tumour (or all of it) in HU."""
    volume, mask = load(segmentation)
    part = volume if whole else volume.crop(_view(mask))
    return to_nifti(part.array, part.grid)


def mask_nifti(segmentation: Segmentation, *, whole: bool) -> bytes:
    """Give the tumour mask on the grid of `volume_nifti`."""
    _, mask = load(segmentation)
    part = mask if whole else mask.crop(_view(mask))
    return to_nifti(part.array.astype(np.uint8), part.grid)


def habitats_nifti(habitat_map: HabitatMap, *, whole: bool) -> bytes:
    """Give the habitat labels on the grid of `volume_nifti`."""
    labels, grid = unpack_labels(storage.get(habitat_map.sha256))
    volume, mask = load(habitat_map.segmentation)
    target = (volume if whole else volume.crop(_view(mask))).grid
    return to_nifti(nearest_on(labels, grid, target), target)


def _view(mask: TumorMask) -> Slices:
    margin = [round(MARGIN_MM / spacing) for spacing in mask.grid.spacing_zyx_mm]
    return bounding_box(mask.array, margin=margin)

"""What the viewer loads: crops around the tumour with everything that was found in it, each written once."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging import storage
from imaging.core.codec import to_nifti, unpack_labels, unpack_registered
from imaging.core.geometry import Grid, Slices, TumorMask, bounding_box, nearest_on
from imaging.core.habitats import HabitatLabels
from imaging.core.picture import habitat_picture
from imaging.core.supervoxels import unpack_supervoxels
from imaging.models import HabitatMap, Registration, Segmentation, SupervoxelMap, TransitionMap
from imaging.services.extraction import load

MARGIN_MM = 40.0
#: Displacements travel as whole steps of this size.
STEP_MM = 0.01
#: Another form of the files is another version: caches must not mix them.
_FORM = "2"


@dataclass(frozen=True)
class View:
    """One file for the viewer: the digest of all that it is made of, and how to write it."""

    digest: str
    write: Callable[[], bytes]
    keep: bool

    def content(self) -> bytes:
        """Give the file; a crop is written once and kept, a whole scan is too large for that."""
        if not self.keep:
            return self.write()
        if (known := storage.recall(self.digest)) is not None:
            return known
        content = self.write()
        storage.remember(self.digest, content)
        return content


def volume_view(segmentation: Segmentation, *, whole: bool = False) -> View:
    """Give the CT around the tumour (or all of it) in HU."""

    def write() -> bytes:
        volume, mask = load(segmentation)
        part = volume if whole else volume.crop(_around(mask))
        return to_nifti(part.array, part.grid)

    return _view("volume", segmentation, write, whole=whole)


def mask_view(segmentation: Segmentation, *, whole: bool = False) -> View:
    """Give the tumour mask on the grid of `volume_view`."""

    def write() -> bytes:
        _, mask = load(segmentation)
        part = mask if whole else mask.crop(_around(mask))
        return to_nifti(part.array.astype(np.uint8), part.grid)

    return _view("mask", segmentation, write, whole=whole)


def habitats_view(habitat_map: HabitatMap, *, whole: bool = False) -> View:
    """Give the habitat labels on the grid of `volume_view`."""
    segmentation = habitat_map.segmentation

    def write() -> bytes:
        return _labels(*unpack_labels(storage.get(habitat_map.sha256)), segmentation, whole=whole)

    return _view("habitats", segmentation, write, habitat_map.sha256, whole=whole)


def picture_view(habitat_map: HabitatMap, *, colours: Sequence[str], whole: bool = False) -> View:
    """Give a small picture of the habitats in the slice where the tumour is largest; it is never of the whole scan."""
    segmentation = habitat_map.segmentation

    def write() -> bytes:
        array, grid = unpack_labels(storage.get(habitat_map.sha256))
        labels = HabitatLabels(array, grid, len(habitat_map.fractions))
        return habitat_picture(*load(segmentation), labels, colours=colours)

    return _view("picture", segmentation, write, habitat_map.sha256, *colours, whole=False)


def supervoxels_view(supervoxel_map: SupervoxelMap, *, whole: bool = False) -> View:
    """Give the numbers of the supervoxels on the grid of `volume_view`."""
    segmentation = supervoxel_map.segmentation

    def write() -> bytes:
        found = unpack_supervoxels(storage.get(supervoxel_map.sha256))
        # There are at most 80 of them, so that a byte holds each number.
        return _labels(found.labels.astype(np.uint8), found.grid, segmentation, whole=whole)

    return _view("supervoxels", segmentation, write, supervoxel_map.sha256, whole=whole)


def transitions_view(transition_map: TransitionMap, *, whole: bool = False) -> View:
    """Give the codes of the transitions (`Transitions.codes`) on the grid of the first scan's `volume_view`."""
    segmentation = transition_map.registration.pre

    def write() -> bytes:
        return _labels(*unpack_labels(storage.get(transition_map.sha256)), segmentation, whole=whole)

    return _view("transitions", segmentation, write, transition_map.sha256, whole=whole)


def field_view(registration: Registration, *, whole: bool = False) -> View:
    """Give where places of the first scan lie in the second: a coarse grid of displacements as gzipped JSON."""

    def write() -> bytes:
        found = unpack_registered(storage.get(registration.sha256))
        # The couch may have moved by more than a number of 16 bits holds: the mean travels by itself.
        mean = found.displacement.reshape(-1, 3).mean(axis=0).astype(float)
        steps = np.rint((found.displacement - mean) / STEP_MM).astype("<i2")
        said = {
            "grid": found.grid.as_dict(),
            "mean_lps_mm": mean.tolist(),
            "step_mm": STEP_MM,
            "steps": base64.b64encode(steps.tobytes()).decode(),
        }
        return gzip.compress(json.dumps(said).encode(), mtime=0)

    return View(_digest("field", registration.sha256), write, keep=True)


def _labels(labels: NDArray[np.uint8], grid: Grid, segmentation: Segmentation, *, whole: bool) -> bytes:
    volume, mask = load(segmentation)
    target = (volume if whole else volume.crop(_around(mask))).grid
    return to_nifti(nearest_on(labels, grid, target), target)


def _view(what: str, segmentation: Segmentation, write: Callable[[], bytes], *more: str, whole: bool) -> View:
    sources = (segmentation.series.volume_sha256, segmentation.mask_sha256, *more)
    return View(_digest(what, f"whole {whole}", f"margin {MARGIN_MM:g}", *sources), write, keep=not whole)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(["viewer", _FORM, *parts]).encode()).hexdigest()


def _around(mask: TumorMask) -> Slices:
    margin = [round(MARGIN_MM / spacing) for spacing in mask.grid.spacing_zyx_mm]
    return bounding_box(mask.array, margin=margin)

"""Supervoxels of a tumour: small connected parts of similar channels, and what describes them.

Numbers of supervoxels and the 40 statistics are those of the MD Anderson CT implementation; the
clustering is masked SLIC (Irving, arXiv:1606.09518) on the four channels.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

from imaging.core.channels import channels
from imaging.core.descriptors import Groups, describe
from imaging.core.errors import MaskTooSmall
from imaging.core.geometry import Grid, TumorMask, Volume, bounding_box
from imaging.core.merging import merge_parts
from imaging.core.neighbourhood import filled
from imaging.core.resample import resample_around
from imaging.core.spec import HabitatSpec, hashed_form

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Tumour voxels up to which a number of supervoxels holds. The reference leaves counts of exactly
#: 1,000, 10,000 and 100,000 to the last row, because it compares strictly; here they belong below.
_NUMBER_BY_VOXELS = ((1_000, 30), (10_000, 50), (100_000, 60))
_NUMBER_BEYOND = 80


@dataclass(frozen=True, eq=False)
class Supervoxels:
    """The parts of one tumour and their descriptors.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        0 outside the tumour, 1 to n inside.
    descriptors : ndarray of float64, shape (n, d)
        Row ``i`` describes label ``i + 1``; d is 40 for hist10 and 4 for mean4.
    mean_hu : ndarray of float64, shape (n,)
        Mean HU.
    voxels : ndarray of int64, shape (n,)
        Sizes.
    grid : Grid
        Where the labels lie.
    spec_digest : str
        `habitat_digest` of the specification.
    neighbourhood : str
        The neighbourhood that the specification wants for interaction.
    """

    labels: NDArray[np.int32]
    descriptors: FloatArray
    mean_hu: FloatArray
    voxels: IntArray
    grid: Grid
    spec_digest: str
    neighbourhood: str = "axial8"

    @property
    def n(self) -> int:
        """Number of supervoxels."""
        return len(self.voxels)


def habitat_digest(spec: HabitatSpec) -> str:
    """Give the sha256 of everything that decides what a habitat is."""
    return hashlib.sha256(json.dumps(hashed_form(spec), sort_keys=True).encode()).hexdigest()


def supervoxels(volume: Volume, mask: TumorMask, spec: HabitatSpec) -> Supervoxels:
    """Cut a tumour into supervoxels and describe each.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        Tumour, on the same grid.
    spec : HabitatSpec
        Spacing, channels, SLIC and descriptor.

    Returns
    -------
    Supervoxels
        Labels cover every voxel of the resampled mask. The same input gives the same labels, and padding around
        the tumour has no part in them.

    Raises
    ------
    GridMismatch
        If image and mask do not share a grid.
    EmptyMask, MaskTooSmall
        If no voxel, or fewer than one supervoxel needs, is inside.
    """
    half_window = spec.entropy_window_voxels // 2
    scanned = filled(volume, mask, spacing_mm=spec.spacing_mm, pad_voxels=half_window)
    image, region = resample_around(scanned, mask, spacing_mm=spec.spacing_mm, pad_voxels=half_window)
    if region.voxels < spec.minimum_supervoxel_voxels:
        raise MaskTooSmall(
            f"The mask has {region.voxels} voxels after resampling to {spec.spacing_mm:g} mm; "
            f"one supervoxel needs {spec.minimum_supervoxel_voxels}."
        )
    features = channels(image, spec)
    box = bounding_box(region.array)
    inside = region.array[box]
    parts = np.ascontiguousarray(features[(slice(None), *box)])
    labels = _cluster(parts, inside, spec)
    groups = Groups.of(labels[inside])
    return Supervoxels(
        labels=labels,
        descriptors=describe(parts[:, inside].astype(np.float64), groups=groups, descriptor=spec.descriptor),
        mean_hu=groups.mean(image.array[box][inside].astype(np.float64)),
        voxels=groups.sizes,
        grid=region.grid.crop(box),
        spec_digest=habitat_digest(spec),
        neighbourhood=spec.neighbourhood,
    )


def supervoxel_number(voxels: int, *, minimum: int) -> int:
    """Give the number of supervoxels to ask for, capped so that each can have `minimum` voxels."""
    wanted = next((number for limit, number in _NUMBER_BY_VOXELS if voxels <= limit), _NUMBER_BEYOND)
    return max(1, min(wanted, voxels // minimum))


def _cluster(parts: NDArray[np.float32], inside: NDArray[np.bool_], spec: HabitatSpec) -> NDArray[np.int32]:
    """Run masked SLIC and tidy up; labels 1 to n inside, 0 outside."""
    minimum = spec.minimum_supervoxel_voxels
    number = supervoxel_number(int(inside.sum()), minimum=minimum)
    if number == 1:
        return inside.astype(np.int32)
    clusters = slic(
        np.moveaxis(parts, 0, -1),
        n_segments=number,
        compactness=spec.slic_compactness,
        mask=inside,
        start_label=1,
        channel_axis=-1,
        convert2lab=False,
        enforce_connectivity=False,
    )
    return merge_parts(clusters, parts, minimum_voxels=minimum, maximum_parts=number)


def pack_supervoxels(supervoxels: Supervoxels) -> bytes:
    """Write supervoxels as compressed npz; the same value gives the same bytes."""
    about = {
        "grid": supervoxels.grid.as_dict(),
        "spec_digest": supervoxels.spec_digest,
        "neighbourhood": supervoxels.neighbourhood,
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        labels=supervoxels.labels,
        descriptors=supervoxels.descriptors,
        mean_hu=supervoxels.mean_hu,
        voxels=supervoxels.voxels,
        about=np.array(json.dumps(about, sort_keys=True)),
    )
    return buffer.getvalue()


def unpack_supervoxels(data: bytes) -> Supervoxels:
    """Read what `pack_supervoxels` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        return Supervoxels(
            labels=stored["labels"],
            descriptors=stored["descriptors"],
            mean_hu=stored["mean_hu"],
            voxels=stored["voxels"],
            grid=Grid.from_dict(about["grid"]),
            spec_digest=about["spec_digest"],
            neighbourhood=about["neighbourhood"],
        )

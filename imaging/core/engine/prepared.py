"""What an engine computes on: the image around a tumour and the voxels that count."""

from __future__ import annotations

from dataclasses import dataclass

from imaging.core.geometry import TumorMask, Volume


@dataclass(frozen=True, eq=False)
class Prepared:
    """A tumour that is ready for features, with surroundings for filters.

    Parameters
    ----------
    image : Volume
        CT in HU.
    morphology : TumorMask
        Voxels that count for shape.
    intensity : TumorMask
        Voxels that count for intensity and texture: those of `morphology` that re-segmentation keeps.
    """

    image: Volume
    morphology: TumorMask
    intensity: TumorMask

"""Compile every kernel once, so that no scan waits for it: ``python -m imaging.core.warm_up``."""

from __future__ import annotations

import numpy as np

from imaging.core.engine.voxel_maps import first_order_maps, glcm_maps
from imaging.core.features import extract
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.spec import STANDARD
from imaging.core.supervoxels import supervoxels

_EDGE_VOXELS = 24


def warm_up() -> None:
    """Run the engine on a small block of noise; what it compiles stays on disk."""
    grid = Grid((_EDGE_VOXELS,) * 3, (1.0, 1.0, 1.0))
    noise = np.random.default_rng(0).integers(-200, 200, grid.shape_zyx).astype(np.int16)
    inside = np.zeros(grid.shape_zyx, dtype=bool)
    inside[6:-6, 6:-6, 6:-6] = True
    volume, tumour = Volume(noise, grid), TumorMask(inside, grid)
    extract(volume, tumour, STANDARD)
    supervoxels(volume, tumour, STANDARD.habitats)
    first_order_maps(volume, tumour)
    glcm_maps(volume, tumour)


if __name__ == "__main__":
    warm_up()

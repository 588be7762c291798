"""A smoother outline of the same volume."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.core.errors import EmptyMask, MaskRefused
from imaging.core.geometry import TumorMask, bounding_box

#: Widths in mm (standard deviation) that can be asked for.
WIDTHS_MM = (0.5, 5.0)


def smooth(mask: TumorMask, *, width_mm: float = 1.5) -> TumorMask:
    """Blur a mask and keep as many of its highest voxels as it had, so that its volume stays.

    A threshold of one half would shrink round shapes and lose thin ones; ranking does not. Of voxels that are
    equal, those that were inside are kept first, then the first in memory order.

    Parameters
    ----------
    mask : TumorMask
        What was drawn.
    width_mm : float
        Standard deviation of the Gaussian, 0.5 to 5 mm.

    Returns
    -------
    TumorMask
        With exactly as many voxels.

    Raises
    ------
    EmptyMask
        If nothing is drawn.
    MaskRefused
        If the width is out of range.
    """
    if not mask.voxels:
        raise EmptyMask("Nothing is drawn yet, so there is nothing to smooth.")
    if not WIDTHS_MM[0] <= width_mm <= WIDTHS_MM[1]:
        raise MaskRefused(f"The width must lie between {WIDTHS_MM[0]:g} and {WIDTHS_MM[1]:g} mm.")
    sigma = [width_mm / step for step in mask.grid.spacing_zyx_mm]
    box = bounding_box(mask.array, margin=[int(np.ceil(3 * one)) + 1 for one in sigma])
    part = mask.array[box]
    blurred = ndimage.gaussian_filter(part.astype(np.float64), sigma, mode="nearest")
    # Sums in another order differ in the last digit; rounding keeps equal places equal.
    rank = np.lexsort((~part.ravel(), -np.round(blurred.ravel(), 9)))
    kept = np.zeros(part.size, dtype=bool)
    kept[rank[: mask.voxels]] = True
    array = np.zeros_like(mask.array)
    array[box] = kept.reshape(part.shape)
    return TumorMask(array, mask.grid)

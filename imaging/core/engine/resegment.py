"""Leave voxels of a tumour out of intensity and texture by their intensity; the shape keeps them."""

from __future__ import annotations

import numpy as np

from imaging.core.errors import NothingInRange
from imaging.core.geometry import TumorMask, Volume


def resegment(
    image: Volume, mask: TumorMask, *, range_hu: tuple[float, float] | None, sigmas: float | None
) -> TumorMask:
    """Keep the voxels within an intensity range and near the mean.

    Both bounds belong to the range. Mean and (population) standard deviation are those of the whole
    mask, also where a range is given: of two conditions, the voxels that meet both are kept.

    Parameters
    ----------
    image : Volume
        CT in HU.
    mask : TumorMask
        Tumour on the grid of `image`.
    range_hu : tuple of float, optional
        Lowest and highest HU that count.
    sigmas : float, optional
        Largest distance from the mean in standard deviations.

    Returns
    -------
    TumorMask
        `mask` itself where there is no condition.

    Raises
    ------
    NothingInRange
        If no voxel is left.

    References
    ----------
    IBSI reference manual, section "Re-segmentation".
    """
    if range_hu is None and sigmas is None:
        return mask
    values = image.array[mask.array].astype(np.float64)
    low, high = range_hu if range_hu is not None else (-np.inf, np.inf)
    if sigmas is not None:
        mean, distance = values.mean(), sigmas * values.std()
        low, high = max(low, mean - distance), min(high, mean + distance)
    kept = (values >= low) & (values <= high)
    if not kept.any():
        raise NothingInRange(
            f"None of the mask's {values.size} voxels lies between {low:.6g} and {high:.6g} HU, "
            f"where the protocol counts them; they reach from {values.min():.6g} to {values.max():.6g} HU."
        )
    array = np.zeros_like(mask.array)
    array[mask.array] = kept
    return TumorMask(array, mask.grid)

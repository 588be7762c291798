"""A small picture of one slice: CT through a window, habitats in their colours above it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import TumorMask, Volume, bounding_box, nearest_on
from imaging.core.habitats import HabitatLabels

#: The window of soft tissue, and how much of the surroundings is shown.
_LOW_HU, _HIGH_HU = -125.0, 225.0
_MARGIN_MM = 12.0
_OPACITY = 0.6


def habitat_picture(
    volume: Volume, mask: TumorMask, labels: HabitatLabels, *, colours: Sequence[str], pixels: int = 96
) -> bytes:
    """Draw the axial slice in which the tumour is largest, as radiologists look at it.

    Parameters
    ----------
    volume : Volume
        CT in HU.
    mask : TumorMask
        The tumour, on the grid of the CT.
    labels : HabitatLabels
        Its habitats.
    colours : sequence of str
        ``#rrggbb`` of each habitat in order.
    pixels : int
        Width and height; a pixel is as wide as it is high.

    Returns
    -------
    bytes
        A PNG, equal for equal input.

    Raises
    ------
    EmptyMask
        If no voxel is inside the mask.
    """
    z = int(mask.array.sum(axis=(1, 2)).argmax())
    _, rows, columns = bounding_box(mask.array)
    spacing = np.array(mask.grid.spacing_zyx_mm[1:])
    middle = np.array([(part.start + part.stop - 1) / 2 for part in (rows, columns)])
    half_mm = max((part.stop - part.start) * step for part, step in zip((rows, columns), spacing, strict=True)) / 2
    steps = np.linspace(-1, 1, pixels) * (half_mm + _MARGIN_MM)
    shape = mask.array.shape[1:]
    y, x = (_within(middle[axis] + steps / spacing[axis], shape[axis]) for axis in (0, 1))
    # Rows of a grid may run towards the front or the back, columns to the right or the left: up is the front.
    y = y if mask.grid.direction[1][1] >= 0 else y[::-1]
    x = x if mask.grid.direction[0][0] >= 0 else x[::-1]
    box = (slice(z, z + 1), slice(0, volume.array.shape[1]), slice(0, volume.array.shape[2]))
    habitats = nearest_on(labels.array, labels.grid, mask.grid.crop(box))[0][np.ix_(y, x)]
    grey = np.clip((volume.array[z][np.ix_(y, x)] - _LOW_HU) / (_HIGH_HU - _LOW_HU), 0, 1) * 255
    image = np.repeat(grey[..., None], 3, axis=2)
    for number, colour in enumerate(colours, start=1):
        rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        image[habitats == number] = (1 - _OPACITY) * image[habitats == number] + _OPACITY * rgb
    return _png(np.rint(image).astype(np.uint8))


def _within(places: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    return np.clip(np.rint(places), 0, n - 1).astype(np.intp)


def _png(image: NDArray[np.uint8]) -> bytes:
    """Write 24-bit colour without a clock or a name."""
    height, width, _ = image.shape
    lines = b"".join(b"\0" + row.tobytes() for row in image)
    parts = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

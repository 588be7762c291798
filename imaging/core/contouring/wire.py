"""A mask as it travels between browser and server: the box that holds it, one bit a voxel, gzipped.

Six little-endian int32 (start z, y, x and size z, y, x), then the bits of the box in C order, the first voxel
in the highest bit, as ``numpy.packbits`` writes them.
"""

from __future__ import annotations

import gzip
import zlib

import numpy as np

from imaging.core.errors import EmptyMask, MaskRefused
from imaging.core.geometry import Grid, TumorMask, bounding_box

_HEAD = 24
_GZIP = 16 + zlib.MAX_WBITS


def pack_box(mask: TumorMask) -> bytes:
    """Write a mask; an empty one is a box of no size."""
    try:
        box = bounding_box(mask.array)
    except EmptyMask:
        return gzip.compress(np.zeros(6, dtype="<i4").tobytes(), mtime=0)
    starts = [side.start for side in box]
    sizes = [side.stop - side.start for side in box]
    head = np.array([*starts, *sizes], dtype="<i4").tobytes()
    return gzip.compress(head + np.packbits(mask.array[box]).tobytes(), compresslevel=6, mtime=0)


def unpack_box(content: bytes, grid: Grid) -> TumorMask:
    """Read a mask onto a grid.

    Raises
    ------
    MaskRefused
        If the bytes are damaged, or their box does not lie on the grid.
    """
    most = _HEAD + int(np.prod(grid.shape_zyx)) // 8 + 1
    data = _inflated(content, most)
    if len(data) < _HEAD:
        raise MaskRefused("The drawing did not arrive whole. Send it again.")
    numbers = np.frombuffer(data[:_HEAD], dtype="<i4").astype(int)
    starts, sizes = numbers[:3], numbers[3:]
    if (starts < 0).any() or (sizes < 0).any() or (starts + sizes > grid.shape_zyx).any():
        raise MaskRefused("The drawing does not lie on this scan.")
    array = np.zeros(grid.shape_zyx, dtype=bool)
    voxels = int(np.prod(sizes))
    bits = np.frombuffer(data[_HEAD:], dtype=np.uint8)
    if bits.size != -(-voxels // 8):
        raise MaskRefused("The drawing did not arrive whole. Send it again.")
    box = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    array[box] = np.unpackbits(bits, count=voxels).astype(bool).reshape(sizes)
    return TumorMask(array, grid)


def _inflated(content: bytes, most: int) -> bytes:
    """Unzip no more than a mask of this grid can be, whatever the bytes promise."""
    unzip = zlib.decompressobj(_GZIP)
    try:
        data = unzip.decompress(content, most + 1)
    except zlib.error:
        raise MaskRefused("The drawing did not arrive whole. Send it again.") from None
    if len(data) > most:
        raise MaskRefused("The drawing is larger than this scan.")
    return data

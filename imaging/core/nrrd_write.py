"""Write maps as NRRD files for viewers: equal values give equal bytes, and nothing says whose they are."""

from __future__ import annotations

import gzip

import numpy as np
from numpy.typing import NDArray

from imaging.core.geometry import Grid, Triple

#: A fast level: maps hardly compress.
_COMPRESSION_LEVEL = 1


def to_nrrd(array: NDArray[np.float64], grid: Grid) -> bytes:
    """Give a gzipped NRRD file.

    Parameters
    ----------
    array : ndarray of float64, shape (z, y, x)
        Values; NaN stays NaN.
    grid : Grid
        Where they lie, in LPS mm, which NRRD has too.

    Returns
    -------
    bytes
        Equal for equal input: the header has a grid and nothing else, the gzip carries no time and no name.

    Raises
    ------
    ValueError
        If array and grid differ in shape.
    """
    if array.shape != grid.shape_zyx:
        raise ValueError(f"An array of shape {array.shape} does not lie on a grid of {grid.describe()}.")
    data = np.ascontiguousarray(array, dtype="<f8").tobytes()
    return _header(grid).encode("ascii") + gzip.compress(data, compresslevel=_COMPRESSION_LEVEL, mtime=0)


def _header(grid: Grid) -> str:
    """Write the text before the voxels (teem.sourceforge.net/nrrd/format.html); a blank line ends it."""
    columns = grid.affine_lps[:3, :3].T.tolist()
    lines = [
        "NRRD0004",
        "type: double",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(str(n) for n in reversed(grid.shape_zyx))}",
        f"space directions: {' '.join(_vector((x, y, z)) for x, y, z in columns)}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(grid.origin_lps_mm)}",
    ]
    return "\n".join(lines) + "\n\n"


def _vector(values: Triple) -> str:
    return "(" + ",".join(repr(float(value)) for value in values) + ")"

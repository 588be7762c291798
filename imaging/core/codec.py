"""Volumes, masks and label maps as bytes: equal values give equal bytes.

The container is a compressed .npz without pickled objects; numpy reads it with
``allow_pickle=False``. The grid travels beside the array as JSON, whose numbers read back exactly.
"""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from imaging.core.errors import UnreadableFile
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.registration import Registered, lung_grid_of

#: A fast level: CT noise hardly compresses, and artefacts are written far more often than archived.
_COMPRESSION_LEVEL = 1

_NIFTI_CODES = {"uint8": 2, "int16": 4, "float32": 16}
_NIFTI_HEADER_BYTES = 352


def pack_volume(volume: Volume) -> bytes:
    """Store a volume; `unpack_volume` gives equal values of equal type on an equal grid."""
    return _pack(volume.array, volume.grid, kind="volume")


def unpack_volume(content: bytes) -> Volume:
    """Read what `pack_volume` wrote.

    Raises
    ------
    UnreadableFile
        If the bytes are damaged or hold something else.
    """
    array, grid = _unpack(content, kind="volume")
    return Volume(array, grid)


def pack_mask(mask: TumorMask) -> bytes:
    """Store a mask, one bit a voxel before compression."""
    return _pack(np.packbits(mask.array), mask.grid, kind="mask")


def unpack_mask(content: bytes) -> TumorMask:
    """Read what `pack_mask` wrote.

    Raises
    ------
    UnreadableFile
        If the bytes are damaged or hold something else.
    """
    bits, grid = _unpack(content, kind="mask")
    voxels = int(np.prod(grid.shape_zyx))
    return TumorMask(np.unpackbits(bits, count=voxels).astype(bool).reshape(grid.shape_zyx), grid)


def pack_labels(labels: NDArray[np.uint8], grid: Grid) -> bytes:
    """Store a label map of shape (z, y, x)."""
    return _pack(labels.astype(np.uint8, casting="safe"), grid, kind="labels")


def unpack_labels(content: bytes) -> tuple[NDArray[np.uint8], Grid]:
    """Read what `pack_labels` wrote.

    Raises
    ------
    UnreadableFile
        If the bytes are damaged or hold something else.
    """
    return _unpack(content, kind="labels")


def pack_registered(registered: Registered) -> bytes:
    """Store a registration: displacement, where there is lung (one bit a place), quality and provenance."""
    about = {"quality": dict(registered.quality), "provenance": dict(registered.provenance)}
    lung = np.packbits(registered.lung)
    return _pack(registered.displacement, registered.grid, kind="registration", about=about, more={"lung": lung})


def unpack_registered(content: bytes) -> Registered:
    """Read what `pack_registered` wrote.

    Raises
    ------
    UnreadableFile
        If the bytes are damaged or hold something else.
    """
    parts, meta = _unpack_parts(content, kind="registration")
    grid = Grid.from_dict(meta["grid"])
    shape = (2, *lung_grid_of(grid).shape_zyx)
    lung = np.unpackbits(parts["lung"], count=int(np.prod(shape))).astype(bool).reshape(shape)
    return Registered(parts["array"], grid, lung, meta["about"]["quality"], meta["about"]["provenance"])


def to_nifti(array: NDArray[Any], grid: Grid) -> bytes:
    """Give a gzipped NIfTI-1 file for viewers.

    Parameters
    ----------
    array : ndarray of int16, uint8, float32 or bool, shape (z, y, x)
        Values; booleans become 0 and 1.
    grid : Grid
        Where they lie; LPS becomes NIfTI's RAS in both the sform and the qform.

    Returns
    -------
    bytes
        Equal for equal input: the gzip carries no time and no name.

    Raises
    ------
    TypeError
        For any other type of values.
    ValueError
        If array and grid differ in shape.
    """
    values = array.astype(np.uint8) if array.dtype == bool else array
    if values.dtype.name not in _NIFTI_CODES:
        raise TypeError(f"NIfTI is written from int16, uint8, float32 or bool, not from {values.dtype.name}.")
    if values.shape != grid.shape_zyx:
        raise ValueError(f"An array of shape {values.shape} does not lie on a grid of {grid.describe()}.")
    data = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    return gzip.compress(_nifti_header(values.dtype.name, grid) + data, compresslevel=_COMPRESSION_LEVEL, mtime=0)


def _nifti_header(dtype: str, grid: Grid) -> bytes:
    """Write the 348 bytes of nifti1.h and the empty extension flag."""
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine_lps
    rotation = affine[:3, :3] / np.array(grid.spacing_zyx_mm[::-1])
    handedness = 1.0 if np.linalg.det(rotation) > 0 else -1.0
    x, y, z, _ = Rotation.from_matrix(rotation * [1, 1, handedness]).as_quat(canonical=True)
    header = bytearray(_NIFTI_HEADER_BYTES)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *grid.shape_zyx[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _NIFTI_CODES[dtype], 8 * np.dtype(dtype).itemsize)
    struct.pack_into("<8f", header, 76, handedness, *grid.spacing_zyx_mm[::-1], 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, _NIFTI_HEADER_BYTES, 1, 0)  # vox_offset, slope, intercept
    struct.pack_into("<B", header, 123, 2)  # millimetres
    struct.pack_into("<2h", header, 252, 1, 1)  # qform and sform: scanner coordinates
    struct.pack_into("<6f", header, 256, x, y, z, *affine[:3, 3])
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    struct.pack_into("<4s", header, 344, b"n+1\0")
    return bytes(header)


def _pack(
    array: NDArray[Any],
    grid: Grid,
    *,
    kind: str,
    about: Mapping[str, object] | None = None,
    more: Mapping[str, NDArray[Any]] | None = None,
) -> bytes:
    said = {"kind": kind, "grid": grid.as_dict()} | ({"about": about} if about else {})
    meta = json.dumps(said, sort_keys=True)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL) as archive:
        parts = {"array": array, **(more or {}), "meta": np.frombuffer(meta.encode(), dtype=np.uint8)}
        for name, part in parts.items():
            content = BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(part), version=(1, 0), allow_pickle=False)
            # A ZipInfo of its own carries no clock: its date is the first of 1980.
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue(), compresslevel=_COMPRESSION_LEVEL)
    return buffer.getvalue()


def _unpack(content: bytes, *, kind: str) -> tuple[NDArray[Any], Grid]:
    parts, meta = _unpack_parts(content, kind=kind)
    return parts["array"], Grid.from_dict(meta["grid"])


def _unpack_parts(content: bytes, *, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    try:
        with np.load(BytesIO(content), allow_pickle=False) as archive:
            parts = {name: archive[name] for name in archive.files}
        meta = json.loads(parts["meta"].tobytes())
        found = meta["kind"]
        Grid.from_dict(meta["grid"])
    except Exception as error:  # a damaged container raises from zip, zlib, numpy and JSON alike
        raise UnreadableFile(f"The stored {kind} is damaged ({type(error).__name__}).") from None
    if found != kind:
        raise UnreadableFile(f"A stored {kind} was expected, and a stored {found} was found.")
    return parts, meta

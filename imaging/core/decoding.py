"""Stored pixels, decoded without trusting the header: some decoders end the whole process where it is wrong.

GDCM aborts when a compressed image is larger than its header says, and no exception handler can stop that. So it
decodes only what nothing else here can (JPEG), and every compressed frame must state the size of its header first.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from imaging.core.dataset import number
from imaging.core.errors import UnreadableFile

#: Transfer syntax → the one decoder that is asked; others are left to pydicom's choice.
_DECODERS = {
    RLELossless: "pylibjpeg",
    **dict.fromkeys(JPEGLSTransferSyntaxes, "pyjpegls"),
    **dict.fromkeys(JPEG2000TransferSyntaxes, "pylibjpeg"),
}

#: Syntaxes whose frames state their own size.
_STREAMS = {*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes}

_JPEG_2000 = b"\xff\x4f\xff\x51"
#: JPEG and JPEG-LS: start of frame, without the tables that share its range.
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def decoded(dataset: Dataset) -> NDArray[np.generic]:
    """Decode the pixels of an image or segmentation.

    Parameters
    ----------
    dataset : Dataset
        With pixels and the file meta information that names their transfer syntax.

    Returns
    -------
    ndarray
        Stored values, shape (rows, columns) or (frames, rows, columns).

    Raises
    ------
    UnreadableFile
        If a compressed frame has another size than the header says, with both; or if a decoder panics.
    Exception
        Whatever else a decoder raises for damaged pixels; callers guard with `imaging.core.dataset.reading`.
    """
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if syntax in _STREAMS:
        _require_stated_size(dataset)
    try:
        return np.asarray(pixel_array(dataset, decoding_plugin=_DECODERS.get(syntax, "")))
    except BaseException as error:
        # A panic of a decoder written in Rust is no Exception: it would pass every guard and end the worker.
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise UnreadableFile("The compressed pixels cannot be decoded: they are truncated or damaged.") from None


def _require_stated_size(dataset: Dataset) -> None:
    frames = int(number(dataset, "NumberOfFrames") or 1)
    stated = (int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel))
    for stream in generate_frames(dataset.PixelData, number_of_frames=frames):
        rows, columns, samples, bits = _size_of(stream)
        if (rows, columns, samples) != stated or bits > int(dataset.BitsAllocated):
            raise UnreadableFile(
                f"A compressed frame holds {rows} x {columns} x {samples} values of {bits} bits, but the header says "
                f"{' x '.join(map(str, stated))} of {dataset.BitsAllocated} bits: one of them is damaged."
            )


def _size_of(stream: bytes) -> tuple[int, int, int, int]:
    """Give rows, columns, components and bits that a JPEG, JPEG-LS or JPEG 2000 stream states."""
    if (start := stream.find(_JPEG_2000)) >= 0 and not stream.startswith(b"\xff\xd8"):
        right, bottom, left, top = struct.unpack_from(">4I", stream, start + 8)
        (components,) = struct.unpack_from(">H", stream, start + 40)
        return bottom - top, right - left, components, (stream[start + 42] & 0x7F) + 1
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker in _START_OF_FRAME:
            bits, rows, columns, components = struct.unpack_from(">BHHB", stream, at + 4)
            return rows, columns, components, bits
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", stream, at + 2)[0]
    raise UnreadableFile("A compressed frame does not state its size: it is truncated or damaged.")

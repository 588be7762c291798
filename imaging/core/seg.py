"""DICOM segmentations (binary, fractional and label map) as masks on the grid of their CT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.core.dataset import items, number, numbers, reading, text
from imaging.core.dicom import MAXIMUM_VOXELS
from imaging.core.errors import EmptyMask, FrameOfReferenceMismatch, GridMismatch, MaskOutsideImage, UnreadableFile
from imaging.core.geometry import Grid, TumorMask
from imaging.core.regions import NamedMask, select
from imaging.core.rtstruct import tool_of
from imaging.core.slices import functional_group

#: A fractional segmentation is cut here: a voxel is inside when at least half of it is.
FRACTION_INSIDE = 0.5

#: A frame's pixel centres may lie this part of a voxel off those of the image.
_OFF_GRID_TOLERANCE = 0.1
_SPACING_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class _Frame:
    """Pixels of one segment on one plane: True inside; `origin` and `steps` are image indices (z, y, x)."""

    pixels: NDArray[np.bool_]
    origin: NDArray[np.float64]
    steps: NDArray[np.float64]  # (2, 3): along rows' index, along columns' index


def read_seg(
    dataset: Dataset, grid: Grid, *, segment: str | int | None = None, frame_of_reference_uid: str = ""
) -> list[NamedMask]:
    """Read the segments of a DICOM segmentation onto the grid of its image.

    Frames may be sparse, overlap, cover part of the image or run in another order or direction, as long
    as their pixel centres are those of the image: nothing is interpolated.

    Parameters
    ----------
    dataset : Dataset
        The segmentation, with pixels.
    grid : Grid
        Grid of the CT.
    segment : str, int or None
        Label or number of one segment; None for all.
    frame_of_reference_uid : str
        That of the CT; "" skips the comparison.

    Raises
    ------
    RegionNotFound
        With the labels present.
    EmptyMask, GridMismatch, MaskOutsideImage, FrameOfReferenceMismatch
        When segments do not fit the image.
    UnreadableFile
        When the file is damaged.
    """
    with reading("The segmentation"):
        _require_frame_of_reference(dataset, frame_of_reference_uid)
        labels = _labels(dataset)
        described = {int(item.SegmentNumber): item for item in items(dataset, "SegmentSequence")}
        return [
            NamedMask(
                name=labels[chosen],
                number=chosen,
                kind="seg",
                mask=_mask(dataset, chosen, grid, name=labels[chosen]),
                author=text(described[chosen], "SegmentAlgorithmType").lower(),
                tool=_tool(dataset, described[chosen]),
            )
            for chosen in select(labels, segment)
        ]


def segment_names(dataset: Dataset) -> dict[int, str]:
    """Give number and label of every segment, in the file's order."""
    with reading("The segmentation"):
        return _labels(dataset)


def _labels(dataset: Dataset) -> dict[int, str]:
    segments = items(dataset, "SegmentSequence")
    if not segments:
        raise UnreadableFile("The segmentation describes no segment: it is damaged or truncated.")
    labels = {int(s.SegmentNumber): text(s, "SegmentLabel") or f"Segment {int(s.SegmentNumber)}" for s in segments}
    # A label map describes its background as a segment, numbered 0: nobody outlined it.
    return {number: label for number, label in labels.items() if number != 0}


def _tool(dataset: Dataset, segment: Dataset) -> str:
    parts = [tool_of(dataset), text(segment, "SegmentAlgorithmName")]
    if text(dataset, "SegmentationType") == "FRACTIONAL":
        parts.append(f"fractional, cut at {FRACTION_INSIDE:g}")
    return "; ".join(part for part in parts if part)


def _require_frame_of_reference(dataset: Dataset, uid: str) -> None:
    own = text(dataset, "FrameOfReferenceUID")
    if uid and own and own != uid:
        raise FrameOfReferenceMismatch(
            "The segmentation lies in another frame of reference than the image: the same numbers would mean "
            "another place."
        )


def _mask(dataset: Dataset, segment: int, grid: Grid, *, name: str) -> TumorMask:
    array = np.zeros(grid.shape_zyx, dtype=bool)
    for frame in _frames(dataset, segment, grid):
        if not frame.pixels.any():
            continue
        index = _image_indices(frame, grid, name=name)
        array[tuple(index.T)] = True
    if not array.any():
        raise EmptyMask(f"Segment {name!r} has no voxel.")
    return TumorMask(array, grid)


def _frames(dataset: Dataset, segment: int, grid: Grid) -> Iterator[_Frame]:
    """Give the frames that may hold a segment, placed in the image's indices."""
    stored = _stored(dataset)
    kind = text(dataset, "SegmentationType")
    highest = number(dataset, "MaximumFractionalValue") or 1.0
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    per_frame = items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(per_frame) != len(stored):
        raise UnreadableFile(f"The segmentation describes {len(per_frame)} frames but holds {len(stored)}.")
    for pixels, group in zip(stored, per_frame, strict=True):
        if kind == "LABELMAP":
            inside = pixels == segment
        elif _segment_of(group, shared, dataset) != segment:
            continue
        else:
            inside = pixels >= FRACTION_INSIDE * highest if kind == "FRACTIONAL" else pixels > 0
        yield _place(inside, group, shared, grid)


def _stored(dataset: Dataset) -> NDArray[np.generic]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames = int(number(dataset, "NumberOfFrames") or 1)
    if rows * columns * frames > MAXIMUM_VOXELS:
        raise UnreadableFile("The segmentation claims more voxels than a CT can have.")
    return np.asarray(dataset.pixel_array).reshape(-1, rows, columns)


def _segment_of(group: Dataset, shared: Dataset, dataset: Dataset) -> int:
    identification = functional_group(group, shared, "SegmentIdentificationSequence")
    if "ReferencedSegmentNumber" in identification:
        return int(identification.ReferencedSegmentNumber)
    segments = items(dataset, "SegmentSequence")
    if len(segments) == 1:
        return int(segments[0].SegmentNumber)
    raise UnreadableFile("A frame of the segmentation does not say which segment it shows.")


def _place(inside: NDArray[np.bool_], group: Dataset, shared: Dataset, grid: Grid) -> _Frame:
    """Express a frame's first pixel centre and pixel steps as fractional image indices."""
    position = numbers(functional_group(group, shared, "PlanePositionSequence").get("ImagePositionPatient"), count=3)
    cosines = functional_group(group, shared, "PlaneOrientationSequence").get("ImageOrientationPatient")
    measures = functional_group(group, shared, "PixelMeasuresSequence")
    orientation, spacing = numbers(cosines, count=6), numbers(measures.get("PixelSpacing"), count=2)
    if position is None or orientation is None or spacing is None:
        raise GridMismatch("The segmentation does not say where its frames lie.")
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    corners = np.array([position, position + along_column * spacing[0], position + along_row * spacing[1]])
    origin, *ends = grid.index(corners)
    steps = np.array(ends) - origin
    _require_same_slices(steps, measures, grid)
    return _Frame(inside, origin, steps)


def _require_same_slices(steps: NDArray[np.float64], measures: Dataset, grid: Grid) -> None:
    """Refuse frames that are spaced unlike the image's slices: they would leave gaps or fall between."""
    spacing = number(measures, "SpacingBetweenSlices")
    normal_axis = int(np.argmin(np.abs(steps).sum(axis=0)))
    own = grid.spacing_zyx_mm[normal_axis]
    if spacing and abs(abs(spacing) - own) > _SPACING_TOLERANCE * own:
        raise GridMismatch(
            f"Frames of the segmentation are {abs(spacing):.4g} mm apart, slices of the image {own:.4g} mm: "
            "it was drawn on another image."
        )


def _image_indices(frame: _Frame, grid: Grid, *, name: str) -> NDArray[np.intp]:
    """Give the image indices (n, 3) of the pixels inside, or raise when they are no voxels of the image."""
    far = np.array(frame.pixels.shape) - 1
    steps = np.rint(frame.steps)
    drift = np.abs(frame.origin + far @ frame.steps - (np.rint(frame.origin) + far @ steps)).max()
    off = max(float(drift), float(np.abs(frame.origin - np.rint(frame.origin)).max()))
    if off > _OFF_GRID_TOLERANCE or not np.array_equal(np.abs(steps).sum(axis=1), [1, 1]):
        raise GridMismatch(
            f"Frames of segment {name!r} do not lie on the voxels of the image (up to {off:.3g} voxels off): "
            f"image {grid.describe()}. Use the segmentation that was drawn on this image."
        )
    index = (np.rint(frame.origin) + np.argwhere(frame.pixels) @ steps).astype(np.intp)
    outside = ((index < 0) | (index >= np.array(grid.shape_zyx))).any(axis=1)
    if outside.any():
        raise MaskOutsideImage(f"{int(outside.sum())} pixels of a frame of segment {name!r} lie outside the image.")
    return index

"""DICOM segmentations (binary, fractional and label map) as masks on the grid of their CT."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.core.corrections import AS_SCANNED, DrawnOn, Image, references
from imaging.core.dataset import items, number, reading, text
from imaging.core.decoding import decoded
from imaging.core.errors import EmptyMask, FrameOfReferenceMismatch, UnreadableFile
from imaging.core.geometry import Grid, TumorMask
from imaging.core.hounsfield import MAXIMUM_PIXELS, MAXIMUM_VOXELS
from imaging.core.planes import functional_group
from imaging.core.regions import CodedTypes, NamedMask, require_own_numbers, select
from imaging.core.rtstruct import tool_of
from imaging.core.seg_frames import Frame, image_indices, place
from imaging.core.straighten import straighten_mask

#: A fractional segmentation is cut here: a voxel is inside when at least half of it is.
FRACTION_INSIDE = 0.5


def read_seg(
    dataset: Dataset,
    grid: Grid,
    *,
    segment: str | int | None = None,
    frame_of_reference_uid: str = "",
    drawn_on: DrawnOn = AS_SCANNED,
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
        Label, number or coded type (``SCT:4147007``, or its meaning) of segments; None for all.
    frame_of_reference_uid : str
        That of the CT; "" skips the comparison.
    drawn_on : DrawnOn
        Of a CT that was corrected. Frames are placed on the slices as they were scanned and shifted with
        them by whole pixels; frames of images that were left out are refused.

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
                mask=_mask_on(dataset, chosen, grid, name=labels[chosen], drawn_on=drawn_on),
                author=text(described[chosen], "SegmentAlgorithmType").lower(),
                tool=_tool(dataset, described[chosen]),
            )
            for chosen in select(labels, segment, types=_types(dataset))
        ]


def segment_names(dataset: Dataset) -> dict[int, str]:
    """Give number and label of every segment, in the file's order."""
    with reading("The segmentation"):
        return _labels(dataset)


def segment_types(dataset: Dataset) -> CodedTypes:
    """Give number and coded type of every segment: its code as "scheme:value", and its meaning."""
    with reading("The segmentation"):
        return _types(dataset)


def _types(dataset: Dataset) -> CodedTypes:
    found = {}
    for segment in items(dataset, "SegmentSequence"):
        names: list[str] = []
        for code in items(segment, "SegmentedPropertyTypeCodeSequence"):
            names += [f"{text(code, 'CodingSchemeDesignator')}:{text(code, 'CodeValue')}", text(code, "CodeMeaning")]
        found[int(segment.SegmentNumber)] = tuple(name for name in names if name.strip(":"))
    return found


def _labels(dataset: Dataset) -> dict[int, str]:
    segments = items(dataset, "SegmentSequence")
    if not segments:
        raise UnreadableFile("The segmentation describes no segment: it is damaged or truncated.")
    require_own_numbers((int(s.SegmentNumber), text(s, "SegmentLabel")) for s in segments)
    labels = {int(s.SegmentNumber): text(s, "SegmentLabel") or f"Segment {int(s.SegmentNumber)}" for s in segments}
    # A label map describes its background as a segment, numbered 0: nobody outlined it.
    return {number: label for number, label in labels.items() if number != 0}


def _tool(dataset: Dataset, segment: Dataset) -> str:
    parts = [tool_of(dataset), text(segment, "SegmentAlgorithmName")]
    if text(dataset, "SegmentationType") == "FRACTIONAL":
        # First, since what is stored of a tool is cut short at the end.
        parts.insert(0, f"fractional, cut at {FRACTION_INSIDE:g}")
    return "; ".join(part for part in parts if part)


def _require_frame_of_reference(dataset: Dataset, uid: str) -> None:
    own = text(dataset, "FrameOfReferenceUID")
    if uid and own and own != uid:
        raise FrameOfReferenceMismatch(
            "The segmentation lies in another frame of reference than the image: the same numbers would mean "
            "another place."
        )


def _mask_on(dataset: Dataset, segment: int, grid: Grid, *, name: str, drawn_on: DrawnOn) -> TumorMask:
    """Give a segment on the grid of its CT, through the slices as they were scanned where those were shifted."""
    if drawn_on.left_out:
        drawn_on.require_kept(_frame_references(dataset, segment), what=f"frames of segment {name!r}")
    if drawn_on.leaning is None:
        return _mask(dataset, segment, grid, name=name)
    return straighten_mask(_mask(dataset, segment, drawn_on.leaning, name=name))


def _frame_references(dataset: Dataset, segment: int) -> Iterator[list[Image]]:
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    whole = text(dataset, "SegmentationType") == "LABELMAP"
    for group in items(dataset, "PerFrameFunctionalGroupsSequence"):
        if whole or _segment_of(group, shared, dataset) == segment:
            derivations = items(group, "DerivationImageSequence")
            sources = [source for part in derivations for source in items(part, "SourceImageSequence")]
            yield [image for source in sources for image in references(source)]


def _mask(dataset: Dataset, segment: int, grid: Grid, *, name: str) -> TumorMask:
    array = np.zeros(grid.shape_zyx, dtype=bool)
    for frame in _frames(dataset, segment, grid):
        if not frame.pixels.any():
            continue
        index = image_indices(frame, grid, name=name)
        array[tuple(index.T)] = True
    if not array.any():
        raise EmptyMask(f"Segment {name!r} has no voxel.")
    return TumorMask(array, grid)


def _frames(dataset: Dataset, segment: int, grid: Grid) -> Iterator[Frame]:
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
        yield place(inside, group, shared, grid)


def _stored(dataset: Dataset) -> NDArray[np.generic]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames = int(number(dataset, "NumberOfFrames") or 1)
    if rows * columns > MAXIMUM_PIXELS or rows * columns * frames > MAXIMUM_VOXELS:
        raise UnreadableFile("The segmentation claims more voxels than a CT can have.")
    return decoded(dataset).reshape(-1, rows, columns)


def _segment_of(group: Dataset, shared: Dataset, dataset: Dataset) -> int:
    identification = functional_group(group, shared, "SegmentIdentificationSequence")
    if "ReferencedSegmentNumber" in identification:
        return int(identification.ReferencedSegmentNumber)
    segments = items(dataset, "SegmentSequence")
    if len(segments) == 1:
        return int(segments[0].SegmentNumber)
    raise UnreadableFile("A frame of the segmentation does not say which segment it shows.")

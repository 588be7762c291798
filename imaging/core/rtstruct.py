"""Contours of an RT structure set as masks on the grid of the CT they were drawn on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from imaging.core.contours import JoinedOutlines, fill, join
from imaging.core.corrections import AS_SCANNED, DrawnOn, references
from imaging.core.dataset import items, reading, text
from imaging.core.errors import (
    AmbiguousRegion,
    EmptyMask,
    FrameOfReferenceMismatch,
    GridMismatch,
    MaskOutsideImage,
    NoClosedContour,
    UnreadableFile,
)
from imaging.core.geometry import Grid, TumorMask
from imaging.core.mask_checks import require_filled_through
from imaging.core.regions import NamedMask, select

#: Contour points may lie this part of a slice spacing off the slice they belong to.
_PLANE_TOLERANCE = 0.2
#: Contours of one slice may lie this part of a slice spacing apart.
_ONE_PLANE = 0.05
#: Contour points may lie this many pixels beyond the outermost pixel centres.
_EDGE_TOLERANCE = 1.0

_EXCLUSIVE = ("CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR")
_CLOSED = ("CLOSED_PLANAR", *_EXCLUSIVE)
#: Corners this near to a pixel centre lie on it; so many of them do so by intent.
_ON_CENTRE = 1e-3
_CENTRED_POINTS = 12


@dataclass(frozen=True, eq=False)
class _Contour:
    points: NDArray[np.float64]
    exclusive: bool


@dataclass(frozen=True)
class _Region:
    number: int
    name: str
    author: str
    frame_of_reference_uid: str
    sharing: int = 1


def read_rtstruct(
    dataset: Dataset,
    volume_grid: Grid,
    *,
    roi: str | int | None = None,
    frame_of_reference_uid: str = "",
    drawn_on: DrawnOn = AS_SCANNED,
) -> list[NamedMask]:
    """Rasterise the regions of an RT structure set.

    Pixel centres decide. Of several contours on one slice equal ones count once, crossing ones are united, and one within
    another is a hole (`imaging.core.contours.join`); those stored as CLOSEDPLANAR_XOR combine by exclusive or. Point and
    open contours enclose nothing and are ignored.

    Parameters
    ----------
    dataset : Dataset
        The structure set.
    volume_grid : Grid
        Grid of the CT on which it was drawn.
    roi : str, int or None
        Name or number of one region; None for all.
    frame_of_reference_uid : str
        That of the CT; "" skips the comparison.
    drawn_on : DrawnOn
        Of a CT that was corrected. Straightened slices lie in the planes in which they were scanned, so
        contours drawn on them stay where they are; contours of images that were left out are refused.

    Raises
    ------
    RegionNotFound
        With the names present.
    AmbiguousRegion
        When two regions share a number.
    EmptyMask, GridMismatch, MaskOutsideImage, FrameOfReferenceMismatch
        When contours do not fit the image, or leave slices out at regular distances.
    UnreadableFile
        When the file is damaged.
    """
    with reading("The RT structure set"):
        known = _regions(dataset)
        numbers = select({number: region.name for number, region in known.items()}, roi)
        for number in numbers:
            _require_one(known[number])
            _require_kept(dataset, known[number], drawn_on)
        masks = {
            number: _rasterise(dataset, known[number], volume_grid, frame_of_reference_uid) for number in numbers
        }
        return [
            NamedMask(
                name=known[number].name,
                number=number,
                kind="rtstruct",
                mask=mask,
                author=known[number].author,
                tool=tool_of(dataset),
                notes=notes,
            )
            for number, (mask, notes) in masks.items()
        ]


def region_names(dataset: Dataset) -> dict[int, str]:
    """Give number and name of every region, in the file's order."""
    with reading("The RT structure set"):
        return {number: region.name for number, region in _regions(dataset).items()}


def referenced_series(dataset: Dataset) -> set[str]:
    """Give the UIDs of the series on which an RT structure set or segmentation was drawn."""
    with reading("The references of the segmentation"):
        studies = [
            study
            for frame in items(dataset, "ReferencedFrameOfReferenceSequence")
            for study in items(frame, "RTReferencedStudySequence")
        ]
        series = [part for study in studies for part in items(study, "RTReferencedSeriesSequence")]
        series += items(dataset, "ReferencedSeriesSequence")
        return {uid for part in series if (uid := text(part, "SeriesInstanceUID"))}


def referenced_studies(dataset: Dataset) -> set[str]:
    """Return the UIDs of the studies that an RT structure set names."""
    with reading("The references of the segmentation"):
        frames = items(dataset, "ReferencedFrameOfReferenceSequence")
        studies = [study for frame in frames for study in items(frame, "RTReferencedStudySequence")]
        return {uid for study in studies if (uid := text(study, "ReferencedSOPInstanceUID"))}


def frames_of_reference(dataset: Dataset) -> set[str]:
    """Give the frame of reference UIDs that an RT structure set or segmentation names."""
    with reading("The references of the segmentation"):
        named = items(dataset, "ReferencedFrameOfReferenceSequence")
        uids = {text(part, "FrameOfReferenceUID") for part in [dataset, *named]}
        uids |= {text(part, "ReferencedFrameOfReferenceUID") for part in items(dataset, "StructureSetROISequence")}
        return uids - {""}


def tool_of(dataset: Dataset) -> str:
    """Name the software that wrote a segmentation."""
    parts = [text(dataset, keyword) for keyword in ("Manufacturer", "ManufacturerModelName", "SoftwareVersions")]
    return " ".join(part for part in parts if part)


def _regions(dataset: Dataset) -> dict[int, _Region]:
    if "StructureSetROISequence" not in dataset or "ROIContourSequence" not in dataset:
        raise UnreadableFile(
            "The RT structure set has no list of regions or no contours: it is damaged or truncated."
        )
    by_number: dict[int, list[Dataset]] = {}
    for item in items(dataset, "StructureSetROISequence"):
        by_number.setdefault(int(item.ROINumber), []).append(item)
    return {
        number: _Region(
            number=number,
            name=" / ".join(text(item, "ROIName") or f"ROI {number}" for item in found),
            author=text(found[0], "ROIGenerationAlgorithm").lower(),
            frame_of_reference_uid=text(found[0], "ReferencedFrameOfReferenceUID"),
            sharing=len(found),
        )
        for number, found in by_number.items()
    }


def _require_one(region: _Region) -> None:
    if region.sharing > 1:
        raise AmbiguousRegion(
            f"The number {region.number} is used for {region.sharing} regions ({region.name!r}): nobody can say whose the "
            "contours are."
        )


def _rasterise(
    dataset: Dataset, region: _Region, grid: Grid, frame_of_reference_uid: str
) -> tuple[TumorMask, tuple[str, ...]]:
    if frame_of_reference_uid and region.frame_of_reference_uid not in ("", frame_of_reference_uid):
        raise FrameOfReferenceMismatch(
            f"Region {region.name!r} was drawn in another frame of reference than the image: the same numbers "
            "would mean another place."
        )
    contours = _contours(dataset, region)
    if not contours:
        raise NoClosedContour(f"Region {region.name!r} has no closed contour.")
    by_slice: dict[int, list[_Contour]] = {}
    for contour in contours:
        index = grid.index(contour.points)
        by_slice.setdefault(_slice_of(index, region, grid), []).append(replace(contour, points=index))
    array = np.zeros(grid.shape_zyx, dtype=bool)
    joined: dict[int, JoinedOutlines] = {}
    for z, outlines in by_slice.items():
        _require_one_plane([outline.points for outline in outlines], region, grid)
        polygons = [outline.points[:, 1:] for outline in outlines]
        _require_inside_frame(polygons, region, grid)
        exclusive = any(outline.exclusive for outline in outlines)
        shape = grid.shape_zyx[1:]
        joined[z] = JoinedOutlines(fill(polygons, shape=shape)) if exclusive else join(polygons, shape=shape)
        array[z] = joined[z].filled
    if not array.any():
        raise EmptyMask(f"Region {region.name!r} encloses no pixel centre of the image.")
    notes = require_filled_through(array, name=region.name)
    every = [outline.points for outlines in by_slice.values() for outline in outlines]
    return TumorMask(array, grid), (*notes, *_outline_notes(joined, every, region))


def _outline_notes(
    joined: dict[int, JoinedOutlines], outlines: list[NDArray[np.float64]], region: _Region
) -> Iterator[str]:
    """Yield what is to be said of outlines that were counted once, united, or run through pixel centres."""
    repeated = {z: found.repeated for z, found in joined.items() if found.repeated}
    crossing = sorted(z + 1 for z, found in joined.items() if found.crossing)
    if repeated:
        yield f"{sum(repeated.values())} outlines of region {region.name!r} are stored twice and count once."
    if crossing:
        yield f"Outlines of region {region.name!r} cross in slices {', '.join(map(str, crossing))} and were united."
    points = np.concatenate(outlines)[:, 1:]
    if len(points) >= _CENTRED_POINTS and np.abs(points - np.rint(points)).max() < _ON_CENTRE:
        yield (
            f"All outlines of region {region.name!r} run through pixel centres, as some programs write painted masks: by the "
            "pixel-centre rule they enclose less than was painted, at most a row of pixels at two sides of each outline."
        )


def _require_kept(dataset: Dataset, region: _Region, drawn_on: DrawnOn) -> None:
    contours = [
        [part for image in items(contour, "ContourImageSequence") for part in references(image)]
        for item in items(dataset, "ROIContourSequence")
        if int(item.ReferencedROINumber) == region.number
        for contour in items(item, "ContourSequence")
    ]
    drawn_on.require_kept(contours, what=f"contours of region {region.name!r}")


def _contours(dataset: Dataset, region: _Region) -> list[_Contour]:
    """Return the closed contours of a region as LPS points (n, 3) in mm."""
    found = []
    for item in items(dataset, "ROIContourSequence"):
        if int(item.ReferencedROINumber) != region.number:
            continue
        for contour in items(item, "ContourSequence"):
            if (kind := text(contour, "ContourGeometricType")) not in _CLOSED:
                continue
            numbers = _coordinates(contour)
            if numbers.size % 3 or not np.isfinite(numbers).all():
                raise UnreadableFile(f"A contour of region {region.name!r} is damaged: {numbers.size} coordinates.")
            if numbers.size >= 9:
                found.append(_Contour(numbers.reshape(-1, 3), exclusive=kind in _EXCLUSIVE))
    return found


def _coordinates(contour: Dataset) -> NDArray[np.float64]:
    """Read the numbers of a contour; pydicom makes an object of each, which takes ten times as long."""
    if "ContourData" not in contour:
        return np.empty(0)
    raw = contour.get_item("ContourData")
    if isinstance(raw, RawDataElement) and isinstance(raw.value, bytes):
        stripped = raw.value.rstrip(b" \0")
        return np.array(stripped.split(b"\\") if stripped else [], dtype=np.float64)
    return np.asarray(contour.ContourData or [], dtype=np.float64)


def _slice_of(index_zyx: NDArray[np.float64], region: _Region, grid: Grid) -> int:
    z = index_zyx[:, 0]
    nearest, last = int(np.rint(z.mean())), grid.shape_zyx[0] - 1
    if not 0 <= nearest <= last:
        beyond = max(-z.mean(), z.mean() - last)
        raise MaskOutsideImage(
            f"A contour of region {region.name!r} lies {beyond:.1f} slices beyond the image, which has {last + 1} slices."
        )
    if (off := float(np.abs(z - nearest).max())) > _PLANE_TOLERANCE:
        raise GridMismatch(
            f"A contour of region {region.name!r} lies {off * grid.spacing_zyx_mm[0]:.3g} mm off the nearest slice of the "
            f"image, whose slices are {grid.spacing_zyx_mm[0]:.4g} mm apart: it was drawn on other slices."
        )
    return nearest


def _require_one_plane(outlines: list[NDArray[np.float64]], region: _Region, grid: Grid) -> None:
    """Refuse contours of two planes that are nearest to one slice: together they would cancel each other out."""
    planes = [float(outline[:, 0].mean()) for outline in outlines]
    if (apart := max(planes) - min(planes)) > _ONE_PLANE:
        raise GridMismatch(
            f"Contours of region {region.name!r} lie in planes {apart * grid.spacing_zyx_mm[0]:.3g} mm apart that are "
            f"nearest to one slice of the image, whose slices are {grid.spacing_zyx_mm[0]:.4g} mm apart: they were drawn "
            "on other slices."
        )


def _require_inside_frame(polygons: list[NDArray[np.float64]], region: _Region, grid: Grid) -> None:
    points = np.concatenate(polygons)
    last = np.array(grid.shape_zyx[1:]) - 1
    beyond = float(max((-points).max(), (points - last).max()))
    if beyond > _EDGE_TOLERANCE:
        raise MaskOutsideImage(
            f"Contours of region {region.name!r} reach {beyond:.1f} pixels beyond the image's edge."
        )

"""Contours of an RT structure set as masks on the grid of the CT they were drawn on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from imaging.core.contours import Joined, Polygon, fill, join
from imaging.core.corrections import AS_SCANNED, DrawnOn, references
from imaging.core.dataset import items, reading, text
from imaging.core.errors import (
    EmptyMask,
    FrameOfReferenceMismatch,
    GridMismatch,
    MaskOutsideImage,
    NoClosedContour,
    UnreadableFile,
)
from imaging.core.geometry import Grid, TumorMask
from imaging.core.mask_checks import listed_slices
from imaging.core.regions import NamedMask, require_own_numbers, select

#: Contour points may lie this part of a slice spacing off the slice they belong to.
_PLANE_TOLERANCE = 0.2
#: Contours of one slice may lie this part of a slice spacing apart.
_ONE_PLANE = 0.05
#: Contour points may lie this many pixels beyond the outermost pixel centres.
_EDGE_TOLERANCE = 1.0

#: Contours of which one inside another is a hole by declaration, however they lie.
_EXCLUSIVE = ("CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR")
_CLOSED = ("CLOSED_PLANAR", *_EXCLUSIVE)

#: A point this near, in pixels, to a pixel centre lies on it; outlines with this part of such points were
#: traced through the centres of the outermost pixels that were painted.
_ON_CENTRE = 0.01
_TRACED = 0.95


@dataclass(frozen=True)
class _Region:
    number: int
    name: str
    author: str
    frame_of_reference_uid: str


@dataclass(frozen=True, eq=False)
class _Contour:
    """Points of a closed contour, and whether its kind makes holes by declaration."""

    points: NDArray[np.float64]
    exclusive: bool


def read_rtstruct(
    dataset: Dataset,
    volume_grid: Grid,
    *,
    roi: str | int | None = None,
    frame_of_reference_uid: str = "",
    drawn_on: DrawnOn = AS_SCANNED,
) -> list[NamedMask]:
    """Rasterise the regions of an RT structure set.

    Pixel centres decide; a contour inside another is a hole, and keyholes come out right. Contours that
    nearly equal another of their slice count once, and those that cross are united, unless they are of the
    type CLOSEDPLANAR_XOR; point and open contours enclose nothing and are ignored.

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
    EmptyMask, GridMismatch, MaskOutsideImage, FrameOfReferenceMismatch
        When contours do not fit the image.
    UnreadableFile
        When the file is damaged.
    """
    with reading("The RT structure set"):
        known = _regions(dataset)
        numbers = select({number: region.name for number, region in known.items()}, roi)
        for number in numbers:
            _require_kept(dataset, known[number], drawn_on)
        return [_named_mask(dataset, known[number], volume_grid, frame_of_reference_uid) for number in numbers]


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


def dated(dataset: Dataset) -> str:
    """Return day and time of an RT structure set or segmentation as digits that sort, "" when it states no day."""
    for kind in ("StructureSet", "Content", "Series"):
        if day := text(dataset, f"{kind}Date"):
            return day + text(dataset, f"{kind}Time").split(".")[0]
    return ""


def tool_of(dataset: Dataset) -> str:
    """Name the software that wrote a segmentation."""
    parts = [text(dataset, keyword) for keyword in ("Manufacturer", "ManufacturerModelName", "SoftwareVersions")]
    return " ".join(part for part in parts if part)


def _regions(dataset: Dataset) -> dict[int, _Region]:
    if "StructureSetROISequence" not in dataset or "ROIContourSequence" not in dataset:
        raise UnreadableFile(
            "The RT structure set has no list of regions or no contours: it is damaged or truncated."
        )
    listed = items(dataset, "StructureSetROISequence")
    require_own_numbers((int(item.ROINumber), text(item, "ROIName")) for item in listed)
    return {
        int(item.ROINumber): _Region(
            number=int(item.ROINumber),
            name=text(item, "ROIName") or f"ROI {int(item.ROINumber)}",
            author=text(item, "ROIGenerationAlgorithm").lower(),
            frame_of_reference_uid=text(item, "ReferencedFrameOfReferenceUID"),
        )
        for item in listed
    }


def _named_mask(dataset: Dataset, region: _Region, grid: Grid, frame_of_reference_uid: str) -> NamedMask:
    mask, notes = _rasterise(dataset, region, grid, frame_of_reference_uid)
    return NamedMask(
        name=region.name,
        number=region.number,
        kind="rtstruct",
        mask=mask,
        author=region.author,
        tool=tool_of(dataset),
        notes=notes,
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
        placed = _Contour(index, contour.exclusive)
        by_slice.setdefault(_slice_of(index, region, grid), []).append(placed)
    array = np.zeros(grid.shape_zyx, dtype=bool)
    joined: dict[int, Joined] = {}
    for z, outlines in sorted(by_slice.items()):
        _require_one_plane([outline.points for outline in outlines], region, grid)
        polygons = [outline.points[:, 1:] for outline in outlines]
        _require_inside_frame(polygons, region, grid)
        exclusive = any(outline.exclusive for outline in outlines)
        shape = grid.shape_zyx[1:]
        joined[z] = Joined(fill(polygons, shape=shape)) if exclusive else join(polygons, shape=shape)
        array[z] = joined[z].filled
    if not array.any():
        raise EmptyMask(f"Region {region.name!r} encloses no pixel centre of the image.")
    every = [outline.points[:, 1:] for outlines in by_slice.values() for outline in outlines]
    return TumorMask(array, grid), (*_outline_notes(joined, region), *_traced_notes(every, region))


def _outline_notes(joined: dict[int, Joined], region: _Region) -> list[str]:
    """Return a note on which slices held an outline twice, and on which outlines cross."""
    notes = []
    if repeated := [z + 1 for z, found in joined.items() if found.repeated]:
        count = sum(found.repeated for found in joined.values())
        notes.append(
            f"{count} outlines of region {region.name!r} are stored more than once ({listed_slices(repeated)}): each was "
            "counted once."
        )
    if crossing := [z + 1 for z, found in joined.items() if found.crossing]:
        notes.append(f"Outlines of region {region.name!r} cross on {listed_slices(crossing)}: they were united.")
    return notes


def _traced_notes(polygons: list[Polygon], region: _Region) -> list[str]:
    """Return a note that outlines run through the centres of painted pixels, of which they enclose only a part."""
    points = np.concatenate(polygons)
    on_centre = (np.abs(points - np.rint(points)).max(axis=1) <= _ON_CENTRE).mean()
    if on_centre < _TRACED:
        return []
    return [
        f"Outlines of region {region.name!r} run through the centres of pixels, as some programs write what was painted: "
        "by the rule of pixel centres they enclose less than was painted, about half of its outermost pixels are outside."
    ]


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
            kind = text(contour, "ContourGeometricType")
            if kind not in _CLOSED:
                continue
            numbers = _coordinates(contour)
            if numbers.size % 3 or not np.isfinite(numbers).all():
                raise UnreadableFile(f"A contour of region {region.name!r} is damaged: {numbers.size} coordinates.")
            if numbers.size >= 9:
                found.append(_Contour(numbers.reshape(-1, 3), kind in _EXCLUSIVE))
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

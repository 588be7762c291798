"""Planes of a CT series: where each lies, how its values become HU, and which of several was taken first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.core.dataset import items, number, numbers, text
from imaging.core.errors import MissingGeometry
from imaging.core.geometry import Triple

#: What tells images of one place apart in time, in the order in which it is asked; `Slice.moment` holds the values.
MOMENTS = ("temporal position", "acquisition number", "acquisition time", "instance number")

Moment = tuple[float | None, float | None, float | None, float | None]

#: More numbers than this make no sentence better.
_LISTED = 5


@dataclass(frozen=True)
class Slice:
    """One image plane of a series.

    Parameters
    ----------
    position_lps_mm : tuple of float
        Centre of its first pixel.
    orientation : tuple of float
        Cosines along a row, then down a column.
    pixel_spacing_mm : tuple of float
        Between rows, between columns, as DICOM orders them.
    shape : tuple of int
        Rows and columns.
    slope, intercept : float or None
        Of its own rescale; None when the file does not state it.
    number : int or None
        Instance number, or number of the frame: how a sentence names the image.
    uid : str
        Instance UID of the file that holds it; kept in memory only.
    frame : int
        Its frame in that file, from 1; 0 in a file of one image.
    moment : tuple of float or None
        When it was taken, by each of `MOMENTS`.
    """

    position_lps_mm: Triple
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, float]
    shape: tuple[int, int]
    slope: float | None
    intercept: float | None
    number: int | None = None
    uid: str = ""
    frame: int = 0
    moment: Moment = (None, None, None, None)


def slices_of(dataset: Dataset) -> list[Slice]:
    """Read the planes of a single-frame or enhanced multi-frame image.

    Raises
    ------
    MissingGeometry
        If a plane has no position, orientation or pixel spacing.
    """
    frames = items(dataset, "PerFrameFunctionalGroupsSequence")
    if not frames:
        return [_plane(dataset, (dataset,) * 4, moment=_moment(dataset), ordinal=number_of(dataset), frame=0)]
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    return [_frame_plane(dataset, frame, shared, place=place) for place, frame in enumerate(frames, start=1)]


def functional_group(frame: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """Give the first item of a functional group: the frame's own, else the shared one, else empty."""
    return (items(frame, keyword) or items(shared, keyword) or [Dataset()])[0]


def number_of(dataset: Dataset) -> int | None:
    """Give the instance number of an image, None when it has none."""
    value = number(dataset, "InstanceNumber")
    return int(value) if value is not None and abs(value) < 2**31 else None


def images(numbers_or_none: Sequence[int | None]) -> str:
    """Name images by their numbers for a sentence: "images 3, 4 and 7"; their count when they have none."""
    known = sorted(n for n in numbers_or_none if n is not None)
    if len(known) < len(numbers_or_none):
        return "an image" if len(numbers_or_none) == 1 else f"{len(numbers_or_none)} images"
    if len(known) == 1:
        return f"image {known[0]}"
    shown = [str(n) for n in known[:_LISTED]]
    rest = f"{len(known) - _LISTED} more" if len(known) > _LISTED else shown.pop()
    return f"images {', '.join(shown)} and {rest}"


def _frame_plane(dataset: Dataset, frame: Dataset, shared: Dataset, *, place: int) -> Slice:
    keywords = (
        "PlanePositionSequence",
        "PlaneOrientationSequence",
        "PixelMeasuresSequence",
        "PixelValueTransformationSequence",
    )
    position, orientation, measures, values = (functional_group(frame, shared, keyword) for keyword in keywords)
    content = functional_group(frame, shared, "FrameContentSequence")
    moment = (
        number(content, "TemporalPositionIndex"),
        number(content, "FrameAcquisitionNumber"),
        _time(text(content, "FrameAcquisitionDateTime")),
        float(place),
    )
    return _plane(dataset, (position, orientation, measures, values), moment=moment, ordinal=place, frame=place)


def _plane(
    dataset: Dataset,
    parts: tuple[Dataset, Dataset, Dataset, Dataset],
    *,
    moment: Moment,
    ordinal: int | None,
    frame: int,
) -> Slice:
    position, orientation, measures, values = parts
    where = numbers(position.get("ImagePositionPatient"), count=3)
    cosines = numbers(orientation.get("ImageOrientationPatient"), count=6)
    spacing = numbers(measures.get("PixelSpacing"), count=2)
    if where is None or cosines is None or spacing is None or min(spacing) <= 0:
        absent = [
            name
            for name, known in (
                ("position", where is not None),
                ("orientation", cosines is not None),
                ("pixel spacing", spacing is not None and min(spacing) > 0),
            )
            if not known
        ]
        raise MissingGeometry(f"An image of the series has no usable {' and no '.join(absent)}.")
    return Slice(
        position_lps_mm=(where[0], where[1], where[2]),
        orientation=cosines,
        pixel_spacing_mm=(spacing[0], spacing[1]),
        shape=(int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)),
        slope=number(values, "RescaleSlope"),
        intercept=number(values, "RescaleIntercept"),
        number=ordinal,
        uid=text(dataset, "SOPInstanceUID"),
        frame=frame,
        moment=moment,
    )


def _moment(dataset: Dataset) -> Moment:
    stated = text(dataset, "AcquisitionDateTime")
    day, clock = text(dataset, "AcquisitionDate"), text(dataset, "AcquisitionTime")
    return (
        number(dataset, "TemporalPositionIdentifier"),
        number(dataset, "AcquisitionNumber"),
        _time(stated) if stated else _time(day + clock if clock else ""),
        number(dataset, "InstanceNumber"),
    )


def _time(value: str) -> float | None:
    """Give a date and time, or a time of day, as a number that grows with it; the offset from UTC is left aside."""
    stated = re.fullmatch(r"(\d{2,14})(\.\d{1,6})?(?:[+-]\d{4})?", value.replace(":", ""))
    if not stated:
        return None
    # Times may be cut after the hour or the minute, dates with times after any part.
    whole = stated[1] if len(stated[1]) in (6, 14) else stated[1].ljust(14 if len(stated[1]) > 6 else 6, "0")
    return float(whole + (stated[2] or ""))

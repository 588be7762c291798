"""What may be corrected on import, only because a person asked for it, and what is said about it.

Two faults of a series can be mended without inventing anything: slices of a tilted gantry are shifted
within their own planes until they stand upright, and of several images at one place the first or the
last is chosen. Localisers can be left out. Missing and uneven slices cannot be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset

from imaging.core.dataset import text
from imaging.core.errors import DuplicateSlice, GridMismatch
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.hounsfield import Pixels
from imaging.core.orientation import to_lps
from imaging.core.planes import MOMENTS, Slice
from imaging.core.slices import places_of

#: A time with its date, as a number, is larger than this; a time of day is smaller.
_DATED = 1e8

Repeated = Literal["", "first", "last"]
#: One image: the UID of its file, and its frame, 0 in a file of one image.
Image = tuple[str, int]


@dataclass(frozen=True)
class Corrections:
    """What a person allows to be corrected; the default allows nothing.

    Parameters
    ----------
    tilt : bool
        Straighten a series of a tilted gantry.
    repeated : {"", "first", "last"}
        Of several images at one place keep the first or the last; "" refuses them.
    localizers : bool
        Leave localisers out of a series.
    match_by_geometry : bool
        Lay outlines whose series and frame of reference are absent everywhere on the one series whose slices
        and extent they fit.
    """

    tilt: bool = False
    repeated: Repeated = ""
    localizers: bool = False
    match_by_geometry: bool = False


NO_CORRECTIONS = Corrections()


@dataclass(frozen=True)
class DrawnOn:
    """What masks must know of a corrected series, since they were drawn before it was corrected.

    Parameters
    ----------
    leaning : Grid or None
        How the slices of a tilted gantry lay.
    left_out : frozenset of (str, int)
        Images that were left out: regions drawn on them show another moment.
    scanned : Grid or None
        The grid of the slices as they were scanned (straightened, where they leaned), if the volume runs in
        another order: contours and frames lie in its slices.
    """

    leaning: Grid | None = None
    left_out: frozenset[Image] = frozenset()
    scanned: Grid | None = None

    def slices_of(self, volume: Volume) -> Grid:
        """Return the grid in whose slices contours and frames of a volume lie."""
        return self.scanned or volume.grid

    def onto_volume(self, mask: TumorMask) -> TumorMask:
        """Return a mask that was read on the grid of `slices_of`, in the order of the volume."""
        return mask if self.scanned is None else to_lps(mask)

    def require_kept(self, references: Iterable[Sequence[Image]], *, what: str) -> None:
        """Refuse parts of a mask that refer only to images that were left out.

        Parameters
        ----------
        references : iterable of sequence of (str, int)
            The images to which each part (a contour, a frame) refers.
        what : str
            How an error names the parts, in the plural.

        Raises
        ------
        GridMismatch
            With the number of such parts.
        """
        every = [set(part) for part in references]
        if lost := sum(bool(part) and part <= self.left_out for part in every):
            raise GridMismatch(
                f"{lost} of {len(every)} {what} were drawn on images that were left out of the series: they show "
                "another moment than the images that were kept."
            )


AS_SCANNED = DrawnOn()


@dataclass(frozen=True, eq=False)
class Corrected:
    """A volume, what was corrected in it, what its masks must know, and what a person should know (`notes`)."""

    volume: Volume
    sentences: tuple[str, ...] = ()
    drawn_on: DrawnOn = AS_SCANNED
    notes: tuple[str, ...] = ()


def turned_to_lps(image: Corrected) -> Corrected:
    """Return an image whose volume runs in LPS order, with what its masks must know of the order before."""
    turned = to_lps(image.volume)
    if turned is image.volume:
        return image
    return replace(image, volume=turned, drawn_on=replace(image.drawn_on, scanned=image.volume.grid))


def references(part: Dataset) -> list[Image]:
    """Give the images to which a reference of a contour or frame points."""
    uid = text(part, "ReferencedSOPInstanceUID")
    frames = part.get("ReferencedFrameNumber")
    numbers = frames if isinstance(frames, Sequence) and not isinstance(frames, (str, bytes)) else [frames or 0]
    return [(uid, int(number)) for number in numbers] if uid else []


def choose_repeated(
    slices: Sequence[Slice], pixels: Sequence[Pixels], *, which: Repeated
) -> tuple[list[int], list[str]]:
    """Choose one image of each place.

    Images with equal pixels are copies, of which one is kept. Others are told apart by the first of
    `imaging.core.planes.MOMENTS` that differs at every place. Where places hold unequal numbers of
    images, one pass must cover them all: passes that cover different places are not mixed.

    Parameters
    ----------
    slices : sequence of Slice
        All planes of a series.
    pixels : sequence of ndarray
        Their HU.
    which : {"first", "last"}

    Returns
    -------
    kept : list of int
        Indices into `slices`.
    sentences : list of str
        What was done, with numbers; empty when no place was taken twice.

    Raises
    ------
    DuplicateSlice
        If nothing tells the images apart, or choosing would mix passes.
    SeriesRefused
        If slices do not share size, pixel spacing and orientation.
    """
    places = [_distinct(place, pixels) for place in places_of(slices)]
    copies = len(slices) - sum(map(len, places))
    sentences = [f"{copies} of {len(slices)} images were exact copies of others and were left out."] if copies else []
    most = max(map(len, places))
    if most == 1:
        return [place[0] for place in places], sentences
    moment = _telling_moment(slices, places)
    kept = _chosen(slices, places, moment, last=which == "last")
    left = sum(map(len, places)) - len(kept)
    twice = sum(len(place) > 1 for place in places)
    sentences.append(
        f"{twice} of {len(places)} positions were taken up to {most} times; the {which} image of each was kept by its "
        f"{MOMENTS[moment]}, and {left} of {len(slices)} images were left out."
    )
    return kept, sentences


def images_left_out(slices: Sequence[Slice], kept: Sequence[int]) -> frozenset[Image]:
    """Name the images of a series that are not among those kept."""
    everything = {(s.uid, s.frame) for s in slices}
    return frozenset(everything - {(slices[i].uid, slices[i].frame) for i in kept})


def _distinct(place: list[int], pixels: Sequence[Pixels]) -> list[int]:
    """Leave out images of a place whose pixels equal those of an earlier one."""
    kept: list[int] = []
    for index in place:
        if not any(np.array_equal(pixels[index], pixels[other]) for other in kept):
            kept.append(index)
    return kept


def _telling_moment(slices: Sequence[Slice], places: Sequence[list[int]]) -> int:
    for moment in range(len(MOMENTS)):
        stated = [[slices[i].moment[moment] for i in place] for place in places]
        if _comparable(stated) and all(len(set(values)) == len(values) for values in stated):
            return moment
    raise DuplicateSlice(
        f"{sum(len(place) > 1 for place in places)} of {len(places)} positions are taken twice or more, and none of "
        f"{', '.join(MOMENTS)} tells their images apart: nobody can say which was first."
    )


def _comparable(stated: Sequence[Sequence[float | None]]) -> bool:
    """Tell whether all images state a value, and all times a date or none; a time of day alone says little of a day."""
    values = [value for place in stated for value in place]
    known = [value for value in values if value is not None]
    return len(known) == len(values) and len({value >= _DATED for value in known}) == 1


def _chosen(slices: Sequence[Slice], places: Sequence[list[int]], moment: int, *, last: bool) -> list[int]:
    """Give the first or last image of each place, or one whole pass where places differ in number."""
    ranked = [sorted(place, key=lambda i: slices[i].moment[moment] or 0.0) for place in places]
    ends = [place[-1 if last else 0] for place in ranked]
    values = {slices[i].moment[moment] for i in ends}
    # Scanners number the acquisitions of a moving table on and on; a temporal position means one moment.
    if len(values) == 1 or (moment > 0 and len(set(map(len, places))) == 1):
        return ends
    repeated = sum(len(place) > 1 for place in places)
    raise DuplicateSlice(
        f"Only {repeated} of {len(places)} positions are taken twice or more, or their {MOMENTS[moment]}s differ from "
        "place to place: to choose would mix passes that do not cover the same positions."
    )

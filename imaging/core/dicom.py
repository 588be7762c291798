"""DICOM CT series as volumes in HU, and the verdict on a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.core.acquisition import Acquisition
from imaging.core.corrections import (
    NO_CORRECTIONS,
    Corrected,
    Corrections,
    DrawnOn,
    Image,
    choose_repeated,
    images_left_out,
    turned_to_lps,
)
from imaging.core.dataset import items, number, open_dataset, reading, text
from imaging.core.derived_images import UNITS, ImageKind, kinds_of, require_original
from imaging.core.errors import BurnedInText, Localizer, NotCT, SeriesRefused
from imaging.core.geometry import Shape, Triple, Volume
from imaging.core.hounsfield import Pixels, hounsfield, stack
from imaging.core.hu_scale import require_hu
from imaging.core.person import Person
from imaging.core.planes import Slice, images, number_of, slices_of
from imaging.core.slices import arrange, leans, rounding_notes
from imaging.core.straighten import straighten

#: CT, enhanced CT and legacy converted enhanced CT image storage.
CT_STORAGE = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")

#: "passed_over" is what an export holds beside the scan and nobody means to import; it is no fault.
Verdict = Literal["accepted", "refused", "passed_over"]

_ALL_SCOUTS = "The images are localisers (scouts), not slices of a volume."


@dataclass(frozen=True)
class SeriesReport:
    """One image series or image file, with a verdict.

    Parameters
    ----------
    path : str
        Folder of the series, or the file, relative to what was scanned.
    person : Person
        Raw, for comparing in memory only: never log or store it.
    code, reason : str
        "ok" and "" when accepted, else a code of `imaging.core.errors` and its sentence.
    corrections : tuple of str
        What was corrected on request, one sentence with numbers each.
    notes : tuple of str
        What a person should know of an image that was accepted, one sentence each.
    derived : str
        What the images are where they are no original reconstruction ("virtual non-contrast"); "" for originals.
    """

    path: str
    series_uid: str
    study_uid: str
    modality: str
    frame_of_reference_uid: str
    person: Person
    kind: Literal["dicom", "nifti", "nrrd"]
    files: tuple[Path, ...]
    verdict: Verdict
    code: str
    reason: str
    shape_zyx: Shape | None
    spacing_zyx_mm: Triple | None
    acquisition: Acquisition
    corrections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    derived: str = ""


def read_series(files: Sequence[Path]) -> Volume:
    """Read the files of one CT series into a volume; nothing is corrected.

    Parameters
    ----------
    files : sequence of Path
        Single-frame or enhanced multi-frame CT, in any order.

    Returns
    -------
    Volume
        HU by each slice's own rescale, shape (z, y, x) in LPS order (`imaging.core.orientation`), spacing in
        mm from slice positions.

    Raises
    ------
    SeriesRefused
        NotCT, Localizer, BurnedInText, or one of the geometry faults of `imaging.core.slices.arrange`.
    UnreadableFile
        If a file is damaged, truncated or cannot be decoded.
    """
    return read_corrected(files, corrections=NO_CORRECTIONS).volume


def read_corrected(files: Sequence[Path], *, corrections: Corrections) -> Corrected:
    """Read the files of one CT series and correct what a person asked for, where it is needed.

    Parameters
    ----------
    files : sequence of Path
        As for `read_series`.
    corrections : Corrections
        What may be corrected; a fault that is not named is refused as ever.

    Returns
    -------
    Corrected
        The volume, one sentence with numbers for each correction that was made (none where none was
        needed), and what masks of this series must know.

    Raises
    ------
    SeriesRefused, UnreadableFile
        As for `read_series`.
    """
    slices, pixels, said, notes = _planes_of(files, corrections)
    left_out: frozenset[Image] = frozenset()
    if corrections.repeated:
        kept, sentences = choose_repeated(slices, pixels, which=corrections.repeated)
        left_out = images_left_out(slices, kept)
        slices, pixels = [slices[i] for i in kept], [pixels[i] for i in kept]
        said += sentences
    order, grid = arrange(slices, tilted=corrections.tilt)
    volume = Volume(stack([pixels[index] for index in order]), grid)
    stated = all(s.slope is not None and s.intercept is not None for s in slices)
    notes += require_hu(volume.array, stated=stated, why="The series does not say how stored values become HU")
    notes += rounding_notes(slices, grid)
    if not leans(grid):
        return turned_to_lps(Corrected(volume, tuple(said), DrawnOn(left_out=left_out), tuple(notes)))
    straight, sentence = straighten(volume)
    drawn_on = DrawnOn(leaning=grid, left_out=left_out)
    return turned_to_lps(Corrected(straight, (*said, sentence), drawn_on, tuple(notes)))


def _planes_of(
    files: Sequence[Path], corrections: Corrections
) -> tuple[list[Slice], list[Pixels], list[str], list[str]]:
    """Read every plane but those of localisers, which are left out on request or refused."""
    slices: list[Slice] = []
    pixels: list[Pixels] = []
    scouts: list[int | None] = []
    kinds: list[ImageKind] = []
    for position, file in enumerate(files, start=1):
        what = f"Image {position} of {len(files)} in the series"
        dataset = open_dataset(file, what=what)
        with reading(what):
            require_ct(dataset)
            if is_localizer(dataset):
                scouts.append(number_of(dataset))
                continue
            found = slices_of(dataset)
            kinds += kinds_of(dataset)
            slices += found
            pixels += hounsfield(dataset, found, what=what)
    if not slices:
        raise Localizer(_ALL_SCOUTS) if scouts else SeriesRefused("The series holds no images.")
    notes = require_original(kinds)
    if not scouts:
        return slices, pixels, [], notes
    which = f"{len(scouts)} of {len(files)} images of the series ({images(scouts)})"
    if not corrections.localizers:
        are = "is a localiser (scout)" if len(scouts) == 1 else "are localisers (scouts)"
        raise Localizer(f"{which} {are}, not part of the volume.")
    left = "was a localiser and was" if len(scouts) == 1 else "were localisers and were"
    return slices, pixels, [f"{which} {left} left out."], notes


def require_ct(dataset: Dataset) -> None:
    """Raise unless a data set is a CT image in HU that may enter a volume.

    Raises
    ------
    NotCT, BurnedInText
        With the attribute that tells.
    """
    if (modality := text(dataset, "Modality")) != "CT":
        raise NotCT(f"The modality is {modality}, not CT." if modality else "The file does not state its modality.")
    storage = text(dataset, "SOPClassUID")
    if storage and storage not in CT_STORAGE:
        raise NotCT(f"The files are {UID(storage).name}, not CT images.")
    if (number(dataset, "SamplesPerPixel") or 1) > 1:
        raise NotCT("The images are in colour, not in HU.")
    if items(dataset, "ModalityLUTSequence"):
        raise NotCT("Stored values become HU by a lookup table, which is not read; a rescale is expected.")
    units = {text(part, "RescaleType").upper() for part in _transformations(dataset)} - {"", "HU"}
    if units:
        named = [f"{unit} ({UNITS[unit]})" if unit in UNITS else unit for unit in sorted(units)]
        raise NotCT(f"The values are not HU: the rescale type is {', '.join(named)}.")
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        raise BurnedInText("The images state that text is burned into their pixels; it may name the patient.")


def is_localizer(dataset: Dataset) -> bool:
    """Tell whether an image says that it is a localiser (scout)."""
    return "LOCALIZER" in text(dataset, "ImageType").upper()


def _transformations(dataset: Dataset) -> list[Dataset]:
    frames = items(dataset, "PerFrameFunctionalGroupsSequence") + items(dataset, "SharedFunctionalGroupsSequence")
    return [dataset] + [part for frame in frames for part in items(frame, "PixelValueTransformationSequence")]

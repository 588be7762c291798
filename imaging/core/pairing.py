"""Which image a NIfTI or NRRD mask belongs to, judged by names and folders.

The rule
--------
A file is a mask when its name, or the name of its folder, holds one of the words mask, label, seg,
roi, gtv, tumour, lesion, annotation or contour (also in the plural, and as "segmentation", "labelmap",
"tumormask" or "GTVp"), or when it holds labels (`imaging.core.label_content`); other files are images. A
mask belongs to an image of

1. its own folder, else
2. the folder above, else
3. a folder beside its own, else
4. a folder within its own,

where the first of these places that holds an image counts. With several images in that place, the one
that shares the mask's name apart from such words is meant (``lung1_image.nrrd`` and
``lung1_label.nrrd``, or nnU-Net's ``Lung_001_0000`` and ``Lung_001``); without one, nobody guesses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.core.errors import NoMatchingSeries

_MASK_WORD = re.compile(
    r"(?<![a-z])((?:tumou?r|lung|lesion|gtv|nodule)?masks?|labels?(?:tr|ts)?|label_?maps?|segs?|segmentations?|rois?"
    r"|gtvs?[pnt]?\d*|tumou?rs?|lesions?|annotations?|annot|contours?)(?![a-z])",
    re.IGNORECASE,
)
#: nnU-Net numbers the channels of an image, not those of its labels.
_CHANNEL = re.compile(r"_0000$")
#: What dcm2niix adds to the name of the file that it mended.
_CONVERTED = re.compile(r"(_Tilt(_\d+)?)?(_Eq(_\d+)?)?")
_CONVERTED_END = re.compile(_CONVERTED.pattern + "$")
_IMAGE_WORD = re.compile(r"(?<![a-z])(images?|img|ct|volume|vol|scan)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """An image that masks can belong to: its folder, its stem ("" for a DICOM series) and its index."""

    folder: Path
    stem: str
    index: int


def stem_of(file: Path) -> str:
    """Give a file's name without .nii, .nii.gz or .nrrd."""
    return re.sub(r"\.(nii\.gz|nii|nrrd)$", "", file.name, flags=re.IGNORECASE)


def is_mask(file: Path, *, root: Path) -> bool:
    """Tell whether a NIfTI or NRRD file is a mask by its name, or its folder's name below the root."""
    stem = stem_of(file)
    if _MASK_WORD.search(stem):
        return True
    in_mask_folder = file.parent != root and _MASK_WORD.search(file.parent.name) is not None
    return in_mask_folder and _IMAGE_WORD.search(stem) is None


def image_of(mask: Path, images: Sequence[Place], *, root: Path) -> int:
    """Give the index of the image that a mask belongs to.

    Raises
    ------
    NoMatchingSeries
        If no place of the rule holds an image, or several and none shares the mask's name.
    """
    folder = mask.parent
    places = [
        [image for image in images if image.folder == folder],
        [image for image in images if folder != root and image.folder == folder.parent],
        [image for image in images if folder != root and image.folder.parent == folder.parent],
        [image for image in images if image.folder.parent == folder],
    ]
    candidates = next((place for place in places if place), [])
    if not candidates:
        raise NoMatchingSeries("No image lies in the mask's folder, the folder above or beside it.")
    if len(candidates) == 1:
        return candidates[0].index
    core = _core(stem_of(mask))
    named = [image for image in candidates if core and _core(image.stem) == core]
    if len(named) != 1:
        raise NoMatchingSeries(
            f"{len(candidates)} images could be meant and none shares the mask's name; put each mask beside its image."
        )
    return named[0].index


def converted_again(file: Path) -> str | None:
    """Return what a converter added to the name of a file that it wrote a second time, None where it did not.

    dcm2niix writes a scan with gaps as X, its slices pushed together, and as X_Eq_1, interpolated; a tilted one
    as X and X_Tilt_1, straightened.
    """
    stem = stem_of(file)
    for other in sorted(file.parent.iterdir()):
        added = stem_of(other).removeprefix(stem)
        if added and added != stem_of(other) and _CONVERTED.fullmatch(added):
            return added
    return None


def converter_mark(file: Path) -> str:
    """Return what a converter added to a file's name to say that it mended the scan ("_Eq_1", "_Tilt_1"), else ""."""
    found = _CONVERTED_END.search(stem_of(file))
    return found[0] if found else ""


def is_interpolated(file: Path) -> bool:
    """Return whether a file is, by its name, one whose slices dcm2niix interpolated."""
    return re.search(r"_Eq(_\d+)?$", stem_of(file)) is not None


def shared_name(file: Path) -> str:
    """Give the part of a file's name that an image and its masks share; "" when there is none."""
    return _core(stem_of(file))


def kind_words(file: Path) -> list[str]:
    """Give the words of a file's name that tell masks and images apart, lower case, in their order."""
    found = [*_MASK_WORD.finditer(stem := stem_of(file)), *_IMAGE_WORD.finditer(stem)]
    return [match[0].lower() for match in sorted(found, key=lambda match: match.start())]


def _core(stem: str) -> str:
    """Give a stem without the words that tell masks from images."""
    stem = _CONVERTED_END.sub("", _CHANNEL.sub("", stem))
    return re.sub(r"[\W_]+", " ", _IMAGE_WORD.sub(" ", _MASK_WORD.sub(" ", stem))).strip().lower()

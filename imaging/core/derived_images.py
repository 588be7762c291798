"""What images are that no scanner reconstructed as they stand: projections, material maps, virtual images, reformats.

ImageType says it in its third and later values, enhanced CT also frame by frame, and often only SeriesDescription
does. That the first value is DERIVED says little: compressed and exported originals bear it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.core.dataset import items, text
from imaging.core.errors import MixedImages, NotCT
from imaging.core.planes import functional_group

#: Units of RescaleType that a person may not know.
UNITS = {
    "HU_MOD": "modified HU",
    "Z_EFF": "effective atomic number",
    "ED": "electron density",
    "EDW": "electron density relative to water",
    "MGML": "mg/mL, a material map",
    "PCT": "per cent",
    "OD": "optical density",
    "US": "unspecified",
}

#: What the images are, whether their values are HU, and the words that say so in ImageType or SeriesDescription.
_KINDS: tuple[tuple[str, bool, str], ...] = (
    ("minimum intensity projections", False, r"MIN[ _-]?IP|MINIMUM|MINIMUM INTENSITY.*"),
    ("maximum intensity projections", False, r"(?:THIN[ _-]?)?MIPS?|MAXIMUM|MAX[ _-]?IP|MAXIMUM INTENSITY.*"),
    ("volume renderings", False, r"VRT?|VOLREN|VOLUME[ _-]RENDER\w*|SSD|3D[ _-]VR"),
    ("electron density maps", False, r"ELECTRON[ _-]?DENS\w*|RHO[ _/-]?Z|RHO|EDW"),
    ("effective atomic number maps", False, r"Z[ _-]?EFF\w*|EFFECTIVE[ _-]?Z|EFFECTIVE ATOMIC.*|EFF[ _-]Z"),
    (
        "virtual non-contrast images",
        True,
        r"VNC|TNC|VUE|VIRTUAL[ _-]*(?:NON|UN)[ _-]*(?:CONTRAST|ENHANCED)|VIRTUAL[ _-]*NATIVE|VIRTUAL_UNENHANCED",
    ),
    (
        "virtual non-calcium images",
        True,
        r"VNCA|VIRTUAL[ _-]*NON[ _-]*CALCIUM|CALCIUM[ _-]SUPPRESS\w*|CA[ _-]?SUPP\w*",
    ),
    (
        "material maps",
        False,
        r"IODINE\w*|IODE|JOD|IOD[ _-]?MAP|CALCIUM[ _-]?MAP|MATERIAL[ _-]?(?:SPECIFIC|DENSITY|DECOMP\w*|FRACTION\w*|\w*)|"
        r"MD[ _-](?:IODINE|WATER|CALCIUM|HAP|FAT)\w*|URIC[ _-]?ACID|FAT[ _-]?(?:MAP|FRACTION)|WATER[ _-]?(?:MAP|IODINE)|"
        r"PBV|LUNG[ _-]?VESSELS",
    ),
    (
        "perfusion maps",
        False,
        r"CBF|CBV|MTT|TTP|TMAX|T[ _-]?MAX|PERFUSION[ _-]?(?:MAP|PARAM\w*|\w+)?|BLOOD[ _-]?(?:FLOW|VOLUME)|PERMEABILITY",
    ),
    ("subtraction images", False, r"SUBTRACT\w*|SUB|DSA|DIVISION|MULTIPLICATION|STD[ _-]DEVIATION|QUANTITY|MASKED"),
    (
        "virtual monoenergetic images",
        True,
        r"MONO\w*(?:[ _+-]*(?:PLUS|E))?|VMI|VIRTUAL[ _-]?MONO\w*|ENERGY[ _-]PROP[ _-]WT|\d{2,3}[ _-]?KEV",
    ),
    ("averaged images", True, r"MEAN|MEDIAN|AVERAGE|AIP|AVG"),
    ("reformatted images", True, r"MPR|REFORMAT\w*|RESAMPLED|CPR|MPVR"),
)
_PATTERNS = tuple((name, hu, re.compile(rf"(?<![A-Z0-9])(?:{words})(?![A-Z0-9])")) for name, hu, words in _KINDS)
_ENERGY = re.compile(r"(?<!\d)(\d{2,3})[ _-]?KEV")

#: Images whose type says this are not refused for the words of a description.
_ORIGINAL = ("ORIGINAL", "PRIMARY")
#: In a description, their words often mean something else: "thorax sub-mm", "axial for MPR".
_ONLY_IN_TYPE = ("subtraction images", "averaged images", "reformatted images", "volume renderings")


@dataclass(frozen=True)
class ImageKind:
    """What images are.

    Parameters
    ----------
    name : str
        "virtual non-contrast images" and the like; "" for originals.
    hu : bool
        Whether their values are HU of a voxel.
    first : str
        The first value of ImageType: ORIGINAL, DERIVED or "".
    """

    name: str = ""
    hu: bool = True
    first: str = ""


def kinds_of(dataset: Dataset) -> list[ImageKind]:
    """Return what the images of a data set are: one kind, or one a frame of an enhanced image."""
    whole = _kind([str(part) for part in _values(dataset, "ImageType")], text(dataset, "SeriesDescription"))
    frames = items(dataset, "PerFrameFunctionalGroupsSequence")
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    parts = [functional_group(frame, shared, "CTImageFrameTypeSequence") for frame in frames]
    stated = [[str(value) for value in _values(part, "FrameType")] for part in parts]
    described = text(dataset, "SeriesDescription")
    return [_kind(values, described) if values else whole for values in stated] or [whole]


def derived_kind(dataset: Dataset) -> str:
    """Return what the images of a data set are, "" for originals."""
    return kinds_of(dataset)[0].name


def require_original(kinds: Sequence[ImageKind]) -> list[str]:
    """Refuse images that hold no HU, or of which only some are original.

    Parameters
    ----------
    kinds : sequence of ImageKind
        Of every image of a series.

    Returns
    -------
    list of str
        What a person should know of images that are derived and hold HU.

    Raises
    ------
    MixedImages
        If originals and derived images, or derived images of several kinds, lie in one series; with the counts.
    NotCT
        If their values are no HU; with what they are.
    """
    counts = Counter(kind.name or _plain(kind) for kind in kinds)
    if len(counts) > 1 and not (set(counts) <= {"original images", "images of no stated type"}):
        tally = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        raise MixedImages(f"The series holds images of {len(counts)} kinds: {tally}. They show different things.")
    kind = kinds[0]
    if kind.name and not kind.hu:
        raise NotCT(f"The images are {kind.name}: their values are not the HU of a voxel.")
    if kind.name:
        return [f"The images are {kind.name}, no original reconstruction; their HU need not be comparable."]
    return []


def _plain(kind: ImageKind) -> str:
    names = {"ORIGINAL": "original images", "DERIVED": "derived images"}
    return names.get(kind.first, "images of no stated type")


def _values(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword)
    if value is None or isinstance(value, str):
        return [value] if value else []
    return [str(part) for part in value]


def _kind(image_type: Sequence[str], description: str) -> ImageKind:
    values = [value.strip().upper() for value in image_type]
    first, described = values[0] if values else "", description.upper()
    for value in values[2:]:
        for name, hu, pattern in _PATTERNS:
            if pattern.search(value):
                return ImageKind(_with_energy(name, f"{value} {described}"), hu, first)
    for name, hu, pattern in _PATTERNS:
        if name not in _ONLY_IN_TYPE and pattern.search(described):
            # An original that a person named so is said to be what they named it, but not refused for it.
            return ImageKind(_with_energy(name, described), hu or tuple(values[:2]) == _ORIGINAL, first)
    return ImageKind(first=first)


def _with_energy(name: str, words: str) -> str:
    energy = _ENERGY.search(words)
    return f"{name} of {energy[1]} keV" if energy and "monoenergetic" in name else name

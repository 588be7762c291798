"""Named regions of a segmentation: what they are called, and which of them is the tumour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from imaging.core.errors import RegionNotFound
from imaging.core.geometry import TumorMask

RegionKind = Literal["rtstruct", "seg", "mask"]

#: Number of a segment → how its coded type may be named: the code ("SCT:4147007") and its meaning ("Mass").
CodedTypes = Mapping[int, tuple[str, ...]]

#: Rank of planning volumes, which are larger than what they are planned around.
PLANNING_RANK = 10
#: Rank of lymph nodes and metastases.
NODE_RANK = 20
#: Rank of names that mean neither the tumour nor anything known.
UNKNOWN_RANK = 50
#: Rank of names that mean an organ, the body or a device.
ORGAN_RANK = 90

_TUMOUR = re.compile(
    r"(gtv|tumou?r|tumeur|primary|primarius|primair|lesion|läsion|nodule|mass|cancer|carcinoma|neoplasm"
    r"|肿瘤|腫瘤|病灶|原发|原發|结节|結節)[\s_\-]*[pt]?[\s_\-]*(\d*)"
)
#: Words stand between anything that is no letter: "_" and digits part them as well.
_NODAL = re.compile(
    r"gtv[\s_\-.]*(n|nd|nx|ln|nodes?|nodal)(?![a-z])|gtv[\s_\-.]*ln|lymph|adenopath|ganglion|metasta|淋巴|淋结|转移|轉移"
    r"|(?<![a-z])(nodes?|nodal|nd|lns?|lnd|lnn|mets?|station|stn)(?![a-z])"
    r"|(?<![a-z0-9])n[0-3][abc]?(?![a-z0-9])"
    # Stations of the lymph node map with their side; 1R and 1L are too often the first region of a side.
    r"|(?<![a-z0-9])(?:[24]|1[0-4])[\s]?[rl](?:i|s)?(?![a-z0-9])"
)
_PLANNING = re.compile(r"(?<![a-z])(ctv|ptv|itv|igtv|ictv|pgtv)")
#: Around a tumour, of it, or of another day: not the tumour.
_BESIDE = re.compile(
    r"peri[\s_\-]?tumou?r|瘤周|(?<![a-z])(ring|rim|shell|margin|expanded|habitat|old|prior|previous)(?![a-z])"
)
_MINUS = re.compile(r"lungs?[^a-z]*(minus|sub|-|_)[\s_\-]*(i?gtv|ctv|ptv|itv)")
_ORGAN = re.compile(
    r"lungs?(?!\d)|cord|spin|heart|o?esophag|trachea|carina|bronch|liver|kidney|aort|body|external|skin|bone|rib|verteb"
    r"|stomach|brachial|thyroid|chest|background|couch|table|artery|vein|vessel|airway|lobe|pulmon"
    r"|肺|心脏|脊髓|食管|气管|肝|肾|主动脉"
)
_GENERIC = re.compile(r"roi|label|mask|seg|region|target")


@dataclass(frozen=True)
class NamedMask:
    """One region of a segmentation as a mask on the image's grid.

    Parameters
    ----------
    name : str
        As the file calls it.
    number : int
        ROI number, segment number or label value.
    author : str
        How it was drawn ("manual", "semiautomatic", "automatic") or "": never a person's name.
    tool : str
        Software that wrote it, and the threshold where a fractional segmentation was cut.
    notes : tuple of str
        What a person should know of how it was read, one sentence each.
    """

    name: str
    number: int
    kind: RegionKind
    mask: TumorMask
    author: str = ""
    tool: str = ""
    notes: tuple[str, ...] = ()


def tumour_rank(name: str) -> int:
    """Tell how well a region's name fits the primary tumour.

    Returns
    -------
    int
        0 for the primary tumour (GTV, tumour, lesion, nodule, mass, primary ...), 1 for its second and
        further numbers (GTV-2), 5 for names without meaning (ROI, label), 10 for planning volumes and what lies
        around a tumour, 20 for lymph nodes and metastases, 50 for unknown names, 90 for organs.
    """
    plain = name.lower()
    if _MINUS.search(plain):
        return ORGAN_RANK
    if _NODAL.search(plain):
        return NODE_RANK
    if _PLANNING.search(plain) or _BESIDE.search(plain):
        return PLANNING_RANK
    if tumour := _TUMOUR.search(plain):
        return 1 if tumour[2] and int(tumour[2][:6]) > 1 else 0
    if _ORGAN.search(plain):
        return ORGAN_RANK
    return 5 if _GENERIC.search(plain) else UNKNOWN_RANK


def select(present: Mapping[int, str], wanted: str | int | None, *, types: CodedTypes | None = None) -> list[int]:
    """Give the numbers of the regions that are wanted.

    Parameters
    ----------
    present : mapping of int to str
        Number and name of each region in the file.
    wanted : str, int or None
        A name (case does not matter when no name agrees exactly), a number, a coded type, or None for all.
    types : mapping of int to tuple of str or None
        Coded types of the regions, as a code or its meaning; asked when no name and no number agrees.

    Raises
    ------
    RegionNotFound
        With the names that are present.
    """
    if wanted is None:
        return list(present)
    if isinstance(wanted, int):
        matches = [number for number in present if number == wanted]
    else:
        matches = (
            [number for number, name in present.items() if name == wanted]
            or [number for number, name in present.items() if name.lower() == wanted.strip().lower()]
            or [number for number in present if str(number) == wanted.strip()]
            or [
                number
                for number in present
                if wanted.strip().lower() in {coded.lower() for coded in (types or {}).get(number, ())}
            ]
        )
    if not matches:
        raise RegionNotFound(f"There is no region called {wanted!r}; present are {listing(present)}.")
    return matches


def select_one(present: Mapping[int, str], wanted: str | int, *, types: CodedTypes | None = None) -> int:
    """Give the number of the one region that is wanted.

    Raises
    ------
    RegionNotFound
        If none agrees, with the names present; or if several do, with their names and numbers.
    """
    matches = select(present, wanted, types=types)
    if len(matches) > 1:
        several = ", ".join(f"{number} ({present[number]!r})" for number in matches)
        raise RegionNotFound(
            f"{len(matches)} regions answer to {wanted!r}: numbers {several}. Name one by its number."
        )
    return matches[0]


def best(present: Mapping[int, str]) -> int:
    """Give the number of the one region that is, by its name, the tumour.

    Raises
    ------
    RegionNotFound
        If there is no region, or if several fit equally well; with their names.
    """
    if not present:
        raise RegionNotFound("The file holds no region at all.")
    if len(present) == 1:
        return next(iter(present))
    ranks = {number: tumour_rank(name) for number, name in present.items()}
    first = [number for number, rank in ranks.items() if rank == min(ranks.values())]
    if len(first) > 1 or ranks[first[0]] >= UNKNOWN_RANK:
        raise RegionNotFound(
            f"Several regions are present and none is clearly the tumour: {listing(present)}. Name one."
        )
    return first[0]


def listing(present: Mapping[int, str]) -> str:
    """List names for a sentence, in the file's order."""
    return ", ".join(repr(name) for name in present.values()) or "none"

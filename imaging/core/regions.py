"""Named regions of a segmentation: what they are called, and which of them is the tumour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from imaging.core.errors import NumberUsedTwice, RegionNotFound
from imaging.core.geometry import TumorMask

RegionKind = Literal["rtstruct", "seg", "mask"]

#: Number of a segment → how its coded type may be named: the code ("SCT:4147007") and its meaning ("Mass").
CodedTypes = Mapping[int, tuple[str, ...]]

#: Rank of planning volumes and of what lies around a tumour.
PLANNING_RANK = 10
#: Rank of lymph nodes and metastases.
NODE_RANK = 20
#: Rank of names that mean neither the tumour nor anything known.
UNKNOWN_RANK = 50
#: Rank of names without meaning (ROI, label).
NAMELESS_RANK = 5
#: Rank of names that mean an organ, the body or a device.
ORGAN_RANK = 90

_TUMOUR = re.compile(
    r"(gtv|tumou?r|tumeur|primary|primarius|primair|lesion|läsion|nodule|mass|cancer|carcinoma|neoplasm"
    r"|肿瘤|腫瘤|病灶|原发|原發|结节|結節|靶区)[\s_\-]*[pt]?[\s_\-]*(\d*)"
)
#: Lymph nodes, their stations, and metastases; in a name whose words are apart (see `_words`).
_NODAL = re.compile(
    r"lymph|nodal|adenopath|metasta|淋巴|淋结|转移|轉移|\bl?nod(es?|us|i)?\d*[lr]?\b|\blns?\d*[lr]?\b|\blks?\d*\b"
    r"|\bgtv \d*n?n\d*\b|\bgtv \d* ?(n|nd|ln|lk)\d*\b|\bnd\d*\b|\bn[1-3][abc]?\b|\bganglion|\bmetas?\b|\bmets?\d*\b"
    r"|\bstations?\b|^([1-9]|1[0-4])(rs|ri|[rl])?$|\b([2-9]|1[0-4])(rs|ri|[rl])\b|^3[ap]$"
)
_PLANNING = re.compile(
    r"\b(ctv|ptv|itv)|\bigtv|\b(ring|rim|shell|margin|expan[a-z]*|iso|opti?)\d*\b|\bperi ?tumou?r"
    r"|\bgtv\b.*\b\d+ ?mm\b|计划靶区|临床靶区|瘤周"
)
_MINUS = re.compile(r"lungs?[^a-z]*(minus|sub|-|_)[\s_\-]*(i?gtv|ctv|ptv|itv)")
_ORGAN = re.compile(
    r"lungs?(?!\d)|cord|spin|heart|o?esophag|trachea|carina|bronch|liver|kidney|aort|body|external|skin|bone|rib|verteb"
    r"|stomach|\blad\b|brachial|thyroid|chest|background|couch|table|artery|vein|vessel|airway|lobe|pulmon"
    r"|肺|心脏|脊髓|食管|气管|肝|肾|主动脉"
)
_GENERIC = re.compile(r"roi|label|mask|seg|region|target|annot|contour")


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


def require_own_numbers(regions: Iterable[tuple[int, str]]) -> None:
    """Refuse regions of which two have one number.

    Parameters
    ----------
    regions : iterable of (int, str)
        Number and name of each region, as the file lists them.

    Raises
    ------
    NumberUsedTwice
        With the number and the names.
    """
    names: dict[int, list[str]] = {}
    for number, name in regions:
        names.setdefault(number, []).append(name)
    for number, shared in names.items():
        if len(shared) > 1:
            raise NumberUsedTwice(
                f"{len(shared)} regions have the number {number}: {', '.join(map(repr, shared))}. Outlines refer to the "
                "number only, so nobody can say whose they are."
            )


def tumour_rank(name: str) -> int:
    """Tell how well a region's name fits the primary tumour.

    Returns
    -------
    int
        0 for the primary tumour (GTV, tumour, lesion, nodule, mass, primary ...), 1 for its second and
        further numbers (GTV-2), 5 for names without meaning (ROI, label), 10 for planning volumes,
        20 for lymph nodes, 50 for unknown names, 90 for organs.
    """
    plain, words = name.lower(), _words(name)
    if _MINUS.search(plain):
        return ORGAN_RANK
    if _NODAL.search(words):
        return NODE_RANK
    if _PLANNING.search(words):
        return PLANNING_RANK
    if tumour := _TUMOUR.search(plain):
        return 1 if tumour[2] and int(tumour[2][:6]) > 1 else 0
    if _ORGAN.search(plain):
        return ORGAN_RANK
    return NAMELESS_RANK if _GENERIC.search(plain) else UNKNOWN_RANK


def _words(name: str) -> str:
    """Return a name in lower case with its words apart: "GTV_node_4R" as "gtv node 4r", "GtvLn" as "gtv ln"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name).lower()
    apart = re.sub(r"i?gtv", lambda match: f" {match[0]} ", apart)
    return re.sub(r"[\W_]+", " ", apart).strip()


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
    """List names for a sentence, in the file's order; those that several regions share with their numbers."""
    names = list(present.values())
    return ", ".join(f"{n!r} ({i})" if names.count(n) > 1 else repr(n) for i, n in present.items()) or "none"

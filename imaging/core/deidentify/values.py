"""Values that stay after de-identification, each cleaned as its kind demands."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from imaging.core.dataset import text
from imaging.core.deidentify import profile


def region_text(name: str) -> str:
    """Keep the words of a region's name that name regions, with its short numbers; drop all others.

    "GTV-1" stays; "GTV Miller 4711" becomes "GTV"; a name without a known word becomes "ROI".
    """
    parts = re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]+", name)
    known = [part for part in parts if part.lower() in profile.REGION_WORDS or re.fullmatch(r"\d{1,2}", part)]
    separators = re.fullmatch(r"[\w\s+.,/()-]*", name, flags=re.ASCII)
    words = [part for part in parts if part[0].isalnum()]
    if separators and len(known) == len(words) and any(part.isalpha() for part in known) and len(name) <= 64:
        return name
    words_kept = " ".join(part for part in known if not part.isdigit() and len(part) > 1)
    return words_kept[:64] or "ROI"


def sentence_text(sentence: str) -> str:
    """Return a sentence in which each quoted region has only the words that `region_text` keeps.

    Sentences quote regions as their files call them, which may be after the patient.
    """
    return re.sub(r"""(['"])(.+?)\1""", lambda quoted: repr(region_text(quoted[2])), sentence)


def readable_element(dataset: Dataset, tag: Any) -> DataElement | None:
    """Give an element, or None for a private one and for one whose value cannot be read."""
    if tag.is_private:
        return None
    try:
        element: DataElement = dataset[tag]
    except Exception:  # damaged values raise many types; what cannot be read is not needed
        return None
    return element


def has_usual_vr(element: DataElement) -> bool:
    """Tell whether an element has a value representation that the standard gives it."""
    usual = dictionary_VR(element.tag)
    return usual == element.VR or element.VR in usual.split(" or ")


def each(value: Any, change: Callable[[str], str | None]) -> Any:
    """Change one or several text values; None when any of them may not stay."""
    if not isinstance(value, (list, MultiValue)):
        return change(str(value))
    changed = [change(str(part)) for part in value]
    return None if None in changed else changed


def defined_term(keyword: str) -> Callable[[str], str | None]:
    """Give a function that keeps the standard's terms and numbers; see `OTHER_INSTEAD` for other words."""
    unknown = "OTHER" if keyword in profile.OTHER_INSTEAD else None

    def keep(term: str) -> str | None:
        words = term.strip().replace("\\", " ").split()
        return term if all(word in profile.DEFINED_TERMS for word in words) else unknown

    return keep


def contrast_text(agent: str) -> str:
    """Say whether contrast was given, but not in whose words."""
    plain = agent.strip().lower()
    return "" if not plain else "NONE" if plain in ("none", "no", "without", "n/a", "non") else "CONTRAST"


def clean_code(item: Dataset) -> None:
    """Empty a code whose scheme is not public: its meaning may say anything."""
    if "CodingSchemeDesignator" in item and text(item, "CodingSchemeDesignator") not in profile.PUBLIC_CODING_SCHEMES:
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "0", "99REMOVED", "removed"

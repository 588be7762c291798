"""What the page of an import needs: its parts by what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

register = template.Library()


@dataclass(frozen=True)
class Section:
    """The parts of an import that ended alike: a mark, words, and rows of series and regions."""

    use: str
    mark: str
    title: str | Promise
    lead: str | Promise
    series: list[dict[str, Any]]
    regions: list[dict[str, Any]]


#: What became of a part → mark, heading, and what it means, in the order of the page.
_SECTIONS = {
    "used": ("✓", gettext_lazy("Used"), gettext_lazy("Stored, without identity.")),
    "refused": ("✕", gettext_lazy("Refused"), gettext_lazy("Each with its reason and what to do.")),
    "other": ("○", gettext_lazy("Other regions"), gettext_lazy("Readable, but not the tumour that was chosen.")),
    "passed_over": (
        "–",
        gettext_lazy("Ignored"),
        gettext_lazy("Belongs to an export, but is no scan and no tumour."),
    ),
}


@register.filter
def sections(result: dict[str, Any]) -> list[Section]:
    """Return the parts of an import by what became of them; a section without parts is left out."""
    found = [
        Section(
            use,
            *words,
            series=[row for row in result.get("series", ()) if _use(row) == use],
            regions=[row for row in result.get("segmentations", ()) if _use(row) == use],
        )
        for use, words in _SECTIONS.items()
    ]
    return [section for section in found if section.series or section.regions]


@register.filter
def masked(result: dict[str, Any]) -> bool:
    """Return whether the name of a region was shortened."""
    return any(row.get("is_masked") for row in result.get("segmentations", ()))


@register.filter
def milliliters(volume_mm3: float | None) -> float | None:
    """Return a volume in mL."""
    return None if volume_mm3 is None else volume_mm3 / 1000


def _use(row: dict[str, Any]) -> str:
    # Imports before version 0.5 kept a verdict only.
    return str(row.get("use") or {"accepted": "used"}.get(row["verdict"], row["verdict"]))

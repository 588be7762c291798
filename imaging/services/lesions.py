"""Which regions of a series could be a lesion, and which of them counts as the index lesion."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from imaging.core.deidentify.values import region_text
from imaging.core.regions import ORGAN_RANK, PLANNING_RANK, UNKNOWN_RANK
from imaging.core.scan import SegmentationReport


def index_of(regions: Sequence[SegmentationReport]) -> SegmentationReport | None:
    """Return the region whose name says tumour best; None where several say it equally well, or none does.

    Parameters
    ----------
    regions : sequence of SegmentationReport
        Every accepted region of one series, organs included. A region that is alone may have any name but an
        organ's.
    """
    limit = ORGAN_RANK if len(regions) == 1 else UNKNOWN_RANK
    best = rivals(regions)
    return best[0] if len(best) == 1 and best[0].tumour_rank < limit else None


def rivals(regions: Sequence[SegmentationReport]) -> list[SegmentationReport]:
    """Return the regions whose names fit the tumour best, in the order of their numbers.

    Of several files of outlines on one series only the one that was drawn last counts.
    """
    ranked = sorted(regions, key=lambda region: (region.tumour_rank, region.number))
    best = [region for region in ranked if region.tumour_rank == ranked[0].tumour_rank]
    latest = max((region.dated for region in best), default="")
    return [region for region in best if region.dated == latest]


def lesions_of(regions: Sequence[SegmentationReport]) -> tuple[SegmentationReport, ...]:
    """Return every region that could be a lesion: the index lesion first, then by how well names fit.

    Organs and planning volumes are none, unless one of them is the index.
    """
    index = index_of(regions)
    candidates = [
        region
        for region in sorted(regions, key=lambda region: (region.tumour_rank, region.number))
        if region is not index and region.tumour_rank < ORGAN_RANK and region.tumour_rank != PLANNING_RANK
    ]
    return (*([index] if index else []), *candidates)


def lesion_note(regions: Sequence[SegmentationReport]) -> str:
    """Return what a person has to know about how the index lesion was found, or could not be found."""
    if not regions or index_of(regions):
        return ""
    best, candidates = rivals(regions), lesions_of(regions)
    if not candidates:
        return _("none of the regions (%(names)s) is named like a tumour; name the region and import again") % {
            "names": _listing(regions)
        }
    if best[0].tumour_rank < UNKNOWN_RANK and len(best) > 1:
        return _("%(names)s fit the tumour equally well; choose which of them counts on the patient's page") % {
            "names": _listing(best)
        }
    return _("none of the regions (%(names)s) is named like a tumour; choose which counts on the patient's page") % {
        "names": _listing(candidates)
    }


def _listing(regions: Sequence[SegmentationReport]) -> str:
    """Name regions as they are kept; where two are kept under one name, with their numbers."""
    names = [region_text(region.name) for region in regions]
    return ", ".join(
        f"{name} ({region.number})" if names.count(name) > 1 else name
        for name, region in zip(names, regions, strict=True)
    )

"""Which of the parts that cannot be used are no fault of an export.

A planning export brings a dose, marking points, organs that reach beyond the image and scouts along with the scan. Nobody
means to import them, so they are passed over with their reason; refused is what somebody would miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imaging.core.dicom import SeriesReport
from imaging.core.errors import Localizer, NoClosedContour, NotCT
from imaging.core.regions import ORGAN_RANK, PLANNING_RANK
from imaging.core.reports import SegmentationReport

#: Objects of a treatment plan that hold pixels and are no images of a patient.
_PLAN_OBJECTS = ("RTDOSE",)


def settled_series(row: SeriesReport, *, found: Sequence[SeriesReport]) -> SeriesReport:
    """Return the row of a series, passed over where it is no fault that it cannot be used.

    Parameters
    ----------
    row : SeriesReport
        Its verdict by itself.
    found : sequence of SeriesReport
        All series that lie beside it: other modalities and scouts are no fault beside a CT.
    """
    beside_ct = any(other.modality == "CT" and other.code != Localizer.code for other in found)
    foreign = row.modality not in ("CT", "") and row.code == NotCT.code
    if row.modality in _PLAN_OBJECTS or (beside_ct and (foreign or row.code == Localizer.code)):
        return replace(row, verdict="passed_over") if row.verdict == "refused" else row
    return row


def settled_region(row: SegmentationReport) -> SegmentationReport:
    """Return the row of a region, passed over where it is a point, an organ or a planning volume."""
    if row.verdict != "refused" or row.kind == "mask":
        return row
    if row.code == NoClosedContour.code or row.tumour_rank in (PLANNING_RANK, ORGAN_RANK):
        return replace(row, verdict="passed_over")
    return row

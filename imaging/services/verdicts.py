"""The verdict on each part of an import as its job keeps it: no path, no original UID, no words that may name a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from cohorts.errors import ServiceError, explain
from imaging.core.deidentify.values import region_text, sentence_text
from imaging.core.scan import ScanReport, as_json
from imaging.services.placing import ACCEPTED, NOT_CHOSEN, Planned

#: Where a part stands on the page: what was taken, other regions of the scan, what nobody meant to import, what failed.
USED, OTHER, PASSED_OVER, REFUSED = "used", "other", "passed_over", "refused"

Refusals = Mapping[str, tuple[str, str]]


def summary_of(found: ScanReport, planned: Sequence[Planned], refusals: Refusals) -> dict[str, Any]:
    """Return the rows of series and regions that a job's result holds.

    Parameters
    ----------
    found : ScanReport
        All verdicts on the files.
    planned : sequence of Planned
        What is imported.
    refusals : mapping of str to (str, str)
        Series UID → code and reason of accepted series that are not imported.
    """
    rows = as_json(found)
    names = {series.series_uid: f"series {number}" for number, series in enumerate(found.series, start=1)}
    used = {one.series.series_uid for one in planned}
    masks = {(one.segmentation.file, one.segmentation.number) for one in planned if one.segmentation}
    for series, row in zip(found.series, rows["series"], strict=True):
        _neutral(row, names[series.series_uid])
        if refusal := refusals.get(series.series_uid):
            verdict = PASSED_OVER if refusal[0] == NOT_CHOSEN else REFUSED
            row |= {"verdict": verdict, "code": refusal[0], "reason": refusal[1]}
        row["use"] = USED if series.series_uid in used else row["verdict"]
        row["remedy"] = _remedy(row)
    without_image = {series.series_uid for series in found.series if series.verdict != ACCEPTED}
    for number, (one, row) in enumerate(zip(found.segmentations, rows["segmentations"], strict=True), start=1):
        _neutral(row, f"mask {number} of {names.get(one.series_uid, 'no series')}")
        is_used = one.series_uid in used and (one.file, one.number) in masks
        row["use"] = USED if is_used else OTHER if row["verdict"] == ACCEPTED else row["verdict"]
        row["remedy"] = _remedy(row)
        if row["remedy"] and one.series_uid in without_image:
            row["remedy"] = _("Mend the image first: its own row says how.")
    rows["passed_over"] = _kinds_of(found)
    return {**rows, "ignored": found.ignored}


def _kinds_of(found: ScanReport) -> list[dict[str, Any]]:
    """Return what the other files are and how many there are of each kind; their names are not kept."""
    counts = Counter(row.reason for row in found.passed_over)
    return [{"reason": reason, "count": count} for reason, count in sorted(counts.items())]


def nothing_imported(summary: dict[str, Any]) -> ServiceError:
    """Return the refusal of an import of which no part could be used; its verdicts stay with the job."""
    counts = {
        "series": sum(row["verdict"] == REFUSED for row in summary["series"]),
        "masks": sum(row["verdict"] == REFUSED for row in summary["segmentations"]),
    }
    sentence = _("Nothing was imported (series refused: %(series)s, regions refused: %(masks)s).") % counts
    return ServiceError("nothing_imported", sentence, result={**summary, "imported": []})


def _neutral(row: dict[str, Any], label: str) -> None:
    row["path"] = label
    # Days of examinations are shifted wherever they are kept.
    for told in ("series_uid", "dated"):
        row.pop(told, None)
    if name := row.get("name"):
        row["name"] = region_text(name)
        row["is_masked"] = row["name"] != name
    row["reason"] = sentence_text(row["reason"])
    row["notes"] = [sentence_text(note) for note in row["notes"]]


def _remedy(row: dict[str, Any]) -> str:
    error = ServiceError(row["code"], row["reason"] or row["code"])
    return explain(error, reference="").remedy if row["verdict"] == REFUSED else ""

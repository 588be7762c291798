"""Which timepoint each scan of a patient shows: dates decide, words of a path only where no date can.

Nothing is read from files or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from django.utils.translation import gettext as _

from cohorts.core.timeline import Timeline, check_timeline
from cohorts.errors import ServiceError
from cohorts.models import Patient, Timepoint
from cohorts.selectors.patients import timeline_of, true_scan_date
from cohorts.wording import said
from imaging.core.dicom import SeriesReport
from imaging.core.timepoint_words import TimepointKind, timepoint_of_path

BY_FIRST_DOSE = "by the first dose"
BY_ORDER = "by the order of the scan dates"
BY_NAME = "by the name of the folder or file"
ASSUMED = "assumed: the only scan so far"

_FIELDS = {Timepoint.Kind.PRE: "pre_scan_on", Timepoint.Kind.POST: "post_scan_on"}


@dataclass(frozen=True)
class KnownDates:
    """The days by which the scans of one patient are put in order.

    Parameters
    ----------
    scans : tuple of date
        Days of all scans, those that are stored and those of this import, ascending.
    first_dose_on : date or None
        As the patient's clinical data have it.
    stored : mapping of str to date
        Timepoint → day of its scan that is stored.
    """

    scans: tuple[date, ...]
    first_dose_on: date | None
    stored: Mapping[str, date]


def known_dates(members: Iterable[SeriesReport], patient: Patient | None) -> KnownDates:
    """Return what is known of a patient's days, stored or in the files."""
    timepoints = patient.timepoints.select_related("patient__cohort") if patient else ()
    stored = {t.kind: day for t in timepoints if (day := true_scan_date(t))}
    days = {day for series in members if (day := series.acquisition.acquired_on)}
    return KnownDates(tuple(sorted({*days, *stored.values()})), patient.first_dose_on if patient else None, stored)


def stated_timepoints(members: Sequence[SeriesReport]) -> list[TimepointKind | None]:
    """Return the timepoint that the path of each series names.

    A word that stands in the path of every scan of a patient tells none of them apart: it names the study.
    """
    parts = [Path(series.path).parts for series in members]
    days = {series.acquisition.acquired_on for series in members}
    shared = set(parts[0]).intersection(*parts[1:]) if len(days) > 1 else set()
    return [timepoint_of_path(part for part in own if part not in shared) for own in parts]


def timepoint_of(day: date | None, *, timepoint: TimepointKind | None, known: KnownDates) -> tuple[str, str]:
    """Return the timepoint of a scan, and how it was found.

    Raises
    ------
    ServiceError
        ``timepoint_unknown`` where nothing tells, or the path's words contradict the dates.
    """
    by_date = _by_date(day, known)
    if by_date is None:
        return _without_dates(day, timepoint=timepoint, known=known)
    if timepoint and timepoint != by_date[0]:
        says, is_ = (_("before") if kind == Timepoint.Kind.PRE else _("after") for kind in (timepoint, by_date[0]))
        words = {"says": says, "is": is_, "why": by_date[1]}
        raise _unknown(
            _("The name of the folder or file says %(says)s treatment, the dates say %(is)s (%(why)s).") % words
        )
    _require_same_day(day, by_date[0], known)
    return by_date


def require_order(patient: Patient | None, planned: Mapping[str, date | None]) -> None:
    """Refuse scans whose days break rule E10: pre-treatment CT, first and last dose, post-treatment CT, surgery.

    Parameters
    ----------
    patient : Patient or None
        None for one that is new.
    planned : mapping of str to date or None
        Timepoint → day of the scan that shall be stored.

    Raises
    ------
    ServiceError
        ``timepoint_unknown`` with the rule's sentence.
    """
    now = timeline_of(patient) if patient else Timeline()
    then = replace(now, **{_FIELDS[Timepoint.Kind(kind)]: day for kind, day in planned.items() if day})
    before = set(_broken(now))
    if broken := [sentence for sentence in _broken(then) if sentence not in before]:
        raise _unknown(" ".join([*broken, _("The scan would break the order of dates (rule E10).")]))


def _broken(timeline: Timeline) -> list[str]:
    findings = [finding for finding in check_timeline(timeline) if finding.is_error]
    return [said(finding) for finding in findings]


def _by_date(day: date | None, known: KnownDates) -> tuple[str, str] | None:
    if day is None:
        return None
    if known.first_dose_on:
        return (Timepoint.Kind.PRE if day <= known.first_dose_on else Timepoint.Kind.POST), BY_FIRST_DOSE
    if len(known.scans) == 2:
        return (Timepoint.Kind.PRE if day == known.scans[0] else Timepoint.Kind.POST), BY_ORDER
    return None


def _without_dates(day: date | None, *, timepoint: TimepointKind | None, known: KnownDates) -> tuple[str, str]:
    if timepoint:
        return timepoint, BY_NAME
    if day is not None and len(known.scans) == 1:
        return Timepoint.Kind.PRE, ASSUMED
    count = len(known.scans)
    raise _unknown(
        _("It is not clear which scan is before and which after treatment: %(count)s scan dates are known.")
        % {"count": count}
    )


def _require_same_day(day: date | None, kind: str, known: KnownDates) -> None:
    stored = known.stored.get(kind)
    if day and stored and day != stored:
        words = {"days": abs((day - stored).days)}
        raise _unknown(
            _(
                "Another scan of this timepoint, %(days)s days away, is stored already: name the timepoint to replace it."
            )
            % words
        )


def _unknown(sentence: str) -> ServiceError:
    return ServiceError("timepoint_unknown", sentence)

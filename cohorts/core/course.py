"""A patient's course drawn to scale: where each date, span and protocol window stands on an axis of days.

Horizontal places are shares of the width in percent, so that one drawing serves every screen; heights are pixels.
Dates of the left half are written above the axis towards the right, those of the right half below it towards the
left, each in a row of its own: labels never meet, and no leader line crosses one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cohorts.core.errors import Finding, gettext_noop
from cohorts.core.timeline import POST_SCAN_LIMIT_DAYS, PRE_SCAN_LIMIT_DAYS, SURGERY_LIMIT_DAYS, Timeline

LABELS = {
    "pre_scan_on": gettext_noop("CT before treatment"),
    "first_dose_on": gettext_noop("First dose"),
    "last_dose_on": gettext_noop("Last dose"),
    "post_scan_on": gettext_noop("CT after treatment"),
    "surgery_on": gettext_noop("Surgery"),
    "signed_off_on": gettext_noop("Pathology signed off"),
}
_ROW_PX = 22
_MARGIN_PX = 14
_TICK_LABEL_PX = 24
_STEPS_DAYS = (7, 14, 28, 56, 91, 182, 365)
_MOST_TICKS = 7
_EDGE_PERCENT = 3.0


@dataclass(frozen=True)
class Moment:
    """One dated moment: where it stands, where its label stands, and the rules that it breaks."""

    field: str
    label: str
    on: date
    day: int
    since_previous_days: int | None
    x_percent: float
    label_y: int
    is_left: bool
    findings: tuple[Finding, ...]

    @property
    def has_error(self) -> bool:
        """Tell whether a rule is broken here, not only doubtful."""
        return any(finding.is_error for finding in self.findings)


@dataclass(frozen=True)
class Span:
    """A stretch of days: the treatment, or where the protocol expects something."""

    label: str
    days: int
    x_percent: float
    width_percent: float


@dataclass(frozen=True)
class Tick:
    """One day of the axis that is written."""

    day: int
    x_percent: float


@dataclass(frozen=True)
class Course:
    """Everything that the drawing of a course holds."""

    moments: tuple[Moment, ...]
    treatment: Span | None
    windows: tuple[Span, ...]
    ticks: tuple[Tick, ...]
    axis_y: int
    height_px: int
    counts_from_first_dose: bool


@dataclass(frozen=True)
class _Scale:
    start: date
    days: int
    zero: date

    def x(self, on: date) -> float:
        inner = 100 - 2 * _EDGE_PERCENT
        return round(_EDGE_PERCENT + inner * (on - self.start).days / self.days, 2)

    def span(self, label: str, start: date, end: date) -> Span:
        return Span(label, (end - start).days, self.x(start), round(self.x(end) - self.x(start), 2))


def draw_course(timeline: Timeline, findings: Iterable[Finding] = ()) -> Course | None:
    """Lay out a patient's dates on an axis of days.

    Parameters
    ----------
    timeline : Timeline
    findings : iterable of Finding, optional
        What the rules say; each is drawn at the moment of its field.

    Returns
    -------
    Course or None
        None where no date is known.
    """
    known = {name: on for name in LABELS if (on := getattr(timeline, name)) is not None}
    if not known:
        return None
    windows = _windows(timeline)
    scale = _scale([*known.values(), *(day for _label, *ends in windows for day in ends)], known)
    moments = _moments(known, scale, list(findings))
    above = sum(moment.is_left for moment in moments)
    axis_y = _MARGIN_PX + _ROW_PX * above
    treatment = None
    if timeline.first_dose_on and timeline.last_dose_on and timeline.first_dose_on <= timeline.last_dose_on:
        treatment = scale.span(gettext_noop("Treatment"), timeline.first_dose_on, timeline.last_dose_on)
    return Course(
        moments=moments,
        treatment=treatment,
        windows=tuple(scale.span(label, start, end) for label, start, end in windows),
        ticks=_ticks(scale),
        axis_y=axis_y,
        height_px=axis_y + _TICK_LABEL_PX + _ROW_PX * (len(moments) - above) + _MARGIN_PX,
        counts_from_first_dose="first_dose_on" in known,
    )


def _windows(timeline: Timeline) -> list[tuple[str, date, date]]:
    windows = []
    if start := timeline.first_dose_on:
        label = gettext_noop("CT before treatment: at most 28 days before the first dose")
        windows.append((label, start - timedelta(PRE_SCAN_LIMIT_DAYS), start))
    if start := timeline.post_scan_on:
        label = gettext_noop("Surgery: at most 28 days after the CT")
        windows.append((label, start, start + timedelta(POST_SCAN_LIMIT_DAYS)))
    elif start := timeline.last_dose_on:
        label = gettext_noop("Surgery: at most 70 days after the last dose")
        windows.append((label, start, start + timedelta(SURGERY_LIMIT_DAYS)))
    return windows


def _scale(days: Sequence[date], known: dict[str, date]) -> _Scale:
    start, end = min(days), max(days)
    zero = known.get("first_dose_on", min(known.values()))
    return _Scale(start, max((end - start).days, 1), zero)


def _moments(known: dict[str, date], scale: _Scale, findings: list[Finding]) -> tuple[Moment, ...]:
    ordered = sorted(known.items(), key=lambda item: item[1])
    left = [name for name, on in ordered if scale.x(on) < 50]
    axis_y = _MARGIN_PX + _ROW_PX * len(left)
    moments = []
    for place, (name, on) in enumerate(ordered):
        is_left = name in left
        # The outermost moment of each half stands farthest from the axis.
        row = place if is_left else len(ordered) - 1 - place
        below = axis_y + _TICK_LABEL_PX + _ROW_PX * (len(ordered) - len(left) - row)
        moments.append(
            Moment(
                field=name,
                label=LABELS[name],
                on=on,
                day=(on - scale.zero).days,
                since_previous_days=(on - ordered[place - 1][1]).days if place else None,
                x_percent=scale.x(on),
                label_y=_MARGIN_PX + _ROW_PX * row if is_left else below,
                is_left=is_left,
                findings=tuple(finding for finding in findings if finding.field == name),
            )
        )
    return tuple(moments)


def _ticks(scale: _Scale) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS_DAYS if scale.days / step <= _MOST_TICKS), _STEPS_DAYS[-1])
    first = (scale.start - scale.zero).days
    days = range(-(-first // step) * step, first + scale.days + 1, step)
    return tuple(Tick(day, scale.x(scale.zero + timedelta(day))) for day in days)

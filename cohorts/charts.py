"""Vega-Lite charts of a cohort, as plain data. The browser draws them; each comes with its table.

Patients are counted here, so a chart of five thousand of them weighs as much as one of fifty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from json import dumps
from math import inf
from typing import Any

from django.utils.translation import gettext as _

from cohorts.selectors.summary import NO_OUTCOME, CentreSummary, CohortSummary

#: Colour-blind-safe (Okabe-Ito): one colour for one meaning on every page.
RESPONSE_COLOURS = {"MPR": "#009E73", "No MPR": "#D55E00", NO_OUTCOME: "#999999"}
RESPONSES = list(RESPONSE_COLOURS)
_CENTRE_COLOURS = ["#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#8A6BBE", "#8C6D46", "#009E73", "#D55E00"]
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification with its title, the columns of its table, and what a reader must know of it."""

    key: str
    title: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    note: str = ""


def response_scale() -> dict[str, Any]:
    """Give the colour encoding of response."""
    scale = {"domain": RESPONSES, "range": list(RESPONSE_COLOURS.values())}
    words = {"MPR": _("MPR"), "No MPR": _("No MPR"), NO_OUTCOME: _("No outcome yet")}
    cases = "".join(f"datum.label === {dumps(key)} ? {dumps(word)} : " for key, word in words.items())
    legend = {"title": None, "orient": "top", "labelExpr": f"{cases}datum.label"}
    return {"field": "response", "type": "nominal", "scale": scale, "legend": legend}


def cohort_charts(summary: CohortSummary, *, threshold_percent: float) -> tuple[Chart, ...]:
    """Give the charts of the cohort page."""
    rows = summary.rows
    return (
        accrual_chart(rows),
        rate_chart(summary),
        _viable(rows, threshold_percent),
        _stacked("response-by-centre", _("Response by centre"), rows, "centre", _("Centre")),
        _stacked("response-by-histology", _("Response by histology"), rows, "histology", _("Histology")),
        _stacked("response-by-stage", _("Response by clinical stage"), rows, "stage", _("Clinical stage")),
        _stacked("response-by-location", _("Response by location"), rows, "location", _("Location")),
        _histogram("age", _("Age"), rows, "age_years", _("Age (years)"), 5),
        _histogram("pdl1", _("PD-L1"), rows, "pdl1_percent", _("PD-L1 tumour proportion (%)"), 10),
    )


def accrual_chart(rows: Sequence[dict[str, Any]]) -> Chart:
    """Count patients over time by centre: by enrolment, or else by the first dose."""
    dated = [row for row in rows if row["entered_on"]]
    title = _("Patients over time")
    if len(dated) < len(rows):
        title += _(" (%(n)d without a date)") % {"n": len(rows) - len(dated)}
    counted = list(_cumulated(dated))
    centres = sorted({row["centre"] for row in counted})
    legend = {"title": None, "orient": "bottom", "columns": 3} if len(centres) > 1 else None
    encoding = {
        "x": {
            "field": "month",
            "type": "temporal",
            "timeUnit": "utcyearmonth",
            "title": _("Enrolment, or first dose"),
        },
        "y": {"field": "patients", "type": "quantitative", "title": _("Patients so far")},
        "color": {
            "field": "centre",
            "type": "nominal",
            "scale": {"domain": centres, "range": _CENTRE_COLOURS},
            "legend": legend,
        },
        # Colours repeat beyond eight centres; dashes also tell the lines apart in print.
        "strokeDash": {"field": "centre", "type": "nominal", "scale": {"domain": centres, "range": _DASHES}},
    }
    mark = {"type": "line", "interpolate": "step-after", "tooltip": True}
    return Chart("accrual", title, _spec(counted, mark, encoding), ("month", "centre", "patients"), counted)


def _cumulated(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Count up each centre month by month; every line ends in the last month of all."""
    months = sorted({_month(row["entered_on"]) for row in rows})
    for centre, members in groupby(sorted(rows, key=lambda row: str(row["centre"])), lambda row: row["centre"]):
        new, so_far = Counter(_month(row["entered_on"]) for row in members), 0
        for month in months:
            so_far += new[month]
            if new[month] or (so_far and month == months[-1]):
                yield {"month": month, "centre": centre, "patients": so_far}


def _month(day: date) -> str:
    return day.replace(day=1).isoformat()


def rate_chart(summary: CohortSummary) -> Chart:
    """Give the rate of major response of each centre and of all, with its interval."""
    groups = [*summary.centres, summary.total] if len(summary.centres) > 1 else [summary.total]
    rows = [_rate(group) for group in groups if group.with_outcome]
    y = {"field": "centre", "type": "nominal", "sort": None, "title": _("Centre"), "axis": {"labelLimit": 160}}
    x = {"type": "quantitative", "scale": {"domain": [0, 100]}, "title": _("MPR rate (%), 95 % interval")}
    interval = {"y": y, "x": x | {"field": "low_percent"}, "x2": {"field": "high_percent"}}
    size = {"field": "patients", "type": "quantitative", "scale": {"range": [40, 260]}, "legend": None}
    point = {"type": "point", "filled": True, "opacity": 1, "color": RESPONSE_COLOURS["MPR"], "tooltip": True}
    layers = [
        {"mark": {"type": "rule", "size": 2}, "encoding": interval},
        {"mark": point, "encoding": {"y": y, "x": x | {"field": "mpr_percent"}, "size": size}},
    ]
    spec = {"data": {"values": rows}, "width": "container", "height": {"step": 26}, "layer": layers}
    columns = ("centre", "patients", "mpr", "mpr_percent", "low_percent", "high_percent")
    return Chart("mpr-rate", _("Major response by centre"), spec, columns, rows)


def _rate(group: CentreSummary) -> dict[str, Any]:
    low, high = group.mpr_interval_percent or (None, None)
    found = {"centre": group.name, "patients": group.with_outcome, "mpr": group.mpr}
    return found | {"mpr_percent": group.mpr_percent, "low_percent": low, "high_percent": high}


def _spec(rows: Sequence[dict[str, Any]], mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"values": rows}, "width": "container", "height": 200, "mark": mark, "encoding": encoding}


def _stacked(key: str, title: str, rows: Sequence[dict[str, Any]], field: str, label: str) -> Chart:
    counts = Counter((row[field], row["response"]) for row in rows)
    data = [{field: name, "response": response, "patients": n} for (name, response), n in sorted(counts.items())]
    encoding = {
        "y": {"field": field, "type": "nominal", "title": label, "axis": {"labelLimit": 180}},
        "x": {"field": "patients", "aggregate": "sum", "type": "quantitative", "title": _("Patients")},
        "color": response_scale(),
    }
    spec = _spec(data, {"type": "bar", "tooltip": True}, encoding)
    return Chart(key, title, spec, (field, "response", "patients"), data)


def _histogram(
    key: str,
    title: str,
    rows: Sequence[dict[str, Any]],
    field: str,
    label: str,
    step: int,
    *,
    includes_upper: bool = False,
) -> Chart:
    stem, _cut, unit = field.rpartition("_")
    low, high = f"{stem}_from_{unit}", f"{stem}_to_{unit}"
    last = (100 - step) if unit == "percent" else inf  # 100 % belongs to the bar that ends there
    whole = {"scale": {"domain": [0, 100]}} if unit == "percent" else {}
    known = [row for row in rows if row[field] is not None]
    counts = Counter(
        (int(min(last, _lower(row[field], step, includes_upper=includes_upper))), row["response"]) for row in known
    )
    data = [
        {low: at, high: at + step, "response": answer, "patients": n} for (at, answer), n in sorted(counts.items())
    ]
    encoding = {
        "x": {"field": low, "type": "quantitative", "bin": {"binned": True, "step": step}, "title": label} | whole,
        "x2": {"field": high},
        "y": {"field": "patients", "aggregate": "sum", "type": "quantitative", "title": _("Patients")},
        "color": response_scale(),
    }
    spec = _spec(data, {"type": "bar", "tooltip": True}, encoding)
    return Chart(key, title, spec, (low, high, "response", "patients"), data)


def _lower(value: float, step: int, *, includes_upper: bool) -> float:
    """Give where the bar of a value begins; a value between two bars belongs to either, as asked."""
    return max(0, -(-value // step) - 1) * step if includes_upper else value // step * step


def _viable(rows: Sequence[dict[str, Any]], threshold_percent: float) -> Chart:
    # A value at the threshold is a major response, so its bar ends at the line.
    chart = _histogram("viable", "", rows, "viable_percent", _("Viable tumour (%)"), 5, includes_upper=True)
    bars = {name: chart.spec[name] for name in ("mark", "encoding")}
    rule = {
        "mark": {"type": "rule", "strokeDash": [4, 4]},
        "encoding": {"x": {"datum": threshold_percent, "type": "quantitative"}},
    }
    spec = {name: value for name, value in chart.spec.items() if name not in bars} | {"layer": [bars, rule]}
    title = _("Residual viable tumour (line: MPR at %(percent)s %%)") % {"percent": f"{threshold_percent:g}"}
    return Chart(chart.key, title, spec, chart.columns, chart.rows)

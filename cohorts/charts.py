"""Vega-Lite charts of a cohort, as plain data. The browser draws them; each comes with its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cohorts.selectors.summary import CohortSummary

#: Colour-blind-safe (Okabe-Ito): one colour for one meaning on every page.
RESPONSE_COLOURS = {"MPR": "#009E73", "No MPR": "#D55E00", "No outcome yet": "#999999"}
RESPONSES = list(RESPONSE_COLOURS)


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification with its title and the columns of its table."""

    key: str
    title: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]


def response_scale() -> dict[str, Any]:
    """Give the colour encoding of response."""
    scale = {"domain": RESPONSES, "range": list(RESPONSE_COLOURS.values())}
    return {"field": "response", "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top"}}


def cohort_charts(summary: CohortSummary, *, threshold_percent: float) -> tuple[Chart, ...]:
    """Give the charts of the cohort page."""
    rows = summary.rows
    return (
        _stacked("response-by-centre", "Response by centre", rows, "centre", "Centre"),
        _viable(rows, threshold_percent),
        _stacked("response-by-histology", "Response by histology", rows, "histology", "Histology"),
        _stacked("response-by-location", "Response by location", rows, "location", "Location"),
        _histogram("age", "Age", rows, "age_years", "Age (years)", 5),
        _histogram("pdl1", "PD-L1", rows, "pdl1_percent", "PD-L1 tumour proportion (%)", 10),
    )


def _chart(key: str, title: str, rows: Sequence[dict[str, Any]], field: str, body: dict[str, Any]) -> Chart:
    columns = tuple(dict.fromkeys(("patient", field, "response")))
    data = [{name: row[name] for name in columns} for row in rows]
    spec = {"data": {"values": data}, "width": "container", "height": 200, **body}
    return Chart(key, title, spec, columns, data)


def _stacked(key: str, title: str, rows: Sequence[dict[str, Any]], field: str, label: str) -> Chart:
    encoding = {
        "y": {"field": field, "type": "nominal", "title": label, "axis": {"labelLimit": 160}},
        "x": {"aggregate": "count", "type": "quantitative", "title": "Patients"},
        "color": response_scale(),
    }
    return _chart(key, title, rows, field, {"mark": {"type": "bar", "tooltip": True}, "encoding": encoding})


def _histogram(key: str, title: str, rows: Sequence[dict[str, Any]], field: str, label: str, step: int) -> Chart:
    encoding = {
        "x": {"field": field, "type": "quantitative", "bin": {"step": step}, "title": label},
        "y": {"aggregate": "count", "type": "quantitative", "title": "Patients"},
        "color": response_scale(),
    }
    known = [row for row in rows if row[field] is not None]
    return _chart(key, title, known, field, {"mark": {"type": "bar", "tooltip": True}, "encoding": encoding})


def _viable(rows: Sequence[dict[str, Any]], threshold_percent: float) -> Chart:
    chart = _histogram("viable", "Residual viable tumour", rows, "viable_percent", "Viable tumour (%)", 5)
    bars = {name: chart.spec[name] for name in ("mark", "encoding")}
    rule = {
        "mark": {"type": "rule", "strokeDash": [4, 4]},
        "encoding": {"x": {"datum": threshold_percent, "type": "quantitative"}},
    }
    spec = {name: value for name, value in chart.spec.items() if name not in bars} | {"layer": [bars, rule]}
    return Chart(
        chart.key, f"Residual viable tumour (line: MPR at {threshold_percent:g} %)", spec, chart.columns, chart.rows
    )

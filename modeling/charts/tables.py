"""Charts of a table that was brought, from the report that the command prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cohorts.charts import Chart
from modeling.charts.calibration import ideal, net_benefit_encoding, share
from modeling.charts.discrimination import SPLIT_COLOURS, line_colours, rounded, split_colours
from modeling.models import Evaluation
from modeling.wording import NO_DECISION_OF_TABLE

#: The most independent test first; curves are drawn of the first that a report has.
_TESTS = ("external", "nested_cv")
_WORDS = {
    str(Evaluation.Split.NESTED_CV): gettext_lazy("Nested cross-validation"),
    str(Evaluation.Split.EXTERNAL): gettext_lazy("External test"),
} | {str(Evaluation.Split.LEAVE_ONE_CENTRE_OUT): gettext_lazy("Leave one centre out")}
_RISK_COLOURS = {"low risk": "#0072B2", "high risk": "#D55E00"}

Row = Mapping[str, Any]


def charts_of(report: Row) -> list[Chart]:
    """Give the charts of a report: one number with its interval, then curves of the most independent test."""
    split = next((one for one in _TESTS if any(row["split"] == one for _name, row in _pooled(report))), "")
    pooled = [(name, row) for name, row in _pooled(report) if row["split"] == split]
    if any("c_index" in row for _name, row in pooled):
        found = [_interval_chart(report, "c_index", "c_low", "c_high", "C-index")]
        return [*found, *(_survival_chart(name, row) for name, row in pooled)]
    return [
        _interval_chart(report, "auc", "auc_low", "auc_high", "AUC"),
        _roc_chart(pooled),
        _calibration_chart(pooled),
        _benefit_chart(pooled),
    ]


def _pooled(report: Row) -> Iterator[tuple[str, Row]]:
    for model in report["models"]:
        for row in model["evaluations"]:
            if not row["centre"]:
                yield model["name"], row


def _interval_chart(report: Row, value: str, low: str, high: str, title: str) -> Chart:
    rows = [
        {
            "model": name,
            "split": str(_WORDS.get(row["split"], row["split"])),
            "n": row["n"],
            "events": row["events"],
            "value": rounded(row[value]),
            "low": rounded(row[low]),
            "high": rounded(row[high]),
        }
        for name, row in _pooled(report)
        if row[value] is not None
    ]
    splits = [name for name in map(_, SPLIT_COLOURS) if name in {row["split"] for row in rows}]
    x = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "title": _("%(measure)s (95 %% interval)") % {"measure": title},
    }
    y = {"field": "model", "type": "nominal", "sort": None, "title": None}
    offset = {"field": "split", "type": "nominal", "sort": splits}
    chance = {"data": {"values": [{"value": 0.5}]}, "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.5}}
    alone = {"y": None, "yOffset": None, "color": None}
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 18},
        "encoding": {"y": y, "yOffset": offset, "color": split_colours(splits)},
        "layer": [
            {**chance, "encoding": {"x": {**x, "field": "value"}, **alone}},
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "tooltip": True},
                "encoding": {"x": {**x, "field": "value"}},
            },
        ],
    }
    columns = ("model", "split", "n", "events", "value", "low", "high")
    return Chart("table-interval", _("%(measure)s by model") % {"measure": title}, spec, columns, rows)


def _roc_chart(pooled: Iterable[tuple[str, Row]]) -> Chart:
    rows = [
        {"model": name, "order": order, "fpr": round(x, 4), "tpr": round(y, 4)}
        for name, row in pooled
        for order, (x, y) in enumerate(row["roc"])
    ]
    encoding = {
        "x": {"field": "fpr", "type": "quantitative", "title": _("1 − specificity (share of false alarms)")},
        "y": {"field": "tpr", "type": "quantitative", "title": _("Sensitivity (share of events found)")},
        "color": line_colours("model", (row["model"] for row in rows)),
        "order": {"field": "order"},
    }
    mark = {"type": "line", "interpolate": "step-after"}
    return Chart("table-roc", _("ROC"), _spec(rows, mark, encoding), ("model", "fpr", "tpr"), rows)


def _calibration_chart(pooled: Iterable[tuple[str, Row]]) -> Chart:
    rows = [
        {"model": name, "predicted": round(p, 3), "observed": round(y, 3), "patients": n}
        for name, row in pooled
        for p, y, n in row["calibration"]
    ]
    encoding = {
        "x": share("predicted", _("Predicted probability of the event")),
        "y": share("observed", _("Observed share with the event")),
        "color": line_colours("model", (row["model"] for row in rows)),
    }
    groups = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": encoding,
    }
    spec = {"width": "container", "height": 280, "layer": [ideal(encoding["x"], encoding["y"]), groups]}
    return Chart("table-calibration", _("Calibration"), spec, ("model", "predicted", "observed", "patients"), rows)


def _benefit_chart(pooled: list[tuple[str, Row]]) -> Chart:
    rows = [
        {"strategy": name, "threshold_percent": round(100 * t), "net_benefit": round(gain, 4)}
        for name, row in pooled
        for t, gain, _everybody in row["decision_curve"]
    ]
    for t, _gain, everybody in pooled[0][1]["decision_curve"] if pooled else ():
        threshold = round(100 * t)
        rows.append({"strategy": "everybody", "threshold_percent": threshold, "net_benefit": round(everybody, 4)})
        rows.append({"strategy": "nobody", "threshold_percent": threshold, "net_benefit": 0.0})
    spec = _spec(rows, {"type": "line", "clip": True}, net_benefit_encoding(rows, event=_("the event")))
    columns = ("strategy", "threshold_percent", "net_benefit")
    return Chart("table-benefit", _("Decision curve"), spec, columns, rows, note=_(NO_DECISION_OF_TABLE))


def _survival_chart(name: str, row: Row) -> Chart:
    rows = [
        {part: rounded(point[part]) if isinstance(point[part], float) else point[part] for part in point}
        for point in row["kaplan_meier"]
    ]
    x = {"field": "time", "type": "quantitative", "title": _("Time (in the unit of the table)")}
    scale = {"domain": list(_RISK_COLOURS), "range": list(_RISK_COLOURS.values())}
    colour = {"field": "group", "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top"}}
    y = {"type": "quantitative", "scale": {"domain": [0, 1]}, "title": _("Without the event (share, 95 % interval)")}
    step = "step-after"
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": 280,
        "encoding": {"x": x, "color": colour},
        "layer": [
            {
                "mark": {"type": "area", "interpolate": step, "opacity": 0.15},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "interpolate": step}, "encoding": {"y": {**y, "field": "survival"}}},
        ],
    }
    columns = ("group", "time", "survival", "low", "high", "at_risk")
    split = str(_WORDS.get(row["split"], row["split"]))
    title = _("Kaplan-Meier, %(name)s, %(split)s") % {"name": name, "split": split.lower()}
    return Chart(
        f"table-survival-{name}",
        title,
        spec,
        columns,
        rows,
    )


def _spec(rows: list[dict[str, Any]], mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"values": rows}, "width": "container", "height": 280, "mark": mark, "encoding": encoding}

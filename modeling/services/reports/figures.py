"""Figures of reports as Vega-Lite specifications with their data inline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from modeling.core.reporting.documents import Figure
from modeling.models import Evaluation
from modeling.services.reports.records import Records, cite_evaluations, cite_run
from modeling.wording import NO_DECISION, subgroup_in_words

#: Colour-blind-safe (Okabe-Ito), one colour for one split in all figures.
_COLOURS = {
    "Nested cross-validation": "#0B5D57",
    "Cross-validation": "#0B5D57",
    "Internal test": "#0072B2",
    "External test": "#D55E00",
    "Leave one centre out": "#CC79A7",
    "Temporal test": "#E69F00",
}
_GREY = "#8a9693"


def split_name(evaluation: Evaluation) -> str:
    """Give a split in words."""
    return evaluation.get_split_display().removesuffix(" (training patients)")


def _colour(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in _COLOURS if name in {row["split"] for row in rows}]
    scale = {"domain": names, "range": [_COLOURS[name] for name in names]}
    return {"field": "split", "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top"}}


def _axis(field: str, title: str, *, domain: Sequence[float] | None = None) -> dict[str, Any]:
    scale = {"scale": {"domain": list(domain)}} if domain else {}
    return {"field": field, "type": "quantitative", "title": title, **scale}


Box = tuple[str, float, float, float, str]
Line = tuple[float, float, float, float]


def flow(records: Records, boxes: Sequence[Box], *, arrows: Sequence[Line], rails: Sequence[Line]) -> Figure:
    """Draw boxes (text, x, y, width, shade), arrows and lines without a tip on a plane of 100 by 100."""
    height = 13
    rows = [
        {"text": t.split("\n"), "x": x, "y": y, "left": x - w / 2, "right": x + w / 2}
        | {"low": y - height / 2, "high": y + height / 2, "shade": shade}
        for t, x, y, w, shade in boxes
    ]
    lines = [{"x": x, "y": y, "x2": x2, "y2": y2} for x, y, x2, y2 in (*rails, *arrows)]
    tips = [line | {"angle": 90 if line["y"] == line["y2"] else 180} for line in lines[len(rails) :]]
    plane: dict[str, Any] = {"type": "quantitative", "axis": None, "scale": {"domain": [0, 100], "nice": False}}
    x, y = {**plane, "field": "x"}, {**plane, "field": "y"}
    ends = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    corners = {"x": {**plane, "field": "left"}, "x2": {"field": "right"}}
    corners |= {"y": {**plane, "field": "low"}, "y2": {"field": "high"}}
    spec = {
        "width": 560,
        "height": 270,
        "layer": [
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "color": _GREY, "strokeWidth": 1.4},
                "encoding": {"x": x, "y": y, **ends},
            },
            {
                "data": {"values": tips},
                "mark": {"type": "point", "shape": "triangle-up", "filled": True, "size": 60, "opacity": 1}
                | {"color": _GREY},
                "encoding": {
                    "x": {**plane, "field": "x2"},
                    "y": {**plane, "field": "y2"},
                    "angle": {"field": "angle", "type": "quantitative", "scale": None},
                },
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rect", "cornerRadius": 4, "stroke": _GREY, "strokeWidth": 0.8},
                "encoding": corners | {"fill": {"field": "shade", "type": "nominal", "scale": None}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "text", "lineHeight": 13, "baseline": "middle", "dy": {"expr": "-5"}},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
        ],
    }
    return Figure("flow", "Flow of participants", spec, source=cite_run(records, "findings"))


def auc_by_model(records: Records, evaluations: Sequence[Evaluation]) -> Figure | None:
    """Draw the area of each model with its interval, by split."""
    rows = [
        {"model": e.model_version.title, "split": split_name(e), "auc": e.auc}
        | {"low": e.auc_low, "high": e.auc_high}
        for e in evaluations
        if e.auc is not None
    ]
    if not rows:
        return None
    models = list(dict.fromkeys(row["model"] for row in rows))
    splits = _colour(rows)["scale"]["domain"]
    y = {"field": "model", "type": "nominal", "sort": models, "title": None, "axis": {"labelLimit": 280}}
    x = "AUC (95 % interval)"
    chance = {
        "data": {"values": [{"auc": 0.5}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": _GREY},
        "encoding": {"x": _axis("auc", x, domain=(0, 1))},
    }
    bars: dict[str, Any] = {
        "mark": {"type": "rule", "strokeWidth": 1.6, "clip": True},
        "encoding": {"x": _axis("low", x, domain=(0, 1)), "x2": {"field": "high"}},
    }
    points: dict[str, Any] = {
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
        "encoding": {"x": _axis("auc", x, domain=(0, 1))},
    }
    shared = {"y": y, "yOffset": {"field": "split", "type": "nominal", "sort": splits}, "color": _colour(rows)}
    marks = [{**part, "encoding": {**part["encoding"], **shared}} for part in (bars, points)]
    spec = {"data": {"values": rows}, "width": 330, "height": {"step": 13}, "layer": [chance, *marks]}
    caption = "All centres of a split together. The broken line is chance."
    return Figure("auc", "Discrimination of each model", spec, caption, cite_evaluations(records))


def roc(evaluations: Sequence[Evaluation], *, source: str) -> Figure | None:
    """Draw the ROC curves of one model, by split."""
    rows = [
        {"split": split_name(e), "order": i, "fpr": round(x, 4), "tpr": round(y, 4)}
        for e in evaluations
        for i, (x, y) in enumerate(e.roc)
    ]
    if not rows:
        return None
    encoding = {
        "x": _axis("fpr", "1 − specificity", domain=(0, 1)),
        "y": _axis("tpr", "Sensitivity", domain=(0, 1)),
        "color": _colour(rows),
        "order": {"field": "order"},
    }
    line = {"data": {"values": rows}, "mark": {"type": "line", "interpolate": "step-after"}, "encoding": encoding}
    spec = {"width": 300, "height": 300, "layer": [_diagonal(encoding["x"], encoding["y"]), line]}
    return Figure("roc", "ROC curves", spec, "The broken line is chance.", source)


def calibration(evaluations: Sequence[Evaluation], *, source: str) -> Figure | None:
    """Draw observed against predicted shares of one model, by split."""
    groups = [
        {"split": split_name(e), "p": round(p, 4), "observed": round(y, 4), "patients": n}
        for e in evaluations
        for p, y, n in e.metrics.get("calibration") or []
    ]
    smooth = [
        {"split": split_name(e), "p": round(p, 4), "observed": round(y, 4)}
        for e in evaluations
        for p, y in e.metrics.get("loess") or []
    ]
    if not groups:
        return None
    axes = {
        "x": _axis("p", "Predicted probability of MPR", domain=(0, 1)),
        "y": _axis("observed", "Observed share with MPR", domain=(0, 1)),
        "color": _colour(groups),
    }
    ends = sorted({pick(row["patients"] for row in groups) for pick in (min, max)})
    legend = {"title": "Patients", "orient": "right", "symbolType": "circle", "values": ends}
    size = {"field": "patients", "type": "quantitative", "legend": legend, "scale": {"range": [15, 150]}}
    points = {"type": "point", "filled": True, "opacity": 0.75}
    layers: list[dict[str, Any]] = [_diagonal(axes["x"], axes["y"])]
    if smooth:
        layers.append({"data": {"values": smooth}, "mark": {"type": "line", "clip": True}, "encoding": axes})
    layers.append({"data": {"values": groups}, "mark": points, "encoding": {**axes, "size": size}})
    caption = (
        "Points are groups of patients ordered by prediction; lines are smoothed (loess); the broken line is ideal."
    )
    return Figure("calibration", "Calibration", {"width": 300, "height": 300, "layer": layers}, caption, source)


def decision(evaluation: Evaluation, *, source: str) -> Figure | None:
    """Draw the net benefit of one model beside treating everybody and nobody."""
    curve = evaluation.metrics.get("decision_curve") or []
    if not curve:
        return None
    rows = [
        {"who": who, "t": t, "benefit": round(value, 5)}
        for t, model, everybody in curve
        for who, value in (("The model", model), ("Everybody", everybody), ("Nobody", 0.0))
    ]
    top = max(row["benefit"] for row in rows)
    who = ["The model", "Everybody", "Nobody"]
    scale = {"domain": who, "range": ["#0B5D57", "#D55E00", _GREY]}
    spec = {
        "data": {"values": rows},
        "width": 420,
        "height": 220,
        "mark": {"type": "line", "clip": True},
        "encoding": {
            "x": _axis("t", "Threshold probability"),
            "y": _axis("benefit", "Net benefit (per patient)", domain=(-0.1, max(0.1, 1.05 * top))),
            "color": {"field": "who", "type": "nominal", "scale": scale, "sort": who}
            | {"legend": {"title": "Who is called a responder", "orient": "top"}},
        },
    }
    caption = f"{NO_DECISION} Net benefit below −0.1 is not drawn. {evaluation.get_split_display()}, {evaluation.n} patients."
    return Figure("decision", "Decision curves", spec, caption, source)


def forest(rows: Sequence[dict[str, Any]], *, source: str) -> Figure | None:
    """Draw the area of one model in each subgroup that is large enough."""
    data = [
        {"group": f"{subgroup_in_words(row['factor'], row['level'])} (n = {row['n']})"}
        | {name: row[name] for name in ("auc", "low", "high")}
        for row in rows
        if row.get("auc") is not None
    ]
    if not data:
        return None
    order = [row["group"] for row in data]
    y = {"field": "group", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 260}}
    title = "AUC (95 % interval)"
    spec = {
        "data": {"values": data},
        "width": 330,
        "height": {"step": 17},
        "layer": [
            {
                "mark": {"type": "rule", "clip": True},
                "encoding": {"y": y, "x": _axis("low", title, domain=(0, 1)), "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "square", "filled": True, "size": 55, "color": "#0B5D57", "opacity": 1},
                "encoding": {"y": y, "x": _axis("auc", title, domain=(0, 1))},
            },
        ],
    }
    return Figure("forest", "Discrimination in subgroups", spec, "The model is not refitted in a subgroup.", source)


def _diagonal(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    ends = [{x["field"]: end, y["field"]: end} for end in (0, 1)]
    mark = {"type": "line", "strokeDash": [4, 4], "color": _GREY, "strokeWidth": 1}
    return {"data": {"values": ends}, "mark": mark, "encoding": {"x": x, "y": y}}

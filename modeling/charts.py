"""Vega-Lite charts of models, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cohorts.charts import Chart
from modeling.models import Evaluation, Prediction
from modeling.wording import feature_in_words

_SPLIT_COLOURS = {"Cross-validation": "#999999", "Internal test": "#0072B2", "External test": "#D55E00"}
_SPLIT_NAMES = {
    Evaluation.Split.CROSS_VALIDATION: "Cross-validation",
    Evaluation.Split.INTERNAL_TEST: "Internal test",
    Evaluation.Split.EXTERNAL: "External test",
}


def auc_chart(evaluations: Iterable[Evaluation]) -> Chart | None:
    """Give the AUC of each model with its 95 % interval, by split; the centres of a split together."""
    rows = [_auc_row(e) for e in evaluations if not e.centre and e.auc is not None]
    if not rows:
        return None
    models = list(dict.fromkeys(row["model"] for row in rows))
    y = {"field": "model", "type": "nominal", "sort": models, "title": None}
    offset = {"yOffset": {"field": "split", "type": "nominal", "sort": list(_SPLIT_COLOURS)}}
    scale = {"domain": list(_SPLIT_COLOURS), "range": list(_SPLIT_COLOURS.values())}
    colour = {"field": "split", "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top"}}
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "title": "AUC (95 % interval)"}
    interval = {
        "mark": {"type": "rule", "strokeWidth": 2, "clip": True},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 70, "tooltip": True},
        "encoding": {"x": {**x, "field": "auc"}},
    }
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 18},
        "encoding": {"y": y, "color": colour, **offset},
        "layer": [interval, point],
    }
    columns = ("model", "split", "n", "events", "auc", "low", "high")
    return Chart("auc", "Discrimination by model", spec, columns, rows)


def _auc_row(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "model": str(evaluation.model_version),
        "split": _SPLIT_NAMES[Evaluation.Split(evaluation.split)],
        "n": evaluation.n,
        "events": evaluation.events,
        "auc": _rounded(evaluation.auc),
        "low": _rounded(evaluation.auc_low),
        "high": _rounded(evaluation.auc_high),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def roc_chart(evaluations: Iterable[Evaluation], *, split: str, title: str) -> Chart | None:
    """Give the ROC curves of models on all centres of one split."""
    rows = [
        {"model": str(e.model_version), "order": order, "fpr": round(x, 4), "tpr": round(y, 4)}
        for e in evaluations
        if e.split == split and not e.centre
        for order, (x, y) in enumerate(e.roc)
    ]
    if not rows:
        return None
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": 280,
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": {"field": "fpr", "type": "quantitative", "title": "1 − specificity"},
            "y": {"field": "tpr", "type": "quantitative", "title": "Sensitivity"},
            "color": {"field": "model", "type": "nominal", "legend": {"title": None, "orient": "right"}},
            "order": {"field": "order"},
        },
    }
    return Chart(f"roc-{split}", title, spec, ("model", "fpr", "tpr"), rows)


def contribution_chart(prediction: Prediction) -> Chart | None:
    """Give what moved a prediction, in log-odds."""
    rows = [
        {
            "feature": feature_in_words(c["feature"]),
            "value": None if c["value"] is None else round(c["value"], 4),
            "log_odds": round(c["log_odds"], 3),
            "towards": "Response" if c["log_odds"] > 0 else "No response",
        }
        for c in prediction.contributions
    ]
    if not rows:
        return None
    scale = {"domain": ["Response", "No response"], "range": ["#009E73", "#D55E00"]}
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 24},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": {"field": "feature", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 320}},
            "x": {"field": "log_odds", "type": "quantitative", "title": "Contribution (log-odds)"},
            "color": {
                "field": "towards",
                "type": "nominal",
                "scale": scale,
                "legend": {"title": "Towards", "orient": "top"},
            },
        },
    }
    return Chart(
        "contributions", "What moved this prediction", spec, ("feature", "value", "log_odds", "towards"), rows
    )

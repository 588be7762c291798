"""How well models tell responders from others: areas with intervals, and ROC curves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cohorts.charts import Chart
from modeling.models import Evaluation

#: Okabe-Ito, safe for colour-blind readers: one colour for one split on every page.
SPLIT_COLOURS = {
    "Nested cross-validation": "#666666",
    "Cross-validation": "#999999",
    "Internal test": "#0072B2",
    "External test": "#D55E00",
    "Leave one centre out": "#009E73",
    "Temporal test": "#CC79A7",
}
_SPLIT_NAMES = {
    Evaluation.Split.NESTED_CV: gettext_lazy("Nested cross-validation"),
    Evaluation.Split.CROSS_VALIDATION: gettext_lazy("Cross-validation"),
    Evaluation.Split.INTERNAL_TEST: gettext_lazy("Internal test"),
    Evaluation.Split.EXTERNAL: gettext_lazy("External test"),
    Evaluation.Split.LEAVE_ONE_CENTRE_OUT: gettext_lazy("Leave one centre out"),
    Evaluation.Split.TEMPORAL: gettext_lazy("Temporal test"),
}


def split_in_words(evaluation: Evaluation) -> str:
    """Give the name of an evaluation's split as legends show it."""
    return str(_SPLIT_NAMES[Evaluation.Split(evaluation.split)])


def split_colours(names: Iterable[str]) -> dict[str, Any]:
    """Give the colour encoding of the splits that are there."""
    present = set(names)
    named = {_(name): colour for name, colour in SPLIT_COLOURS.items()}
    domain = [name for name in named if name in present]
    scale = {"domain": domain, "range": [named[name] for name in domain]}
    legend = {"title": None, "orient": "top", "columns": 4}
    return {"field": "split", "type": "nominal", "scale": scale, "legend": legend}


#: Okabe-Ito again, for models in the order in which a run lists them; the two references are grey.
_MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#8A6BBE", "#56B4E9", "#8C6D46")
REFERENCE_COLOURS = {"Everybody": "#777777", "Nobody": "#AAAAAA"}


def line_colours(field: str, names: Iterable[str]) -> dict[str, Any]:
    """Give the colour encoding of lines, the same colour for a model in every chart of a page."""
    listed = list(dict.fromkeys(names))
    models = [name for name in listed if name.capitalize() not in REFERENCE_COLOURS]
    colours = {name: _MODEL_COLOURS[order % len(_MODEL_COLOURS)] for order, name in enumerate(models)}
    chosen = [colours.get(name) or REFERENCE_COLOURS[name.capitalize()] for name in listed]
    legend = {"title": None, "orient": "bottom", "columns": 3, "symbolType": "stroke", "symbolStrokeWidth": 3}
    return {"field": field, "type": "nominal", "scale": {"domain": listed, "range": chosen}, "legend": legend}


def diagonal(x: str, y: str) -> dict[str, Any]:
    """Give the layer of the diagonal, where a curve says no more than chance."""
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    return {
        "data": {"values": [{x: 0, y: 0}, {x: 1, y: 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1, "color": "#888888"},
        "encoding": {"x": {"field": x, **unit}, "y": {"field": y, **unit}},
    }


def rounded(value: float | None, digits: int = 3) -> float | None:
    """Round what has a value."""
    return None if value is None else round(value, digits)


def auc_chart(evaluations: Iterable[Evaluation]) -> Chart | None:
    """Give the AUC of each model with its 95 % interval, by split; the centres of a split together."""
    rows = [_auc_row(e) for e in evaluations if not e.centre and e.auc is not None]
    if not rows:
        return None
    models = list(dict.fromkeys(row["model"] for row in rows))
    splits = [name for name in map(_, SPLIT_COLOURS) if name in {row["split"] for row in rows}]
    y = {"field": "model", "type": "nominal", "sort": models, "title": None}
    offset = {"yOffset": {"field": "split", "type": "nominal", "sort": splits}}
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "title": _("AUC (95 % interval)")}
    interval = {
        "mark": {"type": "rule", "strokeWidth": 2, "clip": True},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 70, "tooltip": True},
        "encoding": {"x": {**x, "field": "auc"}},
    }
    chance = {
        "data": {"values": [{"auc": 0.5}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.5},
        "encoding": {"x": {**x, "field": "auc"}, "y": None, "yOffset": None, "color": None},
    }
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 12 if len(splits) > 2 else 18},
        "encoding": {"y": y, "color": split_colours(splits), **offset},
        "layer": [chance, interval, point],
    }
    columns = ("model", "split", "n", "events", "auc", "low", "high")
    return Chart("auc", _("Discrimination by model"), spec, columns, rows)


def _auc_row(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "model": str(evaluation.model_version),
        "split": split_in_words(evaluation),
        "n": evaluation.n,
        "events": evaluation.events,
        "auc": rounded(evaluation.auc),
        "low": rounded(evaluation.auc_low),
        "high": rounded(evaluation.auc_high),
    }


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
    curves = {
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": {"field": "fpr", "type": "quantitative", "title": _("1 − specificity (share of false alarms)")},
            "y": {"field": "tpr", "type": "quantitative", "title": _("Sensitivity (share of responders found)")},
            "color": line_colours("model", (row["model"] for row in rows)),
            "order": {"field": "order"},
        },
    }
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": 280,
        "layer": [diagonal("fpr", "tpr"), curves],
    }
    return Chart(f"roc-{split}", title, spec, ("model", "fpr", "tpr"), rows)

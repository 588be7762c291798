"""Whether probabilities are as high as what was observed, and what acting on them gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from cohorts.charts import Chart
from modeling.charts.discrimination import line_colours, split_colours, split_in_words
from modeling.models import Evaluation
from modeling.wording import NO_DECISION


def calibration_chart(evaluations: Sequence[Evaluation]) -> Chart | None:
    """Give observed against predicted response of one model: groups of patients, and a smooth curve, by split."""
    pooled = [e for e in evaluations if not e.centre and e.metrics.get("calibration")]
    groups = [
        {"split": split_in_words(e), "predicted": round(p, 3), "observed": round(y, 3), "patients": n}
        for e in pooled
        for p, y, n in e.metrics["calibration"]
    ]
    if not groups:
        return None
    smooth = [
        {"split": split_in_words(e), "predicted": round(p, 3), "observed": round(y, 3)}
        for e in pooled
        for p, y in e.metrics.get("loess") or []
    ]
    x = share("predicted", _("Predicted probability of MPR"))
    y = share("observed", _("Observed share with MPR"))
    colour = {"color": split_colours(row["split"] for row in groups)}
    size = {"field": "patients", "type": "quantitative", "scale": {"range": [20, 160]}, "legend": None}
    spec = {
        "width": "container",
        "height": 280,
        "layer": [
            ideal(x, y),
            {
                "data": {"values": smooth},
                "mark": {"type": "line", "clip": True},
                "encoding": {"x": x, "y": y, **colour},
            },
            {
                "data": {"values": groups},
                "mark": {"type": "point", "filled": True, "opacity": 0.55, "tooltip": True},
                "encoding": {"x": x, "y": y, **colour, "size": size},
            },
        ],
    }
    return Chart(
        "calibration",
        _("Calibration (larger dots: more patients)"),
        spec,
        ("split", "predicted", "observed", "patients"),
        groups,
    )


def share(field: str, title: str) -> dict[str, Any]:
    """Give the encoding of a share, from 0 to 1."""
    return {"field": field, "type": "quantitative", "scale": {"domain": [0, 1]}, "title": title}


def ideal(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """Give the layer of the line on which what is predicted is observed."""
    ends = [{"predicted": 0, "observed": 0}, {"predicted": 1, "observed": 1}]
    mark = {"type": "line", "strokeDash": [4, 4], "color": "#888888"}
    return {"data": {"values": ends}, "mark": mark, "encoding": {"x": x, "y": y}}


def net_benefit_chart(evaluations: Sequence[Evaluation], *, split: str) -> Chart | None:
    """Give the decision curves of all models on one split, beside treating everybody and nobody."""
    pooled = [e for e in evaluations if e.split == split and not e.centre and e.metrics.get("decision_curve")]
    if not pooled:
        return None
    rows = [
        {"strategy": str(e.model_version), "threshold_percent": round(100 * t), "net_benefit": round(gain, 4)}
        for e in pooled
        for t, gain, _everybody in e.metrics["decision_curve"]
    ]
    for t, _gain, everybody in pooled[0].metrics["decision_curve"]:
        rows.append(
            {"strategy": "Everybody", "threshold_percent": round(100 * t), "net_benefit": round(everybody, 4)}
        )
        rows.append({"strategy": "Nobody", "threshold_percent": round(100 * t), "net_benefit": 0.0})
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": 280,
        "mark": {"type": "line", "clip": True},
        "encoding": {
            **net_benefit_encoding(rows, event="MPR"),
            "strokeDash": {
                "condition": {"test": "datum.strategy == 'Everybody' || datum.strategy == 'Nobody'", "value": [5, 4]},
                "value": [1, 0],
            },
        },
    }
    title = _("Decision curve, %(split)s") % {"split": Evaluation.Split(split).label.lower()}
    columns = ("strategy", "threshold_percent", "net_benefit")
    return Chart(f"net-benefit-{split}", title, spec, columns, rows, note=_(NO_DECISION))


def net_benefit_encoding(rows: Sequence[dict[str, Any]], *, event: str) -> dict[str, Any]:
    """Give the axes and colours of decision curves: rows of a strategy, a threshold in percent and a net benefit."""
    probability = _("Threshold probability of %(event)s (%%)") % {"event": event}
    top = max((row["net_benefit"] for row in rows), default=0.1)
    return {
        "x": {
            "field": "threshold_percent",
            "type": "quantitative",
            "title": probability,
        },
        "y": {
            "field": "net_benefit",
            "type": "quantitative",
            # Treating everybody falls without end; what lies far below nobody's zero says nothing more.
            "scale": {"domain": [-0.05, round(top + 0.02, 2)]},
            "title": _("Net benefit (true positives per patient)"),
        },
        "color": line_colours("strategy", (row["strategy"] for row in rows)),
    }

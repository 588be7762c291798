"""What models look at: classifiers, selected features, and what moved one prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from cohorts.charts import Chart
from modeling.charts.discrimination import rounded
from modeling.models import Prediction
from modeling.wording import classifier_in_words, feature_in_words

#: Of many features the most important ones, and of those that refits select the most frequent ones.
_MOST_IMPORTANT = 15
_MOST_FREQUENT = 10


def classifier_chart(comparison: Mapping[str, Mapping[str, Any]]) -> Chart | None:
    """Give the inner AUC of each candidate with its standard error, and which was taken."""
    chosen, near, others = _("Chosen"), _("Within one standard error"), _("Not chosen")
    rows = [
        {
            "classifier": classifier_in_words(name),
            "auc": rounded(row["auc"]),
            "low": rounded(row["auc"] - (row["se"] or 0)),
            "high": rounded(row["auc"] + (row["se"] or 0)),
            "choice": chosen if row["chosen"] else near if row["eligible"] else others,
        }
        for name, row in comparison.items()
        if row.get("auc") is not None
    ]
    if not rows:
        return None
    scale = {
        "domain": [chosen, near, others],
        "range": ["#009E73", "#0072B2", "#999999"],
    }
    y = {"field": "classifier", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 250}}
    x = {
        "type": "quantitative",
        "scale": {"zero": False},
        "title": _("AUC within the training folds (± standard error)"),
    }
    colour = {"field": "choice", "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top"}}
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": {"step": 22},
        "encoding": {"y": y, "color": colour},
        "layer": [
            {"mark": {"type": "rule"}, "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 70, "tooltip": True},
                "encoding": {"x": {**x, "field": "auc"}},
            },
        ],
    }
    return Chart(
        "classifiers", _("Candidate classifiers"), spec, ("classifier", "auc", "low", "high", "choice"), rows
    )


def selection_chart(facts: Mapping[str, Any], selected: Sequence[str]) -> Chart | None:
    """Give how often each feature was selected in refits, the final model's features marked."""
    frequency = facts.get("selection_frequency", {})
    ranked = sorted(frequency, key=lambda name: (-frequency[name], name))[:_MOST_FREQUENT]
    names = ranked + [name for name in selected if name not in ranked]
    icc = facts.get("icc", {})
    inside, outside = _("In the final model"), _("Not in it")
    rows = [
        {
            "feature": feature_in_words(name),
            "percent": round(100 * frequency.get(name, 0.0)),
            "icc": rounded(icc.get(name), 2),
            "model": inside if name in selected else outside,
        }
        for name in names
    ]
    if not rows:
        return None
    scale = {"domain": [inside, outside], "range": ["#0072B2", "#BBBBBB"]}
    return _bars(
        Chart("selection", _("How often features are selected"), {}, ("feature", "percent", "icc", "model"), rows),
        x={"field": "percent", "title": _("Refits that select it (%)"), "scale": {"domain": [0, 100]}},
        colour={"field": "model", "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top"}},
    )


def importance_chart(facts: Mapping[str, Any]) -> Chart | None:
    """Give how far each feature moves the estimates of training patients, on average."""
    rows = [
        {"feature": feature_in_words(row["feature"]), "mean_abs_log_odds": round(row["mean_abs_log_odds"], 3)}
        for row in facts.get("importance", [])[:_MOST_IMPORTANT]
    ]
    if not rows:
        return None
    return _bars(
        Chart("importance", _("What moves the estimates most"), {}, ("feature", "mean_abs_log_odds"), rows),
        x={"field": "mean_abs_log_odds", "title": _("Mean change of the log-odds (absolute SHAP value)")},
        colour={"value": "#0072B2"},
    )


def contribution_chart(prediction: Prediction) -> Chart | None:
    """Give what moved a prediction: in log-odds, or in probability where a forest voted."""
    scale_name = "probability" if "probability" in next(iter(prediction.contributions), {}) else "log_odds"
    rows = [
        {
            "feature": feature_in_words(c["feature"]),
            "value": None if c["value"] is None else round(c["value"], 4),
            scale_name: round(c[scale_name], 3),
            "towards": _("Response") if c[scale_name] > 0 else _("No response"),
        }
        for c in prediction.contributions
    ]
    if not rows:
        return None
    scale = {"domain": [_("Response"), _("No response")], "range": ["#009E73", "#D55E00"]}
    columns = ("feature", "value", scale_name, "towards")
    unit = _("log-odds") if scale_name == "log_odds" else _("change of probability, 0 to 1")
    return _bars(
        Chart("contributions", _("What moved this prediction (%(unit)s)") % {"unit": unit}, {}, columns, rows),
        x={"field": scale_name, "title": _("Contribution (%(unit)s)") % {"unit": unit}},
        colour={
            "field": "towards",
            "type": "nominal",
            "scale": scale,
            "legend": {"title": _("Towards"), "orient": "top", "titleOrient": "left"},
        },
    )


#: Whose feature it is on the first line, what it measures on the second.
_TWO_LINES = {
    "labelExpr": "[slice(datum.label, 0, indexof(datum.label, ': ') + 1), slice(datum.label, indexof(datum.label, ': ') + 2)]",
    "labelLineHeight": 13,
    "labelFontSize": 11,
    "labelLimit": 320,
}


def _bars(chart: Chart, *, x: dict[str, Any], colour: dict[str, Any]) -> Chart:
    y = {"field": "feature", "type": "nominal", "sort": None, "title": None, "axis": _TWO_LINES}
    spec = {
        "data": {"values": chart.rows},
        "width": "container",
        "height": {"step": 30},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {"y": y, "x": {"type": "quantitative", **x}, "color": colour},
    }
    return Chart(chart.key, chart.title, spec, chart.columns, chart.rows)

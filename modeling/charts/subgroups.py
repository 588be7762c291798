"""How a model does in groups of patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from cohorts.charts import Chart
from modeling.charts.discrimination import rounded
from modeling.wording import subgroup_in_words


def subgroup_chart(rows: Sequence[dict[str, Any]]) -> Chart | None:
    """Give the forest of subgroups: the AUC with its interval where both classes are large enough."""
    if not rows:
        return None
    listed = [
        {
            "group": subgroup_in_words(row["factor"], row["level"]),
            "n": row["n"],
            "events": row["events"],
            "auc": rounded(row["auc"]),
            "low": rounded(row["low"]),
            "high": rounded(row["high"]),
            "interaction_p": rounded(row["interaction_p_holm"]),
            "note": row["reason"],
        }
        for row in rows
    ]
    drawn = [{**row, "label": _("%(group)s (%(events)s of %(n)s)") % row} for row in listed]
    y = {
        "field": "label",
        "type": "nominal",
        "sort": [row["label"] for row in drawn],
        "title": None,
        "axis": {"labelLimit": 290, "labelFontSize": 11},
    }
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "title": _("AUC (95 % interval)")}
    without = {
        "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 11, "opacity": 0.75},
        "transform": [{"filter": "!isValid(datum.auc)"}],
        "encoding": {"x": {"value": 4}, "text": {"value": _("too few")}},
    }
    known = [{"filter": "isValid(datum.auc)"}]
    spec = {
        "data": {"values": drawn},
        "width": "container",
        "height": {"step": 20},
        "encoding": {"y": y},
        "layer": [
            without,
            {
                "mark": {"type": "rule", "clip": True, "strokeWidth": 2, "color": "#0072B2"},
                "transform": known,
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": "#0072B2", "tooltip": True},
                "transform": known,
                "encoding": {"x": {**x, "field": "auc"}},
            },
        ],
    }
    columns = ("group", "n", "events", "auc", "low", "high", "interaction_p", "note")
    return Chart("subgroups", _("Subgroups (MPR of all patients)"), spec, columns, listed)

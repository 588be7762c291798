"""How a model does in groups of patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cohorts.charts import Chart
from modeling.charts.discrimination import rounded


def subgroup_chart(rows: Sequence[dict[str, Any]]) -> Chart | None:
    """Give the forest of subgroups: the AUC with its interval where both classes are large enough."""
    if not rows:
        return None
    listed = [
        {
            "group": f"{row['factor']}: {row['level']}",
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
    order = [row["group"] for row in listed]
    y = {"field": "group", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 240}}
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "title": "AUC (95 % interval)"}
    counts = {
        "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 10},
        "transform": [{"calculate": "datum.events + ' of ' + datum.n", "as": "counts"}],
        "encoding": {"x": {"value": 4}, "text": {"field": "counts", "type": "nominal"}},
    }
    known = [{"filter": "isValid(datum.auc)"}]
    spec = {
        "data": {"values": listed},
        "width": "container",
        "height": {"step": 20},
        "encoding": {"y": y},
        "layer": [
            counts,
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
    return Chart("subgroups", "Subgroups (responders of patients)", spec, columns, listed)

"""Vega-Lite charts of images and habitats, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cohorts.charts import Chart, response_scale
from imaging.models import HabitatMap
from imaging.selectors import interaction_percent

#: Colour-blind-safe (Okabe-Ito), in the order of habitats: 1 is the one of lowest HU.
HABITAT_COLOURS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#999999")


def volume_chart(rows: Sequence[dict[str, Any]], responses: Mapping[str, str]) -> Chart:
    """Give tumour volume before against after, by response; on the diagonal nothing changed."""
    data = [row | {"response": responses.get(str(row["patient"]), "No outcome yet")} for row in rows]
    largest = max([1.0, *(float(row[name]) for row in rows for name in ("pre_ml", "post_ml"))])
    scale = {"type": "symlog", "domain": [0, largest]}
    axis = {"values": [0, 1, 2, 5, 10, 20, 50, 100, 200, 500]}
    points = {
        "mark": {"type": "point", "filled": True, "tooltip": True, "size": 60},
        "encoding": {
            "x": {
                "field": "pre_ml",
                "type": "quantitative",
                "title": "Volume before (mL)",
                "scale": scale,
                "axis": axis,
            },
            "y": {
                "field": "post_ml",
                "type": "quantitative",
                "title": "Volume after (mL)",
                "scale": scale,
                "axis": axis,
            },
            "color": response_scale(),
        },
    }
    diagonal = {
        "data": {"values": [{"pre_ml": 0, "post_ml": 0}, {"pre_ml": largest, "post_ml": largest}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#888"},
        "encoding": {
            "x": {"field": "pre_ml", "type": "quantitative"},
            "y": {"field": "post_ml", "type": "quantitative"},
        },
    }
    spec = {"data": {"values": data}, "width": "container", "height": 260, "layer": [diagonal, points]}
    return Chart("volume", "Tumour volume before and after", spec, ("patient", "pre_ml", "post_ml", "response"), data)


def fraction_chart(rows: Sequence[dict[str, Any]], responses: Mapping[str, str]) -> Chart:
    """Give the share of each habitat before and after, by response."""
    data = [row | {"response": responses.get(str(row["patient"]), "No outcome yet")} for row in rows]
    encoding = {
        "x": {
            "field": "time",
            "type": "nominal",
            "title": None,
            "sort": ["Before", "After"],
            "axis": {"labelAngle": 0},
        },
        "y": {"field": "percent", "type": "quantitative", "title": "Share of the tumour (%)"},
        "color": response_scale(),
        "xOffset": {"field": "response", "type": "nominal"},
        "column": {"field": "habitat", "type": "ordinal", "title": "Habitat (1 = lowest HU)"},
    }
    spec = {
        "data": {"values": data},
        "height": 200,
        "width": 150,
        "mark": {"type": "boxplot", "size": 14},
        "encoding": encoding,
    }
    columns = ("patient", "time", "habitat", "percent", "response")
    return Chart("fractions", "Habitats before and after, by response", spec, columns, data)


def interaction_charts(maps: Mapping[str, HabitatMap]) -> tuple[Chart, ...]:
    """Give the interaction matrix at each timepoint as a heat map on one colour scale."""
    matrices = {kind: interaction_percent(habitat_map.interaction) for kind, habitat_map in maps.items()}
    largest = max((float(matrix.max()) for matrix in matrices.values()), default=1.0)
    titles = {"pre": "Spatial interaction before", "post": "Spatial interaction after"}
    return tuple(
        _heat_map(f"interaction-{kind}", titles[kind], matrices[kind].tolist(), largest)
        for kind in ("pre", "post")
        if kind in matrices
    )


def _heat_map(key: str, title: str, matrix: Sequence[Sequence[float]], largest: float) -> Chart:
    names = ["Border", *(f"Habitat {number}" for number in range(1, len(matrix)))]
    rows = [
        {"from": names[i], "to": names[j], "percent": round(value, 3)}
        for i, row in enumerate(matrix)
        for j, value in enumerate(row)
    ]
    axes = {
        "x": {
            "field": "to",
            "type": "nominal",
            "sort": names,
            "title": None,
            "axis": {"orient": "top", "labelAngle": 0},
        },
        "y": {"field": "from", "type": "nominal", "sort": names, "title": None},
    }
    colour = {
        "field": "percent",
        "type": "quantitative",
        "title": "Contacts (%)",
        "scale": {"scheme": "viridis", "domain": [0, largest]},
    }
    dark = {"test": f"datum.percent < {largest * 0.6}", "value": "white"}
    text = {
        "text": {"field": "percent", "type": "quantitative", "format": ".1f"},
        "color": {"condition": dark, "value": "black"},
    }
    spec = {
        "data": {"values": rows},
        "width": "container",
        "height": 220,
        "encoding": axes,
        "layer": [
            {"mark": {"type": "rect", "tooltip": True}, "encoding": {"color": colour}},
            {"mark": {"type": "text"}, "encoding": text},
        ],
    }
    return Chart(key, title, spec, ("from", "to", "percent"), rows)

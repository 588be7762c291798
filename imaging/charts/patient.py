"""Vega-Lite charts of the images of one patient, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from cohorts.charts import Chart
from imaging.models import HabitatMap
from imaging.selectors import interaction_percent


def interaction_charts(maps: Mapping[str, HabitatMap]) -> tuple[Chart, ...]:
    """Give the interaction matrix at each timepoint as a heat map on one colour scale."""
    matrices = {kind: interaction_percent(habitat_map.interaction) for kind, habitat_map in maps.items()}
    largest = max((float(matrix.max()) for matrix in matrices.values()), default=1.0)
    titles = {"pre": _("Spatial interaction before"), "post": _("Spatial interaction after")}
    return tuple(
        _heat_map(f"interaction-{kind}", titles[kind], matrices[kind].tolist(), largest)
        for kind in ("pre", "post")
        if kind in matrices
    )


def _heat_map(key: str, title: str, matrix: Sequence[Sequence[float]], largest: float) -> Chart:
    names = [_("Border"), *(_("Habitat %(number)s") % {"number": number} for number in range(1, len(matrix)))]
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
        "title": _("Contacts (%)"),
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

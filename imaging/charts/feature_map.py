"""The Vega-Lite chart of a map of patients, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from cohorts.charts import Chart, response_scale
from imaging.services.feature_maps import PlacedCases

#: Beyond so many patients an even part of them is drawn.
MOST_POINTS = 800
#: Okabe-Ito without the two colours that mean a response.
_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#8A6BBE", "#8C6D46", "#999999")
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left")


def map_chart(placed: PlacedCases, urls: Sequence[str], groups: Sequence[str], *, colour: str, title: str) -> Chart:
    """Give a point of each patient that leads to them.

    Parameters
    ----------
    groups : sequence of str
        Group of each patient: its colour and, but for responses, its shape.
    colour : {"response", "centre", "scanner"}
        What the groups are.
    """
    n = len(placed.cases)
    chosen = np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(int).tolist()
    rows = [
        {
            "patient": str(placed.cases.codes[at]),
            colour: groups[at],
            "x": float(placed.points[at, 0]),
            "y": float(placed.points[at, 1]),
            "url": urls[at],
        }
        for at in chosen
    ]
    axes = _axes(placed)
    encoding: dict[str, Any] = {
        name: {"field": name, "type": "quantitative", "title": axes[name], "scale": {"zero": False}} for name in "xy"
    }
    encoding |= {
        "color": response_scale() if colour == "response" else _scale(colour, groups),
        "href": {"field": "url"},
        "tooltip": [{"field": "patient", "title": _("Patient")}, {"field": colour, "title": _names()[colour]}],
    }
    if colour != "response":
        encoding["shape"] = {"field": colour, "type": "nominal", "scale": _shapes(groups)}
    mark = {"type": "point", "filled": True, "size": 60, "opacity": 0.8, "cursor": "pointer"}
    spec = {"data": {"values": rows}, "width": "container", "height": 460, "mark": mark, "encoding": encoding}
    return Chart("feature-map", title, spec, ("patient", colour, "x", "y"), rows)


def _axes(placed: PlacedCases) -> dict[str, str]:
    if not placed.explained:
        return {"x": _("UMAP 1 (no unit)"), "y": _("UMAP 2 (no unit)")}
    text = _("Component %(number)s (%(percent)s %% of the variance)")
    shares = [f"{100 * share:.1f}" for share in placed.explained]
    return {name: text % {"number": place + 1, "percent": shares[place]} for place, name in enumerate("xy")}


def _names() -> dict[str, str]:
    return {"response": _("Response"), "centre": _("Centre"), "scanner": _("Scanner")}


def _domain(groups: Sequence[str]) -> list[str]:
    return sorted(set(groups))


def _scale(colour: str, groups: Sequence[str]) -> dict[str, Any]:
    domain = _domain(groups)
    scale = {"domain": domain, "range": [_COLOURS[place % len(_COLOURS)] for place in range(len(domain))]}
    return {
        "field": colour,
        "type": "nominal",
        "scale": scale,
        "legend": {"title": None, "orient": "top", "columns": 4},
    }


def _shapes(groups: Sequence[str]) -> dict[str, Any]:
    domain = _domain(groups)
    return {"domain": domain, "range": [_SHAPES[place % len(_SHAPES)] for place in range(len(domain))]}

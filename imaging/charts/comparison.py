"""The Vega-Lite chart of one feature under two protocols, as plain data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.utils.translation import gettext as _

from cohorts.charts import Chart
from cohorts.templatetags.quantities import sentence
from imaging.services.protocol_comparison import Comparison

#: Beyond so many patients an even part of them is drawn.
MOST_POINTS = 800


def agreement_chart(found: Comparison, name: str, urls: Sequence[str], protocols: tuple[str, str]) -> Chart:
    """Give a feature under one protocol against the other; on the line both say the same."""
    first, second = found.values(name)
    known = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    chosen = known[np.linspace(0, len(known) - 1, min(len(known), MOST_POINTS)).astype(int)] if len(known) else known
    rows = [
        {
            "patient": str(found.cases.codes[at]),
            "first": float(first[at]),
            "second": float(second[at]),
            "url": urls[at],
        }
        for at in chosen.tolist()
    ]
    feature = found.first.features[found.first.position[name]]
    titles = [f"{sentence(feature.measure)}, {protocol} ({feature.unit or _('no unit')})" for protocol in protocols]
    axes = {
        axis: {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}}
        for axis, field, title in zip("xy", ("first", "second"), titles, strict=True)
    }
    ends = np.percentile([first[known], second[known]], (0, 100)).tolist() if len(known) else []
    line = {
        "data": {"values": [{"first": end, "second": end} for end in ends]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#777777"},
        "encoding": axes,
    }
    points = {
        "data": {"values": rows},
        "mark": {
            "type": "point",
            "filled": True,
            "size": 55,
            "opacity": 0.75,
            "color": "#0072B2",
            "cursor": "pointer",
        },
        "encoding": axes | {"href": {"field": "url"}, "tooltip": [{"field": "patient", "title": _("Patient")}]},
    }
    spec = {"width": "container", "height": 320, "layer": [line, points]}
    return Chart("agreement", sentence(feature.measure), spec, ("patient", "first", "second"), rows)

"""Vega-Lite charts of one feature in many patients, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from cohorts.charts import RESPONSES, Chart, response_scale
from cohorts.templatetags.quantities import sentence
from imaging.core.feature_names import TRANSITIONS
from imaging.services.feature_page import FeaturePage
from imaging.wording import CHANGE_WORDS, MOMENT_WORDS

FloatArray = NDArray[np.float64]

#: Beyond so many patients a part of them is drawn as points; boxes are always of all.
MOST_POINTS = 400
_BINS = 24
_COLUMNS = ("group", "n", "missing", "minimum", "lower_quartile", "median", "upper_quartile", "maximum")


@dataclass(frozen=True, eq=False)
class Drawn:
    """One feature at one moment: patients' codes, addresses, groups and values, in one order."""

    codes: Sequence[str]
    urls: Sequence[str]
    groups: Sequence[str]
    responses: Sequence[str]
    values: FloatArray


def group_chart(key: str, title: str, drawn: Drawn, *, order: Sequence[str], label: str, axis: str = "") -> Chart:
    """Give a box of each group and a point of each patient that leads to them.

    Parameters
    ----------
    order : sequence of str
        Groups from left to right; empty ones are left out.
    label : str
        Title of the values' axis, with its unit.
    axis : str
        What the groups are, where they are not responses; a legend then says what the colours mean.
    """
    rows = [summary for group in order if (summary := _summary(drawn, group))]
    names = [row["group"] for row in rows]
    x = {"field": "group", "type": "nominal", "sort": names, "title": axis or None, "axis": {"labelAngle": 0}}
    spec = {
        "width": "container",
        "height": 240,
        "encoding": {"x": x},
        "layer": [*_box(rows, label), _points(_sample(drawn), label, has_legend=bool(axis))],
        # Points lie beside each other within their group; boxes stand in its middle.
        "resolve": {"scale": {"xOffset": "independent"}},
    }
    return Chart(key, title, spec, _COLUMNS, rows)


def _summary(drawn: Drawn, group: str) -> dict[str, Any] | None:
    mine = np.array([name == group for name in drawn.groups], dtype=bool)
    values = drawn.values[mine]
    known = values[np.isfinite(values)]
    if not mine.any():
        return None
    five = np.percentile(known, (0, 25, 50, 75, 100)).tolist() if known.size else [None] * 5
    return dict(zip(_COLUMNS, (group, int(known.size), int(mine.sum() - known.size), *five), strict=True))


def _box(rows: Sequence[Mapping[str, Any]], label: str) -> list[dict[str, Any]]:
    known = [row for row in rows if row["n"]]
    y = {"field": "lower_quartile", "type": "quantitative", "title": label, "scale": {"zero": False}}
    box = {
        "data": {"values": known},
        "mark": {"type": "bar", "width": {"band": 0.5}, "color": "#777777", "opacity": 0.22},
        "encoding": {"y": y, "y2": {"field": "upper_quartile"}},
    }
    middle = {
        "data": {"values": known},
        "mark": {"type": "tick", "width": {"band": 0.5}, "thickness": 2, "color": "#777777"},
        "encoding": {"y": {"field": "median", "type": "quantitative", "title": label}},
    }
    return [box, middle]


def _sample(drawn: Drawn) -> list[dict[str, Any]]:
    """Give points of patients with a value, an even part of them where they are many."""
    known = np.flatnonzero(np.isfinite(drawn.values))
    chosen = known[np.linspace(0, len(known) - 1, min(len(known), MOST_POINTS)).astype(int)] if len(known) else known
    return [
        {
            "patient": drawn.codes[at],
            "group": drawn.groups[at],
            "response": drawn.responses[at],
            "value": float(drawn.values[at]),
            "url": drawn.urls[at],
            # Beside each other rather than upon each other; the same at each visit.
            "aside": (place * 0.618033988749895) % 1.0,
        }
        for place, at in enumerate(chosen.tolist())
    ]


def _points(points: Sequence[Mapping[str, Any]], label: str, *, has_legend: bool) -> dict[str, Any]:
    tooltip = [
        {"field": "patient", "title": _("Patient")},
        {"field": "value", "title": label, "format": ".4~g"},
        {"field": "response", "title": _("Response")},
    ]
    return {
        "data": {"values": list(points)},
        "mark": {"type": "point", "filled": True, "size": 42, "opacity": 0.75, "cursor": "pointer"},
        "encoding": {
            "y": {"field": "value", "type": "quantitative", "title": label},
            "xOffset": {"field": "aside", "type": "quantitative", "scale": {"domain": [-0.6, 1.6]}},
            "color": response_scale() if has_legend else response_scale() | {"legend": None},
            "href": {"field": "url"},
            "tooltip": tooltip,
        },
    }


def histogram(drawn: Drawn, *, label: str, title: str) -> Chart:
    """Give how many patients have which value, by response; counted here, whatever the number of patients."""
    known = np.isfinite(drawn.values)
    edges = np.histogram_bin_edges(drawn.values[known], bins=_BINS) if known.any() else np.zeros(2)
    rows = []
    for response in RESPONSES:
        mine = known & np.array([name == response for name in drawn.responses], dtype=bool)
        counts = np.histogram(drawn.values[mine], bins=edges)[0].tolist() if known.any() else []
        rows += [
            {"from": float(low), "to": float(high), "response": response, "n": n}
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=False)
            if n
        ]
    encoding = {
        "x": {"field": "from", "type": "quantitative", "title": label, "bin": {"binned": True}},
        "x2": {"field": "to"},
        "y": {
            "field": "n",
            "type": "quantitative",
            "title": _("Patients"),
            "stack": "zero",
            "axis": {"tickMinStep": 1},
        },
        "color": response_scale(),
    }
    spec = {"data": {"values": rows}, "width": "container", "height": 240, "mark": {"type": "bar", "tooltip": True}}
    return Chart("histogram", title, spec | {"encoding": encoding}, ("from", "to", "response", "n"), rows)


def feature_charts(page: FeaturePage, urls: Sequence[str]) -> tuple[Chart, ...]:
    """Give the charts of a feature's page; ``urls`` lead to its patients."""
    titles = {
        "pre": _("Before treatment, by response"),
        "post": _("After treatment, by response"),
        "change": _("Change, by response"),
    }
    cases, words = page.cases, {moment: _axis(page, moment) for moment in page.values}
    responses = cases.responses.tolist()

    def drawn(moment: str, groups: Sequence[str]) -> Drawn:
        return Drawn(cases.codes.tolist(), urls, groups, responses, page.values[moment])

    found = [
        group_chart(f"response-{moment}", title, drawn(moment, responses), order=RESPONSES, label=words[moment])
        for moment, title in titles.items()
        if np.isfinite(page.values[moment]).any()
    ]
    shown = drawn(page.moment, cases.centres.tolist())
    centres = sorted(set(shown.groups))
    by_centre = _("%(moment)s, by centre") % {"moment": sentence(str(MOMENT_WORDS[page.moment]))}
    found.append(group_chart("centre", by_centre, shown, order=centres, label=words[page.moment], axis=_("Centre")))
    how_many = _("How many patients have which value, %(moment)s") % {"moment": MOMENT_WORDS[page.moment]}
    return (*found, histogram(shown, label=words[page.moment], title=how_many))


def _axis(page: FeaturePage, moment: str) -> str:
    """Give the title of an axis of values, with its unit."""
    measure, unit = sentence(page.feature.measure), page.feature.unit or _("no unit")
    if moment != "change" or page.feature.family == TRANSITIONS:
        return f"{measure} ({unit})"
    words = {"measure": page.feature.measure, "kind": CHANGE_WORDS[page.change_kind]}
    return _("Change of %(measure)s (%(kind)s)") % words

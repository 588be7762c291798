"""Vega-Lite charts of the images of a cohort, as plain data. Patients are counted before they come here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from cohorts.charts import Chart, response_scale
from imaging.charts.colours import HABITAT_COLOURS
from imaging.services.cohort_images import CHANGE_ENDS, Volumes


def change_chart(volumes: Sequence[Volumes]) -> Chart:
    """Give how many tumours shrank or grew by how much, by response."""
    names = _classes()
    rows = [
        {"change": names[place], "response": group.response, "patients": n}
        for group in volumes
        for place, n in enumerate(group.classes)
        if n
    ]
    encoding = {
        "x": {
            "field": "change",
            "type": "ordinal",
            "sort": names,
            "scale": {"domain": names},
            "title": _("Change of tumour volume (%)"),
            "axis": {"labelAngle": -45},
        },
        "y": {"field": "patients", "type": "quantitative", "title": _("Patients"), "axis": {"tickMinStep": 1}},
        "color": response_scale(),
    }
    spec = {"data": {"values": rows}, "width": "container", "height": 240, "encoding": encoding}
    spec["mark"] = {"type": "bar", "tooltip": True}
    return Chart(
        "volume-change", _("Change of tumour volume, by response"), spec, ("change", "response", "patients"), rows
    )


def _classes() -> list[str]:
    """Give the names of the classes of change, with true minus signs."""
    ends = [str(end).replace("-", "\N{MINUS SIGN}") for end in CHANGE_ENDS]
    starts = ["\N{MINUS SIGN}100", *ends]
    return [
        *(_("%(low)s to %(high)s") % {"low": low, "high": high} for low, high in zip(starts, ends, strict=False)),
        _("over %(low)s") % {"low": ends[-1]},
    ]


def composition_chart(found: Sequence[dict[str, Any]]) -> Chart:
    """Give what tumours are made of on average, before and after, by response; counts stand in the names."""
    times = {"pre": _("Before"), "post": _("After")}
    words = {"MPR": _("MPR"), "No MPR": _("No MPR")}
    rows = [
        {
            "group": f"{words.get(row['response'], _('No outcome yet'))}, {times[row['kind']].lower()} (n = {row['n']})",
            "habitat": row["habitat"],
            "mean_percent": row["mean_percent"],
            "n": row["n"],
        }
        for row in found
    ]
    numbers = sorted({row["habitat"] for row in rows})
    groups = list(dict.fromkeys(row["group"] for row in rows))
    encoding = {
        "y": {"field": "group", "type": "nominal", "sort": groups, "title": None, "axis": {"labelLimit": 220}},
        "x": {
            "field": "mean_percent",
            "type": "quantitative",
            "title": _("Mean share of the tumour (%)"),
            "scale": {"domain": [0, 100]},
        },
        "color": {
            "field": "habitat",
            "type": "ordinal",
            "scale": {"domain": numbers, "range": list(HABITAT_COLOURS[: len(numbers)])},
            "legend": {"title": _("Habitat (1 = lowest HU)"), "orient": "bottom", "columns": 4},
        },
        "order": {"field": "habitat"},
    }
    spec = {"data": {"values": rows}, "width": "container", "height": {"step": 34}, "encoding": encoding}
    spec["mark"] = {"type": "bar", "tooltip": True}
    return Chart(
        "composition",
        _("Habitats before and after, by response"),
        spec,
        ("group", "habitat", "mean_percent", "n"),
        rows,
    )

"""What became of a tumour: habitats before and after, where they went, and how well the scans were registered."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cohorts.errors import REMEDIES
from cohorts.models import Patient
from imaging.charts.colours import HABITAT_COLOURS
from imaging.charts.flow import flow_of
from imaging.models import HabitatMap, HabitatModel
from imaging.selectors import registration_of, transition_map, transition_vector

#: Measures of a registration that the page shows: name, words, unit, decimals.
SHOWN_QUALITY = (
    ("ncc_before", gettext_lazy("Correlation of the surroundings, centroids laid over each other"), "", 2),
    ("ncc_after", gettext_lazy("Correlation of the surroundings, registered"), "", 2),
    ("vessel_ncc_after", gettext_lazy("Correlation of lung vessels, registered"), "", 2),
    ("lung_overlap", gettext_lazy("Overlap of the lungs (Dice)"), "", 2),
    ("residual_p95_mm", gettext_lazy("Distance of lung surfaces, 95th percentile"), "mm", 1),
    ("inconsistency_p95_mm", gettext_lazy("Forth and back: distance from the start, 95th percentile"), "mm", 1),
    ("rotation_degrees", gettext_lazy("Turn"), "°", 1),
    ("bend_max_mm", gettext_lazy("Largest bend"), "mm", 1),
    ("jacobian_min", gettext_lazy("Local change of volume, smallest factor"), "", 2),
    ("jacobian_max", gettext_lazy("Local change of volume, largest factor"), "", 2),
    ("surroundings_ml", gettext_lazy("Surroundings compared"), "mL", 0),
)
SHOWN_TRANSITIONS = (
    ("transition_persistence", gettext_lazy("Habitat kept, of what is tumour at both times")),
    ("transition_became_lung", gettext_lazy("Became lung")),
    ("transition_vanished_tumour", gettext_lazy("No longer tumour")),
    ("transition_new_tumour", gettext_lazy("New tumour")),
)


def transitions_of(patient: Patient, model: HabitatModel | None) -> dict[str, Any]:
    """Give where the habitats went, and how well the scans were registered or why that was refused."""
    registration = registration_of(patient)
    if registration is None:
        return {"registration": None}
    quality = [
        {"label": label, "value": registration.quality[name], "unit": unit, "digits": digits}
        for name, label, unit, digits in SHOWN_QUALITY
        if name in registration.quality
    ]
    shown: dict[str, Any] = {"registration": registration, "quality": quality}
    shown["remedy"] = REMEDIES.get(registration.code, "")
    found = transition_map(registration, model) if model else None
    vector = transition_vector(registration, model) if model else None
    if found is None or vector is None:
        return shown
    values = vector.as_dict()
    summary = [{"label": label, "value": values[name]} for name, label in SHOWN_TRANSITIONS]
    return shown | _matrix(found.counts) | {"summary": summary, "flow": flow_of(found.counts)}


def _matrix(counts: list[list[int]]) -> dict[str, Any]:
    """Give transition counts as percent of all places that were tumour at one time, with names and colours."""
    total = sum(map(sum, counts))
    k = len(counts) - 2
    states = [{"name": _("Lung"), "colour": ""}, {"name": _("Other tissue"), "colour": ""}]
    states += [{"name": _("Habitat %(number)s") % {"number": i + 1}, "colour": HABITAT_COLOURS[i]} for i in range(k)]
    order = [*range(2, k + 2), 0, 1]  # habitats first, as everywhere else
    rows = [
        {
            "state": states[i],
            "cells": [None if i < 2 and j < 2 else 100 * counts[i][j] / total for j in order],
            "percent": 100 * sum(counts[i]) / total,
        }
        for i in order
    ]
    columns = [states[j] | {"percent": 100 * sum(row[j] for row in counts) / total} for j in order]
    return {"rows": rows, "columns": columns}


def habitat_rows(model: HabitatModel, maps: dict[str, HabitatMap]) -> list[dict[str, Any]]:
    """Give each habitat's share and volume before and after."""
    rows = []
    for index in range(model.n_habitats):
        percent = {kind: 100 * found.fractions[index] for kind, found in maps.items()}
        millilitres = {kind: found.volumes_mm3[index] / 1000 for kind, found in maps.items()}
        both = "pre" in percent and "post" in percent
        rows.append(
            {
                "number": index + 1,
                "name": _("Habitat %(number)s") % {"number": index + 1},
                "colour": HABITAT_COLOURS[index],
                "centroid_hu": model.codebook["centroid_mean_hu"][index],
                "pre_percent": percent.get("pre"),
                "post_percent": percent.get("post"),
                "change_points": percent["post"] - percent["pre"] if both else None,
                "pre_ml": millilitres.get("pre"),
                "post_ml": millilitres.get("post"),
            }
        )
    return rows

"""How the models in use do on patients whose pathology was not known when they were predicted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Min
from numpy.typing import NDArray

from cohorts.core.response import is_mpr
from cohorts.models import Cohort, PathologyOutcome
from modeling.core.performance.calibration import calibration_slope_intercept
from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.views import PRIMARY_MODEL
from modeling.models import ModelVersion, Prediction
from modeling.selectors import versions_in_use


@dataclass(frozen=True)
class Prospective:
    """Prospective predictions of one version; a measure that is not defined is None, and `reasons` says why."""

    version: ModelVersion
    n: int
    events: int
    waiting: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    calibration_slope: float | None
    observed_expected: float | None
    reasons: dict[str, str]


def prospective(cohort: Cohort) -> dict[str, Prospective]:
    """Give, by name of the champion, how its prospective predictions fared; the primary model first.

    Of each patient the version's first prediction counts, if it was made before the patient's first reading was
    entered. It stays prospective for the version that made it, also when a later version learns from the patient.
    """
    champions = sorted(versions_in_use(cohort), key=lambda v: (v.name != PRIMARY_MODEL, v.name))
    readings = PathologyOutcome.objects.filter(patient__cohort=cohort)
    first_known = dict(readings.values("patient").annotate(at=Min("entered_at")).values_list("patient", "at"))
    threshold = float(cohort.mpr_threshold_percent)
    responders = {
        outcome.patient_id: int(is_mpr(outcome.reading, threshold_percent=threshold))
        for outcome in readings.filter(is_current=True).select_related("patient")
    }
    found = _first_predictions(champions, first_known)
    return {version.name: _measured(version, found[version.pk], responders) for version in champions}


def _first_predictions(versions: list[ModelVersion], first_known: dict[int, datetime]) -> dict[int, dict[int, float]]:
    """Give version → patient → probability."""
    rows = Prediction.objects.filter(model_version__in=versions, standing=Prediction.Standing.PROSPECTIVE)
    found: dict[int, dict[int, float]] = {version.pk: {} for version in versions}
    for row in rows.order_by("created_at", "pk"):
        # A reading may have been entered while the prediction was computed; then it was not made before it.
        known = first_known.get(row.patient_id)
        if known is None or row.created_at < known:
            found[row.model_version_id].setdefault(row.patient_id, row.probability)
    return found


def _measured(version: ModelVersion, predicted: dict[int, float], responders: dict[int, int]) -> Prospective:
    known = sorted(patient for patient in predicted if patient in responders)
    y = np.array([responders[patient] for patient in known], dtype=np.int64)
    p = np.array([predicted[patient] for patient in known], dtype=np.float64)
    area, interval = auc(y, p), delong_interval(y, p)
    slope = calibration_slope_intercept(y, p) if len(y) else None
    return Prospective(
        version=version,
        n=len(y),
        events=int(y.sum()),
        waiting=len(predicted) - len(known),
        auc=area,
        auc_low=interval[0] if interval else None,
        auc_high=interval[1] if interval else None,
        calibration_slope=slope.slope if slope else None,
        observed_expected=float(y.sum() / p.sum()) if len(y) else None,
        reasons=_reasons(y, slope.reason if slope else ""),
    )


def _reasons(y: NDArray[np.int64], why_no_slope: str) -> dict[str, str]:
    so_far = f"{len(y)} patient{'s' * (len(y) != 1)} with an outcome so far"
    reasons = {}
    if not len(y):
        reasons["auc"] = reasons["calibration_slope"] = reasons["observed_expected"] = (
            "No patient has an outcome yet."
        )
    elif len(np.unique(y)) < 2:
        kind = "responders" if y.any() else "non-responders"
        reasons["auc"] = f"{so_far}, all {kind}; an AUC needs both classes."
    if len(y) and why_no_slope:
        reasons["calibration_slope"] = f"{so_far}: {why_no_slope}."
    return reasons


def notes_on(found: Iterable[Prospective]) -> list[str]:
    """Say once why a measure is not defined, and of which models unless it is so of all."""
    rows = list(found)
    models: dict[str, list[str]] = {}
    for row in rows:
        for reason in dict.fromkeys(row.reasons.values()):
            models.setdefault(reason, []).append(str(row.version))
    return [reason if len(of) == len(rows) else f"{', '.join(of)}: {reason}" for reason, of in models.items()]

"""How models do on patients who were predicted before anybody could know their response."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cohorts.core.response import is_mpr
from cohorts.models import Cohort, PathologyOutcome
from modeling.core.performance.calibration import calibration_slope_intercept
from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.prospective import Timing
from modeling.models import ModelVersion, Prediction
from modeling.selectors import known_of, timing_at, versions_to_follow


@dataclass(frozen=True)
class Prospective:
    """Prospective predictions of one version; a measure that is not defined is None, and `reasons` says why.

    ``waiting`` counts patients without an outcome, ``timing_unknown`` those with an outcome and no day of surgery.
    """

    version: ModelVersion
    n: int
    events: int
    waiting: int
    timing_unknown: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    calibration_slope: float | None
    observed_expected: float | None
    reasons: dict[str, str]


@dataclass(frozen=True)
class _Said:
    """What a version said of patients first, by primary key, and whose timing is unknown."""

    probability: dict[int, float]
    timing_unknown: set[int]


def prospective(cohort: Cohort) -> list[Prospective]:
    """Return how the prospective predictions of every version in use fared, and of those that were champion before.

    Of each patient the version's first prediction counts, if it was made before surgery, sign-off, any reading and
    any entry of the outcome. It stays prospective for the version that made it, also when a later version learns
    from the patient.
    """
    versions = versions_to_follow(cohort)
    threshold = float(cohort.mpr_threshold_percent)
    current = PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True).select_related("patient")
    responders = {
        outcome.patient_id: int(is_mpr(outcome.reading, threshold_percent=threshold)) for outcome in current
    }
    said = _first_said(versions)
    return [_measured(version, said[version.pk], responders) for version in versions]


def _first_said(versions: list[ModelVersion]) -> dict[int, _Said]:
    """Return version → what it said first of each patient, as far as it was not too late."""
    rows = Prediction.objects.filter(model_version__in=versions, standing=Prediction.Standing.PROSPECTIVE)
    known = known_of(rows.order_by().values_list("patient", flat=True).distinct())
    found = {version.pk: _Said({}, set()) for version in versions}
    for row in rows.order_by("created_at", "pk"):
        # The label of a row is what was known then; surgery and readings may have been entered since.
        timing = timing_at(row.created_at, known[row.patient_id])
        said = found[row.model_version_id]
        if timing == Timing.AFTER:
            continue
        said.probability.setdefault(row.patient_id, row.probability)
        if timing == Timing.UNKNOWN:
            said.timing_unknown.add(row.patient_id)
    return found


def _measured(version: ModelVersion, said: _Said, responders: dict[int, int]) -> Prospective:
    with_outcome = said.probability.keys() & responders.keys()
    known = sorted(with_outcome - said.timing_unknown)
    y = np.array([responders[patient] for patient in known], dtype=np.int64)
    p = np.array([said.probability[patient] for patient in known], dtype=np.float64)
    area, interval = auc(y, p), delong_interval(y, p)
    slope = calibration_slope_intercept(y, p) if len(y) else None
    return Prospective(
        version=version,
        n=len(y),
        events=int(y.sum()),
        waiting=len(said.probability) - len(with_outcome),
        timing_unknown=len(with_outcome & said.timing_unknown),
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
        reasons["auc"] = reasons["calibration_slope"] = reasons["observed_expected"] = "No patient counts yet."
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

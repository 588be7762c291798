"""One model's predictions: the probabilities, and all that a reader needs to doubt them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from django.utils import timezone

from modeling.core.estimators.late_fusion import bases_of
from modeling.core.explanation.conformal import COVERAGE, Compatible, compatible
from modeling.core.explanation.explain import Contribution, contributions_of_all
from modeling.core.explanation.familiarity import Familiarity, unlike
from modeling.core.explanation.similarity import Similar, most_similar
from modeling.core.explanation.uncertainty import Disturbed, Interval, intervals
from modeling.core.prospective import Timing
from modeling.core.study.fitted_model import FittedModel
from modeling.models import ModelVersion, Prediction
from modeling.selectors import known_of, timing_at
from modeling.services.snapshots import Case, facts_of

_TOP = 8


def predictions_by(
    version: ModelVersion, model: FittedModel, cases: Sequence[Case], X: pd.DataFrame, *, disturbed: Disturbed
) -> list[Prediction]:
    """Give unsaved predictions of a model for the cases that it can speak of, X being their columns by code.

    A model that harmonises cannot speak of patients of a hospital that it has not seen.
    """
    with_outcome = set(version.run.snapshot.outcomes.values_list("patient_id", flat=True))
    known, now = known_of([case.patient.pk for case in cases]), timezone.now()
    spoken_of = [case for case in cases if not _harmonises(model) or case.patient.centre.code in model.centres]
    if not spoken_of:
        return []
    X = X.loc[[case.code for case in spoken_of]]
    centre = [case.patient.centre.code for case in spoken_of]
    shown = pd.Series(model.predict_proba(X, centre=centre), index=X.index)
    # A model has seen its training patients; what it said without them is the honest number.
    seen = shown.index.intersection(model.oof.index)
    shown[seen] = model.oof[seen]
    about = zip(
        intervals(model, X, shown=shown, disturbed=disturbed, centre=centre),
        compatible(model, shown),
        most_similar(model, X, centre=centre),
        unlike(model, X, facts_of(spoken_of), centre=centre),
        contributions_of_all(model, X, top=_TOP, centre=centre),
        strict=True,
    )
    return [
        Prediction(
            model_version=version,
            patient=case.patient,
            probability=float(shown[case.code]),
            threshold=version.threshold,
            standing=_standing(
                case,
                model,
                has_outcome=case.patient.pk in with_outcome,
                timing=timing_at(now, known[case.patient.pk]),
            ),
            features_sha256=_digest(X.loc[case.code].to_numpy()),
            **_fields(*one),
        )
        for case, one in zip(spoken_of, about, strict=True)
    ]


def _standing(case: Case, model: FittedModel, *, has_outcome: bool, timing: Timing) -> str:
    if case.code in model.oof.index:
        return Prediction.Standing.TRAINING
    # Before surgery its day is rarely entered: whether the prediction came before it is judged when it is.
    late = has_outcome or case.outcome or timing == Timing.AFTER
    return Prediction.Standing.HELD_OUT if late else Prediction.Standing.PROSPECTIVE


def _fields(
    interval: Interval, responses: Compatible, similar: Similar, familiar: Familiarity, parts: list[Contribution]
) -> dict[str, Any]:
    return {
        "low": interval.low,
        "high": interval.high,
        "uncertainty": {
            "sources": interval.sources,
            "bootstraps": interval.sources["bootstrap"]["refits"],
            "perturbations": interval.sources["perturbations"]["rows"],
            "conformal": {"coverage": COVERAGE, "set": list(responses.responses), "reason": responses.reason},
            "nearest_percentile": similar.percentile,
        },
        "unlike": {
            "flag": familiar.flag,
            "reasons": list(familiar.reasons),
            "distance_percentile": familiar.distance_percentile,
        },
        "similar": [
            {"patient": one.code, "distance": one.distance, "outcome": one.outcome} for one in similar.neighbours
        ],
        # The name of the amount is its unit: log_odds, or probability of a forest.
        "contributions": [{"feature": one.feature, "value": one.value, one.scale: one.amount} for one in parts],
    }


def _harmonises(model: FittedModel) -> bool:
    return any(view.chain.harmonises for view in bases_of(model.estimator))


def _digest(row: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(row.astype("<f8").tobytes()).hexdigest()

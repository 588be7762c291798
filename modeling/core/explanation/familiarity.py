"""Whether a patient's scans and features are like those that a model learned from.

A model knows nothing of scans made in another way or of tumours unlike all training tumours; there its
probability is a guess, however narrow its interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from modeling.core.estimators.harmonise import Harmoniser
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.estimators.preprocessing import Winsorizer
from modeling.core.estimators.view_model import ViewModel
from modeling.core.study.fitted_model import FittedModel

Floats = NDArray[np.float64]

#: Facts of a scan that are compared as words, with what they are called.
NAMED = {
    "manufacturer": "manufacturer",
    "scanner": "scanner",
    "kernel": "reconstruction kernel",
    "contrast": "use of contrast",
}
_TIMES = {"pre": "before treatment", "post": "after treatment"}
_AXES = ("between slices", "between rows", "between columns")

#: How far beyond the training range a length may lie, as a share of the limit (our default).
TOLERANCE = 0.10
#: Beyond which percentile of the training patients' own distances a patient is far away (our default).
FAR = 99.0


@dataclass(frozen=True)
class Familiarity:
    """Whether a prediction is made beyond what the model learned from.

    Parameters
    ----------
    flag : bool
        True if there is a reason.
    reasons : tuple of str
        Sentences, each naming what differs, with numbers.
    distance_percentile : float
        Share, in percent, of training patients who lie nearer to the rest of training than this patient.
    """

    flag: bool
    reasons: tuple[str, ...]
    distance_percentile: float


def scan_profile(facts: pd.DataFrame) -> dict[str, Any]:
    """Summarise how the scans of training patients were made.

    Parameters
    ----------
    facts : DataFrame of shape (n_patients, n_facts)
        Columns ``scan|pre|manufacturer``, ``scanner``, ``kernel``, ``contrast`` (words), ``spacing_mm``
        (text "z y x") and ``thickness_mm`` (float), the same with ``post``; others are ignored.

    Returns
    -------
    dict
        JSON-ready. By timepoint: how often each word occurs, ``spacing_mm`` as three pairs (lowest,
        highest) and ``thickness_mm`` as one. What is known of nobody is absent.
    """
    profile: dict[str, Any] = {}
    for time in _TIMES:
        found: dict[str, Any] = {}
        for name in NAMED:
            words = [_word(value) for value in facts.get(f"scan|{time}|{name}", [])]
            found[name] = dict(sorted(Counter(filter(None, words)).items()))
        found["spacing_mm"] = _ranges([_lengths(value, 3) for value in facts.get(f"scan|{time}|spacing_mm", [])])
        found["thickness_mm"] = _ranges([_lengths(value, 1) for value in facts.get(f"scan|{time}|thickness_mm", [])])
        if known := {name: value for name, value in found.items() if value}:
            profile[time] = known
    return profile


def unlike(
    model: FittedModel, X: pd.DataFrame, facts: pd.DataFrame, *, centre: Sequence[str] | None = None
) -> list[Familiarity]:
    """Say of each patient whether the scans or the features are unlike those of training.

    A manufacturer, scanner, kernel or use of contrast that no training scan of that timepoint had; a
    spacing or slice thickness more than a tenth beyond the training range; a selected feature farther
    outside the winsorised training range than that range is wide; or a Mahalanobis distance of the
    standardised selected features beyond the 99th percentile of the training patients' own. The
    covariance is that of Ledoit & Wolf (J Multivar Anal 2004;88:365); a training patient is compared
    with the others only. What is not known is no reason.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_patients, n_columns)
        Indexed by patient code.
    facts : DataFrame
        As for `scan_profile`, indexed by patient code; patients and columns may be missing.
    centre : sequence of str of length n_patients, optional
        The hospitals; only a model that harmonises needs them.

    Returns
    -------
    list of Familiarity, in the order of X

    Raises
    ------
    MissingColumns
        If X lacks columns of the model.
    """
    training: Floats = model.estimator.training_scores_
    among = _left_out(training)
    distances = _distances(model.scores(X, centre=centre), training)
    place = {code: position for position, code in enumerate(model.fitted_on)}
    found = []
    outside = _outside(model, X, centre)
    for code, distance, extremes in zip(X.index, distances, outside, strict=True):
        own = float(among[place[code]]) if code in place else float(distance)
        known = facts.loc[code].to_dict() if code in facts.index else {}
        reasons = (*_of_scans(model.scans, known), *extremes, *_of_distance(own, among))
        found.append(Familiarity(bool(reasons), reasons, 100 * float(np.mean(among < own))))
    return found


def _left_out(training: Floats) -> Floats:
    """Give the distance of each training patient from all others."""
    others = [np.delete(training, place, axis=0) for place in range(len(training))]
    return np.concatenate([_distances(training[[place]], rest) for place, rest in enumerate(others)])


def _distances(scores: Floats, training: Floats) -> Floats:
    distances: Floats = np.sqrt(LedoitWolf().fit(training).mahalanobis(scores))
    return distances


def _outside(model: FittedModel, X: pd.DataFrame, centre: Sequence[str] | None) -> list[list[str]]:
    """Name the features that were pulled back from far away; a distance of winsorised scores cannot see them."""
    scores = _unbounded(model.estimator, model.values_of(X), None if centre is None else np.asarray(centre))
    training = model.estimator.training_scores_
    low, high = training.min(axis=0), training.max(axis=0)
    far = (scores < low - (high - low)) | (scores > high + (high - low))
    return [
        [
            f"The feature {_plain(model.selected[j])} lies {abs(scores[i, j]):.1f} standard deviations from the training "
            f"mean; winsorised training values reach from {low[j]:.1f} to {high[j]:.1f}."
            for j in np.flatnonzero(far[i])
        ]
        for i in range(len(X))
    ]


def _unbounded(estimator: ViewModel | LateFusion, values: Floats, centre: NDArray[Any] | None) -> Floats:
    """Give the scores as they would be if nothing were winsorised."""
    if isinstance(estimator, LateFusion):
        parts = zip(estimator.bases_, estimator.bases, strict=True)
        return np.hstack([_unbounded(base, values[:, places], centre) for base, (_, _, places) in parts])
    for _, step in estimator.chain_.steps_:
        if isinstance(step, Harmoniser) and centre is not None:
            values = step.transform(values, centre=centre)
        elif not isinstance(step, Winsorizer):
            values = step.transform(values)
    return values


def _of_distance(distance: float, among: Floats) -> tuple[str, ...]:
    limit = float(np.percentile(among, FAR))
    if distance <= limit:
        return ()
    return (
        f"Taken together, the selected features lie at a Mahalanobis distance of {distance:.1f} from the training "
        f"patients; {FAR:g} % of those lie within {limit:.1f}.",
    )


def _of_scans(profile: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[str, ...]:
    reasons: list[str] = []
    for time, when in _TIMES.items():
        trained = profile.get(time, {})
        for name, words in NAMED.items():
            reasons += _of_word(facts.get(f"scan|{time}|{name}"), trained.get(name, {}), f"{words} {when}")
        spacing = _lengths(facts.get(f"scan|{time}|spacing_mm"), 3)
        for value, limits, axis in zip(spacing, trained.get("spacing_mm", ()), _AXES, strict=False):
            reasons += _of_length(value, limits, f"spacing {axis} {when}")
        thickness = _lengths(facts.get(f"scan|{time}|thickness_mm"), 1)
        for value, limits in zip(thickness, trained.get("thickness_mm", ()), strict=False):
            reasons += _of_length(value, limits, f"slice thickness {when}")
    return tuple(reasons)


def _of_word(value: Any, trained: Mapping[str, int], words: str) -> list[str]:
    word = _word(value)
    # Manufacturers write their own names in several ways: SIEMENS, Siemens.
    if not word or not trained or word.casefold() in {one.casefold() for one in trained}:
        return []
    listed = ", ".join(f"{one} ({n})" for one, n in sorted(trained.items(), key=lambda item: (-item[1], item[0]))[:3])
    more = f" and {len(trained) - 3} more" if len(trained) > 3 else ""
    return [f"The {words} is {word}; training scans have {listed}{more}."]


def _of_length(value: float, limits: tuple[float, float], words: str) -> list[str]:
    low, high = limits
    if low * (1 - TOLERANCE) <= value <= high * (1 + TOLERANCE):
        return []
    trained = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return [f"The {words} is {value:g} mm; training scans have {trained} mm."]


def _plain(name: str) -> str:
    return name.replace("|", ", ").replace("_", " ")


def _word(value: Any) -> str:
    return "" if pd.isna(value) else str(value).strip()


def _lengths(value: Any, n: int) -> tuple[float, ...]:
    """Give n lengths in mm out of text or a number; none where they are not known."""
    found = tuple(float(part) for part in _word(value).split())
    return found if len(found) == n and all(length > 0 for length in found) else ()


def _ranges(known: list[tuple[float, ...]]) -> list[list[float]]:
    columns = zip(*filter(None, known), strict=True)
    return [[min(column), max(column)] for column in columns]

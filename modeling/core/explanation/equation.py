"""A linear model written out, so that a reader can compute one patient's probability with nothing else at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isnan, log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from modeling.core.estimators.harmonise import Harmoniser
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.estimators.preprocessing import MISSING, LogRatio, MedianImputer, Winsorizer
from modeling.core.estimators.view_model import ViewModel
from modeling.core.explanation.additive import LINEAR, weights_of
from modeling.core.study.fitted_model import FittedModel

#: What a term starts from: a column, whether it is missing, or ln((second + offset) / (first + offset)) of two.
Kind = Literal["value", "missing", "log_ratio"]


@dataclass(frozen=True)
class Term:
    """One summand: a value, its limits, its mean and standard deviation, and its weight.

    Parameters
    ----------
    columns : tuple of str
        One column; of a ratio the two, before and after.
    kind : {"value", "missing", "log_ratio"}
    median : float or None
        Stands in for a missing value; None where none may be missing.
    low, high : float
        Limits to which a value is pulled back.
    mean, sd : float
    weight : float
        Log-odds for each standard deviation.
    offset : float
        Of a ratio, in mm3 or mm; 0 otherwise.
    centres : mapping of str to (float, float)
        Slope and offset of each hospital, applied before anything else; empty without harmonisation.
    """

    columns: tuple[str, ...]
    kind: Kind
    median: float | None
    low: float
    high: float
    mean: float
    sd: float
    weight: float
    offset: float = 0.0
    centres: Mapping[str, tuple[float, float]] | None = None

    def amount(self, values: Mapping[str, float], *, centre: str | None = None) -> float:
        """Compute what the term adds to the log-odds of a patient's values; NaN is a missing value."""
        raw = self._raw([values[column] for column in self.columns], centre)
        if isnan(raw):
            if self.median is None:
                raise ValueError(f"The model has no value that stands in for a missing {self.columns[0]}.")
            raw = self.median
        return self.weight * ((min(max(raw, self.low), self.high) - self.mean) / self.sd)

    def _raw(self, given: Sequence[float], centre: str | None) -> float:
        if self.kind == "missing":
            return float(isnan(given[0]))
        if self.kind == "log_ratio":
            before, after = given
            if not (before >= 0 and after >= 0):
                return float("nan")
            return log(after + self.offset) - log(before + self.offset)
        if not self.centres:
            return given[0]
        slope, offset = self.centres[str(centre)]
        return given[0] * slope + offset


@dataclass(frozen=True)
class Part:
    """The model of one view: its terms and intercept, its calibration, and its weight in a fusion (1 without)."""

    name: str
    terms: tuple[Term, ...]
    intercept: float
    calibration_slope: float
    calibration_intercept: float
    weight: float = 1.0

    def log_odds(self, values: Mapping[str, float], *, centre: str | None = None) -> float:
        """Compute the calibrated log-odds of this part for a patient's values."""
        total = self.intercept + sum(term.amount(values, centre=centre) for term in self.terms)
        return self.calibration_slope * total + self.calibration_intercept


@dataclass(frozen=True)
class Equation:
    """A whole model: parts whose weighted log-odds are added to an intercept (0 without a fusion)."""

    parts: tuple[Part, ...]
    intercept: float = 0.0

    @property
    def n_terms(self) -> int:
        """Return the number of terms of all parts."""
        return sum(len(part.terms) for part in self.parts)

    @property
    def centres(self) -> tuple[str, ...]:
        """Return the hospitals whose differences the model removes; empty without harmonisation."""
        terms = [term for part in self.parts for term in part.terms]
        return tuple(sorted({centre for term in terms for centre in term.centres or ()}))

    def probability(self, values: Mapping[str, float], *, centre: str | None = None) -> float:
        """Compute the probability of response of one patient.

        Parameters
        ----------
        values : mapping of str to float
            Every column of the terms; NaN where a value is missing.
        centre : str, optional
            The hospital; only a model that harmonises needs it.
        """
        log_odds = self.intercept + sum(part.weight * part.log_odds(values, centre=centre) for part in self.parts)
        return 1 / (1 + exp(-log_odds))


def equation(model: FittedModel) -> Equation | None:
    """Return a model as an equation, or None where a part of it is no weighted sum.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    Equation or None
        Of logistic regression, elastic net, a linear support vector machine (its sigmoid is in the weights and
        the intercept), and fusions of those.
    """
    estimator = model.estimator
    if isinstance(estimator, LateFusion):
        fusion = estimator.fusion_
        parts = [
            _part(name, base, [model.columns[place] for place in places], weight=float(weight))
            for base, (name, _, places), weight in zip(
                estimator.bases_, estimator.bases, fusion.coef_[0], strict=True
            )
        ]
        intercept = float(fusion.intercept_[0])
    else:
        parts, intercept = [_part(model.name, estimator, model.columns, weight=1.0)], 0.0
    known = tuple(part for part in parts if part is not None)
    return Equation(known, intercept) if len(known) == len(parts) else None


def _part(name: str, view: ViewModel, columns: Sequence[str], *, weight: float) -> Part | None:
    if view.classifier_name_ not in LINEAR:
        return None
    nothing = view.classifier_.decision_function(np.zeros((1, view.training_scores_.shape[1])))
    return Part(
        name,
        _terms(view, columns),
        intercept=float(nothing[0]),
        calibration_slope=float(view.slope_),
        calibration_intercept=float(view.intercept_),
        weight=weight,
    )


def _terms(view: ViewModel, columns: Sequence[str]) -> tuple[Term, ...]:
    # Columns go through the chain under their places, which no column of a table is called.
    names: NDArray[Any] = np.array([str(place) for place in range(len(columns))], dtype=object)
    learned: dict[str, dict[str, Any]] = {}
    ratio: LogRatio | None = None
    for _, step in view.chain_.steps_:
        after = step.get_feature_names_out(names)
        for kind, found in _learned(step, names, after).items():
            learned[kind] = found
        ratio = step if isinstance(step, LogRatio) else ratio
        names = after
    return tuple(
        _term(str(name), float(weight), columns, learned=learned, ratio=ratio)
        for name, weight in zip(names, weights_of(view), strict=True)
    )


def _learned(step: Any, before: NDArray[Any], after: NDArray[Any]) -> dict[str, dict[str, Any]]:
    if isinstance(step, Harmoniser):
        pairs = zip(step.slopes_.T, step.offsets_.T, strict=True)
        centres = [
            {str(c): (float(s), float(o)) for c, s, o in zip(step.centres_, slope, offset, strict=True)}
            for slope, offset in pairs
        ]
        return {"centres": dict(zip(before, centres, strict=True))}
    if isinstance(step, MedianImputer):
        return {"median": dict(zip(before, step.medians_.tolist(), strict=True))}
    if isinstance(step, Winsorizer):
        return {"limits": dict(zip(after, step.bounds_.T.tolist(), strict=True))}
    if isinstance(step, StandardScaler):
        return {"spread": dict(zip(after, zip(step.mean_.tolist(), step.scale_.tolist(), strict=True), strict=True))}
    return {}


def _term(
    name: str,
    weight: float,
    columns: Sequence[str],
    *,
    learned: Mapping[str, Mapping[str, Any]],
    ratio: LogRatio | None,
) -> Term:
    low, high = learned["limits"][name]
    mean, sd = learned["spread"][name]
    median = learned.get("median", {}).get(name)
    numbers = {"low": low, "high": high, "mean": mean, "sd": sd, "weight": weight}
    if ratio is not None:
        return Term(tuple(columns), "log_ratio", median, offset=float(ratio.offset), **numbers)
    if name.endswith(MISSING):
        return Term((columns[int(name.removesuffix(MISSING))],), "missing", None, **numbers)
    centres = learned.get("centres", {}).get(name)
    return Term((columns[int(name)],), "value", median, centres=centres, **numbers)

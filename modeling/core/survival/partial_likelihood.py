"""The partial likelihood of Cox with Efron's ties: its maximum, and whether it has one.

Sources: Cox, J R Stat Soc B 1972;34:187; Efron, J Am Stat Assoc 1977;72:557 for ties; Bryson and Johnson, Technometrics
1981;23:381 for monotone likelihoods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from modeling.core.errors import NotEstimable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Newton's method ends once no coefficient of a scaled feature moves by more than this.
_STEP = 1e-10
_MOST_STEPS = 100
#: Of scaled features: what differs by less does not differ.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Patients in the order of their times, the latest first, as the likelihood needs them.

    Parameters
    ----------
    X : array of shape (n_patients, n_features)
    event : array of bool of shape (n_patients,)
    group : array of int of shape (n_patients,)
        Number of the patient's time, counted from the latest.
    last : array of int of shape (n_times,)
        Place of the last patient of each time: patients up to there are at risk.
    fraction : array of shape (n_events,)
        Share of the tied events that Efron takes off the risk set of each event.
    """

    X: Floats
    event: Bools
    group: Ints
    last: Ints
    fraction: Floats

    @classmethod
    def of(cls, X: Floats, time: Floats, event: Floats) -> PartialLikelihood:
        """Return the likelihood of patients in any order."""
        order = np.lexsort((event, -time))
        times, group = np.unique(-time[order], return_inverse=True)
        last = np.searchsorted(group, np.arange(len(times)), side="right") - 1
        died = event[order] == 1
        of_event = group[died]
        tied = np.bincount(of_event, minlength=len(times))
        place = np.arange(len(of_event)) - np.searchsorted(of_event, of_event)
        return cls(X[order], died, group, last, place / tied[of_event])

    def value(self, coefficients: Floats) -> float:
        """Compute the logarithm of the likelihood."""
        score = self.X @ coefficients
        top = float(score.max())
        at_risk = self._at_risk(np.exp(score - top))
        return float(score[self.event].sum() - np.log(at_risk).sum() - len(at_risk) * top)

    def derivatives(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Compute the gradient, shape (n_features,), and the information, shape (n_features, n_features)."""
        score = self.X @ coefficients
        weight = np.exp(score - score.max())
        at_risk, of_event = self._at_risk(weight), self.group[self.event]
        mean = self._at_risk(weight[:, None] * self.X) / at_risk[:, None]
        # A patient counts in the risk set of each event up to their own time, in those of their own time in part.
        n_times = len(self.last)
        once = np.bincount(of_event, 1 / at_risk, n_times)[::-1].cumsum()[::-1][self.group]
        part = np.bincount(of_event, self.fraction / at_risk, n_times)[self.group]
        share = weight * (once - np.where(self.event, part, 0.0))
        gradient = self.X[self.event].sum(axis=0) - share @ self.X
        return gradient, (self.X * share[:, None]).T @ self.X - mean.T @ mean

    def _at_risk(self, values: Floats) -> Floats:
        """Sum values over the risk set of each event, less Efron's share of the tied events."""
        of_event = self.group[self.event]
        everybody = np.cumsum(values, axis=0)[self.last]
        tied = np.zeros_like(everybody)
        np.add.at(tied, of_event, values[self.event])
        fraction = self.fraction.reshape(-1, *[1] * (values.ndim - 1))
        found: Floats = everybody[of_event] - fraction * tied[of_event]
        return found

    def is_monotone(self) -> bool:
        """Return whether the likelihood rises without end in some direction.

        It does if some weighted sum of the features is, at every event, for the patient with the event the highest of
        all who are at risk, and not the same for all of them. A linear programme looks for such a sum.
        """
        if self.X.shape[1] == 1:
            return any(self._orders_all_events(direction) for direction in np.array([[1.0], [-1.0]]))
        direction = self._steepest()
        return direction is not None and self._orders_all_events(direction)

    def _orders_all_events(self, direction: Floats) -> bool:
        score = self.X @ direction
        of_event = self.group[self.event]
        highest = np.maximum.accumulate(score)[self.last][of_event]
        lowest = np.minimum.accumulate(score)[self.last][of_event]
        is_highest = bool((highest - score[self.event] <= _SAME).all())
        return is_highest and bool((score[self.event] - lowest > 1e3 * _SAME).any())

    def _steepest(self) -> Floats | None:
        """Return the weights of which the events surpass the risk sets most, where none falls behind."""
        p, n_times, of_event = self.X.shape[1], len(self.last), self.group[self.event]
        at_risk = self.last[of_event] + 1
        surplus = self.X[self.event] * at_risk[:, None] - np.cumsum(self.X, axis=0)[self.last][of_event]
        # The highest score of each risk set is a variable of its own: as many rows as patients, not as pairs.
        highest = sparse.eye(n_times, format="csr")
        below = sparse.hstack([sparse.csr_matrix(self.X), -highest[self.group]])
        reached = sparse.hstack([sparse.csr_matrix(-self.X[self.event]), highest[of_event]])
        growing = sparse.hstack([sparse.csr_matrix((n_times - 1, p)), (highest - sparse.eye(n_times, k=1))[:-1]])
        rows = sparse.vstack([below, reached, growing])
        target = np.append(-surplus.sum(axis=0) / max(1, int(at_risk.sum())), np.zeros(n_times))
        bounds = [(-1.0, 1.0)] * p + [(None, None)] * n_times
        found = linprog(target, A_ub=rows, b_ub=np.zeros(rows.shape[0]), bounds=bounds, method="highs")
        return None if found.x is None else np.asarray(found.x[:p], dtype=np.float64)


def maximise(likelihood: PartialLikelihood, *, penalty: float) -> tuple[Floats, Floats]:
    """Compute the coefficients of the highest penalised likelihood by Newton's method, and their information.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Of scaled features.
    penalty : float
        Weight of half the squared coefficients.

    Returns
    -------
    tuple of array
        Coefficients of shape (n_features,); information, with the penalty, of shape (n_features, n_features).

    Raises
    ------
    NotEstimable
        If the features depend on each other, or the search does not end.
    """
    at = np.zeros(likelihood.X.shape[1])
    height = likelihood.value(at)
    for _ in range(_MOST_STEPS):
        gradient, information = likelihood.derivatives(at)
        information = information + penalty * np.eye(len(at))
        step = _newton_step(gradient - penalty * at, information)
        if np.abs(step).max() <= _STEP:
            return at + step, information
        at, height = _ascend(likelihood, at, step, height, penalty)
    raise NotEstimable("The Cox regression did not come to an end on these patients.")


def _newton_step(gradient: Floats, information: Floats) -> Floats:
    if np.linalg.eigvalsh(information)[0] <= 1e-12 * max(1.0, float(np.trace(information))):
        raise NotEstimable(
            "The features of the Cox regression do not differ, or one follows from the others, among patients at risk."
        )
    found: Floats = np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
    return found


def _ascend(
    likelihood: PartialLikelihood, at: Floats, step: Floats, height: float, penalty: float
) -> tuple[Floats, float]:
    """Go the step, halved until the likelihood does not fall; rounding near the top is no fall."""
    for _ in range(40):
        there = at + step
        reached = likelihood.value(there) - penalty / 2 * float(there @ there)
        if reached >= height - 1e-9 * abs(height):
            return there, reached
        step = step / 2
    raise NotEstimable("The Cox regression did not come to an end on these patients.")

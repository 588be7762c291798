"""Which responses are compatible with a probability, at a coverage chosen beforehand.

Split conformal prediction within each class (Mondrian): of the patients of a class, the share whose set
lacks their class is at most one minus the coverage, whatever the model and whatever the prevalence, as
long as new patients of the class come as the training patients of it did. Vovk, Gammerman & Shafer,
Algorithmic Learning in a Random World (2005), sections 4.1 and 4.5; Papadopoulos et al. (ECML 2002).

The scores come from out-of-fold probabilities. Each was given by a model that had not seen the patient,
though not by the very model that speaks now; this is cross-conformal prediction (Vovk, Ann Math Artif
Intell 2015;74:9), whose coverage is that of the split method in practice and not by proof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from modeling.core.errors import InvalidTable
from modeling.core.study.fitted_model import FittedModel

COVERAGE = 0.90

#: What the members of a set are called, by class.
RESPONSES = {1: "MPR", 0: "no MPR"}


@dataclass(frozen=True)
class Conformal:
    """The limits that decide on every set.

    Parameters
    ----------
    coverage : float
    limits : dict of int to float
        By class (1 responders, 0 others): the largest score, one minus the probability of that class, with
        which a patient may still belong to it; infinite where the class is too small for the coverage.
    patients : dict of int to int
        How many patients each limit rests on.
    """

    coverage: float
    limits: dict[int, float]
    patients: dict[int, int]

    def sets(self, p: ArrayLike) -> list[tuple[str, ...]]:
        """Give the responses that are compatible with each probability.

        Parameters
        ----------
        p : array of shape (n_patients,)
            Probabilities of response.

        Returns
        -------
        list of tuple of str
            ``("MPR",)``, ``("no MPR",)``, both, or none where neither class has such patients.
        """
        of_class = {1: 1 - np.asarray(p, dtype=np.float64), 0: np.asarray(p, dtype=np.float64)}
        inside = {label: of_class[label] <= self.limits[label] for label in RESPONSES}
        return [
            tuple(RESPONSES[label] for label in RESPONSES if inside[label][patient])
            for patient in range(len(of_class[1]))
        ]

    @property
    def reason(self) -> str:
        """Say for which class there are too few patients to exclude anybody; empty if there are enough."""
        needed = smallest_class(self.coverage)
        lacking = [
            f"{self.patients[label]} with {RESPONSES[label]}" for label in RESPONSES if math.isinf(self.limits[label])
        ]
        if not lacking:
            return ""
        return (
            f"A coverage of {100 * self.coverage:g} % needs at least {needed} training patients of each response; "
            f"there are {' and '.join(lacking)}, so {'no' if len(lacking) > 1 else 'that'} response is "
            f"{'ever' if len(lacking) > 1 else 'never'} excluded."
        )


@dataclass(frozen=True)
class Compatible:
    """The responses compatible with one prediction, and why one of them may never be excluded ("" if it may)."""

    responses: tuple[str, ...]
    reason: str


def smallest_class(coverage: float) -> int:
    """Give the number of patients of a class below which its limit is infinite.

    The rank ceil((n + 1) coverage) must not exceed n.
    """
    n = 1
    while _rank(n, coverage) > n:
        n += 1
    return n


def calibrate(p: ArrayLike, y: ArrayLike, *, coverage: float = COVERAGE) -> Conformal:
    """Learn the limits of both classes from patients whose model had not seen them.

    The limit of a class of n patients is the score of rank ceil((n + 1) coverage) in ascending order.

    Parameters
    ----------
    p : array of shape (n_patients,)
        Out-of-fold probabilities of response.
    y : array of shape (n_patients,)
        1 for a responder, 0 otherwise.
    coverage : float, default=0.90
        Above 0 and below 1.

    Returns
    -------
    Conformal

    Raises
    ------
    InvalidTable
        If the coverage is out of range, or probabilities and outcomes differ in number.
    """
    probabilities, outcomes = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.int64)
    if not 0 < coverage < 1:
        raise InvalidTable(f"The coverage must lie above 0 and below 1, not at {coverage}.")
    if probabilities.shape != outcomes.shape:
        raise InvalidTable(f"There are {len(probabilities)} probabilities for {len(outcomes)} outcomes.")
    scores = {1: 1 - probabilities[outcomes == 1], 0: probabilities[outcomes == 0]}
    return Conformal(
        coverage=coverage,
        limits={label: _limit(scores[label], coverage) for label in RESPONSES},
        patients={label: len(scores[label]) for label in RESPONSES},
    )


def compatible(model: FittedModel, p: pd.Series[float]) -> list[Compatible]:
    """Give the responses that are compatible with what a model says of each patient.

    A training patient, whose probability is the out-of-fold one, is judged by the limits of the others.

    Parameters
    ----------
    model : FittedModel
    p : Series of shape (n_patients,)
        Probabilities of response by patient code.

    Returns
    -------
    list of Compatible, in the order of p
    """
    y = pd.Series(model.outcomes, index=list(model.fitted_on))
    oof = model.oof.loc[y.index]
    everybody = calibrate(oof, y)
    found = []
    for code, probability in p.items():
        limits = everybody if code not in y.index else calibrate(oof.drop(code), y.drop(code))
        found.append(Compatible(limits.sets([probability])[0], limits.reason))
    return found


def _limit(scores: NDArray[np.float64], coverage: float) -> float:
    rank = _rank(len(scores), coverage)
    return math.inf if rank > len(scores) else float(np.sort(scores)[rank - 1])


def _rank(n: int, coverage: float) -> int:
    # Without the allowance 10 x 0.7 is 7.000000000000001 and the rank of an exact product one too high.
    return math.ceil((n + 1) * coverage - 1e-9)

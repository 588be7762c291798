"""Differences between centres: removing them (ComBat), and measuring how much of them is left."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from modeling.core.errors import OneCentreOnly, TooFewPatients, UnseenCentre

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

#: Patients that a centre needs before its mean and spread say anything.
MINIMUM_PER_CENTRE = 3


class Harmoniser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Bring the columns of all centres to one location and spread (ComBat).

    combatlearn's ComBat in the form of Johnson et al. (Biostatistics 2007;8:118), without
    covariates: the outcome must not steer what is removed. Its prior pools the centres column by
    column, not the columns of a centre as in the original. What it learned is a slope and an
    offset for each centre and column, so gaps stay gaps.

    Attributes
    ----------
    centres_ : array of str
    slopes_, offsets_ : arrays of shape (n_centres, n_features)
    """

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        centre: ArrayLike | None,
        harmonised: ArrayLike | None = None,
    ) -> Self:
        """Learn the centres.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : None
            Ignored.
        centre : array of str of shape (n_samples,)
        harmonised : array of bool of shape (n_features,), optional
            The columns to harmonise, all by default; the others pass unchanged.

        Raises
        ------
        OneCentreOnly
            If there are fewer than two centres.
        TooFewPatients
            If a centre has fewer than three patients.
        """
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        names = _centres(centre, n_samples=len(values))
        self.centres_, counts = np.unique(names, return_counts=True)
        _require_centres(self.centres_, counts)
        self.slopes_ = np.ones((len(self.centres_), values.shape[1]))
        self.offsets_ = np.zeros_like(self.slopes_)
        known = ~np.isnan(values).all(axis=0)
        varying = known & (np.fmax.reduce(values, axis=0) > np.fmin.reduce(values, axis=0))
        wanted = varying if harmonised is None else varying & np.asarray(harmonised, dtype=bool)
        if wanted.any():
            self.slopes_[:, wanted], self.offsets_[:, wanted] = _affine(values[:, wanted], names, self.centres_)
        return self

    def transform(self, X: ArrayLike, *, centre: ArrayLike | None) -> Floats:
        """Give X as if all of its patients came from one centre.

        Raises
        ------
        UnseenCentre
            If a patient's centre was not among the training centres.
        """
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        names = _centres(centre, n_samples=len(values))
        strangers = sorted(set(names.tolist()) - set(self.centres_.tolist()))
        if strangers:
            raise UnseenCentre(
                f"This model removes differences between the centres {', '.join(self.centres_)} (ComBat) and has no "
                f"estimate for {', '.join(strangers)}. Use a model without harmonisation for a new centre, or train "
                f"with patients of it."
            )
        place = np.searchsorted(self.centres_, names)
        harmonised: Floats = values * self.slopes_[place] + self.offsets_[place]
        return harmonised

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def centre_predictability(scores: ArrayLike, centre: ArrayLike, *, seed: int) -> float | None:
    """Say how well the features that a model uses tell the centre.

    Parameters
    ----------
    scores : array of shape (n_samples, n_features)
        The final features, z-scored.
    centre : array of str of shape (n_samples,)
    seed : int
        Seed of the folds.

    Returns
    -------
    float or None
        Cross-validated area under the ROC curve of guessing the centre, each against the rest, the
        mean over centres and folds. About 0.5 means that the features do not know the centre.
        Centres with fewer than three patients are left out; None with fewer than two others.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    values, names = np.asarray(scores, dtype=np.float64), np.asarray(centre, dtype=str)
    centres, counts = np.unique(names, return_counts=True)
    centres = centres[counts >= MINIMUM_PER_CENTRE]
    if len(centres) < 2 or values.shape[1] == 0:
        return None
    kept = np.isin(names, centres)
    values, names = values[kept], names[kept]
    folds = StratifiedKFold(int(min(5, counts[counts >= MINIMUM_PER_CENTRE].min())), shuffle=True, random_state=seed)
    areas = []
    for train, test in folds.split(values, names):
        for one in centres:
            guess = LogisticRegression(class_weight="balanced", max_iter=1000)
            guess.fit(values[train], names[train] == one)
            areas.append(roc_auc_score(names[test] == one, guess.decision_function(values[test])))
    return float(np.mean(areas))


def _centres(centre: ArrayLike | None, *, n_samples: int) -> Texts:
    if centre is None:
        raise ValueError("Harmonisation needs the centre of each patient.")
    names: Texts = np.asarray(centre, dtype=str)
    if names.shape != (n_samples,):
        raise ValueError(f"centre must name the centre of each of the {n_samples} patients.")
    return names


def _require_centres(centres: Texts, counts: NDArray[np.int64]) -> None:
    if len(centres) < 2:
        raise OneCentreOnly(
            f"All training patients come from the centre {centres[0]}; harmonisation needs at least two centres."
        )
    if counts.min() < MINIMUM_PER_CENTRE:
        raise TooFewPatients(
            f"The centre {centres[counts.argmin()]} has {counts.min()} training patients; harmonisation needs at "
            f"least {MINIMUM_PER_CENTRE} of each centre in every fold."
        )


def _affine(X: Floats, names: Texts, centres: Texts) -> tuple[Floats, Floats]:
    from combatlearn.core import ComBatModel

    # Raw columns span ten orders of magnitude and combatlearn adds a fixed 1e-8 to variances.
    mean, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    scaled = (X - mean) / spread
    for one in centres:
        here = names == one
        known = ~np.isnan(scaled[here])
        # A gap says nothing of a centre: its mean there, which leaves the estimated location as it is.
        count = known.sum(axis=0)
        own = np.divide(
            np.where(known, scaled[here], 0).sum(axis=0), count, out=np.zeros(X.shape[1]), where=count > 0
        )
        scaled[here] = np.where(known, scaled[here], own)
    with warnings.catch_warnings():
        # Small and unequal centres are refused or accepted above, by our own rule.
        warnings.simplefilter("ignore")
        model = ComBatModel().fit(scaled, batch=names)
    # The correction is affine in each centre and column: its values at 0 and 1 are all of it.
    zeros, ones = np.zeros((len(centres), X.shape[1])), np.ones((len(centres), X.shape[1]))
    at_zero = np.asarray(model.transform(zeros, batch=centres), dtype=np.float64)
    slopes = np.asarray(model.transform(ones, batch=centres), dtype=np.float64) - at_zero
    return slopes, at_zero * spread + mean - slopes * mean

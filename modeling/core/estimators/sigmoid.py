"""From scores to log-odds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from modeling.core.estimators.penalised import class_weights

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: The smallest slope, per standard deviation of the scores.
_FLAT = 0.01


def rising_sigmoid(scores: Floats, y: Ints, *, balanced: bool) -> tuple[float, float]:
    """Fit log-odds = slope * score + intercept with a slope that is never negative.

    Parameters
    ----------
    scores : array of shape (n_samples,)
        Of patients that the scoring model had not seen.
    y : array of shape (n_samples,)
        1 and 0.
    balanced : bool
        Give both classes equal weight.

    Returns
    -------
    slope, intercept : float
        Where higher scores do not go with the second class, the slope is the smallest that keeps
        the order of the patients, and the intercept says the share of the class.
    """
    spread = float(np.std(scores))
    if spread <= 1e-9 * (1 + np.abs(scores).max()):
        spread = 1.0
    fitted = LogisticRegression(class_weight="balanced" if balanced else None, tol=1e-8, max_iter=10_000)
    fitted.fit(scores[:, None] / spread, y)
    slope = float(fitted.coef_[0, 0]) / spread
    if slope >= _FLAT / spread:
        return slope, float(fitted.intercept_[0])
    share = class_weights(y, balanced=balanced) @ y
    return _FLAT / spread, float(logit(share) - _FLAT / spread * np.mean(scores))

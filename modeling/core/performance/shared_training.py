"""Models of test folds share their training patients, so that what they say is not independent."""

from __future__ import annotations

from math import sqrt


def widening(folds: float) -> float:
    """Compute by how much a standard error over test folds grows because their models share training patients.

    The variance of a mean over k test folds of independent models, σ² / k, becomes σ² (1 / k + n_test / n_training),
    the correction of the resampled t-test: 1 + k / (k - 1) times as much. That a division is repeated makes it no
    smaller, since the patients are the same; with 1 / repeats in place of 1 the intervals were still too short
    (docs/methods/coverage.md).

    Parameters
    ----------
    folds : float
        k; the mean where divisions differ.

    Returns
    -------
    float
        A factor of 1 or more; 1 where one model tested all patients.

    References
    ----------
    Nadeau & Bengio, Mach Learn 2003;52:239-281; Bouckaert & Frank, PAKDD 2004, LNAI 3056:3-12.
    """
    return sqrt(1 + folds / (folds - 1)) if folds > 1 else 1.0

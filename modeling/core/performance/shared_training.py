"""Models of test folds share their training patients, so that what they say is not independent."""

from __future__ import annotations

from math import sqrt


def widening(*, folds: float, repeats: int = 1) -> float:
    """Compute by how much a standard error over test folds grows because their models share training patients.

    The variance of a mean over J test folds of independent models, σ² / J, becomes σ² (1 / J + n_test / n_training),
    the correction of the resampled t-test. Relative to one division of the patients into k folds that is
    1 / repeats + k / (k - 1).

    Parameters
    ----------
    folds : float
        k; the mean where divisions differ.
    repeats : int, default=1
        Divisions of the same patients.

    Returns
    -------
    float
        A factor of 1 or more; 1 where one model tested all patients.

    References
    ----------
    Nadeau & Bengio, Mach Learn 2003;52:239-281; Bouckaert & Frank, PAKDD 2004, LNAI 3056:3-12.
    """
    return sqrt(1 / repeats + folds / (folds - 1)) if folds > 1 else 1.0

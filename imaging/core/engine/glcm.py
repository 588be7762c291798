"""Grey level co-occurrence (Haralick 1973; IBSI 3.6): 24 features of each direction, then their mean.

The matrix of a direction is made symmetric and divided by its sum. Directions without a pair do not
count. Formulas and names are pyradiomics'.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.compiled import compiled
from imaging.core.engine.discretise import GreyLevels

FloatArray = NDArray[np.float64]

#: In the order of `_values`; MCC is computed apart.
_COMPILED = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
NAMES = tuple(sorted((*_COMPILED, "MCC")))

_EPS = float(np.spacing(1.0))


def glcm_features(pairs: NDArray[np.int32], levels: GreyLevels, *, merge: bool = False) -> dict[str, float]:
    """Compute co-occurrence features.

    Parameters
    ----------
    pairs : ndarray of int32, shape (d, m, m)
        Pairs of a voxel and the one ahead of it, for each direction, over the m levels that occur.
    levels : GreyLevels
        Which levels those are.
    merge : bool
        Add up the directions first (IBSI "3D merged") instead of averaging their features.

    Returns
    -------
    dict of str to float
        NaN where no direction has a pair.
    """
    counts = pairs.sum(axis=0, keepdims=True) if merge else pairs
    counts = counts[counts.any(axis=(1, 2))].astype(np.float64)
    if not len(counts):
        return dict.fromkeys(NAMES, float("nan"))
    symmetric = counts + counts.transpose(0, 2, 1)
    p = symmetric / symmetric.sum(axis=(1, 2), keepdims=True)
    values = np.array([_values(one, levels.present, levels.highest) for one in p])
    # Imc2 is NaN in a direction where rounding takes its root below zero; the others count.
    means = np.nanmean(values, axis=0).tolist()
    return dict(zip(_COMPILED, means, strict=True)) | {"MCC": float(_maximal_correlation(p).mean())}


@compiled
def _values(p: FloatArray, grey: FloatArray, highest: int) -> FloatArray:
    """Give the features of one symmetric, normalised matrix."""
    eps = _EPS
    n = len(grey)
    px = np.zeros(n)
    add = np.zeros(2 * highest + 1)
    sub = np.zeros(highest)
    product, energy, entropy, largest, corrected = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(i + 1):
            q = p[i, j]
            if q == 0.0:
                continue
            twice = q if i == j else 2 * q
            px[i] += q
            if j < i:
                px[j] += q
            add[int(grey[i] + grey[j])] += twice
            sub[int(grey[i] - grey[j])] += twice
            product += twice * grey[i] * grey[j]
            energy += twice * q
            entropy -= twice * np.log2(q + eps)
            largest = max(largest, q)
    mean, hx = 0.0, 0.0
    for i in range(n):
        mean += px[i] * grey[i]
        hx -= px[i] * np.log2(px[i] + eps)
    squares, hxy1, hxy2 = 0.0, 0.0, 0.0
    for i in range(n):
        squares += px[i] * (grey[i] - mean) ** 2
        for j in range(i + 1):
            independent = px[i] * px[j]
            log = np.log2(independent + eps)
            both = 1.0 if i == j else 2.0
            hxy1 -= both * p[i, j] * log
            hxy2 -= both * independent * log
            corrected += both * p[i, j] * (grey[i] - mean) * (grey[j] - mean)
    tendency, shade, prominence, sum_average, sum_entropy = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(2, 2 * highest + 1):
        d = k - 2 * mean
        tendency += add[k] * d**2
        shade += add[k] * d**3
        prominence += add[k] * d**4
        sum_average += add[k] * k
        sum_entropy -= add[k] * np.log2(add[k] + eps)
    difference, contrast, difference_entropy = 0.0, 0.0, 0.0
    inverse, moment, moment_n, inverse_n, inverse_variance = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(highest):
        difference += sub[k] * k
        contrast += sub[k] * k**2
        difference_entropy -= sub[k] * np.log2(sub[k] + eps)
        inverse += sub[k] / (1 + k)
        moment += sub[k] / (1 + k**2)
        moment_n += sub[k] / (1 + k**2 / highest**2)
        inverse_n += sub[k] / (1 + k / highest)
        if k:
            inverse_variance += sub[k] / k**2
    difference_variance = 0.0
    for k in range(highest):
        difference_variance += sub[k] * (k - difference) ** 2
    correlation = corrected / (squares + eps) if squares > 0 else 1.0
    imc1 = (entropy - hxy1) / hx if hx != 0 else 0.0
    imc2 = np.sqrt(1 - np.exp(-2 * (hxy2 - entropy))) if hxy2 != entropy else 0.0
    return np.array(
        [
            product,
            prominence,
            shade,
            tendency,
            contrast,
            correlation,
            difference,
            difference_entropy,
            difference_variance,
            inverse,
            moment,
            moment_n,
            inverse_n,
            imc1,
            imc2,
            inverse_variance,
            mean,
            energy,
            entropy,
            largest,
            sum_average,
            sum_entropy,
            squares,
        ]
    )


def _maximal_correlation(p: FloatArray) -> FloatArray:
    """Give the maximal correlation coefficient of each matrix, shape (d, m, m).

    It is the root of the second largest eigenvalue of Q = D⁻¹ P D⁻¹ P, with D the marginal on the
    diagonal. Q is similar to the square of D⁻½ P D⁻½, which is symmetric, so its eigenvalues are cheaper
    and cannot be complex. pyradiomics adds eps to each product of marginals; under the root, as here, it
    has the same effect to first order, also where eigenvalues coincide.
    """
    if p.shape[1] < 2:
        return np.ones(len(p))
    px = p.sum(axis=2)
    symmetric = p / np.sqrt(px[:, :, None] * px[:, None, :] + _EPS)
    magnitudes = np.sort(np.abs(np.linalg.eigvalsh(symmetric)), axis=1)
    return np.asarray(magnitudes[:, -2])

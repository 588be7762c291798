"""Multiregional spatial interaction: how habitats touch each other and the tumour's border.

Definitions of the MD Anderson implementation (Wu J et al., Radiology 288:26-35, 2018; Aminu M et
al., Cancers 15:275, 2023), written anew from the formulas. Label 0 is outside, 1 to k are habitats.
The matrix has the size that the *codebook* says, so an absent habitat gives zeros, never missing
columns.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import CodebookMismatch, UnknownSetting

Offset = tuple[int, int, int]

#: One offset of each opposite pair; the other half follows from symmetry.
_HALF_OFFSETS: dict[str, tuple[Offset, ...]] = {
    "axial8": ((0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1)),
    "face6": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "full26": tuple((z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if (z, y, x) > (0, 0, 0)),
}


def interaction_matrix(
    labels: NDArray[np.integer], n_habitats: int, neighbourhood: str = "axial8"
) -> NDArray[np.int64]:
    """Count the contacts of habitats with each other and with the outside.

    Parameters
    ----------
    labels : ndarray of int, shape (z, y, x)
        0 outside the tumour, 1 to `n_habitats` inside.
    n_habitats : int
        k of the codebook, whether or not all habitats are present.
    neighbourhood : {"axial8", "face6", "full26"}
        Which voxels are neighbours. The reference is axial8: in-plane only.

    Returns
    -------
    ndarray of int64, shape (n_habitats + 1, n_habitats + 1)
        Symmetric. Within a habitat each pair counts in both directions; row and column 0 hold the
        contacts with the outside, and element (0, 0) is 0.

    Raises
    ------
    UnknownSetting
        If the neighbourhood is not known.
    CodebookMismatch
        If a label exceeds `n_habitats`.
    """
    if neighbourhood not in _HALF_OFFSETS:
        raise UnknownSetting(f"Unknown neighbourhood {neighbourhood!r}; known are {', '.join(_HALF_OFFSETS)}.")
    if labels.size and (labels.min() < 0 or labels.max() > n_habitats):
        raise CodebookMismatch(
            f"Habitat labels run from {labels.min()} to {labels.max()}, but the codebook has {n_habitats} habitats."
        )
    size = n_habitats + 1
    padded = np.pad(labels.astype(np.intp), 1)
    counts = np.zeros((size, size), dtype=np.int64)
    for offset in _HALF_OFFSETS[neighbourhood]:
        here, there = _shifted(padded, offset)
        pairs = np.bincount((here * size + there).ravel(), minlength=size * size).reshape(size, size)
        counts += pairs + pairs.T
    counts[0, 0] = 0
    return counts


def _shifted(padded: NDArray[np.intp], offset: Offset) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give two views in which equal indices are a voxel and its neighbour."""
    here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, padded.shape, strict=True))
    there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, padded.shape, strict=True))
    return padded[here], padded[there]


def second_order(counts: NDArray[np.int64]) -> dict[str, float]:
    """Compute contrast, homogeneity, correlation and energy of an interaction matrix.

    The formulas are those of MATLAB's ``graycoprops`` on the full matrix, border included:
    homogeneity divides by ``1 + |i - j|``. Correlation is NaN where all contacts have one label.

    Parameters
    ----------
    counts : ndarray of int, shape (k + 1, k + 1)
        What `interaction_matrix` gave; any co-occurrence matrix will do.

    Returns
    -------
    dict of str to float
        All NaN for a matrix without any contact.
    """
    total = counts.sum()
    if total == 0:
        return dict.fromkeys(("contrast", "homogeneity", "correlation", "energy"), float("nan"))
    p = counts / total
    i, j = np.indices(p.shape)
    return {
        "contrast": float((p * (i - j) ** 2).sum()),
        "homogeneity": float((p / (1 + abs(i - j))).sum()),
        "correlation": _correlation(p, i, j),
        "energy": float((p**2).sum()),
    }


def _correlation(p: NDArray[np.float64], i: NDArray[np.int64], j: NDArray[np.int64]) -> float:
    di, dj = i - (i * p).sum(), j - (j * p).sum()
    spread = np.sqrt((di**2 * p).sum() * (dj**2 * p).sum())
    return float((di * dj * p).sum() / spread) if spread > 0 else float("nan")


def first_order(counts: NDArray[np.int64], *, voxel_volume_mm3: float) -> dict[str, float]:
    """Compute volumes, border and pair interactions of an interaction matrix.

    Parameters
    ----------
    counts : ndarray of int, shape (k + 1, k + 1)
        What `interaction_matrix` gave.
    voxel_volume_mm3 : float
        Factor of the absolute features.

    Returns
    -------
    dict of str to float
        In the reference's order: ``V_i``, ``B_i``, ``I_i_j`` in mm3, then ``v_i``, ``b_i``, ``c_i_j``
        as parts of all contacts.
    """
    habitats = range(1, counts.shape[0])
    within = {f"_{i}": counts[i, i] for i in habitats}
    border = {f"_{i}": counts[i, 0] for i in habitats}
    pairs = {f"_{i}_{j}": counts[i, j] for i, j in combinations(habitats, 2)}
    total = max(int(counts.sum()), 1)
    absolute = (("V", within), ("B", border), ("I", pairs))
    normalised = (("v", within), ("b", border), ("c", pairs))
    return {
        f"{kind}{key}": float(n * voxel_volume_mm3) for kind, entries in absolute for key, n in entries.items()
    } | {f"{kind}{key}": float(n / total) for kind, entries in normalised for key, n in entries.items()}

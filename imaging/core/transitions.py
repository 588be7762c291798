"""What each place of a tumour was before treatment and became: habitat transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import CodebookMismatch, EmptyMask
from imaging.core.feature_vector import FeatureVector
from imaging.core.geometry import Grid, bounding_box, nearest_on
from imaging.core.habitats import HabitatLabels
from imaging.core.registration import Registered, warp_labels

#: States outside the tumour; the k habitats follow them.
LUNG, OTHER = 0, 1
OUTSIDE = 2

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Transitions:
    """States of places before and after treatment, on the first scan's habitat grid.

    A state is 0 (lung), 1 (other tissue outside the tumour) or ``1 + i`` (habitat i).

    Parameters
    ----------
    before, after : ndarray of uint8, shape (z, y, x)
        States, also outside the tumours.
    grid : Grid
        The box around the places that were tumour at one time at least.
    k : int
        Habitats of the codebook.
    codebook_digest : str
        Which codebook, if known.
    lost_mm3 : float
        Volume of the second tumour that no place of the first scan reaches; negative where warping widened it.
    """

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    grid: Grid
    k: int
    codebook_digest: str = ""
    lost_mm3: float = 0.0

    @property
    def counts(self) -> IntArray:
        """Voxels by state before (rows) and after (columns), shape (k + 2, k + 2).

        Only places that were tumour at one time at least: the four entries of lung and other tissue among
        themselves are zero.
        """
        size = self.k + OUTSIDE
        pairs = self.before.astype(np.int64) * size + self.after
        inside = (self.before >= OUTSIDE) | (self.after >= OUTSIDE)
        return np.bincount(pairs[inside], minlength=size * size).reshape(size, size)

    @property
    def codes(self) -> NDArray[np.uint8]:
        """``1 + before (k + 2) + after`` at each place that was tumour at one time, 0 elsewhere: one map to store."""
        inside = (self.before >= OUTSIDE) | (self.after >= OUTSIDE)
        codes = 1 + self.before.astype(np.int64) * (self.k + OUTSIDE) + self.after
        return np.where(inside, codes, 0).astype(np.uint8)


def transitions(pre: HabitatLabels, post: HabitatLabels, registered: Registered) -> Transitions:
    """Follow each place from the habitats before to those after treatment.

    Parameters
    ----------
    pre, post : HabitatLabels
        Habitats of both timepoints under one codebook.
    registered : Registered
        Where places went, and where CT shows lung.

    Raises
    ------
    CodebookMismatch
        If the two maps were made with different codebooks.
    EmptyMask
        If there is no tumour in either map.
    """
    if pre.k != post.k or pre.codebook_digest != post.codebook_digest:
        raise CodebookMismatch(
            f"The maps before and after were made with different codebooks: {pre.k} habitats of "
            f"{pre.codebook_digest[:12]} and {post.k} of {post.codebook_digest[:12]}."
        )
    grid = _joint_grid(pre.grid, registered.grid)
    first = nearest_on(pre.array, pre.grid, grid)
    second = warp_labels(post.array, post.grid, registered, grid)
    if not (first.any() or second.any()):
        raise EmptyMask("Both habitat maps are empty: there is no place to follow.")
    lung = [nearest_on(part.astype(np.uint8), registered.lung_grid, grid) for part in registered.lung]
    before, after = (
        np.where(labels > 0, labels + (OUTSIDE - 1), np.where(air > 0, LUNG, OTHER)).astype(np.uint8)
        for labels, air in zip((first, second), lung, strict=True)
    )
    box = bounding_box((first > 0) | (second > 0))
    there = int(np.count_nonzero(post.array)) * post.grid.voxel_volume_mm3
    lost = there - int(np.count_nonzero(second)) * grid.voxel_volume_mm3
    crop = (np.ascontiguousarray(before[box]), np.ascontiguousarray(after[box]))
    return Transitions(*crop, grid.crop(box), pre.k, pre.codebook_digest, lost)


def _joint_grid(labels: Grid, field: Grid) -> Grid:
    """Widen the grid of labels, by whole voxels, until it covers a field."""
    last = np.array(field.shape_zyx) - 1
    corners = np.array(np.meshgrid(*[(0, n) for n in last], indexing="ij")).reshape(3, -1).T
    index = labels.index(np.stack([field.position(corner) for corner in corners]))
    low = np.minimum(np.ceil(index.min(axis=0) - 1e-6), 0).astype(int)
    high = np.maximum(np.floor(index.max(axis=0) + 1e-6), np.array(labels.shape_zyx) - 1).astype(int)
    x, y, z = labels.position(low).tolist()
    shape = (high - low + 1).tolist()
    return replace(labels, shape_zyx=(shape[0], shape[1], shape[2]), origin_lps_mm=(x, y, z))


def state_names(k: int) -> tuple[str, ...]:
    """Give the names of the states in order: lung, other, then the habitats by number."""
    return ("lung", "other", *(str(i) for i in range(1, k + 1)))


def transition_feature_names(k: int) -> tuple[str, ...]:
    """Give the names that `transition_features` returns for k habitats, in its order."""
    pairs = [f"{a}_{b}" for a, b in _pairs(k)]
    return (*(f"transition_joint_{p}" for p in pairs), *(f"transition_t_{p}" for p in pairs), *_SUMMARIES)


_SUMMARIES = (
    "transition_persistence",
    "transition_entropy_joint",
    "transition_entropy_conditional",
    "transition_kept_tumour",
    "transition_vanished_tumour",
    "transition_new_tumour",
    "transition_became_lung",
    "transition_became_other",
    "transition_was_lung",
    "transition_was_other",
)


def _pairs(k: int) -> list[tuple[str, str]]:
    names = state_names(k)
    return [(a, b) for i, a in enumerate(names) for j, b in enumerate(names) if i >= OUTSIDE or j >= OUTSIDE]


def transition_features(found: Transitions) -> FeatureVector:
    """Compute transition fractions, persistence and entropy.

    Returns
    -------
    FeatureVector
        ``transition_joint_a_b``: share of the places that were tumour at one time; their sum is 1.
        ``transition_t_a_b``: share of the places of state a, undefined where there are none.
        ``transition_persistence``: of places that are tumour at both times, the share that keeps its habitat.
        ``transition_entropy_joint``, ``_conditional``: in nats, of the joint fractions, and of what a place
        became once it is known what it was. The rest: shares of the places that were tumour at one time.

    Raises
    ------
    EmptyMask
        If no place was tumour at any time.
    """
    provenance: dict[str, object] = {
        "codebook_digest": found.codebook_digest,
        "voxel_volume_mm3": found.grid.voxel_volume_mm3,
        "lost_mm3": found.lost_mm3,
        "feature_grid": found.grid.as_dict(),
    }
    return features_of_counts(found.counts, provenance=provenance)


def features_of_counts(counts: IntArray, *, provenance: Mapping[str, object]) -> FeatureVector:
    """Compute the features of `transition_features` from counts, however these were made.

    Parameters
    ----------
    counts : ndarray of int64, shape (k + 2, k + 2)
        Voxels by state before (rows) and after (columns), as `Transitions.counts` has them.
    provenance : mapping of str to object
        What else is known of the places.

    Raises
    ------
    EmptyMask
        If no place was tumour at any time.
    """
    k = len(counts) - OUTSIDE
    features, undefined = _features(counts)
    names = transition_feature_names(k)
    made: dict[str, object] = {"engine": "ecotone", "k": k, "voxels": int(counts.sum())}
    return FeatureVector(names, np.array([features[n] for n in names]), undefined, made | dict(provenance))


def _features(counts: IntArray) -> tuple[dict[str, float], dict[str, str]]:
    k, total = len(counts) - OUTSIDE, int(counts.sum())
    if total == 0:
        raise EmptyMask("No place was tumour before or after treatment.")
    joint = counts / total
    rows = counts.sum(axis=1)
    names = state_names(k)
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if i < OUTSIDE and j < OUTSIDE:
                continue
            values[f"transition_joint_{a}_{b}"] = float(joint[i, j])
            values[f"transition_t_{a}_{b}"] = float(counts[i, j] / rows[i]) if rows[i] else float("nan")
            if not rows[i]:
                undefined[f"transition_t_{a}_{b}"] = f"no place was {_words(a)} before treatment"
    inner = counts[OUTSIDE:, OUTSIDE:]
    kept = int(inner.sum())
    values["transition_persistence"] = float(np.trace(inner) / kept) if kept else float("nan")
    if not kept:
        undefined["transition_persistence"] = "no place is tumour both before and after treatment"
    values["transition_entropy_joint"] = _entropy(joint)
    values["transition_entropy_conditional"] = max(0.0, _entropy(joint) - _entropy(joint.sum(axis=1)))
    shares = {
        "kept_tumour": joint[OUTSIDE:, OUTSIDE:],
        "vanished_tumour": joint[OUTSIDE:, :OUTSIDE],
        "new_tumour": joint[:OUTSIDE, OUTSIDE:],
        "became_lung": joint[OUTSIDE:, LUNG],
        "became_other": joint[OUTSIDE:, OTHER],
        "was_lung": joint[LUNG, OUTSIDE:],
        "was_other": joint[OTHER, OUTSIDE:],
    }
    return values | {f"transition_{name}": float(part.sum()) for name, part in shares.items()}, undefined


def _words(state: str) -> str:
    return (
        f"habitat {state}"
        if state.isdigit()
        else {"lung": "lung and then tumour", "other": "other tissue and then tumour"}[state]
    )


def _entropy(shares: NDArray[np.float64]) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())

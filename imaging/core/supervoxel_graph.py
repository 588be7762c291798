"""Habitat features straight from supervoxels, for cohorts that are labelled again and again.

A habitat is a union of supervoxels. What supervoxels touch, and which of their pieces hang together, does not
change with the codebook; counted once, it gives the features of any codebook exactly, without a voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label as connected_pieces

from imaging.core.codebook import Codebook
from imaging.core.errors import CodebookMismatch
from imaging.core.feature_vector import FeatureVector
from imaging.core.geometry import Grid
from imaging.core.habitats import Arrangement, HabitatLabels, arrangement_features, require_same_spec
from imaging.core.msi import interaction_matrix
from imaging.core.registration import Registered
from imaging.core.supervoxels import Supervoxels
from imaging.core.transitions import OUTSIDE, features_of_counts, transitions

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SupervoxelGraph:
    """The supervoxels of one tumour as numbers and neighbours.

    Parameters
    ----------
    contacts : ndarray of int64, shape (n + 1, n + 1)
        `interaction_matrix` of the n supervoxels; row and column 0 are the outside.
    voxels : ndarray of int64, shape (n,)
        Sizes.
    owner : ndarray of int64, shape (p,)
        For each 26-connected piece the row of its supervoxel, from 0; most supervoxels are one piece.
    piece_voxels : ndarray of int64, shape (p,)
        Sizes of pieces.
    touching : ndarray of int64, shape (e, 2)
        Pairs of different pieces that are 26-neighbours, each once.
    descriptors : ndarray of float64, shape (n, d)
    mean_hu : ndarray of float64, shape (n,)
        What a codebook is fitted on, and labels by.
    grid : Grid
        Of the voxels that were counted.
    spec_digest, neighbourhood : str
        Those of the supervoxels.
    """

    contacts: IntArray
    voxels: IntArray
    owner: IntArray
    piece_voxels: IntArray
    touching: IntArray
    descriptors: NDArray[np.float64]
    mean_hu: NDArray[np.float64]
    grid: Grid
    spec_digest: str
    neighbourhood: str

    @property
    def n(self) -> int:
        """Number of supervoxels."""
        return len(self.voxels)


def graph_of(supervoxels: Supervoxels) -> SupervoxelGraph:
    """Count what habitats will be made of.

    Parameters
    ----------
    supervoxels : Supervoxels
        Of one tumour.

    Returns
    -------
    SupervoxelGraph
        Under the neighbourhood that the supervoxels' specification wants.
    """
    labels, n = supervoxels.labels, supervoxels.n
    pieces = connected_pieces(labels, background=0, connectivity=labels.ndim)
    there = np.unique(pieces.ravel(), return_index=True)
    first = there[1][there[0] > 0]
    between = np.triu(interaction_matrix(pieces, len(first), "full26")[1:, 1:], k=1)
    return SupervoxelGraph(
        contacts=interaction_matrix(labels, n, supervoxels.neighbourhood),
        voxels=np.bincount(labels.ravel(), minlength=n + 1)[1:].astype(np.int64),
        owner=labels.ravel()[first].astype(np.int64) - 1,
        piece_voxels=np.bincount(pieces.ravel(), minlength=len(first) + 1)[1:].astype(np.int64),
        touching=np.argwhere(between > 0).astype(np.int64),
        descriptors=supervoxels.descriptors,
        mean_hu=supervoxels.mean_hu,
        grid=supervoxels.grid,
        spec_digest=supervoxels.spec_digest,
        neighbourhood=supervoxels.neighbourhood,
    )


def habitats_of(graph: SupervoxelGraph, codebook: Codebook) -> IntArray:
    """Give the habitat, 1 to k, that a codebook finds for each supervoxel, shape (n,).

    Raises
    ------
    CodebookMismatch
        If supervoxels and codebook were made under different specifications.
    """
    require_same_spec(graph.spec_digest, codebook)
    return np.asarray(codebook.clusterer().predict(graph.descriptors) + 1, dtype=np.int64)


def habitat_features_of(
    graph: SupervoxelGraph, habitat_of_supervoxel: IntArray, k: int, *, codebook_digest: str = ""
) -> FeatureVector:
    """Compute what `habitat_features` computes from a map, to the last bit, without the map.

    Parameters
    ----------
    graph : SupervoxelGraph
        Of one tumour.
    habitat_of_supervoxel : ndarray of int64, shape (n,)
        Habitat of each supervoxel, 1 to k.
    k : int
        Habitats of the codebook, whether or not all are present.
    codebook_digest : str
        For the provenance.

    Raises
    ------
    CodebookMismatch
        If a habitat is not among 1 to k, or there is not one for each supervoxel.
    """
    habitat = np.asarray(habitat_of_supervoxel, dtype=np.int64)
    _require_habitats(habitat, graph.n, k)
    member = _membership(habitat, k)
    contacts = member.T @ graph.contacts @ member
    parts = Arrangement(contacts, member[1:, 1:].T @ graph.voxels, _regions(graph, habitat, k))
    return arrangement_features(
        parts, grid=graph.grid, neighbourhood=graph.neighbourhood, codebook_digest=codebook_digest
    )


def _require_habitats(habitat: IntArray, n: int, k: int) -> None:
    if habitat.shape != (n,) or (n and (habitat.min() < 1 or habitat.max() > k)):
        raise CodebookMismatch(f"Each of {n} supervoxels needs one habitat from 1 to {k}.")


def _membership(habitat: IntArray, k: int) -> IntArray:
    """Give a matrix of 0 and 1, shape (n + 1, k + 1), that sums by habitat; the outside stays the outside."""
    return np.asarray(np.append(0, habitat)[:, None] == np.arange(k + 1), dtype=np.int64)


def _regions(graph: SupervoxelGraph, habitat: IntArray, k: int) -> list[IntArray]:
    """Join touching pieces of one habitat, and give the sizes of what results for each habitat."""
    of_piece, size = habitat[graph.owner], len(graph.owner)
    a, b = graph.touching.T
    same = of_piece[a] == of_piece[b]
    edges = coo_array((np.ones(same.sum(), dtype=np.int8), (a[same], b[same])), shape=(size, size))
    count, region = connected_components(edges, directed=False)
    voxels = np.zeros(count, dtype=np.int64)
    np.add.at(voxels, region, graph.piece_voxels)
    of_region = np.zeros(count, dtype=np.int64)
    of_region[region] = of_piece
    return [voxels[of_region == number] for number in range(1, k + 1)]


@dataclass(frozen=True, eq=False)
class FollowedSupervoxels:
    """How many places went from each supervoxel before to each after treatment.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_pre + 2, n_post + 2)
        Voxels by state before (rows) and after; states 0 and 1 are lung and other tissue, the rest supervoxels.
    """

    counts: IntArray


def follow_supervoxels(pre: Supervoxels, post: Supervoxels, registered: Registered) -> FollowedSupervoxels:
    """Count once what `transitions` will need under any codebook.

    Labels are carried by taking the nearest, so a place has the habitat of the supervoxel that it has.

    Parameters
    ----------
    pre, post : Supervoxels
        Of both timepoints.
    registered : Registered
        Where places went.
    """
    n = max(pre.n, post.n)
    before, after = (HabitatLabels(one.labels.astype(np.uint8), one.grid, n) for one in (pre, post))
    counts = transitions(before, after, registered).counts
    return FollowedSupervoxels(counts[: pre.n + OUTSIDE, : post.n + OUTSIDE].astype(np.int64))


def transition_features_of(
    followed: FollowedSupervoxels, *, pre: IntArray, post: IntArray, k: int, codebook_digest: str = ""
) -> FeatureVector:
    """Compute what `transition_features` computes from maps, to the last bit.

    Parameters
    ----------
    followed : FollowedSupervoxels
        Of one patient.
    pre, post : ndarray of int64, shapes (n_pre,) and (n_post,)
        Habitat of each supervoxel, 1 to k.
    k : int
        Habitats of the codebook.
    codebook_digest : str
        For the provenance.

    Raises
    ------
    CodebookMismatch
        If a habitat is not among 1 to k, or there is not one for each supervoxel.
    """
    states = np.arange(k + OUTSIDE)
    members = []
    for habitat, size in zip((pre, post), followed.counts.shape, strict=True):
        _require_habitats(habitat, size - OUTSIDE, k)
        state = np.concatenate([np.arange(OUTSIDE), habitat + (OUTSIDE - 1)])
        members.append((state[:, None] == states).astype(np.int64))
    counts = members[0].T @ followed.counts @ members[1]
    return features_of_counts(counts, provenance={"codebook_digest": codebook_digest})

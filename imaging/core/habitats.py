"""Habitats of one tumour: labels from a codebook, and features of how they are arranged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.codebook import Codebook, fit_codebook
from imaging.core.errors import CodebookMismatch, EmptyMask
from imaging.core.feature_vector import FeatureVector
from imaging.core.geometry import Grid
from imaging.core.msi import first_order, interaction_matrix, second_order
from imaging.core.supervoxels import Supervoxels

__all__ = [
    "Arrangement",
    "Codebook",
    "HabitatLabels",
    "arrangement_features",
    "assign",
    "fit_codebook",
    "habitat_feature_names",
    "habitat_features",
    "require_same_spec",
]

#: Connected regions of a habitat below this size are noise and counted nowhere.
MINIMUM_REGION_VOXELS = 27

_CONNECT_26 = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class HabitatLabels:
    """Habitats of a tumour on a grid.

    Parameters
    ----------
    array : ndarray of uint8, shape (z, y, x)
        0 outside, 1 to k inside; 1 is the habitat of lowest HU.
    grid : Grid
        Where the voxels lie.
    k : int
        Habitats of the codebook, whether or not all are present.
    codebook_digest : str
        Which codebook, if known.
    """

    array: NDArray[np.uint8]
    grid: Grid
    k: int
    codebook_digest: str = ""


def assign(supervoxels: Supervoxels, codebook: Codebook) -> HabitatLabels:
    """Give every voxel the habitat that the codebook finds for its supervoxel.

    Raises
    ------
    CodebookMismatch
        If supervoxels and codebook were made under different specifications.
    """
    require_same_spec(supervoxels.spec_digest, codebook)
    found = codebook.clusterer().predict(supervoxels.descriptors)
    habitat = np.concatenate([[0], found + 1]).astype(np.uint8)
    return HabitatLabels(habitat[supervoxels.labels], supervoxels.grid, codebook.k, codebook.digest)


def require_same_spec(spec_digest: str, codebook: Codebook) -> None:
    """Refuse supervoxels that were made under another specification than a codebook (`CodebookMismatch`)."""
    if spec_digest != codebook.spec_digest:
        raise CodebookMismatch(
            f"The supervoxels were made under specification {spec_digest[:12]}, "
            f"the codebook under {codebook.spec_digest[:12]}."
        )


def habitat_features(labels: HabitatLabels, *, neighbourhood: str) -> FeatureVector:
    """Compute interaction, proportions and heterogeneity of habitats.

    Parameters
    ----------
    labels : HabitatLabels
        Habitats of one tumour.
    neighbourhood : {"axial8", "face6", "full26"}
        The codebook's.

    Returns
    -------
    FeatureVector
        4 + k (k + 3) features of multiregional spatial interaction, then fraction and components of
        each habitat, Shannon and Simpson index and the ITH score.

    Raises
    ------
    EmptyMask
        If no voxel belongs to a habitat.

    References
    ----------
    ITH score: Li J et al., Eur Radiol 33:5533-5543, 2023; here in three dimensions.
    """
    array, k = labels.array, labels.k
    parts = Arrangement(
        contacts=interaction_matrix(array, k, neighbourhood),
        voxels=np.bincount(array.ravel(), minlength=k + 1)[1:],
        regions=[_region_sizes(array == habitat) for habitat in range(1, k + 1)],
    )
    return arrangement_features(
        parts, grid=labels.grid, neighbourhood=neighbourhood, codebook_digest=labels.codebook_digest
    )


@dataclass(frozen=True, eq=False)
class Arrangement:
    """All that the features of habitats are computed from.

    Parameters
    ----------
    contacts : ndarray of int64, shape (k + 1, k + 1)
        What `interaction_matrix` gives.
    voxels : ndarray of int64, shape (k,)
        Size of each habitat.
    regions : sequence of ndarray of int64
        For each habitat the sizes of its 26-connected regions, crumbs among them.
    """

    contacts: NDArray[np.int64]
    voxels: NDArray[np.int64]
    regions: Sequence[NDArray[np.int64]]


def arrangement_features(
    parts: Arrangement, *, grid: Grid, neighbourhood: str, codebook_digest: str = ""
) -> FeatureVector:
    """Compute the features of `habitat_features` from counts, however these were made.

    Parameters
    ----------
    parts : Arrangement
        Contacts, sizes and regions of k habitats.
    grid : Grid
        Of the voxels that were counted.
    neighbourhood, codebook_digest : str
        For the provenance.

    Raises
    ------
    EmptyMask
        If no voxel belongs to a habitat.
    """
    voxels = int(parts.voxels.sum())
    if voxels == 0:
        raise EmptyMask("The habitat map is empty: no voxel belongs to a habitat.")
    volume = grid.voxel_volume_mm3
    msi = second_order(parts.contacts) | first_order(parts.contacts, voxel_volume_mm3=volume)
    found = {f"msi_{name}": value for name, value in msi.items()} | _diversity(parts)
    names = tuple(found)
    values = np.array(list(found.values()), dtype=np.float64)
    undefined = {
        names[place]: "all contacts carry one label, so labels do not vary"
        for place in np.flatnonzero(np.isnan(values)).tolist()
    }
    provenance: dict[str, object] = {
        "engine": "ecotone",
        "k": len(parts.voxels),
        "neighbourhood": neighbourhood,
        "codebook_digest": codebook_digest,
        "voxels": voxels,
        "voxel_volume_mm3": volume,
        "feature_grid": grid.as_dict(),
    }
    return FeatureVector(names, values, undefined, provenance)


def habitat_feature_names(k: int) -> tuple[str, ...]:
    """Give the names that `habitat_features` returns for k habitats, in its order."""
    empty = np.zeros((k + 1, k + 1), dtype=np.int64)
    msi = [*second_order(empty), *first_order(empty, voxel_volume_mm3=1.0)]
    parts = [f"{kind}_{i}" for kind in ("fraction", "components") for i in range(1, k + 1)]
    return (*(f"msi_{name}" for name in msi), *parts, "shannon", "simpson", "ith_score")


def _diversity(parts: Arrangement) -> dict[str, float]:
    fractions = parts.voxels / parts.voxels.sum()
    present = fractions[fractions > 0]
    regions = [sizes[sizes >= MINIMUM_REGION_VOXELS] for sizes in parts.regions]
    dominated = sum(sizes.max() / len(sizes) for sizes in regions if len(sizes))
    return {
        **{f"fraction_{i}": float(f) for i, f in enumerate(fractions, start=1)},
        **{f"components_{i}": float(len(sizes)) for i, sizes in enumerate(regions, start=1)},
        "shannon": float(-(present * np.log(present)).sum()),
        "simpson": float(1 - (fractions**2).sum()),
        "ith_score": float(1 - dominated / parts.voxels.sum()),
    }


def _region_sizes(habitat: NDArray[np.bool_]) -> NDArray[np.int64]:
    labelled, _ = ndimage.label(habitat, structure=_CONNECT_26)
    return np.asarray(np.bincount(labelled.ravel())[1:], dtype=np.int64)

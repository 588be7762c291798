"""Habitats of one tumour: labels from a codebook, and features of how they are arranged."""

from __future__ import annotations

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

__all__ = ["Codebook", "HabitatLabels", "assign", "fit_codebook", "habitat_feature_names", "habitat_features"]

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
    if supervoxels.spec_digest != codebook.spec_digest:
        raise CodebookMismatch(
            f"The supervoxels were made under specification {supervoxels.spec_digest[:12]}, "
            f"the codebook under {codebook.spec_digest[:12]}."
        )
    found = codebook.clusterer().predict(supervoxels.descriptors)
    habitat = np.concatenate([[0], found + 1]).astype(np.uint8)
    return HabitatLabels(habitat[supervoxels.labels], supervoxels.grid, codebook.k, codebook.digest)


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
    sizes = np.bincount(array.ravel(), minlength=k + 1)[1:]
    if sizes.sum() == 0:
        raise EmptyMask("The habitat map is empty: no voxel belongs to a habitat.")
    counts = interaction_matrix(array, k, neighbourhood)
    volume = labels.grid.voxel_volume_mm3
    found = {f"msi_{n}": v for n, v in (second_order(counts) | first_order(counts, voxel_volume_mm3=volume)).items()}
    found |= _diversity(array, sizes)
    names = tuple(found)
    undefined = {
        name: "all contacts carry one label, so labels do not vary" for name in names if np.isnan(found[name])
    }
    provenance: dict[str, object] = {
        "engine": "ecotone",
        "k": k,
        "neighbourhood": neighbourhood,
        "codebook_digest": labels.codebook_digest,
        "voxels": int(sizes.sum()),
        "voxel_volume_mm3": volume,
        "feature_grid": labels.grid.as_dict(),
    }
    return FeatureVector(names, np.array(list(found.values()), dtype=np.float64), undefined, provenance)


def habitat_feature_names(k: int) -> tuple[str, ...]:
    """Give the names that `habitat_features` returns for k habitats, in its order."""
    empty = np.zeros((k + 1, k + 1), dtype=np.int64)
    msi = [*second_order(empty), *first_order(empty, voxel_volume_mm3=1.0)]
    parts = [f"{kind}_{i}" for kind in ("fraction", "components") for i in range(1, k + 1)]
    return (*(f"msi_{name}" for name in msi), *parts, "shannon", "simpson", "ith_score")


def _diversity(array: NDArray[np.uint8], sizes: NDArray[np.int64]) -> dict[str, float]:
    fractions = sizes / sizes.sum()
    present = fractions[fractions > 0]
    regions = [_regions(array == habitat) for habitat in range(1, len(sizes) + 1)]
    dominated = sum(region.max() / len(region) for region in regions if len(region))
    return {
        **{f"fraction_{i}": float(f) for i, f in enumerate(fractions, start=1)},
        **{f"components_{i}": float(len(region)) for i, region in enumerate(regions, start=1)},
        "shannon": float(-(present * np.log(present)).sum()),
        "simpson": float(1 - (fractions**2).sum()),
        "ith_score": float(1 - dominated / sizes.sum()),
    }


def _regions(habitat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the sizes of the 26-connected regions that are large enough to count."""
    labelled, _ = ndimage.label(habitat, structure=_CONNECT_26)
    sizes = np.bincount(labelled.ravel())[1:]
    return np.asarray(sizes[sizes >= MINIMUM_REGION_VOXELS], dtype=np.int64)

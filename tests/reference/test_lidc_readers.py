"""Four radiologists' masks of one nodule: what readers change, and whether perturbations point at the same features.

Data: LIDC-IDRI-0314 (Armato et al., doi 10.7937/K9/TCIA.2015.LO9QL9SX, CC BY 3.0), cropped; volumes and HU of
`expected.json` are those of pylidc 0.2.3. One lesion is one case, so that no ICC across cases can be had from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import stats

from imaging.core.errors import TooFewCases
from imaging.core.features import extract, feature_names
from imaging.core.geometry import TumorMask, Volume, mask_from_sitk, volume_from_sitk
from imaging.core.perturb import ROWS, perturb
from imaging.core.reliability import reliability
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

pytestmark = pytest.mark.realdata

READERS = ("reader1", "reader2", "reader3", "reader4")
#: On the voxels that the readers drew on, so that their numbers are published ones.
AS_DRAWN = ExtractionSpec(
    name="as_drawn", radiomics=RadiomicsSpec(resampled_spacing_mm=None, log_sigma_mm=(), wavelet=False)
)
#: As the protocols have it, without filters.
AT_1_MM = ExtractionSpec(name="at_1_mm", radiomics=RadiomicsSpec(log_sigma_mm=(), wavelet=False))


@dataclass(frozen=True, eq=False)
class Nodule:
    volume: Volume
    masks: dict[str, TumorMask]
    expected: dict[str, Any]

    def features(self, spec: ExtractionSpec) -> NDArray[np.float64]:
        """Give what each reader's mask yields, shape (readers, features)."""
        return np.stack([extract(self.volume, self.masks[reader], spec).values for reader in READERS])

    def published(self, key: str) -> NDArray[np.float64]:
        return np.array([self.expected[reader][key] for reader in READERS])


@pytest.fixture(scope="module")
def nodule(shared_data: Path) -> Nodule:
    folder = shared_data / "lidc_0314_mini"

    def read(file: str) -> sitk.Image:
        return sitk.ReadImage(str(folder / file))

    return Nodule(
        volume_from_sitk(read("ct.nii.gz")),
        {name: mask_from_sitk(read(f"masks_nifti/{name}.nii.gz")) for name in (*READERS, "consensus")},
        json.loads((folder / "expected.json").read_text())["expected"],
    )


def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the coefficient of variation of each column: standard deviation (n - 1) by absolute mean."""
    return np.asarray(values.std(axis=0, ddof=1) / np.abs(values.mean(axis=0)))


@pytest.mark.parametrize(
    ("feature", "key", "tolerance"),
    [
        ("original_shape_VoxelVolume", "volume_mm3", 1e-3),
        ("original_firstorder_Mean", "mean_HU", 1e-4),
        ("original_firstorder_Minimum", "min_HU", 0),
        ("original_firstorder_Maximum", "max_HU", 0),
    ],
)
def test_what_is_published_of_each_reader_is_what_the_engine_gives(
    nodule: Nodule, feature: str, key: str, tolerance: float
) -> None:
    column = nodule.features(AS_DRAWN)[:, feature_names(AS_DRAWN).index(feature)]
    np.testing.assert_allclose(column, nodule.published(key), rtol=0, atol=tolerance)


def test_the_spread_of_the_volume_between_readers_is_the_published_one(nodule: Nodule) -> None:
    column = feature_names(AS_DRAWN).index("original_shape_VoxelVolume")
    ours, published = nodule.features(AS_DRAWN)[:, column], nodule.published("volume_mm3")
    assert spread(ours) == pytest.approx(spread(published), rel=1e-6)
    assert np.ptp(ours) / ours.mean() == pytest.approx(np.ptp(published) / published.mean(), rel=1e-6)


def test_one_lesion_is_one_case_and_gives_no_agreement_across_cases(nodule: Nodule) -> None:
    readers_as_raters = nodule.features(AT_1_MM)[None]
    with pytest.raises(TooFewCases, match="there are 1, each measured 4 times"):
        reliability(readers_as_raters, names=feature_names(AT_1_MM))


def test_features_that_perturbation_moves_are_those_on_which_readers_differ(nodule: Nodule) -> None:
    between_readers = spread(nodule.features(AT_1_MM))
    consensus = (nodule.volume, nodule.masks["consensus"])
    under_perturbation = spread(np.stack([extract(*perturb(*consensus, name), AT_1_MM).values for name in ROWS]))
    assert np.isfinite(between_readers).all()
    assert np.isfinite(under_perturbation).all()
    # Unrelated spreads would give |rho| < 0.25 in 99 of 100 such samples of 107 features.
    rho = stats.spearmanr(between_readers, under_perturbation).statistic
    assert rho > 0.7


def test_readers_differ_by_more_than_a_voxel_of_contour(nodule: Nodule) -> None:
    """Perturbation understates how far readers are apart: one of them lies outside the contour's grown and shrunk."""
    consensus = nodule.masks["consensus"]
    smallest, largest = (perturb(nodule.volume, consensus, name)[1].volume_mm3 for name in ("shrunk", "grown"))
    published = nodule.published("volume_mm3")
    outside = [name for name, value in zip(READERS, published, strict=True) if not smallest < value < largest]
    assert outside == ["reader3"]


@pytest.mark.parametrize("name", ROWS)
def test_every_perturbation_keeps_the_nodule_recognisable(nodule: Nodule, name: str) -> None:
    """No perturbed contour agrees less with its original than the two readers who agree least (Dice 0.756)."""
    for reader in READERS:
        mask = nodule.masks[reader]
        _, moved = perturb(nodule.volume, mask, name)
        dice = 2 * np.count_nonzero(mask.array & moved.array) / (mask.voxels + moved.voxels)
        assert dice > 0.7561, reader

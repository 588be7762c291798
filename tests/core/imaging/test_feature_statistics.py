"""Many features at once against the same sums for one feature, closed forms, and what must hold for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from imaging.core.concordance import concordance
from imaging.core.correlation import groups_of, spearman
from imaging.core.delta import changes, delta
from imaging.core.errors import TooFewCases, UnknownSetting
from imaging.core.feature_map import draw_map
from imaging.core.feature_names import FAMILIES, parse
from imaging.core.features import FeatureVector, feature_names
from imaging.core.separation import separation
from imaging.core.spec import STANDARD
from modeling.core.performance.discrimination import auc, delong_interval

Table = NDArray[np.float64]


def drawn(seed: int, n: int = 40, features: int = 12, *, missing: float = 0.1) -> tuple[Table, NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    responder = random.random(n) < 0.4
    values = np.round(random.normal(size=(n, features)) + np.outer(responder, np.linspace(-2, 4, features)), 1)
    values[random.random(values.shape) < missing] = np.nan
    return values, responder


# --- separation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_areas_and_limits_of_many_features_equal_those_of_models_one_by_one(seed: int) -> None:
    values, responder = drawn(seed)
    found = separation(values, responder)
    for column, area in enumerate(found.auc):
        known = np.isfinite(values[:, column])
        y, p = responder[known].astype(np.int64), values[known, column]
        assert area == pytest.approx(auc(y, p), abs=1e-12)
        assert (found.responders[column], found.others[column]) == (y.sum(), (1 - y).sum())
        if area >= 0.1 and (limits := delong_interval(y, p)):  # models know no area far below a coin
            assert (found.lower[column], found.upper[column]) == pytest.approx(limits, abs=1e-9)


def test_turning_a_feature_round_mirrors_its_area_and_limits() -> None:
    values, responder = drawn(1, features=30)
    one, turned = separation(values, responder), separation(-values, responder)
    np.testing.assert_allclose(turned.auc, 1 - one.auc)
    np.testing.assert_allclose(turned.lower, 1 - one.upper)
    np.testing.assert_allclose(turned.strength, one.strength)


@given(st.integers(0, 10_000))
def test_an_area_lies_within_its_limits_and_follows_ranks_only(seed: int) -> None:
    values, responder = drawn(seed, n=25, features=4)
    found, stretched = separation(values, responder), separation(np.exp(values), responder)
    np.testing.assert_allclose(found.auc, stretched.auc)
    known = np.isfinite(found.lower)
    assert np.all(found.lower[known] <= found.auc[known])
    assert np.all(found.auc[known] <= found.upper[known])


def test_one_class_alone_has_no_area_and_a_perfect_separation_no_interval() -> None:
    values = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 1.0], [4.0, 2.0]])
    found = separation(values, np.array([True, True, False, False]))
    assert found.auc[0] == 0.0
    assert np.isnan(found.lower[0]), "the variance of a perfect separation is not known"
    assert np.isnan(found.auc[1])
    assert (found.responders[1], found.others[1]) == (0, 2)


# --- correlation --------------------------------------------------------------------------------------------


def test_correlations_equal_scipys_where_nothing_is_missing() -> None:
    values, _ = drawn(3, missing=0.0)
    np.testing.assert_allclose(spearman(values), stats.spearmanr(values).statistic, atol=1e-12)


def test_features_that_say_the_same_form_a_group_whichever_way_they_point() -> None:
    random = np.random.default_rng(0)
    base = random.normal(size=(60, 3))
    values = np.column_stack([base[:, 0], np.exp(base[:, 0]), -(base[:, 0] ** 3), base[:, 1], base[:, 2]])
    groups = groups_of(spearman(values))
    assert len(set(groups[:3])) == 1
    assert len(set(groups)) == 3


def test_what_most_patients_lack_or_what_does_not_vary_goes_with_nothing() -> None:
    values = np.column_stack([np.arange(20.0), np.arange(20.0), np.ones(20), np.arange(20.0)])
    values[:12, 1] = np.nan
    found = spearman(values)
    assert found[0, 1] == found[0, 2] == 0
    assert list(groups_of(found)[[0, 3]]) == [groups_of(found)[0]] * 2


# --- concordance --------------------------------------------------------------------------------------------


def test_concordance_is_one_of_equal_values_and_falls_with_a_shift_and_a_stretch_as_lin_says() -> None:
    x = np.arange(1.0, 11.0)
    shifted, stretched = x + 2.0, 2 * x
    found = concordance(np.column_stack([x, x, x, -x]), np.column_stack([x, shifted, stretched, x]))
    variance, mean = x.var(), x.mean()
    expected = [1.0, 2 * variance / (2 * variance + 4), 4 * variance / (5 * variance + mean**2)]
    assert found.coefficient[:3] == pytest.approx(expected)
    assert found.coefficient[3] < 0
    assert found.difference[0] == 0
    assert found.difference[2] == pytest.approx(2 / 3)
    assert found.difference[3] == 2


def test_too_few_pairs_and_constant_values_have_no_concordance() -> None:
    nan = np.nan
    a = np.array([[1.0, 5.0], [2.0, 5.0], [nan, 5.0], [4.0, 5.0]])
    b = np.array([[1.0, 5.0], [nan, 5.0], [3.0, 5.0], [4.0, 5.0]])
    found = concordance(a, b)
    assert np.isnan(found.coefficient).all()
    assert list(found.n) == [2, 4]
    assert list(found.difference) == [0, 0]


# --- the map ------------------------------------------------------------------------------------------------


def test_the_first_axis_of_the_map_is_what_varies_together_and_explained_shares_are_those_of_the_table() -> None:
    random = np.random.default_rng(1)
    score = random.normal(size=80)
    values = np.column_stack([score + 0.05 * random.normal(size=80) for _ in range(9)] + [random.normal(size=80)])
    found = draw_map(values)
    assert abs(np.corrcoef(found.points[:, 0], score)[0, 1]) > 0.99
    standardized = (values - values.mean(axis=0)) / values.std(axis=0)
    shares = np.linalg.svd(standardized, compute_uv=False) ** 2
    assert found.explained == pytest.approx((shares / shares.sum())[:2])
    assert found.features == 10


def test_a_map_leaves_out_patients_and_features_with_large_gaps_and_fills_small_ones() -> None:
    values, _ = drawn(5, n=30, features=20, missing=0.0)
    values[4], values[:20, 7], values[2, 3] = np.nan, np.nan, np.nan
    found = draw_map(values)
    assert sorted(found.rows.tolist()) == [row for row in range(30) if row != 4]
    assert found.features == 19
    np.testing.assert_array_equal(draw_map(values).points, found.points)


def test_umap_keeps_two_far_groups_apart_and_gives_equal_points_for_equal_values() -> None:
    values = np.random.default_rng(4).normal(size=(24, 6))
    values[12:] += 30
    found = draw_map(values, method="umap")
    middles = found.points[:12].mean(axis=0), found.points[12:].mean(axis=0)
    widest = max(np.ptp(found.points[:12], axis=0).max(), np.ptp(found.points[12:], axis=0).max())
    assert np.linalg.norm(middles[0] - middles[1]) > widest
    assert found.explained == ()
    np.testing.assert_array_equal(draw_map(values, method="umap").points, found.points)


def test_a_map_of_nothing_says_so() -> None:
    with pytest.raises(TooFewCases, match="there are 3"):
        draw_map(np.random.default_rng(0).normal(size=(3, 9)))
    with pytest.raises(TooFewCases, match="2 features that vary; there are 0"):
        draw_map(np.ones((9, 4)))
    with pytest.raises(TooFewCases, match="there are 0"):
        draw_map(np.full((9, 4), np.nan))
    with pytest.raises(UnknownSetting):
        draw_map(np.ones((9, 4)), method="tsne")


# --- changes and names --------------------------------------------------------------------------------------


def test_changes_of_a_feature_in_many_patients_equal_those_of_each_patient() -> None:
    names = ("original_shape_MeshVolume", "fraction_1", "original_glcm_Contrast", "msi_V_1", "msi_energy")
    random = np.random.default_rng(2)
    pre, post = random.normal(size=(2, 30, len(names)))
    pre[0, 2], pre[1, 3], post[2, 0] = 0.0, np.nan, -5.0
    voxels = random.choice([0.5, 1.0, 3.0], size=30)
    for row in range(30):
        vectors = [
            FeatureVector(names, part[row], provenance={"voxel_volume_mm3": voxels[row]}) for part in (pre, post)
        ]
        expected = delta(*vectors).values
        for column, name in enumerate(names):
            found = changes(name, pre[:, column], post[:, column], voxel_volume_mm3=voxels)
            np.testing.assert_allclose(found[row], expected[column], err_msg=name)


def test_every_name_of_the_standard_protocol_is_taken_apart_into_words() -> None:
    for name in feature_names(STANDARD):
        found = parse(name)
        assert found.family in FAMILIES
        assert name.startswith(f"{found.image}_{found.family}_")
        assert found.measure
        assert found.measure.replace("0th p", "0p").replace(" ", "").lower() == name.rsplit("_", 1)[1].lower()
    assert parse("log-sigma-1-0-mm-3D_glcm_Imc1").filter == "LoG 1 mm"
    assert parse("log-sigma-2-5-mm-3D_glcm_Imc1").filter == "LoG 2.5 mm"
    assert parse("transition_became_lung", region="transitions").measure == "became lung"


def test_units_are_those_of_the_measure_and_filtered_images_have_none() -> None:
    units = {
        "original_shape_MeshVolume": "mm³",
        "original_shape_Maximum2DDiameterSlice": "mm",
        "original_shape_Sphericity": "",
        "original_firstorder_Mean": "HU",
        "original_firstorder_Variance": "HU²",
        "original_firstorder_Entropy": "",
        "wavelet-LLH_firstorder_Mean": "",
    }
    assert {name: parse(name).unit for name in units} == units
    assert parse("msi_V_2", region="habitats").unit == "mm³"

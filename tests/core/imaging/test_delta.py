"""Changes between two timepoints, by the formulas of METHOD 4.5."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.core.delta import delta
from imaging.core.errors import FeatureMismatch, UnknownSetting
from imaging.core.feature_vector import FeatureVector
from imaging.core.habitats import habitat_feature_names

finite = st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-3)


def vector(undefined: dict[str, str] | None = None, /, **values: float) -> FeatureVector:
    return FeatureVector(
        tuple(values), np.array(list(values.values()), float), undefined or {}, {"voxel_volume_mm3": 0.5}
    )


def change(name: str, pre: float, post: float, **options: object) -> float:
    return delta(vector(**{name: pre}), vector(**{name: post}), **options).as_dict()[name]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("original_shape_MeshVolume", math.log(6.5 / 8.5)),
        ("original_shape_VoxelVolume", math.log(6.5 / 8.5)),
        ("original_shape_SurfaceVolumeRatio", -0.25),
        ("original_glcm_Contrast", -0.25),
        ("wavelet-LLH_firstorder_Mean", -0.25),
        ("msi_V_1", math.log(6.5 / 8.5)),
        ("msi_B_3", math.log(6.5 / 8.5)),
        ("msi_I_1_2", math.log(6.5 / 8.5)),
        ("msi_v_1", -2.0),
        ("msi_b_1", -2.0),
        ("msi_c_1_2", -2.0),
        ("msi_contrast", -2.0),
        ("fraction_2", -2.0),
        ("components_2", -2.0),
        ("shannon", -2.0),
        ("ith_score", -2.0),
    ],
)
def test_mixed_takes_the_change_that_fits_the_feature(name: str, expected: float) -> None:
    assert change(name, 8.0, 6.0) == pytest.approx(expected)


def test_every_habitat_feature_has_a_change_that_a_zero_baseline_does_not_break() -> None:
    names = habitat_feature_names(3)
    zero, one = (FeatureVector(names, np.full(len(names), value)) for value in (0.0, 1.0))
    assert np.isfinite(delta(zero, one).values).all()


@given(finite, finite)
def test_relative_change_recovers_the_second_value(pre: float, post: float) -> None:
    assert pre + change("f", pre, post, mode="relative") * abs(pre) == pytest.approx(post, rel=1e-6, abs=1e-6)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_log_change_is_antisymmetric(pre: float, post: float) -> None:
    assert change("f", pre, post, mode="log") == pytest.approx(-change("f", post, pre, mode="log"))


@pytest.mark.parametrize("mode", ["mixed", "relative", "absolute", "log"])
def test_no_change_is_zero_in_every_mode(mode: str) -> None:
    both = vector(msi_V_1=3.0, shannon=0.4, original_glcm_Contrast=7.0)
    assert not delta(both, both, mode=mode).values.any()


def test_a_negative_baseline_keeps_the_sign_of_the_change() -> None:
    assert change("original_firstorder_Mean", -40.0, -20.0) == pytest.approx(0.5)


def test_a_zero_baseline_has_no_relative_change_and_says_so() -> None:
    found = delta(vector(f=0.0), vector(f=3.0))
    assert np.isnan(found.values[0])
    assert "zero" in found.undefined["f"]


def test_a_baseline_negligible_in_training_counts_as_zero() -> None:
    pre, post = vector(f=1e-8), vector(f=1.0)
    assert np.isnan(delta(pre, post, training_iqr={"f": 1.0}).values[0])
    assert np.isfinite(delta(pre, post, training_iqr={"f": 1e-3}).values[0])


def test_a_negative_value_has_no_logarithm() -> None:
    found = delta(vector(f=-3.0), vector(f=3.0), mode="log")
    assert found.undefined["f"] == "a negative value has no logarithm"


def test_reasons_of_the_timepoints_are_kept() -> None:
    pre = vector({"f": "one grey level"}, f=math.nan, g=1.0, h=1.0)
    post = vector({"g": "too small"}, f=1.0, g=math.nan, h=2.0)
    found = delta(pre, post)
    assert found.undefined == {
        "f": "undefined before treatment: one grey level",
        "g": "undefined after treatment: too small",
    }
    assert found.as_dict()["h"] == 1.0


def test_names_stay_as_they_are() -> None:
    assert delta(vector(b=1.0, a=2.0), vector(b=1.0, a=2.0)).names == ("b", "a")


def test_it_refuses_different_features_and_names_one() -> None:
    with pytest.raises(FeatureMismatch, match="such as extra"):
        delta(vector(a=1.0), vector(a=1.0, extra=2.0))


def test_it_refuses_different_specifications() -> None:
    one = FeatureVector(("a",), np.ones(1), {}, {"spec_digest": "1f"})
    other = FeatureVector(("a",), np.ones(1), {}, {"spec_digest": "2e"})
    with pytest.raises(FeatureMismatch, match="spec digest: 1f and 2e"):
        delta(one, other)


def test_it_refuses_an_unknown_mode() -> None:
    with pytest.raises(UnknownSetting, match="mixed, relative, absolute, log"):
        delta(vector(a=1.0), vector(a=1.0), mode="ratio")

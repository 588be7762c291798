from __future__ import annotations

import numpy as np
import pytest

from modeling.core.estimators.preprocessing import LogRatio, MedianImputer, Winsorizer

NAN = np.nan


def test_a_gap_is_filled_with_the_training_median_and_marked():
    train = np.array([[1.0, 5.0], [2.0, NAN], [9.0, 7.0]])
    imputer = MedianImputer().fit(train)
    new = imputer.transform([[NAN, NAN], [4.0, 4.0]])
    # Medians 2 and 6; only the second column had a gap in training, so only it has an indicator.
    assert new.tolist() == [[2.0, 6.0, 1.0], [4.0, 4.0, 0.0]]
    assert imputer.get_feature_names_out(["a", "b"]).tolist() == ["a", "b", "b (missing)"]


def test_columns_with_the_same_gaps_share_an_indicator():
    train = np.array([[1.0, NAN, NAN, NAN], [2.0, 1.0, 3.0, NAN], [3.0, 2.0, 5.0, 1.0]])
    imputer = MedianImputer().fit(train)
    assert imputer.get_feature_names_out(list("abcd")).tolist() == ["a", "b", "c", "d", "b (missing)", "d (missing)"]


def test_a_column_that_was_empty_in_training_becomes_zero():
    imputer = MedianImputer(indicator=False).fit([[NAN, 1.0], [NAN, 2.0]])
    assert imputer.transform([[NAN, NAN]]).tolist() == [[0.0, 1.5]]


def test_values_beyond_the_training_percentiles_are_pulled_back():
    train = np.arange(101.0)[:, None]
    winsorizer = Winsorizer(low=1, high=99).fit(train)
    assert winsorizer.transform([[-50.0], [0.0], [50.0], [1e9]]).ravel().tolist() == [1.0, 1.0, 50.0, 99.0]


def test_the_volume_ratio_is_the_logarithm_of_after_over_before():
    given = [[999.0, 499.0], [999.0, 0.0], [NAN, 10.0], [-1.0, 10.0]]
    ratio = LogRatio().fit(given).transform(given).ravel()
    # (499 + 1) / (999 + 1) = 1/2, (0 + 1) / (999 + 1) = 1/1000; a missing or negative volume stays missing.
    assert ratio[:2] == pytest.approx([-np.log(2), -np.log(1000)])
    assert np.isnan(ratio[2:]).all()


def test_a_ratio_has_the_name_that_it_was_given():
    assert LogRatio(name="whole_tumour|delta|log_diameter_ratio").get_feature_names_out().tolist() == [
        "whole_tumour|delta|log_diameter_ratio"
    ]


def test_medians_are_numpys_column_by_column():
    random = np.random.default_rng(0)
    X = random.normal(size=(31, 40))
    X[random.random((31, 40)) < 0.3] = NAN
    assert np.array_equal(MedianImputer().fit(X).medians_, np.nanmedian(X, axis=0))


def test_a_ratio_needs_two_columns():
    with pytest.raises(ValueError, match="two columns"):
        LogRatio().fit(np.ones((3, 3)))

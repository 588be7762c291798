from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf

from modeling.core.explanation.familiarity import scan_profile, unlike
from tests.fitted import draw, fit_fusion, fit_view


def scans(n: int = 40) -> pd.DataFrame:
    index = [f"P-{i:03d}" for i in range(n)]
    facts = {}
    for time in ("pre", "post"):
        facts |= {
            f"scan|{time}|manufacturer": ["SIEMENS"] * (n - 10) + ["GE"] * 10,
            f"scan|{time}|scanner": ["Force"] * (n - 10) + ["Revolution"] * 10,
            f"scan|{time}|kernel": ["B30f"] * (n - 5) + ["STANDARD"] * 5,
            f"scan|{time}|contrast": ["yes"] * n,
            f"scan|{time}|spacing_mm": ["1 0.7 0.7", "2 0.8 0.8"] * (n // 2),
            f"scan|{time}|thickness_mm": [1.0, 2.0] * (n // 2),
        }
    return pd.DataFrame(facts | {"subgroup|sex": "male"}, index=index)


@pytest.fixture(scope="module")
def model():
    X, y = draw(40)
    return replace(fit_view(X, y, "logistic"), scans=scan_profile(scans()))


def of(model, **changed) -> tuple[str, ...]:
    """Reasons for a patient in the middle of training whose scans differ in what is given."""
    facts = scans().iloc[[0]].set_axis(["new"])
    for name, value in changed.items():
        facts[f"scan|{name.replace('__', '|')}"] = value
    X = draw(40)[0].median().to_frame().T.set_axis(["new"])
    (found,) = unlike(model, X, facts)
    assert found.flag is bool(found.reasons)
    return found.reasons


def test_the_profile_counts_words_and_gives_ranges_and_survives_json():
    profile = scan_profile(scans())
    assert json.loads(json.dumps(profile)) == profile
    assert set(profile) == {"pre", "post"}
    assert profile["pre"]["manufacturer"] == {"GE": 10, "SIEMENS": 30}
    assert profile["pre"]["contrast"] == {"yes": 40}
    assert profile["post"]["spacing_mm"] == [[1, 2], [0.7, 0.8], [0.7, 0.8]]
    assert profile["post"]["thickness_mm"] == [[1, 2]]


def test_what_is_known_of_nobody_is_absent_from_the_profile():
    facts = scans().drop(columns=[name for name in scans() if "|post|" in name])
    facts["scan|pre|kernel"] = ""
    facts["scan|pre|thickness_mm"] = np.nan
    profile = scan_profile(facts)
    assert set(profile) == {"pre"}
    assert "kernel" not in profile["pre"]
    assert "thickness_mm" not in profile["pre"]
    assert scan_profile(pd.DataFrame(index=["P-1"])) == {}


def test_a_scan_like_the_training_scans_is_no_reason(model):
    assert of(model) == ()


def test_manufacturers_are_the_same_however_they_write_themselves(model):
    assert of(model, pre__manufacturer="Siemens ") == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"post__kernel": "B70f"},
            "The reconstruction kernel after treatment is B70f; training scans have B30f (35)",
        ),
        ({"pre__scanner": "Aquilion"}, "The scanner before treatment is Aquilion"),
        ({"pre__manufacturer": "Canon"}, "The manufacturer before treatment is Canon"),
        ({"post__contrast": "no"}, "The use of contrast after treatment is no; training scans have yes (40)"),
        ({"pre__thickness_mm": 5.0}, "The slice thickness before treatment is 5 mm; training scans have 1 to 2 mm."),
        ({"post__spacing_mm": "1 0.5 0.7"}, "The spacing between rows after treatment is 0.5 mm"),
        ({"post__spacing_mm": "2.21 0.7 0.7"}, "The spacing between slices after treatment is 2.21 mm"),
    ],
)
def test_what_no_training_scan_had_is_named_with_what_they_had(model, changed, words):
    (reason,) = of(model, **changed)
    assert reason.startswith(words)


def test_up_to_a_tenth_beyond_the_training_range_is_no_reason(model):
    assert of(model, pre__thickness_mm=2.2, post__spacing_mm="0.9 0.63 0.88") == ()


def test_what_is_not_known_is_no_reason(model):
    assert of(model, pre__kernel="", pre__thickness_mm=np.nan, post__spacing_mm="", pre__contrast=None) == ()
    X, y = draw(40)
    blank = fit_view(X, y, "logistic")
    assert of(blank, pre__kernel="B70f") == ()
    (found,) = unlike(model, X.iloc[[0]].set_axis(["new"]), pd.DataFrame())
    assert found.reasons == ()


def test_features_far_from_training_together_are_a_reason_with_both_distances():
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    shared = random.normal(size=200)
    # Two features that always go together: each value of the new patient is usual, the pair is not.
    X = pd.DataFrame({"own|a": shared, "own|b": shared + 0.05 * random.normal(size=200)})
    X.index = [f"P-{i:03d}" for i in range(200)]
    model = fit_view(X, y, "logistic")
    usual, odd = unlike(model, pd.DataFrame({"own|a": [1.5, 1.5], "own|b": [1.5, -1.5]}), pd.DataFrame())
    assert (usual.flag, usual.reasons) == (False, ())
    assert odd.flag
    assert odd.distance_percentile == 100
    assert "Mahalanobis distance" in odd.reasons[0]
    assert "99 % of those lie within" in odd.reasons[0]


def test_the_distance_is_that_of_ledoit_and_wolf_and_training_patients_are_left_out():
    X, y = draw(30)
    model = fit_view(X, y, "logistic")
    training = model.estimator.training_scores_
    left_out = [
        np.sqrt(LedoitWolf().fit(np.delete(training, i, axis=0)).mahalanobis(training[[i]]))[0] for i in range(30)
    ]
    found = unlike(model, X, pd.DataFrame())
    for i, one in enumerate(found):
        assert one.distance_percentile == pytest.approx(100 * np.mean(np.array(left_out) < left_out[i]))
    own = np.sqrt(LedoitWolf().fit(training).mahalanobis(training))
    (guest,) = unlike(model, X.iloc[[3]].set_axis(["new"]), pd.DataFrame())
    assert guest.distance_percentile == pytest.approx(100 * np.mean(np.array(left_out) < own[3]))


def test_about_one_in_a_hundred_patients_of_the_same_kind_is_flagged():
    X, y = draw(400)
    model = fit_view(X, y, "logistic")
    new = draw(2000, seed=9)[0].set_axis([f"N-{i}" for i in range(2000)])
    assert 0.002 < np.mean([one.flag for one in unlike(model, new, pd.DataFrame())]) < 0.03


@pytest.mark.parametrize("fusion", [False, True])
def test_a_value_that_winsorising_would_hide_is_named(fusion):
    X, y = draw(100, 4)
    model = fit_fusion(X, y, "logistic", "knn") if fusion else fit_view(X, y, "logistic")
    new = X.iloc[[0]].set_axis(["new"])
    new["whole_tumour|post|x3"] = 40.0
    (found,) = unlike(model, new, pd.DataFrame())
    (reason,) = [one for one in found.reasons if "whole tumour, post, x3" in one]
    assert "standard deviations from the training mean" in reason

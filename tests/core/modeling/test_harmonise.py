from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from modeling.core.errors import OneCentreOnly, TooFewPatients, UnseenCentre
from modeling.core.estimators.harmonise import Harmoniser, centre_predictability


@pytest.fixture
def study():
    """Two centres; B measures the first half of the columns 2 higher and with thrice the spread."""
    random = np.random.default_rng(8)
    centre = np.repeat(["A", "B"], [120, 60])
    X = random.normal(size=(180, 10))
    X[120:, :5] = 3 * X[120:, :5] + 2
    # Columns of radiomics differ by ten orders of magnitude.
    return X * 10.0 ** np.arange(-5, 5), centre


def test_location_and_spread_of_the_centres_become_the_same(study):
    X, centre = study
    Z = Harmoniser().fit(X, centre=centre).transform(X, centre=centre)
    for j in range(10):
        a, b = Z[centre == "A", j], Z[centre == "B", j]
        assert abs(a.mean() - b.mean()) < 0.15 * a.std()
        assert b.std() / a.std() == pytest.approx(1.0, abs=0.2)
    a, b = X[centre == "A", 0], X[centre == "B", 0]
    assert abs(a.mean() - b.mean()) > a.std()


def test_what_was_learned_is_combatlearns_correction_of_z_scores(study):
    from combatlearn.core import ComBatModel

    X, centre = study
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = np.asarray(ComBatModel().fit(z, batch=centre).transform(z, batch=centre), dtype=float)
    given = Harmoniser().fit(X, centre=centre).transform(X, centre=centre)
    assert (given - X.mean(axis=0)) / X.std(axis=0) == pytest.approx(expected, abs=1e-9)


def test_patients_within_a_centre_keep_their_order_and_gaps_stay_gaps(study):
    X, centre = study
    X[3, 2] = X[150, 7] = np.nan
    Z = Harmoniser().fit(X, centre=centre).transform(X, centre=centre)
    assert np.array_equal(np.isnan(Z), np.isnan(X))
    for one in ("A", "B"):
        here = centre == one
        assert np.array_equal(np.argsort(X[here, 0]), np.argsort(Z[here, 0]))


def test_columns_that_are_not_chosen_pass_unchanged(study):
    X, centre = study
    chosen = np.arange(10) < 5
    Z = Harmoniser().fit(X, centre=centre, harmonised=chosen).transform(X, centre=centre)
    assert np.array_equal(Z[:, ~chosen], X[:, ~chosen])
    assert not np.isclose(Z[:, chosen], X[:, chosen]).all()


def test_constant_and_empty_columns_pass_unchanged(study):
    X, centre = study
    X[:, 1], X[:, 2] = 7.0, np.nan
    Z = Harmoniser().fit(X, centre=centre).transform(X, centre=centre)
    assert np.array_equal(Z[:, [1, 2]], X[:, [1, 2]], equal_nan=True)


def test_a_column_that_one_centre_never_measured_is_no_obstacle(study):
    X, centre = study
    X[centre == "B", 4] = np.nan
    Z = Harmoniser().fit(X, centre=centre).transform(X, centre=centre)
    assert np.isfinite(Z[centre == "A"]).all()


def test_new_patients_change_nothing_and_need_no_company(study):
    X, centre = study
    fitted = Harmoniser().fit(X[:150], centre=centre[:150])
    together = fitted.transform(X[150:], centre=centre[150:])
    alone = np.vstack([fitted.transform(X[[i]], centre=centre[[i]]) for i in range(150, 180)])
    assert np.array_equal(together, alone)


def test_a_centre_without_an_estimate_is_refused_by_name(study):
    X, centre = study
    with pytest.raises(UnseenCentre, match=r"A, B.*no estimate for C.*without harmonisation") as refused:
        Harmoniser().fit(X, centre=centre).transform(X[:2], centre=["A", "C"])
    assert refused.value.code == "unseen_centre"


def test_one_centre_cannot_be_compared(study):
    X, _ = study
    with pytest.raises(OneCentreOnly, match="at least two centres"):
        Harmoniser().fit(X, centre=["A"] * 180)


def test_two_patients_are_no_centre(study):
    X, centre = study
    with pytest.raises(TooFewPatients, match="B has 2"):
        Harmoniser().fit(X[:122], centre=centre[:122])


def test_the_outcome_steers_nothing(study):
    X, centre = study
    y = (X[:, 9] > 0).astype(int)
    one, two = (Harmoniser().fit(X, outcome, centre=centre) for outcome in (y, 1 - y))
    assert np.array_equal(one.slopes_, two.slopes_)


def test_it_is_silent_and_can_be_cloned(study, capfd, recwarn):
    X, centre = study
    clone(Harmoniser()).fit(X[:123], centre=centre[:123])
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_features_that_know_the_centre_are_told_from_features_that_do_not(study):
    X, centre = study
    z = X / X.std(axis=0)
    assert centre_predictability(z, centre, seed=1) > 0.8
    assert centre_predictability(z[:, 5:], centre, seed=1) == pytest.approx(0.5, abs=0.1)
    Z = Harmoniser().fit(X, centre=centre).transform(X, centre=centre)
    assert centre_predictability(Z / Z.std(axis=0), centre, seed=1) < 0.6


def test_three_centres_are_each_compared_with_the_rest():
    random = np.random.default_rng(3)
    centre = np.repeat(["A", "B", "C"], 40)
    scores = np.column_stack([4.0 * (centre == "C"), random.normal(size=120)]) + random.normal(size=(120, 2))
    area = centre_predictability(scores, centre, seed=0)
    # C is told apart almost always, A and B from the rest only as far as they are not C.
    assert 0.75 < area < 0.95


@pytest.mark.parametrize("centre", [["A"] * 20, ["A"] * 18 + ["B"] * 2])
def test_a_single_centre_predicts_nothing(centre):
    assert centre_predictability(np.ones((20, 2)), np.array(centre), seed=0) is None

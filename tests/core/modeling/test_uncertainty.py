from __future__ import annotations

import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.base import clone

from modeling.core.explanation.refits import refitted_log_odds
from modeling.core.explanation.uncertainty import FEWEST_REFITS, columns_disturbed, intervals
from modeling.core.recipes import CLASSIFIERS
from modeling.core.views import LOG_VOLUME_RATIO, VOLUME_POST, VOLUME_PRE
from tests.fitted import draw, fit_fusion, fit_view, with_refits


def by(steps, patients=draw(40)[0]):  # noqa: B008 - never changed
    """Disturb each asked column by each step; the undisturbed row first."""

    def rows_of(code, columns):
        row = patients.loc[code, list(columns)].to_numpy()
        return pd.DataFrame(np.add.outer([0.0, *steps], row), columns=list(columns))

    return rows_of


# Refits.


def test_refits_are_the_whole_chain_on_the_drawn_patients(study, table):
    """Each sample's own selection, scaling and penalty, as if the view were fitted on the sample and not calibrated."""
    for view in ("whole_tumour", "clinical", "volume_change"):
        model = study.models[view]
        codes, columns = list(model.fitted_on), list(model.columns)
        X, y = table.X.loc[codes, columns].to_numpy(), np.asarray(model.outcomes)
        found = refitted_log_odds(model, table.X)
        for number, rows in enumerate(model.refits[view].drawn):
            again = clone(model.estimator).set_params(classifiers=(model.classifier,)).fit(X[rows], y[rows])
            expected = again.classifier_.decision_function(again.scores(table.X[columns].to_numpy()))
            shift = found[number] - expected
            assert shift == pytest.approx(shift[0], abs=1e-9)  # the share of responders is one number for all
            assert again.selected_names(columns) == model.refits[view].selected[number]
        assert (np.ptp(found, axis=1) > 0).all()


def test_the_share_of_responders_varies_between_refits_as_chance_would():
    X, y = draw(200)
    X[:] = np.random.default_rng(1).normal(size=X.shape)  # nothing to learn
    model = with_refits(fit_view(X, y, "logistic", c_grid=(1e-6,), calibration="sigmoid"), X, n=400)
    said = refitted_log_odds(model, X.iloc[[0]])[:, 0]
    # Of 200 patients, half responders: the standard error of the log-odds is 1 / sqrt(200 / 4).
    assert said.mean() == pytest.approx(0, abs=4 * 0.1414 / 20)
    assert said.std() == pytest.approx(0.1414, rel=0.15)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_refits_of_every_classifier_lie_around_the_model_itself(classifier):
    X, y = draw(120)
    model = with_refits(fit_view(X, y, classifier, calibration="sigmoid"), X, n=6)
    new = draw(15, seed=2)[0]
    found = refitted_log_odds(model, new)
    assert found.shape == (6, 15)
    assert np.median(found.std(axis=0)) > 0
    assert np.corrcoef(found.mean(axis=0), model.log_odds(new))[0, 1] > 0.9
    assert np.array_equal(found, refitted_log_odds(model, new))


def test_a_refit_of_a_fusion_is_one_regression_on_the_features_of_its_parts():
    X, y = draw(80, 6)
    fused = with_refits(fit_fusion(X, y, "logistic", "linear_svm"), X, n=5)
    whole = with_refits(fit_view(X, y, "logistic"), X, n=5)
    new = draw(4, 6, seed=1)[0]
    assert refitted_log_odds(fused, new) == pytest.approx(refitted_log_odds(whole, new), abs=1e-9)


# Intervals.


def test_without_perturbations_the_interval_is_that_of_the_refits_and_says_so():
    X, y = draw(80)
    model = with_refits(fit_view(X, y, "logistic"), X)
    new = draw(1, seed=5)[0].set_axis(["new"])
    (found,) = intervals(model, new)
    low, high = expit(np.percentile(refitted_log_odds(model, new)[:, 0], [2.5, 97.5]))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.sources["bootstrap"] == {
        "refits": 100,
        "measured": True,
        "low": found.low,
        "high": found.high,
    }
    assert found.sources["perturbations"]["rows"] == 0
    assert "No perturbed features are stored" in found.sources["perturbations"]["reason"]


def test_both_sources_are_convolved_on_the_log_odds_scale():
    X, y = draw(80)
    model = with_refits(fit_view(X, y, "logistic"), X, n=40)
    row = draw(40)[0].iloc[[0]].set_axis(["P-999"])
    (found,) = intervals(model, row, disturbed=by([0.4, -0.3], row))
    refits = refitted_log_odds(model, row)[:, 0]
    spoken = model.log_odds(row)[0]
    moved = [model.log_odds(row + step)[0] - spoken for step in (0.0, 0.4, -0.3)]
    sums = [one + step for one in refits for step in moved]
    assert (found.low, found.high) == pytest.approx(tuple(expit(np.percentile(sums, [2.5, 97.5]))))
    assert found.sources["perturbations"]["rows"] == 2
    alone = expit(spoken + np.percentile(moved, [2.5, 97.5]))
    assert (found.sources["perturbations"]["low"], found.sources["perturbations"]["high"]) == pytest.approx(alone)


def test_what_was_disturbed_widens_the_interval():
    X, y = draw(120)
    model = with_refits(fit_view(X, y, "logistic"), X, n=200)
    new = draw(40)[0].set_axis([f"N-{place}" for place in range(40)])
    steps = partial(by, patients=new)
    without, with_rows = intervals(model, new), intervals(model, new, disturbed=steps([1.0, -1.0]))
    assert all(one.high - one.low < other.high - other.low for one, other in zip(without, with_rows, strict=True))
    still = intervals(model, new, disturbed=steps([0.0, 0.0]))
    assert [one.low for one in still] == pytest.approx([one.low for one in without])


def test_a_training_patient_is_judged_by_refits_that_had_not_drawn_them():
    X, y = draw(60)
    model = with_refits(fit_view(X, y, "logistic"), X)
    found = intervals(model, X, shown=model.oof)
    drawn = model.refits["whole_tumour"].drawn
    for place, one in enumerate(found):
        unseen = int((drawn != place).all(axis=1).sum())
        said = f"Only {unseen} refits had not seen this patient."
        assert (one.low is None) == (unseen < FEWEST_REFITS)
        assert one.sources["bootstrap"].get("reason", said) == said
        assert one.sources["bootstrap"]["refits"] in (0, unseen)
        assert one.low is None or one.low <= model.oof.iloc[place] <= one.high
    assert any(one.low is not None for one in found)


def test_the_interval_reaches_as_far_as_what_is_shown():
    X, y = draw(40)
    model = with_refits(fit_view(X, y, "logistic"), X)
    row = X.iloc[[0]].set_axis(["new"])
    (found,) = intervals(model, row, shown=pd.Series({"new": 1.0}))
    assert 0 < found.low < found.high <= 1
    assert found.high == pytest.approx(1, abs=1e-8)


def test_without_enough_refits_there_is_no_interval_and_it_says_why():
    X, y = draw(40)
    model = fit_view(X, y, "logistic")
    few = with_refits(model, X, n=FEWEST_REFITS - 1)
    for one, why in ((model, "train again"), (few, f"made {FEWEST_REFITS - 1} refits")):
        (found,) = intervals(one, X.iloc[[0]].set_axis(["new"]))
        assert (found.low, found.high) == (None, None)
        assert why in found.sources["bootstrap"]["reason"]


def test_more_training_patients_give_narrower_intervals():
    new = draw(30, seed=7)[0].set_axis([f"N-{place}" for place in range(30)])
    widths = []
    for n in (40, 160, 640):
        X, y = draw(n)
        model = with_refits(fit_view(X, y, "logistic", c_grid=(1.0,)), X)
        widths.append(np.mean([one.high - one.low for one in intervals(model, new)]))
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_the_interval_of_an_unpenalised_model_holds_the_truth_as_often_as_it_says():
    """Two normal classes one standard deviation apart have the log-odds x - 1/2."""
    point = pd.DataFrame({"own|x": [1.2]}, index=["new"])
    held = 0
    for seed in range(80):
        random = np.random.default_rng(seed)
        y = (random.random(150) < 0.5).astype(int)
        X = pd.DataFrame({"own|x": random.normal(size=150) + y}, index=[f"P-{i:03d}" for i in range(150)])
        model = fit_view(X, y, "logistic", c_grid=(1e4,), calibration="sigmoid", seed=seed)
        (found,) = intervals(with_refits(model, X, seed=seed), point)
        held += found.low <= expit(1.2 - 0.5) <= found.high
    low, high = stats.binom.interval(0.999, 80, 0.95)
    assert low <= held <= high


def test_a_model_without_whole_tumour_features_says_that_contours_do_not_reach_it():
    X, y = draw(40)
    X.columns = [name.replace("whole_tumour", "habitat") for name in X.columns]
    (found,) = intervals(fit_view(X, y, "logistic"), X.iloc[[0]], disturbed=by([1.0]))
    assert found.sources["perturbations"]["rows"] == 0
    assert "no feature of the whole tumour" in found.sources["perturbations"]["reason"]
    assert "Habitats are held" in found.sources["perturbations"]["reason"]


def test_the_columns_that_a_contour_moves_are_those_behind_the_selected_features():
    class Model:
        selected = (LOG_VOLUME_RATIO, "whole_tumour|post|x (missing)", "habitat|post|f", "clinical|male")

    assert columns_disturbed(Model()) == (VOLUME_PRE, VOLUME_POST, "whole_tumour|post|x")


def test_four_hundred_patients_take_less_than_five_seconds():
    X, y = draw(276, 11)
    model = with_refits(fit_view(X, y, "logistic"), X)
    new = draw(400, 11, seed=1)[0].set_axis([f"N-{i}" for i in range(400)])
    # The time of this process alone: others may share the machine.
    start = time.process_time()
    intervals(model, new, disturbed=by(np.linspace(-0.1, 0.1, 80), new))
    assert time.process_time() - start < 5

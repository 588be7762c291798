from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from modeling.core.explanation.refits import refitted_log_odds, resamples, usual_refits
from modeling.core.explanation.uncertainty import columns_disturbed, intervals
from modeling.core.recipes import CLASSIFIERS
from modeling.core.views import LOG_VOLUME_RATIO, VOLUME_POST, VOLUME_PRE
from tests.fitted import draw, fit_fusion, fit_view


def by(steps, patients=draw(40)[0]):  # noqa: B008 - never changed
    """Disturb each asked column by each step; the undisturbed row first."""

    def rows_of(code, columns):
        row = patients.loc[code, list(columns)].to_numpy()
        return pd.DataFrame(np.add.outer([0.0, *steps], row), columns=list(columns))

    return rows_of


# Refits.


def test_resamples_keep_the_number_of_each_class_and_come_from_the_seed():
    y = np.array([1, 0, 0, 1, 0, 0, 0])
    drawn = resamples(y, n=50, seed=3)
    assert (y[drawn].sum(axis=1) == 2).all()
    assert np.array_equal(drawn, resamples(y, n=50, seed=3))
    assert not np.array_equal(drawn, resamples(y, n=50, seed=4))
    assert set(drawn.ravel()) == set(range(7))


def test_refits_of_a_logistic_regression_are_scikit_learns_on_the_resampled_rows():
    X, y = draw(60)
    model = fit_view(X, y, "logistic")
    view, new = model.estimator, model.scores(X.iloc[:5])
    found = refitted_log_odds(view, new, y=y, n=4, seed=0)
    for place, rows in enumerate(resamples(y, n=4, seed=0)):
        again = LogisticRegression(C=view.classifier_.c_, class_weight="balanced", tol=1e-10, max_iter=10_000)
        again.fit(view.training_scores_[rows], y[rows])
        assert found[place] == pytest.approx(again.decision_function(new), abs=1e-3)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_refits_of_every_classifier_lie_around_the_model_itself(classifier):
    X, y = draw(120)
    model = fit_view(X, y, classifier, calibration="sigmoid")
    new = draw(15, seed=2)[0]
    found = refitted_log_odds(model.estimator, model.scores(new), y=y, n=6, seed=0)
    assert found.shape == (6, 15)
    assert np.median(found.std(axis=0)) > 0
    assert np.corrcoef(found.mean(axis=0), model.log_odds(new))[0, 1] > 0.9
    assert np.array_equal(found, refitted_log_odds(model.estimator, model.scores(new), y=y, n=6, seed=0))


def test_refits_of_a_fusion_refit_its_parts_and_the_fusion():
    X, y = draw(80, 6)
    model = fit_fusion(X, y, "logistic", "linear_svm")
    new = draw(4, 6, seed=1)[0]
    scores = model.scores(new)
    one, other = model.estimator.bases_
    unseen = np.column_stack([one.oof_log_odds_, other.oof_log_odds_])
    parts = [
        refitted_log_odds(one, scores[:, :3], y=y, n=3, seed=0),
        refitted_log_odds(other, scores[:, 3:], y=y, n=3, seed=0),
    ]
    found = refitted_log_odds(model.estimator, scores, y=y, n=3, seed=0)
    for place, rows in enumerate(resamples(y, n=3, seed=0)):
        fusion = LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=10_000).fit(unseen[rows], y[rows])
        expected = fusion.decision_function(np.column_stack([part[place] for part in parts]))
        assert found[place] == pytest.approx(expected, abs=1e-3)


def test_trees_are_refitted_less_often():
    X, y = draw(60, 4)
    assert usual_refits(fit_view(X, y, "logistic").estimator) == 200
    assert usual_refits(fit_view(X, y, "extra_trees").estimator) == 50
    assert usual_refits(fit_fusion(X, y, "logistic", "extra_trees").estimator) == 50


# Intervals.


def test_without_perturbations_the_interval_is_that_of_the_bootstrap_and_says_so():
    X, y = draw(80)
    model = fit_view(X, y, "logistic")
    (found,) = intervals(model, X.iloc[[0]])
    refits = refitted_log_odds(model.estimator, model.scores(X.iloc[[0]]), y=y, n=200, seed=0)[:, 0]
    around = model.log_odds(X.iloc[[0]])[0] + refits - np.median(refits)
    assert (found.low, found.high) == pytest.approx(tuple(expit(np.percentile(around, [2.5, 97.5]))))
    assert found.sources["bootstrap"] == {"refits": 200, "low": found.low, "high": found.high}
    assert found.sources["perturbations"]["rows"] == 0
    assert "No perturbed features are stored" in found.sources["perturbations"]["reason"]


def test_both_sources_are_convolved_on_the_log_odds_scale():
    X, y = draw(80)
    model = fit_view(X, y, "logistic")
    row = draw(40)[0].iloc[[0]]
    (found,) = intervals(model, row, disturbed=by([0.4, -0.3]), refits=25)
    refits = refitted_log_odds(model.estimator, model.scores(row), y=y, n=25, seed=0)[:, 0]
    spoken = model.log_odds(row)[0]
    moved = [model.log_odds(row + step)[0] - spoken for step in (0.0, 0.4, -0.3)]
    sums = [spoken + (one - np.median(refits)) + step for one in refits for step in moved]
    assert (found.low, found.high) == pytest.approx(tuple(expit(np.percentile(sums, [2.5, 97.5]))))
    assert found.sources["perturbations"]["rows"] == 2
    alone = expit(spoken + np.percentile(moved, [2.5, 97.5]))
    assert (found.sources["perturbations"]["low"], found.sources["perturbations"]["high"]) == pytest.approx(alone)


def test_what_was_disturbed_widens_the_interval():
    X, y = draw(40)
    model = fit_view(X, y, "logistic")
    without, with_rows = intervals(model, X), intervals(model, X, disturbed=by([1.0, -1.0]))
    assert all(one.high - one.low < other.high - other.low for one, other in zip(without, with_rows, strict=True))
    still = intervals(model, X, disturbed=by([0.0, 0.0]))
    assert [one.low for one in still] == pytest.approx([one.low for one in without])


def test_the_interval_of_a_training_patient_lies_around_what_is_shown():
    X, y = draw(60)
    model = fit_view(X, y, "logistic")
    found = intervals(model, X, shown=model.oof)
    for code, one in zip(X.index, found, strict=True):
        assert one.low < model.oof[code] < one.high
    own = intervals(model, X)
    shift = logit(found[3].low) - logit(own[3].low)
    assert shift == pytest.approx(logit(model.oof.iloc[3]) - model.log_odds(X)[3])


def test_certain_probabilities_stay_finite():
    X, y = draw(40)
    model = fit_view(X, y, "logistic")
    (found,) = intervals(model, X.iloc[[0]], shown=pd.Series({X.index[0]: 1.0}))
    assert 0 < found.low <= found.high <= 1


def test_more_training_patients_give_narrower_intervals():
    new = draw(30, seed=7)[0]
    widths = []
    for n in (40, 160, 640):
        X, y = draw(n)
        model = fit_view(X, y, "logistic", c_grid=(1.0,))
        widths.append(np.mean([one.high - one.low for one in intervals(model, new)]))
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_the_bootstrap_interval_of_an_unpenalised_model_holds_the_truth_as_often_as_it_says():
    """Two normal classes one standard deviation apart have the log-odds x - 1/2."""
    point = pd.DataFrame({"own|x": [1.2]}, index=["new"])
    held = 0
    for seed in range(80):
        random = np.random.default_rng(seed)
        y = np.arange(150) % 2
        X = pd.DataFrame({"own|x": random.normal(size=150) + y}, index=[f"P-{i:03d}" for i in range(150)])
        (found,) = intervals(fit_view(X, y, "logistic", c_grid=(1e4,)), point, seed=seed)
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
    model = fit_view(X, y, "logistic")
    new = draw(400, 11, seed=1)[0].set_axis([f"N-{i}" for i in range(400)])
    # The time of this process alone: others may share the machine.
    start = time.process_time()
    intervals(model, new, disturbed=by(np.linspace(-0.1, 0.1, 80), new))
    assert time.process_time() - start < 5

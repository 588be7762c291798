from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from modeling.core import persist
from modeling.core.errors import MissingColumns, UnseenCentre
from modeling.core.estimators.build import build
from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.late_fusion import LateFusion
from modeling.core.estimators.preprocessing import MedianImputer
from modeling.core.estimators.regressions import TunedLogistic
from modeling.core.estimators.view_model import ViewModel
from modeling.core.recipes import CLASSIFIERS, STANDARD
from modeling.core.views import VIEWS, VOLUME_POST, VOLUME_PRE

#: All classifiers, one feature for each five patients, and few folds.
WIDE = replace(STANDARD, calibration="none", inner_folds=4, lasso_folds=3, patients_per_feature=5)
PLAIN = replace(WIDE, classifiers=("logistic",))
OWN = {"a": {"columns": ["own|a*"]}, "b": {"columns": ["own|b*"]}, "both": {"fuse": ["a", "b"]}}


def columns(n: int, letter: str = "a") -> list[str]:
    return [f"own|{letter}{j}" for j in range(n)]


def view(recipe, n: int) -> ViewModel:
    return build("a", replace(recipe, own_views=OWN), columns=columns(n))


def tiny(**changes) -> ViewModel:
    steps = [("impute", MedianImputer()), ("scale", StandardScaler())]
    return ViewModel(FeatureChain(steps), **{"folds": 2} | changes)


FIRST_AND_LAST = [("first", tiny(), np.array([0])), ("last", tiny(), np.array([-1]))]


@parametrize_with_checks([tiny(), LateFusion(FIRST_AND_LAST, folds=2)])
def test_it_speaks_scikit_learns_grammar(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    """120 patients; two of twenty columns differ between the classes, with gaps."""
    random = np.random.default_rng(6)
    y = np.arange(120) % 2
    X = random.normal(size=(120, 20))
    X[:, [3, 11]] += 1.2 * y[:, None]
    X[random.random(X.shape) < 0.05] = np.nan
    return X, y


@pytest.fixture(scope="module")
def fitted(data):
    return view(WIDE, 20).fit(*data)


def test_a_planted_signal_is_found_and_predicts_new_patients(data, fitted):
    _, y = data
    assert {"own|a3", "own|a11"} <= set(fitted.selected_names(columns(20)))
    random = np.random.default_rng(99)
    new_y = np.arange(400) % 2
    new = random.normal(size=(400, 20))
    new[:, [3, 11]] += 1.2 * new_y[:, None]
    # Two columns shifted by 1.2 standard deviations: the best possible AUC is Phi(1.2), that is 0.885.
    assert roc_auc_score(new_y, fitted.decision_function(new)) > 0.83
    assert roc_auc_score(y, fitted.oof_log_odds_) > 0.75


def test_log_odds_probabilities_and_classes_agree(data, fitted):
    X, _ = data
    log_odds, p = fitted.decision_function(X), fitted.predict_proba(X)
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert np.log(p[:, 1] / p[:, 0]) == pytest.approx(log_odds)
    assert np.array_equal(fitted.predict(X), (log_odds > 0).astype(int))


def test_the_scores_are_what_the_classifier_sees(data, fitted):
    X, _ = data
    assert np.array_equal(fitted.scores(X), fitted.training_scores_)
    assert fitted.scores(X).shape[1] == len(fitted.selected_names(columns(20)))
    assert np.array_equal(fitted.classifier_.decision_function(fitted.scores(X)), fitted.decision_function(X))


def test_the_comparison_is_that_of_refitting_the_whole_chain_fold_by_fold(data, fitted):
    X, y = data
    areas = {name: [] for name in ("logistic", "knn")}
    unseen = np.empty(120)
    for train, test in StratifiedKFold(4, shuffle=True, random_state=WIDE.seed).split(X, y):
        chain = clone(fitted.chain).fit(X[train], y[train])
        for name, held_out in areas.items():
            one = fitted._make(name).fit(chain.transform(X[train]), y[train])
            log_odds = one.decision_function(chain.transform(X[test]))
            held_out.append(roc_auc_score(y[test], log_odds))
            if name == fitted.classifier_name_:
                unseen[test] = log_odds
    for name, held_out in areas.items():
        assert fitted.comparison_[name]["auc"] == pytest.approx(np.mean(held_out))
        assert fitted.comparison_[name]["se"] == pytest.approx(np.std(held_out, ddof=1) / 2)
    assert fitted.classifier_name_ == "logistic"
    assert fitted.oof_log_odds_ == pytest.approx(unseen)


def test_the_reference_is_chosen_when_all_do_about_as_well(fitted):
    rows = fitted.comparison_
    best = max(rows.values(), key=lambda row: row["auc"])
    assert list(rows) == list(CLASSIFIERS)
    assert [name for name, row in rows.items() if row["chosen"]] == ["logistic"]
    for row in rows.values():
        assert row["eligible"] == (row["auc"] >= best["auc"] - best["se"])


def test_a_signal_that_no_line_can_separate_makes_a_nonlinear_classifier_win():
    random = np.random.default_rng(0)
    X = random.normal(size=(160, 2))
    y = ((X**2).sum(axis=1) > np.median((X**2).sum(axis=1))).astype(int)
    chosen = tiny(folds=5, classifiers=CLASSIFIERS).fit(X, y)
    assert chosen.comparison_["logistic"]["auc"] < 0.65
    assert chosen.classifier_name_ in ("knn", "rbf_svm", "random_forest", "extra_trees", "gradient_boosting")
    assert chosen.comparison_[chosen.classifier_name_]["auc"] > 0.9


def test_the_order_in_which_classifiers_are_named_decides_nothing(data):
    X, y = data
    one, two = (
        view(replace(PLAIN, classifiers=names), 20).fit(X, y) for names in (("logistic", "knn"), ("knn", "logistic"))
    )
    assert one.comparison_ == two.comparison_
    assert np.array_equal(one.oof_log_odds_, two.oof_log_odds_)


def test_noise_is_no_better_than_chance():
    areas, within = [], []
    recipe = replace(STANDARD, classifiers=("logistic", "knn"), calibration="none", lasso_folds=3)
    for seed in range(20):
        random = np.random.default_rng(seed)
        X, y = random.normal(size=(40, 500)), random.permutation(np.repeat([1, 0], [17, 23]))
        model = view(recipe, 500).fit(X, y)
        areas.append(roc_auc_score(y, model.oof_log_odds_))
        within.append(model.comparison_["logistic"]["auc"])
    assert 0.45 < np.mean(areas) < 0.55
    assert 0.45 < np.mean(within) < 0.55


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_thirty_patients_and_thousands_of_columns_of_noise_are_no_crash(name):
    random = np.random.default_rng(3)
    X, y = random.normal(size=(30, 3000)), np.repeat([1, 0], [9, 21])
    X[random.random(X.shape) < 0.02] = np.nan
    model = view(replace(WIDE, classifiers=(name,), inner_folds=2), 3000).fit(X, y)
    assert np.isfinite(model.decision_function(X)).all()
    assert len(model.selected_names(columns(3000))) >= 1


def test_what_was_measured_as_unstable_is_never_selected(data):
    X, y = data
    icc = np.full(20, 0.9)
    icc[3], icc[5] = 0.5, np.nan
    model = view(PLAIN, 20).fit(X, y, icc=icc)
    names = model.selected_names(columns(20))
    assert "own|a3" not in names
    assert "own|a11" in names
    stability = dict(model.chain_.steps_)["stability"]
    assert stability.dropped_.tolist() == [3]


def test_a_sparse_column_before_it_does_not_shift_the_reproducibility_of_a_column(data):
    X, y = data
    X = X.copy()
    X[:, 0], X[:, 1] = np.nan, 7.0
    icc = np.full(20, 0.9)
    icc[3] = 0.1
    names = view(PLAIN, 20).fit(X, y, icc=icc).selected_names(columns(20))
    assert "own|a3" not in names
    assert "own|a11" in names


def test_held_out_patients_change_nothing(data):
    X, y = data
    altered = X.copy()
    altered[100:] = 1e6
    one, two = (view(PLAIN, 20).fit(given[:100], y[:100]) for given in (X, altered))
    assert np.array_equal(one.oof_log_odds_, two.oof_log_odds_)
    assert np.array_equal(one.decision_function(X), two.decision_function(X))
    alone = np.concatenate([one.decision_function(X[[i]]) for i in range(100, 120)])
    assert alone == pytest.approx(one.decision_function(X[100:]), abs=1e-12)


def test_the_inner_prediction_of_a_patient_does_not_depend_on_that_patients_own_values():
    random = np.random.default_rng(12)
    y = np.arange(60) % 2
    X = random.normal(size=(60, 3)) + y[:, None]
    before = tiny(folds=5).fit(X, y)
    train, test = next(iter(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)))
    changed = X.copy()
    changed[test[0]] *= 5
    after = tiny(folds=5).fit(changed, y)
    # The others of the fold are predicted by the same model as before, which has not seen that patient.
    assert np.array_equal(before.oof_log_odds_[test[1:]], after.oof_log_odds_[test[1:]])
    assert not np.isclose(before.oof_log_odds_[train], after.oof_log_odds_[train]).all()


def test_fewer_folds_than_asked_for_are_noted():
    random = np.random.default_rng(1)
    X, y = random.normal(size=(20, 3)), np.repeat([1, 0], [3, 17])
    model = tiny(folds=5).fit(X, y)
    assert model.notes_ == [
        "There are 3 instead of 5 inner folds, because the smaller class has 3 training patients."
    ]


def test_without_inner_folds_predictions_for_the_training_patients_stand_in_and_it_says_so():
    random = np.random.default_rng(1)
    X, y = random.normal(size=(20, 3)), np.repeat([1, 0], [1, 19])
    model = tiny(folds=5, classifiers=("random_forest", "logistic")).fit(X, y)
    assert model.classifier_name_ == "logistic"
    assert model.comparison_["logistic"]["se"] is None
    assert np.array_equal(model.oof_log_odds_, model.decision_function(X))
    assert "single training patient" in model.notes_[0]


def test_calibration_fits_inner_predictions_to_the_share_of_responders():
    random = np.random.default_rng(5)
    y = (random.random(400) < 0.2).astype(int)
    X = random.normal(size=(400, 2)) + y[:, None]
    plain, calibrated = (tiny(folds=5, calibration=how).fit(X, y) for how in ("none", "sigmoid"))
    assert plain.predict_proba(X)[:, 1].mean() > 0.3  # balanced classes promise too much
    assert calibrated.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.02)
    refit = LogisticRegression(C=1e6).fit(calibrated.oof_log_odds_[:, None], y)
    assert refit.coef_[0, 0] == pytest.approx(1.0, abs=0.1)
    assert refit.intercept_[0] == pytest.approx(0.0, abs=0.1)
    assert np.array_equal(np.argsort(plain.decision_function(X)), np.argsort(calibrated.decision_function(X)))


def test_a_fusion_of_calibrated_bases_does_not_balance_the_classes_again():
    random = np.random.default_rng(7)
    y = (random.random(300) < 0.2).astype(int)
    X = random.normal(size=(300, 4)) + 0.8 * y[:, None]
    recipe = replace(PLAIN, calibration="sigmoid", own_views=OWN)
    names = [*columns(2, "a"), *columns(2, "b")]
    fusion = build("both", recipe, columns=names).fit(X, y)
    assert fusion.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.03)


@pytest.fixture(scope="module")
def two_views(data):
    X, y = data
    recipe = replace(PLAIN, own_views=OWN)
    names = [*columns(10, "a"), *columns(10, "b")]
    return X, y, recipe, names, build("both", recipe, columns=names).fit(X, y)


def test_the_fusion_is_logistic_on_what_its_bases_said_of_unseen_patients(two_views):
    X, y, recipe, names, fusion = two_views
    bases = [
        build(one, recipe, columns=names[at]).fit(X[:, at], y) for one, at in (("a", slice(10)), ("b", slice(10, 20)))
    ]
    unseen = np.column_stack([base.oof_log_odds_ for base in bases])
    expected = LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=10_000).fit(unseen, y)
    assert fusion.fusion_.coef_ == pytest.approx(expected.coef_)
    now = np.column_stack([bases[0].decision_function(X[:, :10]), bases[1].decision_function(X[:, 10:])])
    assert fusion.decision_function(X) == pytest.approx(expected.decision_function(now))


def test_the_fusion_of_two_signals_is_better_than_each_of_them(two_views):
    _, y, _, _, fusion = two_views
    alone = [roc_auc_score(y, base.oof_log_odds_) for base in fusion.bases_]
    assert roc_auc_score(y, fusion.oof_log_odds_) > max(alone)
    assert fusion.comparison_["logistic"]["chosen"]


def test_a_fusion_shows_the_scores_and_names_of_its_bases_side_by_side(two_views):
    X, _, _, names, fusion = two_views
    selected = fusion.selected_names(names)
    assert {"own|a3", "own|b1"} <= set(selected)
    assert fusion.scores(X).shape == (120, len(selected))
    assert np.array_equal(fusion.scores(X), fusion.training_scores_)


def test_bases_that_were_fitted_before_are_taken_as_they_are(two_views):
    X, y, recipe, names, fusion = two_views
    known = dict(zip("ab", fusion.bases_, strict=True))
    again = build("both", recipe, columns=names).fit(X, y, fitted=known)
    assert again.bases_[0] is fusion.bases_[0]
    assert np.array_equal(again.decision_function(X), fusion.decision_function(X))


def test_a_fusion_hands_each_base_the_reproducibility_of_its_own_columns(two_views):
    X, y, recipe, names, _ = two_views
    icc = np.full(20, 0.9)
    icc[11] = 0.1
    selected = build("both", recipe, columns=names).fit(X, y, icc=icc).selected_names(names)
    assert "own|b1" not in selected
    assert "own|a3" in selected


@pytest.fixture(scope="module")
def centres(data):
    X, y = data
    centre = np.repeat(["A", "B"], 60)[np.argsort(np.random.default_rng(0).random(120))]
    return X + 3.0 * (centre == "B")[:, None], y, centre


def test_harmonising_needs_the_centres_and_removes_them(centres):
    X, y, centre = centres
    recipe = replace(PLAIN, harmonise="combat")
    model = view(recipe, 20).fit(X, y, centre=centre)
    scores = model.scores(X, centre=centre)
    assert abs(scores[centre == "A"].mean() - scores[centre == "B"].mean()) < 0.2
    assert roc_auc_score(y, model.oof_log_odds_) > roc_auc_score(y, view(PLAIN, 20).fit(X, y).oof_log_odds_)
    with pytest.raises(ValueError, match="centre of each patient"):
        model.decision_function(X)
    with pytest.raises(UnseenCentre):
        model.predict_proba(X[:1], centre=["C"])


def test_what_patients_bring_themselves_is_not_harmonised(centres):
    X, y, centre = centres
    recipe = replace(PLAIN, harmonise="combat", univariate_p=1.0)
    names = ["clinical|age_years", *columns(19)]
    chain = build("early", replace(recipe, own_views={"early": {"columns": ["*"]}}), columns=names).chain
    step = dict(chain.fit(X, y, centre=centre).steps_)["harmonise"]
    assert np.array_equal(step.slopes_[:, 0], [1.0, 1.0])
    assert not np.isclose(step.offsets_[:, 1:], 0).any()


def test_a_model_without_harmonisation_does_not_look_at_the_centres(centres):
    X, y, centre = centres
    one, two = view(PLAIN, 20).fit(X, y), view(PLAIN, 20).fit(X, y, centre=centre)
    assert np.array_equal(one.decision_function(X), two.decision_function(X, centre=["Z"] * 120))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_stored_model_needs_only_trusted_types_and_comes_back_byte_for_byte(data, name):
    X, y = data
    one, two = (view(replace(WIDE, classifiers=(name,), inner_folds=2), 20).fit(X, y) for _ in range(2))
    stored, again = stored_bytes(one), stored_bytes(two)
    assert stored == again
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(persist.TRUSTED)
    back = skops.io.loads(stored, trusted=list(persist.TRUSTED))
    assert np.array_equal(back.decision_function(X), one.decision_function(X))
    assert stored_bytes(back) == stored


def test_every_trusted_type_is_needed(two_views, centres, table, cheap):
    X, y, centre = centres
    harmonised = view(replace(WIDE, harmonise="combat", classifiers=("elastic_net",)), 20).fit(X, y, centre=centre)
    given = table.of_split("training")
    sizes = build("volume_change", cheap, columns=(VOLUME_PRE, VOLUME_POST))
    sizes.fit(given.X[[VOLUME_PRE, VOLUME_POST]].to_numpy(), given.y.to_numpy())
    kinds = [tiny(classifiers=(name,)).fit(np.nan_to_num(X), y) for name in ("knn", "rbf_svm", "random_forest")]
    needed = set()
    for model in (two_views[-1], harmonised, sizes, *kinds):
        needed |= set(skops.io.get_untrusted_types(data=skops.io.dumps(model)))
    assert needed == set(persist.TRUSTED)


def stored_bytes(model) -> bytes:
    return persist._canonical(skops.io.dumps(model))


def test_the_chain_has_the_order_of_the_method_page():
    chain = view(replace(STANDARD, harmonise="combat"), 3).chain
    assert [name for name, _ in chain.steps] == [
        "missing",
        "constant",
        "harmonise",
        "impute",
        "winsorise",
        "scale",
        "stability",
        "univariate",
        "redundancy",
        "mrmr",
        "lasso",
    ]


@pytest.mark.parametrize("name", ["volume_change", "diameter_change"])
def test_a_baseline_is_one_number_and_a_logistic_regression(name):
    random = np.random.default_rng(2)
    y = np.arange(80) % 2
    before = np.exp(random.normal(5, 1, 80))
    X = np.column_stack([before, before * np.exp(-0.8 * y + 0.5 * random.normal(size=80))])
    model = build(name, STANDARD, columns=VIEWS[name].columns).fit(X, y)
    assert model.selected_names(VIEWS[name].columns) == (f"whole_tumour|delta|log_{name.split('_')[0]}_ratio",)
    assert isinstance(model.classifier_, TunedLogistic)
    assert list(model.comparison_) == ["logistic"]
    # A response is a smaller tumour: the ratio and the log-odds go opposite ways.
    assert np.corrcoef(np.log(X[:, 1] / X[:, 0]), model.decision_function(X))[0, 1] < -0.99


def test_an_unknown_view_has_no_estimator():
    with pytest.raises(MissingColumns, match="no view"):
        build("liver", STANDARD, columns=columns(3))

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from modeling.core import persist
from modeling.core.errors import InvalidTable, MissingColumns, OneClassOnly, TooFewPatients
from modeling.core.performance.classification import youden_threshold
from modeling.core.study.feasibility import available_views
from modeling.core.study.training import fit_models
from modeling.core.study.validation import evaluate
from modeling.core.table import FeatureTable


def altered(table: FeatureTable, **parts) -> FeatureTable:
    return FeatureTable(**{"X": table.X, "y": table.y, "centre": table.centre, "split": table.split, **parts})


def as_bytes(models) -> dict[str, bytes]:
    return {name: persist.dumps(model) for name, model in models.items()}


def test_nothing_in_the_test_rows_reaches_a_model(table, cheap, models):
    X, y = table.X.copy(), table.y.copy()
    outside = table.split != "training"
    X.loc[outside] = np.random.default_rng(1).normal(5, 50, size=X.loc[outside].shape)
    y[outside] = 1 - y[outside]
    X.iloc[np.flatnonzero(outside)[0]] = np.nan
    assert as_bytes(fit_models(altered(table, X=X, y=y), cheap)) == as_bytes(models)


def test_a_training_label_does_reach_the_models(table, cheap, models):
    y = table.y.copy()
    y.iloc[:3] = 1 - y.iloc[:3]
    others = as_bytes(fit_models(altered(table, y=y), cheap))
    assert all(others[name] != data for name, data in as_bytes(models).items())


def test_the_order_of_the_rows_does_not_matter(table, cheap, models):
    order = np.random.default_rng(2).permutation(len(table.X))
    shuffled = FeatureTable(
        table.X.iloc[order], table.y.iloc[order], table.centre.iloc[order], table.split.iloc[order]
    )
    assert as_bytes(fit_models(shuffled, cheap)) == as_bytes(models)


def test_a_planted_signal_is_found_with_the_area_of_its_closed_form(make_table, cheap):
    # Two normal classes d standard deviations apart have an area of Phi(d / sqrt 2).
    shift = 1.5
    table = make_table(900, shift=shift, training=300, seed=4)
    fitted = fit_models(table, replace(cheap, views=("whole_tumour", "habitat", "integrated")))
    expected = {
        "whole_tumour": norm.cdf(shift / np.sqrt(2)),
        "habitat": norm.cdf(shift / np.sqrt(2)),
        # Two independent signals of the same size are sqrt 2 times as far apart together.
        "integrated": norm.cdf(shift),
    }
    for view, model in fitted.items():
        external = next(r for r in evaluate(model, table) if r.split == "external" and r.centre is None)
        error = (external.auc_high - external.auc_low) / (2 * 1.96)
        assert abs(external.auc - expected[view]) < 3 * error, view
    assert "whole_tumour|delta|signal" in fitted["whole_tumour"].selected
    assert "habitat|post|signal" in fitted["habitat"].selected
    assert set(fitted["integrated"].selected) >= {"whole_tumour|delta|signal", "habitat|post|signal"}


def test_out_of_fold_predictions_are_not_the_fitted_ones(table, models):
    training = table.of_split("training")
    for model in models.values():
        assert model.oof.index.tolist() == sorted(training.X.index)
        assert not np.allclose(model.oof, model.predict_proba(training.X.loc[model.oof.index]))


def test_models_come_in_the_order_of_the_recipe_with_what_they_were_made_of(table, cheap, models):
    assert tuple(models) == cheap.views
    for view, model in models.items():
        assert model.name == view
        assert model.columns == table.columns_of(view)
        assert set(model.fitted_on) == set(table.X.index[table.split == "training"])
        assert model.recipe_digest == cheap.digest
        assert 0 < model.threshold_sensitive < 1
        assert 0 < model.threshold < 1


def test_the_sensitive_threshold_finds_nine_of_ten_responders(table, models):
    for model in models.values():
        events = model.oof[table.y.loc[model.oof.index] == 1]
        assert (events >= model.threshold_sensitive).mean() >= 0.9


def test_progress_counts_every_fit_up_to_the_end(make_table, cheap):
    seen = []
    fit_models(
        make_table(40),
        replace(cheap, views=("volume_change", "clinical")),
        on_progress=lambda *step: seen.append(step),
    )
    assert seen == [("volume_change", 1, 2), ("clinical", 2, 2)]


def test_a_fusion_shares_the_models_of_its_parts(table, models):
    parts = [models["whole_tumour"], models["habitat"]]
    assert [id(base) for base in models["integrated"].estimator.bases_] == [id(part.estimator) for part in parts]
    assert models["integrated"].selected == parts[0].selected + parts[1].selected


def test_a_fusion_without_the_models_of_its_parts_is_the_same_fusion(table, cheap, models):
    alone = fit_models(table, replace(cheap, views=("integrated",)))["integrated"]
    assert np.array_equal(alone.log_odds(table.X), models["integrated"].log_odds(table.X))


def test_the_recipe_says_which_rule_gives_the_threshold(table, cheap, models):
    recipe = replace(cheap, views=("habitat",), threshold_rule="sensitivity")
    model = fit_models(table, recipe)["habitat"]
    assert model.threshold == model.threshold_sensitive == models["habitat"].threshold_sensitive
    y, unseen = np.array(model.outcomes), model.oof.to_numpy()
    assert models["habitat"].threshold == youden_threshold(y, unseen)


def test_a_column_that_is_not_reproducible_is_not_selected(table, cheap):
    recipe = replace(cheap, views=("habitat",))
    icc = {"habitat|post|signal": 0.3, "habitat|pre|noise_0": 0.95}
    assert "habitat|post|signal" in fit_models(table, recipe)["habitat"].selected
    model = fit_models(table, recipe, icc=icc)["habitat"]
    assert "habitat|post|signal" not in model.selected
    assert set(model.icc) <= set(model.selected) & set(icc)


def test_a_model_knows_its_outcomes_centres_and_classifier(table, models):
    for model in models.values():
        assert model.outcomes == tuple(table.y.loc[list(model.fitted_on)])
        assert model.centres == ("A",)
        assert model.classifier == "logistic"
        assert model.comparison["logistic"]["chosen"]
        assert model.scores(table.X).shape == (len(table.X), len(model.selected))


@pytest.mark.parametrize(("n", "events"), [(12, 5), (20, 6)])
def test_a_small_cohort_is_fitted_and_the_models_say_what_was_reduced(make_table, cheap, n, events):
    table = make_table(n, share=events / n, training=n, seed=3)
    fitted = fit_models(table, replace(cheap, views=("volume_change", "integrated"), cv_folds=6, lasso_folds=10))
    assert set(fitted) == {"volume_change", "integrated"}
    for view, model in fitted.items():
        assert np.isfinite(model.oof).all()
        folds = [note for note in model.notes if note.startswith("Cross-validation has")]
        assert bool(folds) == (events < 6)
        if view == "integrated":
            assert len(model.selected) == 2
            assert any(note.endswith("one feature of each part only.") for note in model.notes)
    if events == 5:
        assert folds == [
            "Cross-validation has 5 instead of 6 folds, because the smaller class has 5 training patients."
        ]


def test_too_few_patients_are_refused_with_the_numbers(make_table, cheap):
    table = make_table(14, share=4 / 14, training=14)
    with pytest.raises(TooFewPatients, match="4 responders and 10 non-responders; at least 5 of each"):
        fit_models(table, cheap)


def test_no_training_patient_at_all_is_too_few(make_table, cheap):
    with pytest.raises(TooFewPatients, match="0 responders and 0 non-responders"):
        fit_models(make_table(14, training=0), cheap)


def test_one_class_is_refused(make_table, cheap):
    with pytest.raises(OneClassOnly, match="All 14 training patients are non-responders"):
        fit_models(make_table(14, share=0.0, training=14), cheap)


def test_a_view_without_usable_columns_is_left_out_with_a_reason(make_table, cheap):
    table = make_table(40)
    X = table.X.copy()
    X["clinical|age_years"] = 60.0
    X["clinical|male"] = np.nan
    X = X.drop(columns=["whole_tumour|post|original_shape_MeshVolume"])
    lean = altered(table, X=X)
    reasons = available_views(lean, cheap)
    assert "varies" in reasons["clinical"]
    assert "original_shape_MeshVolume" in reasons["volume_change"]
    assert set(fit_models(lean, cheap)) == {"whole_tumour", "habitat", "integrated"}


def test_a_table_without_any_view_is_refused(make_table, cheap):
    table = make_table(40)
    bare = altered(table, X=table.X.assign(**{"clinical|male": 1.0})[["clinical|male"]])
    with pytest.raises(MissingColumns, match="No view can be fitted"):
        fit_models(bare, cheap)


def test_a_patient_with_gaps_is_predicted_and_other_columns_do_not_matter(table, models):
    row = table.X.iloc[[0]].copy()
    expected = models["habitat"].predict_proba(row)
    row["habitat|pre|another"] = 7.0
    assert models["habitat"].predict_proba(row[row.columns[::-1]]) == expected
    row.loc[:, :] = np.nan
    for model in models.values():
        assert np.isfinite(model.predict_proba(row)).all()


def test_a_missing_column_is_named(table, models):
    with pytest.raises(MissingColumns, match=r"1 of them are missing: habitat\|post\|signal"):
        models["integrated"].predict_proba(table.X.drop(columns=["habitat|post|signal"]))


def test_an_infinite_value_is_refused(table, models):
    row = table.X.iloc[[0]].copy()
    row.loc[:, "habitat|post|signal"] = np.inf
    with pytest.raises(InvalidTable, match="infinite"):
        models["habitat"].predict_proba(row)


def test_every_view_of_the_recipe_book_can_be_fitted(make_table, cheap):
    recipe = replace(cheap, views=("whole_tumour_pre", "whole_tumour_delta", "habitat_post", "early_fusion"))
    fitted = fit_models(make_table(40), recipe)
    assert set(fitted) == set(recipe.views)
    assert {column.split("|")[1] for column in fitted["whole_tumour_pre"].columns} == {"pre"}

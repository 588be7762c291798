"""A linear model written out says of every patient what the model says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modeling.core.explanation.equation import equation
from modeling.core.study.training import fit_models
from modeling.core.table import FeatureTable
from tests.fitted import draw, fit_fusion, fit_view


def with_gaps(table: FeatureTable, *, seed: int = 3) -> FeatureTable:
    """Take away one value of ten, alike in no two columns."""
    holes = np.random.default_rng(seed).random(table.X.shape) < 0.1
    return FeatureTable(table.X.mask(holes), table.y, table.centre, table.split, table.facts)


def differences(model, table) -> np.ndarray:
    found = equation(model)
    assert found is not None
    own = [found.probability(row, centre=table.centre[code]) for code, row in table.X.iterrows()]
    return np.abs(np.array(own) - model.predict_proba(table.X, centre=table.centre.tolist()))


@pytest.fixture(scope="module")
def gapped(table) -> FeatureTable:
    return with_gaps(table)


@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_the_equation_says_of_every_patient_what_the_model_says(gapped, cheap, calibration):
    models = fit_models(gapped, replace(cheap, calibration=calibration, univariate_p=0.5))
    assert {term.kind for model in models.values() for part in equation(model).parts for term in part.terms} == {
        "value",
        "missing",
        "log_ratio",
    }
    for model in models.values():
        assert differences(model, gapped).max() < 1e-9, model.name


@pytest.mark.parametrize("classifier", ["elastic_net", "linear_svm"])
def test_so_do_those_of_the_other_linear_classifiers(gapped, cheap, classifier):
    recipe = replace(cheap, views=("habitat", "whole_tumour", "integrated"), classifiers=(classifier,))
    for model in fit_models(gapped, recipe).values():
        assert differences(model, gapped).max() < 1e-9, model.name


def test_a_harmonised_model_is_written_with_the_correction_of_each_centre(gapped, cheap):
    centre = gapped.centre.where(gapped.split != "training", np.where(np.arange(len(gapped.X)) % 2, "A", "B"))
    split = gapped.split.where(centre.isin(["A", "B"]), "external")
    both = FeatureTable(gapped.X, gapped.y, centre, split).where(centre.isin(["A", "B"]))
    recipe = replace(cheap, views=("clinical", "habitat"), harmonise="combat")
    models = fit_models(both, recipe)
    assert equation(models["habitat"]).centres == ("A", "B")
    for model in models.values():
        assert differences(model, both).max() < 1e-9, model.name


def test_a_model_that_is_no_weighted_sum_has_no_equation():
    X, y = draw()
    assert equation(fit_view(X, y, "random_forest")) is None
    assert equation(fit_fusion(X, y, "logistic", "rbf_svm")) is None
    assert equation(fit_fusion(X, y, "logistic", "elastic_net")) is not None


def test_a_value_for_which_nothing_stands_in_is_refused():
    X, y = draw()
    found = equation(fit_view(X, y, "logistic"))
    row = dict.fromkeys(X.columns, 0.0) | {found.parts[0].terms[0].columns[0]: float("nan")}
    with pytest.raises(ValueError, match="stands in for a missing"):
        found.probability(row)

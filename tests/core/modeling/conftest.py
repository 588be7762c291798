"""Small cohorts with a signal of known size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modeling.core.recipes import STANDARD, Recipe
from modeling.core.study.analyse import StudyResult, analyse
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.training import fit_models
from modeling.core.table import FeatureTable
from modeling.core.views import VOLUME_POST, VOLUME_PRE

MakeTable = Callable[..., FeatureTable]


def build_table(
    n: int = 90,
    *,
    seed: int = 0,
    shift: float = 1.5,
    noise_columns: int = 6,
    share: float = 0.45,
    training: int | None = None,
) -> FeatureTable:
    """Give n patients; the signal columns of responders are shifted by `shift` standard deviations.

    The first `training` patients (two thirds by default) train, the others belong to an internal test and two
    external centres.
    """
    random = np.random.default_rng(seed)
    codes = pd.Index([f"EC-{i:04d}" for i in range(1, n + 1)], name="code")
    y = np.zeros(n, dtype=int)
    y[random.permutation(n)[: round(share * n)]] = 1
    columns = {
        f"{group}|{time}|noise_{j}": random.normal(size=n)
        for group in ("whole_tumour", "habitat")
        for time in ("pre", "post", "delta")
        for j in range(noise_columns)
    }
    columns["whole_tumour|delta|signal"] = random.normal(size=n) + shift * y
    columns["habitat|post|signal"] = random.normal(size=n) - shift * y
    columns[VOLUME_PRE] = np.exp(random.normal(9, 1, n))
    columns[VOLUME_POST] = columns[VOLUME_PRE] * np.exp(random.normal(-0.5, 0.5, n) - 0.3 * y)
    columns["clinical|age_years"] = random.normal(62, 8, n)
    columns["clinical|male"] = (random.random(n) < 0.7).astype(float)
    first = 2 * n // 3 if training is None else training
    rest = np.array(["internal_test", "external", "external"])[np.arange(n - first) % 3]
    split = pd.Series([*["training"] * first, *rest], index=codes)
    centre = pd.Series(np.where(split == "external", np.where(np.arange(n) % 2, "B", "C"), "A"), index=codes)
    return FeatureTable(pd.DataFrame(columns, index=codes), pd.Series(y, index=codes), centre, split)


@pytest.fixture(scope="session")
def make_table() -> MakeTable:
    return build_table


@pytest.fixture(scope="session")
def cheap() -> Recipe:
    return replace(
        STANDARD,
        name="cheap",
        views=("volume_change", "clinical", "whole_tumour", "habitat", "integrated"),
        classifiers=("logistic",),
        cv_folds=3,
        cv_repeats=2,
        inner_folds=2,
        lasso_folds=3,
        mrmr_features=8,
        bootstraps=50,
        selection_bootstraps=5,
    )


@pytest.fixture(scope="session")
def table() -> FeatureTable:
    return build_table()


@pytest.fixture(scope="session")
def study(table: FeatureTable, cheap: Recipe) -> StudyResult:
    return analyse(table, cheap)


@pytest.fixture(scope="session")
def models(table: FeatureTable, cheap: Recipe) -> dict[str, FittedModel]:
    return fit_models(table, cheap)

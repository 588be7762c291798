"""One patient under two codes is found by content, and nobody else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.core.errors import SamePatientTwice
from modeling.core.performance.measure import measure
from modeling.core.study.analyse import analyse
from modeling.core.study.overlap import require_nobody_twice
from modeling.core.study.suspicion import too_good
from modeling.core.table import FeatureTable


def measured(n: int = 60, columns: int = 40, *, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    random = np.random.default_rng(seed)
    factors = random.normal(size=(n, 3)) @ random.normal(size=(3, columns))
    values = np.exp(factors + 0.2 * random.normal(size=(n, columns))) * 10.0 ** random.integers(-3, 4, columns)
    names = [f"whole_tumour|{'pre' if j % 2 else 'post'}|f{j}" for j in range(columns)]
    codes = [f"P-{i:03d}" for i in range(n)]
    split = pd.Series(np.where(np.arange(n) < n // 2, "training", "external"), index=codes)
    return pd.DataFrame(values, index=codes, columns=names), split


def digits(value: float, n: int) -> float:
    return float(f"{value:.{n}g}")


COPIES = {
    "as it is": lambda row: row,
    "rounded to six digits": lambda row: row.map(lambda value: digits(value, 6)),
    "one scan measured anew": lambda row: row.where(
        [str(name).split("|")[1] == "pre" for name in row.index], row * 1.3
    ),
    "a tenth measured anew": lambda row: row.where(np.arange(len(row)) % 10 > 0, row * 1.01),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copied_row_under_a_new_code_is_refused_by_name(kind):
    X, split = measured()
    X.loc["P-045"] = COPIES[kind](X.loc["P-007"])
    with pytest.raises(SamePatientTwice, match=r"P-007 \(training\) and P-045 \(external\)"):
        require_nobody_twice(X, split)
    with pytest.raises(SamePatientTwice, match=r"P-007 \(training\) and P-045 \(external\)"):
        require_nobody_twice(X.sample(frac=1, random_state=1), split)


def test_twelve_copied_rows_are_counted_and_three_named():
    X, split = measured()
    X.iloc[40:52] = X.iloc[:12].to_numpy()
    with pytest.raises(SamePatientTwice, match=r"P-002.*; and 9 more pairs"):
        require_nobody_twice(X, split)


def test_copies_within_training_are_refused_as_well():
    X, split = measured()
    X.loc["P-009"] = X.loc["P-003"]
    with pytest.raises(SamePatientTwice, match=r"P-003 \(training\) and P-009 \(training\)"):
        require_nobody_twice(X, split)


@given(st.integers(2, 80), st.integers(1, 60), st.integers(0, 1_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_different_patients_are_never_refused(n, columns, seed, gaps):
    X, split = measured(n, columns, seed=seed)
    if gaps:
        X = X.mask(np.random.default_rng(seed).random(X.shape) < 0.4)
    assert require_nobody_twice(X, split) == ()


def test_whole_numbers_and_clinical_data_may_be_shared():
    X, split = measured()
    grades = pd.DataFrame(1.0, index=X.index, columns=[f"own|grade {j}" for j in range(30)])
    ages = pd.DataFrame(61.5, index=X.index, columns=[f"clinical|c{j}" for j in range(30)])
    ages.iloc[0] = 70.5
    assert require_nobody_twice(pd.concat([grades, ages], axis=1), split) == ()


def test_equal_rows_of_few_measurements_are_asked_about_and_not_refused():
    X, split = measured(columns=4)
    X.columns = [f"own|{name}" for name in "abcd"]
    X.loc["P-031"] = X.loc["P-001"]
    (sentence,) = require_nobody_twice(X, split)
    assert "P-001 (training) and P-031 (external)" in sentence


def test_a_study_refuses_a_copy_in_external_patients_that_it_was_not_to_open(table: FeatureTable, cheap):
    X = table.X.copy()
    external = table.codes("external")[0]
    X.loc[external] = X.loc[table.codes("training")[0]].to_numpy()
    twice = replace(table, X=X)
    for opened in (True, False):
        with pytest.raises(SamePatientTwice, match=external):
            analyse(twice, cheap, open_external=opened)


def test_a_column_and_a_model_that_separate_nearly_everybody_are_asked_about(study, table: FeatureTable):
    quiet = list(too_good(table, {}, {}))
    y = table.y.astype(float)
    X = table.X.assign(**{"clinical|late": y + np.linspace(0, 0.5, len(y))})
    told = [one for one in too_good(replace(table, X=X), {}, {}) if "clinical|late" in one]
    assert {sentence.split(" patients")[0].rsplit(" ", 1)[1] for sentence in told} == {"training", "external"}
    assert not any("clinical|late" in sentence for sentence in quiet)
    model = study.models["volume_change"]  # one feature carries it all
    outcome = np.arange(40) % 2
    perfect = measure(
        outcome, 0.1 + 0.8 * outcome + np.linspace(0, 0.05, 40), threshold=0.5, split="external", centre=None
    )
    (sentence,) = [
        one for one in too_good(table, {"volume_change": model}, {"volume_change": [perfect]}) if "rests on" in one
    ]
    assert "log_volume_ratio alone" in sentence

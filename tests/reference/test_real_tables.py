"""Real tables as they come: read, judged and analysed (see shared/data/INDEX.md for their origin and numbers)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeling.core.errors import LeakedOutcome
from modeling.core.own_table.choices import Choices
from modeling.core.own_table.file import read_table
from modeling.core.own_table.intake import take_in
from modeling.core.own_table.report import analyse_table
from modeling.core.performance.discrimination import auc
from modeling.core.recipes import QUICK

pytestmark = pytest.mark.realdata
SHORT = replace(QUICK, name="short", bootstraps=200)


@pytest.fixture(scope="module")
def tables(shared_data: Path) -> Path:
    return shared_data / "tables"


@pytest.fixture(scope="module")
def lung1(tables: Path) -> bytes:
    """Features of 142 patients with their outcomes, as one CSV; two-year death is known of all of them."""
    features = pd.read_csv(tables / "lung1_pyradiomics_2.2.0_features.csv", low_memory=False)
    found = features.merge(pd.read_csv(tables / "lung1_clinical.csv"), on="PatientID")
    found["dead_2y"] = ((found["Survival.time"] < 730) & (found["deadstatus.event"] == 1)).astype(int)
    return found.to_csv(index=False).encode()


def test_the_features_of_lung1_are_read_and_what_is_no_feature_is_named(lung1: bytes) -> None:
    intake = take_in(read_table(lung1), Choices(outcome="dead_2y", id="PatientID", exclude=("Survival.time",)))
    refused = {row["column"]: row["reason"] for row in intake.refused}
    assert len(intake.y) == 142
    assert "holds text" in refused["diagnostics_Configuration_Settings"]
    assert "holds text" in refused["Patient"]
    assert "is constant" in refused["diagnostics_Image-original_Minimum"]
    assert not any(name.startswith("original_") for name in refused)
    assert auc(intake.y.to_numpy(), intake.X["own|original_shape_MeshVolume"].to_numpy()) == pytest.approx(
        0.6608, abs=5e-5
    )


def test_the_time_of_lung1_is_doubted_beside_its_deaths(tables: Path) -> None:
    content = (tables / "lung1_clinical.csv").read_bytes()
    intake = take_in(read_table(content), Choices(outcome="deadstatus.event", id="PatientID"))
    assert (len(intake.y), int(intake.y.sum())) == (422, 373)
    assert {row["column"] for row in intake.refused} == {"Overall.Stage", "Histology", "gender"}
    assert any("'Survival.time'" in sentence for sentence in intake.warnings)


def test_a_copy_of_the_deaths_of_lung1_is_refused(tables: Path) -> None:
    clinical = pd.read_csv(tables / "lung1_clinical.csv")
    content = clinical.assign(alive=1 - clinical["deadstatus.event"]).to_csv(index=False).encode()
    with pytest.raises(LeakedOutcome, match="'alive'"):
        take_in(read_table(content), Choices(outcome="deadstatus.event", id="PatientID"))


def test_the_number_of_the_row_of_the_habitat_table_is_no_feature(tables: Path) -> None:
    content = (tables / "habitat_petct_OS_318.csv").read_bytes()
    intake = take_in(read_table(content), Choices(time="Time", event="Status"))
    assert intake.refused == ({"column": "row", "reason": "numbers the rows"},)
    assert (len(intake.y), int(intake.y.sum()), intake.X.shape[1]) == (316, 26, 25)


def test_the_habitat_table_keeps_some_of_its_concordance_when_selection_is_nested(tables: Path) -> None:
    content = (tables / "habitat_petct_OS_318.csv").read_bytes()
    report = analyse_table(content, Choices(time="Time", event="Status", id="row"), SHORT).report
    ((model,), row) = report["models"], report["models"][0]["evaluations"][0]
    assert len(model["selected"]) == 26 // SHORT.patients_per_feature
    # Below 0.8451 of a ridge on all 25 columns, which the study had chosen on these very rows, and above chance.
    assert 0.6 < row["c_index"] < 0.8451
    assert row["c_low"] > 0.5
    assert report["sample_size"]["enough"] is False


def test_survival_of_lung1_is_predicted_a_little_better_than_by_chance(lung1: bytes) -> None:
    choices = Choices(
        time="Survival.time",
        event="deadstatus.event",
        id="PatientID",
        exclude=("dead_2y",),
        views={"volume": ["original_shape_MeshVolume"], "radiomics": ["original_*", "log-*", "wavelet-*"]},
    )
    report = analyse_table(lung1, choices, SHORT).report
    rows = {model["name"]: model["evaluations"][0] for model in report["models"]}
    assert rows["volume"]["n"] == 142
    assert rows["volume"]["events"] == 126
    # The apparent concordance of the volume is 0.6248; one feature without selection loses little.
    assert rows["volume"]["c_index"] == pytest.approx(0.6248, abs=0.03)
    assert np.isfinite(rows["radiomics"]["c_index"])

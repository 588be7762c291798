"""Survival against numbers of real tables that were computed apart (shared/data/INDEX.md), and against lifelines.

The habitat table is from WeihaoZhai/LungCancer-Prognosis-System (commit 43b71740, MIT); Lung1 features are from
AIM-Harvard/pyradiomics_ibsi-benchmark (commit 78a7d5da), outcomes from NSCLC-Radiomics (Aerts et al.).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.utils import concordance_index
from sklearn.model_selection import StratifiedKFold

from modeling.core.survival.concordance import harrell
from modeling.core.survival.cox import fit_cox, log_rank

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def lung1(shared_data: Path) -> pd.DataFrame:
    tables = shared_data / "tables"
    features = pd.read_csv(tables / "lung1_pyradiomics_2.2.0_features.csv", low_memory=False)
    found = features.merge(pd.read_csv(tables / "lung1_clinical.csv"), on="PatientID")
    assert (len(found), found["deadstatus.event"].sum()) == (142, 126)
    return found


@pytest.fixture(scope="module")
def habitats(shared_data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = pd.read_csv(shared_data / "tables" / "habitat_petct_OS_318.csv")
    X = table.drop(columns=["row", "Time", "Status"]).to_numpy(float)
    return X, table["Time"].to_numpy(float), table["Status"].to_numpy(float)


def test_the_volume_of_lung1_has_the_known_hazard_concordance_and_risk_groups(lung1: pd.DataFrame) -> None:
    time, event = lung1["Survival.time"].to_numpy(float), lung1["deadstatus.event"].to_numpy(float)
    volume = lung1["original_shape_MeshVolume"].to_numpy(float)
    z = (volume - volume.mean()) / volume.std()
    fitted = fit_cox(z[:, None], time, event)
    assert np.exp(fitted.coefficients[0]) == pytest.approx(1.4993, abs=5e-5)
    assert harrell(fitted.risk(z[:, None]), time, event).value == pytest.approx(0.6248, abs=5e-5)
    assert log_rank(time, event, volume > np.median(volume)) == pytest.approx(0.003694, abs=5e-7)


def test_the_ridge_of_the_habitat_table_has_the_known_apparent_concordance(habitats) -> None:
    X, time, event = habitats
    fitted = fit_cox(X, time, event, penalizer=0.1)
    assert harrell(fitted.risk(X), time, event).value == pytest.approx(0.8923, abs=5e-5)


def test_the_ridge_of_the_habitat_table_has_the_known_cross_validated_concordance(habitats) -> None:
    X, time, event = habitats
    found = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, event):
        fitted = fit_cox(X[train], time[train], event[train], penalizer=0.1)
        found.append(harrell(fitted.risk(X[test]), time[test], event[test]).value)
    assert np.mean(found) == pytest.approx(0.8451, abs=5e-5)


def test_concordance_is_that_of_lifelines_on_real_ties(lung1: pd.DataFrame) -> None:
    time, event = lung1["Survival.time"].to_numpy(float), lung1["deadstatus.event"].to_numpy(float)
    risks = lung1["original_firstorder_Mean"].round(-2).to_numpy(float)
    assert harrell(risks, time, event).value == pytest.approx(concordance_index(time, -risks, event), abs=1e-12)

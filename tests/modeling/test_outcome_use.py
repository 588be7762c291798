"""Rule E11: whoever corrects a reading is told which training runs used it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from cohorts.models import PathologyOutcome
from cohorts.services.outcomes import enter_outcome
from modeling.models import TableSnapshot, TrainingRun
from tests.codebooks import empty_model
from tests.trial import READING, Trial


@pytest.fixture
def used(trial: Trial) -> PathologyOutcome:
    """A reading that one run learnt from."""
    outcome = enter_outcome(trial.patient, values=READING, actor=None)
    model = empty_model(trial.cohort, n_habitats=2)
    snapshot = TableSnapshot.objects.create(
        cohort=trial.cohort, habitat_model=model, sha256="1" * 64, n_patients=1, n_columns=1, mpr_threshold_percent=10
    )
    snapshot.outcomes.add(outcome)
    TrainingRun.objects.create(
        cohort=trial.cohort, number=7, recipe_name="standard", recipe={}, recipe_digest="2" * 64, snapshot=snapshot
    )
    return outcome


def panel(trial: Trial, person: str) -> str:
    url = reverse("modeling:outcome-use", args=[trial.cohort.code, trial.patient.code])
    return trial.client(person).get(url).content.decode()


def test_a_reading_that_trained_a_model_says_so_with_its_runs(trial: Trial, used: PathologyOutcome) -> None:
    said = panel(trial, "administrator")
    assert "E11" in said
    assert "Reading 1 trained models in one run." in said
    assert "Run 7" in said


def test_who_enters_outcomes_learns_that_it_was_used_but_not_where(trial: Trial, used: PathologyOutcome) -> None:
    said = panel(trial, "coordinator")
    assert "A correction needs a reason" in said
    assert "Run 7" not in said


def test_a_reading_that_trained_nothing_says_nothing(trial: Trial, used: PathologyOutcome) -> None:
    enter_outcome(trial.patient, values=READING | {"reader": "ZZ"}, actor=None, reason="initials")
    assert panel(trial, "coordinator").strip() == ""

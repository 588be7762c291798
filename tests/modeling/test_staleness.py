"""A model that learned from a reading which was corrected is stale, at once, and says from which."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from cohorts.models import Membership
from cohorts.services.outcomes import enter_outcome
from modeling.models import ModelVersion, TrainingRun
from modeling.selectors import stale_readings, stale_runs, stale_versions
from tests.modeling.conftest import challenge, train
from tests.study import Study, reading_of

pytestmark = pytest.mark.django_db


def correct(study: Study, code: str, *, responder: bool) -> None:
    enter_outcome(
        study.patient(code), values=reading_of(responder), actor=study.people["coordinator"], reason="second look"
    )


def page(study: Study, client: Any, name: str = "champions", *args: Any, person: str = "researcher") -> str:
    client.force_login(study.people[person])
    return str(client.get(reverse(f"modeling:{name}", args=[study.cohort.code, *args])).content.decode())


def test_right_after_training_nothing_is_stale(living: Study, client: Any) -> None:
    assert stale_versions(living.cohort) == {}
    assert "Stale" not in page(living, client)


def test_correcting_one_outcome_flags_every_model_of_the_run_and_names_the_patient(
    living: Study, client: Any
) -> None:
    correct(living, "S-00", responder=False)
    assert set(stale_versions(living.cohort)) == set(ModelVersion.objects.values_list("pk", flat=True))
    (reading,) = stale_readings(ModelVersion.objects.get(name="integrated")).readings
    assert (reading.used.patient.code, reading.used.version, reading.now.version) == ("S-00", 1, 2)  # type: ignore[union-attr]
    assert (reading.used_mpr, reading.now_mpr, reading.changes_class) == (True, False, True)
    for shown in (page(living, client), page(living, client, "run", 1)):
        assert "S-00" in shown
        assert "MPR → no MPR" in shown
        assert "5.0\N{NO-BREAK SPACE}%" in shown
        assert "60.0\N{NO-BREAK SPACE}%" in shown


def test_a_correction_within_the_class_is_stale_too_and_says_that_the_class_stays(living: Study, client: Any) -> None:
    values = reading_of(True) | {"viable_percent": Decimal(8), "necrosis_percent": Decimal(57)}
    enter_outcome(living.patient("S-00"), values=values, actor=None, reason="second look")
    (reading,) = stale_readings(TrainingRun.objects.get()).readings
    assert not reading.changes_class
    assert "MPR, as before" in page(living, client)


def test_another_threshold_makes_stale_without_any_correction(living: Study, client: Any) -> None:
    type(living.cohort).objects.update(mpr_threshold_percent=2)
    living.cohort.refresh_from_db()
    stale = stale_readings(TrainingRun.objects.select_related("cohort").get())
    assert stale.threshold_changed
    assert stale.readings == ()
    assert "The MPR threshold was 10.0" in page(living, client)
    type(living.cohort).objects.update(mpr_threshold_percent=10)
    living.cohort.refresh_from_db()


def test_a_reading_that_no_run_used_makes_nothing_stale(living: Study) -> None:
    correct(living, "S-39", responder=False)
    assert stale_versions(living.cohort) == {}


def test_training_again_on_the_corrected_reading_gives_models_that_are_not_stale(living: Study) -> None:
    correct(living, "S-00", responder=False)
    train(living)
    runs = {run.number: bool(stale_runs(living.cohort)[run.pk]) for run in TrainingRun.objects.order_by("number")}
    assert runs == {1: True, 2: False}


def test_the_list_of_a_cohort_takes_as_many_queries_for_many_runs_as_for_one(
    living: Study, django_assert_num_queries: Any
) -> None:
    for code in ("S-00", "S-02", "S-04"):
        correct(living, code, responder=False)
    with django_assert_num_queries(4):
        before = stale_versions(living.cohort)
    for _ in range(3):
        challenge()
    with django_assert_num_queries(4):
        assert len(stale_versions(living.cohort)) == len(before) + 3


def test_who_sees_one_centre_is_told_of_others_but_not_of_their_patients(living: Study, client: Any) -> None:
    correct(living, "S-00", responder=False)  # centre A
    correct(living, "S-04", responder=False)  # centre B
    researcher = living.people["researcher"]
    Membership.objects.filter(user=researcher).update(centre=living.cohort.centres.get(code="B"))
    shown = page(living, client)
    assert "2 readings" in shown
    assert "S-04" in shown
    assert "S-00" not in shown
    assert "1 of them belongs to centres that you do not see" in shown

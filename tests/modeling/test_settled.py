"""What may train a model: patients who are not excluded, and readings that blinded readers settled on."""

from __future__ import annotations

import pytest

from cohorts.models import BlindedReading, PathologyOutcome, Patient, RecordLock
from imaging.core.spec import STANDARD
from imaging.models import HabitatModel
from imaging.services.protocols import protocol_named
from modeling.models import RetrainingPolicy, TableSnapshot, TrainingRun
from modeling.services.schedule import set_schedule, why_due
from modeling.services.snapshots import gather
from tests.study import Study, build_study


@pytest.fixture
def study(db: None) -> Study:
    return build_study(n=4, without_outcome=0)


def reasons(study: Study) -> dict[str, str]:
    study.cohort.refresh_from_db()
    found = gather(study.cohort, protocol_named(STANDARD.name))
    return {row["patient"]: row["reason"] for row in found.excluded}


def read(study: Study, code: str, *percents: float) -> None:
    readers = [study.people[name] for name in ("reader", "data_manager", "researcher")]
    for slot, (reader, percent) in enumerate(zip(readers, percents, strict=False), start=1):
        BlindedReading.objects.create(patient=study.patient(code), reader=reader, slot=slot, viable_percent=percent)


def test_an_excluded_patient_is_left_out_with_the_reason(study: Study) -> None:
    assert reasons(study) == {}
    Patient.objects.filter(code="S-01").update(exclusion="no_surgery")
    assert reasons(study) == {"S-01": "The patient is excluded: no surgery."}


def test_blind_readings_train_only_once_they_are_settled(study: Study) -> None:
    study.cohort.double_reading = True
    study.cohort.save()
    values = dict(PathologyOutcome.objects.order_by("pk").values_list("patient__code", "viable_percent"))
    assert {code: float(value) for code, value in values.items()} == {"S-00": 5, "S-01": 60, "S-02": 5, "S-03": 60}
    read(study, "S-00", 4, 6)  # agreed, and entered so
    read(study, "S-01", 60, 30)  # waits for a third
    read(study, "S-02", 9, 8)  # agreed on something else
    waiting = "The blinded readings are not settled."
    other = "The pathology entered is not what the blinded readers settled on."
    assert reasons(study) == {"S-01": waiting, "S-02": other, "S-03": waiting}
    BlindedReading.objects.create(
        patient=study.patient("S-01"), reader=study.people["researcher"], slot=3, viable_percent=60
    )
    assert reasons(study) == {"S-02": other, "S-03": waiting}


def test_without_double_reading_readings_do_not_count(study: Study) -> None:
    read(study, "S-01", 60, 30)
    assert reasons(study) == {}


def lock(study: Study, code: str | None) -> None:
    patient = study.patient(code) if code else None
    RecordLock.objects.create(
        cohort=study.cohort,
        patient=patient,
        meaning="verified",
        content_sha256="0" * 64,
        signed_by=study.people["data_manager"],
    )


def test_a_schedule_may_count_locked_outcomes_only(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    last = _run(study)
    assert why_due(study.cohort, last) == "4 outcomes since run 1."
    policy = {"minimum_new_outcomes": 2, "locked_only": True}
    set_schedule(study.cohort, enabled=True, weekday="*", hour=2, recipe_name="quick", actor=None, policy=policy)
    lock(study, "S-00")
    monkeypatch.setattr("modeling.services.schedule._what_changed", lambda cohort, last, cases: "")
    assert why_due(study.cohort, last) == ""
    lock(study, "S-01")
    assert why_due(study.cohort, last) == "2 locked outcomes since run 1."
    lock(study, None)
    assert why_due(study.cohort, last) == "4 locked outcomes since run 1."


def _run(study: Study) -> TrainingRun:
    """Give a run that used nobody's outcome."""
    RetrainingPolicy.objects.create(cohort=study.cohort, minimum_new_outcomes=4)
    model = HabitatModel.objects.create(
        cohort=study.cohort,
        protocol=protocol_named(STANDARD.name),
        version=1,
        n_habitats=2,
        digest="0" * 64,
        codebook={},
    )
    snapshot = TableSnapshot.objects.create(
        cohort=study.cohort, habitat_model=model, sha256="1" * 64, n_patients=0, n_columns=1, mpr_threshold_percent=10
    )
    return TrainingRun.objects.create(
        cohort=study.cohort, number=1, recipe_name="quick", recipe={}, recipe_digest="2" * 64, snapshot=snapshot
    )

"""The filters of the address bar: each finds what it says, and all agree with the rules of the core."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import product

import pytest
from django.http import QueryDict

from cohorts.core.response import SAMPLINGS
from cohorts.models import BlindedReading, PathologyOutcome, Patient, RecordLock, Timepoint
from cohorts.selectors.facts import facts_of
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.patients import response_of
from tests.scans import PRE_SCAN_ON, small_scan, store_scan
from tests.trial import READING, Trial

pytestmark = pytest.mark.django_db


def found(trial: Trial, address: str) -> list[str]:
    filters = PatientFilters.from_query(QueryDict(address))
    patients = filters.apply(Patient.objects.filter(cohort=trial.cohort), trial.cohort)
    return list(patients.order_by("code").values_list("code", flat=True))


def test_an_address_without_filters_finds_everybody_and_writes_nothing(trial: Trial) -> None:
    assert found(trial, "") == ["P-1", "P-2"]
    assert PatientFilters.from_query(QueryDict("")).query_string() == ""
    assert not PatientFilters()


def test_what_makes_no_sense_filters_nothing(trial: Trial) -> None:
    for address in (
        "age_min=old",
        "response=maybe",
        "lacks=wings",
        "has=wings",
        "complete=perhaps",
        "after=x",
        "age_max=-3",
    ):
        assert found(trial, address) == ["P-1", "P-2"], address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("q=p-1", ["P-1"]),
        ("centre=B", ["P-2"]),
        ("histology=squamous", ["P-1"]),
        ("histology=unknown", ["P-2"]),
        ("age_min=61&age_max=61", ["P-1"]),
        ("age_min=62", []),
        ("has=ct_pre", ["P-1"]),
        ("lacks=ct_pre", ["P-2"]),
        ("complete=yes", []),
        ("complete=no", ["P-1", "P-2"]),
        ("response=none", ["P-2"]),
        ("response=known", ["P-1"]),
        ("response=no_mpr", ["P-1"]),
        ("response=mpr", []),
        ("exclusion=any", ["P-2"]),
        ("exclusion=none", ["P-1"]),
        ("exclusion=died", ["P-2"]),
        ("has=mask_pre", ["P-1"]),
        ("scanner=Sharp+64", ["P-1"]),
        ("scanner=Other", []),
        ("lacks=features_pre", ["P-1", "P-2"]),
        ("has=pathology&centre=B", []),
    ],
)
def test_each_filter_finds_what_it_says(trial: Trial, address: str, expected: list[str]) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    segmentation.series.scanner = "Sharp 64"
    segmentation.series.save()
    PathologyOutcome.objects.create(patient=trial.patient, version=1, **READING)
    Patient.objects.filter(pk=trial.other_patient.pk).update(exclusion="died")
    assert found(trial, address) == expected


def test_an_address_comes_back_as_it_was_read(trial: Trial) -> None:
    address = "q=P&centre=A&age_min=50&scanner=Sharp+64"
    filters = PatientFilters.from_query(QueryDict(address))
    assert filters.query_string() == address
    assert PatientFilters.from_query(filters.values()) == filters
    assert filters.without("scanner").without("age_min").values() == {"q": "P", "centre": "A"}


def test_the_database_calls_a_response_what_the_core_calls_it(trial: Trial) -> None:
    outcome = PathologyOutcome.objects.create(patient=trial.patient, version=1, **READING)
    choices = product(
        (0, 10, Decimal("10.5")),
        ("ypT0", "ypT1a", "ypTX"),
        ("ypN0", "ypNX", "ypN1"),
        (None, 0, 9),
        (None, 0, 1),
        (None, 0, 2),
    )
    seen = set()
    for viable, ypt, ypn, examined, positive, nodes_viable in choices:
        for sampling in ("", *SAMPLINGS):
            values = {"viable_percent": viable, "ypt": ypt, "ypn": ypn, "sampling": sampling}
            values |= {"nodes_examined": examined, "nodes_positive": positive, "nodes_viable_percent": nodes_viable}
            PathologyOutcome.objects.filter(pk=outcome.pk).update(**values)
            outcome.refresh_from_db()
            response = response_of(outcome, trial.cohort)
            says = {name: bool(found(trial, f"response={name}")) for name in ("mpr", "no_mpr", "pcr")}
            assert says == {"mpr": response.mpr, "no_mpr": not response.mpr, "pcr": response.pcr is True}, values
            seen.add((response.mpr, response.pcr))
    assert seen == {(True, True), (True, False), (True, None), (False, False)}


def test_readings_are_settled_when_two_agree_or_a_third_decided(trial: Trial) -> None:
    trial.cohort.double_reading = True
    trial.cohort.save()

    def settled(*viable: int) -> bool:
        BlindedReading.objects.all().delete()
        readers = list(trial.people.values())
        for slot, value in enumerate(viable, start=1):
            BlindedReading.objects.create(
                patient=trial.patient, reader=readers[slot], slot=slot, viable_percent=value
            )
        return found(trial, "has=settled") == ["P-1"]

    assert [settled(), settled(20), settled(20, 30), settled(20, 31)] == [False, False, True, False]
    assert not settled(8, 12), "both sides of the line"
    assert settled(8, 12, 9)


def test_a_record_is_locked_by_its_own_lock_or_by_that_of_the_cohort(trial: Trial) -> None:
    own = RecordLock.objects.create(
        cohort=trial.cohort, patient=trial.patient, signed_by=trial.coordinator, meaning="verified"
    )
    assert found(trial, "has=locked") == ["P-1"]
    own.unlocked_at = "2026-01-01T00:00Z"
    own.save()
    assert found(trial, "has=locked") == []
    RecordLock.objects.create(cohort=trial.cohort, signed_by=trial.coordinator, meaning="approved")
    assert found(trial, "has=locked") == ["P-1", "P-2"]


def test_clinical_data_are_there_when_nothing_that_the_study_needs_is_empty(trial: Trial) -> None:
    assert found(trial, "has=clinical") == []
    Patient.objects.filter(pk=trial.patient.pk).update(sex="female", clinical_stage="IIIA")
    assert found(trial, "has=clinical") == ["P-1"]


def test_the_facts_stand_in_the_order_of_a_patients_course(trial: Trial) -> None:
    keys = [fact.key for fact in facts_of(trial.cohort)]
    assert keys[0] == "clinical"
    assert keys[-1] == "locked"
    assert "settled" not in keys
    assert keys.index("mask_pre") < keys.index("features_pre") < keys.index("registration") < keys.index("pathology")


def test_both_scans_make_a_patient_complete(trial: Trial) -> None:
    for kind in Timepoint.Kind:
        Timepoint.objects.create(patient=trial.patient, kind=kind, scanned_on=date(2024, 1, 1))
    assert found(trial, "complete=yes") == ["P-1"]

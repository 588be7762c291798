"""Entering pathology by form: what follows is derived, contradictions are refused, history is kept."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from cohorts import audit
from cohorts.core.errors import ContradictoryOutcome
from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, BlindedReading, PathologyOutcome, Patient
from cohorts.selectors.patients import current_outcome, response_of
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import update_patient
from tests.scans import POST_SCAN_ON, PRE_SCAN_ON, small_scan, store_scan
from tests.trial import COMPLETE_RESPONSE, READING, Trial, as_form


def post(trial: Trial, values: dict[str, Any], *, name: str = "outcome", **extra: str) -> Any:
    url = reverse(f"cohorts:{name}", args=[trial.cohort.code, trial.patient.code])
    return trial.client("coordinator").post(url, as_form(values) | extra)


def page(trial: Trial, name: str = "patient") -> str:
    url = reverse(f"cohorts:{name}", args=[trial.cohort.code, trial.patient.code])
    return trial.client("coordinator").get(url).content.decode()


def test_a_coordinator_enters_a_reading_and_sees_the_response_that_follows(trial: Trial) -> None:
    response = post(trial, COMPLETE_RESPONSE)
    assert response.status_code == 302
    stored = current_outcome(trial.patient)
    assert stored is not None
    assert (stored.version, stored.entered_by) == (1, trial.coordinator)
    assert (stored.viable_percent, stored.ypt, stored.surgery_on) == (Decimal(0), "ypT0", date(2024, 6, 10))
    derived = response_of(stored, trial.cohort)
    assert (derived.mpr, derived.pcr, derived.threshold_percent) == (True, True, 10.0)
    shown = page(trial)
    assert "MPR" in shown
    assert "pCR" in shown


@pytest.mark.parametrize(("percent", "mpr"), [("10", True), ("10.01", False)])
def test_a_major_response_follows_from_the_threshold_of_the_cohort(trial: Trial, percent: str, mpr: bool) -> None:
    values = READING | {"viable_percent": Decimal(percent), "necrosis_percent": Decimal(65) - Decimal(percent)}
    stored = enter_outcome(trial.patient, values=values, actor=None)
    assert response_of(stored, trial.cohort).mpr is mpr
    trial.cohort.mpr_threshold_percent = Decimal(65)
    assert response_of(stored, trial.cohort).mpr is True


def test_what_is_typed_is_derived_at_once_and_not_written(trial: Trial) -> None:
    response = post(trial, COMPLETE_RESPONSE, name="outcome-derive")
    assert response.context["response"].mpr is True
    assert response.context["response"].pcr is True
    assert not PathologyOutcome.objects.exists()
    assert not AuditEntry.objects.filter(object_type="pathologyoutcome").exists()


def test_a_contradiction_while_typing_names_its_rule_and_derives_nothing(trial: Trial) -> None:
    response = post(trial, READING | {"ypt": "ypT0"}, name="outcome-derive")
    assert response.context["response"] is None
    assert [(f.rule, f.field) for f in response.context["findings"]] == [("E6", "ypt")]
    assert "ypT0 means no viable tumour" in response.content.decode()


@pytest.mark.parametrize(
    ("field", "rule", "changes"),
    [
        ("stroma_percent", "E2", {"stroma_percent": Decimal(20)}),
        ("fibrosis_percent", "E3", {"fibrosis_percent": Decimal(30), "inflammation_percent": Decimal(1)}),
        ("reported_pcr", "E4", {"reported_pcr": True}),
        ("ypt", "E5", {"viable_percent": Decimal(0), "necrosis_percent": Decimal(65)}),
        ("ypt", "E6", {"ypt": "ypT0"}),
        ("ypn", "E7", {"nodes_positive": 2}),
        ("nodes_positive", "E7", {"ypn": "ypN1", "nodes_positive": 13}),
        ("reported_mpr", "E9", {"reported_mpr": True}),
        ("surgery_on", "E10", {"surgery_on": date(2024, 4, 1)}),
        ("signed_off_on", "E10", {"signed_off_on": date(2024, 6, 9)}),
    ],
)
def test_a_contradiction_is_refused_at_its_field_and_nothing_is_written(
    trial: Trial, field: str, rule: str, changes: dict[str, Any]
) -> None:
    response = post(trial, READING | changes)
    assert response.status_code == 200
    assert any(f"({rule})" in message for message in response.context["form"].errors[field])
    assert not PathologyOutcome.objects.exists()
    assert not AuditEntry.objects.filter(object_type="pathologyoutcome").exists()


def test_a_percentage_out_of_range_is_refused_by_the_form(trial: Trial) -> None:
    errors = post(trial, READING | {"viable_percent": Decimal("100.5")}).context["form"].errors
    assert set(errors) >= {"viable_percent"}
    assert not PathologyOutcome.objects.exists()


def test_a_surgery_before_the_scan_after_treatment_is_refused_on_the_true_calendar(trial: Trial) -> None:
    store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    store_scan(trial.patient, "post", small_scan(1), scanned_on=POST_SCAN_ON)
    response = post(trial, READING | {"surgery_on": date(2024, 5, 20)})
    assert "(E10)" in str(response.context["form"].errors["surgery_on"])
    assert post(trial, READING).status_code == 302


def test_warnings_are_shown_and_do_not_refuse(trial: Trial) -> None:
    unsampled = COMPLETE_RESPONSE | {"sampling": "incomplete", "nodes_examined": 0, "ypn": "ypNX"}
    assert post(trial, unsampled).status_code == 302
    stored = current_outcome(trial.patient)
    assert stored is not None
    assert response_of(stored, trial.cohort).pcr is None
    shown = page(trial)
    assert "pCR unconfirmed" in shown
    assert "No node was examined" in shown


def test_a_correction_needs_a_reason(trial: Trial) -> None:
    post(trial, READING)
    response = post(trial, READING | {"necrosis_percent": Decimal(26), "stroma_percent": Decimal(34)})
    assert response.status_code == 200
    assert "reason" in response.context["form"].errors
    assert PathologyOutcome.objects.count() == 1


def test_a_correction_adds_a_version_and_keeps_the_old_one_as_it_was(trial: Trial) -> None:
    post(trial, READING)
    corrected = READING | {"viable_percent": Decimal(5), "necrosis_percent": Decimal(60)}
    assert post(trial, corrected, reason="second look").status_code == 302
    first, second = PathologyOutcome.objects.order_by("version")
    assert (first.version, first.is_current, first.viable_percent) == (1, False, Decimal(40))
    assert (second.version, second.is_current, second.viable_percent) == (2, True, Decimal(5))


def test_the_history_says_who_changed_what_from_what_to_what_and_why(trial: Trial) -> None:
    post(trial, READING)
    post(trial, READING | {"viable_percent": Decimal(5), "necrosis_percent": Decimal(60)}, reason="second look")
    entered, corrected = AuditEntry.objects.filter(object_type="pathologyoutcome").order_by("pk")
    assert (entered.verb, entered.actor, entered.patient) == ("entered", trial.coordinator, trial.patient)
    assert entered.changes["viable_percent"] == [None, 40.0]
    assert (corrected.verb, corrected.reason) == ("corrected", "second look")
    assert corrected.changes == {"viable_percent": [40.0, 5.0], "necrosis_percent": [25.0, 60.0]}
    shown = page(trial, "patient-history")
    assert "second look" in shown
    assert "coordinator" in shown
    assert "40.0" in shown


def test_an_equal_reading_adds_neither_version_nor_entry(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    before = AuditEntry.objects.count()
    again = enter_outcome(trial.patient, values=dict(READING), actor=trial.coordinator)
    assert (again.version, PathologyOutcome.objects.count(), AuditEntry.objects.count()) == (1, 1, before)


def test_a_refused_reading_leaves_the_current_one_current(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=None)
    with pytest.raises(ContradictoryOutcome) as refusal:
        enter_outcome(trial.patient, values=READING | {"ypt": "ypT0"}, actor=None)
    assert [finding.rule for finding in refusal.value.findings] == ["E6"]
    assert current_outcome(trial.patient).version == 1  # type: ignore[union-attr]


def test_when_the_history_cannot_be_written_the_reading_is_not_either(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(AuditEntry.objects, "create", broken)
    with pytest.raises(OSError, match="disk full"):
        enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    assert not PathologyOutcome.objects.exists()


def test_when_the_reading_cannot_be_written_the_history_is_not_either(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = audit.record

    def broken_after(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        raise OSError("disk full")

    monkeypatch.setattr(audit, "record", broken_after)
    before = AuditEntry.objects.count()
    with pytest.raises(OSError, match="disk full"):
        enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    assert (PathologyOutcome.objects.count(), AuditEntry.objects.count()) == (0, before)


@pytest.mark.django_db(transaction=True)
def test_an_audit_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record("changed", PathologyOutcome(), actor=None, cohort=None)  # type: ignore[arg-type]
    assert not AuditEntry.objects.exists()


def test_what_is_entered_must_be_what_the_blinded_readers_settled_on(trial: Trial) -> None:
    trial.cohort.double_reading = True
    trial.cohort.save()
    for slot, (reader, percent) in enumerate([("reader", 30), ("data_manager", 34)], start=1):
        BlindedReading.objects.create(
            patient=trial.patient, reader=trial.people[reader], slot=slot, viable_percent=percent
        )
    refused = post(trial, READING)
    assert "(E12)" in str(refused.context["form"].errors["viable_percent"])
    assert "settled on 32 %" in str(refused.context["form"].errors["viable_percent"])
    settled = READING | {"viable_percent": Decimal(32), "necrosis_percent": Decimal(33)}
    assert post(trial, settled).status_code == 302


def test_nobody_corrects_a_reading_without_a_reason(trial: Trial) -> None:
    enter_outcome(trial.patient, values=READING, actor=trial.coordinator)
    corrected = READING | {"reader": "CD"}
    with pytest.raises(ServiceError) as refusal:
        enter_outcome(trial.patient, values=corrected, actor=trial.coordinator, reason="  ")
    assert (refusal.value.code, PathologyOutcome.objects.count()) == ("reason_missing", 1)
    assert enter_outcome(trial.patient, values=corrected, actor=trial.coordinator, reason="a slip").version == 2


def test_a_reading_is_judged_by_the_dates_that_are_stored_when_it_is_saved(trial: Trial) -> None:
    opened = Patient.objects.get(pk=trial.patient.pk)
    update_patient(trial.patient, values={"last_dose_on": date(2024, 6, 15)}, actor=None)
    with pytest.raises(ContradictoryOutcome) as refusal:
        enter_outcome(opened, values=READING, actor=None)
    assert [finding.rule for finding in refusal.value.findings] == ["E10"]

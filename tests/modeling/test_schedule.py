"""When a cohort trains by itself, and that it does so once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from cohorts import jobs
from cohorts.models import AuditEntry, Job
from cohorts.services.outcomes import enter_outcome
from imaging.models import Segmentation
from modeling.core.promotion import Rule
from modeling.models import ModelVersion, RetrainingPolicy, TrainingRun
from modeling.selectors import policy_of
from modeling.services import schedule, training
from modeling.services.schedule import retrain_if_due, schedule_values, scheduled, set_schedule
from modeling.tasks import retrain_on_schedule
from tests.installation import Installation
from tests.modeling.conftest import SMALL, challenge
from tests.study import Study, reading_of, store_values

pytestmark = pytest.mark.django_db


def due(study: Study) -> bool:
    return retrain_if_due(study.cohort.code, SMALL.name)


def rule(study: Study, **values: Any) -> None:
    RetrainingPolicy.objects.update_or_create(cohort=study.cohort, defaults=values)


def queued() -> int:
    return Job.objects.filter(kind=Job.Kind.TRAINING, state=Job.State.QUEUED).count()


# When it is due.


def test_nothing_is_due_when_nothing_has_changed(living: Study) -> None:
    assert due(living) is False
    assert queued() == 0


def test_a_recipe_that_never_ran_is_due(living: Study) -> None:
    assert retrain_if_due(living.cohort.code, "quick") is True


def test_new_outcomes_are_waited_for_until_there_are_enough(living: Study) -> None:
    enter_outcome(living.patient("S-39"), values=reading_of(False), actor=None)
    assert due(living) is False, "one of ten"
    rule(living, minimum_new_outcomes=1)
    assert due(living) is True
    assert AuditEntry.objects.get(verb="started on schedule").reason == "1 outcomes since run 1."


def test_an_outcome_of_a_patient_who_cannot_be_modelled_does_not_count(living: Study) -> None:
    """Otherwise such readings, which no run will ever use, would start a run every night."""
    rule(living, minimum_new_outcomes=1)
    Segmentation.objects.filter(timepoint__patient__code="S-39", timepoint__kind="post").delete()
    enter_outcome(living.patient("S-39"), values=reading_of(False), actor=None)
    assert due(living) is False


def test_a_corrected_outcome_is_due_at_once_unless_the_rule_says_otherwise(living: Study) -> None:
    values = reading_of(True) | {"necrosis_percent": Decimal(59), "stroma_percent": Decimal(36)}
    enter_outcome(living.patient("S-00"), values=values, actor=None, reason="second look")
    rule(living, when_stale=False)
    assert due(living) is False
    rule(living, when_stale=True)
    assert due(living) is True


def test_another_threshold_of_response_is_due(living: Study) -> None:
    type(living.cohort).objects.update(mpr_threshold_percent=2)
    assert due(living) is True


def test_a_new_mask_of_a_known_patient_is_due(living: Study) -> None:
    old = Segmentation.objects.get(timepoint__patient__code="S-00", timepoint__kind="post")
    Segmentation.objects.filter(pk=old.pk).update(is_current=False)
    fields = {"name": "GTV-1", "kind": "rtstruct", "voxels": 200, "volume_mm3": 200.0, "mean_hu": 20.0}
    new = Segmentation.objects.create(
        timepoint=old.timepoint, series=old.series, version=2, mask_sha256="0" * 64, **fields
    )
    assert due(living) is True, "a patient less: it is not extracted yet"
    Job.objects.filter(state=Job.State.QUEUED).delete()
    store_values(new, responder=True, seed=4)
    assert due(living) is True


def test_features_of_a_known_patient_that_changed_are_due(living: Study) -> None:
    old = Segmentation.objects.get(timepoint__patient__code="S-00", timepoint__kind="post")
    store_values(old, responder=False, seed=77)
    assert due(living) is True


def test_another_training_centre_is_due(living: Study) -> None:
    type(living.cohort).objects.update(training_centre=living.cohort.centres.get(code="B"))
    assert due(living) is True


def test_a_cohort_that_cannot_be_trained_starts_nothing(living: Study) -> None:
    type(living.cohort).objects.update(training_centre=None)
    assert retrain_if_due(living.cohort.code, "quick") is False
    assert queued() == 0


# Once.


def test_two_schedulers_one_after_the_other_give_one_run(living: Study) -> None:
    rule(living, minimum_new_outcomes=1)
    enter_outcome(living.patient("S-39"), values=reading_of(False), actor=None)
    retrain_on_schedule(living.cohort.code, SMALL.name)
    retrain_on_schedule(living.cohort.code, SMALL.name)
    assert queued() == 1
    job = Job.objects.get(kind=Job.Kind.TRAINING, state=Job.State.QUEUED)
    claimed = jobs._claim(job.pk)
    assert claimed is not None, "a worker takes it, and is killed"
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    for _ in range(2):  # the message is delivered again, twice
        jobs.execute(job.pk, training.run)
    assert retrain_if_due(living.cohort.code, SMALL.name) is False, "a scheduler that comes late finds it done"
    assert list(TrainingRun.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert TrainingRun.objects.get(number=2).job == job
    assert set(ModelVersion.objects.filter(run__number=2).values_list("state", flat=True)) == {"challenger"}


def test_a_run_that_ends_while_a_scheduler_still_looks_is_not_repeated(
    living: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = schedule.why_due

    def look_slowly(*arguments: Any) -> str:
        reason = real(*arguments)
        challenge()  # meanwhile another scheduler's training came to its end
        return reason

    monkeypatch.setattr(schedule, "why_due", look_slowly)
    rule(living, minimum_new_outcomes=1)
    enter_outcome(living.patient("S-39"), values=reading_of(False), actor=None)
    assert due(living) is False
    assert queued() == 0


@pytest.mark.processes
def test_two_schedulers_at_the_same_moment_queue_one_run(tmp_path: Path) -> None:
    found = Installation(tmp_path).drive("tests.drivers.two_schedulers")
    assert sorted(found["started"]) == [False, True]
    assert found["jobs"] == 1


# The form.


def test_the_schedule_is_kept_with_its_rule(living: Study, client: Any) -> None:
    client.force_login(living.people["researcher"])
    url = reverse("modeling:schedule", args=[living.cohort.code])
    posted = {"enabled": "on", "weekday": "3", "hour": "4", "recipe": "quick"}
    numbers = {"minimum_new_outcomes": "25", "margin_auc": "0.02", "slope_low": "0.7", "slope_high": "1.4"}
    numbers |= {"oe_low": "0.7", "oe_high": "1.4", "minimum_patients": "100", "minimum_events": "30"}
    client.post(url, posted | numbers)
    task = scheduled(living.cohort)
    assert task is not None
    assert (task.enabled, task.crontab.day_of_week, task.crontab.hour) == (True, "3", "4")
    assert (task.task, task.args) == ("modeling.tasks.retrain_on_schedule", '["study", "quick"]')
    policy = policy_of(living.cohort)
    assert (policy.minimum_new_outcomes, policy.when_stale, policy.margin_auc) == (25, False, 0.02)
    assert schedule_values(living.cohort)["slope_high"] == 1.4
    changes = AuditEntry.objects.get(verb="set schedule").changes
    assert changes["margin_auc"] == [0.03, 0.02]
    assert policy.rule == Rule(0.02, (0.7, 1.4), (0.7, 1.4), 100, 30)
    assert "slope_low" in changes


def test_what_the_form_leaves_out_stays_and_what_is_wrong_changes_nothing(living: Study, client: Any) -> None:
    rule(living, minimum_new_outcomes=25)
    client.force_login(living.people["researcher"])
    url = reverse("modeling:schedule", args=[living.cohort.code])
    posted = {"enabled": "on", "weekday": "3", "hour": "4", "recipe": "quick"}
    client.post(url, posted)
    policy = policy_of(living.cohort)
    assert (policy.minimum_new_outcomes, policy.when_stale) == (25, True)
    for wrong in (
        {"weekday": "9"},
        {"slope_low": "2", "slope_high": "1"},
        {"oe_low": "1", "oe_high": "1"},
        {"margin_auc": "0"},
    ):
        client.post(url, posted | {"enabled": ""} | wrong)
        assert scheduled(living.cohort).enabled is True, wrong  # type: ignore[union-attr]
    set_schedule(living.cohort, enabled=False, weekday="*", hour=2, recipe_name="quick", actor=None)
    assert scheduled(living.cohort).enabled is False  # type: ignore[union-attr]
    assert AuditEntry.objects.filter(verb="set schedule").count() == 2

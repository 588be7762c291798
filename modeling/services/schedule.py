"""Retraining on schedule, through django-celery-beat: when it is due, and once however often it is asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from cohorts.selectors.locks import locked_patients
from imaging import storage
from imaging.selectors import habitat_vectors_by_segmentation
from modeling.core.table import FeatureTable
from modeling.models import RetrainingPolicy, TrainingRun
from modeling.selectors import policy_of, stale_readings
from modeling.services.snapshots import Case, feature_rows, gather, training_iqr_of
from modeling.services.training import enqueue_training

logger = logging.getLogger("ecotone.schedule")
_TASK = "modeling.tasks.retrain_on_schedule"
POLICY_FIELDS = (
    "minimum_new_outcomes",
    "locked_only",
    "when_stale",
    "margin_auc",
    "slope_low",
    "slope_high",
    "oe_low",
    "oe_high",
    "minimum_patients",
    "minimum_events",
)


def scheduled(cohort: Cohort) -> PeriodicTask | None:
    """Give a cohort's schedule."""
    return PeriodicTask.objects.filter(name=_name(cohort)).select_related("crontab").first()


def schedule_values(cohort: Cohort) -> dict[str, object]:
    """Give a cohort's schedule and rule as the values of their form."""
    policy = policy_of(cohort)
    values: dict[str, object] = {name: getattr(policy, name) for name in POLICY_FIELDS}
    task = scheduled(cohort)
    if task is None or task.crontab is None:
        return values
    hour, weekday = int(task.crontab.hour), task.crontab.day_of_week
    return values | {"enabled": task.enabled, "weekday": weekday, "hour": hour, "recipe": json.loads(task.args)[1]}


@transaction.atomic
def set_schedule(
    cohort: Cohort,
    *,
    enabled: bool,
    weekday: str,
    hour: int,
    recipe_name: str,
    actor: User | None,
    policy: Mapping[str, Any] | None = None,
) -> PeriodicTask:
    """Let a cohort retrain on one weekday (``*`` for every day) at an hour of the installation's time zone.

    ``policy`` changes fields of the cohort's `RetrainingPolicy`; those that it does not name stay.
    """
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute="0",
        hour=str(hour),
        day_of_week=weekday,
        day_of_month="*",
        month_of_year="*",
        timezone=settings.TIME_ZONE,
    )
    values = {
        "task": _TASK,
        "crontab": crontab,
        "enabled": enabled,
        "args": json.dumps([cohort.code, recipe_name]),
    }
    task, _ = PeriodicTask.objects.update_or_create(name=_name(cohort), defaults=values)
    changes: dict[str, tuple[Any, Any]] = {
        "schedule": (None, f"{'on' if enabled else 'off'}, weekday {weekday}, {hour}:00, {recipe_name}")
    }
    changes |= _set_policy(cohort, policy or {})
    audit.record("set schedule", cohort, actor=actor, cohort=cohort, changes=changes)
    return task


def _set_policy(cohort: Cohort, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    before = policy_of(cohort)
    changes = {name: (getattr(before, name), value) for name, value in values.items()}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if changes:
        RetrainingPolicy.objects.update_or_create(
            cohort=cohort, defaults={name: new for name, (_, new) in changes.items()}
        )
    return changes


def retrain_if_due(cohort_code: str, recipe_name: str) -> bool:
    """Queue a training run if one is due; two schedulers that ask at once queue one."""
    cohort = Cohort.objects.get(code=cohort_code)
    last = _last_run(cohort, recipe_name)
    # Looked at before the lock, because it reads files; what it rests on is looked at again under the lock.
    reason = why_due(cohort, last)
    if not reason:
        logger.info("Nothing new to learn in cohort %s.", cohort_code)
        return False
    try:
        with transaction.atomic():
            Cohort.objects.select_for_update().get(pk=cohort.pk)
            if _last_run(cohort, recipe_name) != last:
                return False
            job = enqueue_training(cohort, recipe_name=recipe_name, user=None)
            audit.record("started on schedule", job, actor=None, cohort=cohort, reason=reason[:200])
    except ServiceError as error:
        logger.info("No scheduled training in cohort %s: %s", cohort_code, error.message)
        return False
    return True


def why_due(cohort: Cohort, last: TrainingRun | None) -> str:
    """Say why a cohort should be trained again after its last run; empty when it should not."""
    if cohort.training_centre is None:
        return ""
    if last is None:
        return "No run of this recipe yet."
    policy = policy_of(cohort)
    if policy.when_stale and (stale := stale_readings(last)):
        if stale.threshold_changed:
            return "The MPR threshold changed."
        if stale.corrected:
            return f"{stale.corrected} readings of run {last.number} were corrected."
        if stale.withdrawn:
            return f"{stale.withdrawn} patients of run {last.number} withdrew their consent."
    cases = gather(cohort, last.snapshot.habitat_model.protocol).cases
    used = set(last.snapshot.outcomes.order_by("pk").values_list("pk", flat=True))
    # Only of patients who can be modelled: a reading that never enters a table would be new for ever.
    fresh = [case for case in cases if case.outcome is not None and case.outcome.pk not in used]
    locked = locked_patients(cohort) if policy.locked_only else frozenset()
    new = sum(case.patient.pk in locked for case in fresh) if policy.locked_only else len(fresh)
    if new >= policy.minimum_new_outcomes:
        return f"{new} {'locked ' if policy.locked_only else ''}outcomes since run {last.number}."
    return _what_changed(cohort, last, cases)


def _last_run(cohort: Cohort, recipe_name: str) -> TrainingRun | None:
    runs = TrainingRun.objects.filter(cohort=cohort, recipe_name=recipe_name).order_by("-number")
    return runs.select_related("cohort", "snapshot__habitat_model__protocol").first()


def _what_changed(cohort: Cohort, last: TrainingRun, cases: Sequence[Case]) -> str:
    """Tell whether masks, features or centres of the patients who were modelled are others now."""
    sha256, habitat_model = last.snapshot.sha256, last.snapshot.habitat_model
    table = FeatureTable.from_parquet(storage.get(sha256), sha256=sha256)
    known = [case for case in cases if case.code in table.X.index]
    if len(known) < len(table.X):
        return f"{len(table.X) - len(known)} patients of run {last.number} can no longer be modelled."
    if {cohort.training_centre.code} != set(table.centre[table.split != "external"]):  # type: ignore[union-attr]
        return "The training centre changed."
    vectors = habitat_vectors_by_segmentation(cohort, habitat_model)
    if any(segmentation.pk not in vectors for case in known for segmentation in case.segmentations.values()):
        return "A mask of a patient is new."
    rows = feature_rows(known, vectors, training_iqr=training_iqr_of(table)).loc[table.X.index]
    columns = table.X.columns.intersection(rows.columns)
    centres = {case.code: case.patient.centre.code for case in known}
    same = rows[columns].equals(table.X[columns]) and table.centre.to_dict() == centres
    return "" if same else "Features, clinical data or the centre of a patient changed."


def _name(cohort: Cohort) -> str:
    return f"Retrain {cohort.code}"

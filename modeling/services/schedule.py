"""Retraining on schedule, through django-celery-beat."""

from __future__ import annotations

import json
import logging

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from imaging import storage
from imaging.selectors import habitat_vectors_by_segmentation
from modeling.core.table import FeatureTable
from modeling.selectors import latest_run
from modeling.services.snapshots import gather, outcomes_of, splits_of, table_of
from modeling.services.training import enqueue_training

logger = logging.getLogger("ecotone.schedule")
_TASK = "modeling.tasks.retrain_on_schedule"


def scheduled(cohort: Cohort) -> PeriodicTask | None:
    """Give a cohort's schedule."""
    return PeriodicTask.objects.filter(name=_name(cohort)).select_related("crontab").first()


def schedule_values(cohort: Cohort) -> dict[str, object]:
    """Give a cohort's schedule as the values of its form; empty without one."""
    task = scheduled(cohort)
    if task is None or task.crontab is None:
        return {}
    hour, weekday = int(task.crontab.hour), task.crontab.day_of_week
    return {"enabled": task.enabled, "weekday": weekday, "hour": hour, "recipe": json.loads(task.args)[1]}


@transaction.atomic
def set_schedule(
    cohort: Cohort, *, enabled: bool, weekday: str, hour: int, recipe_name: str, actor: User | None
) -> PeriodicTask:
    """Let a cohort retrain on one weekday (``*`` for every day) at an hour of the installation's time zone."""
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
    changes = {"schedule": (None, f"{'on' if enabled else 'off'}, weekday {weekday}, {hour}:00, {recipe_name}")}
    audit.record("set schedule", cohort, actor=actor, cohort=cohort, changes=changes)
    return task


def retrain_if_changed(cohort_code: str, recipe_name: str) -> bool:
    """Queue a training run unless nothing changed since the last one, or one is under way."""
    cohort = Cohort.objects.get(code=cohort_code)
    try:
        if not _changed(cohort):
            logger.info("Nothing new to learn in cohort %s.", cohort_code)
            return False
        enqueue_training(cohort, recipe_name=recipe_name, user=None)
    except ServiceError as error:
        logger.info("No scheduled training in cohort %s: %s", cohort_code, error.message)
        return False
    return True


def _changed(cohort: Cohort) -> bool:
    """Tell whether the table that would be modelled now differs from the one that was modelled last."""
    last = latest_run(cohort)
    if last is None:
        return True
    sha256, habitat_model = last.snapshot.sha256, last.snapshot.habitat_model
    table = FeatureTable.from_parquet(storage.get(sha256), sha256=sha256)
    cases = gather(cohort, habitat_model.protocol).cases
    vectors = habitat_vectors_by_segmentation(cohort, habitat_model)
    if any(segmentation.pk not in vectors for case in cases for segmentation in case.segmentations.values()):
        return True  # a patient or a mask that no model has seen
    y = outcomes_of(cases, cohort)
    now = table_of(cases, vectors, y=y, split=splits_of(cases, y, cohort, seed=last.recipe["seed"]))
    parts = ("X", "y", "centre", "split")
    return not all(getattr(now, part).equals(getattr(table, part)) for part in parts)


def _name(cohort: Cohort) -> str:
    return f"Retrain {cohort.code}"

"""Background work of modelling."""

from celery import shared_task

from cohorts import jobs
from modeling.services import prediction, schedule, training


@shared_task
def train(job_id: int) -> None:
    """Fit, evaluate and register models."""
    jobs.execute(job_id, training.run)


@shared_task
def predict(job_id: int) -> None:
    """Predict patients."""
    jobs.execute(job_id, prediction.run)


@shared_task
def retrain_on_schedule(cohort_code: str, recipe_name: str) -> None:
    """Queue a training run, if something changed since the last one."""
    schedule.retrain_if_changed(cohort_code, recipe_name)

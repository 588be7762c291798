"""Background work of modelling."""

from celery import shared_task

from cohorts import jobs
from modeling.services import prediction, schedule, table_analysis, training
from modeling.services.reports import writing


@shared_task
def train(job_id: int) -> None:
    """Fit, evaluate and register models."""
    jobs.execute(job_id, training.run)


@shared_task
def predict(job_id: int) -> None:
    """Predict patients."""
    jobs.execute(job_id, prediction.run)


@shared_task
def analyse_table(job_id: int) -> None:
    """Fit and test models on a table that a researcher brought."""
    jobs.execute(job_id, table_analysis.run)


@shared_task
def write_report(job_id: int) -> None:
    """Write reports of a run as HTML and PDF."""
    jobs.execute(job_id, writing.run)


@shared_task
def retrain_on_schedule(cohort_code: str, recipe_name: str) -> None:
    """Queue a training run, if one is due."""
    schedule.retrain_if_due(cohort_code, recipe_name)

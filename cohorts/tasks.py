"""Housekeeping that beat asks for."""

from celery import shared_task

from cohorts import jobs


@shared_task
def reap() -> int:
    """Bring back jobs whose worker died."""
    return jobs.reap()

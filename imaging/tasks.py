"""Background work on images."""

from celery import shared_task

from cohorts import jobs
from imaging.services import extraction, ingest


@shared_task
def import_images(job_id: int) -> None:
    """Import a folder or archive."""
    jobs.execute(job_id, ingest.run)


@shared_task
def extract(job_id: int) -> None:
    """Extract one case."""
    jobs.execute(job_id, extraction.run)

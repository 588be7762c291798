"""Background work on images."""

from celery import shared_task
from django.utils import timezone

from cohorts import jobs
from imaging.services import artefacts, extraction, ingest, registration, resumable, stability


@shared_task
def import_images(job_id: int) -> None:
    """Import a folder or archive."""
    jobs.execute(job_id, ingest.run)


@shared_task
def extract(job_id: int) -> None:
    """Extract one case."""
    jobs.execute(job_id, extraction.run)


@shared_task
def measure_stability(job_id: int) -> None:
    """Measure one case under perturbation."""
    jobs.execute(job_id, stability.run)


@shared_task
def register(job_id: int) -> None:
    """Register one patient's scans."""
    jobs.execute(job_id, registration.run)


@shared_task
def discard_forgotten_uploads() -> None:
    """Remove uploads that nobody finished."""
    resumable.discard_forgotten(now=timezone.now())


@shared_task
def remove_discarded_artefacts() -> int:
    """Remove stored bytes that no record needs any more."""
    return artefacts.sweep()

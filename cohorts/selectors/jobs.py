"""Reading background work."""

from __future__ import annotations

from django.db.models import Case, Count, QuerySet, When
from django.utils import timezone

from cohorts import heartbeat
from cohorts.access import Person, visible
from cohorts.models import Cohort, Job

#: What the list can be narrowed to.
STATES: dict[str, tuple[Job.State, ...]] = {
    "active": (Job.State.QUEUED, Job.State.RUNNING),
    "failed": (Job.State.FAILED, Job.State.CRASHED),
    "done": (Job.State.DONE,),
    "cancelled": (Job.State.CANCELLED,),
}


def jobs_for_list(cohort: Cohort, user: Person) -> QuerySet[Job]:
    """Give the jobs of a cohort that a person may see; cases stand under their batch."""
    return visible(Job.objects.filter(cohort=cohort, parent=None), user).select_related("created_by", "patient")


def count_states(jobs: QuerySet[Job]) -> dict[str, int]:
    """Count jobs by what the list can be narrowed to."""
    counted = dict(jobs.order_by().values_list("state").annotate(n=Count("pk")))
    return {name: sum(counted.get(state, 0) for state in states) for name, states in STATES.items()}


def active_job(cohort: Cohort, kind: str) -> Job | None:
    """Give the job of a kind that is not over, if there is one."""
    return Job.objects.filter(cohort=cohort, kind=kind).exclude(state__in=Job.TERMINAL).order_by("pk").first()


def job_cases(job: Job) -> QuerySet[Job]:
    """Give the cases of a batch, those that need attention first."""
    trouble = Case(When(state__in=[Job.State.FAILED, Job.State.CRASHED], then=0), default=1)
    return job.children.select_related("patient").order_by(trouble, "pk")


def someone_works() -> bool:
    """Return whether a worker gave a sign of life, or holds a job; known at once, without asking the broker."""
    held = Job.objects.filter(state=Job.State.RUNNING, lease_until__gt=timezone.now())
    return heartbeat.is_heard() or held.exists()

"""Whose day it is, and the piles on their desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from cohorts.access import Action, granted, memberships_of, within
from cohorts.core.agreement import Consensus
from cohorts.models import BlindedReading, Cohort, Membership, User
from cohorts.selectors.readings import consensus_by

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Task:
    """One thing that waits, with the page where it is mended."""

    label: str
    detail: str
    url: str
    cohort: Cohort


@dataclass(frozen=True)
class Pile:
    """Things of one kind that wait; ``tasks`` are the first of ``count``."""

    kind: str
    title: str
    lead: str
    count: int
    tasks: tuple[Task, ...]

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.count - len(self.tasks)


@dataclass(frozen=True)
class Desk:
    """A person, what they may do in each of their cohorts, and the day."""

    user: User
    memberships: tuple[Membership, ...]
    today: date
    limit: int

    def among(self, action: Action, *, without: Action | None = None) -> list[Membership]:
        """Give the memberships that allow an action, and not another one."""
        found = [(one, granted(one)) for one in self.memberships]
        return [one for one, actions in found if action in actions and without not in actions]

    def reach(self, queryset: QuerySet[M], action: Action, *, without: Action | None = None) -> QuerySet[M]:
        """Narrow a queryset to where the person may act."""
        return within(queryset, self.among(action, without=without))

    def overdue(self, days: Callable[[Cohort], int]) -> Q:
        """Match patients whose last dose lies further back than their cohort allows."""
        due = Q(pk__in=[])
        for cohort in {one.cohort for one in self.memberships}:
            due |= Q(cohort=cohort, last_dose_on__lt=self.today - timedelta(days=days(cohort)))
        return due

    @cached_property
    def consensus(self) -> dict[int, Consensus]:
        """Patient id → what the readings come to, in every cohort of the person that reads blind."""
        blind = {one.cohort_id: one.cohort for one in self.memberships if one.cohort.double_reading}
        rows = BlindedReading.objects.filter(patient__cohort__in=blind).order_by("patient", "slot")
        found: dict[int, tuple[Cohort, list[float]]] = {}
        for patient, cohort, value in rows.values_list("patient_id", "patient__cohort_id", "viable_percent"):
            found.setdefault(patient, (blind[cohort], []))[1].append(float(value))
        return {patient: consensus_by(cohort, values) for patient, (cohort, values) in found.items()}

    def pile(
        self, kind: str, title: str, lead: str, *, rows: QuerySet[M] | Sequence[M], task: Callable[[M], Task]
    ) -> Pile:
        """Count what waits, and give the first of it."""
        count = rows.count() if isinstance(rows, QuerySet) else len(rows)
        return Pile(kind, title, lead, count, tuple(task(row) for row in rows[: self.limit]))


def desk_of(user: User, *, limit: int) -> Desk:
    """Give a person's desk today."""
    return Desk(user, tuple(memberships_of(user)), timezone.localdate(), limit)

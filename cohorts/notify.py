"""Telling people what happened; each sees their own notices only."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from cohorts.models import Cohort, Notification, User


def tell(user: User, *, cohort: Cohort, text: str, url: str, is_trouble: bool = False) -> Notification:
    """Leave one sentence for one person, with the page that it is about."""
    return Notification.objects.create(
        user=user, cohort=cohort, text=text[:300], url=url[:300], is_trouble=is_trouble
    )


def tell_all(users: Iterable[User], *, cohort: Cohort, text: str, url: str, is_trouble: bool = False) -> None:
    """Leave the same sentence for several people."""
    notices = [
        Notification(user=user, cohort=cohort, text=text[:300], url=url[:300], is_trouble=is_trouble)
        for user in users
    ]
    Notification.objects.bulk_create(notices)


def notices_of(user: User) -> QuerySet[Notification]:
    """Give a person's notices, newest first."""
    return Notification.objects.filter(user=user).select_related("cohort")


def mark_read(notices: QuerySet[Notification]) -> int:
    """Note that a person has seen notices; gives how many were new."""
    return notices.filter(read_at=None).update(read_at=timezone.now())

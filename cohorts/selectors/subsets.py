"""Reading named selections of patients."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from cohorts.access import Person, visible
from cohorts.models import Cohort, Subset


def subsets_for(user: Person) -> QuerySet[Subset]:
    """Give the subsets that a person may see: their own and those that others share."""
    mine = Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[])
    return visible(Subset.objects.all(), user).filter(mine | Q(is_shared=True))


def subsets_of(cohort: Cohort, user: Person) -> QuerySet[Subset]:
    """Give the subsets of a cohort that a person may see, by name."""
    return subsets_for(user).filter(cohort=cohort).select_related("owner", "cohort").order_by("name", "pk")

"""Keeping the filters of the address bar under a name."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Subset, User
from cohorts.selectors.filters import PatientFilters


def save_subset(cohort: Cohort, *, name: str, filters: PatientFilters, is_shared: bool, actor: User) -> Subset:
    """Keep filters under a name; one's own subset of that name is changed.

    Raises
    ------
    ServiceError
        ``empty_subset`` without filters, ``subset_exists`` if somebody else has a subset of this name.
    """
    if not filters:
        raise ServiceError("empty_subset", _("Nothing is filtered, so there is nothing to keep."))
    slug = slugify(name, allow_unicode=True)[:60] or "subset"
    values = {"name": name, "filters": filters.values(), "is_shared": is_shared}
    with transaction.atomic():
        Cohort.objects.select_for_update().get(pk=cohort.pk)  # two people who take one name come one after the other
        old = Subset.objects.filter(cohort=cohort, slug=slug).first()
        if old and old.owner_id != actor.pk:
            raise ServiceError("subset_exists", _("Somebody else has a subset of this name."))
        subset, is_new = Subset.objects.update_or_create(
            cohort=cohort, slug=slug, defaults={**values, "owner": actor}
        )
        changes = audit.differences(old, subset, values)
        if is_new or changes:
            audit.record("created" if is_new else "changed", subset, actor=actor, cohort=cohort, changes=changes)
    return subset


def delete_subset(subset: Subset, *, actor: User) -> None:
    """Forget a subset; the patients stay."""
    with transaction.atomic():
        changes = {"name": (subset.name, None), "filters": (subset.filters, None)}
        audit.record("deleted", subset, actor=actor, cohort=subset.cohort, changes=changes)
        subset.delete()

"""Changing how a cohort works: double reading, due days, the MPR line; its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Centre, Cohort, Membership, Role, User
from cohorts.services.cohorts import set_membership
from cohorts.services.locks import require_cohort_unlocked

SETTING_FIELDS: Sequence[str] = (
    "name",
    "description",
    "training_centre",
    "mpr_threshold_percent",
    "double_reading",
    "reading_margin_points",
    "post_scan_due_days",
    "pathology_due_days",
)


@transaction.atomic
def update_settings(cohort: Cohort, *, values: dict[str, Any], actor: User | None) -> Cohort:
    """Change a cohort's settings; the MPR line of a locked cohort stays, because its records were signed under it.

    Raises
    ------
    ServiceError
        ``locked``, if the cohort is.
    """
    old = Cohort.objects.select_for_update().get(pk=cohort.pk)
    require_cohort_unlocked(old)
    new = Cohort.objects.get(pk=cohort.pk)
    for name, value in values.items():
        if name not in SETTING_FIELDS:
            raise ValueError(f"{name} is not a setting")
        setattr(new, name, value)
    new.full_clean()
    changes = audit.differences(old, new, SETTING_FIELDS)
    if changes:
        new.save()
        audit.record("changed", new, actor=actor, cohort=new, changes=changes)
    return new


@transaction.atomic
def change_role(membership: Membership, *, role: str, centre: Centre | None, actor: User | None) -> Membership:
    """Give a member another role or centre.

    Raises
    ------
    ServiceError
        If nobody would be left to manage the cohort.
    """
    Cohort.objects.select_for_update().get(pk=membership.cohort_id)
    if role != Role.ADMINISTRATOR or centre is not None:
        require_another_administrator(Membership.objects.get(pk=membership.pk))
    return set_membership(membership.user, cohort=membership.cohort, role=role, centre=centre, actor=actor)


@transaction.atomic
def remove_member(membership: Membership, *, actor: User | None) -> None:
    """Take a person's role in a cohort away; what they did stays in the history.

    Raises
    ------
    ServiceError
        If nobody would be left to manage the cohort.
    """
    Cohort.objects.select_for_update().get(pk=membership.cohort_id)
    require_another_administrator(membership)
    changes: dict[str, tuple[object, object]] = {
        "member": (membership.user, None),
        "role": (membership.role, None),
        "centre": (membership.centre, None),
    }
    audit.record("removed role", membership, actor=actor, cohort=membership.cohort, changes=changes)
    membership.delete()


def require_another_administrator(membership: Membership) -> None:
    """Refuse to go on where this is the last administrator of all centres.

    Raises
    ------
    ServiceError
        ``last_administrator``.
    """
    if membership.role != Role.ADMINISTRATOR or membership.centre_id:
        return
    others = Membership.objects.filter(cohort=membership.cohort, role=Role.ADMINISTRATOR, centre=None)
    if not others.exclude(pk=membership.pk).exists():
        raise ServiceError("last_administrator", _("The cohort needs an administrator of all its centres."))

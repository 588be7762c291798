"""Creating cohorts and saying who works in them."""

from __future__ import annotations

from django.db import transaction

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Centre, Cohort, Membership, Role, User
from cohorts.models.cohort import RESERVED_CODES

#: Patients whose hospital is not known yet; they take part in no model until it is.
UNASSIGNED_CENTRE = "unassigned"


@transaction.atomic
def create_cohort(
    code: str,
    *,
    name: str,
    centres: dict[str, str],
    actor: User | None,
    description: str = "",
    is_synthetic: bool = False,
) -> Cohort:
    """Create a cohort with its centres (code → name); the first centre is where models learn.

    The creator becomes its administrator.
    """
    if code in RESERVED_CODES:
        raise ServiceError("reserved_code", f"“{code}” is an address of the site.")
    cohort = Cohort.objects.create(code=code, name=name, description=description, is_synthetic=is_synthetic)
    made = [Centre.objects.create(cohort=cohort, code=c, name=n) for c, n in centres.items()]
    if made:
        cohort.training_centre = made[0]
        cohort.save(update_fields=["training_centre"])
    audit.record("created", cohort, actor=actor, cohort=cohort, changes={"code": (None, code), "name": (None, name)})
    if actor is not None:
        set_membership(actor, cohort=cohort, role=Role.ADMINISTRATOR, centre=None, actor=actor)
    return cohort


@transaction.atomic
def set_membership(user: User, *, cohort: Cohort, role: str, centre: Centre | None, actor: User | None) -> Membership:
    """Give a person a role in a cohort, at one centre or (None) at all of them."""
    old = Membership.objects.filter(user=user, cohort=cohort).first()
    membership, _ = Membership.objects.update_or_create(
        user=user, cohort=cohort, defaults={"role": role, "centre": centre}
    )
    changes = audit.differences(old, membership, ["role", "centre"])
    if changes:
        audit.record("set role", membership, actor=actor, cohort=cohort, changes=changes)
    return membership


@transaction.atomic
def centre_for(cohort: Cohort, code: str | None) -> Centre:
    """Give the centre of a new patient: the one named, the only one, or 'not assigned'."""
    if code:
        return Centre.objects.get(cohort=cohort, code=code)
    centres = list(cohort.centres.exclude(code=UNASSIGNED_CENTRE).order_by("pk")[:2])
    if len(centres) == 1:
        return centres[0]
    centre, _ = Centre.objects.get_or_create(
        cohort=cohort, code=UNASSIGNED_CENTRE, defaults={"name": "Not assigned yet"}
    )
    return centre

"""Who may see and do what. The only place that decides.

Every record names its path to its cohort (``cohort_path``) and, where it belongs to one centre, to that
centre (``centre_path``). `visible` narrows a queryset, `fetch` gives one record: 404 where the person may not
know that it exists, 403 where they see it but may not act on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.shortcuts import get_object_or_404

from cohorts.models import Cohort, Membership, Role, User

M = TypeVar("M", bound=Model)
Person = User | AnonymousUser


class Action(StrEnum):
    """What can be done in a cohort."""

    VIEW = "view"
    VIEW_PREDICTIONS = "view_predictions"
    EDIT_PATIENT = "edit_patient"
    ENTER_OUTCOME = "enter_outcome"
    READ_BLINDED = "read_blinded"
    ASK = "ask"
    ANSWER = "answer"
    LOCK = "lock"
    LOCK_COHORT = "lock_cohort"
    IMPORT_IMAGES = "import_images"
    TAKE_BACK = "take_back"
    WITHDRAW = "withdraw"
    CONTOUR = "contour"
    RUN_EXTRACTION = "run_extraction"
    TRAIN = "train"
    EXPORT = "export"
    MANAGE = "manage"
    CONFIGURE = "configure"


#: Coordinators and readers enter pathology, so they stay blind to predictions.
PERMISSIONS: dict[str, frozenset[Action]] = {
    Role.COORDINATOR: frozenset(
        {
            Action.VIEW,
            Action.EDIT_PATIENT,
            Action.ENTER_OUTCOME,
            Action.ANSWER,
            Action.IMPORT_IMAGES,
            Action.CONTOUR,
        }
    ),
    Role.READER: frozenset({Action.VIEW, Action.ENTER_OUTCOME}),
    Role.RESEARCHER: frozenset(
        {
            Action.VIEW,
            Action.VIEW_PREDICTIONS,
            Action.IMPORT_IMAGES,
            Action.CONTOUR,
            Action.RUN_EXTRACTION,
            Action.TRAIN,
            Action.EXPORT,
        }
    ),
    Role.DATA_MANAGER: frozenset(
        {
            Action.VIEW,
            Action.EDIT_PATIENT,
            Action.ENTER_OUTCOME,
            Action.ASK,
            Action.ANSWER,
            Action.LOCK,
            Action.LOCK_COHORT,
            Action.IMPORT_IMAGES,
            Action.TAKE_BACK,
            Action.WITHDRAW,
            Action.CONTOUR,
            Action.RUN_EXTRACTION,
            Action.EXPORT,
        }
    ),
    # Who sees predictions and readings cannot read blind.
    Role.ADMINISTRATOR: frozenset(Action) - {Action.READ_BLINDED},
}
#: Where readings are blind, a reader sees nothing but what waits to be read.
BLINDED_READER = frozenset({Action.READ_BLINDED})

#: What concerns every centre of a cohort is not for members of one.
OF_EVERY_CENTRE = frozenset({Action.CONFIGURE, Action.LOCK_COHORT})


def granted(membership: Membership) -> frozenset[Action]:
    """Give what a membership allows in its cohort."""
    if membership.role == Role.READER and membership.cohort.double_reading:
        return BLINDED_READER
    actions = PERMISSIONS[membership.role]
    return actions - OF_EVERY_CENTRE if membership.centre_id else actions


def visible(queryset: QuerySet[M], user: Person) -> QuerySet[M]:
    """Narrow a queryset to what a person may see."""
    return within(queryset, memberships_of(user))


def memberships_of(user: Person) -> list[Membership]:
    """Give a person's memberships, each with its cohort."""
    if not user.is_authenticated:
        return []
    return list(Membership.objects.filter(user=user).select_related("cohort", "centre").order_by("pk"))


def within(queryset: QuerySet[M], memberships: Iterable[Membership]) -> QuerySet[M]:
    """Narrow a queryset to what some memberships reach."""
    cohort_path: str = queryset.model.cohort_path  # type: ignore[attr-defined]
    centre_path: str = getattr(queryset.model, "centre_path", "")
    condition = Q(pk__in=[])
    for membership in memberships:
        own = Q(**{cohort_path or "pk": membership.cohort_id})
        if membership.centre_id and centre_path:
            own &= Q(**{centre_path: membership.centre_id})
        condition |= own
    return queryset.filter(condition)


def fetch(model: type[M] | QuerySet[M], user: Person, action: Action, **lookup: Any) -> M:
    """Give one record on which a person wants to act.

    Raises
    ------
    Http404
        If it does not exist or the person may not see it.
    PermissionDenied
        If they see it but may not do this.
    """
    queryset = model if isinstance(model, QuerySet) else model._default_manager.all()
    record = get_object_or_404(visible(queryset, user), **lookup)
    if not allowed(user, action, cohort_of(record)):
        raise PermissionDenied
    return record


def allowed(user: Person, action: Action, cohort: Cohort) -> bool:
    """Tell whether a person's role in a cohort includes an action."""
    membership = membership_in(user, cohort)
    return membership is not None and action in granted(membership)


def membership_in(user: Person, cohort: Cohort) -> Membership | None:
    """Give a person's membership in a cohort."""
    if not user.is_authenticated:
        return None
    return Membership.objects.filter(user=user, cohort=cohort).select_related("centre", "cohort").first()


def actions_in(user: Person, cohort: Cohort) -> frozenset[Action]:
    """Give everything a person may do in a cohort, for templates that show or hide controls."""
    membership = membership_in(user, cohort)
    return granted(membership) if membership else frozenset()


def cohort_of(record: Model) -> Cohort:
    """Follow a record's path to its cohort."""
    target: Any = record
    path: str = record.cohort_path  # type: ignore[attr-defined]
    for step in filter(None, path.split("__")):
        target = getattr(target, step)
    return target  # type: ignore[no-any-return]

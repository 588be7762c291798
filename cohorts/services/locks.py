"""Locking records and cohorts with an electronic signature; nothing else does."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Cohort, Patient, Query, RecordLock, User
from cohorts.selectors.locks import cohort_lock_of, digest_of, lock_of

#: So many wrong passwords within the pause close the signature to a person until it is over.
ATTEMPTS = 5
PAUSE = timedelta(minutes=15)
_REFUSED = "refused signature"


def require_unlocked(patient: Patient) -> None:
    """Refuse to go on where a signature keeps a record as it is.

    Within a transaction the patient's row is held, so that nobody can lock the record before the change is stored.

    Raises
    ------
    ServiceError
        ``locked``, with who locked it and when.
    """
    if transaction.get_connection().in_atomic_block:
        Patient.objects.select_for_update().get(pk=patient.pk)
    if lock := lock_of(patient):
        raise refusal_of(lock)


def require_cohort_unlocked(cohort: Cohort) -> None:
    """Refuse to add a patient to a cohort that a signature keeps as it is.

    Raises
    ------
    ServiceError
        ``locked``, with who locked it and when.
    """
    if lock := cohort_lock_of(cohort):
        raise refusal_of(lock)


def refusal_of(lock: RecordLock) -> ServiceError:
    """Give the error with which a lock refuses a change, naming who signed and when."""
    when = formats.date_format(timezone.localtime(lock.signed_at), "j M Y, H:i")
    words = {"person": lock.signed_by.get_full_name() or lock.signed_by.username, "when": when}
    if lock.patient:
        sentence = _("The record of %(code)s is locked: %(person)s signed it on %(when)s.")
        return ServiceError("locked", sentence % (words | {"code": lock.patient.code}))
    return ServiceError("locked", _("The whole cohort is locked: %(person)s signed it on %(when)s.") % words)


def lock_record(patient: Patient, *, meaning: str, actor: User, password: str) -> RecordLock:
    """Sign a patient's record and lock it.

    Raises
    ------
    ServiceError
        If the password is wrong, the record is locked already, or a query on it is not closed.
    """
    _sign(patient, actor=actor, password=password, cohort=patient.cohort, patient=patient)
    with transaction.atomic():
        require_unlocked(patient)
        _require_no_query(Query.objects.filter(patient=patient))
        return _lock(patient.cohort, patient, meaning=meaning, actor=actor)


def lock_cohort(cohort: Cohort, *, meaning: str, actor: User, password: str) -> RecordLock:
    """Sign every record of a cohort at once and lock it.

    Raises
    ------
    ServiceError
        If the password is wrong, the cohort is locked already, or a query in it is not closed.
    """
    _sign(cohort, actor=actor, password=password, cohort=cohort)
    with transaction.atomic():
        # Whoever adds a patient holds the cohort's row, and whoever changes a record holds its own: the signature
        # waits until they are done.
        Cohort.objects.select_for_update().get(pk=cohort.pk)
        list(Patient.objects.select_for_update().filter(cohort=cohort).order_by("pk").values_list("pk"))
        require_cohort_unlocked(cohort)
        _require_no_query(Query.objects.filter(patient__cohort=cohort))
        return _lock(cohort, None, meaning=meaning, actor=actor)


def unlock(lock: RecordLock, *, reason: str, actor: User, password: str) -> RecordLock:
    """Open a lock again, for a reason; the signature stays in the list.

    Raises
    ------
    ServiceError
        If the password is wrong or the lock is open already.
    """
    _sign(lock, actor=actor, password=password, cohort=lock.cohort, patient=lock.patient)
    with transaction.atomic():
        held = RecordLock.objects.select_for_update().get(pk=lock.pk)
        if held.unlocked_at:
            raise ServiceError("not_locked", _("The lock was opened meanwhile."))
        held.unlocked_by, held.unlocked_at, held.unlock_reason = actor, timezone.now(), reason
        held.save()
        target = lock.patient or lock.cohort
        changes: dict[str, tuple[object, object]] = {"locked": (True, False)}
        audit.record(
            "unlocked", target, actor=actor, cohort=lock.cohort, patient=lock.patient, changes=changes, reason=reason
        )
    return held


def _lock(cohort: Cohort, patient: Patient | None, *, meaning: str, actor: User) -> RecordLock:
    target = patient or cohort
    lock = RecordLock.objects.create(
        cohort=cohort, patient=patient, meaning=meaning, content_sha256=digest_of(target), signed_by=actor
    )
    changes: dict[str, tuple[object, object]] = {
        "locked": (False, True),
        "meaning": (None, str(RecordLock.Meaning(meaning).label)),
        "content_sha256": (None, lock.content_sha256),
    }
    audit.record("locked", target, actor=actor, cohort=cohort, patient=patient, changes=changes)
    return lock


def _require_no_query(queries: QuerySet[Query]) -> None:
    if waiting := queries.exclude(state=Query.State.CLOSED).count():
        raise ServiceError(
            "open_queries",
            ngettext("%(n)s query is not closed.", "%(n)s queries are not closed.", waiting) % {"n": waiting},
        )


def _sign(target: Model, *, actor: User, password: str, cohort: Cohort, patient: Patient | None = None) -> None:
    """Ask for the password again; what is refused is written to the history, and too much of it closes the way."""
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=actor.pk)  # guesses made at once count one after the other
        refused = AuditEntry.objects.filter(actor=person, verb=_REFUSED, at__gt=timezone.now() - PAUSE).count()
        is_right = refused < ATTEMPTS and person.check_password(password)
        if refused < ATTEMPTS and not is_right:
            audit.record(_REFUSED, target, actor=person, cohort=cohort, patient=patient)
    if refused >= ATTEMPTS:
        minutes = int(PAUSE.total_seconds() // 60)
        raise ServiceError(
            "too_many_attempts", _("Too many wrong passwords. Try again in %(n)s minutes.") % {"n": minutes}
        )
    if not is_right:
        raise ServiceError("wrong_password", _("This is not your password. Nothing was signed."))

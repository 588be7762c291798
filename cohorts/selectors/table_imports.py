"""Reading what a table is compared with, in a fixed number of queries, and the tables that a person brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from cohorts.access import Action, Person, actions_in, membership_in, visible
from cohorts.core.agreement import Consensus
from cohorts.core.cells import spelling
from cohorts.models import Centre, Cohort, PathologyOutcome, Patient, RecordLock, TableImport, User
from cohorts.selectors.readings import consensus_in


@dataclass(frozen=True)
class Known:
    """What a person, or (without one) a command, may write to, and what is there."""

    cohort: Cohort
    patients: Mapping[str, Patient]
    #: Codes of patients whom the person may not see.
    hidden_codes: frozenset[str]
    outcomes: Mapping[int, PathologyOutcome]
    centres: tuple[Centre, ...]
    #: Patient → what their blinded readings come to, where there is one.
    consensus: Mapping[int, Consensus]
    locks: Mapping[int | None, RecordLock]
    may_edit_patients: bool
    may_enter_outcomes: bool

    def lock_of(self, patient: Patient | None) -> RecordLock | None:
        """Give the lock that keeps a record, or (without one) that keeps new ones out."""
        own = self.locks.get(patient.pk) if patient else None
        return own or self.locks.get(None)

    def centre_named(self, text: str) -> Centre:
        """Give the centre with a code or a name.

        Raises
        ------
        ValidationError
            If the person cannot choose one that is called so.
        """
        wanted = spelling(text)
        for centre in self.centres:
            if wanted in {spelling(centre.code), spelling(centre.name)}:
                return centre
        words = {"centre": text, "there": ", ".join(centre.code for centre in self.centres)}
        raise ValidationError(_("“%(centre)s” is no centre that you can choose; there is: %(there)s.") % words)


def known_in(cohort: Cohort, user: User | None) -> Known:
    """Give what a table of a cohort is compared with: of every patient, or of those that a person may see."""
    of_cohort = Patient.objects.filter(cohort=cohort)
    seen = of_cohort if user is None else visible(of_cohort, user)
    patients = list(seen.select_related("centre").prefetch_related("timepoints"))
    for patient in patients:
        patient.cohort = cohort
    by_id = {patient.pk: patient for patient in patients}
    outcomes = PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True)
    actions = frozenset(Action) if user is None else actions_in(user, cohort)
    return Known(
        cohort,
        patients={patient.code: patient for patient in patients},
        hidden_codes=frozenset(of_cohort.order_by("pk").values_list("code", flat=True)) - {p.code for p in patients},
        outcomes={o.patient_id: _of_patient(o, by_id[o.patient_id]) for o in outcomes if o.patient_id in by_id},
        centres=tuple(_centres(cohort, user)),
        consensus=consensus_in(cohort) if cohort.double_reading else {},
        locks={lock.patient_id: lock for lock in _locks(cohort)},
        may_edit_patients=Action.EDIT_PATIENT in actions,
        may_enter_outcomes=Action.ENTER_OUTCOME in actions,
    )


def _of_patient(outcome: PathologyOutcome, patient: Patient) -> PathologyOutcome:
    outcome.patient = patient
    return outcome


def _centres(cohort: Cohort, user: User | None) -> QuerySet[Centre]:
    member = membership_in(user, cohort) if user else None
    centres = cohort.centres.all()
    return centres.filter(pk=member.centre_id) if member and member.centre_id else centres


def _locks(cohort: Cohort) -> QuerySet[RecordLock]:
    return RecordLock.objects.filter(cohort=cohort, unlocked_at=None).select_related("signed_by", "patient")


def tables_of(cohort: Cohort, user: Person) -> QuerySet[TableImport]:
    """Give the tables that a person brought to a cohort, newest first; nobody sees another person's."""
    return visible(TableImport.objects.filter(cohort=cohort), user).filter(created_by=user.pk)


def last_written(cohort: Cohort) -> TableImport | None:
    """Give the table that a cohort took last, whose columns the next one is likely to have."""
    return TableImport.objects.filter(cohort=cohort, state=TableImport.State.WRITTEN).first()

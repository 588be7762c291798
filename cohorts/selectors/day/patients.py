"""What waits at patients: pathology, scans, readings, signatures."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cohorts.access import Action
from cohorts.core.agreement import Consensus, ReadingState, is_as_settled
from cohorts.models import PathologyOutcome, Patient, Query, Timepoint
from cohorts.selectors.day.desk import Desk, Pile, Task
from cohorts.selectors.locks import unlocked
from cohorts.selectors.readings import readable, unread_by

_READ = PathologyOutcome.objects.filter(patient=OuterRef("pk"), is_current=True)


def pathology_missing(desk: Desk) -> Pile:
    """Patients whose treatment ended long enough ago for their pathology to be due."""
    found = _open(desk, Action.ENTER_OUTCOME).filter(desk.overdue(lambda cohort: cohort.pathology_due_days))
    return desk.pile(
        "pathology",
        _("Pathology missing"),
        _("Treatment ended longer ago than the cohort allows, and no reading is entered."),
        rows=found.filter(~Exists(_READ)),
        task=lambda patient: _since_last_dose(desk, patient, "cohorts:outcome"),
    )


def scans_overdue(desk: Desk) -> Pile:
    """Patients whose CT after treatment should be here by now."""
    after = Timepoint.objects.filter(patient=OuterRef("pk"), kind=Timepoint.Kind.POST)
    found = _open(desk, Action.EDIT_PATIENT).filter(desk.overdue(lambda cohort: cohort.post_scan_due_days))
    return desk.pile(
        "scans",
        _("CT after treatment overdue"),
        _("Import the scan, or exclude the patient with the reason."),
        rows=found.filter(~Exists(after)),
        task=lambda patient: _since_last_dose(desk, patient, "cohorts:patient"),
    )


def lesions_to_choose(desk: Desk) -> Pile:
    """Timepoints whose scan has regions that could be the tumour, and nobody said which."""
    chosen = Timepoint.objects.filter(pk=OuterRef("pk"), segmentations__is_current=True)
    open_places = Timepoint.objects.filter(
        ~Exists(chosen), patient=OuterRef("pk"), segmentations__isnull=False, status=Timepoint.Status.EVALUABLE
    )
    return desk.pile(
        "lesions",
        _("Index lesions to choose"),
        _(
            "Several regions fit the tumour equally well, or none is named like one; nothing is computed until you choose."
        ),
        rows=_open(desk, Action.CONTOUR).filter(Exists(open_places)),
        task=lambda patient: _task(patient, patient.centre.name, "cohorts:patient"),
    )


def ready_to_lock(desk: Desk) -> Pile:
    """Complete records that nobody has signed yet."""
    of_kind = {kind: Timepoint.objects.filter(patient=OuterRef("pk"), kind=kind) for kind in Timepoint.Kind.values}
    asked = Query.objects.filter(patient=OuterRef("pk")).exclude(state=Query.State.CLOSED)
    found = _open(desk, Action.LOCK).filter(Exists(_READ), ~Exists(asked), *map(Exists, of_kind.values()))
    return desk.pile(
        "locks",
        _("Complete records to check and lock"),
        _("Both scans and the pathology are here, and no query is open."),
        rows=found,
        task=lambda patient: _task(patient, patient.centre.name, "cohorts:lock"),
    )


def readings(desk: Desk) -> Pile:
    """Patients that wait for this reader."""
    patients = unlocked(readable(desk.reach(Patient.objects.all(), Action.READ_BLINDED)))
    pks = unread_by(desk.user, patients, desk.consensus)
    shown = Patient.objects.select_related("cohort", "centre").in_bulk(pks[: desk.limit])
    return Pile(
        "readings",
        _("Tumours to read"),
        _("Blind: you see no other reading and no prediction."),
        len(pks),
        tuple(_task(shown[pk], shown[pk].centre.name, "cohorts:reading") for pk in pks[: desk.limit]),
    )


def to_adjudicate(desk: Desk) -> Pile:
    """Patients whose two readings differ, so that a third reader is wanted."""
    pks = [pk for pk, consensus in desk.consensus.items() if consensus.state == ReadingState.TO_ADJUDICATE]
    return desk.pile(
        "adjudication",
        _("Readings that differ"),
        _("A third reader, who has read neither, decides. See that the cohort has one."),
        rows=_open(desk, Action.ASK).filter(pk__in=pks),
        task=lambda patient: _task(patient, patient.centre.name, "cohorts:patient"),
    )


def to_settle(desk: Desk) -> Pile:
    """Patients whose entered pathology is not what the blinded readers settled on."""
    entered = PathologyOutcome.objects.filter(is_current=True, patient__cohort__double_reading=True)
    values = desk.reach(entered, Action.ENTER_OUTCOME).order_by("pk").values_list("patient_id", "viable_percent")
    settled = {pk: found for pk, found in desk.consensus.items() if found.is_settled}
    other = [pk for pk, value in values if pk in settled and not is_as_settled(float(value), settled[pk])]
    return desk.pile(
        "settling",
        _("Pathology to bring in line with the blinded readers"),
        _("They settled on another percentage than the one that is entered."),
        rows=_open(desk, Action.ENTER_OUTCOME).filter(pk__in=other),
        task=lambda patient: _task(patient, _settled_on(settled[patient.pk]), "cohorts:outcome"),
    )


def _settled_on(consensus: Consensus) -> str:
    return _("settled on %(value)g %%") % {"value": consensus.viable_percent}


def _open(desk: Desk, action: Action) -> QuerySet[Patient]:
    """Give the patients at whom something can still be done."""
    return _ordered(unlocked(desk.reach(Patient.objects.filter(exclusion=""), action)))


def _ordered(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    return patients.select_related("cohort", "centre").order_by("last_dose_on", "code", "pk")


def _task(patient: Patient, detail: str, page: str) -> Task:
    url = reverse(page, args=[patient.cohort.code, patient.code])
    return Task(patient.code, detail, url, patient.cohort)


def _since_last_dose(desk: Desk, patient: Patient, page: str) -> Task:
    days = (desk.today - patient.last_dose_on).days if patient.last_dose_on else 0
    words = ngettext("%(n)s day after the last dose", "%(n)s days after the last dose", days) % {"n": days}
    return _task(patient, words, page)


def piles(desk: Desk) -> Iterator[Pile]:
    """Give what waits at patients, the most pressing first."""
    for make in (
        readings,
        to_settle,
        pathology_missing,
        scans_overdue,
        lesions_to_choose,
        to_adjudicate,
        ready_to_lock,
    ):
        yield make(desk)

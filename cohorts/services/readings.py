"""Storing blinded readings; nothing else does."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from cohorts import audit
from cohorts.core.agreement import ReadingState
from cohorts.errors import ServiceError
from cohorts.models import BlindedReading, Patient, User
from cohorts.selectors.readings import consensus_of, readable
from cohorts.services.locks import require_unlocked

#: How far the readings are → the slot of the next one.
_NEXT = {
    ReadingState.NONE: BlindedReading.Slot.FIRST,
    ReadingState.ONE: BlindedReading.Slot.SECOND,
    ReadingState.TO_ADJUDICATE: BlindedReading.Slot.ADJUDICATION,
}


@transaction.atomic
def submit_reading(patient: Patient, *, viable_percent: Decimal, reader: User, comment: str = "") -> BlindedReading:
    """Store a reader's only reading of a patient; the first two fill their slots in the order of submission.

    Raises
    ------
    ServiceError
        If this person has read the patient already, or no reading is wanted any more.
    """
    # The row is held, so that two who submit at once fill two slots and never see each other.
    patient = Patient.objects.select_for_update(of=("self",)).select_related("cohort", "centre").get(pk=patient.pk)
    require_unlocked(patient)
    slot = _slot_for(patient, reader)
    reading = BlindedReading(
        patient=patient, reader=reader, slot=slot, viable_percent=viable_percent, comment=comment
    )
    reading.full_clean(validate_constraints=False)
    reading.save()
    # The value stays out of the history, which people see who must not know it before the readings are settled.
    changes: dict[str, tuple[object, object]] = {"slot": (None, str(reading.get_slot_display()))}
    audit.record("read blind", reading, actor=reader, cohort=patient.cohort, patient=patient, changes=changes)
    return reading


def _slot_for(patient: Patient, reader: User) -> BlindedReading.Slot:
    if patient.blinded_readings.filter(reader=reader).exists():
        raise ServiceError("reading_given", _("You have read this patient already; a reading is given once."))
    slot = _NEXT.get(consensus_of(patient).state)
    if slot is None or not readable(Patient.objects.filter(pk=patient.pk)).exists():
        raise ServiceError("reading_not_wanted", _("No reading of this patient is wanted any more."))
    return slot

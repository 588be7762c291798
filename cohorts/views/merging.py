"""Two people saved one record: what each of them made of it, field by field, and which of both is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cohorts.access import Action
from cohorts.core.errors import ContradictoryOutcome
from cohorts.core.merging import Conflict, conflicts
from cohorts.errors import ServiceError
from cohorts.forms.outcome import OutcomeForm
from cohorts.forms.patient import PatientForm
from cohorts.models import PathologyOutcome, Patient, User
from cohorts.selectors.history import last_change, outcome_texts, patient_texts, patient_texts_at, shown
from cohorts.selectors.patients import current_outcome
from cohorts.services.outcomes import OUTCOME_FIELDS, enter_outcome, with_totals
from cohorts.services.patients import CLINICAL_FIELDS, update_patient
from cohorts.views.fetching import centres_for_person, fetch_patient
from cohorts.wording import said

_SIDES = ("theirs", "yours")


@dataclass(frozen=True)
class Merge:
    """One record that two people changed: the form of the second, and what is stored by the first.

    ``opened`` counts the version that the second person began with, ``newest`` the one that is stored.
    """

    kind: str
    patient: Patient
    form: OutcomeForm | PatientForm
    opened: int
    newest: int
    stored: Model | None
    base: Mapping[str, str]
    theirs: Mapping[str, str]
    values: Mapping[str, Any]
    fields: Sequence[str]
    store: Callable[..., object]

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The fields on which both differ, in words."""
        yours = {name: shown(name, value) for name, value in self.values.items()}
        return conflicts(self.base, self.theirs, yours, fields=self.fields)

    @property
    def typed(self) -> list[tuple[str, str]]:
        """The fields as they were posted, to be posted again with the choices."""
        texts = {name: self.form[name].data for name in self.form.fields}
        left_out = {"reason", "base_version", "base_revision"}
        known = {name: text for name, text in texts.items() if name not in left_out and text not in (None, "", False)}
        return [(name, "on" if text is True else str(text)) for name, text in known.items()]


def merge_of_outcome(patient: Patient, form: OutcomeForm, *, opened: int) -> Merge:
    """Set a typed reading beside the one that is stored now."""
    current = current_outcome(patient)
    return Merge(
        kind="outcome",
        patient=patient,
        form=form,
        opened=opened,
        newest=current.version if current else 0,
        stored=current,
        base=outcome_texts(PathologyOutcome.objects.filter(patient=patient, version=opened).first()),
        theirs=outcome_texts(current),
        values=with_totals(form.values()),
        fields=OUTCOME_FIELDS,
        store=lambda values, base, **act: enter_outcome(patient, values=values, base_version=base, **act),
    )


def merge_of_patient(patient: Patient, form: PatientForm, *, opened: int) -> Merge:
    """Set typed clinical data beside those that are stored now."""
    stored = Patient.objects.select_related("cohort", "centre").get(pk=patient.pk)
    return Merge(
        kind="patient",
        patient=stored,
        form=form,
        opened=opened,
        newest=stored.revision,
        stored=stored,
        base=patient_texts_at(stored, opened),
        theirs=patient_texts(stored),
        values=form.values(),
        fields=CLINICAL_FIELDS,
        store=lambda values, base, **act: update_patient(stored, values=values, base_revision=base, **act),
    )


def merge_page(request: HttpRequest, merge: Merge, *, problem: str = "") -> HttpResponse:
    """Show both versions field by field, with the one suggested that alone was changed."""
    patient = merge.patient
    context = {
        "cohort": patient.cohort,
        "patient": patient,
        "merge": merge,
        "problem": problem,
        "reason": request.POST.get("reason", ""),
        "action": reverse(f"cohorts:{merge.kind}-merge", args=[patient.cohort.code, patient.code]),
        "theirs": last_change(patient, "pathologyoutcome" if merge.kind == "outcome" else "patient"),
    }
    return render(request, "cohorts/merge.html", context)


@require_POST
def outcome_merge(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Store a reading that was put together from two."""
    patient = fetch_patient(request, Action.ENTER_OUTCOME, cohort_code, patient_code)
    form = OutcomeForm(request.POST, instance=PathologyOutcome(patient=patient), is_correction=False)
    if not form.is_valid():
        return redirect("cohorts:outcome", cohort_code, patient_code)
    return _store(request, merge_of_outcome(patient, form, opened=_number(request, "opened")))


@require_POST
def patient_merge(request: HttpRequest, cohort_code: str, patient_code: str) -> HttpResponse:
    """Store clinical data that were put together from two."""
    patient = fetch_patient(request, Action.EDIT_PATIENT, cohort_code, patient_code)
    form = PatientForm(request.POST, instance=patient, centres=centres_for_person(request, patient.cohort))
    if not form.is_valid():
        return redirect("cohorts:patient-edit", cohort_code, patient_code)
    return _store(request, merge_of_patient(patient, form, opened=_number(request, "opened")))


def _store(request: HttpRequest, merge: Merge) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    kept = {conflict.field: request.POST.get(f"keep-{conflict.field}", "") for conflict in merge.conflicts}
    reason = request.POST.get("reason", "")[:200]
    if not reason or not set(kept.values()) <= set(_SIDES):
        return merge_page(request, merge, problem=_("Choose a version of every field, and say why."))
    theirs = {name: getattr(merge.stored, name) for name, side in kept.items() if side == "theirs"}
    try:
        values = {**merge.values, **theirs}
        merge.store(values, _number(request, "newest"), actor=request.user, reason=reason)
    except ContradictoryOutcome as error:
        return merge_page(request, merge, problem=" ".join(f"{said(f)} ({f.rule})" for f in error.findings))
    except ServiceError as error:
        return merge_page(request, merge, problem=error.message)
    messages.success(request, _("Both versions of %(patient)s are merged and saved.") % {"patient": merge.patient})
    return redirect(merge.patient)


def _number(request: HttpRequest, name: str) -> int:
    raw = request.POST.get(name, "")
    return int(raw) if raw.isdecimal() and len(raw) < 9 else 0

"""The demonstration: a synthetic cohort that takes the way of a user's own files."""

from __future__ import annotations

import json
import secrets
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from cohorts import jobs
from cohorts.models import Centre, Cohort, Job, PathologyOutcome, Patient, Query, Role, User
from cohorts.services.cohorts import create_cohort, set_membership
from cohorts.services.outcomes import OUTCOME_FIELDS, enter_outcome
from cohorts.services.patients import CLINICAL_FIELDS, create_patient
from cohorts.services.queries import open_query
from imaging.core.phantom import PatientTruth, plan_cohort, truth_document, write_patient
from imaging.models import Segmentation
from imaging.services.ingest import enqueue_import
from imaging.services.placing import ImportOptions

FIRST_CODE = "demo"
CENTRES = {"A": "Centre A (synthetic)", "B": "Centre B (synthetic)", "C": "Centre C (synthetic)"}
LOGINS = {
    "coordinator": Role.COORDINATOR,
    "reader": Role.READER,
    "researcher": Role.RESEARCHER,
    "data_manager": Role.DATA_MANAGER,
    "administrator": Role.ADMINISTRATOR,
}
#: Field → what the demonstration's data manager asks of it, one patient after the other.
QUERIES = {
    "pdl1_percent": "Which antibody was it measured with, and on which specimen?",
    "ypn": "The report lists the stations. Please enter them one by one.",
}
_TRUTH_FILE = "planted-truth.json"

Advance = Callable[[], None]


@dataclass(frozen=True)
class DemoPlan:
    """What the demonstration is made of, and where it lives."""

    code: str
    truths: Sequence[PatientTruth]
    seed: int

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return _folder() / self.code


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "demo"


def plan_demo(n_patients: int, *, seed: int) -> DemoPlan:
    """Plan the cohort of a size and seed: the one that is there, or a new one.

    The first of a data folder is called ``demo``; others carry their size and seed.
    """
    for record in sorted(_folder().glob(f"*/{_TRUTH_FILE}")):
        found = json.loads(record.read_text())
        if (found["seed"], len(found["patients"])) == (seed, n_patients):
            return DemoPlan(record.parent.name, plan_cohort(n_patients, seed=seed), seed)
    taken = (_folder() / FIRST_CODE / _TRUTH_FILE).exists()
    code = f"{FIRST_CODE}-{n_patients}-{seed}" if taken else FIRST_CODE
    return DemoPlan(code, plan_cohort(n_patients, seed=seed), seed)


def write_files(plan: DemoPlan, *, advance: Advance) -> None:
    """Write every patient that is not there yet as DICOM files, and the planted truth beside them."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    missing = [truth for truth in plan.truths if not _finished(plan, truth).exists()]
    for _ in range(len(plan.truths) - len(missing)):
        advance()
    (plan.folder / _TRUTH_FILE).write_text(json.dumps({"seed": plan.seed, **truth_document(plan.truths)}, indent=1))
    if not missing:
        return
    # Fresh processes, because a fork would inherit database connections; Ctrl-C is the parent's business.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"), initializer=signal.signal, initargs=ignore_interrupts
    ) as pool:
        waiting = {pool.submit(write_patient, truth, plan.folder / "dicom"): truth for truth in missing}
        try:
            for done in as_completed(waiting):
                done.result()
                _finished(plan, waiting[done]).touch()
                advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _finished(plan: DemoPlan, truth: PatientTruth) -> Path:
    return plan.folder / "dicom" / truth.code / "complete"


@transaction.atomic
def ensure_people_and_cohort(plan: DemoPlan) -> Cohort:
    """Give the demo cohort, with a person of each role, whose passwords are made once."""
    cohort = Cohort.objects.filter(code=plan.code).first() or create_cohort(
        plan.code,
        name=f"Synthetic demonstration, {len(plan.truths)} patients",
        centres=CENTRES,
        actor=None,
        is_synthetic=True,
        description="Computer-generated chests with a planted response. No real patient is in it.",
    )
    for name, password in logins().items():
        user, created = User.objects.get_or_create(username=name)
        if created:
            user.set_password(password)
            user.save()
        set_membership(user, cohort=cohort, role=LOGINS[name], centre=None, actor=None)
    return cohort


def logins() -> dict[str, str]:
    """Give user name → password; made on first use and kept in a private file of the data folder."""
    file = settings.DATA_DIR / "demo" / "logins.json"
    found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if missing := [name for name in LOGINS if name not in found]:
        found |= {name: secrets.token_urlsafe(9) for name in missing}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps(found))
    return found


def enter_clinical_data(plan: DemoPlan, cohort: Cohort, *, advance: Advance) -> None:
    """Enter each patient's clinical data, as a coordinator would."""
    actor = User.objects.get(username="coordinator")
    centres = {centre.code: centre for centre in Centre.objects.filter(cohort=cohort)}
    present = set(Patient.objects.filter(cohort=cohort).values_list("code", flat=True))
    for truth in plan.truths:
        if truth.code not in present:
            clinical = {
                name: getattr(truth.clinical, name) for name in CLINICAL_FIELDS if hasattr(truth.clinical, name)
            }
            create_patient(cohort, code=truth.code, centre=centres[truth.centre], actor=actor, clinical=clinical)
        advance()


def enter_outcomes(plan: DemoPlan, cohort: Cohort, *, advance: Advance) -> None:
    """Enter each patient's pathology, as a coordinator would."""
    actor = User.objects.get(username="coordinator")
    read = set(PathologyOutcome.objects.filter(patient__cohort=cohort).values_list("patient__code", flat=True))
    patients = Patient.objects.filter(cohort=cohort).select_related("cohort", "centre")
    by_code = {patient.code: patient for patient in patients}
    for truth in plan.truths:
        if truth.code not in read:
            enter_outcome(by_code[truth.code], values=_reading(truth), actor=actor)
        advance()


def _reading(truth: PatientTruth) -> dict[str, Any]:
    dates = {"surgery_on": truth.clinical.surgery_on, "signed_off_on": truth.clinical.signed_off_on}
    fields = [field for field in PathologyOutcome._meta.concrete_fields if field.name in OUTCOME_FIELDS]
    values = {field.name: None if field.null else field.get_default() for field in fields}
    planted = {name: getattr(truth.pathology, name) for name in OUTCOME_FIELDS if hasattr(truth.pathology, name)}
    return values | planted | dates


@transaction.atomic
def ask_queries(plan: DemoPlan, cohort: Cohort) -> None:
    """Ask about a field of the first patients, as a data manager would, so that a coordinator's day is not empty."""
    if Query.objects.filter(patient__cohort=cohort).exists():
        return
    actor = User.objects.get(username="data_manager")
    patients = {patient.code: patient for patient in Patient.objects.filter(cohort=cohort).select_related("cohort")}
    for truth, (field, text) in zip(plan.truths, QUERIES.items(), strict=False):
        open_query(patients[truth.code], field=field, text=text, actor=actor)


def enqueue_imports(plan: DemoPlan, cohort: Cohort) -> Job | None:
    """Queue the import of each patient's folder; None where all are in."""
    imported = set(
        Segmentation.objects.filter(timepoint__patient__cohort=cohort, timepoint__kind="post").values_list(
            "timepoint__patient__code", flat=True
        )
    )
    missing = [truth for truth in plan.truths if truth.code not in imported]
    if not missing:
        return None
    actor = User.objects.get(username="coordinator")
    with transaction.atomic():
        batch = jobs.open_batch(Job.Kind.IMPORT_BATCH, cohort=cohort, user=actor, total=len(missing))
        for truth in missing:
            folder = plan.folder / "dicom" / truth.code
            enqueue_import(cohort, path=folder, options=ImportOptions(), user=actor, parent=batch)
    return batch

"""Which patients are modelled, and the table of their features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cohorts.core.response import is_mpr
from cohorts.errors import ServiceError
from cohorts.models import Cohort, PathologyOutcome, Patient, Timepoint
from cohorts.services.cohorts import UNASSIGNED_CENTRE
from imaging.core.delta import delta
from imaging.core.features import FeatureVector
from imaging.core.habitats import Codebook
from imaging.models import ExtractionProtocol, Segmentation
from imaging.selectors import location_of, pairs, supervoxel_digests, whole_tumour_vectors
from imaging.services import habitats
from imaging.services.habitats import Labelled
from modeling.core.table import FeatureTable, assign_splits

PRE, POST = Timepoint.Kind.PRE, Timepoint.Kind.POST


@dataclass(frozen=True, eq=False)
class Case:
    """One patient with everything that a model may use."""

    patient: Patient
    outcome: PathologyOutcome | None
    segmentations: Mapping[str, Segmentation]
    whole_tumour: Mapping[str, FeatureVector]
    supervoxels: Mapping[str, str]

    @property
    def code(self) -> str:
        """The patient's pseudonym."""
        return self.patient.code


@dataclass(frozen=True, eq=False)
class Gathered:
    """Cases that can be modelled, and the patients left out with the reason."""

    cases: tuple[Case, ...]
    excluded: tuple[dict[str, str], ...]


def gather(cohort: Cohort, protocol: ExtractionProtocol, *, needs_outcome: bool = True) -> Gathered:
    """Collect the cases of a cohort, ordered by code."""
    found = pairs(cohort)
    vectors = whole_tumour_vectors(cohort, protocol)
    digests = supervoxel_digests(cohort, protocol)
    outcomes = {o.patient_id: o for o in PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True)}
    cases: list[Case] = []
    excluded: list[dict[str, str]] = []
    patients = Patient.objects.filter(cohort=cohort).select_related("centre", "cohort").prefetch_related("timepoints")
    for patient in patients.order_by("code"):
        pair = found.get(patient, {})
        outcome = outcomes.get(patient.pk)
        if outcome is not None:
            outcome.patient = patient
        whole = {kind: vectors[s.pk] for kind, s in pair.items() if s.pk in vectors}
        parts = {kind: digests[s.pk] for kind, s in pair.items() if s.pk in digests}
        case = Case(patient, outcome, pair, whole, parts)
        if reason := _why_not(case, needs_outcome=needs_outcome):
            excluded.append({"patient": patient.code, "reason": reason})
        else:
            cases.append(case)
    return Gathered(tuple(cases), tuple(excluded))


def _why_not(case: Case, *, needs_outcome: bool) -> str:
    if case.patient.centre.code == UNASSIGNED_CENTRE:
        return "The centre is not assigned yet."
    if needs_outcome and case.outcome is None:
        return "No pathology outcome is entered."
    marked = {t.kind for t in case.patient.timepoints.all() if t.status == Timepoint.Status.NOT_EVALUABLE}
    for kind, label in ((PRE, "pre-treatment"), (POST, "post-treatment")):
        if kind in marked:
            return f"The {label} CT is marked as not evaluable."
        if kind not in case.segmentations:
            return f"There is no {label} CT with a tumour mask."
        if kind not in case.whole_tumour or kind not in case.supervoxels:
            return f"The {label} CT has not been extracted, or its extraction failed."
    return ""


def outcomes_of(cases: Sequence[Case], cohort: Cohort) -> pd.Series[int]:
    """Give 1 for a major pathological response, 0 otherwise, by patient code."""
    threshold = float(cohort.mpr_threshold_percent)
    values = {c.code: int(is_mpr(c.outcome.reading, threshold_percent=threshold)) for c in cases if c.outcome}
    return pd.Series(values).astype(int)


def splits_of(cases: Sequence[Case], y: pd.Series[int], cohort: Cohort, *, seed: int) -> pd.Series[str]:
    """Divide cases into training, internal test and external."""
    if cohort.training_centre is None:
        raise ServiceError("no_training_centre", "The cohort has no training centre.")
    codes = [case.code for case in cases]
    centres = [case.patient.centre.code for case in cases]
    if cohort.training_centre.code not in centres:
        name = cohort.training_centre.name
        raise ServiceError("too_few_patients", f"The training centre, {name}, has no patient who can be modelled.")
    return assign_splits(codes, y.loc[codes], centres, training_centre=cohort.training_centre.code, seed=seed)


def label_cases(
    cases: Sequence[Case], codebook: Codebook, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[int, Labelled]:
    """Label both scans of every case; gives segmentation id → habitats."""
    scans = [(case.segmentations[kind].pk, sha256) for case in cases for kind, sha256 in case.supervoxels.items()]
    labelled = {}
    for done, (pk, sha256) in enumerate(scans, start=1):
        labelled[pk] = habitats.label(sha256, codebook)
        on_progress(done, len(scans))
    return labelled


def feature_rows(cases: Sequence[Case], habitats: Mapping[int, FeatureVector]) -> pd.DataFrame:
    """Give the columns of every view, one row per case; ``habitats`` is by segmentation id."""
    rows = {case.code: _row(case, habitats) for case in cases}
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float)


def table_of(
    cases: Sequence[Case], habitats: Mapping[int, FeatureVector], *, y: pd.Series[int], split: pd.Series[str]
) -> FeatureTable:
    """Give the table that models are fitted and evaluated on."""
    X = feature_rows(cases, habitats)
    centre = pd.Series({case.code: case.patient.centre.code for case in cases}, dtype=str)
    return FeatureTable(X=X, y=y.loc[X.index], centre=centre.loc[X.index], split=split.loc[X.index])


def _row(case: Case, habitats: Mapping[int, FeatureVector]) -> dict[str, float]:
    maps = {kind: habitats[case.segmentations[kind].pk] for kind in (PRE, POST)}
    row: dict[str, float] = {}
    for group, vectors in (("whole_tumour", case.whole_tumour), ("habitat", maps)):
        timepoints = {"pre": vectors[PRE], "post": vectors[POST], "delta": delta(vectors[PRE], vectors[POST])}
        for time, vector in timepoints.items():
            row |= {f"{group}|{time}|{name}": value for name, value in vector.as_dict().items()}
    return row | _clinical(case.patient)


def _clinical(patient: Patient) -> dict[str, float]:
    nan = float("nan")
    stage = patient.clinical_stage.upper()
    number = (
        3.0 if stage.startswith("III") else 2.0 if stage.startswith("II") else 1.0 if stage.startswith("I") else nan
    )
    location = location_of(patient)
    return {
        "clinical|age_years": nan if patient.age_years is None else float(patient.age_years),
        "clinical|male": float(patient.sex == Patient.Sex.MALE) if patient.sex else nan,
        "clinical|ever_smoker": float(patient.smoking != Patient.Smoking.NEVER) if patient.smoking else nan,
        "clinical|squamous": float(patient.histology == Patient.Histology.SQUAMOUS) if patient.histology else nan,
        "clinical|stage": number,
        "clinical|pdl1_percent": nan if patient.pdl1_percent is None else float(patient.pdl1_percent),
        "clinical|central": float(location.zone == Patient.Location.CENTRAL) if location.zone else nan,
        "clinical|cycles": nan if patient.cycles is None else float(patient.cycles),
        # No view looks at a source; it tells what the frozen value rests on: 1 the CT, 0 a person.
        "source|central_measured": float(location.source == "measured") if location.source else nan,
    }

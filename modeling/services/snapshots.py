"""Which patients are modelled, and the table of their features."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from cohorts.core.agreement import UNREAD, Consensus
from cohorts.core.response import is_mpr
from cohorts.errors import ServiceError
from cohorts.models import Cohort, PathologyOutcome, Patient, Timepoint
from cohorts.selectors.readings import consensus_in, settled
from cohorts.services.cohorts import UNASSIGNED_CENTRE
from imaging.core.features import FeatureVector
from imaging.core.habitats import Codebook
from imaging.models import ExtractionProtocol, Segmentation, TumourLocation
from imaging.selectors import (
    PatientLocation,
    location_of,
    measured_locations_in,
    pairs,
    supervoxel_digests,
    whole_tumour_vectors,
)
from imaging.services import habitats
from imaging.services.habitats import Labelled
from modeling.core.study import spectrum
from modeling.core.table import FeatureTable, assign_splits
from modeling.services.columns import image_columns, interquartile_ranges, transition_columns
from modeling.services.facts import clinical_columns, facts_of_patient

PRE, POST = Timepoint.Kind.PRE, Timepoint.Kind.POST


@dataclass(frozen=True, eq=False)
class Case:
    """One patient with everything that a model may use."""

    patient: Patient
    outcome: PathologyOutcome | None
    segmentations: Mapping[str, Segmentation]
    whole_tumour: Mapping[str, FeatureVector]
    supervoxels: Mapping[str, str]
    located: Mapping[str, TumourLocation] | None = None
    consensus: Consensus = UNREAD

    @property
    def code(self) -> str:
        """The patient's pseudonym."""
        return self.patient.code

    @cached_property
    def location(self) -> PatientLocation:
        """Where the tumour is; costs a query unless the cohort's measurements were read at once."""
        return location_of(self.patient, self.located)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Cases that can be modelled, and the patients left out with the reason."""

    cases: tuple[Case, ...]
    excluded: tuple[dict[str, str], ...]
    #: Kind of patient (`modeling.core.study.spectrum.KINDS`) → the response of each who was left out.
    left_out: Mapping[str, Sequence[bool | None]]


def gather(cohort: Cohort, protocol: ExtractionProtocol, *, needs_outcome: bool = True) -> Gathered:
    """Collect the cases of a cohort, ordered by code."""
    found = pairs(cohort)
    vectors = whole_tumour_vectors(cohort, protocol)
    digests = supervoxel_digests(cohort, protocol)
    located = measured_locations_in(cohort)
    outcomes = {o.patient_id: o for o in PathologyOutcome.objects.filter(patient__cohort=cohort, is_current=True)}
    consensus = consensus_in(cohort) if cohort.double_reading else {}
    cases: list[Case] = []
    excluded: list[dict[str, str]] = []
    left_out: dict[str, list[bool | None]] = {}
    patients = Patient.objects.filter(cohort=cohort).select_related("centre", "cohort").prefetch_related("timepoints")
    for patient in patients.order_by("code"):
        pair = found.get(patient, {})
        outcome = outcomes.get(patient.pk)
        if outcome is not None:
            outcome.patient = patient
        whole = {kind: vectors[s.pk] for kind, s in pair.items() if s.pk in vectors}
        parts = {kind: digests[s.pk] for kind, s in pair.items() if s.pk in digests}
        read = consensus.get(patient.pk, UNREAD)
        case = Case(patient, outcome, pair, whole, parts, located.get(patient.pk, {}), read)
        if reason := _why_not(case, needs_outcome=needs_outcome):
            excluded.append({"patient": patient.code, "reason": reason})
            left_out.setdefault(_kind_of_left_out(case), []).append(_known_response(case))
        else:
            cases.append(case)
    return Gathered(tuple(cases), tuple(excluded), left_out)


_NOT_OPERATED = frozenset(
    {
        Patient.Exclusion.NO_SURGERY,
        Patient.Exclusion.UNRESECTABLE,
        Patient.Exclusion.PROGRESSION,
        Patient.Exclusion.DIED,
    }
)


def _kind_of_left_out(case: Case) -> str:
    """Return which part of the spectrum a patient who was left out belongs to.

    What the CT showed goes before a missing outcome: a tumour that is gone says more of a patient than that nobody
    entered the pathology yet.
    """
    patient = case.patient
    if patient.exclusion:
        return spectrum.NOT_OPERATED if patient.exclusion in _NOT_OPERATED else spectrum.OTHER
    marked = {t.kind for t in patient.timepoints.all() if t.status == Timepoint.Status.NOT_EVALUABLE}
    if POST not in case.segmentations and patient.radiological_response == Patient.RadiologicalResponse.COMPLETE:
        return spectrum.COMPLETE_RESPONSE
    if POST in marked:
        return spectrum.POST_NOT_EVALUABLE
    if PRE in marked:
        return spectrum.PRE_NOT_EVALUABLE
    if patient.centre.code == UNASSIGNED_CENTRE:
        return spectrum.OTHER
    if any(kind not in case.whole_tumour or kind not in case.supervoxels for kind in (PRE, POST)):
        return spectrum.NO_FEATURES
    return spectrum.NO_PATHOLOGY if case.outcome is None else spectrum.NOT_SETTLED


def _known_response(case: Case) -> bool | None:
    """Return whether a patient had MPR; None where no outcome counts: none is entered, or its readings are open."""
    cohort = case.patient.cohort
    if case.outcome is None or (cohort.double_reading and not settled(case.outcome, case.consensus)):
        return None
    return is_mpr(case.outcome.reading, threshold_percent=float(cohort.mpr_threshold_percent))


def _why_not(case: Case, *, needs_outcome: bool) -> str:
    if case.patient.centre.code == UNASSIGNED_CENTRE:
        return "The centre is not assigned yet."
    if needs_outcome and (reason := _why_no_outcome(case)):
        return reason
    marked = {t.kind for t in case.patient.timepoints.all() if t.status == Timepoint.Status.NOT_EVALUABLE}
    for kind, label in ((PRE, "pre-treatment"), (POST, "post-treatment")):
        if kind in marked:
            return f"The {label} CT is marked as not evaluable."
        if kind not in case.segmentations:
            return f"There is no {label} CT with a tumour mask."
        if kind not in case.whole_tumour or kind not in case.supervoxels:
            return f"The {label} CT has not been extracted, or its extraction failed."
    return ""


def _why_no_outcome(case: Case) -> str:
    if case.patient.exclusion:
        why = str(case.patient.get_exclusion_display())
        return f"The patient is excluded: {why[0].lower()}{why[1:]}."
    if case.outcome is None:
        return "No pathology outcome is entered."
    if not case.patient.cohort.double_reading or settled(case.outcome, case.consensus):
        return ""
    if case.consensus.is_settled:
        return "The pathology entered is not what the blinded readers settled on."
    return "The blinded readings are not settled."


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


def feature_rows(
    cases: Sequence[Case],
    habitats: Mapping[int, FeatureVector],
    *,
    transitions: Mapping[int, FeatureVector] | None = None,
    training_iqr: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Give the columns of every view, one row per case.

    Parameters
    ----------
    habitats : mapping of int to FeatureVector
        By segmentation id.
    transitions : mapping of int to FeatureVector, optional
        By id of the segmentation after treatment; a case that is not among them has NaN.
    training_iqr : mapping of str to float, optional
        What `training_iqr_of` gives of the table that the models were trained on: a relative change from less than
        a millionth of it is undefined.
    """
    followed = transitions or {}
    rows = {case.code: _row(case, habitats, followed, training_iqr) for case in cases}
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float)


def table_of(
    cases: Sequence[Case],
    habitats: Mapping[int, FeatureVector],
    *,
    y: pd.Series[int],
    split: pd.Series[str],
    transitions: Mapping[int, FeatureVector] | None = None,
) -> FeatureTable:
    """Give the table that models are fitted and evaluated on.

    The floor under relative changes is that of the whole training split, in folds of it as well: it knows no
    outcome, and decides only whether a baseline counts as zero.
    """
    training = [case.whole_tumour[PRE] for case in cases if split[case.code] == "training"]
    X = feature_rows(cases, habitats, transitions=transitions, training_iqr=_spread(training))
    centre = pd.Series({case.code: case.patient.centre.code for case in cases}, dtype=str)
    parts = (X, y.loc[X.index], centre.loc[X.index], split.loc[X.index], facts_of(cases).loc[X.index])
    return FeatureTable(*parts)


def facts_of(cases: Sequence[Case]) -> pd.DataFrame:
    """Give what is known of each case and never modelled, by patient code."""
    rows = {
        case.code: facts_of_patient(
            case.patient,
            case.outcome,
            series={kind: segmentation.series for kind, segmentation in case.segmentations.items()},
            zone=case.location.zone,
        )
        for case in cases
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def training_iqr_of(table: FeatureTable) -> dict[str, float]:
    """Give the interquartile range of every whole-tumour feature before treatment over the training patients.

    It is what the changes in this table were computed with, so a prediction by its models needs it, too.
    """
    start = f"whole_tumour|{PRE}|"
    chosen = table.of_split("training").X.filter(regex=f"^{re.escape(start)}")
    return interquartile_ranges([str(name).removeprefix(start) for name in chosen], chosen.to_numpy())


def _spread(vectors: Sequence[FeatureVector]) -> dict[str, float]:
    return interquartile_ranges(vectors[0].names, np.stack([one.values for one in vectors])) if vectors else {}


def _row(
    case: Case,
    habitats: Mapping[int, FeatureVector],
    transitions: Mapping[int, FeatureVector],
    training_iqr: Mapping[str, float] | None,
) -> dict[str, float]:
    pre, post = (habitats[case.segmentations[kind].pk] for kind in (PRE, POST))
    row = image_columns("whole_tumour", case.whole_tumour[PRE], case.whole_tumour[POST], training_iqr=training_iqr)
    row |= image_columns("habitat", pre, post)
    if followed := transitions.get(case.segmentations[POST].pk):
        row |= transition_columns(followed)
    return row | clinical_columns(case.patient, case.location)

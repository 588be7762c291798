"""Reading runs, models and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from cohorts.access import Person, visible
from cohorts.core.response import is_mpr
from cohorts.models import AuditEntry, BlindedReading, Cohort, OutcomeDraft, PathologyOutcome, Patient, Timepoint
from imaging.models import HabitatMap, Segmentation
from imaging.selectors import habitat_maps
from modeling.core.conclusion import Conclusion, Evidence, conclude
from modeling.core.prospective import Known, Timing, timing_of
from modeling.core.views import PRIMARY_MODEL
from modeling.models import (
    Evaluation,
    ModelVersion,
    Prediction,
    Promotion,
    RetrainingPolicy,
    TableSnapshot,
    TrainingRun,
)


def latest_run(cohort: Cohort) -> TrainingRun | None:
    """Give the run made last."""
    return runs_for_list(cohort).first()


def runs_for_list(cohort: Cohort) -> QuerySet[TrainingRun]:
    """Give the runs of a cohort, newest first, with their models and evaluations."""
    runs = TrainingRun.objects.filter(cohort=cohort).select_related("cohort", "snapshot__habitat_model", "started_by")
    return runs.prefetch_related("model_versions__evaluations").order_by("-number")


def versions_in_use(cohort: Cohort) -> list[ModelVersion]:
    """Return the champion of each name, or its candidate where nobody promoted a version."""
    used = ModelVersion.objects.filter(cohort=cohort, state__in=ModelVersion.IN_USE)
    return list(used.select_related("run__snapshot__habitat_model__protocol").order_by("pk"))


def versions_to_follow(cohort: Cohort) -> list[ModelVersion]:
    """Return the versions in use and every one that was champion before, the primary model and the newest first."""
    used = ModelVersion.objects.filter(cohort=cohort).filter(
        Q(state__in=ModelVersion.IN_USE) | Q(promotions__isnull=False)
    )
    return sorted(used.distinct(), key=lambda v: (v.name != PRIMARY_MODEL, v.name, -v.version))


def champion_run(cohort: Cohort) -> TrainingRun | None:
    """Return the run of the primary model in use: its habitats are the ones that pages show."""
    used = ModelVersion.objects.filter(cohort=cohort, state__in=ModelVersion.IN_USE, name=PRIMARY_MODEL)
    found = used.select_related("run__snapshot__habitat_model").first()
    return found.run if found else latest_run(cohort)


def pooled(version: ModelVersion, split: str) -> Evaluation | None:
    """Give a version's evaluation on all centres of a split together."""
    return next((e for e in version.evaluations.all() if e.split == split and not e.centre), None)


def predictions_of(patient: Patient) -> list[Prediction]:
    """Give everything that models said of a patient, newest first."""
    rows = Prediction.objects.filter(patient=patient).select_related("model_version__run")
    return list(rows.order_by("-created_at", "-pk"))


def current_predictions(predictions: list[Prediction]) -> list[Prediction]:
    """Return the newest prediction of each model in use, the primary model first."""
    newest: dict[int, Prediction] = {}
    for prediction in predictions:
        if prediction.model_version.state in ModelVersion.IN_USE:
            newest.setdefault(prediction.model_version_id, prediction)
    return sorted(newest.values(), key=lambda p: (p.model_version.name != PRIMARY_MODEL, p.model_version.name))


@dataclass(frozen=True)
class Estimate:
    """A prediction with the evidence on its model, and what may be said of the patient in a word."""

    prediction: Prediction
    evidence: Evidence | None

    @property
    def conclusion(self) -> Conclusion:
        """The word for the patient."""
        conformal = self.prediction.uncertainty.get("conformal")
        return conclude(conformal["set"] if conformal else None, self.evidence)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Ends of the interval of the probability; none of a model that was not shown to do better than chance."""
        low, high = self.prediction.low, self.prediction.high
        shown = self.evidence is not None and self.evidence.above_chance and low is not None and high is not None
        return (low, high) if shown else None  # type: ignore[return-value]  # neither is None where shown


def estimates_of(predictions: Sequence[Prediction]) -> list[Estimate]:
    """Return predictions with the evidence on their models, in their order."""
    evidence = {
        version.pk: evidence_on(version)
        for version in ModelVersion.objects.filter(pk__in={one.model_version_id for one in predictions})
        .select_related("run")
        .prefetch_related("evaluations")
        .order_by("pk")
    }
    return [Estimate(one, evidence[one.model_version_id]) for one in predictions]


def evidence_on(version: ModelVersion) -> Evidence | None:
    """Return how a version did on external patients, or, before it was tested there, in nested cross-validation."""
    external = pooled(version, Evaluation.Split.EXTERNAL)
    found = external or pooled(version, Evaluation.Split.NESTED_CV)
    if found is None:
        return None
    looks = external_looks(version) if external else 0
    return Evidence(found.split, found.auc, found.auc_low, found.auc_high, found.n, found.events, looks)


def masks_changed_since(prediction: Prediction) -> bool:
    """Return whether the masks that a prediction was made from are no longer those that count."""
    patient = prediction.patient
    counting = Segmentation.objects.filter(timepoint__patient=patient, is_current=True).order_by("pk")
    keys = [str(pk) for pk in counting.values_list("pk", flat=True)]
    later = AuditEntry.objects.filter(patient=patient, object_type="segmentation", at__gt=prediction.created_at)
    return (
        len(keys) < len(Timepoint.Kind)
        or later.filter(Q(verb__in=("drew", "chose")) | Q(verb="imported", object_id__in=keys)).exists()
    )


@dataclass(frozen=True)
class SimilarPatient:
    """A training patient who resembles another; who it is stays out where the reader may not know."""

    patient: Patient | None
    is_mpr: bool
    distance: float
    maps: Mapping[str, HabitatMap]


def similar_patients(prediction: Prediction, user: Person) -> list[SimilarPatient]:
    """Give the training patients that resemble the patient of a prediction, nearest first."""
    codes = [row["patient"] for row in prediction.similar]
    patients = Patient.objects.filter(cohort=prediction.model_version.cohort_id, code__in=codes)
    shown = {one.code: one for one in visible(patients.select_related("cohort"), user)}
    model = prediction.model_version.run.snapshot.habitat_model
    return [
        SimilarPatient(
            patient=(patient := shown.get(row["patient"])),
            is_mpr=bool(row["outcome"]),
            distance=row["distance"],
            maps=habitat_maps(patient, model) if patient else {},
        )
        for row in prediction.similar
    ]


def champion_of(cohort: Cohort, name: str) -> ModelVersion | None:
    """Return the version of a name that a person made champion; None while there are only candidates."""
    return ModelVersion.objects.filter(cohort=cohort, name=name, state=ModelVersion.State.CHAMPION).first()


def first_champion_of(cohort: Cohort, name: str) -> ModelVersion | None:
    """Return the version of a name that was promoted first: what every challenger is compared with."""
    first = Promotion.objects.filter(cohort=cohort, name=name).order_by("promoted_at", "pk")
    found = first.select_related("version__run__snapshot").first()
    return found.version if found else None


def known_of(patients: Iterable[int]) -> dict[int, Known]:
    """Return patient → the earliest days and moments from which the response could be known.

    Every version of the outcome counts, every blinded reading, and drafts that nobody saved.
    """
    found = {patient: Known() for patient in patients}
    outcomes = PathologyOutcome.objects.filter(patient__in=found).values("patient").order_by("patient")
    dates = outcomes.annotate(
        operated=Min("surgery_on"), signed=Min("signed_off_on"), entered=Min("entered_at")
    ).values_list("patient", "operated", "signed", "entered")
    for patient, operated, signed, entered in dates:
        found[patient] = Known(operated, signed, None, entered)
    blinded = BlindedReading.objects.filter(patient__in=found).values_list("patient", "read_at")
    drafts = OutcomeDraft.objects.filter(patient__in=found).values_list("patient", "updated_at")
    for patient, moment in (*blinded.order_by("pk"), *drafts.order_by("pk")):
        earlier = found[patient].read_at
        found[patient] = replace(found[patient], read_at=min(earlier or moment, moment))
    return found


def champion_on(cohort: Cohort, name: str, moment: datetime) -> Promotion | None:
    """Give the promotion that made the champion of a moment; its version was in use then."""
    return promotions_of(cohort).filter(name=name, promoted_at__lte=moment).first()


def timing_at(moment: datetime, known: Known) -> Timing:
    """Return the timing of a prediction; days of surgery and sign-off are those of the installation's time zone."""
    return timing_of(timezone.localtime(moment, timezone.get_default_timezone()), known)


def external_looks(version: ModelVersion) -> int:
    """Return how often the external centres on which a version was tested had been opened, this look included.

    The most that any of these centres was opened counts; 0 where nobody opened them for the version's run.
    """
    return version.run.openings.aggregate(most=Max("number"))["most"] or 0


def promotions_of(cohort: Cohort) -> QuerySet[Promotion]:
    """Give every change of champion, newest first."""
    found = Promotion.objects.filter(cohort=cohort)
    return found.select_related("version__run", "replaced", "promoted_by").order_by("-promoted_at", "-pk")


def policy_of(cohort: Cohort) -> RetrainingPolicy:
    """Give a cohort's rule for retraining and promotion; the defaults where nobody set one."""
    return RetrainingPolicy.objects.filter(cohort=cohort).first() or RetrainingPolicy(cohort=cohort)


@dataclass(frozen=True)
class StaleReading:
    """A reading that a run learned from and that was corrected since."""

    used: PathologyOutcome
    now: PathologyOutcome | None
    used_mpr: bool
    now_mpr: bool | None

    @property
    def changes_class(self) -> bool:
        """Whether the patient would be learned as the other class now."""
        return self.used_mpr != self.now_mpr


@dataclass(frozen=True)
class Staleness:
    """Why the models of a run rest on what is no longer true; false when they do not."""

    readings: tuple[StaleReading, ...]
    threshold_used_percent: float
    threshold_now_percent: float
    hidden: int = 0
    masks_changed: int = 0
    withdrawn: int = 0

    def __bool__(self) -> bool:
        return self.corrected > 0 or self.threshold_changed or self.masks_changed > 0 or self.withdrawn > 0

    @property
    def threshold_changed(self) -> bool:
        """Whether the cohort calls another share of viable tumour a major response now."""
        return self.threshold_used_percent != self.threshold_now_percent

    @property
    def corrected(self) -> int:
        """How many readings were corrected."""
        return len(self.readings) + self.hidden

    def for_patients(self, patients: Set[int]) -> Staleness:
        """Name only these patients (primary keys); the others are counted."""
        kept = tuple(reading for reading in self.readings if reading.used.patient_id in patients)
        return replace(self, readings=kept, hidden=self.hidden + len(self.readings) - len(kept))


def stale_readings(version_or_run: ModelVersion | TrainingRun, *, user: Person | None = None) -> Staleness:
    """Give what makes a run stale; with a user, only patients whom that person may see are named."""
    run = version_or_run.run if isinstance(version_or_run, ModelVersion) else version_or_run
    return stale_runs(run.cohort, user=user)[run.pk]


def stale_versions(cohort: Cohort, *, user: Person | None = None) -> dict[int, Staleness]:
    """Give model version → what makes it stale, of every version of a cohort that is."""
    runs = stale_runs(cohort, user=user)
    versions = ModelVersion.objects.filter(cohort=cohort).order_by("pk").values_list("pk", "run_id")
    return {pk: runs[run] for pk, run in versions if runs[run]}


def stale_runs(cohort: Cohort, *, user: Person | None = None) -> dict[int, Staleness]:
    """Give run → what makes its models stale, of every run of a cohort.

    Nothing of it is stored, so it is true at once; as many queries for a hundred runs as for one.
    """
    uses = TableSnapshot.outcomes.through.objects.filter(
        tablesnapshot__cohort=cohort, pathologyoutcome__is_current=False
    ).select_related("pathologyoutcome__patient")
    corrected: dict[int, list[PathologyOutcome]] = {}
    for use in uses.order_by("pathologyoutcome__patient__code"):
        corrected.setdefault(use.tablesnapshot_id, []).append(use.pathologyoutcome)
    patients = {outcome.patient_id for outcomes in corrected.values() for outcome in outcomes}
    current = {
        outcome.patient_id: outcome
        for outcome in PathologyOutcome.objects.filter(patient__in=patients, is_current=True).select_related(
            "patient"
        )
    }
    counting = Count("snapshot__segmentations", filter=Q(snapshot__segmentations__is_current=True))
    of_cohort = TrainingRun.objects.filter(cohort=cohort).select_related("snapshot")
    runs = of_cohort.annotate(masks_counting=counting).order_by("pk")
    found = {run.pk: _staleness(run, cohort, corrected.get(run.snapshot_id, []), current) for run in runs}
    if user is None:
        return found
    shown = set(visible(Patient.objects.filter(pk__in=patients), user).order_by("pk").values_list("pk", flat=True))
    return {pk: staleness.for_patients(shown) for pk, staleness in found.items()}


def _staleness(
    run: TrainingRun, cohort: Cohort, corrected: list[PathologyOutcome], current: dict[int, PathologyOutcome]
) -> Staleness:
    then, now = float(run.snapshot.mpr_threshold_percent), float(cohort.mpr_threshold_percent)
    readings = []
    for used in corrected:
        newest = current.get(used.patient_id)
        mpr = None if newest is None else is_mpr(newest.reading, threshold_percent=now)
        readings.append(StaleReading(used, newest, is_mpr(used.reading, threshold_percent=then), mpr))
    snapshot = run.snapshot
    # Every patient has two masks; those of who withdrew are told as withdrawn, not as changed.
    gone = 2 * snapshot.withdrawn
    changed = max(snapshot.n_masks - gone - run.masks_counting, 0)  # type: ignore[attr-defined]
    return Staleness(tuple(readings), then, now, masks_changed=changed, withdrawn=snapshot.withdrawn)


def runs_on_outcome(outcome: PathologyOutcome) -> QuerySet[TrainingRun]:
    """Give the runs whose table holds a reading, newest first."""
    runs = TrainingRun.objects.filter(cohort=outcome.patient.cohort, snapshot__outcomes=outcome)
    return runs.select_related("cohort").order_by("-number")

"""The rows that reports are written from, loaded once, and the names by which reports cite them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cohorts.models import Cohort, Patient
from imaging import storage
from imaging.models import ExtractionProtocol, HabitatModel
from imaging.selectors import current_segmentations, location_of
from modeling.core import persist
from modeling.core.errors import ModelCorrupt, UntrustedModel
from modeling.core.explanation.equation import Equation, equation
from modeling.core.study.fitted_model import FittedModel
from modeling.core.table import FeatureTable
from modeling.core.views import PRIMARY_MODEL
from modeling.models import Evaluation, ModelVersion, Promotion, TableSnapshot, TestOpening, TrainingRun
from modeling.services.recorded import Recorded, RecordedMask, RecordedPatient, RecordedReading, record

SPLITS = {"training": "Training", "internal_test": "Internal test", "external": "External test"}
#: Splits that are measured within training patients: the newer way first.
DEVELOPMENT = (Evaluation.Split.NESTED_CV, Evaluation.Split.CROSS_VALIDATION)
HELD_OUT = (Evaluation.Split.INTERNAL_TEST, Evaluation.Split.EXTERNAL)


@dataclass(frozen=True, eq=False)
class Records:
    """One run with everything that a report may say of it.

    `sheets` are the kinds of report that the run has, or will have once this writing is over.
    """

    run: TrainingRun
    sheets: frozenset[str] = frozenset()

    @property
    def cohort(self) -> Cohort:
        """The run's cohort."""
        return self.run.cohort

    @property
    def snapshot(self) -> TableSnapshot:
        """What was modelled."""
        return self.run.snapshot

    @property
    def habitat_model(self) -> HabitatModel:
        """The codebook."""
        return self.snapshot.habitat_model

    @property
    def protocol(self) -> ExtractionProtocol:
        """The parameters of the features."""
        return self.habitat_model.protocol

    @property
    def recipe(self) -> dict[str, Any]:
        """The run's settings, as stored."""
        values: dict[str, Any] = self.run.recipe
        return values

    @property
    def findings(self) -> dict[str, Any]:
        """What the run found beyond single evaluations; empty for runs of older versions."""
        values: dict[str, Any] = self.run.findings
        return values

    @cached_property
    def table(self) -> FeatureTable:
        """The frozen table."""
        return FeatureTable.from_parquet(storage.get(self.snapshot.sha256), sha256=self.snapshot.sha256)

    @cached_property
    def recorded(self) -> Recorded:
        """Patients, readings and masks as the run used them; as they are now of a run that did not record them."""
        stored = self.findings.get("recorded")
        return Recorded.from_dict(stored) if stored else self._now()

    @property
    def is_recorded(self) -> bool:
        """Whether the run recorded what it used."""
        return bool(self.findings.get("recorded"))

    @property
    def patients(self) -> tuple[RecordedPatient, ...]:
        """The modelled patients, in the order of the table."""
        return self.recorded.patients

    @property
    def readings(self) -> tuple[RecordedReading, ...]:
        """The pathology readings that the table rests on."""
        return self.recorded.readings

    @property
    def masks(self) -> tuple[RecordedMask, ...]:
        """The masks of the modelled patients."""
        return self.recorded.masks

    def _now(self) -> Recorded:
        codes = list(self.table.X.index)
        found = Patient.objects.filter(cohort=self.cohort, code__in=codes)
        by_code = {p.code: p for p in found.select_related("centre", "cohort").prefetch_related("timepoints")}
        patients = [by_code[code] for code in codes if code in by_code]
        return record(
            self.cohort,
            patients,
            zones={patient.code: location_of(patient).zone for patient in patients},
            outcomes=list(self.snapshot.outcomes.select_related("patient").order_by("patient__code")),
            segmentations=list(current_segmentations(self.cohort).filter(timepoint__patient__code__in=codes)),
        )

    @cached_property
    def versions(self) -> list[ModelVersion]:
        """The run's models, in the order of the recipe."""
        return list(self.run.model_versions.prefetch_related("evaluations").order_by("pk"))

    @cached_property
    def primary(self) -> ModelVersion | None:
        """The model that pages show first."""
        return next((v for v in self.versions if v.name == PRIMARY_MODEL), next(iter(reversed(self.versions)), None))

    @cached_property
    def openings(self) -> list[TestOpening]:
        """Every look at a centre that this run tested, by whichever run, oldest first."""
        centres = self.run.openings.values("centre")
        rows = TestOpening.objects.filter(cohort=self.cohort, centre__in=centres)
        return list(rows.select_related("run", "opened_by").order_by("centre", "number"))

    @cached_property
    def _fitted(self) -> dict[int, FittedModel | None]:
        return {}

    def fitted(self, version: ModelVersion) -> FittedModel | None:
        """Return the stored model of a version; None where its file cannot be read."""
        if version.pk not in self._fitted:
            self._fitted[version.pk] = _stored(version.sha256)
        return self._fitted[version.pk]

    def equation(self, version: ModelVersion) -> Equation | None:
        """Return a version as an equation; None where it is none or its file cannot be read."""
        model = self.fitted(version)
        return equation(model) if model else None

    def promotions(self, version: ModelVersion) -> Sequence[Promotion]:
        """Give when a version became champion, oldest first."""
        return list(version.promotions.select_related("promoted_by", "replaced").order_by("promoted_at", "pk"))

    def evaluation(self, version: ModelVersion | None, split: str) -> Evaluation | None:
        """Give the evaluation of a version on all centres of a split together."""
        rows = [] if version is None else list(version.evaluations.all())
        return next((e for e in rows if e.split == split and not e.centre), None)

    def development(self, version: ModelVersion | None) -> Evaluation | None:
        """Give how a version did within the training patients, in cross-validation."""
        return next(filter(None, (self.evaluation(version, split) for split in DEVELOPMENT)), None)

    def of_split(self, split: str) -> list[Evaluation]:
        """Give the evaluations of every model on one split, all centres together."""
        return [e for e in (self.evaluation(v, split) for v in self.versions) if e]


def _stored(sha256: str) -> FittedModel | None:
    try:
        return persist.loads(storage.get(sha256), sha256=sha256)
    except (storage.ArtefactCorrupt, ModelCorrupt, UntrustedModel):
        return None


def records_of(run: TrainingRun, *, sheets: frozenset[str] = frozenset()) -> Records:
    """Load a run for its reports."""
    rows = TrainingRun.objects.select_related("cohort__training_centre", "snapshot__habitat_model__protocol", "job")
    kinds = run.reports.values_list("kind", flat=True)
    return Records(rows.select_related("started_by").get(pk=run.pk), sheets | frozenset(kinds))


def cite_run(records: Records, part: str = "") -> str:
    """Name the run, or a part of its row."""
    return f"TrainingRun {records.run.number}" + (f", {part}" if part else "")


def cite_recipe(records: Records) -> str:
    """Name the recipe of the run with its digest."""
    version = records.recipe.get("version", 1)
    return cite_run(records, f"recipe {records.run.recipe_name} {version} (digest {records.run.recipe_digest[:8]}…)")


def cite_snapshot(records: Records, rows: str = "") -> str:
    """Name the snapshot, or rows of a kind that it rests on: ``Patient``, ``PathologyOutcome``, …."""
    name = f"TableSnapshot {records.snapshot.pk}"
    return f"{rows} rows of {name}" if rows else f"{name} (sha256 {records.snapshot.sha256[:8]}…)"


def cite_protocol(records: Records) -> str:
    """Name the extraction protocol."""
    return f"ExtractionProtocol {records.protocol.name} (digest {records.protocol.digest[:8]}…)"


def cite_habitats(records: Records) -> str:
    """Name the habitat model."""
    return f"HabitatModel {records.habitat_model.version} (digest {records.habitat_model.digest[:8]}…)"


def cite_version(version: ModelVersion) -> str:
    """Name a model version."""
    return f"ModelVersion {version.name} {version.version}"


def cite_evaluation(evaluation: Evaluation) -> str:
    """Name one evaluation."""
    version = evaluation.model_version
    where = f"centre {evaluation.centre}" if evaluation.centre else "all centres"
    return f"Evaluation: {version.name} {version.version}, {evaluation.split}, {where}"


def cite_evaluations(records: Records) -> str:
    """Name all evaluations of the run."""
    return f"Evaluation rows of TrainingRun {records.run.number}"

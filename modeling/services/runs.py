"""Writing a training run: its snapshot, its models, how they did, and which hospitals were looked at."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.db import transaction
from django.db.models import Max

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, Job, User
from imaging import storage
from imaging.core.habitats import Codebook
from imaging.models import ExtractionProtocol, HabitatModel
from imaging.services import habitats, transitions
from imaging.services.habitats import Labelled
from modeling.core import persist
from modeling.core.explanation.explain import coefficients, importance
from modeling.core.performance.measure import EvaluationResult
from modeling.core.recipes import Recipe
from modeling.core.study import spectrum
from modeling.core.study.analyse import StudyResult, external_heterogeneity
from modeling.core.study.comparators import comparators
from modeling.core.study.cuts import at_other_cuts, own_cut
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.leakage import require_no_leak
from modeling.core.study.overlap import require_nobody_twice
from modeling.core.study.sensitivity import adjusted_for_days, scan_pairs
from modeling.core.study.size import primary_view
from modeling.core.study.validation import evaluate, predict_splits
from modeling.core.table import FeatureTable
from modeling.models import Evaluation, ModelVersion, TableSnapshot, TestOpening, TrainingRun
from modeling.services.recorded import Recorded, record
from modeling.services.snapshots import Case, Gathered

_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "statsmodels",
    "shap",
    "combatlearn",
    "pyradiomics",
    "SimpleITK",
    "scikit-image",
    "skops",
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a run computed, before anything is written."""

    recipe: Recipe
    protocol: ExtractionProtocol
    gathered: Gathered
    codebook: Codebook
    labelled: Mapping[int, Labelled]
    followed: Sequence[transitions.Followed]
    table: FeatureTable
    study: StudyResult
    seconds: float

    @property
    def cases(self) -> Sequence[Case]:
        """The modelled patients."""
        return self.gathered.cases

    @property
    def excluded(self) -> Sequence[dict[str, str]]:
        """The patients left out, each with the reason."""
        return self.gathered.excluded


def register(job: Job, fitted: Fitted, *, table_sha256: str, artefacts: Mapping[str, str]) -> TrainingRun:
    """Write a run with everything that belongs to it; needs a transaction."""
    cohort = job.cohort
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # runs and openings are numbered one after the other
    training = set(fitted.table.X.index[fitted.table.split == "training"])
    habitat_model = habitats.save_model(
        cohort,
        fitted.codebook,
        protocol=fitted.protocol,
        fitted_on=[case.patient for case in fitted.cases if case.code in training],
    )
    habitats.save_maps(fitted.labelled, model=habitat_model)
    transitions.store(fitted.followed)
    snapshot = _save_snapshot(cohort, fitted, habitat_model, table_sha256)
    last = TrainingRun.objects.filter(cohort=cohort).aggregate(last=Max("number"))["last"] or 0
    training_run = TrainingRun.objects.create(
        cohort=cohort,
        number=last + 1,
        recipe_name=fitted.recipe.name,
        recipe=fitted.recipe.as_dict(),
        recipe_digest=fitted.recipe.digest,
        snapshot=snapshot,
        job=job,
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        findings=_findings(cohort, fitted),
        started_by=job.created_by,
    )
    for name, model in fitted.study.models.items():
        _save_version(training_run, model, artefacts[name], fitted)
    opened = {row.centre for rows in fitted.study.evaluations.values() for row in rows if row.split == "external"}
    _log_openings(training_run, fitted.table, opened - {None}, actor=job.created_by, reason="Tested with the run.")
    changes = {"models": (None, sorted(fitted.study.models)), "snapshot": (None, table_sha256)}
    audit.record("trained", training_run, actor=job.created_by, cohort=cohort, changes=changes)
    return training_run


def _save_snapshot(cohort: Cohort, fitted: Fitted, habitat_model: HabitatModel, sha256: str) -> TableSnapshot:
    snapshot, created = TableSnapshot.objects.get_or_create(
        cohort=cohort,
        sha256=sha256,
        withdrawn=0,
        defaults={
            "habitat_model": habitat_model,
            "n_patients": len(fitted.table.X),
            "n_columns": fitted.table.X.shape[1],
            "excluded": list(fitted.excluded),
            "mpr_threshold_percent": cohort.mpr_threshold_percent,
            "n_masks": sum(len(case.segmentations) for case in fitted.cases),
        },
    )
    if created:
        snapshot.outcomes.set([case.outcome for case in fitted.cases if case.outcome])
        snapshot.segmentations.set([one.pk for case in fitted.cases for one in case.segmentations.values()])
    return snapshot


def _findings(cohort: Cohort, fitted: Fitted) -> dict[str, Any]:
    study, splits = fitted.study, Counter(fitted.table.split)
    reasons = Counter(row["reason"] for row in fitted.excluded)
    return {
        "sample_size": asdict(study.sample_size),
        "comparisons": [asdict(row) for row in study.comparisons],
        "reclassification": [asdict(row) for row in study.reclassification],
        "heterogeneity": {name: asdict(pooled) for name, pooled in study.heterogeneity.items()},
        "subgroups": {name: [asdict(row) for row in rows] for name, rows in study.subgroups.items()},
        "centre_predictability": study.centre_predictability,
        "comparators": [asdict(row) for row in study.comparators],
        "timing": [asdict(row) for row in study.timing],
        "scan_pairs": {split: [asdict(row) for row in rows] for split, rows in study.scan_pairs.items()},
        "spectrum": _spectrum(fitted),
        "warnings": list(study.warnings),
        "cuts": {
            "model": primary_view(study.evaluations),
            "own_percent": own_cut(fitted.table),
            "rows": [asdict(row) for row in study.cuts],
        },
        "external_size": asdict(study.external_size) if study.external_size else None,
        "flow": {
            "enrolled": len(fitted.cases) + len(fitted.excluded),
            "excluded": dict(reasons.most_common()),
            "modelled": len(fitted.cases),
            **{split: splits.get(split, 0) for split in ("training", "internal_test", "external")},
        },
        "recorded": _recorded(cohort, fitted.cases).as_dict(),
        "seconds": round(fitted.seconds, 1),
    }


def _spectrum(fitted: Fitted) -> list[dict[str, Any]]:
    """Return how many patients of each kind were modelled and left out, and had MPR; counts only, no codes."""
    modelled = {spectrum.MODELLED: [bool(one) for one in fitted.table.y]}
    return [asdict(row) for row in spectrum.spectrum({**modelled, **fitted.gathered.left_out})]


def _recorded(cohort: Cohort, cases: Sequence[Case]) -> Recorded:
    masks = [case.segmentations[kind] for case in cases for kind in sorted(case.segmentations, reverse=True)]
    return record(
        cohort,
        [case.patient for case in cases],
        zones={case.code: case.location.zone for case in cases},
        outcomes=[case.outcome for case in cases if case.outcome],
        segmentations=masks,
    )


def _save_version(training_run: TrainingRun, model: FittedModel, sha256: str, fitted: Fitted) -> ModelVersion:
    earlier = ModelVersion.objects.filter(cohort=training_run.cohort, name=model.name)
    last = earlier.aggregate(last=Max("version"))["last"]
    version = ModelVersion.objects.create(
        cohort=training_run.cohort,
        run=training_run,
        name=model.name,
        version=(last or 0) + 1,
        # The first of its name has nobody to challenge, and is not champion before a person promotes it.
        state=ModelVersion.State.CANDIDATE if last is None else ModelVersion.State.CHALLENGER,
        sha256=sha256,
        threshold=model.threshold,
        threshold_sensitive=model.threshold_sensitive,
        classifier=model.classifier,
        selected=list(model.selected),
        facts=_facts(model, fitted.study),
    )
    fitted_on = set(model.fitted_on)
    version.fitted_on.set([case.patient for case in fitted.cases if case.code in fitted_on])
    _save_evaluations(version, fitted.study.evaluations[model.name])
    return version


def _facts(model: FittedModel, study: StudyResult) -> dict[str, Any]:
    return {
        "comparison": model.comparison,
        "selection_frequency": model.selection_frequency,
        "icc": model.icc,
        "notes": list(model.notes),
        "chosen": study.nested[model.name].chosen,
        "importance": [{"feature": name, "mean_abs_log_odds": value} for name, value in importance(model)],
        "coefficients": [asdict(row) for row in coefficients(model)],
    }


_OWN_COLUMNS = {"split", "centre", "n", "events", "auc", "auc_low", "auc_high", "roc"}


def _save_evaluations(version: ModelVersion, results: Sequence[EvaluationResult]) -> None:
    Evaluation.objects.bulk_create(evaluation_of(version, result) for result in results)


def evaluation_of(version: ModelVersion, result: EvaluationResult) -> Evaluation:
    """Give the row of a result, which is not saved yet."""
    metrics = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in _OWN_COLUMNS}
    return Evaluation(
        model_version=version,
        split=result.split,
        centre=result.centre or "",
        n=result.n,
        events=result.events,
        auc=result.auc,
        auc_low=result.auc_low,
        auc_high=result.auc_high,
        metrics=metrics,
        roc=[list(point) for point in result.roc],
    )


def _findings_of_opening(earlier: dict[str, Any], external: FeatureTable, primary: FittedModel) -> dict[str, Any]:
    """Return the findings of a run that grow when its external centres are opened."""
    predicted = predict_splits(primary, external)
    timing = [asdict(row) for row in adjusted_for_days(external, predicted)]
    pairs = {split: [asdict(row) for row in rows] for split, rows in scan_pairs(external, predicted).items()}
    return {
        "comparators": [*earlier.get("comparators", []), *(asdict(row) for row in comparators(external))],
        "timing": [*earlier.get("timing", []), *timing],
        "scan_pairs": {**earlier.get("scan_pairs", {}), **pairs},
    }


def _log_openings(
    training_run: TrainingRun, table: FeatureTable, centres: set[str | None], *, actor: User | None, reason: str
) -> None:
    external = table.centre[table.split == "external"]
    for centre in sorted(str(code) for code in centres):
        earlier = TestOpening.objects.filter(cohort=training_run.cohort, centre=centre).count()
        TestOpening.objects.create(
            cohort=training_run.cohort,
            run=training_run,
            centre=centre,
            number=earlier + 1,
            n_patients=int((external == centre).sum()),
            reason=reason,
            opened_by=actor,
        )


@transaction.atomic
def open_external(training_run: TrainingRun, *, actor: User, reason: str) -> int:
    """Test a run's models on the external centres, once; gives the number of centres that were opened.

    Raises
    ------
    ServiceError
        ``nothing_to_do`` if they are open already, or no model can predict an external patient.
    """
    Cohort.objects.select_for_update().get(pk=training_run.cohort_id)
    if training_run.openings.exists():
        raise ServiceError("nothing_to_do", f"The external centres of {training_run} are open already.")
    sha256 = training_run.snapshot.sha256
    table = FeatureTable.from_parquet(storage.get(sha256), sha256=sha256)
    require_no_leak(table)  # the run itself did not look at these outcomes
    require_nobody_twice(table.X, table.split)  # runs of versions before 0.6 did not ask
    codes = table.codes("external")
    if not codes:
        raise ServiceError("nothing_to_do", f"The snapshot of {training_run} holds no patient of another centre.")
    external = table.take(codes)  # in the order of a study: sums are equal to the last bit
    recipe = Recipe.from_dict(training_run.recipe)
    found: dict[str, list[EvaluationResult]] = {}
    models: dict[str, FittedModel] = {}
    for version in training_run.model_versions.order_by("pk"):
        models[version.name] = model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
        found[version.name] = evaluate(model, external, bootstraps=recipe.bootstraps, seed=recipe.seed)
        _save_evaluations(version, found[version.name])
    centres = {row.centre for rows in found.values() for row in rows} - {None}
    if not centres:
        raise ServiceError("nothing_to_do", f"The models of {training_run} know no other centre than their own.")
    heterogeneity = {name: asdict(pooled) for name, pooled in external_heterogeneity(found).items()}
    training_run.findings = training_run.findings | {"heterogeneity": heterogeneity}
    training_run.findings |= _findings_of_opening(training_run.findings, external, models[primary_view(models)])
    _add_external_cuts(training_run, external)
    training_run.save(update_fields=["findings"])
    _log_openings(training_run, table, centres, actor=actor, reason=reason)
    changes = {"external centres": (None, sorted(str(centre) for centre in centres))}
    audit.record(
        "opened external test", training_run, actor=actor, cohort=training_run.cohort, changes=changes, reason=reason
    )
    return len(centres)


def _add_external_cuts(training_run: TrainingRun, external: FeatureTable) -> None:
    """Add the external patients to the sensitivity analysis of a run that recorded one."""
    cuts = training_run.findings.get("cuts")
    if not cuts:
        return
    version = training_run.model_versions.get(name=cuts["model"])
    model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
    rows = [asdict(row) for row in at_other_cuts(external, predict_splits(model, external), nested=None)]
    training_run.findings = training_run.findings | {"cuts": cuts | {"rows": [*cuts["rows"], *rows]}}


def describe_run(training_run: TrainingRun) -> list[dict[str, Any]]:
    """Give the models of a run with their evaluations, ready for JSON."""
    versions = training_run.model_versions.prefetch_related("evaluations").order_by("pk")
    return [
        {
            "name": version.name,
            "version": version.version,
            "state": version.state,
            "recipe": training_run.recipe_name,
            "classifier": version.classifier,
            "threshold": version.threshold,
            "selected": version.selected,
            "evaluations": [_described(row) for row in version.evaluations.order_by("pk")],
        }
        for version in versions
    ]


def _described(row: Evaluation) -> dict[str, Any]:
    own: dict[str, Any] = {"split": row.split, "centre": row.centre or None, "n": row.n, "events": row.events}
    return {**own, "auc": row.auc, "auc_low": row.auc_low, "auc_high": row.auc_high, **row.metrics}

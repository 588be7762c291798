"""A run with models, evaluations and findings whose numbers are drawn, not fitted: what reports are written from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from cohorts.models import PathologyOutcome, Patient
from imaging import storage
from imaging.models import HabitatModel
from imaging.services.protocols import protocol_named
from modeling.core.performance.external_sample_size import advise_external
from modeling.core.performance.measure import measure
from modeling.core.recipes import STANDARD
from modeling.core.study import spectrum
from modeling.core.study.comparators import ComparatorRow
from modeling.core.study.sensitivity import AdjustedRow
from modeling.core.table import FeatureTable, assign_splits
from modeling.models import ModelVersion, TableSnapshot, TestOpening, TrainingRun
from modeling.services.runs import evaluation_of
from tests.study import Study

VIEWS = {"clinical": 0.4, "whole_tumour": 1.0, "habitat": 1.3, "integrated": 1.6}
FEATURES = ("whole_tumour|post|original_glcm_Planted", "habitat|delta|msi_contrast", "clinical|pdl1_percent")


def register_run(study: Study, *, number: int = 1, external: bool = True, findings: bool = True) -> TrainingRun:
    """Store a run of a study; without `external`, only patients of the training centre are modelled."""
    table = _table(study, external=external)
    snapshot = TableSnapshot.objects.filter(sha256=storage.put(table.to_parquet())).first() or _snapshot(study, table)
    values = STANDARD.as_dict()
    run = TrainingRun.objects.create(
        cohort=study.cohort,
        number=number,
        recipe_name=STANDARD.name,
        recipe=values,
        recipe_digest=STANDARD.digest,
        snapshot=snapshot,
        versions={"numpy": "2.4.6", "scikit-learn": "1.9.1", "pyradiomics": "3.0.1"},
        findings=_findings(table, snapshot) if findings else {},
        started_by=study.people["researcher"],
    )
    for place, (name, effect) in enumerate(VIEWS.items()):
        _version(run, table, name, effect=effect, seed=place)
    for centre in sorted(set(table.centre[table.split == "external"])):
        earlier = TestOpening.objects.filter(cohort=study.cohort, centre=centre).count()
        TestOpening.objects.create(
            cohort=study.cohort,
            run=run,
            centre=centre,
            number=earlier + 1,
            n_patients=int((table.centre == centre).sum()),
            reason="Tested with the run.",
            opened_by=study.people["researcher"],
        )
    return run


def _table(study: Study, *, external: bool) -> FeatureTable:
    readings = PathologyOutcome.objects.filter(patient__cohort=study.cohort, is_current=True)
    known = {r.patient.code: r.patient.centre.code for r in readings.select_related("patient__centre")}
    centres = pd.Series({code: centre for code, centre in sorted(known.items()) if external or centre == "A"})
    y = pd.Series({code: int(study.responder[code]) for code in centres.index})
    noise = np.random.default_rng(5).normal(size=(len(y), len(FEATURES)))
    X = pd.DataFrame(noise, index=pd.Index(centres.index, name="code"), columns=list(FEATURES))
    split = assign_splits(list(y.index), y, centres, training_centre="A", seed=1)
    return FeatureTable(X, y.set_axis(X.index), centres.set_axis(X.index), split.set_axis(X.index))


def _snapshot(study: Study, table: FeatureTable) -> TableSnapshot:
    by_k = {
        str(k): {
            "calinski_harabasz": 900.0 - 50 * k,
            "silhouette": 0.5,
            "davies_bouldin": 0.8,
            "bootstrap_ari_median": 0.9,
        }
        for k in (2, 3, 4)
    }
    book = {
        "algorithm": "kmeans",
        "centroid_mean_hu": [-40.0, 12.0, 55.0],
        "report": {"by_k": by_k, "chosen_k": 3, "why": "Three habitats have the best index among the stable ones."},
    }
    model = HabitatModel.objects.create(
        cohort=study.cohort,
        protocol=protocol_named("standard"),
        version=HabitatModel.objects.filter(cohort=study.cohort).count() + 1,
        n_habitats=3,
        codebook=book,
        digest=f"{TableSnapshot.objects.count():064x}",
    )
    left_out = Patient.objects.filter(cohort=study.cohort).exclude(code__in=list(table.X.index)).order_by("code")
    snapshot = TableSnapshot.objects.create(
        cohort=study.cohort,
        habitat_model=model,
        sha256=storage.put(table.to_parquet()),
        n_patients=len(table.X),
        n_columns=table.X.shape[1],
        excluded=[{"patient": p.code, "reason": "No pathology outcome is entered."} for p in left_out],
        mpr_threshold_percent=study.cohort.mpr_threshold_percent,
    )
    snapshot.outcomes.set(
        PathologyOutcome.objects.filter(patient__cohort=study.cohort, patient__code__in=list(table.X.index))
    )
    return snapshot


def _spectrum(table: FeatureTable) -> list[dict[str, Any]]:
    left_out = {
        spectrum.COMPLETE_RESPONSE: [True, True, True, False, None],
        spectrum.NOT_OPERATED: [None, None, None],
        spectrum.NO_PATHOLOGY: [None],
    }
    return [asdict(row) for row in spectrum.spectrum({spectrum.MODELLED: [bool(y) for y in table.y], **left_out})]


def _comparators(splits: pd.Series, opened: bool) -> list[dict[str, Any]]:
    rows = []
    for split in ("training", "internal_test", *(["external"] if opened else [])):
        n = int(splits[split])
        known = (split, n, n // 2, n)
        counts = {"CR": 0, "PR": n // 2, "SD": n - n // 2, "PD": 0}
        rows.append(ComparatorRow("axial_recist", *known, counts, 0.6, (0.4, 0.8), 0.7, (0.5, 0.9), *[None] * 3, ""))
        rows.append(ComparatorRow("suv_max_change", *known, {}, *[None] * 4, 0.71, 0.52, 0.9, ""))
    return [asdict(row) for row in rows]


def _timing(splits: pd.Series) -> list[dict[str, Any]]:
    n = int(splits["training"])
    why = "Predictions come from the models of several folds, so no p value is given."
    rows = [
        AdjustedRow("nested_cv", n, n // 2, n, 1.1, 0.9, None, 0.2, None, why),
        AdjustedRow("internal_test", 8, 4, 8, 1.3, 1.2, 0.003, -0.1, 0.64, ""),
    ]
    return [asdict(row) for row in rows]


def _findings(table: FeatureTable, snapshot: TableSnapshot) -> dict[str, Any]:
    def subgroup(factor: str, level: str, n: int, auc: float | None) -> dict[str, Any]:
        low, high = (None, None) if auc is None else (auc - 0.12, auc + 0.1)
        reason = "" if auc else "Fewer than 10 responders."
        row = {"factor": factor, "level": level, "n": n, "events": n // 2, "auc": auc, "low": low, "high": high}
        return row | {"reason": reason, "interaction_p": 0.41, "interaction_p_holm": 0.82}

    def cut(split: str, cut: str, n: int, events: int, auc: float | None) -> dict[str, Any]:
        low, high = (None, None) if auc is None else (auc - 0.2, auc + 0.15)
        row = {"split": split, "cut": cut, "own": cut == "10", "n": n, "events": events, "left_out": 0}
        return row | {"auc": auc or 0.74, "low": low, "high": high, "reason": "" if auc else "No interval here."}

    pooled = {"estimate": 0.79, "low": 0.62, "high": 0.9, "tau2": 0.04, "i2_percent": 21.0, "q": 1.2, "q_p": 0.27}
    splits = table.split.value_counts()
    opened = bool(splits.get("external", 0))
    return {
        "sample_size": {
            "needed": 348,
            "n": len(table.X),
            "events": int(table.y.sum()),
            "enough": False,
            "sentence": f"The advice is 348 patients; the training split has {splits['training']}.",
            "criteria": {"shrinkage": 348, "optimism": 120, "precise_risk": 97},
        },
        "comparisons": [
            {
                "split": "internal_test",
                "model": "integrated",
                "reference": "clinical",
                "n": int(splits["internal_test"]),
            }
            | {"difference": 0.14, "low": 0.02, "high": 0.26, "p": 0.021, "p_holm": 0.042, "reason": ""},
        ],
        "reclassification": [
            {
                "split": "internal_test",
                "model": "integrated",
                "reference": "clinical",
                "index": "idi",
                "n": 8,
                "events": 4,
            }
            | {
                "total": 0.11,
                "low": 0.02,
                "high": 0.2,
                "of_events": 0.06,
                "of_events_low": 0.0,
                "of_events_high": 0.12,
            }
            | {"of_non_events": 0.05, "of_non_events_low": -0.01, "of_non_events_high": 0.11}
            | {"reason": "", "caution": "Read it beside calibration."}
        ],
        "heterogeneity": {"integrated": pooled | {"prediction_low": 0.4, "prediction_high": 0.95, "k": 2}}
        if opened
        else {},
        "spectrum": _spectrum(table),
        "comparators": _comparators(splits, opened),
        "timing": _timing(splits),
        "scan_pairs": {
            "nested_cv": [subgroup("pair_kernel", "same", 16, None), subgroup("pair_kernel", "different", 8, None)],
            "internal_test": [subgroup("pair_contrast", "same", 40, 0.74)],
        },
        "subgroups": {
            "integrated": [
                subgroup("histology", "adenocarcinoma", 60, 0.81),
                subgroup("histology", "squamous", 55, 0.76),
                subgroup("sex", "female", 12, None),
            ]
        },
        "centre_predictability": {"clinical": 0.52, "integrated": 0.81},
        "warnings": ["The smaller class has few training patients."],
        "cuts": {
            "model": "integrated",
            "own_percent": 10.0,
            "rows": [
                cut("nested_cv", "10", 27, 12, None),
                cut("internal_test", "20", 12, 7, 0.71),
                *(
                    [cut("external", "10", 24, 11, 0.79), cut("external", "by histology", 20, 14, 0.66)]
                    if opened
                    else []
                ),
            ],
        },
        "external_size": asdict(advise_external(prevalence=0.45, area=0.8, log_odds=np.linspace(-2.0, 2.0, 40))),
        "flow": {
            "enrolled": len(table.X) + len(snapshot.excluded),
            "excluded": {"No pathology outcome is entered.": len(snapshot.excluded)} if snapshot.excluded else {},
            "modelled": len(table.X),
            **{split: int(splits.get(split, 0)) for split in ("training", "internal_test", "external")},
        },
        "seconds": 12.5,
    }


def _version(run: TrainingRun, table: FeatureTable, name: str, *, effect: float, seed: int) -> None:
    linear = [{"feature": f, "log_odds_per_sd": v} for f, v in zip(FEATURES, (0.9, -0.4, 0.2), strict=True)]
    version = ModelVersion.objects.create(
        cohort=run.cohort,
        run=run,
        name=name,
        version=run.number,
        state=ModelVersion.State.CHAMPION if run.number == 1 else ModelVersion.State.CHALLENGER,
        sha256=f"{run.pk:032x}{seed:032x}",
        threshold=0.46,
        threshold_sensitive=0.31,
        classifier="logistic",
        selected=list(FEATURES),
        facts={
            "comparison": {
                "logistic": {"auc": 0.78, "se": 0.03, "chosen": True, "eligible": True},
                "random_forest": {"auc": 0.79, "se": 0.03, "chosen": False, "eligible": True},
            },
            "selection_frequency": dict(zip(FEATURES, (0.97, 0.71, 0.4), strict=True)),
            "icc": {FEATURES[0]: 0.91, FEATURES[1]: 0.83},
            "notes": [],
            "chosen": {"logistic": 21, "random_forest": 4},
            "importance": [
                {"feature": f, "mean_abs_log_odds": v} for f, v in zip(FEATURES, (0.7, 0.3, 0.1), strict=True)
            ],
            "coefficients": linear,
        },
    )
    training = list(table.X.index[table.split == "training"])
    version.fitted_on.set(Patient.objects.filter(cohort=run.cohort, code__in=training))
    random = np.random.default_rng(seed)
    latent = effect * (table.y - 0.5) + random.normal(size=len(table.y))
    p = pd.Series(1 / (1 + np.exp(-latent)), index=table.X.index)
    for split in ("training", "internal_test", "external"):
        chosen = table.split == split
        if not chosen.any():
            continue
        shown = "nested_cv" if split == "training" else split
        _evaluate(version, table, p, chosen, split=shown, centre=None)
        for centre in sorted(set(table.centre[chosen])) if split == "external" else []:
            _evaluate(version, table, p, chosen & (table.centre == centre), split=shown, centre=centre)


def _evaluate(
    version: ModelVersion, table: FeatureTable, p: pd.Series, chosen: pd.Series, *, split: str, centre: str | None
) -> None:
    result = measure(
        table.y[chosen].to_numpy(), p[chosen].to_numpy(), threshold=version.threshold, split=split, centre=centre
    )
    grid = np.linspace(0.05, 0.95, 19)
    extra = {"auc_boot_low": result.auc_low, "auc_boot_high": result.auc_high, "observed_expected": 1.04}
    extra |= {"oe_low": 0.8, "oe_high": 1.3, "ici": 0.05, "e50": 0.04, "e90": 0.1, "ece": 0.06}
    extra |= {
        "loess": [[float(x), float(x**1.2)] for x in grid],
        "hosmer_lemeshow": {"chi2": 8.1, "df": 8, "p": 0.42},
    }
    row = evaluation_of(version, result)
    row.metrics |= extra
    row.save()

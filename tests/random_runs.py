"""Random runs: tables of every kind that a cohort may bring, and the rows that a run of them leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cohorts.models import Cohort, User
from imaging import storage
from imaging.models import HabitatModel
from imaging.services.protocols import protocol_named
from modeling.core import persist
from modeling.core.performance.measure import EvaluationResult, measure
from modeling.core.recipes import STANDARD, Recipe
from modeling.core.study import findings, spectrum
from modeling.core.study.analyse import StudyResult, analyse, external_heterogeneity, external_size
from modeling.core.study.comparators import AXIAL_POST, AXIAL_PRE, RADIOLOGIST, SUV_POST, SUV_PRE, comparators
from modeling.core.study.cuts import HISTOLOGY, OWN_CUT, VIABLE, at_other_cuts
from modeling.core.study.sensitivity import DAYS_DOSE_TO_CT, PAIR, adjusted_for_days, scan_pairs
from modeling.core.study.size import advise_table, primary_view
from modeling.core.study.validation import Predictions, compare, predict_splits
from modeling.core.table import FeatureTable
from modeling.core.views import CHANGES, VOLUME_POST, VOLUME_PRE
from modeling.models import ModelVersion, TableSnapshot, TestOpening, TrainingRun
from modeling.services import runs
from modeling.services.recorded import Recorded, RecordedMask, RecordedPatient, RecordedReading
from modeling.services.runs import Fitted, evaluation_of
from modeling.services.snapshots import Gathered

QUICK = replace(
    STANDARD,
    name="random",
    views=("volume_change", "clinical", "whole_tumour", "habitat", "integrated"),
    classifiers=("logistic",),
    cv_folds=3,
    cv_repeats=1,
    inner_folds=2,
    lasso_folds=2,
    mrmr_features=6,
    bootstraps=10,
    selection_bootstraps=2,
)


@dataclass(frozen=True)
class Kind:
    """What a random run is like.

    Parameters
    ----------
    n : int
        Patients.
    signal, abroad : float
        Standard deviations by which responders differ at the training centre and at the others.
    centres : int
        All of them.
    trained : int
        So many of the first train.
    share : float
        Of responders.
    held_out : str
        Of the training centre: ``some``, ``none``, or ``one class`` of few patients.
    external : str
        ``all``, or ``one class``, or ``tiny``.
    gaps : float
        Share of values that are missing.
    changes : mapping
        Of the recipe.
    """

    n: int
    signal: float = 1.0
    abroad: float = 1.0
    centres: int = 3
    trained: int = 1
    share: float = 0.45
    held_out: str = "some"
    external: str = "all"
    gaps: float = 0.0
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RandomRun:
    """A stored run with what it was made of; predictions by model and split."""

    run: TrainingRun
    table: FeatureTable
    recipe: Recipe
    study: StudyResult
    predictions: Mapping[str, Mapping[str, Predictions]]


def random_table(kind: Kind, *, seed: int) -> FeatureTable:
    """Draw patients with a few columns of every group, some of which follow the outcome."""
    random = np.random.default_rng(seed)
    n = kind.n
    codes = pd.Index([f"RR-{i:04d}" for i in range(n)], name="code")
    y = (random.permutation(n) < max(1, round(kind.share * n))).astype(int)
    place = np.arange(n) % (2 * kind.centres) if kind.centres > 1 else np.zeros(n, dtype=int)
    centre = np.array(list("ABCDEFGH"))[np.where(place < kind.centres + 1, 0, place - kind.centres)]
    inside = np.isin(centre, list("ABCDEFGH")[: kind.trained])
    split = np.where(inside, "training", "external").astype(object)
    home = np.flatnonzero(inside)
    if kind.held_out == "some":
        split[home[::4]] = "internal_test"
    elif kind.held_out == "one class":
        split[home[y[home] == 1][:2]] = "internal_test"
    keep = np.ones(n, dtype=bool)
    away = np.flatnonzero(split == "external")
    if kind.external == "one class":
        y[away] = 0
    elif kind.external == "tiny":
        keep[away[3:]] = False
    effect = np.where(split == "external", kind.abroad, kind.signal)
    X = pd.DataFrame(
        {
            f"{group}|{time}|noise_{j}": random.normal(size=n)
            for group in ("whole_tumour", "habitat")
            for time in ("pre", "post", "delta")
            for j in range(2)
        },
        index=codes,
    )
    X["whole_tumour|post|signal"] = random.normal(size=n) + effect * y
    X["habitat|delta|signal"] = random.normal(size=n) - effect * y
    X[VOLUME_PRE] = np.exp(random.normal(9, 1, n))
    X[VOLUME_POST] = X[VOLUME_PRE] * np.exp(random.normal(-0.5, 0.5, n) - 0.3 * effect * y)
    X["clinical|age_years"] = random.normal(62, 8, n)
    X["clinical|male"] = (random.random(n) < 0.7).astype(float)
    clinic = np.random.default_rng([seed, 3])  # of its own, so that what stands above stays as it was drawn
    X = X.join(_measured_by_a_clinic(y, codes, clinic, seed=seed))
    X = X.mask(random.random(X.shape) < kind.gaps)
    facts = pd.DataFrame({"subgroup|sex": np.where(random.random(n) < 0.5, "female", "male")}, index=codes)
    facts = facts.join(_known_of_a_clinic(y, codes, clinic, seed=seed))
    days = random.integers(0, 900, n).astype(float)
    facts["order|days"] = days if seed % 2 else np.nan
    parts = (pd.Series(values, index=codes) for values in (y, centre, split))
    whole = FeatureTable(X, *parts, facts)
    return whole.where(pd.Series(keep, index=codes))


def _measured_by_a_clinic(
    y: NDArray[np.int64], codes: pd.Index, random: np.random.Generator, *, seed: int
) -> pd.DataFrame:
    """Draw diameters and days from dose to CT, each of which some tables lack."""
    n, found = len(y), pd.DataFrame(index=codes)
    if seed % 3:
        found[AXIAL_PRE] = random.uniform(6, 80, n)
        found[AXIAL_POST] = found[AXIAL_PRE] * random.uniform(0.2, 1.5, n) * (1 - 0.2 * y)
    if seed % 4:
        found[DAYS_DOSE_TO_CT] = random.integers(7, 60, n).astype(float) - 5 * (seed % 2) * y
    return found


def _known_of_a_clinic(
    y: NDArray[np.int64], codes: pd.Index, random: np.random.Generator, *, seed: int
) -> pd.DataFrame:
    """Draw facts that no model sees; tables of older versions have none of the reading."""
    n, found = len(y), pd.DataFrame(index=codes)
    found[HISTOLOGY] = random.choice(["", "squamous", "adenocarcinoma", "other"], n)
    if seed % 5:
        found[VIABLE] = np.where(
            y == 1, random.choice([0.0, 3.0, 8.0, 10.0], n), random.choice([11.0, 20.0, 60.0, 90.0], n)
        )
        found[OWN_CUT] = 10.0
    if seed % 4 != 1:
        found[RADIOLOGIST] = random.choice(["", "CR", "PR", "SD", "PD"], n)
    if seed % 4 != 2:
        found[SUV_PRE] = np.where(random.random(n) < 0.2, np.nan, random.uniform(3, 20, n))
        found[SUV_POST] = found[SUV_PRE] * random.uniform(0.1, 1.1, n)
    if seed % 3 != 1:
        for name in ("contrast", "kernel", "thickness"):
            found[f"{PAIR}{name}"] = random.choice(["", "same", "different"], n)
    return found


def fitted_run(kind: Kind, *, seed: int, cohort: Cohort, user: User) -> RandomRun:
    """Analyse a random table and store what came of it, model files included."""
    table, recipe = random_table(kind, seed=seed), replace(QUICK, **kind.changes)
    study = analyse(table, recipe)
    files = {name: storage.put(persist.dumps(model)) for name, model in study.models.items()}
    facts = {name: runs._facts(model, study) for name, model in study.models.items()}
    frozen = {
        name: (model.threshold, model.threshold_sensitive, model.classifier, list(model.selected))
        for name, model in study.models.items()
    }
    predictions = {name: predict_splits(model, table) for name, model in study.models.items()}
    return _store(
        RandomRun(_run(table, recipe, study, cohort, user, seed), table, recipe, study, predictions),
        frozen,
        files,
        facts,
    )


def drawn_run(kind: Kind, *, seed: int, cohort: Cohort, user: User) -> RandomRun:
    """Draw predictions instead of fitting them, in any relation to the outcomes; no model has a file."""
    random = np.random.default_rng([seed, 1])
    table, recipe = random_table(kind, seed=seed), replace(QUICK, **kind.changes)
    predictions = {view: _draw(table, random) for view in recipe.views}
    evaluations = {view: _evaluations(found, table, recipe) for view, found in predictions.items()}
    primary = primary_view(recipe.views)
    advice = advise_table(table, recipe, views=recipe.views)
    telling = {view: None if random.random() < 0.3 else float(random.uniform(0.4, 1)) for view in recipe.views}
    nobody = any(one.y.nunique() < 1 for one in predictions[primary].values())
    study = StudyResult(
        models={},
        nested={},
        evaluations=evaluations,
        comparisons=[] if nobody else compare(predictions, model=primary),
        heterogeneity=external_heterogeneity(evaluations),
        subgroups={primary: findings.subgroups(table, predictions[primary])},
        sample_size=advice,
        centre_predictability=telling,
        warnings=findings.warnings(table, recipe, evaluations, advice, telling),
        reclassification=[],
        comparators=comparators(table),
        timing=adjusted_for_days(table, predictions[primary]),
        scan_pairs=scan_pairs(table, predictions[primary]),
        cuts=at_other_cuts(table, predictions[primary], nested=None),
        external_size=external_size(evaluations[primary], predictions[primary]["nested_cv"]),
    )
    classifiers = ["logistic", "random_forest"]
    frozen = {
        view: (0.4, 0.3, str(random.choice(classifiers)), list(table.X.columns[: 1 if view in CHANGES else 3]))
        for view in recipe.views
    }
    measured = bool(random.random() < 0.5)
    facts = {
        view: _drawn_facts(frozen[view][2], measured=measured, random=random, table=table) for view in recipe.views
    }
    files = {view: f"{seed:032x}{place:032x}" for place, view in enumerate(recipe.views)}
    return _store(
        RandomRun(_run(table, recipe, study, cohort, user, seed), table, recipe, study, predictions),
        frozen,
        files,
        facts,
    )


def _draw(table: FeatureTable, random: np.random.Generator) -> dict[str, Predictions]:
    found = {}
    for split, name in (("training", "nested_cv"), ("internal_test", "internal_test"), ("external", "external")):
        chosen = table.split == split
        if not chosen.any():
            continue
        y = table.y[chosen]
        kind = random.choice(["null", "some", "perfect", "inverted", "against", "ties"])
        pull = {"null": 0.0, "some": 1.5, "perfect": 50.0, "inverted": -50.0, "against": -1.6, "ties": 0.0}[kind]
        latent = pull * (y - 0.5) + (0.0 if kind == "ties" else random.normal(size=len(y)))
        found[name] = Predictions(
            y, pd.Series(1 / (1 + np.exp(-np.clip(latent, -8, 8) - 1e-3 * latent)), index=y.index)
        )
    return found


def _evaluations(found: Mapping[str, Predictions], table: FeatureTable, recipe: Recipe) -> list[EvaluationResult]:
    rows = []
    for split, one in found.items():
        centre = table.centre.loc[one.y.index]
        for name in (None, *sorted(centre.unique())) if split == "external" else (None,):
            here = np.ones(len(centre), dtype=bool) if name is None else (centre == name).to_numpy()
            y, p = one.outcomes[here], one.probabilities[here]
            folds = thirds(y) if split == "nested_cv" else None
            rows.append(
                measure(y, p, threshold=0.4, split=split, centre=name, folds=folds, bootstraps=recipe.bootstraps)
            )
    return rows


def thirds(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide patients into three folds, class by class."""
    folds = np.empty(len(y), dtype=np.int64)
    for label in (0, 1):
        folds[y == label] = np.arange(np.sum(y == label)) % 3
    return folds


def _drawn_facts(
    classifier: str, *, measured: bool, random: np.random.Generator, table: FeatureTable
) -> dict[str, Any]:
    names = list(table.X.columns[:3])
    row = {"auc": 0.7, "se": 0.05, "eligible": True}
    comparison = {name: row | {"chosen": name == classifier} for name in ("logistic", "random_forest")}
    return {
        "comparison": comparison if random.random() < 0.5 else {classifier: row | {"chosen": True}},
        "selection_frequency": {name: float(random.uniform(0.1, 1)) for name in names},
        "icc": {name: float(random.uniform(0.75, 1)) for name in names} if measured else {},
        "notes": [],
        "chosen": {classifier: 3},
        "importance": [{"feature": name, "mean_abs_log_odds": 0.2} for name in names],
        "coefficients": [],
    }


def _run(
    table: FeatureTable, recipe: Recipe, study: StudyResult, cohort: Cohort, user: User, seed: int
) -> TrainingRun:
    random = np.random.default_rng([seed, 2])
    book = {
        "algorithm": str(random.choice(["kmeans", "gmm"])),
        "centroid_mean_hu": [-40.0, 12.0],
        "report": {"why": "Two habitats have the best index among the stable ones."},
    }
    number = TrainingRun.objects.filter(cohort=cohort).count() + 1
    model = HabitatModel.objects.create(
        cohort=cohort,
        protocol=protocol_named("standard"),
        version=number,
        n_habitats=2,
        codebook=book,
        digest=f"{number:064x}",
    )
    left_out = int(random.integers(0, 2) * random.integers(1, len(table.X) + 1))
    excluded = [{"patient": f"out-{i}", "reason": "No pathology outcome is entered."} for i in range(left_out)]
    snapshot = TableSnapshot.objects.create(
        cohort=cohort,
        habitat_model=model,
        sha256=storage.put(table.to_parquet()),
        n_patients=len(table.X),
        n_columns=table.X.shape[1],
        excluded=excluded,
        mpr_threshold_percent=10,
    )
    gathered = Gathered((), tuple(excluded), _left_out(left_out, random))
    fitted = Fitted(recipe, model.protocol, gathered, None, {}, (), table, study, 1.0)  # type: ignore[arg-type]
    found = runs._findings(cohort, fitted)
    found["flow"] |= {"enrolled": len(table.X) + left_out, "modelled": len(table.X)}
    found["recorded"] = _recorded(table, cohort, random).as_dict()
    return TrainingRun.objects.create(
        cohort=cohort,
        number=number,
        recipe_name=recipe.name,
        recipe=recipe.as_dict(),
        recipe_digest=recipe.digest,
        snapshot=snapshot,
        versions={"numpy": "2.4.6"} | ({"pyradiomics": "3.0.1"} if seed % 2 else {}),
        findings=found,
        started_by=user,
    )


def _left_out(n: int, random: np.random.Generator) -> dict[str, list[bool | None]]:
    """Draw of what kind each patient left out is, and the response of those of whom it is known."""
    found: dict[str, list[bool | None]] = {}
    for _ in range(n):
        kind = str(random.choice([kind for kind in spectrum.KINDS if kind != spectrum.MODELLED]))
        known = [None] if kind == spectrum.NO_PATHOLOGY else [None, True, False]
        found.setdefault(kind, []).append(known[int(random.integers(len(known)))])
    return found


def _recorded(table: FeatureTable, cohort: Cohort, random: np.random.Generator) -> Recorded:
    def some(values: list[Any]) -> Any:
        return values[int(random.integers(len(values)))]

    codes = [str(code) for code in table.X.index]
    all_known, one_reader = random.random() < 0.3, random.random() < 0.3
    patients = tuple(
        RecordedPatient(
            code=code,
            age_years=some([None, 51.0, 62.0, 73.0]),
            sex=some(["", "female", "male"]),
            smoking=some(["", "never", "former"]),
            histology=some(["", "squamous", "adenocarcinoma"]),
            stage=some(["I", "II", "III"]),
            pdl1_percent=some([None, 0.0, 40.0]),
            zone=some(["", "central", "peripheral"]),
            cycles=some([None, 2, 3]),
            regimen=some(["", "Nivolumab and platinum"]),
            first_dose_on=some(["2023-02-03", "2024-05-06"] if all_known else ["", "2024-05-06"]),
            post_scan_to_surgery_days=some([None, 9, 21]),
            clinical_before_surgery=some([None, True, False]),
        )
        for code in codes
    )
    authors = (["R1"], ["", "R1"], [""], ["", "R1", "R2"])[int(random.integers(4))]
    kept = codes if random.random() < 0.8 else []
    readings = tuple(
        RecordedReading(
            "report",
            some(["AB"] if one_reader else ["", "AB", "CD"]),
            some(["", "complete", "as_iaslc", "incomplete"]),
            some([None, True, False]),
            some([None, 8, 9]),
        )
        for _ in kept
    )
    masks = tuple(
        RecordedMask(
            code,
            "rtstruct",
            some(authors),
            "",
            some(["", "Maker"]),
            "B30f",
            1.5,
            0.7,
            120.0,
            some([None, True, False]),
        )
        for code in kept
        for _ in range(2)
    )
    return Recorded(cohort.name, cohort.is_synthetic, "Centre A (A)", patients, readings, masks)


def _store(
    made: RandomRun,
    frozen: Mapping[str, tuple[float, float, str, list[str]]],
    files: Mapping[str, str],
    facts: Mapping[str, dict[str, Any]],
) -> RandomRun:
    run = made.run
    for name, (threshold, sensitive, classifier, selected) in frozen.items():
        version = ModelVersion.objects.create(
            cohort=run.cohort,
            run=run,
            name=name,
            version=run.number,
            sha256=files[name],
            threshold=threshold,
            threshold_sensitive=sensitive,
            classifier=classifier,
            selected=selected,
            facts=facts[name],
        )
        for result in made.study.evaluations[name]:
            evaluation_of(version, result).save()
    opened = {row.centre for rows in made.study.evaluations.values() for row in rows if row.split == "external"}
    for centre in sorted(opened - {None}):
        TestOpening.objects.create(
            cohort=run.cohort,
            run=run,
            centre=centre,
            number=TestOpening.objects.filter(cohort=run.cohort, centre=centre).count() + 1,
            n_patients=int((made.table.centre == centre).sum()),
            reason="Tested with the run.",
        )
    return made

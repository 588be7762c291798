"""How often printed intervals hold what they are about: simulated patients with known probabilities, the real chain.

Thirty independent normal features, six of which carry the response; the area under the ROC curve of the true probability
is 0.80. Half of the features stand for the whole tumour and half for habitats, so that the parts of the integrated
model are alike in truth. Everything is fitted as in a run of the reference recipe.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from threadpoolctl import threadpool_limits

from bench.report import Row
from bench.rows import Run
from bench.timing import now
from modeling.core.explanation.uncertainty import intervals
from modeling.core.performance.discrimination import auc, cross_validated_auc
from modeling.core.performance.shared_training import widening
from modeling.core.recipes import REFERENCE
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.folds import Fold, outer_folds
from modeling.core.study.held_out import fit_folds
from modeling.core.study.refits import draw_refits
from modeling.core.study.training import fit_models
from modeling.core.table import FeatureTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZES, SEED, PROCESSES = (40, 80, 140), 20261, 2
#: Replicates of each size: enough to see a fault, and as the documented table was made (--full).
QUICK_REPLICATES, FULL_REPLICATES = 10, 50
FEATURES, CARRYING, AREA, INTERCEPT = 30, 6, 0.80, -0.25
ASKED, POPULATION = 100, 2_000
ONE = "one_feature"
#: Models whose intervals are asked, as they are called in the table.
ASKED_OF = {"early_fusion": "30 features", "integrated": "fusion of two", ONE: "one feature"}
HALVES = ("whole_tumour", "habitat")
RECIPE = replace(
    REFERENCE,
    name="coverage",
    views=(*HALVES, "early_fusion", "integrated", ONE),
    own_views={ONE: {"columns": ["whole_tumour|post|f00"]}},
)


def area_of(spread: float) -> float:
    """Return the area under the ROC curve of true log-odds with this standard deviation, by integration."""
    z = np.linspace(-8, 8, 4001)
    p = expit(INTERCEPT + spread * z)
    weight = np.exp(-(z**2) / 2)
    events, others = weight * p, weight * (1 - p)
    return float((events * (np.cumsum(others) - others / 2)).sum() / (events.sum() * others.sum()))


SPREAD = float(brentq(lambda spread: area_of(spread) - AREA, 0.3, 4))
#: Every fifth feature carries the response, three of each half.
BETA = np.where(np.arange(FEATURES) % 5 == 0, SPREAD / np.sqrt(CARRYING), 0.0)
COLUMNS = tuple(f"{HALVES[f // 15]}|post|f{f:02d}" for f in range(FEATURES))


def probability_given(X: Floats, known: Sequence[int]) -> Floats:
    """Return the true probability of patients of whom only some features are known: the mean over all others."""
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    hidden = np.sqrt(np.sum(np.delete(BETA, known) ** 2))
    log_odds = X[:, known] @ BETA[list(known)] + INTERCEPT
    return np.asarray(expit(log_odds[:, None] + hidden * z) @ (weight / weight.sum()))


@dataclass(frozen=True)
class Replicate:
    """One drawn cohort: by quantity, whether (or how often) an interval held its target, and how wide it was."""

    held: dict[str, float]
    width: dict[str, float]


def replicate(number: int, *, patients: int, seed: int = SEED) -> Replicate:
    """Draw a cohort, fit it as a run does, and compare every interval with the truth."""
    random = np.random.default_rng((seed, patients, number))
    table = _draw(random, patients)
    with threadpool_limits(limits=1):
        models = fit_models(table, RECIPE)
        refits = draw_refits(models, table, RECIPE)
        models = {view: replace(model, refits=refits[view]) for view, model in models.items()}
        found = [_of_patients(models[view], name, table) for view, name in ASKED_OF.items()]
        found.append(_of_areas(models["early_fusion"], table))
    return Replicate(
        {key: value for one in found for key, value in one.held.items()},
        {key: value for one in found for key, value in one.width.items()},
    )


def _draw(random: np.random.Generator, patients: int) -> FeatureTable:
    """Draw training patients with enough of each class, and an external population."""
    while True:
        X = random.normal(size=(patients + POPULATION, FEATURES))
        y = (random.random(len(X)) < expit(X @ BETA + INTERCEPT)).astype(np.int64)
        events = int(y[:patients].sum())
        if min(events, patients - events) >= 2 * RECIPE.minimum_per_class:
            break
    codes = [f"P-{place:05d}" for place in range(len(X))]
    split = np.where(np.arange(len(X)) < patients, "training", "external")
    return FeatureTable(
        pd.DataFrame(X, index=codes, columns=list(COLUMNS)),
        pd.Series(y, index=codes),
        pd.Series("A", index=codes),
        pd.Series(split, index=codes),
        pd.DataFrame(index=codes),
    )


def _of_patients(model: FittedModel, name: str, table: FeatureTable) -> Replicate:
    new = table.X[table.split == "external"].iloc[:ASKED]
    found = intervals(model, new)
    low, high = (np.array([getattr(one, end) for one in found], dtype=float) for end in ("low", "high"))
    values = new.to_numpy()
    candidates = [0] if name == ASKED_OF[ONE] else range(FEATURES)
    chosen = [COLUMNS.index(feature) for feature in model.selected]
    targets = {"true": probability_given(values, list(candidates)), "best": probability_given(values, chosen)}
    held = {f"{name}, {key}": float(np.mean((low <= p) & (p <= high))) for key, p in targets.items()}
    return Replicate(held, {f"{name}, true": float(np.mean(high - low))})


def _of_areas(final: FittedModel, table: FeatureTable) -> Replicate:
    """Compare the interval of nested cross-validation with the areas of its models, and of the final one."""
    population = tuple(table.X.index[table.split == "external"])
    folds = outer_folds(table, RECIPE)
    asked = [Fold(fold.name, fold.train, fold.test + population) for fold in folds]
    fitted = fit_folds(table, RECIPE, asked, views=("early_fusion",))
    truth = table.outcomes(population)
    places = {code: place for place, code in enumerate(table.codes("training"))}
    p = np.empty((len(places), RECIPE.cv_repeats))
    number = np.empty(p.shape, dtype=np.int64)
    own = []
    for k, (fold, one) in enumerate(zip(folds, fitted, strict=True)):
        rows, repeat = [places[code] for code in fold.test], k // RECIPE.cv_folds
        number[rows, repeat] = k % RECIPE.cv_folds
        p[rows, repeat] = one["early_fusion"].p[: len(rows)]
        own.append(auc(truth, one["early_fusion"].p[len(fold.test) :]))
    y = table.outcomes(table.codes("training"))
    area = cross_validated_auc(y, p, number)
    targets = {"its models": np.mean(own), "final": auc(truth, final.predict_proba(table.X.loc[list(population)]))}
    held, width = {}, {}
    for wide, name in (
        (1.0, "nested"),
        (1 / widening(RECIPE.cv_folds), "LeDell alone"),
    ):
        half = 1.959964 * wide * area.standard_error
        width[f"{name}, final"] = 2 * half
        held |= {f"{name}, {key}": float(abs(area.auc - target) <= half) for key, target in targets.items()}
    return Replicate(held, width)


def simulate(patients: int, replicates: int, *, each: Callable[..., Iterable[Replicate]] = map) -> dict[str, str]:
    """Return the share held of every quantity with its Monte Carlo error, and the mean width."""
    found = list(each(partial(replicate, patients=patients), range(replicates)))
    return {
        key: _share([one.held[key] for one in found], [one.width.get(key) for one in found]) for key in found[0].held
    }


def _share(held: list[float], width: list[float | None]) -> str:
    error = np.std(held, ddof=1) / np.sqrt(len(held)) if len(held) > 1 else np.nan
    known = [one for one in width if one is not None]
    wide = f", width {np.mean(known):.2f}" if known else ""
    return f"{100 * np.mean(held):.1f} ± {100 * error:.1f} %{wide}"


def coverage(run: Run) -> list[Row]:
    """Every quantity at every size."""
    replicates = FULL_REPLICATES if run.full else QUICK_REPLICATES
    rows = []
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for patients in SIZES:
            run.say(f"coverage with {patients} training patients, {replicates} replicates, seed {SEED}")
            start = now()
            found = simulate(patients, replicates, each=pool.map)
            seconds = now() - start
            rows += [
                Row(f"coverage, {patients} patients: {key}", seconds if place == 0 else None, agreement=text)
                for place, (key, text) in enumerate(found.items())
            ]
    return rows

"""The default analysis of a study's size: time, memory, and the ratio to scikit-learn's plain cross-validation.

The table is synthetic: correlated columns, a weak signal, and supervoxels that every fold clusters anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_score

from bench.alone import peak_gb
from bench.planted import Planted
from bench.report import Row
from bench.rows import Run
from bench.timing import now
from imaging.core.geometry import Grid
from imaging.core.supervoxel_graph import SupervoxelGraph, graph_of
from imaging.core.supervoxels import Supervoxels
from modeling.core.estimators.build import build
from modeling.core.explanation.explain import importance
from modeling.core.recipes import STANDARD, Recipe
from modeling.core.study.analyse import analyse
from modeling.core.study.folds import Fold, outer_folds
from modeling.core.study.nested import nested_cv
from modeling.core.table import FeatureTable, assign_splits

PATIENTS, COLUMNS = 394, 3_948
#: Outer folds of the plain cross-validation that are timed; the rest takes as long.
_PLAIN_FOLDS = 5
_LATENT = 60
#: Columns of each timepoint that follow the response, and by how much, in standard deviations.
_INFORMATIVE, _EFFECT = 40, 0.35
_SUPERVOXELS = 50
_KINDS = 3


def synthetic_study(patients: int = PATIENTS, columns: int = COLUMNS, *, seed: int = 7) -> Planted:
    """Draw a study: half of the patients train, columns share latent factors, habitats shift with the response."""
    rng = np.random.default_rng(seed)
    codes = [f"P-{number:04d}" for number in range(patients)]
    y = pd.Series((rng.random(patients) < 0.45).astype(int), index=codes)
    centre = pd.Series(list("ABCA" * (patients // 4 + 1))[:patients], index=codes)
    split = assign_splits(codes, y, centre, training_centre="A", seed=seed)
    X = pd.DataFrame(_columns(rng, y.to_numpy(), columns), index=codes, columns=_names(columns))
    size = X.columns[X.columns.str.contains("MeshVolume|Diameter")]
    X[size] = np.exp(X[size] / 4 + 9)
    X["clinical|age_years"] = rng.normal(63, 8, patients)
    X["clinical|squamous"] = rng.integers(0, 2, patients).astype(float)
    graphs = {
        f"{code} {time}": _graph(rng, responder=bool(y[code]) and time == "post")
        for code in codes
        for time in ("pre", "post")
    }
    study = Planted(FeatureTable(X, y, centre, split.loc[codes], _facts(rng, codes)), graphs, seed)
    learned = study.habitat_columns([code for code in codes if split[code] == "training"])
    return replace(study, table=replace(study.table, X=X.join(learned)))


def _columns(rng: np.random.Generator, y: NDArray[np.int64], columns: int) -> NDArray[np.float64]:
    factors = rng.normal(size=(len(y), _LATENT)) @ rng.normal(size=(_LATENT, columns)) / np.sqrt(_LATENT)
    values = factors + 0.5 * rng.normal(size=factors.shape)
    informed = rng.choice(columns, min(3 * _INFORMATIVE, columns), replace=False)
    values[:, informed] += _EFFECT * y[:, None]
    return np.asarray(values)


def _names(columns: int) -> list[str]:
    each = columns // 3
    own = ["original_shape_MeshVolume", "original_shape_Maximum3DDiameter"]
    names = own + [f"original_drawn_{number}" for number in range(each - len(own))]
    return [f"whole_tumour|{time}|{name}" for time in ("pre", "post", "delta") for name in names]


def _graph(rng: np.random.Generator, *, responder: bool) -> SupervoxelGraph:
    """Draw cubes of 3 x 3 x 3 voxels of three kinds; a responder has more of the first after treatment."""
    labels = np.kron(np.arange(1, _SUPERVOXELS + 1).reshape(2, 5, 5), np.ones((3, 3, 3), dtype=np.int64))
    kind = rng.choice(_KINDS, _SUPERVOXELS, p=(0.5, 0.25, 0.25) if responder else (0.34, 0.33, 0.33))
    centres = np.random.default_rng(1).normal(size=(_KINDS, 40)) * 1.5
    return graph_of(
        Supervoxels(
            labels=labels.astype(np.int32),
            descriptors=centres[kind] + rng.normal(size=(_SUPERVOXELS, 40)),
            mean_hu=60.0 * kind + rng.normal(0, 10, _SUPERVOXELS),
            voxels=np.full(_SUPERVOXELS, 27, dtype=np.int64),
            grid=Grid(labels.shape, (1.0, 1.0, 1.0)),
            spec_digest="synthetic",
        )
    )


def _facts(rng: np.random.Generator, codes: list[str]) -> pd.DataFrame:
    words = {"sex": ("female", "male"), "histology": ("adenocarcinoma", "squamous"), "stage": ("II", "III")}
    drawn = {f"subgroup|{name}": rng.choice(levels, len(codes)) for name, levels in words.items()}
    return pd.DataFrame(drawn | {"order|days": rng.permutation(len(codes)).astype(float)}, index=codes)


@dataclass(frozen=True)
class Measurement:
    """Seconds of one cross-validation of every view in both ways over the same outer folds, one thread each."""

    shared_s: float
    plain_s: float
    folds: int


def measure_cross_validation(cohort: Planted, recipe: Recipe) -> Measurement:
    """Time our cross-validation of all views together, and scikit-learn's of one view after the other."""
    start = now()
    nested_cv(cohort.table, recipe, views=recipe.views)
    shared = now() - start
    folds = outer_folds(cohort.table, recipe)
    timed = folds[: min(_PLAIN_FOLDS, len(folds))]
    start = now()
    for view in recipe.views:
        _plain(cohort.table, recipe, view, timed)
    return Measurement(shared, (now() - start) * len(folds) / len(timed), len(timed))


def _plain(table: FeatureTable, recipe: Recipe, view: str, folds: list[Fold]) -> None:
    """Cross-validate one view as scikit-learn does: every part of it fitted anew, nothing shared."""
    codes = sorted(table.X.index[table.split == "training"])
    columns = table.columns_of(view)
    X, y = table.X.loc[codes, list(columns)].to_numpy(), table.y.loc[codes].to_numpy()
    place = {code: row for row, code in enumerate(codes)}
    pairs = [([place[c] for c in fold.train], [place[c] for c in fold.test]) for fold in folds]
    cross_val_score(build(view, recipe, columns=columns), X, y, cv=pairs, scoring="roc_auc", error_score="raise")


def study(run: Run) -> list[Row]:
    """The standard recipe on a table of the study's size; with --full all of it, otherwise two repeats."""
    recipe = STANDARD if run.full else replace(STANDARD, name="shorter", cv_repeats=2)
    run.say(f"a study of {PATIENTS} patients and {COLUMNS:,} columns")
    cohort = synthetic_study()
    start = now()
    found_models = analyse(cohort.table, recipe, sources=cohort.sources).models
    for model in found_models.values():
        importance(model)
    seconds, memory = now() - start, peak_gb()
    run.say("its cross-validation alone, and scikit-learn's")
    found = measure_cross_validation(cohort, recipe)
    repeats = f"{recipe.cv_folds} x {recipe.cv_repeats}"
    return [
        Row(
            f"the whole analysis of {PATIENTS} patients, {COLUMNS:,} columns and habitats",
            seconds,
            note=f"nested {repeats}, bootstrap {recipe.bootstraps:,}, Shapley values, one thread; peak memory {memory:.2f} GB.",
        ),
        Row(
            f"its cross-validation ({repeats}, {len(recipe.views)} views), one thread",
            found.shared_s,
            "scikit-learn cross_val_score",
            found.plain_s,
            note=f"the same folds and estimators without sharing; {found.folds} folds were timed, the rest reckoned.",
        ),
    ]

"""Images with a planted response, through the whole method: do models find what was put in, and nothing else?

Tumours of the demonstration's plan, each in a block of plain lung and scanned as its centre does; whole-tumour
features of the original image, supervoxels, habitats learned in every fold, and the study as a user runs it.
What to expect is drawn from the plan alone, before any image is made.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.report import Row
from bench.rows import Run
from bench.timing import now
from imaging.core.codebook import Codebook, fit_codebook
from imaging.core.feature_vector import FeatureVector
from imaging.core.features import extract
from imaging.core.phantom import PLANTED, PatientTruth, plan_cohort, render_tumour
from imaging.core.spec import ExtractionSpec, HabitatSpec, RadiomicsSpec
from imaging.core.supervoxel_graph import SupervoxelGraph, graph_of
from imaging.core.supervoxels import supervoxels
from modeling.core.recipes import STANDARD, Recipe
from modeling.core.study.analyse import StudyResult, analyse
from modeling.core.study.fold_sources import FoldSources
from modeling.core.table import FeatureTable, assign_splits
from modeling.services.columns import habitat_rows, image_columns, interquartile_ranges

PATIENTS, SEED, PROCESSES = 394, 2026, 2
VIEWS = ("volume_change", "whole_tumour", "habitat", "integrated")
#: The signals that the columns of a view must show, in the order of `_R`. They may show others, too: size shows in
#: every volume, and where the dense habitat lies changes edge and texture of the whole tumour.
SEES = {"volume_change": (0,), "whole_tumour": (0, 1), "habitat": (2,), "integrated": (0, 1, 2)}
_R = np.array([PLANTED.shrinkage_r, PLANTED.texture_r, PLANTED.mixing_r])
#: Correlation of what is measured with what is planted: assumed at worst, and at best.
RECOVERY = (0.8, 1.0)


def spec(spacing_mm: float) -> ExtractionSpec:
    """The original image only; habitats as in every protocol, on voxels of the same size."""
    radiomics = RadiomicsSpec(resampled_spacing_mm=spacing_mm, log_sigma_mm=(), wavelet=False)
    return ExtractionSpec("planted", radiomics, HabitatSpec(spacing_mm=spacing_mm))


# What to expect.


@dataclass(frozen=True)
class Expected:
    """Planned external AUC of each view, lowest and highest, and how often the planned order shows."""

    intervals: Mapping[str, tuple[float, float]]
    order: float


def expect(patients: int, *, draws: int = 300, seed: int = 1) -> Expected:
    """Plan the external AUC of every view from the planted correlations alone.

    Cohorts of the same size, rate and centres are drawn, the signals recovered as well as `RECOVERY` says, a
    linear model fitted on the training patients, and its AUC taken on the external ones. The lowest
    expectation is the 2.5th percentile where a view recovers only the signals that it must see, badly; the
    highest the 97.5th where it recovers all that it may see, perfectly. Order: the share of the draws, at the worst
    recovery, in which the integrated view leads both others and the whole tumour leads its volume.
    """
    rng = np.random.default_rng(seed)
    worst, best = (np.array([_aucs(patients, recovery, rng) for _ in range(draws)]) for recovery in RECOVERY)
    low, high = np.percentile(worst[:, 0], 2.5, axis=0), np.percentile(best[:, 1], 97.5, axis=0)
    volume, whole, habitat, integrated = worst[:, 0].T
    order = float(np.mean((integrated > habitat) & (integrated > whole) & (whole > volume)))
    return Expected({v: (float(a), float(b)) for v, a, b in zip(VIEWS, low, high, strict=True)}, order)


def _aucs(patients: int, recovery: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give the external AUC by view of one drawn cohort, from the signals each must and each may see, shape (2, 4)."""
    response = rng.standard_normal(patients)
    signals = _R * response[:, None] + np.sqrt(1 - _R**2) * rng.standard_normal((patients, 3))
    seen = recovery * signals + np.sqrt(1 - recovery**2) * rng.standard_normal(signals.shape)
    y = response > np.quantile(response, 1 - PLANTED.mpr_rate)
    home, away = np.arange(patients // 2 * 7 // 10), np.arange(patients // 2, patients)
    found = {}
    for columns in {*SEES.values(), (0,), (0, 1, 2)}:
        shown = seen[:, list(columns)]
        weights = _discriminant(shown[home], y[home])
        found[columns] = _auc(y[away], shown[away] @ weights)
    must = [found[SEES[view]] for view in VIEWS]
    may = [found[(0,) if view == "volume_change" else (0, 1, 2)] for view in VIEWS]
    return np.array([must, may])


def _discriminant(values: NDArray[np.float64], y: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give Fisher's weights: what a logistic regression finds of normal signals, many times faster."""
    spread = np.atleast_2d(sum(np.cov(values[y == kind], rowvar=False) for kind in (True, False)))
    return np.asarray(np.linalg.solve(spread, values[y].mean(axis=0) - values[~y].mean(axis=0)))


def _auc(y: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Give the area under the curve of scores without ties."""
    ranks = score.argsort().argsort() + 1
    events = int(y.sum())
    return float((ranks[y].sum() - events * (events + 1) / 2) / (events * (len(y) - events)))


# What is found.


@dataclass(frozen=True, eq=False)
class Planted:
    """A measured cohort: its table, the graphs of its scans, and what each fold learns anew."""

    table: FeatureTable
    graphs: Mapping[str, SupervoxelGraph]
    seed: int

    @property
    def sources(self) -> FoldSources:
        """What `analyse` asks of each fold."""
        return FoldSources(habitats=self.habitat_columns)

    def habitat_columns(self, codes: Sequence[str]) -> pd.DataFrame:
        """Give the habitat columns of all patients under a codebook of some of them."""
        return habitat_rows(_scans(self.table.X.index), self.graphs, _codebook(self.graphs, codes, self.seed))

    def permuted(self, seed: int) -> Planted:
        """Give the same images with outcomes dealt at random within each split."""
        rng = np.random.default_rng(seed)
        y = self.table.y.copy()
        for split in self.table.split.unique():
            here = self.table.split == split
            y[here] = rng.permutation(y[here])
        return replace(self, table=replace(self.table, y=y))


@dataclass(frozen=True, eq=False)
class Measured:
    """What is taken from both scans of one patient."""

    code: str
    features: tuple[FeatureVector, FeatureVector]
    graphs: tuple[SupervoxelGraph, SupervoxelGraph]


def measure_patient(truth: PatientTruth, *, spacing_mm: float) -> Measured:
    """Render and measure both scans."""
    features, graphs = [], []
    for time in ("pre", "post"):
        scan = render_tumour(truth, time)
        features.append(extract(scan.volume, scan.mask, spec(spacing_mm)))
        graphs.append(graph_of(supervoxels(scan.volume, scan.mask, spec(spacing_mm).habitats)))
    return Measured(truth.code, (features[0], features[1]), (graphs[0], graphs[1]))


def measure_cohort(
    patients: int, *, seed: int = SEED, spacing_mm: float = 1.0, each: Callable[..., Iterable[Measured]] | None = None
) -> Planted:
    """Measure a planned cohort; `each` maps a function over patients, in this process unless told otherwise."""
    truths = plan_cohort(patients, seed=seed)
    work = partial(measure_patient, spacing_mm=spacing_mm)
    measured = list(each(work, truths)) if each else [work(truth) for truth in truths]
    graphs = {key: graph for one in measured for key, graph in zip(_keys(one.code), one.graphs, strict=True)}
    codes = [truth.code for truth in truths]
    y = pd.Series([int(truth.is_mpr) for truth in truths], index=codes)
    centre = pd.Series([str(truth.centre) for truth in truths], index=codes)
    split = assign_splits(codes, y, centre, training_centre="A", seed=seed)
    training = [one for one in measured if split[one.code] == "training"]
    before = [one.features[0] for one in training]
    spread = interquartile_ranges(before[0].names, np.stack([vector.values for vector in before]))
    whole = {one.code: image_columns("whole_tumour", *one.features, training_iqr=spread) for one in measured}
    codebook = _codebook(graphs, [one.code for one in training], seed)
    X = pd.DataFrame.from_dict(whole, orient="index").join(habitat_rows(_scans(codes), graphs, codebook))
    facts = pd.DataFrame({"order|days": [t.clinical.first_dose_on.toordinal() for t in truths]}, index=codes)
    return Planted(FeatureTable(X, y, centre, split.loc[codes], facts), graphs, seed)


def _keys(code: str) -> tuple[str, str]:
    return f"{code} pre", f"{code} post"


def _scans(codes: Iterable[str]) -> dict[str, tuple[str, str]]:
    return {str(code): _keys(str(code)) for code in codes}


def _codebook(graphs: Mapping[str, SupervoxelGraph], codes: Sequence[str], seed: int) -> Codebook:
    scans = [graphs[key] for code in sorted(codes) for key in _keys(code)]
    return fit_codebook(scans, seed=seed, n_init=10, most_per_scan=20, stability_resamples=0)


def external_aucs(found: StudyResult) -> dict[str, float]:
    """Give the AUC of each view on the external centres together."""
    rows = {view: [r for r in found.evaluations[view] if r.split == "external"] for view in found.models}
    return {view: next(row.auc for row in of_view if row.centre is None) or 0.0 for view, of_view in rows.items()}


def planted(run: Run) -> list[Row]:
    """All patients of the plan, with the standard recipe; then the same images with permuted outcomes."""
    run.say(f"a planted cohort of {PATIENTS} patients")
    start = now()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        cohort = measure_cohort(PATIENTS, each=lambda work, truths: pool.map(work, truths, chunksize=8))
    measured = now() - start
    recipe = replace(STANDARD, name="planted", views=VIEWS)
    found = _study(cohort, recipe)
    null = _study(cohort.permuted(1), recipe)
    expected, aucs = expect(PATIENTS), external_aucs(found)
    parts = [f"{v} {aucs[v]:.3f} (planned {a:.2f} to {b:.2f})" for v, (a, b) in expected.intervals.items()]
    silent = any("no sign" in sentence for sentence in null.warnings)
    note = (
        f"external AUC: {', '.join(parts)}; the order is expected in {expected.order:.0%} of such cohorts. Permuted "
        f"outcomes are {'' if silent else 'NOT '}reported as without signal. Measuring took {measured:.0f} s."
    )
    return [Row(f"planted cohort of {PATIENTS} patients, images to study, twice", now() - start, note=note)]


def _study(cohort: Planted, recipe: Recipe) -> StudyResult:
    return analyse(cohort.table, recipe, sources=cohort.sources)

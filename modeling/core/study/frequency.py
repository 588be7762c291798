"""How often a feature is selected when the training patients are drawn again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from modeling.core.errors import TooFewPatients
from modeling.core.estimators.view_model import ViewModel
from modeling.core.recipes import Recipe
from modeling.core.study.fitted_model import FittedModel
from modeling.core.table import FeatureTable
from modeling.core.views import own_views, parts_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def selection_frequency(
    models: Mapping[str, FittedModel],
    table: FeatureTable,
    recipe: Recipe,
    *,
    icc: Mapping[str, float] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> dict[str, dict[str, float]]:
    """Give the share of stratified bootstrap samples in which each feature is selected.

    Parameters
    ----------
    models : mapping of str to FittedModel
        Of one set of training patients; a fusion has the frequencies of its parts.
    table : FeatureTable
        Only the patients that the models were fitted on are looked at.
    recipe : Recipe
        Number of samples and seed.
    icc : mapping of str to float, optional
    on_step : callable, optional
        Called with a note after each view.

    Returns
    -------
    dict of str to dict of str to float
        View → feature → share; empty for a recipe without such samples.
    """
    own = own_views(recipe.own_views)
    counts: dict[str, dict[str, float]] = {}
    with threadpool_limits(limits=1):
        for view, model in models.items():
            if isinstance(model.estimator, ViewModel) and recipe.selection_bootstraps:
                job = _job(model, model.estimator, table, icc)
                drawn = (job.select((recipe.seed, number)) for number in range(recipe.selection_bootstraps))
                found = [names for names in drawn if names is not None]
                chosen = Counter(name for names in found for name in names)
                counts[view] = {name: n / len(found) for name, n in sorted(chosen.items())}
            if on_step is not None:
                on_step(f"selecting again for {view}")
    return {
        view: counts.get(view)
        or {name: share for part in parts_of(view, own=own) for name, share in counts.get(part, {}).items()}
        for view in models
    }


def _job(model: FittedModel, estimator: ViewModel, table: FeatureTable, icc: Mapping[str, float] | None) -> _Job:
    codes, columns = model.fitted_on, model.columns
    return _Job(
        estimator,
        columns,
        table.X.loc[list(codes), list(columns)].to_numpy(dtype=np.float64),
        table.outcomes(codes),
        table.centres(codes),
        None if icc is None else np.array([icc.get(column, np.nan) for column in columns]),
    )


@dataclass(frozen=True, eq=False)
class _Job:
    """One view and its training patients, of whom samples are drawn."""

    model: ViewModel
    columns: Sequence[str]
    X: Floats
    y: Ints
    centre: NDArray[np.str_]
    icc: Floats | None

    def select(self, seed: Sequence[int]) -> tuple[str, ...] | None:
        rows = self._draw(np.random.default_rng(seed))
        chain = clone(self.model.chain)
        try:
            chain.fit(self.X[rows], self.y[rows], centre=self.centre[rows], icc=self.icc)
        except TooFewPatients:  # a sample with too few patients of a centre that is harmonised
            return None
        names: tuple[str, ...] = chain.names(self.columns)
        return names

    def _draw(self, random: np.random.Generator) -> Ints:
        groups = (np.flatnonzero(self.y == label) for label in (0, 1))
        return np.sort(np.concatenate([random.choice(group, size=len(group)) for group in groups]))

"""The selection repeated on resamples of the training patients: how often a feature is chosen, and what refits need to speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from modeling.core.errors import TooFewPatients
from modeling.core.estimators.preprocessing import source_columns
from modeling.core.estimators.view_model import ViewModel
from modeling.core.recipes import Recipe
from modeling.core.study.fitted_model import FittedModel, Refits
from modeling.core.table import FeatureTable
from modeling.core.views import own_views, parts_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draw_refits(
    models: Mapping[str, FittedModel],
    table: FeatureTable,
    recipe: Recipe,
    *,
    icc: Mapping[str, float] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> dict[str, dict[str, Refits]]:
    """Repeat the selection of every view on stratified bootstrap samples of its training patients.

    The parts of a fusion share the samples, so that the fusion can be learned again from them.

    Parameters
    ----------
    models : mapping of str to FittedModel
        Of one set of training patients.
    table : FeatureTable
        Only the patients that the models were fitted on are looked at.
    recipe : Recipe
        Number of samples (``selection_bootstraps``) and seed.
    icc : mapping of str to float, optional
        Column → intraclass correlation.
    on_step : callable, optional
        Called with a note after each view.

    Returns
    -------
    dict of str to dict of str to Refits
        Model → each view that it is made of → its samples. Without samples, or without a model of one of its
        parts, a model has none.

    References
    ----------
    Riley & Collins, Biom J 2023;65:2200302: the stability of predictions, by repeating the whole development.
    """
    own = own_views(recipe.own_views)
    found: dict[str, Refits] = {}
    with threadpool_limits(limits=1):
        for view, model in models.items():
            if isinstance(model.estimator, ViewModel) and recipe.selection_bootstraps:
                found[view] = _job(model, model.estimator, table, icc).refits(recipe)
            if on_step is not None:
                on_step(f"selecting again for {view}")
    parts = {view: parts_of(view, own=own) or (view,) for view in models}
    return {
        view: {part: found[part] for part in names} if all(part in found for part in names) else {}
        for view, names in parts.items()
    }


def selection_frequency(refits: Mapping[str, Refits]) -> dict[str, float]:
    """Return the share of samples in which each feature was selected, by feature; a fusion has those of its parts."""
    return {name: share for one in refits.values() for name, share in _shares(one.selected).items()}


def _shares(selected: Sequence[Sequence[str]]) -> dict[str, float]:
    chosen = Counter(name for names in selected for name in names)
    return {name: n / len(selected) for name, n in sorted(chosen.items())}


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

    def refits(self, recipe: Recipe) -> Refits:
        done = list(self._each((recipe.seed, number) for number in range(recipe.selection_bootstraps)))
        selected = tuple(names for _, names in done)
        drawn = np.array([rows for rows, _ in done], dtype=np.int32).reshape(len(done), len(self.y))
        # Scaling looks at one column at a time, so that a refit needs no column but those it selected.
        wanted = {column for names in selected for name in names for column in source_columns(name)}
        columns = tuple(column for column in self.columns if column in wanted)
        values = self.X[:, [place for place, column in enumerate(self.columns) if column in wanted]]
        return Refits(columns=columns, values=values, drawn=drawn, selected=selected)

    def _each(self, seeds: Iterator[tuple[int, int]]) -> Iterator[tuple[Ints, tuple[str, ...]]]:
        for seed in seeds:
            rows = self._draw(np.random.default_rng(seed))
            chain = clone(self.model.chain)
            try:
                chain.fit(self.X[rows], self.y[rows], centre=self.centre[rows], icc=self.icc)
            except TooFewPatients:  # a sample with too few patients of a centre that is harmonised
                continue
            yield rows, chain.names(self.columns)

    def _draw(self, random: np.random.Generator) -> Ints:
        groups = (np.flatnonzero(self.y == label) for label in (0, 1))
        return np.sort(np.concatenate([random.choice(group, size=len(group)) for group in groups]))

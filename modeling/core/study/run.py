"""The fits of one study, one after the other, with one count of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from modeling.core.explanation.familiarity import scan_profile
from modeling.core.recipes import Recipe
from modeling.core.study.feasibility import fittable_views, require_enough
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.fold_sources import FoldSources
from modeling.core.study.folds import centre_folds, later_fold, outer_folds
from modeling.core.study.nested import Held, Nested, leave_one_centre_out, nested_cv, temporal
from modeling.core.study.refits import draw_refits, selection_frequency
from modeling.core.study.training import fit_models
from modeling.core.table import FeatureTable

OnProgress = Callable[[str, int, int], None]


@dataclass(eq=False)
class StudyRun:
    """The fits of one study, which share the table, the recipe and the count of steps."""

    table: FeatureTable
    recipe: Recipe
    sources: FoldSources
    on_progress: OnProgress | None
    done: int = 0

    def __post_init__(self) -> None:
        training = self.table.codes("training")
        require_enough(self.table.outcomes(training), self.recipe)
        self.views = fittable_views(self.table, self.recipe)
        # A model that harmonises has no estimate for a hospital that it was not fitted on.
        self.centres = centre_folds(self.table, self.recipe)[0] if self.recipe.harmonise == "none" else {}
        later, _ = later_fold(self.table, self.recipe)
        folds = len(outer_folds(self.table, self.recipe)) + len(self.centres) + (later is not None)
        # Beside the folds each view is fitted once and then drawn again for the frequencies.
        self.total = len(self.views) * (folds + 2)
        self.icc = self.sources.icc(training) if self.sources.icc else None

    def fit(self) -> dict[str, FittedModel]:
        """Fit every view on all training patients, and repeat its selection on resamples of them."""
        models = fit_models(
            self.table, self.recipe, icc=self.icc, on_progress=lambda view, *_: self._step(f"fitting {view}")
        )
        refits = draw_refits(models, self.table, self.recipe, icc=self.icc, on_step=self._step)
        facts = self.table.facts
        return {
            view: replace(
                model,
                scans=scan_profile(facts.loc[list(model.fitted_on)]),
                selection_frequency=selection_frequency(refits[view]),
                refits=refits[view],
            )
            for view, model in models.items()
        }

    def nested(self) -> dict[str, Nested]:
        """Cross-validate every view."""
        return nested_cv(self.table, self.recipe, **self._shared())

    def centres_out(self) -> dict[str, dict[str, Held]]:
        """Hold out one hospital after the other."""
        if not self.centres:
            return {}
        return leave_one_centre_out(self.table, self.recipe, **self._shared())

    def later_out(self) -> dict[str, Held]:
        """Hold out the later patients of the training hospital."""
        return temporal(self.table, self.recipe, **self._shared())

    def _shared(self) -> dict[str, Any]:
        return {"views": self.views, "sources": self.sources, "on_progress": self._step}

    def _step(self, note: str) -> None:
        self.done += 1
        if self.on_progress is not None:
            self.on_progress(note, self.done, self.total)

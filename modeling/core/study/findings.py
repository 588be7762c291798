"""What a study says beyond the measures of each model: subgroups, sample size, centres, and warnings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd
from scipy import stats

from modeling.core.errors import UnseenCentre
from modeling.core.estimators.harmonise import centre_predictability
from modeling.core.performance.measure import EvaluationResult
from modeling.core.performance.reclassification import integrated_discrimination, net_reclassification
from modeling.core.performance.sample_size import SampleSizeAdvice
from modeling.core.performance.subgroups import SubgroupRow, forest
from modeling.core.recipes import Recipe
from modeling.core.study.feasibility import available_views
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.folds import ORDER, centre_folds, later_fold
from modeling.core.study.validation import Predictions
from modeling.core.table import FeatureTable

SUBGROUP = "subgroup|"

#: Splits of patients that the final models have not seen.
TESTS = ("internal_test", "external")
#: An area of guessing the centre above which it is worth a sentence (our choice).
TELLING = 0.8


@dataclass(frozen=True)
class ReclassificationRow:
    """What one model moves beyond another on one split; see `performance.reclassification`."""

    split: str
    model: str
    reference: str
    index: str
    n: int
    events: int
    total: float | None
    low: float | None
    high: float | None
    of_events: float | None
    of_events_low: float | None
    of_events_high: float | None
    of_non_events: float | None
    of_non_events_low: float | None
    of_non_events_high: float | None
    reason: str
    caution: str


def reclassification(
    found: Mapping[str, Mapping[str, Predictions]], *, model: str, recipe: Recipe
) -> list[ReclassificationRow]:
    """Give the continuous net reclassification and the integrated discrimination of one model beyond each other.

    Parameters
    ----------
    found : mapping of str to mapping of str to Predictions
        Model → split → predictions; only the tests of the final models are used.
    model : str
    recipe : Recipe
        Resamples and seed.
    """
    rows = []
    for reference, split in itertools.product(found, TESTS):
        if reference == model or split not in found[model]:
            continue
        y, new = found[model][split].outcomes, found[model][split].probabilities
        old = found[reference][split].probabilities
        for one in (
            net_reclassification(y, old, new, bootstraps=recipe.bootstraps, seed=recipe.seed),
            integrated_discrimination(y, old, new, bootstraps=recipe.bootstraps, seed=recipe.seed),
        ):
            rows.append(ReclassificationRow(split, model, reference, **asdict(one)))
    return rows


def subgroups(table: FeatureTable, found: Mapping[str, Predictions]) -> list[SubgroupRow]:
    """Give the area of one model in each kind of test patient that the facts of the table tell apart."""
    tests = [found[split] for split in TESTS if split in found]
    if not tests:
        return []
    y, p = pd.concat([one.y for one in tests]), pd.concat([one.p for one in tests])
    facts = table.facts.loc[y.index]
    groups = facts[[name for name in facts.columns if name.startswith(SUBGROUP)]]
    groups = groups.rename(columns=lambda name: name.removeprefix(SUBGROUP))
    if table.centre.loc[y.index].nunique() > 1:
        groups = groups.assign(centre=table.centre.loc[y.index])
    both = Predictions(y, p)
    return forest(both.outcomes, both.probabilities, groups)


def predictability(models: Mapping[str, FittedModel], table: FeatureTable, *, seed: int) -> dict[str, float | None]:
    """Say how well the final features of each model tell the centre, as an area."""
    found: dict[str, float | None] = {}
    for view, model in models.items():
        try:
            scores = model.scores(table.X, centre=table.centre.tolist())
            found[view] = centre_predictability(scores, table.centres(table.X.index), seed=seed)
        except UnseenCentre:
            found[view] = None
    return found


def warnings(
    table: FeatureTable,
    recipe: Recipe,
    evaluations: Mapping[str, Sequence[EvaluationResult]],
    advice: SampleSizeAdvice,
    telling: Mapping[str, float | None],
) -> tuple[str, ...]:
    """Give the sentences that a reader should not miss."""
    return (
        *no_signal(evaluations),
        *(() if advice.enough else (advice.sentence,)),
        *_telling_centres(telling),
        *(reason for reason in available_views(table, recipe).values() if reason),
        *_not_held_out(table, recipe),
    )


def no_signal(evaluations: Mapping[str, Sequence[EvaluationResult]]) -> Iterator[str]:
    """Yield a sentence if no model's nested area lies above chance, or if that cannot be told because there is no interval."""
    nested = {view: row for view, found in evaluations.items() for row in found if row.split == "nested_cv"}
    areas = {view: row.auc for view, row in nested.items() if row.auc is not None}
    known = {
        view: widened_low(row.auc, row.auc_low, models=len(nested))
        for view, row in nested.items()
        if row.auc is not None and row.auc_low is not None
    }
    perfect = [view for view, area in areas.items() if area >= 1 - 1e-12 and view not in known]
    for view in perfect:
        yield (
            f"The model {view} separates the classes perfectly in nested cross-validation, so no interval of its area can "
            f"be given. A column that tells the outcome does that, and so does chance among few patients."
        )
    if perfect or any(low > 0.5 for low in known.values()):
        return
    if not known:
        yield (
            "Whether any model does better than chance cannot be told: in nested cross-validation no interval of an area "
            "under the ROC curve can be given."
        )
        return
    yield (
        "There is no sign that any model does better than chance: in nested cross-validation no interval of an area "
        "under the ROC curve, widened for the number of models, lies above 0.5."
    )


def widened_low(area: float, low: float, *, models: int) -> float:
    """Return the lower end of the interval of an area from nested cross-validation, widened for the number of models.

    Of many models one lies above chance by chance (Bonferroni). That the test folds share their training patients is
    part of the interval already (`performance.shared_training`).
    """
    wider = float(stats.norm.ppf(1 - 0.025 / max(1, models)) / stats.norm.ppf(0.975))
    return area - wider * (area - low)


def _telling_centres(telling: Mapping[str, float | None]) -> Iterator[str]:
    for view, area in telling.items():
        if area is not None and area > TELLING:
            yield (
                f"The features of the model {view} tell the hospital (area {area:.2f}): differences between hospitals "
                f"may stand in for differences between patients."
            )


def _not_held_out(table: FeatureTable, recipe: Recipe) -> Iterator[str]:
    if recipe.harmonise != "none":
        yield (
            "Models that harmonise hospitals have no estimate for one that they were not fitted on: no hospital was "
            "held out, and hospitals outside training were not tested."
        )
    _, reasons = centre_folds(table, recipe)
    for centre, reason in reasons.items():
        yield f"The centre {centre} was not held out by itself. {reason}"
    if ORDER in table.facts:
        _, reason = later_fold(table, recipe)
        if reason:
            yield f"There is no temporal test. {reason}"

"""A table that was brought, from its bytes to a report for machines and the files beside it. No clock, no database."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from modeling.core.own_table.choices import Choices
from modeling.core.own_table.file import read_table
from modeling.core.own_table.intake import Intake, take_in
from modeling.core.own_table.outputs import files_of_study, files_of_survival, json_file, plain
from modeling.core.own_table.own_views import given_name
from modeling.core.recipes import Recipe
from modeling.core.study.analyse import StudyResult, analyse
from modeling.core.study.feasibility import fittable_views
from modeling.core.study.size import advise_table
from modeling.core.survival.study import SurvivalResult, SurvivalTable, analyse_survival
from modeling.core.table import FeatureTable

OnProgress = Callable[[str, int, int], None]

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "skops")
#: Events below which a test of a survival model says little (Collins et al., Stat Med 2016;35:214-226).
_EVENTS_ADVISED = 100


@dataclass(frozen=True, eq=False)
class Analysed:
    """What came of a table: the report, ready for JSON, and files by name."""

    report: dict[str, Any]
    files: dict[str, bytes]


def prepared(content: bytes, choices: Choices, recipe: Recipe) -> tuple[Intake, Recipe]:
    """Check a table and give it with the recipe that has its views.

    Raises
    ------
    ModelingError
        As `modeling.core.own_table.file.read_table` and `modeling.core.own_table.intake.take_in` do.
    """
    intake = take_in(read_table(content), choices)
    return intake, replace(recipe, views=tuple(intake.own_views), own_views=intake.own_views)


def size_advice(intake: Intake, recipe: Recipe) -> dict[str, Any]:
    """Say before anything is fitted whether the training patients are enough.

    Of two outcomes what a study says of the same table afterwards; of a time the recipe's own cap on the number of
    features.
    """
    if intake.time is None:
        table = intake.table()
        return asdict(advise_table(table, recipe, views=fittable_views(table, recipe)))
    y = intake.y[intake.split == "training"]
    n, events = len(y), int(y.sum())
    most = max(1, events // recipe.patients_per_feature)
    sentence = (
        f"{events:,} events among {n:,} patients allow a model of at most {most} feature{'s' * (most != 1)} "
        f"({recipe.patients_per_feature} events for each). To test a model, {_EVENTS_ADVISED} events are advised."
    )
    enough = events >= _EVENTS_ADVISED
    return {"needed": None, "n": n, "events": events, "enough": enough, "sentence": sentence, "criteria": {}}


def analyse_table(
    content: bytes, choices: Choices, recipe: Recipe, *, on_progress: OnProgress | None = None
) -> Analysed:
    """Fit and test models on a table that was brought; equal bytes, choices and recipe give an equal report.

    Parameters
    ----------
    content : bytes
        CSV, Excel or Parquet.
    choices : Choices
    recipe : Recipe
        Its views are replaced by those of the table.
    on_progress : callable, optional
        Called with a note, the steps done and all steps.

    Returns
    -------
    Analysed

    Raises
    ------
    ModelingError
        If the table, the choices or the patients are no base for a model.
    """
    intake, recipe = prepared(content, choices, recipe)
    if intake.time is None:
        study = analyse(intake.table(), recipe, on_progress=on_progress)
        parts, files = _of_study(study), files_of_study(study, intake.table())
    else:
        table = SurvivalTable(intake.X, intake.time, intake.y, intake.centre, intake.split)
        survival = analyse_survival(table, recipe, on_progress=on_progress)
        parts, files = _of_survival(survival), files_of_survival(survival)
    versions = _versions(survival=intake.time is not None)
    files |= {
        "table.parquet": _snapshot(intake).to_parquet(),
        "recipe.json": json_file(recipe.as_dict()),
        "versions.json": json_file(versions),
    }
    report = {
        "n": len(intake.y),
        "events": int(intake.y.sum()),
        "features": intake.X.shape[1],
        "choices": choices.as_dict(),
        "sample_size": size_advice(intake, recipe),
        **parts,
        "excluded": list(intake.excluded),
        "refused": list(intake.refused),
        "warnings": [*intake.warnings, *(_in_given_names(one, recipe) for one in parts["warnings"])],
        "recipe": recipe.as_dict(),
        "seed": recipe.seed,
        "sha256": hashlib.sha256(content).hexdigest(),
        "versions": versions,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    return Analysed(plain(report), files)


def _in_given_names(sentence: str, recipe: Recipe) -> str:
    for view in recipe.views:
        sentence = sentence.replace(view, given_name(view))
    return sentence


def _of_study(study: StudyResult) -> dict[str, Any]:
    models = [
        {
            "name": given_name(name),
            "classifier": model.classifier,
            "threshold": model.threshold,
            "threshold_sensitive": model.threshold_sensitive,
            "selected": list(model.selected),
            "selection_frequency": model.selection_frequency,
            "chosen": study.nested[name].chosen,
            "comparison": model.comparison,
            "notes": list(model.notes),
            "evaluations": study.evaluations[name],
        }
        for name, model in study.models.items()
    ]
    comparisons = [
        {**asdict(row), "model": given_name(row.model), "reference": given_name(row.reference)}
        for row in study.comparisons
    ]
    return {
        "models": models,
        "comparisons": comparisons,
        "heterogeneity": {given_name(name): pooled for name, pooled in study.heterogeneity.items()},
        "centre_predictability": {given_name(name): area for name, area in study.centre_predictability.items()},
        "warnings": list(study.warnings),
    }


def _of_survival(found: SurvivalResult) -> dict[str, Any]:
    models = [
        {
            "name": given_name(name),
            "classifier": "cox",
            "penalizer": model.penalizer,
            "threshold": model.threshold,
            "selected": list(model.columns),
            "selection_frequency": found.selected[name],
            "coefficients": found.coefficients[name],
            "evaluations": found.evaluations[name],
        }
        for name, model in found.models.items()
    ]
    nothing: dict[str, Any] = {"comparisons": [], "heterogeneity": {}, "centre_predictability": {}}
    return {"models": models, **nothing, "warnings": list(found.warnings)}


def _snapshot(intake: Intake) -> FeatureTable:
    table = intake.table()
    if intake.time is None:
        return table
    # No view holds a column of this group, so the time stands in the table and is never a feature.
    return replace(table, X=table.X.assign(**{"source|time": intake.time}))


def _versions(*, survival: bool) -> dict[str, str]:
    names = (*_LIBRARIES, *(("lifelines",) if survival else ()))
    return {name: importlib.metadata.version(name) for name in names}

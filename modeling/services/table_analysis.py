"""Tables that researchers bring to a cohort: kept, looked at, analysed in the background."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Max

from cohorts import audit, jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, User
from imaging import storage
from modeling.core.own_table.choices import Choices
from modeling.core.own_table.columns import inspect
from modeling.core.own_table.file import MAX_BYTES, read_table
from modeling.core.own_table.intake import Intake
from modeling.core.own_table.report import analyse_table, prepared, size_advice
from modeling.core.recipes import Recipe
from modeling.models import TableAnalysis
from modeling.services.recipes import recipe_named


@dataclass(frozen=True)
class Preview:
    """What an analysis would work on, before it is started."""

    n: int
    events: int
    training: int
    features: int
    views: tuple[str, ...]
    refused: tuple[dict[str, str], ...]
    excluded: tuple[dict[str, str], ...]
    warnings: tuple[str, ...]
    sample_size: dict[str, Any]


def keep_table(cohort: Cohort, content: bytes, *, title: str, actor: User | None) -> TableAnalysis:
    """Store a table and what its columns hold. The name of the file is not kept: it may name a patient.

    Raises
    ------
    UnreadableTable
        If it is no table or too large.
    """
    require_size(len(content))
    raw = read_table(content)
    columns = [asdict(column) for column in inspect(raw)]
    digest = storage.put(content)
    with transaction.atomic():
        return _create(cohort, title=title, sha256=digest, columns=columns, actor=actor)


def require_size(size: int) -> None:
    """Refuse a file by its size, before it is read.

    Raises
    ------
    ServiceError
        ``table_too_large``.
    """
    if size > MAX_BYTES:
        raise ServiceError(
            "table_too_large", f"The file has {size / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are taken."
        )


def preview(analysis: TableAnalysis, choices: Choices, recipe: Recipe) -> Preview:
    """Say what an analysis would work on.

    Raises
    ------
    ModelingError
        If it would be refused.
    """
    intake, with_views = prepared(storage.get(analysis.sha256), choices, recipe)
    return _preview(intake, with_views)


def enqueue_analysis(
    analysis: TableAnalysis, choices: Choices, *, recipe_name: str, seed: int, user: User | None
) -> Job:
    """Queue the analysis of a table; one that is finished stays, and the next is made beside it.

    Raises
    ------
    ModelingError
        If the choices do not fit the table.
    ServiceError
        ``job_active`` if it is under way; ``unknown_setting`` if there is no such recipe.
    """
    recipe = replace(recipe_named(analysis.cohort, recipe_name), seed=seed)
    preview(analysis, choices, recipe)
    with transaction.atomic():
        Cohort.objects.select_for_update().get(pk=analysis.cohort_id)  # two presses of the button take turns
        analysis = TableAnalysis.objects.select_related("job", "cohort").get(pk=analysis.pk)
        if analysis.job is not None and not analysis.job.is_over:
            raise ServiceError("job_active", f"{analysis.job} is not over yet.")
        if analysis.result:
            analysis = _create(
                analysis.cohort, title=analysis.title, sha256=analysis.sha256, columns=analysis.columns, actor=user
            )
        analysis.choices, analysis.recipe = choices.as_dict(), recipe.as_dict()
        parameters = {"table": analysis.number}
        analysis.job = jobs.enqueue(Job.Kind.ANALYSIS, cohort=analysis.cohort, user=user, parameters=parameters)
        analysis.save(update_fields=["choices", "recipe", "job"])
        changes = {"table": (None, analysis.sha256), "recipe": (None, recipe.name), "seed": (None, seed)}
        audit.record("analysed", analysis, actor=user, cohort=analysis.cohort, changes=changes)
    return analysis.job


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Analyse a table: fit, test, store the files of the result."""
    analysis = TableAnalysis.objects.get(cohort=job.cohort, number=job.parameters["table"])

    def show(note: str, done: int, total: int) -> None:
        report(done, total, note)

    content = storage.get(analysis.sha256)
    recipe = Recipe.from_dict(analysis.recipe)
    analysed = analyse_table(content, Choices.from_dict(analysis.choices), recipe, on_progress=show)
    for data in analysed.files.values():
        storage.put(data)

    def write() -> dict[str, Any]:
        TableAnalysis.objects.filter(pk=analysis.pk).update(result=analysed.report)
        return {"table": analysis.number, "models": [model["name"] for model in analysed.report["models"]]}

    return write


def file_of(analysis: TableAnalysis, name: str) -> bytes:
    """Give one file of a result.

    Raises
    ------
    ServiceError
        ``nothing_to_do`` if there is no such file.
    """
    files = analysis.result.get("files", {})
    if name == "result.json" and analysis.result:
        return json.dumps(analysis.result, indent=2, ensure_ascii=False).encode()
    if name not in files:
        raise ServiceError("nothing_to_do", f"The result has no file {name}.")
    return storage.get(files[name])


def _create(
    cohort: Cohort, *, title: str, sha256: str, columns: list[dict[str, Any]], actor: User | None
) -> TableAnalysis:
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # two uploads at once get two numbers
    last = TableAnalysis.objects.filter(cohort=cohort).aggregate(last=Max("number"))["last"] or 0
    return TableAnalysis.objects.create(
        cohort=cohort,
        number=last + 1,
        title=title or f"Table {last + 1}",
        sha256=sha256,
        columns=columns,
        created_by=actor,
    )


def _preview(intake: Intake, recipe: Recipe) -> Preview:
    return Preview(
        n=len(intake.y),
        events=int(intake.y.sum()),
        training=int((intake.split == "training").sum()),
        features=intake.X.shape[1],
        views=recipe.views,
        refused=intake.refused,
        excluded=intake.excluded,
        warnings=intake.warnings,
        sample_size=size_advice(intake, recipe),
    )

"""What a run was made with, and how often each hospital was looked at."""

from __future__ import annotations

from typing import Any

from modeling.core.reporting.documents import DataTable, Note, Paragraph, Section
from modeling.services.reports.numbers import decimal
from modeling.services.reports.records import (
    Records,
    cite_protocol,
    cite_recipe,
    cite_run,
    cite_version,
)


def safeguards(records: Records) -> Section | None:
    """Write the advice on sample size and whether the features tell the hospital."""
    advice: dict[str, Any] = records.findings.get("sample_size") or {}
    shown: dict[str, float | None] = records.findings.get("centre_predictability") or {}
    blocks: list[Any] = []
    if advice:
        sentence = str(advice.get("sentence"))
        blocks.append(Note(sentence) if advice.get("enough") else Note(sentence, "caution"))
        criteria: dict[str, Any] = advice.get("criteria") or {}
        rows = tuple((name.replace("_", " ").capitalize(), _plain(value)) for name, value in criteria.items())
        source = cite_run(records, "findings.sample_size")
        if rows:
            blocks.append(DataTable(("Criterion (Riley)", "Patients needed"), rows, "Sample size", source, (1,)))
    if shown:
        rows = tuple((name.replace("_", " ").capitalize(), decimal(value)) for name, value in shown.items())
        source = cite_run(records, "findings.centre_predictability")
        columns = ("Model", "AUC of guessing the centre")
        blocks.append(DataTable(columns, rows, "Do the features tell the centre? 0.5 is good", source, (1,)))
    return Section("Sample size and centre effects", tuple(blocks)) if blocks else None


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return decimal(value, 0 if value >= 10 else 2)
    return "–" if value is None else str(value)


def openings(records: Records) -> Section:
    """Write how often each external centre's outcomes were tested, and by whom."""
    rows = tuple(
        (
            opening.centre,
            str(opening.number),
            f"Run {opening.run.number}" + (" (this one)" if opening.run_id == records.run.pk else ""),
            str(opening.n_patients),
            opening.opened_by.username if opening.opened_by else "the system",
            opening.opened_at.date().isoformat(),
            opening.reason or "–",
        )
        for opening in records.openings
    )
    if not rows:
        words = "No opening of an external centre is on record for this run."
        return Section("Openings of the external test", (Note(words),))
    columns = ("Centre", "Opening", "Run", "Patients", "Opened by", "Date", "Reason")
    source = "; ".join(f"TestOpening: centre {o.centre}, opening {o.number}" for o in records.openings)
    return Section("Openings of the external test", (DataTable(columns, rows, "", source, (1, 3)),))


def reproducibility(records: Records) -> Section:
    """Write versions, seeds and digests, and how to repeat the run."""
    run = records.run
    names = tuple((name, str(version)) for name, version in sorted(run.versions.items()))
    digests = (
        ("Recipe", run.recipe_digest),
        ("Table", records.snapshot.sha256),
        ("Extraction protocol", records.protocol.digest),
        ("Habitat codebook", records.habitat_model.digest),
        *((f"Model {version}", version.sha256) for version in records.versions),
    )
    words = (
        f"Equal table, recipe, seed ({run.recipe.get('seed', 'not stored')}) and versions give equal models. To repeat, run "
        "this command and compare the digests:"
    )
    return Section(
        "Reproducibility",
        (
            Paragraph(words),
            Note(command(records)),
            DataTable(("Library", "Version"), names, "Versions", cite_run(records, "versions")),
            DataTable(("What", "sha256"), digests, "Digests", _sources(records)),
            DataTable(("Setting", "Value"), _settings(run.recipe), "Recipe", cite_recipe(records)),
        ),
    )


def command(records: Records) -> str:
    """Give what repeats the run on the machine that holds its data."""
    return f"manage.py train --cohort {records.cohort.code} --recipe {records.run.recipe_name} --wait"


def _sources(records: Records) -> str:
    versions = [cite_version(version) for version in records.versions]
    return "; ".join([cite_run(records), f"TableSnapshot {records.snapshot.pk}", cite_protocol(records), *versions])


def _settings(recipe: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _setting(value)) for name, value in recipe.items())


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "–" if value in (None, {}) else str(value)

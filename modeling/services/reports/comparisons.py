"""Centres beside each other, and models beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modeling.core.reporting.documents import Block, DataTable, Note, Paragraph, Section
from modeling.models import Evaluation, ModelVersion
from modeling.services.reports.numbers import decimal, interval, p_value, span
from modeling.services.reports.records import Records, cite_run

_INDICES = {"nri": "NRI, categories", "nri_continuous": "NRI, continuous", "idi": "IDI"}


def between_centres(records: Records) -> Section | None:
    """Write how far the areas of the centres differ."""
    pooled: dict[str, dict[str, Any]] = records.findings.get("heterogeneity") or {}
    rows = tuple(
        (
            _title(name),
            str(row.get("k", "–")),
            interval(row.get("estimate"), row.get("low"), row.get("high")),
            span(row.get("prediction_low"), row.get("prediction_high")),
            decimal(row.get("tau2"), 3),
            decimal(row.get("i2_percent"), 0),
            p_value(row.get("q_p")),
        )
        for name, row in pooled.items()
        if row
    )
    if not rows:
        return None
    columns = ("Model", "Centres", "Pooled AUC (95 % interval)", "Prediction interval", "τ²", "I² (%)", "Q test p")
    words = (
        "Random effects over the external centres. The prediction interval says where the AUC of another such centre "
        "would be expected."
    )
    table = DataTable(columns, rows, "", cite_run(records, "findings.heterogeneity"), (1, 2, 3, 4, 5, 6))
    return Section("Between centres", (Paragraph(words), table))


def comparisons(records: Records) -> Section | None:
    """Write the declared comparisons of models with Holm's correction, and what one moves beyond another."""
    rows: Sequence[dict[str, Any]] = records.findings.get("comparisons") or []
    if not rows:
        return None
    cells = tuple(
        (
            f"{_title(row['model'])} − {_title(row['reference'])}",
            str(Evaluation.Split(row["split"]).label),
            str(row.get("n", "–")),
            interval(row.get("difference"), row.get("low"), row.get("high")),
            p_value(row.get("p")),
            p_value(row.get("p_holm")),
        )
        for row in rows
    )
    columns = ("Difference of", "Split", "Patients", "AUC difference (95 % interval)", "p", "p (Holm)")
    table = DataTable(
        columns,
        cells,
        "DeLong's paired test, where one model predicted all patients",
        cite_run(records, "findings.comparisons"),
        (2, 3, 4, 5),
    )
    return Section("Comparisons of models", (table, *_reasons(rows), *_moved(records)))


def _title(name: str) -> str:
    return ModelVersion(name=name).title


def _reasons(rows: Sequence[dict[str, Any]]) -> list[Block]:
    reasons = dict.fromkeys(str(row["reason"]) for row in rows if row.get("reason"))
    return [Paragraph(f"Not tested where: {' '.join(reasons)}")] if reasons else []


def _moved(records: Records) -> list[Block]:
    rows: Sequence[dict[str, Any]] = records.findings.get("reclassification") or []
    cells = tuple(
        (
            f"{_title(row['model'])} − {_title(row['reference'])}",
            str(Evaluation.Split(row["split"]).label),
            _INDICES.get(row["index"], row["index"]),
            interval(row.get("total"), row.get("low"), row.get("high")),
            interval(row.get("of_events"), row.get("of_events_low"), row.get("of_events_high")),
            interval(row.get("of_non_events"), row.get("of_non_events_low"), row.get("of_non_events_high")),
        )
        for row in rows
        if row.get("total") is not None
    )
    if not cells:
        return []
    columns = (
        "Difference of",
        "Split",
        "Index",
        "Total (95 % interval)",
        "Of patients with MPR",
        "Of patients without",
    )
    source = cite_run(records, "findings.reclassification")
    table = DataTable(columns, cells, "Reclassification", source, (3, 4, 5))
    caution = dict.fromkeys(str(row["caution"]) for row in rows if row.get("caution"))
    return [*(Note(text, "caution") for text in caution), table]

"""How the models did: discrimination, classification, calibration, benefit, subgroups."""

from __future__ import annotations

from collections.abc import Iterable

from modeling.core.reporting.documents import DataTable, Figure, Note, Paragraph, Section
from modeling.models import Evaluation, ModelVersion
from modeling.services.reports import figures
from modeling.services.reports.numbers import decimal, interval, p_value, percent, span
from modeling.services.reports.records import (
    DEVELOPMENT,
    HELD_OUT,
    Records,
    cite_evaluation,
    cite_evaluations,
    cite_run,
    cite_version,
)
from modeling.wording import factor_in_words

#: Splits of which all centres together are drawn.
DRAWN = (*DEVELOPMENT, *HELD_OUT)


def discrimination(records: Records) -> Section:
    """Write the area of each model by split and centre."""
    rows = [e for version in records.versions for e in version.evaluations.all()]
    cells = _grouped(
        (
            e.model_version.title,
            figures.split_name(e),
            e.centre or "all",
            f"{e.n} ({e.events})",
            interval(e.auc, e.auc_low, e.auc_high),
            span(e.metrics.get("auc_boot_low"), e.metrics.get("auc_boot_high")),
        )
        for e in rows
    )
    columns = ("Model", "Split", "Centre", "Patients (MPR)", "AUC (95 % interval)", "Bootstrap interval")
    source = cite_evaluations(records)
    table = DataTable(columns, cells, "Discrimination by model, split and centre", source, (3, 4, 5))
    drawn = [e for split in DRAWN for e in records.of_split(split)]
    blocks = [figures.auc_by_model(records, drawn), table, *_curves(records)]
    return Section("Discrimination", tuple(b for b in blocks if b))


def _grouped(rows: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Name a model once, in the first of its rows."""
    found: list[tuple[str, ...]] = []
    last = ""
    for name, *cells in rows:
        found.append(("" if name == last else name, *cells))
        last = name
    return tuple(found)


def _curves(records: Records) -> list[Figure | None]:
    if records.primary is None:
        return []
    return [figures.roc(drawn_of(records, records.primary), source=cite_drawn(records, records.primary))]


def drawn_of(records: Records, version: ModelVersion) -> list[Evaluation]:
    """Give the evaluations of a model that figures show: all centres together."""
    return [e for split in DRAWN if (e := records.evaluation(version, split))]


def cite_drawn(records: Records, version: ModelVersion) -> str:
    """Name the evaluations that figures of a model show."""
    return "; ".join(cite_evaluation(e) for e in drawn_of(records, version))


def classification(records: Records) -> Section:
    """Write sensitivity, specificity and predictive values at the frozen threshold, all centres of a split."""
    rows = [e for version in records.versions for e in drawn_of(records, version)]
    cells = _grouped(
        (
            e.model_version.title,
            figures.split_name(e),
            decimal(e.metrics.get("threshold")),
            *(_proportion(e, name) for name in ("sensitivity", "specificity", "ppv", "npv")),
            decimal(e.metrics.get("mcc")),
        )
        for e in rows
    )
    columns = ("Model", "Split", "Threshold", "Sensitivity", "Specificity", "PPV", "NPV", "MCC")
    caption = "At the threshold frozen on training patients; percent with 95 % Wilson interval"
    table = DataTable(columns, cells, caption, cite_evaluations(records), (2, 3, 4, 5, 6, 7))
    return Section("Classification", (table,))


def _proportion(evaluation: Evaluation, name: str) -> str:
    value = evaluation.metrics.get(name)
    low, high = (evaluation.metrics.get("intervals") or {}).get(name) or (None, None)
    if value is None or low is None or high is None:
        return percent(value)
    return f"{decimal(100 * value, 0)} ({decimal(100 * low, 0)} to {decimal(100 * high, 0)})"


def calibration(records: Records) -> Section:
    """Write how predicted and observed shares agree, and what acting on the predictions gains."""
    rows = [e for version in records.versions for e in drawn_of(records, version)]
    columns = (
        "Model",
        "Split",
        "Brier",
        "Scaled Brier",
        "Intercept",
        "Slope",
        "O:E (95 % interval)",
        "ICI",
        "ECE",
        "HL p",
    )
    cells = _grouped(
        (
            e.model_version.title,
            figures.split_name(e),
            decimal(e.metrics.get("brier"), 3),
            *(decimal(e.metrics.get(m)) for m in ("scaled_brier", "calibration_intercept", "calibration_slope")),
            interval(*(e.metrics.get(name) for name in ("observed_expected", "oe_low", "oe_high"))),
            *(decimal(e.metrics.get(m), 3) for m in ("ici", "ece")),
            p_value((e.metrics.get("hosmer_lemeshow") or {}).get("p")),
        )
        for e in rows
    )
    words = (
        "Ideal: intercept 0, slope 1, O:E 1. ICI: integrated calibration index; ECE: expected calibration error; HL: "
        "Hosmer-Lemeshow test, a weak measure that depends on the number of patients."
    )
    table = DataTable(columns, cells, "Calibration", cite_evaluations(records), tuple(range(2, len(columns))))
    return Section("Calibration and benefit", (Paragraph(words), table, *_benefit(records)))


def _benefit(records: Records) -> list[Figure]:
    version = records.primary
    if version is None:
        return []
    drawn = drawn_of(records, version)
    found = [figures.calibration(drawn, source=cite_drawn(records, version))]
    if drawn:
        found.append(figures.decision(drawn[-1], source=cite_evaluation(drawn[-1])))
    return [figure for figure in found if figure]


def subgroups(records: Records) -> Section | None:
    """Write how the first model did in subgroups that are large enough."""
    version = records.primary
    rows = (records.findings.get("subgroups") or {}).get(version.name) if version else None
    if not version or not rows:
        return None
    cells = tuple(
        (
            factor_in_words(str(row["factor"])),
            str(row["level"]),
            f"{row['n']} ({row['events']})",
            interval(row.get("auc"), row.get("low"), row.get("high")) if row.get("auc") is not None else "–",
            p_value(row.get("interaction_p")),
            p_value(row.get("interaction_p_holm")),
        )
        for row in rows
    )
    columns = ("Factor", "Level", "Patients (MPR)", "AUC (95 % interval)", "Interaction p", "Interaction p (Holm)")
    source = f"{cite_run(records, 'findings.subgroups')}; {cite_version(version)}"
    small = (
        "An area is given with at least 10 responders and 10 non-responders; other subgroups show their counts only."
    )
    table = DataTable(columns, cells, f"Subgroups, {version.title}", source, (2, 3, 4, 5))
    forest = figures.forest(rows, source=source)
    return Section("Subgroups", tuple(b for b in (Note(small), forest, table) if b))

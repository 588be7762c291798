"""What a clinic goes by without a model, and whether the model hangs on how and when the scans were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modeling.core.reporting.documents import Block, DataTable, Note, Section
from modeling.services.reports.numbers import DASH, decimal, interval, listed, p_value
from modeling.services.reports.records import SPLITS, Records, cite_run, cite_version
from modeling.wording import comparator_in_words, factor_in_words

Row = Mapping[str, Any]

_SPLITS = {**SPLITS, "nested_cv": "Nested cross-validation"}
#: Comparators in the order in which they are shown.
CATEGORICAL = ("axial_recist", "radiologist")
MEASURED = ("axial_diameter_change", "suv_max_change")

_HOW = (
    "Nothing is fitted and no threshold chosen, so training patients count as the others do. A response is CR or PR by "
    "RECIST 1.1 of one target lesion (Eisenhauer et al., Eur J Cancer 2009;45:228): a fall of the longest axial diameter by "
    "at least 30 %; a lesion is measurable from 10 mm. For measured changes a larger fall speaks for MPR. Each row counts "
    "the patients of whom the comparator is known, who need not be all those of a model."
)
_NEVER_COMPLETE = "By the outlines nobody can have a complete response: a tumour that is gone has no outline."


def comparators(records: Records) -> Section | None:
    """Write how RECIST, the radiologist's reading and PET do on the same patients; None for runs that did not ask."""
    if "comparators" not in records.findings:
        return None
    rows = in_order(records.findings["comparators"])
    source = cite_run(records, "findings.comparators")
    found: list[Block] = [Note(_HOW)]
    if any(row["comparator"] == "axial_recist" for row in rows):
        found.append(Note(_NEVER_COMPLETE))
    if chosen := [row for row in rows if row["comparator"] in CATEGORICAL]:
        found.append(_categories(chosen, source))
    if chosen := [row for row in rows if row["comparator"] in MEASURED]:
        found.append(_changes(chosen, source))
    if sentence := absent(rows):
        found.append(Note(sentence))
    return Section("What a clinic goes by without a model", tuple(found))


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows by comparator, then by split: those of an external test opened later stand last as they are stored."""
    order = (*CATEGORICAL, *MEASURED)
    return sorted(rows, key=lambda row: (order.index(row["comparator"]), list(SPLITS).index(row["split"])))


def absent(rows: Sequence[Row]) -> str:
    """Return which comparators are known of no patient."""
    there = {row["comparator"] for row in rows}
    missing = [_within(comparator_in_words(name)) for name in (*CATEGORICAL, *MEASURED) if name not in there]
    return f"Known of no modelled patient: {listed(missing)}." if missing else ""


def _within(name: str) -> str:
    """Write a name within a sentence: acronyms stay as they are."""
    return name if name[:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def _categories(rows: Sequence[Row], source: str) -> DataTable:
    cells = tuple(
        (
            comparator_in_words(row["comparator"]),
            _SPLITS[row["split"]],
            f"{row['n']} of {row['n_of_split']} ({row['events']})",
            " / ".join(str(n) for n in row["counts"].values()),
            _percent(row["sensitivity"], row["sensitivity_interval"]),
            _percent(row["specificity"], row["specificity_interval"]),
        )
        for row in rows
    )
    columns = ("Comparator", "Split", "Patients (MPR)", "CR / PR / SD / PD", "Sensitivity", "Specificity")
    caption = "CR or PR for MPR; percent with 95 % Wilson interval"
    return DataTable(columns, cells, caption, source, (2, 3, 4, 5))


def _percent(value: float | None, limits: Sequence[float] | None) -> str:
    if value is None or limits is None:
        return DASH
    return interval(100 * value, 100 * limits[0], 100 * limits[1], 0)


def _changes(rows: Sequence[Row], source: str) -> DataTable:
    cells = tuple(
        (
            comparator_in_words(row["comparator"]),
            _SPLITS[row["split"]],
            f"{row['n']} of {row['n_of_split']} ({row['events']})",
            interval(row["auc"], row["auc_low"], row["auc_high"]),
            row["reason"],
        )
        for row in rows
    )
    columns = ("Comparator", "Split", "Patients (MPR)", "AUC (95 % DeLong interval)", "Why not")
    return DataTable(columns, cells, "A larger fall for MPR", source, (2, 3))


def sensitivity(records: Records) -> Section | None:
    """Write the adjustment for days from dose to CT, and the model where the two scans differ; None without them."""
    found: list[Block] = [*_timing(records), *_pairs(records)]
    return Section("How and when the scans were made", tuple(found)) if found else None


_TIMING = (
    "Logistic regression of MPR on the log-odds of the model, alone and beside the days from the last dose to the CT after "
    "treatment. p: likelihood ratio test of one beside the other. The model itself is not fitted again."
)


def _timing(records: Records) -> list[Block]:
    rows = records.findings.get("timing") or []
    if not rows or records.primary is None:
        return []
    cells = tuple(
        (
            _SPLITS[row["split"]],
            f"{row['n']} of {row['n_of_split']} ({row['events']})",
            decimal(row["alone"]),
            decimal(row["adjusted"]),
            p_value(row["p_model"]),
            decimal(row["per_week"]),
            p_value(row["p_days"]),
            row["reason"],
        )
        for row in rows
    )
    columns = ("Split", "Days known (MPR)", "Alone", "Beside the days", "p", "Per week", "p, days", "Why not")
    source = f"{cite_run(records, 'findings.timing')}; {cite_version(records.primary)}"
    caption = f"Adjusted for days from dose to CT, {records.primary.title}: coefficients of the log-odds"
    table = DataTable(columns, cells, caption, source, (1, 2, 3, 4, 5, 6))
    return [Note(_TIMING), table, *(Note(sentence) for row in rows if (sentence := remains(row)))]


def remains(row: Row) -> str:
    """Return whether the association of the model with MPR remains beside the days; empty where it was not tested."""
    if row["p_model"] is None:
        return ""
    where = _SPLITS[row["split"]].lower()
    kept = row["p_model"] < 0.05 and row["adjusted"] > 0
    verdict = "remains" if kept else "is not shown to remain"
    return (
        f"{_capital(where)}: the association of the model with MPR {verdict} beside the days from dose to CT (coefficient "
        f"{decimal(row['adjusted'])}, p {_equal(row['p_model'])}, {row['n']} patients)."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _equal(value: float) -> str:
    written = p_value(value)
    return written if written.startswith("<") else f"= {written}"


_PAIRS = (
    "Areas where both scans of a patient were made alike and where they were not, for patients of whom both headers say so. "
    "Headers tell whether contrast was given, not in which phase. In nested cross-validation the area is over the predictions "
    "of all folds, without interval or test. An area is given with at least 10 responders and 10 non-responders."
)


def _pairs(records: Records) -> list[Block]:
    by_split = records.findings.get("scan_pairs") or {}
    rows = [(split, row) for split in _SPLITS_OF_PAIRS for row in by_split.get(split, ())]
    if not rows or records.primary is None:
        return []
    cells = tuple(
        (
            _SPLITS[split],
            factor_in_words(row["factor"]),
            row["level"],
            f"{row['n']} ({row['events']})",
            interval(row["auc"], row["low"], row["high"]),
            p_value(row["interaction_p_holm"]),
        )
        for split, row in rows
    )
    columns = ("Split", "Scans", "Before and after", "Patients (MPR)", "AUC (95 % interval)", "Interaction p (Holm)")
    source = f"{cite_run(records, 'findings.scan_pairs')}; {cite_version(records.primary)}"
    return [Note(_PAIRS), DataTable(columns, cells, f"Scan pairs, {records.primary.title}", source, (3, 4, 5))]


_SPLITS_OF_PAIRS = ("nested_cv", "internal_test", "external")

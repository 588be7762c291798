"""How a result hangs on the cut of the outcome, and how large an external validation would have to be."""

from __future__ import annotations

from typing import Any

from modeling.core.reporting.documents import Block, DataTable, Note, Paragraph, Section
from modeling.models import Evaluation, ModelVersion
from modeling.services.reports.evidence import external
from modeling.services.reports.numbers import decimal, interval, percent
from modeling.services.reports.records import Records, cite_run

#: What no reader of these numbers may take them for.
LABEL = "Sensitivity analysis, not a result of its own."
NOT_RECORDED = "This run did not record the viable percentage, so its predictions cannot be held against other cuts."
NOT_COMPUTED = "This run did not compute how large an external validation would have to be."
_CRITERIA = {
    "observed_expected": "Observed over expected",
    "slope": "Calibration slope",
    "area": "AUC",
    "net_benefit": "Standardised net benefit",
}


def cuts(records: Records) -> Section:
    """Write how the predictions of the first model do at other cuts of the viable tumour."""
    found: dict[str, Any] = records.findings.get("cuts") or {}
    rows: list[dict[str, Any]] = found.get("rows") or []
    if not rows:
        return Section("Other cuts of the outcome", (Note(LABEL, "caution"), Paragraph(NOT_RECORDED)))
    cells = tuple(
        (
            str(Evaluation.Split(row["split"]).label),
            cut_in_words(row),
            f"{row['n']} ({row['events']})",
            interval(row["auc"], row["low"], row["high"]),
            str(row["reason"]),
        )
        for row in rows
    )
    columns = ("Split", "MPR means", "Patients (MPR)", "AUC (95 % interval)", "Remark")
    title = ModelVersion(name=found["model"]).title
    table = DataTable(columns, cells, f"{title}, other cuts", cite_run(records, "findings.cuts"), (2, 3))
    own = found.get("own_percent")
    learned = "the cohort's own cut" + ("" if own is None else f", at most {own:g} %")
    words = (
        f"The model was trained on {learned}, and was not refitted: its predictions stay as they are and are held against "
        "another definition of the response. 0 % speaks of the primary tumour only, not of nodes. By histology: at most 65 % in "
        "adenocarcinoma, at most 10 % in squamous cell carcinoma (Qu et al., J Thorac Oncol 2019;14:482-493); patients of other "
        "or unknown histology are left out there. Intervals are DeLong's."
    )
    return Section("Other cuts of the outcome", (Note(LABEL, "caution"), Paragraph(words), table))


def cut_in_words(row: dict[str, Any]) -> str:
    """Write a cut as a rule, and whether it is the cohort's own."""
    if row["cut"] == "by histology":
        return "65 % adenocarcinoma, 10 % squamous"
    rule = "0 % viable" if row["cut"] == "0" else f"at most {row['cut']} % viable"
    return f"{rule} (own cut)" if row["own"] else rule


def external_size(records: Records) -> Section:
    """Write how many external patients each measure of the first model would need."""
    title = "Size of the external validation"
    found: dict[str, Any] = records.findings.get("external_size") or {}
    said = external.size(records)
    if not found or said is None:
        return Section(title, (Paragraph(NOT_COMPUTED),))
    prevalence = found["prevalence"]
    rows = tuple(
        (
            name,
            decimal(found["widths"][key]),
            "–" if found["criteria"][key] is None else f"{found['criteria'][key]:,}",
            "–" if found["criteria"][key] is None else f"{round(found['criteria'][key] * prevalence):,}",
            found["reasons"].get(key, ""),
        )
        for key, name in _CRITERIA.items()
    )
    columns = ("Measure", "Width of the 95 % interval", "Patients", "of whom MPR", "Remark")
    table = DataTable(
        columns, rows, "Patients that each measure needs", cite_run(records, "findings.external_size"), (1, 2, 3)
    )
    words = (
        f"Assumed of new patients: {percent(prevalence)} with MPR, AUC {decimal(found['area'])} and log-odds with a standard "
        f"deviation of {decimal(found['spread'])}, as in nested cross-validation, and a calibrated model. The widths are the "
        "usual targets (Riley et al., Stat Med 2021;40:4230-4251)."
    )
    blocks: tuple[Block, ...] = (Paragraph(said.statement, said.source), Paragraph(words), table)
    return Section(title, blocks)

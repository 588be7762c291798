"""Who was enrolled, left out and modelled, and how the splits differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cohorts.core import baseline as describe
from cohorts.core.baseline import BaselineRow
from cohorts.models import Patient
from modeling.core.reporting.documents import Block, DataTable, Figure, Paragraph, Section
from modeling.services.reports import figures, spectrum
from modeling.services.reports.numbers import counted, decimal, percent
from modeling.services.reports.records import SPLITS, Records, cite_run, cite_snapshot

_SHADES = {
    "all": "#eef2f1",
    "out": "#fdf0d0",
    "training": "#dcf3ea",
    "internal_test": "#e2eff8",
    "external": "#fdeadd",
}
#: Of which day the characteristics are.
RECORDED = "Characteristics are those that the run used."
NOT_RECORDED = "The run did not record them; these are the characteristics on the day of the report."
_STAGES = {"I": "I", "II": "II", "III": "III", "IV": "IV"}
_EDITIONS = {"8": "8th", "9": "9th"}


def flow_of(records: Records) -> dict[str, Any]:
    """Give the numbers of the participants' flow: as the run stored them, or else from its snapshot."""
    if stored := records.findings.get("flow"):
        return dict(stored)
    reasons = Counter(str(row["reason"]) for row in records.snapshot.excluded)
    splits = Counter(records.table.split)
    return {
        "enrolled": records.snapshot.n_patients + len(records.snapshot.excluded),
        "excluded": dict(reasons.most_common()),
        "modelled": records.snapshot.n_patients,
        **{split: splits.get(split, 0) for split in SPLITS},
    }


def participants(records: Records) -> Section:
    """Write the flow of participants and what tells the splits apart."""
    flow = flow_of(records)
    blocks: list[Block] = [_flow_figure(records, flow), _splits(records)]
    if flow["excluded"]:
        rows = tuple((reason, str(n)) for reason, n in flow["excluded"].items())
        table = DataTable(("Reason", "Patients"), rows, "Patients left out", cite_run(records, "findings"), (1,))
        blocks += [table, *spectrum.blocks(records)]
    return Section("Participants", tuple(blocks))


def _flow_figure(records: Records, flow: dict[str, Any]) -> Figure:
    left_out = sum(flow["excluded"].values())
    boxes = [
        (f"Enrolled\n{counted(flow['enrolled'], 'patient')}", 50.0, 90.0, 34.0, _SHADES["all"]),
        (f"Left out\n{counted(left_out, 'patient')}", 84.0, 66.0, 26.0, _SHADES["out"]),
        (f"Modelled\n{counted(flow['modelled'], 'patient')}", 50.0, 42.0, 34.0, _SHADES["all"]),
    ]
    arrows: list[figures.Line] = [(50, 83.5, 50, 50), (50, 66, 70, 66)]
    for split, x in zip(SPLITS, (17.0, 50.0, 83.0), strict=True):
        boxes.append((f"{SPLITS[split]}\n{counted(flow.get(split, 0), 'patient')}", x, 10.0, 28.0, _SHADES[split]))
        arrows += [(x, 26, x, 18)]
    rails: list[figures.Line] = [(17, 26, 83, 26), (50, 35.5, 50, 26)]
    return figures.flow(records, boxes, arrows=arrows, rails=rails)


def _splits(records: Records) -> DataTable:
    table = records.table
    rows = []
    for split, name in SPLITS.items():
        chosen = table.split == split
        centres = sorted(set(table.centre[chosen]))
        for centre in centres:
            here = chosen & (table.centre == centre)
            n, events = int(here.sum()), int(table.y[here].sum())
            rows.append((name, centre, str(n), str(events), percent(events / n)))
    columns = ("Split", "Centre", "Patients", "MPR", "Share with MPR")
    return DataTable(
        columns, tuple(rows), "Patients and events by split and centre", cite_snapshot(records), (2, 3, 4)
    )


def characteristics(records: Records) -> list[BaselineRow]:
    """Describe the modelled patients by split, with standardised differences from the training patients."""
    patients = records.patients
    index = pd.Index([p.code for p in patients])
    split, y = records.table.split.loc[index], records.table.y.loc[index]
    order = [name for name in SPLITS if (split == name).any()]

    def numbers(label: str, values: list[Any]) -> list[BaselineRow]:
        return describe.measured(label, pd.Series(values, index=index, dtype=float), split, order)

    def classes(
        label: str, values: list[str], levels: Mapping[str, Any], *, missing: str = "Missing"
    ) -> list[BaselineRow]:
        words = {value: str(word) for value, word in levels.items()}
        column = pd.Series(values, index=index, dtype=object)
        return describe.counted(label, column, split, order, words, missing=missing)

    def choice(label: str, field: str, choices: Any) -> list[BaselineRow]:
        return classes(label, [getattr(p, field) for p in patients], dict(choices.choices))

    response = {"1": "MPR", "0": "No MPR"}
    return [
        *numbers("Age (years)", [p.age_years for p in patients]),
        *choice("Sex", "sex", Patient.Sex),
        *choice("Smoking", "smoking", Patient.Smoking),
        *choice("Histology before treatment", "histology", Patient.Histology),
        *classes("Clinical stage", [p.stage for p in patients], _STAGES),
        *classes(
            "TNM edition of the clinical stage",
            ["" if p.stage_edition is None else str(p.stage_edition) for p in patients],
            _EDITIONS,
            missing="Not stated",
        ),
        *numbers("PD-L1 (%)", [p.pdl1_percent for p in patients]),
        *classes(
            "Location (entered, or measured on the CT)",
            [p.zone for p in patients],
            dict(Patient.Location.choices),
        ),
        *numbers("Cycles of treatment", [p.cycles for p in patients]),
        *classes("Pathological response", [str(value) for value in y], response),
    ]


def baseline(records: Records) -> Section:
    """Write the characteristics of the patients by split."""
    rows = characteristics(records)
    order = [name for name in SPLITS if (records.table.split == name).any()]
    sizes = records.table.split.value_counts()
    columns = ("", *(f"{SPLITS[name]} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{sizes[name]})" for name in order))
    columns += tuple(f"SMD, {SPLITS[name].lower()}" for name in order[1:])
    cells = tuple((row.label, *row.cells, *_differences(row, len(order) - 1)) for row in rows)
    words = (
        "n (percent of those known) or median [quartiles]. SMD: standardised mean difference from the training "
        "patients; above 0.1 is often called a difference worth a look. "
    ) + (RECORDED if records.is_recorded else NOT_RECORDED)
    numeric = tuple(range(1, len(columns)))
    source = cite_snapshot(records, "Patient")
    return Section("Characteristics by split", (Paragraph(words), DataTable(columns, cells, "", source, numeric)))


def _differences(row: BaselineRow, n: int) -> tuple[str, ...]:
    if not row.differences:
        return ("",) * n
    return tuple(decimal(value) for value in row.differences)

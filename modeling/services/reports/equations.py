"""The tables from which a reader can compute what a model says of one patient."""

from __future__ import annotations

from modeling.core.explanation.equation import Equation, Part, Term
from modeling.core.reporting.documents import Block, DataTable, Paragraph, Section
from modeling.models import ModelVersion
from modeling.services.reports.records import Records, cite_version
from modeling.wording import view_in_words

#: How the numbers are used, in the words that stand above the tables.
STEPS = (
    "How a probability is computed. Of each term take the value of its column (“value”), 1 if that value is missing and 0 if "
    "it is not (“missing”), or ln((second column + offset) / (first column + offset)) (“log ratio”; a negative or missing "
    "size makes it missing). Put the median for a missing value. Pull the value back to the limits. Subtract the mean, divide "
    "by the standard deviation, multiply by the weight. Add the terms of a part and its intercept; multiply by the part's "
    "calibration slope and add its calibration intercept. Multiply each part by its weight, add the parts and the last "
    "intercept: these are the log-odds. The probability is 1 / (1 + exp(−log-odds)). Numbers have all digits that the model "
    "has. A standard deviation, mean or limit is one of the training patients."
)
HARMONISED = (
    "Before all else a value is multiplied by the slope of the patient's centre and its offset is added; of other centres "
    "the model says nothing."
)
_KINDS = {"value": "value", "missing": "missing", "log_ratio": "log ratio"}


def section_title(version: ModelVersion) -> str:
    """Name the section that holds the equation of a model."""
    return f"Equation of {version}"


def equations(records: Records) -> list[Section]:
    """Write the equation of every model of a run that is one."""
    return [section for version in records.versions if (section := of_version(records, version))]


def of_version(records: Records, version: ModelVersion) -> Section | None:
    """Write the equation of one model; None where it is no weighted sum or its file cannot be read."""
    found = records.equation(version)
    if found is None:
        return None
    blocks: list[Block] = [Paragraph(STEPS, cite_version(version))]
    blocks += [Paragraph(HARMONISED)] * bool(found.centres)
    blocks.append(_parts(found, version))
    for number, part in enumerate(found.parts, start=1):
        blocks += _of_part(number, part, version)
    return Section(section_title(version), tuple(blocks))


def _parts(found: Equation, version: ModelVersion) -> DataTable:
    rows = [
        (str(number), view_in_words(part.name), *map(digits, _of_sum(part)))
        for number, part in enumerate(found.parts, start=1)
    ]
    rows.append(("–", "Last intercept", digits(found.intercept), "–", "–", "–"))
    columns = ("Part", "Of", "Intercept", "Calibration slope", "Calibration intercept", "Weight")
    return DataTable(columns, tuple(rows), "Parts", cite_version(version), (2, 3, 4, 5))


def _of_sum(part: Part) -> tuple[float, ...]:
    return (part.intercept, part.calibration_slope, part.calibration_intercept, part.weight)


def _of_part(number: int, part: Part, version: ModelVersion) -> list[Block]:
    source = cite_version(version)
    names = [f"{number}.{place}" for place in range(1, len(part.terms) + 1)]
    what = tuple(
        (name, _KINDS[term.kind], term.columns[0], term.columns[-1] if len(term.columns) > 1 else "–", _offset(term))
        for name, term in zip(names, part.terms, strict=True)
    )
    limits = tuple(
        (name, "–" if term.median is None else digits(term.median), digits(term.low), digits(term.high))
        for name, term in zip(names, part.terms, strict=True)
    )
    weights = tuple(
        (name, digits(term.mean), digits(term.sd), digits(term.weight))
        for name, term in zip(names, part.terms, strict=True)
    )
    tables: list[Block] = [
        DataTable(
            ("Term", "Kind", "Column", "Second column", "Offset"), what, f"Terms of part {number}", source, (4,)
        ),
        DataTable(
            ("Term", "Median", "Lower limit", "Upper limit"), limits, f"Limits of part {number}", source, (1, 2, 3)
        ),
        DataTable(
            ("Term", "Mean", "Standard deviation", "Weight"), weights, f"Weights of part {number}", source, (1, 2, 3)
        ),
    ]
    centres = tuple(
        (name, centre, digits(slope), digits(offset))
        for name, term in zip(names, part.terms, strict=True)
        for centre, (slope, offset) in sorted((term.centres or {}).items())
    )
    if centres:
        columns = ("Term", "Centre", "Slope", "Offset")
        tables.append(DataTable(columns, centres, f"Centres of part {number}", source, (2, 3)))
    return tables


def _offset(term: Term) -> str:
    return digits(term.offset) if term.kind == "log_ratio" else "–"


def digits(value: float) -> str:
    """Write a number with all of its digits, so that reading it gives the same number."""
    return repr(float(value))

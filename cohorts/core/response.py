"""Pathological response: readings, the rules they must obey, and what follows from them.

Sources: IASLC 2020 recommendations (Travis et al., J Thorac Oncol 2020;15:709-740) for the components;
CheckMate 816 (Nat Med 2024;30:218) for pCR as 0 % viable tumour in primary and nodes. MPR and pCR are
functions of a reading, never stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cohorts.core.errors import Finding

#: Residual viable tumour at or below which a response is major (10 % for every histology by default).
MPR_THRESHOLD_PERCENT = 10.0

YPT_CHOICES = ("ypT0", "ypTis", "ypT1mi", "ypT1a", "ypT1b", "ypT1c", "ypT2a", "ypT2b", "ypT3", "ypT4")
YPN_CHOICES = ("ypN0", "ypN1", "ypN2", "ypN2a", "ypN2b", "ypN3", "ypNX")
_SUM_TOLERANCE_PERCENT = 1.0


@dataclass(frozen=True)
class ResponseReading:
    """One pathologist's reading of the resected tumour bed and nodes; percentages 0 to 100.

    ``None`` means not stated. ``reported_mpr`` and ``reported_pcr`` are what the report itself says.
    """

    viable_percent: float
    necrosis_percent: float
    stroma_percent: float
    ypt: str
    ypn: str
    nodes_examined: int | None = None
    nodes_positive: int | None = None
    nodes_viable_percent: float | None = None
    fibrosis_percent: float | None = None
    inflammation_percent: float | None = None
    sampling_complete: bool = True
    histology: str = ""
    reported_mpr: bool | None = None
    reported_pcr: bool | None = None


def is_mpr(reading: ResponseReading, *, threshold_percent: float = MPR_THRESHOLD_PERCENT) -> bool:
    """Tell whether the primary's residual viable tumour is at or below the threshold."""
    return reading.viable_percent <= threshold_percent


def is_pcr(reading: ResponseReading) -> bool | None:
    """Tell whether no viable tumour is left in primary and nodes; None where that cannot be evaluated.

    Nodes that were not examined, or a bed that was not sampled completely, leave it open (W2, W4).
    """
    if reading.viable_percent > 0 or _nodes_are_positive(reading):
        return False
    if not reading.nodes_examined or reading.ypn == "ypNX" or not reading.sampling_complete:
        return None
    return reading.ypt == "ypT0" and reading.ypn == "ypN0"


def check(reading: ResponseReading, *, threshold_percent: float = MPR_THRESHOLD_PERCENT) -> tuple[Finding, ...]:
    """Apply the consistency rules E1 to E9 and W1 to W5 to a reading.

    Returns
    -------
    tuple of Finding
        Errors first. A reading with an error must be refused; warnings are shown with it.
    """
    range_findings = tuple(_ranges(reading))
    if range_findings:
        return range_findings  # the other rules would only repeat it
    found = [*_components(reading), *_primary(reading), *_nodes(reading), *_reported(reading, threshold_percent)]
    return tuple(sorted([*found, *_warnings(reading, threshold_percent)], key=lambda f: not f.is_error))


def _nodes_are_positive(reading: ResponseReading) -> bool:
    return bool(reading.nodes_positive) or (reading.nodes_viable_percent or 0) > 0


def _ranges(reading: ResponseReading) -> Iterator[Finding]:
    for field in (
        "viable_percent",
        "necrosis_percent",
        "stroma_percent",
        "fibrosis_percent",
        "inflammation_percent",
        "nodes_viable_percent",
    ):
        value = getattr(reading, field)
        if value is not None and not 0 <= value <= 100:
            yield Finding("E1", field, f"A percentage lies between 0 and 100, not {value:g}.")


def _components(reading: ResponseReading) -> Iterator[Finding]:
    total = reading.viable_percent + reading.necrosis_percent + reading.stroma_percent
    if abs(total - 100) > _SUM_TOLERANCE_PERCENT:
        yield Finding(
            "E2", "stroma_percent", f"Viable, necrosis and stroma must sum to 100 %; they sum to {total:g} %."
        )
    if reading.fibrosis_percent is not None and reading.inflammation_percent is not None:
        split = reading.fibrosis_percent + reading.inflammation_percent
        if abs(split - reading.stroma_percent) > _SUM_TOLERANCE_PERCENT:
            yield Finding(
                "E3",
                "fibrosis_percent",
                f"Fibrosis and inflammation must sum to stroma ({reading.stroma_percent:g} %); they sum to {split:g} %.",
            )


def _primary(reading: ResponseReading) -> Iterator[Finding]:
    if reading.viable_percent == 0 and reading.ypt == "ypTis":
        yield Finding("W7", "ypt", "ypTis without viable invasive tumour: document that only in-situ tumour is left.")
    elif reading.viable_percent == 0 and reading.ypt != "ypT0":
        yield Finding("E5", "ypt", f"0 % viable tumour means ypT0, but {reading.ypt} is entered.")
    elif reading.viable_percent > 0 and reading.ypt == "ypT0":
        yield Finding("E6", "ypt", f"ypT0 means no viable tumour, but {reading.viable_percent:g} % is entered.")


def _nodes(reading: ResponseReading) -> Iterator[Finding]:
    examined, positive = reading.nodes_examined, reading.nodes_positive
    if examined is not None and positive is not None and positive > examined:
        yield Finding("E7", "nodes_positive", f"{positive} positive nodes of {examined} examined is not possible.")
    if reading.ypn == "ypN0" and _nodes_are_positive(reading):
        yield Finding("E7", "ypn", "ypN0 means no viable tumour in nodes, but positive or viable nodes are entered.")
    if reading.ypn.startswith(("ypN1", "ypN2", "ypN3")) and not positive:
        yield Finding("E7", "nodes_positive", f"{reading.ypn} needs at least one positive node.")


def _reported(reading: ResponseReading, threshold_percent: float) -> Iterator[Finding]:
    mpr = is_mpr(reading, threshold_percent=threshold_percent)
    pcr = is_pcr(reading)
    if reading.reported_pcr and pcr is not True:
        yield Finding(
            "E4",
            "reported_pcr",
            "The report states pCR, but pCR needs 0 % viable tumour, ypT0, ypN0, no viable tumour in examined nodes "
            "and complete sampling. Adjudicate the difference.",
        )
    elif reading.reported_pcr is False and pcr is True:
        yield Finding("E9", "reported_pcr", "The report denies pCR, but the values entered mean pCR. Adjudicate it.")
    if reading.reported_mpr is not None and reading.reported_mpr != mpr:
        said, means = ("MPR", "no MPR") if reading.reported_mpr else ("no MPR", "MPR")
        yield Finding(
            "E9", "reported_mpr", f"The report states {said}, but {reading.viable_percent:g} % viable means {means}."
        )


def _warnings(reading: ResponseReading, threshold_percent: float) -> Iterator[Finding]:
    viable = reading.viable_percent
    if is_mpr(reading, threshold_percent=threshold_percent) and _nodes_are_positive(reading):
        yield Finding("W1", "ypn", "MPR with positive nodes: valid, because MPR is judged on the primary alone.")
    if not reading.nodes_examined or reading.ypn == "ypNX":
        yield Finding("W2", "nodes_examined", "No node was examined: pCR cannot be evaluated, MPR can.")
    if abs(viable - threshold_percent) <= 2:
        yield Finding(
            "W3", "viable_percent", f"{viable:g} % lies within 2 points of the MPR threshold: ask a second reader."
        )
    if viable == 0 and not reading.sampling_complete:
        yield Finding(
            "W4", "sampling_complete", "0 % viable in a bed that was not sampled completely: pCR unconfirmed."
        )
    if reading.histology == "adenocarcinoma" and threshold_percent < viable <= 65:
        yield Finding(
            "W5",
            "viable_percent",
            "Adenocarcinoma with 11 to 65 % viable tumour counts in the sensitivity analysis only.",
        )

"""Pathological response: what a pathologist reads, and what follows from it.

Sources: IASLC 2020 recommendations (Travis et al., J Thorac Oncol 2020;15:709-740) for the components;
CheckMate 816 (Nat Med 2024;30:218) for pCR as 0 % viable tumour in primary and nodes. MPR and pCR are
functions of a reading, never stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from cohorts.core.errors import Reason, gettext_noop
from cohorts.core.node_stations import Station

#: Residual viable tumour at or below which a response is major (10 % for every histology by default).
MPR_THRESHOLD_PERCENT = 10.0

YPT_CHOICES = ("ypT0", "ypTis", "ypT1mi", "ypT1a", "ypT1b", "ypT1c", "ypT2a", "ypT2b", "ypT3", "ypT4")
YPN_CHOICES = ("ypN0", "ypN1", "ypN2", "ypN2a", "ypN2b", "ypN3", "ypNX")


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
    stations: tuple[Station, ...] = ()
    tnm_edition: int | None = None


def is_mpr(reading: ResponseReading, *, threshold_percent: float = MPR_THRESHOLD_PERCENT) -> bool:
    """Tell whether the primary's residual viable tumour is at or below the threshold."""
    return reading.viable_percent <= threshold_percent


def is_pcr(reading: ResponseReading) -> bool | None:
    """Tell whether no viable tumour is left in primary and nodes; None where that cannot be evaluated.

    Nodes that were not examined, or a bed that was not sampled completely, leave it open (W2, W4).
    """
    if reading.viable_percent > 0 or nodes_are_positive(reading):
        return False
    if not reading.nodes_examined or reading.ypn == "ypNX" or not reading.sampling_complete:
        return None
    return reading.ypt == "ypT0" and reading.ypn == "ypN0"


def nodes_are_positive(reading: ResponseReading) -> bool:
    """Tell whether viable tumour was found in a node."""
    return bool(reading.nodes_positive) or (reading.nodes_viable_percent or 0) > 0


def why_mpr(reading: ResponseReading, *, threshold_percent: float = MPR_THRESHOLD_PERCENT) -> Reason:
    """Give the comparison that makes a response major or not.

    Parameters
    ----------
    reading : ResponseReading
    threshold_percent : float, optional
        The MPR line of the cohort.

    Returns
    -------
    Reason
        Such as "8 % viable ≤ 10 %".
    """
    values = {"viable": f"{reading.viable_percent:g}", "threshold": f"{threshold_percent:g}"}
    if is_mpr(reading, threshold_percent=threshold_percent):
        return Reason(gettext_noop("{viable} % viable ≤ {threshold} %"), values)
    return Reason(gettext_noop("{viable} % viable > {threshold} %"), values)


def why_pcr(reading: ResponseReading) -> Reason:
    """Give what makes a response complete, denies it, or leaves it open.

    Parameters
    ----------
    reading : ResponseReading

    Returns
    -------
    Reason
        The first fact that decides.
    """
    viable = {"viable": f"{reading.viable_percent:g}"}
    if reading.viable_percent > 0:
        return Reason(gettext_noop("{viable} % viable tumour in the primary"), viable)
    if nodes_are_positive(reading):
        return Reason(gettext_noop("viable tumour in lymph nodes"))
    if not reading.nodes_examined or reading.ypn == "ypNX":
        return Reason(gettext_noop("no lymph node was examined"))
    if not reading.sampling_complete:
        return Reason(gettext_noop("the bed was not sampled completely"))
    if reading.ypt != "ypT0":
        return Reason(gettext_noop("{ypt}, not ypT0"), {"ypt": reading.ypt})
    stage = {"stage": f"{reading.ypt} {reading.ypn}", "nodes": str(reading.nodes_examined)}
    return Reason(gettext_noop("0 % viable, {stage}, {nodes} nodes without tumour, bed sampled completely"), stage)

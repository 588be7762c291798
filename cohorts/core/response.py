"""Pathological response: what a pathologist reads, and what follows from it.

Sources: IASLC 2020 recommendations (Travis et al., J Thorac Oncol 2020;15:709-740) for the components and, in its table 1
(PMC8173999), for the sampling of the bed; CheckMate 816 (Nat Med 2024;30:218) for pCR as 0 % viable tumour in primary
and nodes. MPR and pCR are functions of a reading, never stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from cohorts.core.errors import Reason, gettext_noop
from cohorts.core.node_stations import Station

#: Residual viable tumour at or below which a response is major (10 % for every histology by default).
MPR_THRESHOLD_PERCENT = 10.0

#: ypT1 and ypT2 without a letter, as ypN2 and ypM1c: the subcategory is not stated.
YPT_CHOICES = (
    *("ypTX", "ypT0", "ypTis", "ypT1", "ypT1mi", "ypT1a", "ypT1b", "ypT1c", "ypT2", "ypT2a", "ypT2b"),
    *("ypT3", "ypT4"),
)
YPN_CHOICES = ("ypN0", "ypN1", "ypN2", "ypN2a", "ypN2b", "ypN3", "ypNX")
#: A distant metastasis that was found; that there is none is a clinical finding (M0), so no ypM0 exists.
YPM_CHOICES = ("ypM1a", "ypM1b", "ypM1c", "ypM1c1", "ypM1c2")

#: How the bed was sampled: every part of it, or, above 3 cm, as IASLC asks (a mapped cross-section and about a block a
#: centimetre), or less than that. Empty where it is not stated.
SAMPLINGS = ("complete", "as_iaslc", "incomplete")
#: Sampling that suffices to say that no viable tumour is left.
SUFFICIENT_SAMPLINGS = ("complete", "as_iaslc")


@dataclass(frozen=True)
class ResponseReading:
    """One pathologist's reading of the resected tumour bed and nodes; percentages 0 to 100.

    ``None`` or an empty text means not stated. ``sampling`` is one of `SAMPLINGS`, ``histology`` that of the resected tumour
    or, where it is not stated, that before treatment. ``reported_mpr`` and ``reported_pcr`` are what the report itself says.
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
    sampling: str = ""
    tumour_bed_mm: float | None = None
    histology: str = ""
    reported_mpr: bool | None = None
    reported_pcr: bool | None = None
    stations: tuple[Station, ...] = ()
    tnm_edition: int | None = None
    ypm: str = ""


def is_mpr(reading: ResponseReading, *, threshold_percent: float = MPR_THRESHOLD_PERCENT) -> bool:
    """Tell whether the primary's residual viable tumour is at or below the threshold."""
    return reading.viable_percent <= threshold_percent


def is_pcr(reading: ResponseReading) -> bool | None:
    """Return whether no viable tumour is left in primary and nodes; None where that cannot be evaluated or confirmed.

    A primary that could not be assessed (ypTX), nodes that were not examined, or a bed of which complete sampling or that of
    IASLC is not stated leave it open (W14, W2, W4).
    """
    if reading.viable_percent > 0 or nodes_are_positive(reading):
        return False
    if reading.ypt == "ypTX" or not nodes_are_known(reading) or reading.sampling not in SUFFICIENT_SAMPLINGS:
        return None
    return reading.ypt == "ypT0" and reading.ypn == "ypN0"


def contradicts_pcr(reading: ResponseReading) -> bool:
    """Return whether something that is stated denies pCR or rules out that anybody could see it; what is missing does not."""
    is_viable = reading.viable_percent > 0 or nodes_are_positive(reading)
    return is_viable or reading.ypt != "ypT0" or reading.ypn != "ypN0" or reading.nodes_examined == 0


def nodes_are_known(reading: ResponseReading) -> bool:
    """Return whether it is stated that nodes were examined."""
    return bool(reading.nodes_examined) and reading.ypn != "ypNX"


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
    if reading.ypt == "ypTX":
        return Reason(gettext_noop("the primary could not be assessed (ypTX)"))
    if not nodes_are_known(reading):
        return Reason(_why_nodes_unknown(reading))
    if reading.sampling not in SUFFICIENT_SAMPLINGS:
        return Reason(_WHY_UNCONFIRMED[reading.sampling])
    if reading.ypt != "ypT0":
        return Reason(gettext_noop("{ypt}, not ypT0"), {"ypt": reading.ypt})
    stage = {"stage": f"{reading.ypt} {reading.ypn}", "nodes": str(reading.nodes_examined)}
    if reading.sampling == "as_iaslc":
        template = gettext_noop("0 % viable, {stage}, {nodes} nodes without tumour, bed sampled as IASLC asks")
        return Reason(template, stage)
    return Reason(gettext_noop("0 % viable, {stage}, {nodes} nodes without tumour, bed sampled completely"), stage)


_WHY_UNCONFIRMED = {
    "incomplete": gettext_noop("the bed was not sampled completely"),
    "": gettext_noop("how the bed was sampled is not stated"),
}


def _why_nodes_unknown(reading: ResponseReading) -> str:
    if reading.nodes_examined is None and reading.ypn != "ypNX":
        return gettext_noop("whether lymph nodes were examined is not stated")
    return gettext_noop("no lymph node was examined")

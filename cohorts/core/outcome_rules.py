"""The rules that a pathology reading must obey (E1 to E9 and E13) and those that only warn (W0 to W5, W7, W10 to W16)."""

from __future__ import annotations

from collections.abc import Iterator

from cohorts.core.errors import Finding, gettext_noop
from cohorts.core.node_stations import check_stations
from cohorts.core.response import (
    MPR_THRESHOLD_PERCENT,
    SUFFICIENT_SAMPLINGS,
    ResponseReading,
    contradicts_pcr,
    is_mpr,
    is_pcr,
    nodes_are_known,
    nodes_are_positive,
)

_SUM_TOLERANCE_PERCENT = 1.0
_BORDER_POINTS = 2.0
#: Up to this size IASLC asks that a bed be sampled entirely (Travis et al. 2020, table 1).
ENTIRELY_SAMPLED_UP_TO_MM = 30.0
#: The cut that was proposed for adenocarcinoma after chemotherapy (Qu et al., J Thorac Oncol 2019).
ADENOCARCINOMA_CUT_PERCENT = 65.0
_PERCENTAGES = (
    "viable_percent",
    "necrosis_percent",
    "stroma_percent",
    "fibrosis_percent",
    "inflammation_percent",
    "nodes_viable_percent",
)


def check(reading: ResponseReading, *, threshold_percent: float = MPR_THRESHOLD_PERCENT) -> tuple[Finding, ...]:
    """Apply the consistency rules to a reading.

    Parameters
    ----------
    reading : ResponseReading
    threshold_percent : float, optional
        The MPR line of the cohort.

    Returns
    -------
    tuple of Finding
        Errors first. A reading with an error must be refused; warnings are shown with it.
    """
    range_findings = tuple(_ranges(reading))
    if range_findings:
        return range_findings  # the other rules would only repeat it
    found = [
        *_components(reading),
        *_primary(reading),
        *_nodes(reading),
        *_stations(reading),
        *_reported(reading, threshold_percent),
        *_doubts_about_nodes(reading, threshold_percent),
        *_doubts_about_the_primary(reading, threshold_percent),
    ]
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


def _ranges(reading: ResponseReading) -> Iterator[Finding]:
    for field in _PERCENTAGES:
        value = getattr(reading, field)
        if value is not None and not 0 <= value <= 100:
            template = gettext_noop("A percentage lies between 0 and 100, not {value}.")
            yield Finding("E1", field, template, {"value": f"{value:g}"})


def _components(reading: ResponseReading) -> Iterator[Finding]:
    total = reading.viable_percent + reading.necrosis_percent + reading.stroma_percent
    if abs(total - 100) > _SUM_TOLERANCE_PERCENT:
        template = gettext_noop("Viable, necrosis and stroma must sum to 100 %; they sum to {total} %.")
        yield Finding("E2", "stroma_percent", template, {"total": f"{total:g}"})
    if reading.fibrosis_percent is not None and reading.inflammation_percent is not None:
        split = reading.fibrosis_percent + reading.inflammation_percent
        if abs(split - reading.stroma_percent) > _SUM_TOLERANCE_PERCENT:
            template = gettext_noop(
                "Fibrosis and inflammation must sum to stroma ({stroma} %); they sum to {split} %."
            )
            values = {"stroma": f"{reading.stroma_percent:g}", "split": f"{split:g}"}
            yield Finding("E3", "fibrosis_percent", template, values)


def _primary(reading: ResponseReading) -> Iterator[Finding]:
    if reading.viable_percent == 0 and reading.ypt == "ypTis":
        template = gettext_noop("ypTis without viable invasive tumour: document that only in-situ tumour is left.")
        yield Finding("W7", "ypt", template)
    elif reading.ypt == "ypTX":
        template = gettext_noop(
            "ypTX: the primary could not be assessed, so pCR cannot be evaluated. Check the percentages, on which MPR rests."
        )
        yield Finding("W14", "ypt", template)
    elif reading.viable_percent == 0 and reading.ypt != "ypT0":
        template = gettext_noop("0 % viable tumour means ypT0, but {ypt} is entered.")
        yield Finding("E5", "ypt", template, {"ypt": reading.ypt})
    elif reading.viable_percent > 0 and reading.ypt == "ypT0":
        template = gettext_noop("ypT0 means no viable tumour, but {viable} % is entered.")
        yield Finding("E6", "ypt", template, {"viable": f"{reading.viable_percent:g}"})


def _nodes(reading: ResponseReading) -> Iterator[Finding]:
    examined, positive, viable = reading.nodes_examined, reading.nodes_positive, reading.nodes_viable_percent
    if examined is not None and positive is not None and positive > examined:
        template = gettext_noop("{positive} positive nodes of {examined} examined is not possible.")
        yield Finding("E7", "nodes_positive", template, {"positive": str(positive), "examined": str(examined)})
    if reading.ypn == "ypN0" and nodes_are_positive(reading):
        template = gettext_noop("ypN0 means no viable tumour in nodes, but positive or viable nodes are entered.")
        yield Finding("E7", "ypn", template)
    elif reading.ypn == "ypNX" and (examined or nodes_are_positive(reading)):
        template = gettext_noop("ypNX means that nodes were not examined, but {n} are entered.")
        yield Finding("E7", "ypn", template, {"n": str(examined or positive or 0)})
    elif reading.ypn.startswith(("ypN1", "ypN2", "ypN3")) and not positive:
        template = gettext_noop("{ypn} needs at least one positive node.")
        yield Finding("E7", "nodes_positive", template, {"ypn": reading.ypn})
    elif positive and viable == 0:
        template = gettext_noop("A positive node holds viable tumour, but 0 % is entered.")
        yield Finding("E7", "nodes_viable_percent", template)


def _stations(reading: ResponseReading) -> tuple[Finding, ...]:
    return check_stations(
        reading.stations,
        ypn=reading.ypn,
        nodes_examined=reading.nodes_examined,
        nodes_positive=reading.nodes_positive,
    )


def _reported(reading: ResponseReading, threshold_percent: float) -> Iterator[Finding]:
    mpr = is_mpr(reading, threshold_percent=threshold_percent)
    if reading.reported_pcr and reading.reported_mpr is False:
        template = gettext_noop("A report that states pCR cannot deny MPR: pCR implies MPR. Adjudicate it.")
        yield Finding("E8", "reported_mpr", template)
        return
    if reading.reported_pcr and contradicts_pcr(reading):
        template = gettext_noop(
            "The report states pCR, but pCR needs 0 % viable tumour, ypT0, ypN0 and examined nodes without viable tumour. "
            "Adjudicate the difference."
        )
        yield Finding("E4", "reported_pcr", template)
    elif reading.reported_pcr is False and is_pcr(reading):
        template = gettext_noop("The report denies pCR, but the values entered mean pCR. Adjudicate it.")
        yield Finding("E9", "reported_pcr", template)
    viable = {"viable": f"{reading.viable_percent:g}"}
    if reading.reported_mpr and not mpr:
        template = gettext_noop("The report states MPR, but {viable} % viable means no MPR.")
        yield Finding("E9", "reported_mpr", template, viable)
    elif reading.reported_mpr is False and mpr:
        template = gettext_noop("The report states no MPR, but {viable} % viable means MPR.")
        yield Finding("E9", "reported_mpr", template, viable)


def _doubts_about_nodes(reading: ResponseReading, threshold_percent: float) -> Iterator[Finding]:
    if is_mpr(reading, threshold_percent=threshold_percent) and nodes_are_positive(reading):
        template = gettext_noop("MPR with positive nodes: valid, because MPR is judged on the primary alone.")
        yield Finding("W1", "ypn", template)
    if not nodes_are_known(reading):
        yield Finding("W2", "nodes_examined", _said_of_unknown_nodes(reading))
    if reading.ypm:
        template = gettext_noop("{ypm} is found, but MPR and pCR are judged on the primary and the nodes alone.")
        yield Finding("W16", "ypm", template, {"ypm": reading.ypm})
    if reading.tnm_edition == 8 and (later := [c for c in (reading.ypn, reading.ypm) if c in _NINTH_ONLY]):
        template = gettext_noop("{category} belongs to the 9th edition of the TNM, but the 8th is stated.")
        yield Finding("W12", "tnm_edition", template, {"category": ", ".join(later)})


_NINTH_ONLY = {"ypN2a", "ypN2b", "ypM1c1", "ypM1c2"}


def _said_of_unknown_nodes(reading: ResponseReading) -> str:
    """Return what follows: where something else denies pCR already, nothing is left open."""
    is_open = is_pcr(reading) is None
    if reading.nodes_examined is None and reading.ypn != "ypNX":
        if is_open:
            return gettext_noop("It is not stated how many nodes were examined: pCR cannot be evaluated, MPR can.")
        return gettext_noop(
            "It is not stated how many nodes were examined. Viable tumour denies pCR anyway, and MPR needs no nodes."
        )
    if is_open:
        return gettext_noop("No node was examined: pCR cannot be evaluated, MPR can.")
    return gettext_noop(
        "No node was examined. Viable tumour in the primary denies pCR anyway, and MPR needs no nodes."
    )


def _doubts_about_the_primary(reading: ResponseReading, threshold_percent: float) -> Iterator[Finding]:
    viable = reading.viable_percent
    if abs(viable - threshold_percent) <= _BORDER_POINTS:
        template = gettext_noop("{viable} % lies within 2 points of the MPR threshold: ask a second reader.")
        yield Finding("W3", "viable_percent", template, {"viable": f"{viable:g}"})
    if viable == 0 and not nodes_are_positive(reading) and reading.sampling not in SUFFICIENT_SAMPLINGS:
        template = (
            gettext_noop("0 % viable in a bed that was not sampled completely: pCR unconfirmed.")
            if reading.sampling
            else gettext_noop("0 % viable, but how the bed was sampled is not stated: pCR unconfirmed.")
        )
        yield Finding("W4", "sampling", template)
    bed = reading.tumour_bed_mm
    if reading.sampling == "as_iaslc" and bed is not None and bed <= ENTIRELY_SAMPLED_UP_TO_MM:
        template = gettext_noop("A bed of {bed} mm: IASLC asks that a bed of at most {limit} mm be sampled entirely.")
        values = {"bed": f"{bed:g}", "limit": f"{ENTIRELY_SAMPLED_UP_TO_MM:g}"}
        yield Finding("W15", "sampling", template, values)
    if reading.histology == "adenocarcinoma" and threshold_percent < viable <= ADENOCARCINOMA_CUT_PERCENT:
        template = gettext_noop(
            "Adenocarcinoma with {viable} % viable tumour is no MPR at {threshold} %. For adenocarcinoma a cut of {cut} % was "
            "proposed; the sensitivity analysis of the study report derives MPR at other cuts."
        )
        cuts = {"threshold": f"{threshold_percent:g}", "cut": f"{ADENOCARCINOMA_CUT_PERCENT:g}"}
        yield Finding("W5", "viable_percent", template, {"viable": f"{viable:g}", **cuts})

"""What is known of a patient beside the images: clinical columns, and facts that are never modelled.

Facts are subgroups in words, how the scans were made, and when treatment began.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from cohorts.models import PathologyOutcome, Patient, Timepoint
from cohorts.selectors.patients import true_scan_date
from imaging.models import ImageSeries
from imaging.selectors import PatientLocation
from modeling.core.study.comparators import RADIOLOGIST, SUV_POST, SUV_PRE
from modeling.core.study.cuts import OWN_CUT, VIABLE
from modeling.core.study.sensitivity import DAYS_DOSE_TO_CT, PAIR

Fact = str | float

#: Days from the last dose to surgery that divide the two groups of that interval (our default: six weeks).
INTERVAL_DAYS = 42
#: Age, in years, from which on a patient belongs to the older group (our default).
OLDER_FROM_YEARS = 65
_STAGE = re.compile(r"IV|I{1,3}")
_STAGE_NUMBERS = {"I": 1.0, "II": 2.0, "III": 3.0, "IV": 4.0}
_MODELLED_HISTOLOGIES = (Patient.Histology.ADENOCARCINOMA, Patient.Histology.SQUAMOUS)
_NOT_KNOWN = ""
#: Levels of the facts that compare both scans of a patient.
SAME, DIFFERENT = "same", "different"
#: Slices of which the stated thickness differs by less are as thick as each other, in mm (our default).
_ALIKE_MM = 0.1


def facts_of_patient(
    patient: Patient, outcome: PathologyOutcome | None, *, series: Mapping[str, ImageSeries], zone: str
) -> dict[str, Fact]:
    """Give the facts of one patient; what is not known is an empty text, or NaN where a number belongs.

    Parameters
    ----------
    series : mapping of str to ImageSeries
        By timepoint.
    zone : str
        The location that counts, central or peripheral.
    """
    facts: dict[str, Fact] = {
        "subgroup|histology": _histology(patient),
        "subgroup|location": zone,
        "subgroup|sex": str(patient.sex),
        "subgroup|age": _age(patient),
        "subgroup|stage": stage_of(patient)[0],
        "subgroup|pdl1": _pdl1(patient),
        "subgroup|contrast": _contrast(series),
        "subgroup|interval": _interval(patient, outcome),
    }
    facts |= {f"{PAIR}{name}": value for name, value in _pair(series).items()}
    facts |= {
        RADIOLOGIST: str(patient.radiological_response),
        SUV_PRE: _number(patient.suv_max_pre),
        SUV_POST: _number(patient.suv_max_post),
    }
    for kind in Timepoint.Kind.values:
        facts |= {f"scan|{kind}|{name}": value for name, value in _scan(series.get(kind)).items()}
    begun = patient.first_dose_on
    facts["order|days"] = float("nan") if begun is None else float(begun.toordinal())
    # A correction that leaves the class as it was, or another threshold, changes no number that is modelled; still
    # it is another reading, and another snapshot.
    facts["reading|version"] = float("nan") if outcome is None else float(outcome.version)
    # The percentage itself, so that predictions can be looked at against other cuts; no model ever sees it.
    facts[VIABLE] = float("nan") if outcome is None else float(outcome.viable_percent)
    facts[OWN_CUT] = float(patient.cohort.mpr_threshold_percent)
    return facts


def clinical_columns(patient: Patient, location: PatientLocation) -> dict[str, float]:
    """Give the clinical columns of one patient; what is not known is NaN."""
    nan = float("nan")
    return {
        "clinical|age_years": nan if patient.age_years is None else float(patient.age_years),
        "clinical|male": float(patient.sex == Patient.Sex.MALE) if patient.sex else nan,
        "clinical|ever_smoker": float(patient.smoking != Patient.Smoking.NEVER) if patient.smoking else nan,
        # Of the biopsy: the histology at surgery is part of the outcome.
        "clinical|squamous": float(patient.histology == Patient.Histology.SQUAMOUS) if patient.histology else nan,
        "clinical|stage": stage_of(patient)[1],
        "clinical|pdl1_percent": nan if patient.pdl1_percent is None else float(patient.pdl1_percent),
        "clinical|central": float(location.zone == Patient.Location.CENTRAL) if location.zone else nan,
        "clinical|cycles": nan if patient.cycles is None else float(patient.cycles),
        # No built-in view looks at the timing: a recipe may name it, and every run is adjusted for it.
        DAYS_DOSE_TO_CT: _days_dose_to_ct(patient),
        # No view looks at a source; it tells what the frozen value rests on: 1 the CT, 0 a person.
        "source|central_measured": float(location.source == "measured") if location.source else nan,
    }


def stage_of(patient: Patient) -> tuple[str, float]:
    """Give the clinical stage without its letter, as Roman and as Arabic number."""
    found = _STAGE.match(patient.clinical_stage.strip().upper())
    return (found[0], _STAGE_NUMBERS[found[0]]) if found else (_NOT_KNOWN, float("nan"))


def _histology(patient: Patient) -> str:
    if not patient.histology or patient.histology in _MODELLED_HISTOLOGIES:
        return str(patient.histology)
    return "other"


def _age(patient: Patient) -> str:
    if patient.age_years is None:
        return _NOT_KNOWN
    return f"{'<' if patient.age_years < OLDER_FROM_YEARS else '>='} {OLDER_FROM_YEARS}"


def _pdl1(patient: Patient) -> str:
    if patient.pdl1_percent is None:
        return _NOT_KNOWN
    return "< 1" if patient.pdl1_percent < 1 else "1-49" if patient.pdl1_percent < 50 else ">= 50"


def _contrast(series: Mapping[str, ImageSeries]) -> str:
    used = {one.contrast for one in series.values()}
    if not used or None in used:
        return _NOT_KNOWN
    return "one scan of two" if len(used) > 1 else "with contrast" if used.pop() else "without contrast"


def _pair(series: Mapping[str, ImageSeries]) -> dict[str, str]:
    """Return whether both scans were made alike; what either does not state is not known.

    Headers state whether a contrast agent was given, not the phase, so that two scans with contrast are called alike.
    """
    pre, post = series.get(Timepoint.Kind.PRE), series.get(Timepoint.Kind.POST)
    if pre is None or post is None:
        return dict.fromkeys(("contrast", "kernel", "thickness"), _NOT_KNOWN)
    thick = (pre.slice_thickness_mm, post.slice_thickness_mm)
    return {
        "contrast": _compared(pre.contrast, post.contrast),
        "kernel": _compared(pre.kernel or None, post.kernel or None),
        "thickness": _NOT_KNOWN
        if thick[0] is None or thick[1] is None
        else SAME
        if abs(thick[0] - thick[1]) < _ALIKE_MM
        else DIFFERENT,
    }


def _compared(before: bool | str | None, after: bool | str | None) -> str:
    if before is None or after is None:
        return _NOT_KNOWN
    return SAME if before == after else DIFFERENT


def _days_dose_to_ct(patient: Patient) -> float:
    scan = next((one for one in patient.timepoints.all() if one.kind == Timepoint.Kind.POST), None)
    scanned = true_scan_date(scan) if scan else None
    if scanned is None or patient.last_dose_on is None:
        return float("nan")
    return float((scanned - patient.last_dose_on).days)


def _number(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)


def _interval(patient: Patient, outcome: PathologyOutcome | None) -> str:
    surgery = outcome.surgery_on if outcome else None
    if surgery is None or patient.last_dose_on is None:
        return _NOT_KNOWN
    days = (surgery - patient.last_dose_on).days
    return f"{'<=' if days <= INTERVAL_DAYS else '>'} {INTERVAL_DAYS} days"


def _scan(series: ImageSeries | None) -> dict[str, Fact]:
    if series is None:
        return dict.fromkeys(("scanner", "manufacturer", "kernel", "spacing_mm", "contrast"), _NOT_KNOWN) | {
            "thickness_mm": float("nan")
        }
    thickness = series.slice_thickness_mm
    return {
        "scanner": series.scanner,
        "manufacturer": series.manufacturer,
        "kernel": series.kernel,
        "spacing_mm": " ".join(f"{step:g}" for step in series.spacing_zyx_mm),
        "contrast": {True: "yes", False: "no", None: _NOT_KNOWN}[series.contrast],
        "thickness_mm": float("nan") if thickness is None else float(thickness),
    }

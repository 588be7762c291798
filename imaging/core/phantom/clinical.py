"""Clinical variables and dates of a synthetic patient."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from imaging.core.phantom.truth import ClinicalTruth, Histology, Location


def draw_clinical(rng: np.random.Generator, *, is_mpr: bool, location: Location, diameter_mm: float) -> ClinicalTruth:
    """Draw clinical variables; only histology and PD-L1 know the response, and only a little.

    Parameters
    ----------
    rng : numpy.random.Generator
        The patient's generator.
    is_mpr : bool
        Whether the patient responds.
    location : str
        Where the tumour sits.
    diameter_mm : float
        Size of the tumour before treatment; large tumours tend to a higher stage.
    """
    squamous = rng.random() < (0.52 if is_mpr else 0.44)
    histology = _histology(squamous=squamous, mixed=rng.random() < 0.08)
    pdl1 = int(np.clip(round(float(rng.beta(0.6, 1.3 if is_mpr else 1.6)) * 100), 0, 95))
    smoking = rng.choice(["never", "former", "current"], p=[0.12, 0.48, 0.40] if squamous else [0.38, 0.36, 0.26])
    cycles = int(rng.choice([2, 3, 4], p=[0.25, 0.5, 0.25]))
    stages = ["IIA", "IIB", "IIIA", "IIIB"]
    stage = rng.choice(stages, p=[0.10, 0.25, 0.45, 0.20] if diameter_mm > 33 else [0.25, 0.30, 0.33, 0.12])
    t, n = _t_and_n(str(stage), diameter_mm)
    partner = "paclitaxel" if squamous else "pemetrexed"
    return ClinicalTruth(
        age_years=int(np.clip(round(float(rng.normal(63, 8))), 38, 82)),
        sex="male" if rng.random() < (0.85 if squamous else 0.6) else "female",
        smoking=str(smoking),  # type: ignore[arg-type]
        histology=histology,
        clinical_t=t,
        clinical_n=n,
        clinical_m="cM0",
        clinical_tnm_edition=9,
        clinical_stage=str(stage),
        pdl1_percent=pdl1,
        regimen=f"PD-1 inhibitor + carboplatin + {partner}",
        cycles=cycles,
        location=location,
        **_dates(rng, cycles),
    )


def _histology(*, squamous: bool, mixed: bool) -> Histology:
    if mixed:
        return "adenosquamous" if squamous else "large_cell"
    return "squamous" if squamous else "adenocarcinoma"


#: Stage by the 9th edition of the TNM → T of a tumour of at most 30, 40, 50 mm or more → N; all M0.
_N_OF_STAGE: Mapping[str, Mapping[str, str]] = {
    "IIA": {"cT1c": "cN1", "cT2b": "cN0"},
    "IIB": {"cT1c": "cN2a", "cT2a": "cN1", "cT2b": "cN1"},
    "IIIA": {"cT1c": "cN2b", "cT2a": "cN2a", "cT2b": "cN2a"},
    "IIIB": {"cT1c": "cN3", "cT2a": "cN2b", "cT2b": "cN2b"},
}


def _t_and_n(stage: str, diameter_mm: float) -> tuple[str, str]:
    """Return T by size and the N with which it makes the stage; where none does, T is higher for another reason than size."""
    t = "cT1c" if diameter_mm <= 30 else "cT2a" if diameter_mm <= 40 else "cT2b"
    if t not in _N_OF_STAGE[stage]:
        t = "cT2b"
    return t, _N_OF_STAGE[stage][t]


def _dates(rng: np.random.Generator, cycles: int) -> dict[str, date]:
    """Draw dates in the order that the protocol demands: 21-day cycles, surgery within 10 weeks."""
    pre_scan = date(2021, 1, 4) + timedelta(days=int(rng.integers(0, 1200)))
    first_dose = pre_scan + timedelta(days=int(rng.integers(3, 27)))
    last_dose = first_dose + timedelta(days=21 * (cycles - 1) + int(rng.integers(0, 4)))
    post_scan = last_dose + timedelta(days=int(rng.integers(14, 33)))
    surgery = post_scan + timedelta(days=int(rng.integers(2, 22)))
    return {
        "pre_scan_on": pre_scan,
        "first_dose_on": first_dose,
        "last_dose_on": last_dose,
        "post_scan_on": post_scan,
        "surgery_on": surgery,
        "signed_off_on": surgery + timedelta(days=int(rng.integers(5, 15))),
    }

"""What is planted in a synthetic patient: the values that the demo cohort is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

Centre = Literal["A", "B", "C"]
Timepoint = Literal["pre", "post"]
Location = Literal["central", "peripheral"]
Histology = Literal["adenocarcinoma", "squamous", "adenosquamous", "large_cell"]

TIMEPOINTS: tuple[Timepoint, ...] = ("pre", "post")
NOTICE = (
    "Synthetic patients and images, made by a computer program. Not real people; not for any clinical conclusion."
)


@dataclass(frozen=True)
class ScanTruth:
    """What the tumour looks like in one scan.

    Parameters
    ----------
    diameter_mm : float
        Diameter of the sphere from which the lobulated tumour is shaped.
    texture_length_mm : float
        Correlation length of the fine texture inside the tumour (its variance never changes).
    mixing : float
        0 = the dense habitat lies at the surface of the tumour; 1 = it lies deep inside, between the others.
    fractions : tuple of float
        Parts of the tumour that are low in density, soft and dense; their sum is 1.
    habitat_hu : tuple of float
        Mean HU of the three habitats; it changes with the contrast phase, not with the response.
    halo : float
        Strength of the ground-glass rim around the tumour, 0 to 1; it does not know the response.
    """

    diameter_mm: float
    texture_length_mm: float
    mixing: float
    fractions: tuple[float, float, float]
    habitat_hu: tuple[float, float, float]
    halo: float


@dataclass(frozen=True)
class ClinicalTruth:
    """Clinical variables and dates of a synthetic patient."""

    age_years: int
    sex: Literal["female", "male"]
    smoking: Literal["never", "former", "current"]
    histology: Histology
    clinical_t: str
    clinical_n: str
    clinical_m: str
    clinical_tnm_edition: int
    clinical_stage: str
    pdl1_percent: int
    regimen: str
    cycles: int
    location: Location
    pre_scan_on: date
    first_dose_on: date
    last_dose_on: date
    post_scan_on: date
    surgery_on: date
    signed_off_on: date


@dataclass(frozen=True)
class PathologyTruth:
    """The reading of the resected specimen; the three components sum to 100."""

    viable_percent: int
    necrosis_percent: int
    stroma_percent: int
    ypt: str
    ypn: str
    nodes_examined: int
    nodes_positive: int
    nodes_viable_percent: int
    sampling: Literal["complete", "as_iaslc"]
    tumour_bed_mm: int
    tnm_edition: int
    blinded: bool


@dataclass(frozen=True)
class PatientTruth:
    """Everything planted in one synthetic patient.

    `response` is the latent depth of response (standard normal); `shrinkage`, `texture` and `mixing`
    are standard normal signals that share a known part with it (`phantom.cohort.PLANTED`).
    """

    code: str
    centre: Centre
    seed: int
    response: float
    shrinkage: float
    texture: float
    mixing: float
    is_mpr: bool
    location: Location
    pre: ScanTruth
    post: ScanTruth
    clinical: ClinicalTruth
    pathology: PathologyTruth

    def scan(self, timepoint: Timepoint) -> ScanTruth:
        """Give what is planted in the scan of one timepoint."""
        return self.pre if timepoint == "pre" else self.post

    def scan_on(self, timepoint: Timepoint) -> date:
        """Give the day of the scan of one timepoint."""
        return self.clinical.pre_scan_on if timepoint == "pre" else self.clinical.post_scan_on


def patient_document(truth: PatientTruth) -> dict[str, Any]:
    """Give one patient's planted truth in a JSON-ready form; dates are ISO 8601 texts."""
    document = asdict(truth)
    document["clinical"] = {
        key: value.isoformat() if isinstance(value, date) else value for key, value in document["clinical"].items()
    }
    for timepoint in ("pre", "post"):
        for name in ("fractions", "habitat_hu"):
            document[timepoint][name] = list(document[timepoint][name])
    return document


def patient_documents(truths: Iterable[PatientTruth]) -> list[dict[str, Any]]:
    """Give the planted truth of many patients in a JSON-ready form, in their order."""
    return [patient_document(truth) for truth in truths]

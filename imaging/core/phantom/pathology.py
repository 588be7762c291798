"""The pathologist's reading of a synthetic patient, consistent with the rules of `cohorts.core.response`."""

from __future__ import annotations

import numpy as np

from imaging.core.phantom.truth import PathologyTruth

#: Readings as pathologists state them (IASLC 2020): single per cent below 5, then steps of ten.
_VIABLE_MPR = (0, 1, 2, 3, 5, 10)
_VIABLE_MPR_RESPONSE = (1.15, 0.85, 0.60, 0.45, 0.30)
_VIABLE_REST = (20, 30, 40, 50, 60, 70, 80, 90)
_VIABLE_REST_RESPONSE = (-0.05, -0.25, -0.45, -0.70, -1.0, -1.35, -1.80)

#: IASLC asks that a bed up to this size be sampled entirely.
_ENTIRELY_SAMPLED_UP_TO_MM = 30
_PT_LIMITS_MM = ((5, "ypT1mi"), (10, "ypT1a"), (20, "ypT1b"), (30, "ypT1c"), (40, "ypT2a"), (50, "ypT2b"))


def draw_pathology(rng: np.random.Generator, *, is_mpr: bool, response: float, bed_mm: float) -> PathologyTruth:
    """Draw a reading: the deeper the latent response, the less viable tumour.

    Parameters
    ----------
    rng : numpy.random.Generator
        The patient's generator.
    is_mpr : bool
        Whether at most 10 % may be viable.
    response : float
        Latent response; larger is deeper.
    bed_mm : float
        Size of the tumour on the scan before surgery.
    """
    values, limits = (_VIABLE_MPR, _VIABLE_MPR_RESPONSE) if is_mpr else (_VIABLE_REST, _VIABLE_REST_RESPONSE)
    viable = values[sum(response < limit for limit in limits)]
    necrosis = int(np.clip(round(float(rng.uniform(0.1, 0.6)) * (100 - viable) / 5) * 5, 0, 100 - viable))
    bed = max(round(bed_mm * float(rng.uniform(0.85, 1.1))), 6)
    examined = int(rng.integers(8, 25))
    positive = 0 if rng.random() < (0.85 if is_mpr else 0.6) else int(rng.integers(1, 5))
    return PathologyTruth(
        viable_percent=viable,
        necrosis_percent=necrosis,
        stroma_percent=100 - viable - necrosis,
        ypt=_ypt(viable, bed),
        ypn="ypN0" if positive == 0 else ("ypN1" if rng.random() < 0.5 else "ypN2"),
        nodes_examined=examined,
        nodes_positive=positive,
        nodes_viable_percent=0 if positive == 0 else int(rng.choice([5, 10, 20, 40, 60])),
        sampling="complete" if bed <= _ENTIRELY_SAMPLED_UP_TO_MM else "as_iaslc",
        tumour_bed_mm=bed,
        tnm_edition=9,
        blinded=True,
    )


def _ypt(viable_percent: int, bed_mm: int) -> str:
    """Stage the residual tumour: bed size adjusted by the viable part (IASLC 2020)."""
    if viable_percent == 0:
        return "ypT0"
    size = bed_mm * viable_percent / 100
    return next((name for limit, name in _PT_LIMITS_MM if size <= limit), "ypT3")

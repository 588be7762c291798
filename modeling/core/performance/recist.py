"""RECIST 1.1 of one target lesion: its category from the longest diameter on axial slices before and after.

New lesions, non-target lesions and lymph nodes are no part of it, and the scan before treatment is the smallest sum
that there is, since there are two scans.

References
----------
Eisenhauer et al., Eur J Cancer 2009;45:228-247.
"""

from __future__ import annotations

#: Longest diameter from which on a lesion is measurable on CT (slices of at most 5 mm), in mm.
MEASURABLE_MM = 10.0
#: Fall of the diameter from which on a response is partial.
PARTIAL = 0.30
#: Rise of the diameter from which on a disease is progressive, which must also be so many mm.
PROGRESSIVE, PROGRESSIVE_MM = 0.20, 5.0

COMPLETE_RESPONSE, PARTIAL_RESPONSE, STABLE_DISEASE, PROGRESSIVE_DISEASE = "CR", "PR", "SD", "PD"
CATEGORIES = (COMPLETE_RESPONSE, PARTIAL_RESPONSE, STABLE_DISEASE, PROGRESSIVE_DISEASE)
#: Categories that are called a response.
RESPONSES = frozenset({COMPLETE_RESPONSE, PARTIAL_RESPONSE})

#: Diameters are products of voxel counts and spacings; a limit is met within this many mm.
_ROUNDING_MM = 1e-6


def recist_category(before_mm: float, after_mm: float) -> str:
    """Return the RECIST 1.1 category of a single target lesion; empty where it was not measurable or is not known.

    Parameters
    ----------
    before_mm, after_mm : float
        Longest diameter on axial slices in mm; 0 after treatment where no tumour is left, NaN where not known.

    Returns
    -------
    str
        CR, PR, SD or PD, or an empty text.
    """
    if not before_mm >= MEASURABLE_MM - _ROUNDING_MM or not after_mm >= 0:
        return ""
    if after_mm == 0:
        return COMPLETE_RESPONSE
    if after_mm <= (1 - PARTIAL) * before_mm + _ROUNDING_MM:
        return PARTIAL_RESPONSE
    rise = after_mm - before_mm
    if rise >= PROGRESSIVE * before_mm - _ROUNDING_MM and rise >= PROGRESSIVE_MM - _ROUNDING_MM:
        return PROGRESSIVE_DISEASE
    return STABLE_DISEASE

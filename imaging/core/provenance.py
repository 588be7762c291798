"""What a result was computed from and by what, so that it can be computed again.

A digest names content, not a file: it is the sha256 under which an import stores the volume or mask, so a
pair of files on a desk and the same pair in a cohort carry the same digests.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from imaging.core.codec import pack_mask, pack_volume
from imaging.core.geometry import TumorMask, Volume

#: The version of this software; pyproject.toml states the same.
ECOTONE_VERSION = "0.6.0"

#: Everything between a file and a feature that computes.
_LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "scikit-image",
    "scikit-learn",
    "SimpleITK",
    "PyWavelets",
    "pyradiomics",
    "pydicom",
)


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in _LIBRARIES)


def versions() -> dict[str, str]:
    """Give the versions of Ecotone, Python and every library that takes part in a result."""
    return {"ecotone": ECOTONE_VERSION, "python": platform.python_version(), **dict(_installed())}


def digest_of(part: Volume | TumorMask) -> str:
    """Give the sha256 of a volume or mask in the form in which it is stored.

    Parameters
    ----------
    part : Volume or TumorMask
        Equal values of equal type on an equal grid have equal digests.

    Returns
    -------
    str
        64 hexadecimal digits: the name of the artefact that an import makes of it.
    """
    packed = pack_mask(part) if isinstance(part, TumorMask) else pack_volume(part)
    return hashlib.sha256(packed).hexdigest()


def traced(provenance: Mapping[str, object], **digests: str) -> dict[str, object]:
    """Complete what a computation says of itself.

    Parameters
    ----------
    provenance : mapping of str to object
        Of a feature vector: engine, versions that it names itself, specification, grids.
    **digests : str
        sha256 of what it was computed from: ``volume_sha256``, ``mask_sha256``, ``protocol_sha256``.

    Returns
    -------
    dict of str to object
        JSON-ready. What is installed wins over what a library says of itself: PyWavelets 1.9.0 says 1.8.0.
    """
    named = provenance.get("versions", {})
    own = dict(named) if isinstance(named, Mapping) else {}
    return {**provenance, "versions": own | versions(), **digests}

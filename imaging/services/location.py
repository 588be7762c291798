"""Where in the lungs a tumour lies: measured from a stored scan, and stored with its evidence or its refusal."""

from __future__ import annotations

from typing import Any

from cohorts.errors import explain
from imaging.core.errors import ImagingError
from imaging.core.geometry import TumorMask, Volume
from imaging.core.location import METHOD, locate
from imaging.core.lungs import segment_lungs
from imaging.core.provenance import traced
from imaging.models import Segmentation, TumourLocation

_REASON_CHARACTERS = 300


def measure(segmentation: Segmentation, volume: Volume, mask: TumorMask, *, reference: str) -> dict[str, Any]:
    """Give the fields of a location's row; what cannot be measured gives its code and reason instead.

    Location is an extra of extraction: nothing that goes wrong here may cost the case its features. ``reference``
    stands in the apology and in the log where something unforeseen went wrong.
    """
    try:
        location = locate(volume, mask, segment_lungs(volume))
    except ImagingError as refusal:
        return _refused(segmentation, refusal.code, refusal.message)
    except Exception as error:
        words = explain(error, reference=reference)
        return _refused(segmentation, words.code, words.message)
    return {
        "zone": location.zone,
        "side": location.side,
        "evidence": dict(location.evidence),
        "code": "",
        "reason": "",
        "provenance": _provenance(segmentation, location.provenance),
    }


def store(segmentation: Segmentation, values: dict[str, Any]) -> TumourLocation:
    """Write what `measure` gave; a segmentation has one location."""
    return TumourLocation.objects.update_or_create(segmentation=segmentation, defaults=values)[0]


def _refused(segmentation: Segmentation, code: str, reason: str) -> dict[str, Any]:
    return {
        "zone": "",
        "side": "",
        "evidence": {},
        "code": code,
        "reason": reason[:_REASON_CHARACTERS],
        "provenance": _provenance(segmentation, {"method": METHOD}),
    }


def _provenance(segmentation: Segmentation, provenance: Any) -> dict[str, object]:
    return traced(provenance, volume_sha256=segmentation.series.volume_sha256, mask_sha256=segmentation.mask_sha256)

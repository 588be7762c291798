"""Protocols as rows."""

from __future__ import annotations

from cohorts.errors import ServiceError
from imaging.core.spec import BUILT_IN, STANDARD
from imaging.models import ExtractionProtocol

DEFAULT_PROTOCOL = STANDARD.name


def protocol_named(name: str) -> ExtractionProtocol:
    """Give a protocol; a built-in one gets its row on first use.

    Raises
    ------
    ServiceError
        ``unknown_setting`` with the names that exist.
    """
    if found := ExtractionProtocol.objects.filter(name=name).first():
        return found
    spec = BUILT_IN.get(name)
    if spec is None:
        known = {*BUILT_IN, *ExtractionProtocol.objects.values_list("name", flat=True)}
        raise ServiceError("unknown_setting", f"There is no protocol “{name}”; there are {', '.join(sorted(known))}.")
    values = {"parameters": spec.as_dict(), "digest": spec.digest}
    return ExtractionProtocol.objects.get_or_create(name=name, defaults=values)[0]

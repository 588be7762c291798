"""What an electronic signature covers: a digest of the values that were signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal


def content_digest(values: Mapping[str, object]) -> str:
    """Give the SHA-256 of named values, whatever their order.

    A value that is not stated (None, empty text, empty list) counts as absent, so that a field which a later version
    of the software adds does not break the signatures of records that do not use it. Numbers count by value: 12 and
    12.00 are one.

    Parameters
    ----------
    values : mapping of str to object
        Field → value; dates, decimals and nested mappings or lists are allowed.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    text = json.dumps(_canonical(values), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> object:
    if isinstance(value, Mapping):
        stated = {str(name): _canonical(item) for name, item in value.items()}
        return {name: item for name, item in stated.items() if item is not None and item not in ("", [], {})}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return f"{Decimal(str(value)).normalize():f}"
    return value.isoformat() if isinstance(value, date) else str(value)

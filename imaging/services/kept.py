"""Arrays that were computed once and are kept on disk by what they were computed from."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging import storage

Arrays = dict[str, NDArray[Any]]


def key_of(question: Mapping[str, Any]) -> str:
    """Give the sha256 of a JSON-ready description."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def digest_of(array: NDArray[Any]) -> str:
    """Give the sha256 of an array's shape and bytes, to stand for it in a question."""
    return hashlib.sha256(repr((array.shape, array.dtype.str)).encode() + array.tobytes()).hexdigest()


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def kept(question: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
    """Give the answer to a question that names everything it depends on; computed at the first time only."""
    key = key_of(question)
    if (known := storage.recall(key)) is not None:
        with np.load(io.BytesIO(known), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    arrays = compute()
    storage.remember(key, _packed(arrays))
    return arrays

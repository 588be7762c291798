"""How logs speak of exceptions: where and of which type, never with their message, which may hold identity."""

from __future__ import annotations

import logging
import traceback
from typing import Any


class PlacesFormatter(logging.Formatter):
    """Writes an exception as its type and the places it passed."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class names it so
        """Give type and places of an exception."""
        kind, _, trace = ei
        places = [f"  at {f.filename}:{f.lineno} in {f.name}" for f in reversed(traceback.extract_tb(trace))]
        return "\n".join([f"  {kind.__name__ if kind else 'exception'}", *places[:12]])

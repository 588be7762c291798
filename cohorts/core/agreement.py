"""Blinded double reading: when two readings agree, and what counts when they do not."""

from __future__ import annotations

#: Two readings that differ by more percentage points than this go to a third reader (our default).
READING_MARGIN_POINTS = 10.0

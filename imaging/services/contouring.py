"""Contouring in the browser: a scan slice by slice, what the server computes on a drawing, and how two differ."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

from imaging import storage
from imaging.core.codec import unpack_mask, unpack_volume
from imaging.core.contouring import MaskComparison, compare, fill_between, grow, pack_box, smooth, unpack_box
from imaging.core.contouring.display import directions, slices_int16
from imaging.core.errors import MaskRefused
from imaging.core.geometry import TumorMask, Volume
from imaging.models import ImageSeries, Segmentation

#: What a packed drawing may weigh; a gzipped tumour has some ten kilobytes.
MOST_BYTES = 8_000_000
#: Slices that are sent at once, about 4 MB of a usual CT.
SLAB = 8


@lru_cache(maxsize=2)
def _volume(sha256: str) -> Volume:
    """Read a scan; kept, since whoever draws on it asks for it slab by slab and click by click."""
    return unpack_volume(storage.get(sha256))


def volume_of(series: ImageSeries) -> Volume:
    """Give the scan of a series."""
    return _volume(series.volume_sha256)


def mask_of(segmentation: Segmentation) -> TumorMask:
    """Give what a version holds."""
    return unpack_mask(storage.get(segmentation.mask_sha256))


def scan_facts(series: ImageSeries) -> dict[str, Any]:
    """Give the size of a scan and which way its axes run."""
    grid = volume_of(series).grid
    return {
        "shape": list(grid.shape_zyx),
        "spacing": list(grid.spacing_zyx_mm),
        "directions": directions(grid),
        "slab": SLAB,
    }


def slab(series: ImageSeries, *, first: int) -> bytes:
    """Give eight slices as gzipped int16."""
    return gzip.compress(slices_int16(volume_of(series), first, SLAB), compresslevel=1, mtime=0)


def outline(segmentation: Segmentation) -> bytes:
    """Give a version as a browser reads it."""
    return pack_box(mask_of(segmentation))


def received(series: ImageSeries, content: bytes) -> TumorMask:
    """Read a drawing onto a series.

    Raises
    ------
    MaskRefused
        If it is damaged, too large, or does not lie on the scan.
    """
    if len(content) > MOST_BYTES:
        raise MaskRefused(f"A drawing of more than {MOST_BYTES // 1_000_000} MB is not taken.")
    return unpack_box(content, volume_of(series).grid)


def started(
    series: ImageSeries, *, seed_zyx: tuple[int, int, int], method: Literal["density", "edges"], tolerance: float
) -> tuple[bytes, dict[str, Any]]:
    """Give what one click outlines, with the limits that were learnt."""
    grown = grow(volume_of(series), seed_zyx, method=method, tolerance=tolerance)
    low, high = grown.window_hu
    return pack_box(grown.mask), {"low": round(low), "high": round(high), "leaks": grown.reaches_wall}


def changed(series: ImageSeries, content: bytes, act: Callable[[TumorMask], TumorMask]) -> bytes:
    """Give a drawing after the server worked on it."""
    return pack_box(act(received(series, content)))


def filled(mask: TumorMask) -> TumorMask:
    """Fill the slices between drawn ones."""
    return fill_between(mask)[0]


def smoother(width_mm: float) -> Callable[[TumorMask], TumorMask]:
    """Give what smooths by a width."""
    return lambda mask: smooth(mask, width_mm=width_mm)


def difference(mask: TumorMask, other: Segmentation | None) -> dict[str, Any]:
    """Compare a drawing with a version, as it is stored beside the drawing; empty where there is none to compare with."""
    if other is None or not mask.grid.matches(volume_of(other.series).grid):
        return {}
    return compare(mask, mask_of(other)).as_dict() | {"with_version": other.version}


def between_versions(one: Segmentation, other: Segmentation) -> MaskComparison:
    """Compare two versions.

    Raises
    ------
    GridMismatch
        If they were drawn on different scans.
    """
    return compare(mask_of(one), mask_of(other))

"""Stopwatches: medians of repeats, and two contestants that take turns."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


#: Set to "processor" by --clock, in the environment, so that every process that we start follows.
CLOCK = "BENCH_CLOCK"


def now() -> float:
    """Give seconds on the clock that was chosen: that of the wall, or this process's share of a processor."""
    return process_time() if os.environ.get(CLOCK) == "processor" else perf_counter()


@dataclass(frozen=True)
class Timing:
    """Seconds of each repeat."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)


class Stopwatch:
    """Keeps the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        start = now()
        result = work()
        self.seconds.setdefault(stage, []).append(now() - start)
        return result


def repeat(work: Callable[[], T], times: int) -> tuple[Timing, T]:
    """Time a piece of work; its first call, which loads compiled code, is not counted."""
    result = work()
    watch = Stopwatch()
    for _ in range(times):
        result = watch.time("work", work)
    return Timing(tuple(watch.seconds["work"])), result


def race(
    ours: Callable[[], T], peer: Callable[[], U], *, ours_repeats: int, peer_repeats: int, warm_peer: bool = False
) -> tuple[Timing, T, Timing, U]:
    """Time two contestants in turns, so that a busy moment of the machine meets both.

    The first call of ours is not counted; nor is the peer's where `warm_peer` says so, for work so
    short that its first call would not be fair to it.
    """
    our_result = ours()
    if warm_peer:
        peer()
    watch = Stopwatch()
    for turn in range(peer_repeats):
        peer_result = watch.time("peer", peer)
        # At least one each turn, and about `ours_repeats` in all.
        for _ in range(max(1, (ours_repeats * (turn + 1)) // peer_repeats - (ours_repeats * turn) // peer_repeats)):
            our_result = watch.time("ours", ours)
    return Timing(tuple(watch.seconds["ours"])), our_result, Timing(tuple(watch.seconds["peer"])), peer_result

"""What was measured, as a table for people, Markdown for pages and JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

HEADER = ("job", "ours, s", "peer", "peer, s", "ratio", "aim", "agreement")
STAGE_HEADER = ("stage", "median s", "least s", "greatest s", "runs")
Stages = Mapping[str, Sequence[float]]
_VERSIONS = ("numpy", "scipy", "SimpleITK", "numba", "pyradiomics", "scikit-image")


@dataclass(frozen=True)
class Aim:
    """What the row should reach: a ratio to its peer, or seconds."""

    ratio: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        return f"≥ {self.ratio:g}×" if self.ratio is not None else f"≤ {self.seconds:g} s"


@dataclass(frozen=True)
class Row:
    """One job: medians of ours and of the peer's seconds in the same run on the same files."""

    job: str
    ours_s: float | None = None
    peer: str = ""
    peer_s: float | None = None
    aim: Aim | None = None
    agreement: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.peer_s / self.ours_s if self.ours_s and self.peer_s else None

    @property
    def reached(self) -> bool | None:
        """Whether the aim is met; None where it could not be told."""
        if self.aim is None:
            return None
        if self.aim.ratio is not None:
            return None if self.ratio is None else self.ratio >= self.aim.ratio
        return None if self.ours_s is None or self.aim.seconds is None else self.ours_s <= self.aim.seconds

    def cells(self) -> tuple[str, ...]:
        ratio = "" if self.ratio is None else f"{_figure(self.ratio)}×"
        verdict = {True: " (reached)", False: " (missed)", None: ""}[self.reached]
        aim = f"{self.aim}{verdict}" if self.aim else ""
        return (self.job, _figure(self.ours_s), self.peer, _figure(self.peer_s), ratio, aim, self.agreement)


def table(rows: Sequence[Row]) -> Table:
    """Give the table for a terminal."""
    found = Table(*HEADER, show_lines=True)
    colours = {True: "green", False: "red", None: ""}
    for row in rows:
        found.add_row(*row.cells(), style=colours[row.reached])
    return found


def stage_table(stages: Stages) -> Table:
    """Give the seconds of stages for a terminal."""
    found = Table(*STAGE_HEADER)
    for cells in _stage_cells(stages):
        found.add_row(*cells)
    return found


def markdown(rows: Sequence[Row], stages: Stages, machine: str) -> str:
    """Give the tables, what was noted and the machine for a page of the documentation."""
    parts = [machine]
    if rows:
        parts.append(_markdown_table(HEADER, [row.cells() for row in rows]))
        parts.append("\n".join(f"- {note}" for note in notes_of(rows)))
    if stages:
        parts.append(_markdown_table(STAGE_HEADER, _stage_cells(stages)))
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(rows: Sequence[Row], stages: Stages, machine: str) -> dict[str, Any]:
    """Give everything in a JSON-ready form."""
    found = [asdict(row) | {"ratio": row.ratio, "reached": row.reached} for row in rows]
    return {"machine": machine, "rows": found, "stages": dict(stages)}


def _stage_cells(stages: Stages) -> list[tuple[str, ...]]:
    return [
        (stage, *(f"{value:.3f}" for value in (median(seconds), min(seconds), max(seconds))), str(len(seconds)))
        for stage, seconds in stages.items()
    ]


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def notes_of(rows: Sequence[Row]) -> list[str]:
    """Give what has to be said about rows, each with the job it belongs to."""
    return [f"{row.job}{f', {row.peer}' if row.peer else ''}: {row.note}" for row in rows if row.note]


def machine(*, clock: str = "wall") -> str:
    """Describe the machine, what runs on it and which clock was read, without the machine's name."""
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    seconds = "seconds of processor time" if clock == "processor" else "seconds by the clock"
    return f"{os.cpu_count()} cores, {_processor()}; Python {platform.python_version()}, {versions}; one thread; {seconds}."


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _figure(value: float | None) -> str:
    """Give three figures, or all before the point."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

"""Seconds per scan by stage on synthetic chests, one core, and the ratio to plain pyradiomics in the same run.

Machines are noisy: each figure is the median over scans, and ratios come from one run on the same scans.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from bench.peer import plain_pyradiomics
from imaging.core.deidentify import Deidentifier, clean_files
from imaging.core.dicom import read_series
from imaging.core.features import extract
from imaging.core.habitats import assign, fit_codebook, habitat_features
from imaging.core.masks import read_mask
from imaging.core.phantom import plan_cohort, write_patient
from imaging.core.scan import scan
from imaging.core.spec import STANDARD
from imaging.core.supervoxels import Supervoxels, supervoxels

T = TypeVar("T")
PEER = "plain pyradiomics 3.0.1, whole volume"
OURS = "whole-tumour features (1,316)"


class Stopwatch:
    """Keeps the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        start = perf_counter()
        result = work()
        self.seconds.setdefault(stage, []).append(perf_counter() - start)
        return result


def measure(n_patients: int, *, with_peer: bool) -> Stopwatch:
    watch = Stopwatch()
    parts: list[Supervoxels] = []
    with tempfile.TemporaryDirectory() as name:
        for truth in plan_cohort(n_patients, seed=1):
            watch.time("write a synthetic patient (2 scans)", lambda truth=truth: write_patient(truth, Path(name)))
            for time in ("pre", "post"):
                parts.append(_one_scan(watch, Path(name) / truth.code / time, with_peer=with_peer))
    codebook = watch.time(f"fit habitats on {len(parts)} scans (once)", lambda: fit_codebook(parts, seed=1))
    for one in parts:
        labels = watch.time("assign habitats", lambda one=one: assign(one, codebook))
        watch.time(
            "spatial interaction and fractions",
            lambda labels=labels: habitat_features(labels, neighbourhood=codebook.neighbourhood),
        )
    return watch


def _one_scan(watch: Stopwatch, folder: Path, *, with_peer: bool) -> Supervoxels:
    report = watch.time("look at the files (verdicts)", lambda: scan(folder))
    files = report.series[0].files
    volume = watch.time("read CT from DICOM", lambda: read_series(files))
    mask = watch.time("read tumour mask", lambda: read_mask(folder / "tumour.dcm", volume).mask)
    cleaner = Deidentifier(key=b"bench", patient_code="bench", secret="bench")
    watch.time("remove identity", lambda: list(clean_files(files, cleaner)))
    watch.time(OURS, lambda: extract(volume, mask, STANDARD))
    if with_peer:
        watch.time(PEER, lambda: plain_pyradiomics(volume, mask, STANDARD.radiomics))
    return watch.time("channels and supervoxels", lambda: supervoxels(volume, mask, STANDARD.habitats))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--patients", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true", help="leave out plain pyradiomics")
    options = parser.parse_args()
    watch = measure(options.patients, with_peer=not options.no_peer)
    table = Table("stage", "median s", "min s", "max s", "runs")
    for stage, seconds in watch.seconds.items():
        numbers = (f"{value:.3f}" for value in (median(seconds), min(seconds), max(seconds)))
        table.add_row(stage, *numbers, str(len(seconds)))
    console = Console(width=100)
    console.print(table)
    if not options.no_peer:
        ratio = median(p / o for p, o in zip(watch.seconds[PEER], watch.seconds[OURS], strict=True))
        console.print(f"{PEER} / ours, the same scans, equal values: {ratio:.1f}x")


if __name__ == "__main__":
    main()

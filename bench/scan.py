"""One scan from DICOM to features and habitats, and a cohort of such scans on several processes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from bench import ours
from bench.agreement import compare
from bench.cases import Case
from bench.peers import pyradiomics
from bench.report import Aim, Row
from bench.rows import Run
from bench.timing import Stopwatch, now
from imaging.core.feature_vector import FeatureVector
from imaging.core.features import extract
from imaging.core.geometry import TumorMask, Volume
from imaging.core.habitats import Codebook, assign, fit_codebook, habitat_features
from imaging.core.spec import STANDARD
from imaging.core.supervoxels import supervoxels

FEATURES = "1,316 features"
STUDY_SCANS = 788
PROCESSES = 2
_STUDY_AIM_S = 900.0
#: Assumed parts of tumour sizes in a cohort of resectable lung cancer; no publication states them.
_MIX = {"M": 0.65, "L": 0.30, "XL": 0.05}


def scan(run: Run) -> list[Row]:
    """One scan of each size through every stage; the peer's chain has pyradiomics in the place of our features."""
    codebook = _codebook(run.cases)
    return [
        _scan(run, run.cases[size], codebook, aim)
        for size, aim in (("M", None), ("L", Aim(seconds=2.0)), ("XL", None))
    ]


def _scan(run: Run, case: Case, codebook: Codebook, aim: Aim | None) -> Row:
    job = f"one scan, DICOM to 1,316 features, channels, supervoxels, habitats, MSI, {case.title}"
    run.say(job)
    one_scan(case, codebook, Stopwatch())
    watch = Stopwatch()
    for _ in range(run.repeats):
        total = now()
        volume, mask, found = one_scan(case, codebook, watch)
        watch.seconds.setdefault("total", []).append(now() - total)
    stage = {name: float(np.median(seconds)) for name, seconds in watch.seconds.items()}
    note = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in stage.items() if name != "total") + "."
    if not run.peers:
        return Row(job, stage["total"], aim=aim, note=note)
    start = now()
    expected = pyradiomics.whole_volume(volume, mask, STANDARD.radiomics)
    chain = stage["total"] - stage[FEATURES] + now() - start
    agreement = str(compare(found.as_dict(), expected))
    note += " The peer's chain: its features (one run), all other stages ours."
    return Row(job, stage["total"], pyradiomics.NAME, chain, aim, agreement, note)


def one_scan(case: Case, codebook: Codebook, watch: Stopwatch) -> tuple[Volume, TumorMask, FeatureVector]:
    """Run every stage of one scan."""
    volume, mask = watch.time("reading", lambda: ours.read_dicom(case))
    found = watch.time(FEATURES, lambda: extract(volume, mask, STANDARD))
    parts = watch.time("channels and supervoxels", lambda: supervoxels(volume, mask, STANDARD.habitats))
    labels = watch.time("habitats", lambda: assign(parts, codebook))
    watch.time("MSI", lambda: habitat_features(labels, neighbourhood=codebook.neighbourhood))
    return volume, mask, found


def cohort(run: Run, scans: int) -> list[Row]:
    """As many scans of the mix as wanted on two processes; the wall-clock time of all of them is measured."""
    job = f"{scans} scans (65 % M, 30 % L, 5 % XL) on {PROCESSES} processes"
    run.say(job)
    work = partial(_timed_scan, cases=run.cases, codebook=_codebook(run.cases).as_dict())
    start = perf_counter()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        seconds = list(pool.map(work, mix(scans)))
    wall = perf_counter() - start
    mean = sum(seconds) / scans
    note = f"measured: {wall:.1f} s from start to end, {sum(seconds):.1f} s over all scans, {mean:.2f} s a scan and core."
    if scans != STUDY_SCANS:
        minutes = wall / scans * STUDY_SCANS / 60
        note += f" At that rate {STUDY_SCANS} scans take {minutes:.1f} min (not measured; --cohort {STUDY_SCANS} measures it)."
    aim = Aim(seconds=round(_STUDY_AIM_S * scans / STUDY_SCANS, 1))
    return [Row(job, wall, aim=aim, note=note)]


def mix(scans: int) -> list[str]:
    """Give the size of each scan, in an order that is mixed and always the same."""
    limits = np.cumsum([_MIX[size] for size in _MIX])
    places = (np.arange(scans) + 0.5) / scans
    sizes = [list(_MIX)[int(np.searchsorted(limits, place))] for place in places]
    return [sizes[index] for index in np.random.default_rng(1).permutation(scans)]


def _timed_scan(size: str, *, cases: dict[str, Case], codebook: dict[str, Any]) -> float:
    start = now()
    one_scan(cases[size], Codebook.from_dict(codebook), Stopwatch())
    return now() - start


def _codebook(cases: dict[str, Case]) -> Codebook:
    """Fit three habitats on the three tumours; this is training, which happens once and is not timed."""
    parts = [supervoxels(*ours.read_dicom(case), STANDARD.habitats) for case in cases.values()]
    return fit_codebook(parts, seed=1, k=3, stability_resamples=0)

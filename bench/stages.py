"""Seconds of every stage on synthetic patients, import and de-identification included."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.timing import Stopwatch
from imaging.core.deidentify import Deidentifier, clean_files
from imaging.core.dicom import read_series
from imaging.core.features import extract
from imaging.core.habitats import assign, fit_codebook, habitat_features
from imaging.core.masks import read_mask
from imaging.core.phantom import plan_cohort, write_patient
from imaging.core.scan import scan
from imaging.core.spec import STANDARD
from imaging.core.supervoxels import Supervoxels, supervoxels


def stages(n_patients: int) -> Stopwatch:
    """Write patients, run each stage on both scans of each, and keep the seconds."""
    watch = Stopwatch()
    parts: list[Supervoxels] = []
    with tempfile.TemporaryDirectory() as name:
        for truth in plan_cohort(n_patients, seed=1):
            watch.time("write a synthetic patient (2 scans)", lambda truth=truth: write_patient(truth, Path(name)))
            for time in ("pre", "post"):
                parts.append(_one_scan(watch, Path(name) / truth.code / time))
    codebook = watch.time(f"fit habitats on {len(parts)} scans (once)", lambda: fit_codebook(parts, seed=1))
    for one in parts:
        labels = watch.time("assign habitats", lambda one=one: assign(one, codebook))
        watch.time(
            "spatial interaction and fractions",
            lambda labels=labels: habitat_features(labels, neighbourhood=codebook.neighbourhood),
        )
    return watch


def _one_scan(watch: Stopwatch, folder: Path) -> Supervoxels:
    report = watch.time("look at the files (verdicts)", lambda: scan(folder))
    files = report.series[0].files
    volume = watch.time("read CT from DICOM", lambda: read_series(files))
    mask = watch.time("read tumour mask", lambda: read_mask(folder / "tumour.dcm", volume).mask)
    cleaner = Deidentifier(key=b"bench", patient_code="bench", secret="bench")
    watch.time("remove identity", lambda: list(clean_files(files, cleaner)))
    watch.time("whole-tumour features (1,316)", lambda: extract(volume, mask, STANDARD))
    return watch.time("channels and supervoxels", lambda: supervoxels(volume, mask, STANDARD.habitats))

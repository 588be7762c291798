"""`manage.py demo`: the pipeline to its end, and clean logs. That Ctrl-C leaves nothing running: see `site`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import PATIENTS, Site

pytestmark = pytest.mark.processes


def test_no_serve_ends_with_a_trained_cohort(finished_demo: dict[str, object]) -> None:
    assert finished_demo["cohort"] == "demo"
    assert finished_demo["run"] == 1


def test_the_planted_truth_lies_beside_the_files(
    environment: dict[str, str], finished_demo: dict[str, object]
) -> None:
    folder = Path(environment["ECOTONE_DATA_DIR"]) / "demo" / "demo"
    truth = json.loads((folder / "planted-truth.json").read_text())
    assert len(truth["patients"]) == PATIENTS
    assert len(list((folder / "dicom").glob("*/p*/tumour.dcm"))) == 2 * PATIENTS


def test_logs_hold_no_python_error(environment: dict[str, str], site: Site) -> None:
    logs = Path(environment["ECOTONE_DATA_DIR"]) / "logs"
    for log in logs.glob("*.log"):
        assert "Traceback" not in log.read_text(), log.name
        assert " ERROR " not in log.read_text(), log.name

"""Results of volumes that were stored in another order of voxels: still open, still equal, and named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from cohorts import jobs
from imaging.core.geometry import TumorMask, Volume
from imaging.models import FeatureSet
from imaging.selectors import patients_in_other_order
from imaging.services import extraction
from imaging.services.extraction import enqueue_missing
from tests.scans import PRE_SCAN_ON, Scan, small_scan, store_scan
from tests.trial import Trial

BACKWARDS = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def extract_all(trial: Trial) -> None:
    batch = enqueue_missing(trial.cohort, protocol_name="standard", user=None)
    assert batch is not None
    for case in batch.children.order_by("pk"):
        jobs.execute(case.pk, extraction.run)
    assert FeatureSet.objects.exists()


@pytest.fixture
def stored_backwards(trial: Trial) -> Trial:
    """A patient whose scan was stored with columns that run to the right."""
    scan = small_scan(0)
    grid = replace(scan.volume.grid, direction=BACKWARDS)
    backwards = Scan(Volume(scan.volume.array, grid), TumorMask(scan.mask.array, grid))
    store_scan(trial.patient, "pre", backwards, scanned_on=PRE_SCAN_ON)
    extract_all(trial)
    return trial


def test_a_patient_of_another_order_is_named_on_the_page_with_the_remedy(stored_backwards: Trial) -> None:
    client = Client()
    client.force_login(stored_backwards.researcher)
    page = client.get(reverse("imaging:features", args=[stored_backwards.cohort.code])).content.decode()
    assert (
        f"another order of voxels, before all scans were turned into one order: {stored_backwards.patient.code}."
        in page
    )
    assert "Import these scans again" in page


def test_verify_finds_old_results_equal_and_names_the_order(
    stored_backwards: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify", cohort=stored_backwards.cohort.code, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["results"]
    assert all(row["equal"] for row in found["results"])
    assert found["other_voxel_order"] == [stored_backwards.patient.code]
    call_command("verify", cohort=stored_backwards.cohort.code)
    assert "Import them again" in capsys.readouterr().out


def test_nobody_is_named_where_all_run_in_one_order(trial: Trial) -> None:
    store_scan(trial.patient, "pre", small_scan(0), scanned_on=PRE_SCAN_ON)
    extract_all(trial)
    assert patients_in_other_order(trial.cohort) == []

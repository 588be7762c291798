"""What a study coordinator does: enter pathology, import scans."""

from __future__ import annotations

import re
import shutil
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct
from imaging.core.geometry import Grid, TumorMask, Volume
from tests.e2e.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def coordinator(visitor: Visitor) -> Visitor:
    visitor.log_in("coordinator")
    return visitor


def test_mpr_and_pcr_follow_from_what_is_typed(coordinator: Visitor) -> None:
    page = coordinator.page
    coordinator.go("/cohorts/demo/patients/EC-0005/pathology/")
    _type_reading(
        coordinator, viable="0", necrosis="40", stroma="60", ypt="ypT0", ypn="ypN0", examined="12", positive="0"
    )
    derived = page.locator("#derived")
    expect(derived).to_contain_text(re.compile(r"MPR\s*Yes"))
    expect(derived).to_contain_text(re.compile(r"pCR\s*Yes"))
    page.locator("#id_sampling").select_option("")
    expect(derived).to_contain_text("how the bed was sampled is not stated")
    page.locator("#id_viable_percent").fill("30")
    page.locator("#id_stroma_percent").fill("30")
    page.locator("#id_ypt").select_option("ypT1b")
    expect(derived).to_contain_text(re.compile(r"MPR\s*No"))
    coordinator.picture("outcome")


def test_a_contradiction_is_refused_at_its_field_and_a_correction_is_kept_with_its_reason(
    coordinator: Visitor,
) -> None:
    page = coordinator.page
    coordinator.go("/cohorts/demo/patients/EC-0006/pathology/")
    _type_reading(
        coordinator, viable="20", necrosis="40", stroma="60", ypt="ypT2a", ypn="ypN0", examined="9", positive="0"
    )
    page.locator("#id_reason").fill("Second look at the slides")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.locator("#id_stroma_percent")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("body")).to_contain_text("they sum to 120 %")
    coordinator.picture("outcome-refused")
    page.locator("#id_stroma_percent").fill("40")
    page.get_by_role("button", name="Save the correction").click()
    expect(page).to_have_url(re.compile(r"/patients/EC-0006/$"))
    coordinator.go("/cohorts/demo/patients/EC-0006/history/")
    expect(page.locator("body")).to_contain_text("Second look at the slides")
    coordinator.picture("history")


def _type_reading(
    visitor: Visitor, *, viable: str, necrosis: str, stroma: str, ypt: str, ypn: str, examined: str, positive: str
) -> None:
    page = visitor.page
    texts = {
        "viable_percent": viable,
        "necrosis_percent": necrosis,
        "stroma_percent": stroma,
        "nodes_examined": examined,
        "nodes_positive": positive,
        "nodes_viable_percent": "0",
    }
    for name, value in texts.items():
        page.locator(f"#id_{name}").fill(value)
    page.locator("#id_ypt").select_option(ypt)
    page.locator("#id_ypn").select_option(ypn)


def test_coordinators_stay_blind_to_predictions(coordinator: Visitor) -> None:
    page = coordinator.page
    coordinator.go("/cohorts/demo/patients/EC-0002/")
    expect(page.locator("body")).to_contain_text("Hidden for your role")
    assert page.request.get(f"{coordinator.site.address}/cohorts/demo/models/").status == 403
    coordinator.picture("patient-coordinator")


def test_an_upload_shows_what_was_accepted_and_what_was_refused_and_why(coordinator: Visitor, tmp_path: Path) -> None:
    page = coordinator.page
    coordinator.go("/cohorts/demo/import/")
    coordinator.picture("import")
    page.locator("#id_files").set_input_files(_archive(tmp_path))
    page.locator("#id_patient").fill("NEW-01")
    page.locator("#id_timepoint").select_option("pre")
    page.get_by_role("button", name="Upload and import").click()
    expect(page).to_have_url(re.compile("/cohorts/jobs/"))
    expect(page.locator("body")).to_contain_text("missing_slice", timeout=60_000)
    expect(page.locator("body")).to_contain_text("✓ Used")
    coordinator.picture("import-result")
    coordinator.go("/cohorts/demo/patients/NEW-01/")
    expect(page.locator("[data-pane='pre'] canvas").first).to_be_visible(timeout=60_000)


def test_an_archive_that_reaches_out_of_itself_is_refused_in_words(coordinator: Visitor, tmp_path: Path) -> None:
    page = coordinator.page
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as bad:
        bad.writestr("../outside.dcm", b"x")
    coordinator.go("/cohorts/demo/import/")
    page.locator("#id_files").set_input_files(archive)
    page.get_by_role("button", name="Upload and import").click()
    expect(page.locator("body")).to_contain_text("Failed", timeout=60_000)
    expect(page.locator("body")).to_contain_text("Make the archive again")
    coordinator.picture("job-failed")


def _archive(folder: Path) -> Path:
    """Zip a good series with its tumour, and one that lacks a slice."""
    grid = Grid((12, 48, 48), (3.0, 2.0, 2.0), (-47.0, -47.0, -100.0))
    z, y, x = np.indices(grid.shape_zyx)
    inside = ((z - 6) * 3.0) ** 2 + ((y - 24) * 2.0) ** 2 + ((x - 24) * 2.0) ** 2 <= 14.0**2
    noise = np.random.default_rng(1).normal(0, 20, grid.shape_zyx)
    hu = np.where(inside, 40 + noise, -850 + noise).astype(np.int16)
    for name in ("good", "gap"):
        identity = DicomIdentity("NEW-01", f"e2e/{name}", date(2024, 5, 6), "Synthetic test", "STANDARD")
        write_ct(Volume(hu, grid), folder / name / "ct", identity=identity)
        if name == "good":
            write_rtstruct(TumorMask(inside, grid), folder / name / "tumour.dcm", identity=identity)
    sorted((folder / "gap" / "ct").iterdir())[5].unlink()
    return Path(shutil.make_archive(str(folder / "upload"), "zip", folder))

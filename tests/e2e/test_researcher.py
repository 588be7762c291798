"""What a researcher does: browse a cohort, look at a patient, retrain."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import PATIENTS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def researcher(visitor: Visitor) -> Visitor:
    visitor.log_in("researcher")
    return visitor


def test_the_log_in_page_says_research_use_only(visitor: Visitor) -> None:
    visitor.go("/login/")
    expect(visitor.page.locator("body")).to_contain_text("Research use only")
    visitor.picture("login")


def test_a_cohort_page_shows_counts_charts_and_models(researcher: Visitor) -> None:
    page = researcher.page
    researcher.picture("cohorts")
    page.get_by_role("link", name=re.compile("Synthetic demonstration")).first.click()
    expect(page.locator("body")).to_contain_text("Synthetic")
    expect(page.locator("body")).to_contain_text(str(PATIENTS))
    for key in ("response-by-centre", "viable", "age", "volume-change", "composition", "auc"):
        drawn = page.locator(f"[data-chart='chart-{key}'] :is(svg, canvas)").first
        expect(drawn).to_be_visible()
    researcher.picture("cohort")


def test_patients_can_be_searched_and_filtered(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/patients/")
    expect(page.get_by_role("link", name=re.compile(r"^EC-\d{4}$"))).to_have_count(PATIENTS)
    researcher.go("/cohorts/demo/patients/?q=EC-0003")
    expect(page.get_by_role("link", name=re.compile(r"^EC-\d{4}$"))).to_have_count(1)
    researcher.go("/cohorts/demo/patients/?centre=C")
    expect(page.get_by_role("link", name=re.compile(r"^EC-\d{4}$"))).to_have_count(PATIENTS // 4)
    researcher.picture("patients")


def test_a_patient_page_shows_viewer_habitats_interaction_and_prediction(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/patients/EC-0002/")
    viewer = page.locator("[data-viewer]")
    expect(viewer).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(page.locator("[data-pane='pre'] canvas").first).to_be_visible()
    expect(page.locator("[data-pane='post'] canvas").first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Habitat 1")).first).to_be_visible()
    for key in ("interaction-pre", "interaction-post", "contributions"):
        expect(page.locator(f"[data-chart='chart-{key}'] :is(svg, canvas)").first).to_be_visible()
    expect(page.locator("body")).to_contain_text("Integrated 1")
    expect(page.locator("body")).to_contain_text("esearch use only")
    location = page.locator("section[aria-labelledby='location-title']")
    expect(location).to_contain_text("Measured from the CT")
    transitions = page.locator("section[aria-labelledby='transitions-title']")
    expect(transitions.get_by_role("rowheader", name="Habitat 1")).to_be_visible()
    expect(transitions).to_contain_text("Registration accepted")
    researcher.picture("patient")


def test_the_drawn_slices_are_not_empty(researcher: Visitor) -> None:
    """The two panes must show CT, not a black square: bright and dark pixels in each."""
    page = researcher.page
    researcher.go("/cohorts/demo/patients/EC-0001/")
    expect(page.locator("[data-viewer]")).to_have_attribute("data-state", "ready", timeout=60_000)
    for kind in ("pre", "post"):
        shades = _shades(page.locator(f"[data-pane='{kind}'] [data-stage]").screenshot())
        assert len(shades) > 40, f"{kind}: {len(shades)} shades"


def _shades(png: bytes) -> set[int]:
    return set(Image.open(io.BytesIO(png)).convert("L").tobytes())


def test_retraining_gives_a_new_version_beside_the_old_one(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/models/")
    page.locator("section[aria-labelledby='train-title'] select").select_option("quick")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile("/cohorts/jobs/"))
    researcher.picture("job-running")
    expect(page.locator("#job-progress")).to_have_attribute("data-state", "done", timeout=180_000)
    researcher.go("/cohorts/demo/models/")
    expect(page.locator("body")).to_contain_text("Integrated 1")
    expect(page.locator("body")).to_contain_text("Integrated 2")
    researcher.picture("models")
    researcher.go("/cohorts/demo/models/runs/2/")
    expect(page.locator("[data-chart='chart-auc'] :is(svg, canvas)").first).to_be_visible()
    researcher.picture("run")


def test_stability_is_measured_on_demand_and_shown_with_its_interval(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/")
    page.get_by_role("link", name="Stability of features").click()
    expect(page.locator("body")).to_contain_text("Nothing to show yet")
    page.get_by_label("Protocol").first.select_option("light")
    page.get_by_role("spinbutton", name="Scans").fill("2")
    page.get_by_role("button", name="Measure").click()
    expect(page).to_have_url(re.compile("/cohorts/jobs/"))
    expect(page.locator("#job-progress")).to_have_attribute("data-state", "done", timeout=180_000)
    researcher.go("/cohorts/demo/stability/?protocol=light")
    expect(page.get_by_role("row", name=re.compile("original_shape_MeshVolume"))).to_be_visible()
    expect(page.locator("body")).to_contain_text("Fewer than 30")
    researcher.picture("stability")


def test_the_export_holds_every_table(researcher: Visitor) -> None:
    answer = researcher.page.request.get(f"{researcher.site.address}/cohorts/demo/export/")
    names = set(zipfile.ZipFile(io.BytesIO(answer.body())).namelist())
    regions = ("whole_tumour", "habitats", "transitions")
    tables = ("patients", "outcomes", *(f"features_{region}" for region in regions), "predictions", "data_dictionary")
    assert names == {f"{table}.{ending}" for table in tables for ending in ("csv", "parquet")}


def test_a_researcher_may_not_enter_pathology(researcher: Visitor) -> None:
    answer = researcher.page.request.get(f"{researcher.site.address}/cohorts/demo/patients/EC-0001/pathology/")
    assert answer.status == 403
    researcher.go("/cohorts/demo/patients/EC-0001/pathology/")
    researcher.picture("forbidden")

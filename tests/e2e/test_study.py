"""The life of a model in the browser: design, train, compare, promote, predict, report."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_a_researcher_designs_a_recipe_trains_opens_the_external_test_and_compares(visitor: Visitor) -> None:
    page = visitor.page
    visitor.log_in("researcher")

    visitor.go("/cohorts/demo/recipes/quick/edit/")
    page.get_by_label("Name").fill("short")
    page.get_by_role("spinbutton", name="Features kept by mRMR").fill("6")
    visitor.picture("recipe-form")
    page.get_by_role("button", name="Save the recipe").click()
    expect(page.locator("h1")).to_have_text("short")
    visitor.picture("recipe")

    visitor.go("/cohorts/demo/models/")
    expect(page.locator("section[aria-labelledby='advice-title']")).to_contain_text("advised")
    page.locator("section[aria-labelledby='train-title'] select").select_option("short")
    page.get_by_label("Keep the external centres closed").check()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile("/cohorts/jobs/"))
    expect(page.locator("#job-progress")).to_have_attribute("data-state", "done", timeout=240_000)

    visitor.go("/cohorts/demo/models/")
    page.get_by_role("link", name=re.compile(r"^Run \d+$")).first.click()
    centres = page.locator("section[aria-labelledby='centres-title']")
    expect(centres).to_contain_text("The external centres are closed")
    visitor.picture("run-closed")
    centres.get_by_label("Why the test is opened now").fill("The recipe is final.")
    centres.get_by_role("button", name="Open the external test").click()
    expect(centres).to_contain_text("The recipe is final.")
    expect(centres).to_contain_text("seen before")
    for key in ("auc", "calibration", "selection", "importance"):
        expect(page.locator(f"[data-chart='chart-{key}'] :is(svg, canvas)").first).to_be_visible()
    expect(page.get_by_role("cell", name="Nested cross-validation").first).to_be_visible()
    visitor.picture("run-study")

    visitor.go("/cohorts/demo/models/compare/")
    page.get_by_label("First").select_option(label=_labelled(page, "Integrated 1 "))
    page.get_by_label("Second").select_option(label=_labelled(page, "Integrated "))  # the newest stands first
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("section[aria-labelledby='performance-title']")).to_contain_text("External test")
    expect(page.locator("section[aria-labelledby='paired-title']")).to_contain_text("patients")
    visitor.picture("compare")


def test_an_administrator_promotes_with_a_reason_and_the_history_names_them(visitor: Visitor) -> None:
    page = visitor.page
    visitor.log_in("administrator")
    visitor.go("/cohorts/demo/models/")
    page.get_by_role("link", name=re.compile(r"^Run \d+$")).first.click()
    challenger = page.locator("details.version").filter(has_text="Integrated").first
    name = challenger.locator("summary strong").inner_text()
    challenger.locator("summary").click()
    challenger.get_by_label("Why it becomes the champion").fill("Checked in the browser test.")
    override = challenger.get_by_role("checkbox")
    if override.count():
        override.check()
    visitor.picture("promotion")
    challenger.get_by_role("button", name="Make it the champion").click()
    expect(page.locator("body")).to_contain_text(f"{name} is the champion now.")
    visitor.go("/cohorts/demo/models/champions/")
    expect(page.locator("body")).to_contain_text("Checked in the browser test.")
    visitor.picture("champions")
    answer = page.request.get(f"{visitor.site.address}/cohorts/demo/models/champion.json?name=integrated")
    assert answer.json()["promoted_by"] == "administrator"


def test_a_patient_has_an_interval_reasons_and_alike_patients_and_a_run_its_report(visitor: Visitor) -> None:
    page = visitor.page
    visitor.log_in("researcher")
    visitor.go("/cohorts/demo/models/")
    page.get_by_role("button", name="Predict all patients").click()
    expect(page.locator("#job-progress")).to_have_attribute("data-state", "done", timeout=240_000)
    visitor.go("/cohorts/demo/patients/EC-0003/")
    estimate = page.locator("section[aria-label='Estimate']")
    expect(estimate).to_contain_text(re.compile(r"Integrated \d"))
    expect(estimate).to_contain_text("Research use only")
    visitor.picture("prediction")

    visitor.go("/cohorts/demo/models/")
    page.get_by_role("link", name=re.compile(r"^Run \d+$")).first.click()
    page.get_by_role("button", name="Write the report").click()
    expect(page.locator("#job-progress")).to_have_attribute("data-state", "done", timeout=240_000)
    visitor.go("/cohorts/demo/models/")
    page.get_by_role("link", name=re.compile(r"^Run \d+$")).first.click()
    reports = page.locator("section[aria-labelledby='reports-title']")
    reports.get_by_role("link", name="Study report", exact=True).first.click()
    expect(page.locator("body")).to_contain_text("SYNTHETIC")
    visitor.picture("report")
    visitor.go("/cohorts/demo/models/")
    page.get_by_role("link", name=re.compile(r"^Run \d+$")).first.click()
    address = reports.get_by_role("link", name=re.compile("^PDF of Study report")).first.get_attribute("href")
    pdf = page.request.get(f"{visitor.site.address}{address}")
    assert pdf.ok
    assert pdf.body().startswith(b"%PDF")


def _labelled(page: Page, start: str) -> str:
    """Give the whole label of the choice that begins so."""
    options = page.get_by_label("First").locator("option").all_text_contents()
    return next(option for option in options if option.startswith(start))

"""A researcher's day: from the cohort to what one estimate rests on, a contour drawn anew, a page in one's own language."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import PATIENTS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.processes]

CENTRE, OF_CENTRE = "Centre B (synthetic)", PATIENTS // 4
SUBSET = "Centre B, from the browser"
DRAWN = "/cohorts/demo/patients/EC-0004/pre/contours/"
_HAN = re.compile("[\u4e00-\u9fff]")
#: A point of the chart that no other point lies upon.
_FREE_POINT = """(svg) => {
  for (const point of svg.querySelectorAll(".mark-symbol.role-mark path")) {
    const { x, y, width, height } = point.getBoundingClientRect();
    const at = [x + width / 2, y + height / 2];
    if (document.elementFromPoint(...at) === point) return at;
  }
}"""


@pytest.fixture
def researcher(visitor: Visitor) -> Visitor:
    visitor.log_in("researcher")
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    return visitor


def test_from_a_cohort_to_what_the_estimate_of_one_patient_rests_on(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/")
    _filters_and_keeps_them_as_a_subset(page)
    researcher.picture("researcher-cohort")
    _reads_completeness_and_the_numbers_of_a_chart(page)
    _goes_from_a_feature_to_a_patient(page)
    _looks_at_both_scans(page)
    researcher.picture("researcher-patient")
    _follows_the_habitats(page)
    _asks_what_the_estimate_rests_on(page)
    _compares_with_another_patient(page)
    researcher.picture("researcher-compare")
    _sees_patients_as_points_and_protocols_beside_each_other(researcher)
    _forgets_the_subset(researcher)


def _filters_and_keeps_them_as_a_subset(page: Page) -> None:
    filters = page.get_by_role("search", name="Filters")
    filters.get_by_label("Centre", exact=True).select_option(label=CENTRE)
    expect(page).to_have_url(re.compile(r"/cohorts/demo/\?centre=B$"))
    expect(page.locator("#filter-count")).to_have_text(f"{OF_CENTRE} patients with these filters")
    page.get_by_text("Keep as a subset").click()
    page.get_by_label("Name", exact=True).fill(SUBSET)
    page.get_by_role("checkbox", name=re.compile("[Ee]verybody|[Ss]hare")).check()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("status").filter(has_text=f"“{SUBSET}” is kept")).to_be_visible()
    page.locator("details.drop").filter(has=page.get_by_text("Subsets", exact=True)).locator("summary").click()
    page.get_by_role("link", name=SUBSET).click()
    expect(page).to_have_url(re.compile(r"\?centre=B$"))


def _reads_completeness_and_the_numbers_of_a_chart(page: Page) -> None:
    figure = page.locator("figure").filter(has=page.locator("[data-chart='chart-response-by-centre']"))
    expect(figure.locator("[data-chart]")).to_have_attribute("data-state", "ready")
    figure.get_by_text("Numbers of").click()
    rows = figure.get_by_role("region").get_by_role("row").filter(has_text=CENTRE)
    counts = [int(row.get_by_role("cell").last.inner_text()) for row in rows.all()]
    assert sum(counts) == OF_CENTRE
    page.get_by_role("link", name="Patient by patient").click()
    expect(page.locator("h1")).to_have_text("Completeness")
    table = page.get_by_role("region", name="Completeness")
    expect(table.get_by_role("rowheader")).to_have_count(OF_CENTRE)
    expect(table.get_by_role("img", name="yes").first).to_be_visible()


def _goes_from_a_feature_to_a_patient(page: Page) -> None:
    page.get_by_role("navigation", name="Cohort").get_by_role("link", name="Features").click()
    expect(page.get_by_role("status").filter(has_text="with features")).to_contain_text(f"patients, {PATIENTS} with")
    page.get_by_text("Which patients").click()
    page.get_by_role("search").get_by_label("Centre", exact=True).select_option(label=CENTRE)
    expect(page.get_by_role("status").filter(has_text="with features")).to_contain_text(f"{OF_CENTRE} patients")
    page.get_by_label("Name contains").fill("mesh volume")
    expect(page.get_by_role("heading", name=re.compile(r"^1 feature$"))).to_be_visible()
    page.get_by_role("link", name="Mesh volume").click()
    expect(page).to_have_url(re.compile(r"/features/original_shape_MeshVolume/\?.*centre=B"))
    chart = page.locator("[data-chart]").first
    expect(chart).to_have_attribute("data-state", "ready")
    chart.scroll_into_view_if_needed()
    page.mouse.move(*chart.locator("svg").evaluate(_FREE_POINT))
    told = page.locator("#vg-tooltip-element")
    expect(told).to_contain_text(re.compile(r"EC-\d{4}"))
    code = re.search(r"EC-\d{4}", told.inner_text())
    assert code
    page.mouse.click(*chart.locator("svg").evaluate(_FREE_POINT))
    expect(page.locator("h1")).to_contain_text(code[0])


def _looks_at_both_scans(page: Page) -> None:
    viewer = page.locator("[data-viewer]")
    expect(viewer).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(viewer.locator(".linked")).to_contain_text("through their registration")
    pre, post = (viewer.locator(f"[data-pane='{kind}']") for kind in ("pre", "post"))
    _changes(pre, post, act=lambda: pre.locator("canvas").click(position={"x": 190, "y": 170}))
    _changes(pre, post, act=lambda: post.locator("canvas").press("PageDown"))
    for plane in ("Coronal", "Sagittal", "3 planes", "3D", "Axial"):
        _repaints(pre, viewer.get_by_role("button", name=plane, exact=True))
    for window, level in (("Lung", "-600"), ("Mediastinum", "50")):
        _repaints(pre, viewer.get_by_role("button", name=window, exact=True))
        expect(viewer.get_by_label("Level")).to_have_value(level)
    pre.locator("canvas").press("0")
    for layer, words in (("Supervoxels", "supervoxel"), ("Transitions", "became")):
        _repaints(pre, viewer.get_by_role("button", name=layer, exact=True))
        expect(viewer.get_by_label(f"{layer}' opacity")).to_be_visible()
        expect(pre.locator("[data-readout]")).to_contain_text(words)
    _measures(viewer, pre)
    pre.locator("canvas").press("?")
    keys = page.get_by_role("dialog", name="Keys of the viewer")
    expect(keys.get_by_role("row")).to_have_count(10)
    keys.get_by_role("button", name="Close").click()
    expect(keys).to_be_hidden()


def _changes(*panes: Locator, act: Callable[[], None]) -> None:
    """Do something, and wait until it shows below every scan."""
    readouts = [pane.locator("[data-readout]") for pane in panes]
    before = [readout.inner_text() for readout in readouts]
    act()
    for readout, words in zip(readouts, before, strict=True):
        expect(readout).not_to_have_text(words)


def _repaints(pane: Locator, button: Locator) -> None:
    """Press a button, and wait until the scan looks different."""
    canvas = pane.locator("canvas")
    before = canvas.evaluate("(canvas) => canvas.toDataURL()")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    pane.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before", arg=[canvas.element_handle(), before]
    )


def _measures(viewer: Locator, pane: Locator) -> None:
    viewer.get_by_role("button", name="Measure", exact=True).click()
    for x in (200, 300):
        pane.locator("canvas").click(position={"x": x, "y": 200})
    expect(viewer.get_by_role("list", name="Distances").get_by_role("listitem")).to_contain_text(
        re.compile(r"Pre-treatment, axial slice \d+: [\d.]+\smm")
    )
    viewer.get_by_role("button", name="Remove all distances").click()
    viewer.get_by_role("button", name="Measure", exact=True).click()


def _follows_the_habitats(page: Page) -> None:
    transitions = page.get_by_role("region", name="Habitat transitions")
    flow = transitions.get_by_role("img", name="Flow of the habitats from before to after treatment")
    flow.scroll_into_view_if_needed()
    assert flow.locator("path.ribbon").count() >= 3
    expect(transitions.get_by_role("rowheader", name="Habitat 1")).to_be_visible()
    for key in ("interaction-pre", "interaction-post"):
        expect(page.locator(f"[data-chart='chart-{key}']")).to_have_attribute("data-state", "ready")
    place = page.get_by_role("region", name="Place in the cohort").first
    place.scroll_into_view_if_needed()
    expect(
        place.get_by_role("img", name=re.compile(f"percentile .* among {PATIENTS - 1} other patients")).first
    ).to_be_visible()


def _asks_what_the_estimate_rests_on(page: Page) -> None:
    estimate = page.get_by_role("region", name="Estimate", exact=True)
    # The few patients of the demonstration cannot show that this model does better than chance.
    expect(estimate.get_by_role("img", name=re.compile("^Probability .* threshold"))).to_be_visible()
    expect(estimate).to_contain_text(re.compile(r"External test: AUC .* opened once"))
    expect(estimate).to_contain_text("so no verdict and no interval are given")
    expect(estimate).not_to_contain_text(re.compile(r"95\s%\sinterval"))
    expect(estimate.locator("[data-chart='chart-contributions']")).to_have_attribute("data-state", "ready")
    alike = estimate.get_by_role("region", name="Most similar training patients").last
    expect(alike.get_by_role("link", name=re.compile(r"^EC-\d{4}$"))).to_have_count(5)
    estimate.get_by_text("Where this estimate comes from").click()
    expect(estimate.get_by_text("Table it learned from")).to_be_visible()
    expect(estimate.get_by_role("link", name=re.compile("^Integrated"))).to_be_visible()


def _compares_with_another_patient(page: Page) -> None:
    code = page.locator("h1").inner_text().split()[0]
    page.get_by_role("link", name="Compare with another patient").click()
    expect(page.get_by_label("First patient")).to_have_value(code)
    page.get_by_label("Second patient").fill("EC-0007")
    page.get_by_role("button", name="Compare").click()
    viewer = page.locator("[data-viewer]")
    expect(viewer).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(viewer.locator("[data-pane] canvas")).to_have_count(4)
    _changes(*viewer.locator("[data-pane]").all(), act=lambda: viewer.locator("canvas").first.press("PageUp"))
    expect(page.get_by_role("heading", name="Estimate for EC-0007")).to_be_visible()


def _sees_patients_as_points_and_protocols_beside_each_other(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/feature-map/")
    expect(page.locator("[data-chart='chart-feature-map']")).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(page.locator("#filtered")).to_contain_text(
        re.compile(rf"{PATIENTS} patients by [\d,]+ standardized features")
    )
    researcher.picture("researcher-map")
    page.get_by_role("link", name="Compare protocols").click()
    expect(page.locator("h1")).to_have_text("Compare protocols")
    missing = page.get_by_text(re.compile(r"features under one protocol only: \w+"))
    expect(missing.or_(page.get_by_role("search"))).to_be_visible()


def _forgets_the_subset(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/cohorts/demo/subsets/")
    page.get_by_role("button", name=f"Forget {SUBSET}").click()
    expect(page.get_by_role("status").filter(has_text="is forgotten")).to_be_visible()


def test_a_contour_is_drawn_filled_grown_saved_compared_and_the_old_one_made_current_again(
    researcher: Visitor,
) -> None:
    page = researcher.page
    researcher.go(DRAWN)
    page.get_by_role("link", name="Edit the contour").click()
    editor = page.locator("[data-contour]")
    expect(editor).to_have_attribute("data-state", "ready", timeout=60_000)
    expect(editor.locator("[data-volume]")).to_have_text(re.compile("mL"))
    _draws_and_undoes(editor)
    _fills_a_slice_that_was_cleared(editor)
    _grows_from_one_click(editor)
    researcher.picture("researcher-contour")
    _saves(editor)
    versions = page.get_by_role("region", name="Versions").first
    expect(versions.get_by_role("row", name=re.compile(r"counts"))).to_contain_text("Dice")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("Hausdorff"))).to_contain_text("mm")
    researcher.picture("researcher-versions")
    page.get_by_role("button", name=re.compile(r"^Make current\W+version 1$")).click()
    expect(versions.get_by_role("rowheader", name=re.compile(r"^1\s+counts$"))).to_be_visible()


def _draws_and_undoes(editor: Locator) -> None:
    canvas = editor.locator("[data-cut='axial']")
    volume, undo = editor.locator("[data-volume]"), editor.get_by_role("button", name="Undo")
    before = volume.inner_text()
    expect(undo).to_be_disabled()
    box = canvas.bounding_box()
    assert box
    page = editor.page
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"], steps=5)
    page.mouse.up()
    expect(volume).not_to_have_text(before)
    undo.click()
    expect(volume).to_have_text(before)


def _fills_a_slice_that_was_cleared(editor: Locator) -> None:
    drawn, status = editor.locator("[data-drawn]"), editor.locator("[data-status]")
    slices = int(drawn.inner_text())
    editor.get_by_role("button", name="Clear slice").click()
    expect(drawn).to_have_text(str(slices - 1))
    editor.get_by_role("button", name="Fill between slices").click()
    expect(status).to_have_text("The slices between are filled.")
    expect(drawn).to_have_text(str(slices))


def _grows_from_one_click(editor: Locator) -> None:
    editor.get_by_role("button", name="One click").click()
    editor.locator("[data-cut='axial']").click()
    expect(editor.locator("[data-status]")).to_contain_text(re.compile(r"Grown within .*\sHU"))


def _saves(editor: Locator) -> None:
    editor.get_by_role("button", name="Save", exact=True).click()
    dialog = editor.get_by_role("dialog", name="Save as a new version")
    expect(dialog.get_by_role("row", name=re.compile("Dice"))).to_be_visible()
    dialog.get_by_label("Why it was drawn").fill("Browser test")
    dialog.get_by_role("button", name="Save this version").click()
    expect(editor.page).to_have_url(re.compile(f"{DRAWN}$"))


def test_pages_speak_chinese_turn_dark_and_tell_the_time_of_the_zone_that_a_person_chose(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/account/")
    page.locator("#id_language").select_option("zh-hans")
    page.locator("#id_time_zone").select_option("Asia/Shanghai")
    page.locator("#id_theme").select_option("dark")
    page.locator("main form").first.get_by_role("button").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    researcher.go("/cohorts/demo/")
    tabs = page.locator("nav.cohort-bar").get_by_role("listitem").all_inner_texts()
    assert all(_HAN.search(tab) for tab in tabs), tabs
    expect(page.locator(".figures dt").first).to_have_text("患者")
    expect(page.locator("[data-chart='chart-age']")).to_have_attribute("data-state", "ready")
    researcher.picture("researcher-chinese")
    researcher.go(DRAWN)
    saved = page.locator("time").first
    moment = datetime.fromisoformat(saved.get_attribute("datetime") or "").astimezone(ZoneInfo("Asia/Shanghai"))
    expect(saved).to_contain_text(f"{moment:%H:%M}")
    _reads_as_before(researcher)


def _reads_as_before(researcher: Visitor) -> None:
    page = researcher.page
    researcher.go("/account/")
    page.locator("#id_language").select_option("en")
    page.locator("#id_time_zone").select_option("")
    page.locator("#id_theme").select_option("auto")
    page.locator("main form").first.get_by_role("button").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    expect(page.get_by_role("status").filter(has_text="Your preferences are stored.")).to_be_visible()

"""A day of those who keep the records: from a query to a signed record, blind readings, tables, the phone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.e2e.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.processes]

_QUESTION = "The report says 8 % viable. Which of the two is right?"
_TAB_STOPS = 8  # marks and histories stand between two fields


def test_a_query_is_answered_the_reading_corrected_merged_signed_and_then_refuses_changes(
    visitor: Visitor, colleague: Visitor
) -> None:
    code = "EC-0010"
    visitor.log_in("coordinator")
    colleague.log_in("data_manager")
    _ask(colleague, code)
    _answer(visitor, code)
    before = _correct_by_keyboard(visitor, code)
    _correct_meanwhile(colleague, code)
    _merge(visitor, code)
    _close_and_sign(colleague, visitor, code)
    _find_it_locked(visitor, code, before)
    _unlock(colleague, code)


def _ask(manager: Visitor, code: str) -> None:
    """Ask about a field, from the mark beside it."""
    page = manager.page
    manager.go(f"/cohorts/demo/patients/{code}/")
    page.get_by_role("link", name="Ask about viable tumour (%)", exact=True).click()
    page.get_by_label("Question").fill(_QUESTION)
    page.get_by_role("button", name="Open the query").click()
    expect(page.get_by_role("article").filter(has_text=_QUESTION)).to_contain_text("data_manager")


def _answer(coordinator: Visitor, code: str) -> None:
    """Find the question on the page where the day starts, look at its field, answer it."""
    page = coordinator.page
    expect(page).to_have_url(re.compile("/cohorts/day/$"))
    coordinator.go("/cohorts/day/")
    pile = page.get_by_role("region", name="Queries to answer")
    waiting = pile.get_by_role("listitem").filter(has_text=_QUESTION)
    coordinator.picture("day")
    waiting.get_by_role("link", name=code).click()
    thread = page.get_by_role("article").filter(has_text=_QUESTION)
    thread.get_by_role("link", name="Go to the field").click()
    expect(page.locator("#id_viable_percent")).to_be_focused()
    expect(page.get_by_role("link", name="Query on viable tumour (%)")).to_be_visible()
    page.go_back()
    thread.get_by_role("textbox", name="Answer").fill("The report is right; I correct it now.")
    thread.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("article").filter(has_text=_QUESTION)).to_contain_text("I correct it now.")
    coordinator.go(f"/cohorts/demo/patients/{code}/")


def _correct_by_keyboard(coordinator: Visitor, code: str) -> str:
    """Type 8 % with keys alone, break the sum and mend it, lose the window and restore the draft.

    Returns
    -------
    str
        The viable tumour that was stored before, in percent.
    """
    page = coordinator.page
    page.get_by_role("link", name="Correct the pathology").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Correct the pathology of {code}")
    page.keyboard.press("Alt+ArrowDown")
    before = page.locator("#id_viable_percent").input_value()
    _type(page, "viable_percent", "8")
    _type(page, "necrosis_percent", "40")
    _type(page, "stroma_percent", "72")
    derived = page.locator("#derived")
    expect(page.locator("[data-bed-sum]")).to_have_text("Sum: 120 %, 20 % too much")
    expect(derived).to_contain_text("they sum to 120 %")
    with page.expect_response(lambda answer: answer.url.endswith("/draft/") and _sent(answer, "stroma_percent=52")):
        _type(page, "stroma_percent", "52")
    expect(derived).to_contain_text(re.compile(r"MPR\s*Yes"))
    expect(derived).to_contain_text("8 % viable ≤ 10 %")
    coordinator.picture("pathology")
    expect(page.locator("#draft-state")).to_contain_text(re.compile(r"Draft saved \d\d:\d\d"))
    page.reload()
    expect(page.locator("#id_stroma_percent")).not_to_have_value("52")
    page.get_by_role("link", name="Restore the draft").press("Enter")
    expect(page.locator("#id_stroma_percent")).to_have_value("52")
    return before


def _sent(answer: Response, field: str) -> bool:
    return field in (answer.request.post_data or "")


def _type(page: Page, field: str, text: str) -> None:
    """Go to a field with Tab, forwards or back, and type over what it holds."""
    place = page.locator(f"#id_{field}")
    key = "Tab" if place.evaluate(_LIES_AHEAD) else "Shift+Tab"
    _press_until(page, key, place, presses=_TAB_STOPS)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


_LIES_AHEAD = "one => !(one.compareDocumentPosition(document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING)"


def _press_until(page: Page, key: str, place: Locator, *, presses: int) -> None:
    is_there = "one => one === document.activeElement"
    for _ in range(presses):
        if place.evaluate(is_there):
            return
        page.keyboard.press(key)
    expect(place).to_be_focused()


def _correct_meanwhile(manager: Visitor, code: str) -> None:
    """Change the same record in another window: a field that both change, and one that nobody else does."""
    page = manager.page
    manager.go(f"/cohorts/demo/patients/{code}/pathology/")
    for field, text in {"viable_percent": "12", "necrosis_percent": "40", "stroma_percent": "48"}.items():
        page.locator(f"#id_{field}").fill(text)
    page.locator("#id_blocks_examined").fill("9")
    page.locator("#id_reason").fill("Typed from the second report")
    page.get_by_role("button", name="Save the correction").click()
    expect(page).to_have_url(re.compile(f"/patients/{code}/$"))


def _merge(coordinator: Visitor, code: str) -> None:
    """Save with Ctrl+S, be shown both versions, keep one's own percentages and the other's blocks."""
    page = coordinator.page
    reason = page.locator("#id_reason")
    _press_until(page, "Alt+ArrowDown", reason, presses=12)
    page.keyboard.type("As in the report")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Two versions of the pathology of {code}")
    blocks = page.get_by_role("group", name="Blocks of the bed examined")
    expect(blocks.get_by_role("radio", name=re.compile("Stored now"))).to_be_checked()
    for field in ("Viable tumour (%)", "Stroma (%)"):
        both = page.get_by_role("group", name=field, exact=True)
        expect(both).to_contain_text("both changed it")
        both.get_by_role("radio", name=re.compile("Yours")).check()
    page.get_by_label("Reason for the merged version").fill("Checked against the report with the data manager")
    coordinator.picture("merge")
    page.get_by_role("button", name="Save the merged version").click()
    expect(page.get_by_text(f"Both versions of {code} are merged and saved.")).to_be_visible()
    expect(page.get_by_role("region", name="Pathology")).to_contain_text("8 % viable ≤ 10 %")


def _close_and_sign(manager: Visitor, coordinator: Visitor, code: str) -> None:
    """Close the query, then sign with password and meaning, while the coordinator has the form open."""
    page = manager.page
    manager.go(f"/cohorts/demo/patients/{code}/lock/")
    still_open = page.get_by_role("note").filter(has_text="1 query on this record is not closed")
    still_open.get_by_role("link", name="Queries").click()
    thread = page.get_by_role("article").filter(has_text=_QUESTION)
    thread.locator("summary", has_text="Close or ask again").click()
    manager.picture("queries")
    thread.get_by_role("button", name="Close the query").click()
    expect(thread.locator(".mark")).to_have_text("Closed")
    coordinator.go(f"/cohorts/demo/patients/{code}/pathology/")
    manager.go(f"/cohorts/demo/patients/{code}/lock/")
    page.get_by_role("radio").first.check()
    page.get_by_label("Your password, again").fill(manager.site.password("data_manager"))
    manager.picture("lock")
    page.get_by_role("button", name="Sign and lock").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"The record of {code} is locked")


def _find_it_locked(coordinator: Visitor, code: str, before: str) -> None:
    """Have a late edit refused by name, and read who changed the field from what to what."""
    page = coordinator.page
    page.locator("#id_blocks_examined").fill("10")
    page.locator("#id_reason").fill("One more block")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert")).to_contain_text(f"The record of {code} is locked: data_manager signed it on")
    expect(page.locator("#id_blocks_examined")).to_be_disabled()
    coordinator.go(f"/cohorts/demo/patients/{code}/")
    expect(page.get_by_text("This record is locked: data_manager signed it")).to_be_visible()
    expect(page.get_by_role("link", name="Correct the pathology")).to_have_count(0)
    page.get_by_role("link", name="History of viable tumour (%)", exact=True).click()
    rows = page.get_by_role("dialog").get_by_role("row")
    expect(rows.nth(1)).to_contain_text(
        re.compile(r"coordinator\s*12 ?%?\s*8 ?%?\s*Checked against the report with the data manager")
    )
    expect(rows.nth(2)).to_contain_text(
        re.compile(rf"data_manager\s*{re.escape(before)} ?%?\s*12 ?%?\s*Typed from the second report")
    )
    coordinator.picture("field-history")


def _unlock(manager: Visitor, code: str) -> None:
    """Open the record again, with a reason that stays beside the signature."""
    page = manager.page
    page.get_by_label("Reason").fill("The journey is over")
    page.get_by_label("Your password, again").fill(manager.site.password("data_manager"))
    page.get_by_role("button", name="Unlock the record").click()
    expect(page.get_by_role("row").filter(has_text="The journey is over")).to_be_visible()


def test_a_reader_reads_blind_and_sees_nothing_else(visitor: Visitor, colleague: Visitor) -> None:
    visitor.log_in("administrator")
    colleague.log_in("reader")
    _switch_double_reading(visitor, lambda box: box.check())
    try:
        code = _read_blind(colleague)
        for path in ("", "patients/", f"patients/{code}/", f"patients/{code}/pathology/", "queries/", "models/"):
            answer = colleague.page.request.get(f"{colleague.site.address}/cohorts/demo/{path}")
            assert answer.status == 403, path
        visitor.go(f"/cohorts/demo/patients/{code}/history/")
        expect(visitor.page.get_by_role("main")).to_contain_text("reader")
        expect(visitor.page.get_by_role("main")).not_to_contain_text("37.5")
    finally:
        _switch_double_reading(visitor, lambda box: box.uncheck())
    colleague.go(f"/cohorts/demo/patients/{code}/")
    expect(colleague.page.get_by_role("heading", level=1)).to_have_text(code)


def _switch_double_reading(administrator: Visitor, act: Callable[[Locator], None]) -> None:
    page = administrator.page
    administrator.go("/cohorts/demo/settings/")
    act(page.get_by_label("Blinded double reading"))
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status").filter(has_text="saved")).to_be_visible()


def _read_blind(reader: Visitor) -> str:
    """Give one reading of the first patient that waits, confirm it, and give the patient's code."""
    page = reader.page
    reader.go("/cohorts/demo/readings/")
    waiting = page.get_by_role("region", name="They wait for you").get_by_role("link").first
    code = waiting.inner_text()
    waiting.click()
    reader.picture("reading")
    page.get_by_label("Viable tumour (%)").fill("37.5")
    page.get_by_role("button", name="Go on to confirm").click()
    expect(page.get_by_role("heading", name="Is this right?")).to_be_visible()
    page.get_by_role("button", name="Store my reading").click()
    given = page.get_by_role("region", name="What you have read").get_by_role("row").filter(has_text=code)
    expect(given).to_contain_text("37.5")
    return code


def test_a_table_is_tried_first_then_written_and_changes_nothing_the_second_time(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.page
    visitor.log_in("coordinator")
    rows = _export(visitor)
    changed, bad = (next(row for row in rows if row["patient"] == code) for code in ("EC-0007", "EC-0015"))
    blocks = str(int(changed["blocks_examined"] or 5) + 1)
    changed["blocks_examined"], bad["viable_percent"] = blocks, "lots"
    _bring(visitor, rows, tmp_path)
    _expect_counts(page, new=0, changed=1, unchanged=len(rows) - 2, refused=1)
    expect(page.get_by_role("heading", name="Nothing is written yet")).to_be_visible()
    refused = page.get_by_role("region", name="Refused").get_by_role("row")
    expect(refused.nth(1)).to_contain_text(re.compile(rf"{rows.index(bad) + 2}\s*viable_percent"))
    difference = page.get_by_role("region", name="Changed").get_by_role("row")
    expect(difference.nth(1)).to_contain_text(re.compile(rf"EC-0007\s*Blocks of the bed examined.*{blocks}$"))
    visitor.picture("table")
    page.get_by_role("button", name="Write 1 row").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Imported table")
    written = _export(visitor)
    assert next(row for row in written if row["patient"] == "EC-0007")["blocks_examined"] == blocks
    _bring(visitor, written, tmp_path)
    _expect_counts(page, new=0, changed=0, unchanged=len(rows), refused=0)
    expect(page.get_by_role("heading", name="Nothing to write")).to_be_visible()
    page.get_by_role("button", name="Discard the table").click()


def _export(visitor: Visitor) -> list[dict[str, str]]:
    visitor.go("/cohorts/demo/records/")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="Download CSV").click()
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))


def _bring(visitor: Visitor, rows: list[dict[str, str]], folder: Path) -> None:
    file = folder / "records.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    visitor.go("/cohorts/demo/records/import/")
    visitor.page.get_by_label(re.compile("^Table")).set_input_files(file)
    visitor.page.get_by_role("button", name="Check the table").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("What the table would do")


def _expect_counts(page: Page, **counts: int) -> None:
    for kind, count in counts.items():
        figure = page.locator(".figures > div").filter(has=page.locator("dt", has_text=re.compile(kind.title())))
        expect(figure.locator("dd")).to_have_text(re.compile(rf"^{count}\D"))


def test_pathology_is_entered_on_a_phone_in_the_dark(visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 375, "height": 812})
    page.emulate_media(color_scheme="dark")
    visitor.log_in("coordinator")
    visitor.go("/cohorts/demo/patients/EC-0015/pathology/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for field, text in {"viable_percent": "2", "necrosis_percent": "54", "stroma_percent": "44"}.items():
        page.locator(f"#id_{field}").fill(text)
    expect(page.locator("#derived")).to_contain_text("2 % viable ≤ 10 %")
    visitor.picture("pathology-phone")
    page.locator("#id_reason").fill("Read again at the microscope")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_text("Pathology of EC-0015 saved: MPR.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375

"""The tables of docs/methods say what the engine computes; `python -m tests.reference.ibsi_table --write`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.reference.ibsi_table import FAMILY_PAGES, PAGE, SETTINGS, table, with_tables


@pytest.mark.parametrize("page", [PAGE, *FAMILY_PAGES], ids=lambda page: page.stem)
def test_pages_have_a_table_of_the_digital_phantom_as_computed(page: Path) -> None:
    assert with_tables(page, Path("no-such-folder"), ["digital_phantom"]) == page.read_text()


@pytest.mark.realdata
@pytest.mark.parametrize("configuration", [name for name in SETTINGS if name != "digital_phantom"])
def test_the_page_has_a_table_of_the_ct_phantom_as_computed(shared_data: Path, configuration: str) -> None:
    assert with_tables(PAGE, shared_data, [configuration]) == PAGE.read_text()


def test_the_page_states_how_many_values_are_within() -> None:
    text = PAGE.read_text()
    compared = len(table("digital_phantom", Path("no-such-folder")).splitlines()) - 2
    stated = re.search(r"\| digital phantom \| (\d+) \| (\d+) \|", text)
    assert stated is not None
    assert stated.groups() == (str(compared), str(compared))


def test_a_page_without_a_place_for_the_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("no marks")
    with pytest.raises(ValueError, match="0 places"):
        with_tables(tmp_path / "page.md", Path("no-such-folder"), ["digital_phantom"])

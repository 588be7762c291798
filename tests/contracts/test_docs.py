"""Documentation is tested where a machine can: links, commands, roles, columns, rules, names of settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from cohorts.access import PERMISSIONS, Action
from cohorts.core.staging import stage_table
from cohorts.core.timeline import DOSE_TO_SCAN_MINIMUM_DAYS, DOSE_TO_SURGERY_MINIMUM_DAYS
from cohorts.services.table_import.values import COLUMNS
from imaging.core.engine import firstorder, shape, texture

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"
OWN_APPS = {"config", "cohorts", "imaging", "modeling"}
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

#: Pictures that browser tests take; they may be absent until those have run.
PICTURES = {"cohort.png", "prediction.png", "run.png", "patient.png", "outcome.png", "import.png", "models.png"}

_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Give the file and the anchor of each relative link of a page."""
    for address in _LINK.findall(_FENCE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", address):
            path, _, anchor = address.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table(page: Path, *, first: str) -> list[list[str]]:
    """Give the cells of the table whose header begins with a word, header first and the line below it left out."""
    lines = page.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]
    return [rows[0], *rows[2:]]


def own_commands() -> set[str]:
    return {name for name, app in get_commands().items() if app in OWN_APPS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_resolves(page: Path) -> None:
    missing = [
        target.relative_to(ROOT).as_posix()
        for target, _ in links(page)
        if not target.exists() and not (target.parent == DOCS / "images" and target.name in PICTURES)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_anchor_is_a_heading(page: Path) -> None:
    lost = [
        f"{target.name}#{anchor}"
        for target, anchor in links(page)
        if anchor and target.suffix == ".md" and anchor not in map(anchor_of, headings(target))
    ]
    assert lost == []


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += [target for target, _ in links(page)]
    assert {page for page in PAGES if DOCS in page.parents} <= reached


def test_every_command_has_a_heading() -> None:
    described = {heading.strip("`") for heading in headings(DOCS / "commands.md") if heading.startswith("`")}
    assert described == own_commands()


def test_the_readme_lists_every_command() -> None:
    rows = table(ROOT / "README.md", first="command")
    assert {row[0].strip("`") for row in rows[1:]} == own_commands()


def test_the_table_of_roles_says_what_access_decides() -> None:
    header, *rows = table(DOCS / "roles.md", first="action")
    roles = header[1:]
    stated = {role: {row[0].strip("`") for row in rows if row[1 + i] == "yes"} for i, role in enumerate(roles)}
    assert stated == {str(role): {str(action) for action in actions} for role, actions in PERMISSIONS.items()}
    assert [row[0].strip("`") for row in rows] == [str(action) for action in Action]


def test_the_columns_of_tables_are_those_of_the_import() -> None:
    rows = table(DOCS / "tables.md", first="column")
    assert tuple(row[0].strip("`") for row in rows[1:]) == COLUMNS


def test_every_rule_of_pathology_is_listed() -> None:
    use = (
        ROOT / "modeling" / "templates" / "modeling" / "_outcome_use.html"
    )  # says E11, which only models can know of
    code = "".join(file.read_text() for file in [*(ROOT / "cohorts" / "core").glob("*.py"), use])
    header, *rows = table(DOCS / "methods" / "pathology.md", first="rule")
    assert header == ["rule", "says", "source"]
    assert {row[0] for row in rows} == set(re.findall(r'["> ]([EW]\d+)["<]', code))
    assert [row[0] for row in rows if len(row) != 3 or not all(row)] == [], (
        "each rule has its sentence and its source"
    )
    assert len({row[0] for row in rows}) == len(rows)


@pytest.mark.parametrize(("edition", "first"), [(8, "8th"), (9, "9th")])
def test_the_stage_tables_of_the_page_are_those_of_the_software(edition: int, first: str) -> None:
    header, *rows = table(DOCS / "methods" / "pathology.md", first=first)
    stated = {(row[0], n, "M0"): stage for row in rows for n, stage in zip(header[1:], row[1:], strict=True)}
    whole = stage_table(edition)
    assert stated == {key: stage for key, stage in whole.items() if key[0] not in {"*", "TX", "Tis", "T1mi"}}
    text = (DOCS / "methods" / "pathology.md").read_text()
    for line in ("TX N0 M0 is occult", "Tis N0 M0 is stage 0", "T1mi N0 M0 is IA1", "M1a or M1b is IVA"):
        assert line in text
    assert {key[2] for key, stage in whole.items() if stage == "IVA"} == {"M1a", "M1b"}
    assert {key[2] for key, stage in whole.items() if stage == "IVB"} == (
        {"M1c"} if edition == 8 else {"M1c1", "M1c2"}
    )


def test_the_minimum_distances_of_the_page_are_those_of_the_software() -> None:
    rows = {row[0]: row[1] for row in table(DOCS / "methods" / "pathology.md", first="rule")[1:]}
    assert f"fewer than {DOSE_TO_SCAN_MINIMUM_DAYS} days" in rows["W17"]
    assert f"fewer than {DOSE_TO_SURGERY_MINIMUM_DAYS} days" in rows["W18"]


def test_containers_set_only_variables_that_are_read() -> None:
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    readers = "".join((ROOT / name).read_text() for name in ("config/settings.py", "docker/entrypoint.sh"))
    given = re.findall(r"^    ([A-Z_]+): ", compose, re.MULTILINE)
    assert given
    assert [name for name in given if not re.search(rf"\b{name}\b", readers)] == []
    example = (ROOT / "docker" / ".env.example").read_text()
    offered = re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)
    assert [name for name in offered if f"${{{name}" not in compose] == []


FAMILIES = {"firstorder": firstorder.NAMES, "shape": shape.NAMES} | texture.FAMILIES
FAMILY_PAGES = {name: DOCS / "methods" / "families" / f"{name}.md" for name in FAMILIES} | {
    "firstorder": DOCS / "methods" / "families" / "first-order.md"
}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_page_of_a_family_gives_each_feature_formula_unit_and_code(family: str) -> None:
    header, *rows = table(FAMILY_PAGES[family], first="feature")
    assert header == ["feature", "formula", "unit", "IBSI"]
    assert sorted(row[0] for row in rows) == sorted(FAMILIES[family])
    assert all(len(row) == 4 and all(row) for row in rows)

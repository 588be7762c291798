"""Nothing but services writes what is audited, and every service that does writes the history, too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("cohorts", "imaging", "modeling", "config")

#: Models whose every change is somebody's act, and the names by which others reach them.
AUDITED = {
    "Cohort",
    "Membership",
    "Patient",
    "Timepoint",
    "PathologyOutcome",
    "BlindedReading",
    "Query",
    "QueryMessage",
    "RecordLock",
    "Subset",
    "Segmentation",
    "TrainingRun",
    "ModelVersion",
    "Prediction",
}
RELATED = {
    "memberships",
    "patients",
    "timepoints",
    "outcomes",
    "blinded_readings",
    "queries",
    "locks",
    "segmentations",
    "training_runs",
    "model_versions",
    "predictions",
}
#: History itself is written in one place.
HISTORY = {"AuditEntry", "audit_entries"}
WRITES = {
    "create",
    "acreate",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "update",
    "delete",
    "save",
    "asave",
}
#: `save` and `delete` of a variable outside services: of what, as nobody can tell from the line.
OTHER_SAVES = {
    ("config/demo.py", "user"),  # log-ins of the demonstration
    ("modeling/models/prediction.py", "super"),  # creates, and refuses to change
}


@cache
def sources() -> dict[str, ast.Module]:
    """Give every module of the product but migrations, parsed."""
    files = [file for app in APPS for file in sorted((ROOT / app).rglob("*.py")) if "migrations" not in file.parts]
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text()) for file in files}


def chain(node: ast.expr) -> list[str]:
    """Give the names of a chain of attributes and calls: ``A.objects.filter(x).update`` → [A, objects, filter, …]."""
    names: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            names.append(node.id if isinstance(node, ast.Name) else "")
            return names[::-1]


def writes_in(tree: ast.AST) -> Iterator[list[str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            yield chain(node.func)


def touches(names: list[str], models: set[str]) -> bool:
    return bool(models & set(names[:-1]))


def test_the_search_finds_writes_where_there_are_some() -> None:
    found = [names for path, tree in sources().items() if "/services/" in path for names in writes_in(tree)]
    written = {name for names in found for name in names} & AUDITED
    assert {"PathologyOutcome", "Segmentation", "ModelVersion", "Prediction", "Membership"} <= written


def test_nothing_but_services_writes_what_is_audited() -> None:
    offenders = [
        (path, ".".join(names))
        for path, tree in sources().items()
        if "/services/" not in path
        for names in writes_in(tree)
        if touches(names, AUDITED | RELATED)
    ]
    assert offenders == []


def test_nothing_but_services_saves_or_deletes_a_record_at_hand() -> None:
    offenders = [
        (path, ".".join(names))
        for path, tree in sources().items()
        if "/services/" not in path and "/core/" not in path
        for names in writes_in(tree)
        if names[-1] in {"save", "asave", "delete"} and (path, names[0]) not in OTHER_SAVES
    ]
    assert offenders == []


def test_history_is_written_by_one_function_and_changed_only_to_forget_who_withdrew() -> None:
    writers = [
        (path, ".".join(names))
        for path, tree in sources().items()
        for names in writes_in(tree)
        if touches(names, HISTORY)
    ]
    assert writers == [
        ("cohorts/audit.py", "AuditEntry.objects.create"),
        ("cohorts/audit.py", "AuditEntry.objects.filter.update"),
    ]


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _calls(function: ast.FunctionDef) -> set[str]:
    called = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {".".join(chain(name)) for name in called if isinstance(name, ast.Name | ast.Attribute)}


def _is_recorded(name: str, functions: dict[str, ast.FunctionDef], seen: frozenset[str] = frozenset()) -> bool:
    """Tell whether a function records an act itself, through a helper, or through everybody who calls it."""
    calls = _calls(functions[name])
    if "audit.record" in calls or any("audit.record" in _calls(functions[c]) for c in calls & set(functions)):
        return True
    callers = {other for other in functions if name in _calls(functions[other]) and other != name} - seen
    return bool(callers) and all(_is_recorded(other, functions, seen | {name}) for other in callers)


SERVICES = sorted(path for path in sources() if "/services/" in path and not path.endswith("__init__.py"))


@pytest.mark.parametrize("path", SERVICES)
def test_every_service_that_writes_an_audited_record_records_the_act(path: str) -> None:
    functions = _functions(sources()[path])
    writing = [
        name
        for name, function in functions.items()
        if any(touches(names, AUDITED | RELATED) or names[-1] == "save" for names in writes_in(function))
    ]
    assert [name for name in writing if not _is_recorded(name, functions)] == []

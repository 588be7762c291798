"""Views of a table that was brought, read from YAML: lists of columns or patterns, and fusions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

import yaml

from modeling.core.errors import InvalidViews, OutcomeAmongFeatures
from modeling.core.views import VIEWS

#: The view of a table for which none was given.
EVERYTHING = "all"
#: In front of a name that one of the built-in views has.
_OWN = "own_"
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")


def feature_name(column: str) -> str:
    """Give the name under which a column is modelled; ``|`` divides the parts of such a name."""
    return f"own|{column.replace('|', '/')}"


def parse_views(text: str) -> dict[str, Any]:
    """Read YAML (or JSON, which is YAML) and give the mapping it holds.

    Raises
    ------
    InvalidViews
        If it is no YAML or no mapping.
    """
    try:
        given = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # a date that does not exist is a ValueError
        raise InvalidViews("The views are not YAML.") from None
    if not isinstance(given, dict) or not given:
        raise InvalidViews("The views are no mapping of names to lists of columns.")
    return {str(name): spec for name, spec in given.items()}


def views_of(
    given: Mapping[str, Any] | None,
    *,
    admitted: Collection[str],
    refused: Mapping[str, str],
    roles: Mapping[str, str],
) -> dict[str, dict[str, list[str]]]:
    """Check views against a table and give them as a recipe holds them.

    Parameters
    ----------
    given : mapping, optional
        Name to a list of columns or patterns, or to ``{"fuse": [names]}``; None is one view of everything.
    admitted : collection of str
        Columns that may be features.
    refused : mapping of str to str
        Columns that may not, and why.
    roles : mapping of str to str
        Column to its role: outcome, id, centre, time or event.

    Returns
    -------
    dict
        Name to ``{"columns": [...]}`` or ``{"fuse": [...]}``. A name of a built-in view begins with ``own_`` here.

    Raises
    ------
    OutcomeAmongFeatures
        If a view lists a column with a role.
    InvalidViews
        If a view names something else that is not there, or is not understood.
    """
    if given is None:
        return {EVERYTHING: {"columns": [feature_name("*")]}}
    specs = {name: _spec(name, spec) for name, spec in given.items()}
    for name, (key, entries) in specs.items():
        if key == "fuse":
            _require_parts(name, entries, specs)
            continue
        for entry in entries:
            _require_column(name, entry, admitted, refused, roles)
    return {
        recipe_name(name): {
            key: [feature_name(entry) if key == "columns" else recipe_name(entry) for entry in entries]
        }
        for name, (key, entries) in specs.items()
    }


def recipe_name(view: str) -> str:
    """Give the name of a view in a recipe, where the names of built-in views are taken."""
    return f"{_OWN}{view}" if view in VIEWS else view


def given_name(view: str) -> str:
    """Give back the name that a person gave to a view."""
    short = view.removeprefix(_OWN)
    return short if short in VIEWS else view


def _spec(name: str, spec: Any) -> tuple[str, list[str]]:
    if not _NAME.match(name):
        raise InvalidViews(f"{name!r} is no name for a view: take letters, digits, - and _, at most 40.")
    key = "columns"
    if isinstance(spec, dict):
        if unknown := [str(one) for one in spec if one not in ("fuse", "columns")]:
            raise InvalidViews(f"The view {name} has the unknown key {unknown[0]!r}; known are columns and fuse.")
        if len(spec) != 1:
            raise InvalidViews(f"The view {name} needs either columns or fuse.")
        key, spec = next(iter(spec.items()))
    entries = [spec] if isinstance(spec, str) else spec
    if not isinstance(entries, list) or not entries or any(isinstance(one, dict | list) for one in entries):
        raise InvalidViews(f"The view {name} is no list of names.")
    return key, [str(entry) for entry in entries]


def _require_parts(name: str, entries: list[str], specs: Mapping[str, tuple[str, list[str]]]) -> None:
    for entry in entries:
        if entry not in specs or specs[entry][0] == "fuse":
            raise InvalidViews(f"The view {name} fuses {entry!r}, which is no view of columns.")
    if len(set(entries)) < 2:
        raise InvalidViews(f"The view {name} fuses fewer than two views.")


def _require_column(
    view: str, entry: str, admitted: Collection[str], refused: Mapping[str, str], roles: Mapping[str, str]
) -> None:
    if entry in roles:
        raise OutcomeAmongFeatures(f"The view {view} lists {entry!r}, which is the {roles[entry]}.")
    if entry in refused:
        raise InvalidViews(f"The view {view} lists {entry!r}, which is no feature: it {refused[entry]}.")
    if entry not in admitted and not any(fnmatchcase(column, entry) for column in admitted):
        raise InvalidViews(f"The view {view} lists {entry!r}, and no column that may be a feature has that name.")

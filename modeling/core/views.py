"""Views: which columns of a table a model may look at.

A column is named ``group|timepoint|feature``, ``clinical|feature`` or, in a table that was brought,
``own|feature``. A view is a choice of groups and timepoints, or of names; some views are more than
a choice and have their own estimator: the two changes of size, and the fusions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from modeling.core.errors import InvalidRecipe, MissingColumns

TIMEPOINTS = ("pre", "post", "delta")
IMAGE_GROUPS = ("whole_tumour", "habitat", "transitions")

#: Groups whose columns were learned from patients, so that each fold needs its own.
LEARNED_GROUPS = ("habitat", "transitions")

VOLUME_PRE = "whole_tumour|pre|original_shape_MeshVolume"
VOLUME_POST = "whole_tumour|post|original_shape_MeshVolume"
DIAMETER_PRE = "whole_tumour|pre|original_shape_Maximum3DDiameter"
DIAMETER_POST = "whole_tumour|post|original_shape_Maximum3DDiameter"

#: Feature names of the baselines, as explanations show them.
LOG_VOLUME_RATIO = "whole_tumour|delta|log_volume_ratio"
LOG_DIAMETER_RATIO = "whole_tumour|delta|log_diameter_ratio"


@dataclass(frozen=True)
class View:
    """What a model may look at: groups and timepoints, or named columns, or the views that it fuses.

    Parameters
    ----------
    groups, timepoints : tuple of str
        Of a column's name; a group without timepoints has all its columns.
    columns : tuple of str
        Names of columns, or patterns of shell style (``own|glcm_*``); ``own|`` may be left out.
    fuses : tuple of str
        Names of the views whose models are fused late.
    """

    groups: tuple[str, ...] = ()
    timepoints: tuple[str, ...] = TIMEPOINTS
    columns: tuple[str, ...] = ()
    fuses: tuple[str, ...] = ()

    def holds(self, column: str) -> bool:
        """Say whether a column belongs to this view."""
        if self.columns:
            names = (column, column.removeprefix("own|"))
            return any(name == pattern or fnmatchcase(name, pattern) for name in names for pattern in self.columns)
        parts = column.split("|")
        if parts[0] not in self.groups:
            return False
        return parts[0] not in IMAGE_GROUPS or parts[1] in self.timepoints


VIEWS = {
    "volume_change": View(columns=(VOLUME_PRE, VOLUME_POST)),
    "diameter_change": View(columns=(DIAMETER_PRE, DIAMETER_POST)),
    "clinical": View(("clinical",)),
    "whole_tumour_pre": View(("whole_tumour",), ("pre",)),
    "whole_tumour_post": View(("whole_tumour",), ("post",)),
    "whole_tumour_delta": View(("whole_tumour",), ("delta",)),
    "whole_tumour": View(("whole_tumour",)),
    "habitat_pre": View(("habitat",), ("pre",)),
    "habitat_post": View(("habitat",), ("post",)),
    "habitat_delta": View(("habitat",), ("delta",)),
    "habitat": View(("habitat",)),
    "transitions": View(("transitions",)),
    "early_fusion": View(("whole_tumour", "habitat")),
    "integrated": View(fuses=("whole_tumour", "habitat")),
}

#: The model that a study is about and that pages show first; where a study has none, its last one is.
PRIMARY_MODEL = "integrated"

#: Views of two columns whose logarithmic ratio is all that the model sees.
CHANGES = ("volume_change", "diameter_change")


def own_views(given: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, View]:
    """Read the views that a recipe brings.

    Parameters
    ----------
    given : mapping of str to mapping
        By name: ``{"columns": [...]}`` or ``{"fuse": [...]}``.

    Raises
    ------
    InvalidRecipe
        If a name is taken, a view has neither or both of the keys or an empty list, or fuses what
        is not known, a fusion, or fewer than two views.
    """
    views = {name: _own_view(name, dict(spec)) for name, spec in given.items()}
    known = VIEWS | views
    for name, view in views.items():
        strangers = [part for part in view.fuses if part not in known or known[part].fuses]
        if strangers:
            raise InvalidRecipe(f"The view {name} fuses {', '.join(strangers)}, which is unknown or a fusion itself.")
    return views


def parts_of(view: str, *, own: Mapping[str, View] | None = None) -> tuple[str, ...]:
    """Name the views that a view fuses; empty unless it is a fusion."""
    return _view(view, own).fuses


def columns_of(columns: Iterable[str], view: str, *, own: Mapping[str, View] | None = None) -> tuple[str, ...]:
    """Give the columns that a view may look at, in the order of the table.

    Parameters
    ----------
    columns : iterable of str
        The columns of the table.
    view : str
    own : mapping of str to View, optional
        Views that a recipe brings beside the built-in ones.

    Raises
    ------
    MissingColumns
        If the view is not known, or the table has no column of it (of each part of it, for a fusion).
    """
    present = tuple(columns)
    chosen = _view(view, own)
    if view in CHANGES:
        return _pair(present, view, chosen.columns)
    if chosen.fuses:
        fused = {column for part in chosen.fuses for column in columns_of(present, part, own=own)}
        return tuple(column for column in present if column in fused)
    found = tuple(column for column in present if chosen.holds(column))
    if not found:
        raise MissingColumns(f"The table has no column for the view {view}.")
    absent = [group for group in chosen.groups if not any(column.startswith(f"{group}|") for column in found)]
    if absent:
        raise MissingColumns(f"The view {view} also needs columns of the group {' and '.join(absent)}.")
    return found


def _view(name: str, own: Mapping[str, View] | None) -> View:
    known = {**VIEWS, **(own or {})}
    if name not in known:
        raise MissingColumns(f"There is no view {name!r}; known are {', '.join(known)}.")
    return known[name]


def _pair(columns: tuple[str, ...], view: str, needed: tuple[str, ...]) -> tuple[str, ...]:
    absent = [column for column in needed if column not in columns]
    if absent:
        raise MissingColumns(f"The view {view} needs the column {' and '.join(absent)}.")
    return needed


def _own_view(name: str, spec: dict[str, Any]) -> View:
    if name in VIEWS:
        raise InvalidRecipe(f"There is already a view {name}; an own view needs another name.")
    keys = set(spec)
    values = next(iter(spec.values()), None)
    names = tuple(values) if isinstance(values, list | tuple) else ()
    if keys not in ({"columns"}, {"fuse"}) or not names or not all(isinstance(one, str) for one in names):
        raise InvalidRecipe(f"The view {name} needs a list of names, either of columns or of views to fuse.")
    if keys == {"columns"}:
        return View(columns=names)
    if len(set(names)) < 2:
        raise InvalidRecipe(f"The view {name} fuses fewer than two views.")
    return View(fuses=names)

"""Views: which columns of a table a model may look at.

A column is named ``group|timepoint|feature`` or, for clinical data, ``clinical|feature``.
A view is a choice of groups and timepoints; two views (``volume_change`` and ``integrated``) are
more than a choice and have their own estimator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modeling.core.errors import MissingColumns

TIMEPOINTS = ("pre", "post", "delta")
IMAGE_GROUPS = ("whole_tumour", "habitat")

VOLUME_PRE = "whole_tumour|pre|original_shape_MeshVolume"
VOLUME_POST = "whole_tumour|post|original_shape_MeshVolume"

#: Feature name of the volume baseline, as explanations show it.
LOG_VOLUME_RATIO = "whole_tumour|delta|log_volume_ratio"


@dataclass(frozen=True)
class View:
    """Groups and timepoints that a model may look at."""

    groups: tuple[str, ...]
    timepoints: tuple[str, ...] = TIMEPOINTS

    def holds(self, column: str) -> bool:
        """Say whether a column belongs to this view."""
        parts = column.split("|")
        if parts[0] not in self.groups:
            return False
        return parts[0] == "clinical" or parts[1] in self.timepoints


VIEWS = {
    "volume_change": View(("whole_tumour",), ("pre", "post")),
    "clinical": View(("clinical",)),
    "whole_tumour_pre": View(("whole_tumour",), ("pre",)),
    "whole_tumour_post": View(("whole_tumour",), ("post",)),
    "whole_tumour_delta": View(("whole_tumour",), ("delta",)),
    "whole_tumour": View(("whole_tumour",)),
    "habitat_pre": View(("habitat",), ("pre",)),
    "habitat_post": View(("habitat",), ("post",)),
    "habitat_delta": View(("habitat",), ("delta",)),
    "habitat": View(("habitat",)),
    "early_fusion": View(("whole_tumour", "habitat")),
    "integrated": View(("whole_tumour", "habitat")),
}

#: The views that the integrated model fuses.
FUSED = ("whole_tumour", "habitat")


def columns_of(columns: Iterable[str], view: str) -> tuple[str, ...]:
    """Give the columns that a view may look at, in the order of the table.

    Raises
    ------
    MissingColumns
        If the view is not known, or the table has no column of it (of each part of it, for a fusion).
    """
    if view not in VIEWS:
        raise MissingColumns(f"There is no view {view!r}; known are {', '.join(VIEWS)}.")
    present = tuple(columns)
    if view == "volume_change":
        return _volumes(present)
    if view in ("integrated", "early_fusion"):
        for part in FUSED:
            columns_of(present, part)
    chosen = tuple(column for column in present if VIEWS[view].holds(column))
    if not chosen:
        raise MissingColumns(f"The table has no column for the view {view}.")
    return chosen


def _volumes(columns: tuple[str, ...]) -> tuple[str, ...]:
    absent = [column for column in (VOLUME_PRE, VOLUME_POST) if column not in columns]
    if absent:
        raise MissingColumns(f"The view volume_change needs the column {' and '.join(absent)}.")
    return (VOLUME_PRE, VOLUME_POST)

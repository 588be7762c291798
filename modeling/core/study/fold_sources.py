"""What a study asks of its caller for each fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class FoldSources:
    """What is learned from images before a table exists, learned anew for the patients of a fold.

    Parameters
    ----------
    habitats : callable or None
        Training codes of a fold → the columns of the groups ``habitat`` and ``transitions`` for all
        patients of the table, learned from these patients only. Another fold may have other columns.
    icc : callable or None
        Training codes of a fold → column → intraclass correlation, or its lower limit if the recipe
        asks for that, measured on these patients only.
    """

    habitats: Callable[[tuple[str, ...]], pd.DataFrame] | None = None
    icc: Callable[[tuple[str, ...]], dict[str, float]] | None = None

"""Every CSV that leaves the product is written here, so that no cell of any of them runs as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from numbers import Number
from types import SimpleNamespace

#: What a spreadsheet takes for a formula where a cell begins with it; East Asian editions take the wide forms, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def write_csv(columns: Iterable[object], rows: Iterable[Sequence[object]], *, line_end: str = "\n") -> str:
    r"""Write a table as CSV: undefined values empty, numbers as they are, every other cell guarded.

    Parameters
    ----------
    columns : iterable of str
        The header.
    rows : iterable of sequences
        Cells; None and NaN are undefined.
    line_end : str
        Between rows. Within cells line ends stay as they are.

    Returns
    -------
    str
    """
    lines: list[str] = []
    # Python quotes a carriage return only where the line end has one; bare, it would begin a new row.
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return "".join(line.removesuffix("\r\n") + line_end for line in lines)


def guarded(cell: str) -> str:
    """Return a cell with an apostrophe before what a spreadsheet would run as a formula."""
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def unguarded(cell: str) -> str:
    """Return a cell as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def _cell(value: object) -> object:
    if value is None or value != value:  # NaN
        return ""
    return value if isinstance(value, Number) else guarded(str(value))

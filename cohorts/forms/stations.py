"""Nodes by station as rows of a grid: station, examined, positive, viable percentage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cohorts.core.errors import UnreadableStations
from cohorts.core.node_stations import STATIONS, Station, format_stations, parse_stations
from cohorts.wording import said

_COLUMNS = ("station", "examined", "positive", "viable")
#: Rows that wait to be filled in; the page's script adds more.
_BLANK_ROWS = 2


class StationsWidget(forms.Widget):
    """A grid whose value is the text form of `cohorts.core.node_stations`."""

    template_name = "cohorts/_stations.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the rows and the stations to choose from."""
        context = super().get_context(name, value, attrs)
        rows = [_cells(entry) for entry in (value or "").split(";") if entry.strip()]
        blank = dict.fromkeys(_COLUMNS, "")
        context["widget"] |= {"rows": [*rows, *[blank] * _BLANK_ROWS], "stations": STATIONS}
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        """Write the rows that are filled in as text; or take the text where there is no grid."""
        if f"{name}-station" not in data:
            return str(data.get(name) or "")
        columns = [data.getlist(f"{name}-{column}") for column in _COLUMNS]  # type: ignore[attr-defined]
        rows = [[cell.strip() for cell in row] for row in zip(*columns, strict=False)]
        return "; ".join(_entry(*row) for row in rows if any(row))

    def id_for_label(self, id_: str) -> str:
        """Lead the label to the first row."""
        return f"{id_}_1_station" if id_ else id_


def _entry(station: str, examined: str, positive: str, viable: str) -> str:
    return f"{station}: {positive or 0}/{examined}" + (f" ({viable}%)" if viable else "")


def _cells(entry: str) -> dict[str, str]:
    """Take an entry apart, be it right or wrong, so that nothing that was typed is lost."""
    station, _sep, counts = entry.partition(":")
    counts, _sep, viable = counts.partition("(")
    positive, _sep, examined = counts.partition("/")
    cells = (station, examined, positive, viable.rstrip(" )%"))
    return dict(zip(_COLUMNS, (cell.strip() for cell in cells), strict=True))


class StationsField(forms.CharField):
    """Nodes by station; cleaned, a list as the record stores it."""

    widget = StationsWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, label=_("nodes by station"), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Write a stored list as text."""
        return format_stations(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[Station]:
        """Read the text."""
        try:
            return parse_stations(str(value or ""))
        except UnreadableStations as error:
            raise forms.ValidationError(said(error.reason)) from None

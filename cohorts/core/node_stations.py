"""Lymph nodes by station of the IASLC map: their text form, their totals, and what they mean for ypN.

The text form is that of tables, ``7: 1/4; 10R: 0/2 (30%)``: station, positive of examined nodes, and the viable
percentage where it was read. Zones and sides follow the IASLC map (Rusch et al., J Thorac Oncol 2009;4:568-577).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

from cohorts.core.errors import Finding, Reason, UnreadableStations, gettext_noop


class Station(TypedDict):
    """Nodes of one station; ``viable_percent`` is None where it was not read."""

    station: str
    examined: int
    positive: int
    viable_percent: float | None


def _with_sides(*numbers: int) -> list[str]:
    return [f"{number}{side}" for number in numbers for side in ("R", "L", "")]


#: Stations in the order of the map. The side may be left out where the report does not state it.
STATIONS = (*_with_sides(1, 2), "3a", "3p", *_with_sides(4), "5", "6", "7", *_with_sides(8, 9, 10, 11, 12, 13, 14))
_AS_WRITTEN = {name.lower(): name for name in STATIONS}
_MOST_NODES = 200
_ENTRY = re.compile(
    r"""(?P<station>\d{1,2}\s*[a-z]?)\s*:\s*
        (?P<positive>\d{1,3})\s*/\s*(?P<examined>\d{1,3})
        (?:\s*\(\s*(?P<viable>\d{1,3}(?:[.,]\d+)?)\s*%?\s*\))?""",
    re.VERBOSE | re.IGNORECASE,
)


def parse_stations(text: str) -> list[Station]:
    """Read nodes by station from their text form.

    Parameters
    ----------
    text : str
        Entries apart by semicolons or lines; empty for none.

    Returns
    -------
    list of Station
        In the order of the map.

    Raises
    ------
    UnreadableStations
        Naming the entry, if it is not understood or its station stands twice.
    """
    found: dict[str, Station] = {}
    for entry in filter(None, (raw.strip() for raw in re.split(r"[;\n]", text))):
        station = _parse_entry(entry)
        if station["station"] in found:
            raise _unreadable(gettext_noop("Station {name} stands twice."), station["station"])
        found[station["station"]] = station
    return [found[name] for name in STATIONS if name in found]


def _parse_entry(entry: str) -> Station:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        template = gettext_noop("“{name}” is no station: write station: positive/examined, as 10R: 1/4.")
        raise _unreadable(template, entry[:40])
    written = match["station"].replace(" ", "")
    name = _AS_WRITTEN.get(written.lower())
    if name is None:
        raise _unreadable(gettext_noop("The map has no station {name}: it has 1 to 14, R or L, 3a and 3p."), written)
    if max(int(match["positive"]), int(match["examined"])) > _MOST_NODES:
        raise _unreadable(gettext_noop("More than 200 nodes at station {name} is not possible."), name)
    viable = match["viable"]
    return Station(
        station=name,
        examined=int(match["examined"]),
        positive=int(match["positive"]),
        viable_percent=float(viable.replace(",", ".")) if viable else None,
    )


def _unreadable(template: str, name: str) -> UnreadableStations:
    return UnreadableStations(Reason(template, {"name": name}))


def format_stations(stations: Iterable[Station]) -> str:
    """Write nodes by station in their text form, so that `parse_stations` reads the same.

    Parameters
    ----------
    stations : iterable of Station

    Returns
    -------
    str
        Such as ``7: 1/4; 10R: 0/2 (30%)``; empty for none.
    """
    return "; ".join(_format_entry(station) for station in stations)


def _format_entry(station: Station) -> str:
    viable = station["viable_percent"]
    tail = "" if viable is None else f" ({float(viable):g}%)"
    return f"{station['station']}: {station['positive']}/{station['examined']}{tail}"


def total_examined(stations: Sequence[Station]) -> int | None:
    """Give how many nodes the stations add up to; None without any station."""
    return sum(station["examined"] for station in stations) if stations else None


def total_positive(stations: Sequence[Station]) -> int | None:
    """Give how many positive nodes the stations add up to; None without any station."""
    return sum(station["positive"] for station in stations) if stations else None


def check_stations(
    stations: Sequence[Station], *, ypn: str, nodes_examined: int | None, nodes_positive: int | None
) -> tuple[Finding, ...]:
    """Apply the rules on nodes by station: E1 and E7 at each, E13 and W10 on the totals, W0, W11 and W13 on ypN.

    Parameters
    ----------
    stations : sequence of Station
    ypn : str
        ypN as stated.
    nodes_examined, nodes_positive : int or None
        Totals as stated.

    Returns
    -------
    tuple of Finding
        All at the field ``stations``.
    """
    if not stations:
        return ()
    found = [finding for station in stations for finding in _check_station(station)]
    found += _check_total("examined", total_examined(stations), nodes_examined)
    found += _check_total("positive", total_positive(stations), nodes_positive)
    return tuple(found) or tuple(_check_ypn({s["station"] for s in stations if s["positive"]}, ypn))


def _check_station(station: Station) -> Iterator[Finding]:
    name, positive, viable = station["station"], station["positive"], station["viable_percent"]
    if viable is not None and not 0 <= viable <= 100:
        yield Finding(
            "E1", "stations", gettext_noop("Station {name}: a percentage lies between 0 and 100."), {"name": name}
        )
    if positive > station["examined"]:
        template = gettext_noop("Station {name}: {positive} positive nodes of {examined} examined is not possible.")
        values = {"name": name, "positive": str(positive), "examined": str(station["examined"])}
        yield Finding("E7", "stations", template, values)
    if viable is not None and (viable > 0) != (positive > 0):
        template = gettext_noop("Station {name}: a node is positive if, and only if, it holds viable tumour.")
        yield Finding("E7", "stations", template, {"name": name})


_TOO_FEW = {
    "examined": gettext_noop("The stations add up to {sum} examined nodes, but only {stated} are stated in all."),
    "positive": gettext_noop("The stations add up to {sum} positive nodes, but only {stated} are stated in all."),
}
_TOO_MANY = {
    "examined": gettext_noop("{stated} examined nodes are stated in all, but the stations add up to {sum}."),
    "positive": gettext_noop("{stated} positive nodes are stated in all, but the stations add up to {sum}."),
}


def _check_total(which: str, total: int | None, stated: int | None) -> list[Finding]:
    if total is None or stated is None or total == stated:
        return []
    values = {"sum": str(total), "stated": str(stated)}
    if stated < total:
        return [Finding("E13", "stations", _TOO_FEW[which], values)]
    return [Finding("W10", "stations", _TOO_MANY[which], values)]


#: Stations on the left of the map that carry no letter.
_LEFT = {"5", "6"}
#: Stations in the midline or without sides; all others are R or L, even where the report leaves it out.
_WITHOUT_SIDE = {"3a", "3p", "7"}


def _number(station: str) -> int:
    return int(re.sub(r"\D", "", station))


def _zone(station: str) -> int:
    """Give the least N category of a positive station: 1 within the lung, 2 mediastinal, 3 supraclavicular."""
    number = _number(station)
    return 3 if number == 1 else 2 if number <= 9 else 1


def _side(station: str) -> str:
    """Return R or L, empty in the midline, ``?`` where the report does not state it."""
    if station in _WITHOUT_SIDE:
        return ""
    return "L" if station in _LEFT else station[-1] if station[-1] in "RL" else "?"


def _check_ypn(positive: set[str], ypn: str) -> Iterator[Finding]:
    if not positive or not ypn.startswith(("ypN1", "ypN2")):
        return  # of ypN0 and ypNX rule E7 says what there is to say, and ypN3 fits every positive station
    sided = [s for s in _in_order(positive) if _side(s) in {"R", "L"}]
    unsided = [s for s in _in_order(positive) if _side(s) == "?"]
    if {_side(s) for s in sided} == {"R", "L"}:
        template = gettext_noop(
            "Positive nodes on both sides ({stations}) mean ypN3, wherever the primary is, but {ypn} is entered."
        )
        yield Finding("W0", "stations", template, {"stations": ", ".join(sided), "ypn": ypn})
        return
    yield from _check_zones(positive, ypn)
    if sided and unsided:
        template = gettext_noop(
            "On which side is station {unsided}? {sided} is positive, too; nodes on both sides would mean ypN3."
        )
        yield Finding("W13", "stations", template, {"unsided": ", ".join(unsided), "sided": ", ".join(sided)})


def _check_zones(positive: set[str], ypn: str) -> Iterator[Finding]:
    stated, least = int(ypn[3]), max(_zone(station) for station in positive)
    mediastinal = [s for s in _in_order(positive) if _zone(s) == 2]
    values = {"ypn": ypn, "stations": ", ".join(_in_order(positive))}
    if stated < least:
        template = gettext_noop("Positive nodes at {stations} mean ypN{least} or more, but {ypn} is entered.")
        yield Finding("W11", "stations", template, values | {"least": str(least)})
    elif stated == 2 and least == 1:
        template = gettext_noop("{ypn} means a positive mediastinal node (stations 2 to 9), but only {stations} are.")
        yield Finding("W11", "stations", template, values)
    elif (ypn == "ypN2a" and _fewest(mediastinal) > 1) or (ypn == "ypN2b" and len(mediastinal) == 1):
        template = gettext_noop("ypN2a is one positive mediastinal station, ypN2b several; positive are {stations}.")
        yield Finding("W11", "stations", template, {"stations": ", ".join(mediastinal)})


def _in_order(stations: Iterable[str]) -> list[str]:
    return sorted(stations, key=STATIONS.index)


def _fewest(stations: Iterable[str]) -> int:
    """Count stations, with one that lacks its side as if it were the same as the one that has it."""
    return len({station.rstrip("RL") for station in stations})

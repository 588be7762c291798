"""Where habitats went, as ribbons from before to after: the geometry of a flow diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from imaging.charts.colours import HABITAT_COLOURS

#: Size of the drawing and of its parts, in units of the drawing.
WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _BAR, _GAP = 150, 570, 16, 16
_OUTSIDE_COLOURS = ("#7F96A3", "#B8B0A2")


@dataclass(frozen=True)
class Node:
    """One state at one time: a bar with its name and share."""

    name: str
    colour: str
    percent: float
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """Where its name stands."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Ribbon:
    """What part of one state became another."""

    source: str
    target: str
    colour: str
    percent: float
    path: str


@dataclass(frozen=True)
class Flow:
    """A flow diagram: bars before, bars after, and the ribbons between."""

    before: tuple[Node, ...]
    after: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    width: int = WIDTH
    height: int = HEIGHT
    bar: int = _BAR

    @property
    def description(self) -> str:
        """The largest parts in words, for those who do not see the drawing."""
        largest = sorted(self.ribbons, key=lambda ribbon: -ribbon.percent)[:3]
        return "; ".join(
            _("%(source)s to %(target)s: %(percent).0f %%")
            % {"source": ribbon.source, "target": ribbon.target, "percent": ribbon.percent}
            for ribbon in largest
        )


def flow_of(counts: Sequence[Sequence[int]]) -> Flow:
    """Give the flow of transition counts (lung, other tissue, then the habitats; rows before, columns after)."""
    total = sum(map(sum, counts)) or 1
    k = len(counts) - 2
    order = [*range(2, k + 2), 0, 1]  # habitats first, as everywhere else
    names = [
        _("Lung"),
        _("Other tissue"),
        *(_("Habitat %(number)s") % {"number": i + 1} for i in range(k)),
    ]
    colours = [*_OUTSIDE_COLOURS, *HABITAT_COLOURS[:k]]
    shares = [[100 * value / total for value in row] for row in counts]
    before = _bars(names, colours, {i: sum(shares[i]) for i in order}, x=_LEFT)
    after = _bars(names, colours, {j: sum(row[j] for row in shares) for j in order}, x=_RIGHT)
    starts = {i: node.y for i, node in before.items()}
    ends = {j: node.y for j, node in after.items()}
    scale = _scale(len(order))
    ribbons = []
    for i in order:
        for j in order:
            if not (percent := shares[i][j]):
                continue
            path = _band(starts[i], ends[j], percent * scale)
            starts[i] += percent * scale
            ends[j] += percent * scale
            ribbons.append(Ribbon(names[i], names[j], colours[i if i > 1 else j], percent, path))
    return Flow(tuple(before.values()), tuple(after.values()), tuple(ribbons))


def _scale(states: int) -> float:
    """Give the height of one percent, the same on both sides however many states occur there."""
    return (HEIGHT - _GAP * (states - 1)) / 100


def _bars(names: Sequence[str], colours: Sequence[str], percents: dict[int, float], *, x: float) -> dict[int, Node]:
    present = {state: percent for state, percent in percents.items() if percent > 0}
    scale = _scale(len(percents))
    nodes, y = {}, 0.0
    for state, percent in present.items():
        nodes[state] = Node(names[state], colours[state], percent, x, y, percent * scale)
        y += percent * scale + _GAP
    return nodes


def _band(start: float, end: float, thick: float) -> str:
    """Give the outline of a ribbon between the two columns of bars."""
    left, right = _LEFT + _BAR, _RIGHT
    middle = (left + right) / 2
    return (
        f"M{left:.1f},{start:.1f}C{middle:.1f},{start:.1f} {middle:.1f},{end:.1f} {right:.1f},{end:.1f}"
        f"V{end + thick:.1f}C{middle:.1f},{end + thick:.1f} {middle:.1f},{start + thick:.1f} {left:.1f},{start + thick:.1f}Z"
    )

"""One feature in every patient, as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.core.delta import kind_of_change
from imaging.core.feature_names import TRANSITIONS, FeatureName
from imaging.core.separation import separation
from imaging.services.cohort_cases import MPR, RESPONSES, Cases
from imaging.services.feature_statistics import Companion, companions
from imaging.services.feature_table import CHANGE, MOMENTS, CohortFeatures

FloatArray = NDArray[np.float64]

#: Patients at each end that the page names.
_EXTREMES = 5


@dataclass(frozen=True)
class Group:
    """Patients of one group with a value and without, and the quartiles of the values."""

    name: str
    known: int
    missing: int
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None


@dataclass(frozen=True)
class Area:
    """How a feature separates responses at one moment; None where it is undefined."""

    moment: str
    auc: float | None
    lower: float | None
    upper: float | None
    responders: int
    others: int


@dataclass(frozen=True)
class Extreme:
    """A patient at one end."""

    code: str
    centre: str
    response: str
    value: float


@dataclass(frozen=True, eq=False)
class FeaturePage:
    """Everything that the page of a feature says. ``values`` hold a moment's value of each case."""

    feature: FeatureName
    cases: Cases
    moment: str
    values: dict[str, FloatArray]
    areas: tuple[Area, ...]
    by_response: tuple[Group, ...]
    by_centre: tuple[Group, ...]
    lowest: tuple[Extreme, ...]
    highest: tuple[Extreme, ...]
    icc: tuple[float, float, float] | None
    companions: tuple[Companion, ...]

    @property
    def known(self) -> int:
        """Patients with a value at the chosen moment."""
        return int(np.isfinite(self.values[self.moment]).sum())

    @property
    def area(self) -> Area:
        """The separation at the chosen moment."""
        return next(area for area in self.areas if area.moment == self.moment)

    @property
    def ends(self) -> tuple[tuple[Extreme, ...], tuple[Extreme, ...]]:
        """The patients of lowest value, and those of highest."""
        return self.lowest, self.highest

    @property
    def change_kind(self) -> str:
        """How its change is computed: log, absolute or relative."""
        return "absolute" if self.feature.family == TRANSITIONS else kind_of_change(self.feature.name)


def page_of(
    table: CohortFeatures, cases: Cases, name: str, moment: str, icc: tuple[float, float, float] | None
) -> FeaturePage:
    """Gather the page of a feature for some patients of a table."""
    feature, rows = table.features[table.position[name]], cases.rows_in(table)
    moment = CHANGE if feature.family == TRANSITIONS else moment
    values = {one: table.values(one, [name])[rows, 0] for one in MOMENTS}
    shown = values[moment]
    low, high = _extremes(cases, shown)
    return FeaturePage(
        feature=feature,
        cases=cases,
        moment=moment,
        values=values,
        areas=tuple(_area(one, values[one], cases) for one in MOMENTS),
        by_response=_groups(RESPONSES, cases.responses, shown),
        by_centre=_groups(sorted(set(cases.centres.tolist())), cases.centres, shown),
        lowest=low,
        highest=high,
        icc=icc if icc and np.isfinite(icc[0]) else None,
        companions=tuple(companions(table, cases, moment, name)) if len(cases) else (),
    )


def _area(moment: str, values: FloatArray, cases: Cases) -> Area:
    known = cases.known
    found = separation(values[known, None], (cases.responses == MPR)[known])
    auc, lower, upper = (
        float(part[0]) if np.isfinite(part[0]) else None for part in (found.auc, found.lower, found.upper)
    )
    return Area(moment, auc, lower, upper, int(found.responders[0]), int(found.others[0]))


def _groups(names: Sequence[str], labels: NDArray[np.str_], values: FloatArray) -> tuple[Group, ...]:
    groups = []
    for name in names:
        mine = values[labels == name]
        known = mine[np.isfinite(mine)]
        quartiles = np.percentile(known, (25, 50, 75)).tolist() if known.size else [None] * 3
        if mine.size:
            groups.append(Group(name, int(known.size), int(mine.size - known.size), *quartiles))
    return tuple(groups)


def _extremes(cases: Cases, values: FloatArray) -> tuple[tuple[Extreme, ...], tuple[Extreme, ...]]:
    """Give the patients of lowest and of highest value, each outermost first; nobody stands at both ends."""
    order = np.argsort(values, kind="stable")[: int(np.isfinite(values).sum())]
    n = min(_EXTREMES, len(order) // 2)
    ends = [order[:n], order[::-1][:n]]
    low, high = (
        tuple(
            Extreme(str(cases.codes[at]), str(cases.centres[at]), str(cases.responses[at]), float(values[at]))
            for at in end
        )
        for end in ends
    )
    return low, high

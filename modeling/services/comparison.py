"""Two model versions side by side: what they reached, what they look at, what they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modeling.models import Evaluation, ModelVersion, TableSnapshot
from modeling.wording import setting_rows


@dataclass(frozen=True)
class SideBySide:
    """One split, at one centre or at all of them, of both versions."""

    split: str
    centre: str
    a: Evaluation | None
    b: Evaluation | None

    @property
    def difference(self) -> float | None:
        """Area of the second minus that of the first; None where one is not known."""
        if self.a is None or self.b is None or self.a.auc is None or self.b.auc is None:
            return None
        return self.b.auc - self.a.auc


@dataclass(frozen=True)
class Differences:
    """What tells two versions apart."""

    performance: tuple[SideBySide, ...]
    common: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    settings: tuple[dict[str, Any], ...]
    patients: dict[str, int]


def differences_of(a: ModelVersion, b: ModelVersion) -> Differences:
    """Compare two versions by what is stored of them."""
    first, second = set(a.selected), set(b.selected)
    return Differences(
        performance=_performance(a, b),
        common=tuple(name for name in a.selected if name in second),
        only_a=tuple(name for name in a.selected if name not in second),
        only_b=tuple(name for name in b.selected if name not in first),
        settings=_settings(a.run.recipe, b.run.recipe),
        patients=_patients(a.run.snapshot, b.run.snapshot),
    )


def _performance(a: ModelVersion, b: ModelVersion) -> tuple[SideBySide, ...]:
    mine = {(e.split, e.centre): e for e in a.evaluations.all()}
    theirs = {(e.split, e.centre): e for e in b.evaluations.all()}
    places = sorted({*mine, *theirs}, key=lambda place: (Evaluation.Split.values.index(place[0]), place[1]))
    return tuple(
        SideBySide(str(Evaluation.Split(place[0]).label), place[1], mine.get(place), theirs.get(place))
        for place in places
    )


def _settings(mine: dict[str, Any], theirs: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    shared = {name: value for name, value in mine.items() if name in theirs}
    return tuple(
        {"label": row["label"], "a": row["value"], "b": row["usual"]}
        for row in setting_rows(shared, theirs)
        if row["usual"]
    )


def _patients(mine: TableSnapshot, theirs: TableSnapshot) -> dict[str, int]:
    readings = dict(mine.outcomes.order_by("pk").values_list("patient_id", "pk"))
    others = dict(theirs.outcomes.order_by("pk").values_list("patient_id", "pk"))
    both = readings.keys() & others.keys()
    return {
        "in both": len(both),
        "only in the first": len(readings.keys() - others.keys()),
        "only in the second": len(others.keys() - readings.keys()),
        "with another reading": sum(readings[patient] != others[patient] for patient in both),
    }

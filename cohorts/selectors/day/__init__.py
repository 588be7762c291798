"""What waits for a person, over all their cohorts; as many queries however much it is."""

from __future__ import annotations

from cohorts.models import User
from cohorts.selectors.day import patients, work
from cohorts.selectors.day.desk import Pile, desk_of

#: Of each pile so many are shown at once, and so many when it is opened alone.
FIRST, ALONE = 6, 200


def my_day(user: User, *, alone: str = "") -> tuple[Pile, ...]:
    """Give the piles of a person that are not empty; or one of them alone, with more of it."""
    desk = desk_of(user, limit=ALONE if alone else FIRST)
    piles = (*work.piles(desk), *patients.piles(desk))
    return tuple(pile for pile in piles if pile.count and alone in ("", pile.kind))

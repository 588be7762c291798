"""My day: what waits for a person, over all their cohorts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from cohorts.models import Membership, Role, User
from cohorts.selectors.day import my_day as piles_of

#: Whose work is the data: their day starts with what waits, everybody else's with the cohorts.
_ENTERS_DATA = (Role.COORDINATOR, Role.READER, Role.DATA_MANAGER)


@require_safe
def my_day(request: HttpRequest) -> HttpResponse:
    """One page of what waits for a person; one pile alone where the address names it."""
    assert isinstance(request.user, User)  # noqa: S101 - the middleware sends anonymous visitors to the log-in
    alone = request.GET.get("pile", "")
    piles = piles_of(request.user, alone=alone)
    context = {
        "piles": piles,
        "alone": alone,
        "total": sum(pile.count for pile in piles),
        "several": len({task.cohort for pile in piles for task in pile.tasks}) > 1,
    }
    return render(request, "cohorts/day.html", context)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Lead a person to where their work starts."""
    enters_data = Membership.objects.filter(user=request.user.pk, role__in=_ENTERS_DATA).exists()
    return redirect("cohorts:day" if enters_data else "cohorts:list")

"""What a person was told: the bell of every page, the list, and what is read."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from cohorts.access import visible
from cohorts.models import Notification, User
from cohorts.notify import mark_read, notices_of
from cohorts.paging import page_by_key

_PER_PAGE = 40


@require_safe
@vary_on_headers("HX-Request")  # the same address gives a page or the bell
def notification_list(request: HttpRequest) -> HttpResponse:
    """A person's notices, newest first; asked for by the bell, how many are new."""
    assert isinstance(request.user, User)  # noqa: S101 - the middleware sends anonymous visitors to the log-in
    notices = _notices(request.user)
    unread = notices.filter(read_at=None).count()
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "cohorts/_bell.html", {"unread": unread})
    page = page_by_key(notices, keys=("-pk",), after=request.GET.get("after", ""), size=_PER_PAGE)
    return render(request, "cohorts/notification_list.html", {"page": page, "unread": unread})


@require_POST
def notification_read(request: HttpRequest) -> HttpResponse:
    """Mark one notice as read and open what it is about, or mark all."""
    assert isinstance(request.user, User)  # noqa: S101 - the middleware sends anonymous visitors to the log-in
    notices = _notices(request.user)
    number = request.POST.get("notice", "")
    if not number.isdecimal():
        mark_read(notices)
        return redirect("cohorts:notifications")
    notice = get_object_or_404(notices, pk=int(number))
    mark_read(notices.filter(pk=notice.pk))
    return redirect(notice.url)


def _notices(user: User) -> QuerySet[Notification]:
    """Give a person's notices of the cohorts in which they still work."""
    return visible(notices_of(user), user)

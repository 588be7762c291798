"""Named subsets: list, open, keep, forget."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cohorts.access import Action, actions_in, fetch
from cohorts.errors import ServiceError
from cohorts.forms.filters import FilterForm
from cohorts.forms.subset import SubsetForm
from cohorts.models import Cohort, Subset, User
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.subsets import subsets_for, subsets_of
from cohorts.services.subsets import delete_subset, save_subset
from cohorts.views.filtered import filtered


@require_safe
def subset_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The subsets of a cohort, with their filters in words."""
    found = filtered(request, cohort_code)
    form = FilterForm(cohort=found.cohort, patients=found.everybody, filters=found.filters)
    rows = [
        (subset, form.chips(PatientFilters.from_query(subset.filters)))
        for subset in subsets_of(found.cohort, request.user)
    ]
    actions = actions_in(request.user, found.cohort)
    return render(request, "cohorts/subset_list.html", {"cohort": found.cohort, "rows": rows, "actions": actions})


@require_safe
def subset_detail(request: HttpRequest, cohort_code: str, slug: str) -> HttpResponse:
    """The cohort page with the filters of a subset."""
    subset = _subset(request, cohort_code, slug)
    return redirect(f"{subset.cohort.get_absolute_url()}?{PatientFilters.from_query(subset.filters).query_string()}")


@require_POST
def subset_save(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Keep the filters of the page under a name."""
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    form, filters = SubsetForm(request.POST), PatientFilters.from_query(QueryDict(request.POST.get("filters", "")))
    if not form.is_valid():
        messages.error(request, _("Give the subset a name of at most 60 characters."))
    else:
        try:
            subset = save_subset(cohort, filters=filters, actor=request.user, **form.cleaned_data)
        except ServiceError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, _("The subset “%(name)s” is kept.") % {"name": subset.name})
    return redirect(_back(request, cohort, filters))


def _back(request: HttpRequest, cohort: Cohort, filters: PatientFilters) -> str:
    """Give the page that was filtered; an address of another host is not followed."""
    page = request.POST.get("page", "")
    own = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return f"{page if own else cohort.get_absolute_url()}?{filters.query_string()}"


@require_POST
def subset_delete(request: HttpRequest, cohort_code: str, slug: str) -> HttpResponse:
    """Forget a subset; its owner may, and who manages the cohort."""
    subset = _subset(request, cohort_code, slug)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    if subset.owner_id != request.user.pk and Action.MANAGE not in actions_in(request.user, subset.cohort):
        raise PermissionDenied
    delete_subset(subset, actor=request.user)
    messages.success(request, _("The subset “%(name)s” is forgotten; its patients stay.") % {"name": subset.name})
    return redirect("cohorts:subsets", cohort_code)


def _subset(request: HttpRequest, cohort_code: str, slug: str) -> Subset:
    cohort = fetch(Cohort, request.user, Action.VIEW, code=cohort_code)
    return get_object_or_404(subsets_for(request.user).select_related("cohort"), cohort=cohort, slug=slug)

"""How a cohort works, and who works in it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.access import Action, fetch
from cohorts.errors import ServiceError
from cohorts.forms.settings import NewMemberForm, RoleForm, SettingsForm
from cohorts.models import Cohort, Membership, User
from cohorts.selectors.locks import cohort_lock_of
from cohorts.services.cohorts import set_membership
from cohorts.services.settings import SETTING_FIELDS, change_role, remove_member, update_settings


@require_http_methods(["GET", "POST"])
def cohort_settings(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Change how a cohort works."""
    cohort, person = _managed(request, cohort_code)
    form = SettingsForm(request.POST or None, instance=cohort)
    if form.is_valid():
        try:
            values = {name: form.cleaned_data[name] for name in SETTING_FIELDS}
            update_settings(cohort, values=values, actor=person)
        except ServiceError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The settings are saved."))
            return redirect("cohorts:cohort-settings", cohort_code)
    return _page(request, Cohort.objects.get(pk=cohort.pk), form, NewMemberForm(cohort=cohort))


@require_POST
def member_add(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Give a person a role in the cohort."""
    cohort, person = _managed(request, cohort_code)
    form = NewMemberForm(request.POST, cohort=cohort)
    if not form.is_valid():
        return _page(request, cohort, SettingsForm(instance=cohort), form)
    user, role, centre = (form.cleaned_data[name] for name in ("username", "role", "centre"))
    set_membership(user, cohort=cohort, role=role, centre=centre, actor=person)
    messages.success(request, _("%(name)s is a member now.") % {"name": user.username})
    return redirect("cohorts:cohort-settings", cohort_code)


@require_POST
def member_change(request: HttpRequest, cohort_code: str, pk: int) -> HttpResponse:
    """Give a member another role or centre, or take the role away."""
    cohort, person = _managed(request, cohort_code)
    member = get_object_or_404(Membership.objects.select_related("user", "cohort", "centre"), cohort=cohort, pk=pk)
    try:
        messages.success(request, _change(request, member, person))
    except ServiceError as error:
        messages.error(request, error.message)
    return redirect("cohorts:cohort-settings", cohort_code)


def _change(request: HttpRequest, member: Membership, actor: User) -> str:
    name = member.user.username
    if "remove" in request.POST:
        remove_member(member, actor=actor)
        return _("%(name)s is not a member any more.") % {"name": name}
    form = RoleForm(request.POST, cohort=member.cohort, prefix=f"member-{member.pk}")
    if not form.is_valid():
        raise ServiceError("invalid_choice", _("Choose a role of the list, and a centre of this cohort."))
    change_role(member, role=form.cleaned_data["role"], centre=form.cleaned_data["centre"], actor=actor)
    return _("The role of %(name)s is saved.") % {"name": name}


def _managed(request: HttpRequest, cohort_code: str) -> tuple[Cohort, User]:
    """Give a cohort that the person manages at every centre."""
    cohort = fetch(Cohort, request.user, Action.CONFIGURE, code=cohort_code)
    assert isinstance(request.user, User)  # noqa: S101 - `fetch` refuses anonymous visitors
    return cohort, request.user


def _page(request: HttpRequest, cohort: Cohort, form: SettingsForm, new: NewMemberForm) -> HttpResponse:
    members = Membership.objects.filter(cohort=cohort).select_related("user").order_by("user__username")
    rows = [(one, RoleForm(instance=one, cohort=cohort, prefix=f"member-{one.pk}")) for one in members]
    context = {
        "cohort": cohort,
        "form": form,
        "members": rows,
        "centres": list(cohort.centres.all()),
        "new": new,
        "lock": cohort_lock_of(cohort),
    }
    return render(request, "cohorts/cohort_settings.html", context)

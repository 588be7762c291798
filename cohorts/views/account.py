"""A person's own account: language, time zone, appearance, password, roles."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.forms.account import PasswordForm, PreferencesForm
from cohorts.models import Membership, User
from cohorts.services.accounts import change_password, set_preferences, set_theme


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show the account, and keep the preferences."""
    user = _person(request)
    kept = {"language": user.language, "time_zone": user.time_zone, "theme": user.theme}
    form = PreferencesForm(request.POST or None, initial=kept)
    if form.is_valid():
        set_preferences(user, **form.cleaned_data)
        with translation.override(user.language or translation.get_language_from_request(request)):
            messages.success(request, _("Your preferences are stored."))
        return redirect("account")
    return _page(request, preferences=form, password=PasswordForm(user))


@require_POST
def account_password(request: HttpRequest) -> HttpResponse:
    """Change the password; other windows of the person are logged out, this one stays."""
    user = _person(request)
    form = PasswordForm(user, request.POST)
    if form.is_valid():
        change_password(user, form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password is changed."))
        return redirect("account")
    kept = {"language": user.language, "time_zone": user.time_zone, "theme": user.theme}
    return _page(request, preferences=PreferencesForm(initial=kept), password=form)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the appearance, and give the buttons as they now stand."""
    if (chosen := request.POST.get("theme", "")) in User.Theme.values:
        set_theme(_person(request), chosen)
    if request.headers.get("HX-Request"):
        return render(request, "cohorts/_theme_choice.html")
    return redirect("account")


def _person(request: HttpRequest) -> User:
    """Give the one who is logged in, as every address of this module requires."""
    assert isinstance(request.user, User)  # noqa: S101
    return request.user


def _page(request: HttpRequest, *, preferences: PreferencesForm, password: PasswordForm) -> HttpResponse:
    roles = (
        Membership.objects.filter(user=_person(request)).select_related("cohort", "centre").order_by("cohort__name")
    )
    return render(request, "cohorts/account.html", {"preferences": preferences, "password": password, "roles": roles})

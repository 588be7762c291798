"""Four questions that turn an empty installation into one with a study, and the wait for its first patient."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods, require_safe

from cohorts.access import visible
from cohorts.errors import ServiceError
from cohorts.forms.welcome import CentresForm, CodeForm, PersonForm, StudyForm
from cohorts.models import Cohort, Patient, User
from cohorts.services.onboarding import Study, first_person, first_study, is_empty

#: The questions in their order; the code before them only opens the door.
QUESTIONS = ("person", "study", "centres", "scans")
#: htmx stops to ask when it gets this status.
STOP_ASKING = 286
_FORMS = {"code": CodeForm, "person": PersonForm, "study": StudyForm, "centres": CentresForm}


@method_decorator(login_not_required, name="dispatch")
class LogIn(LoginView):
    """The log-in page, or the first question where nobody could log in."""

    template_name = "cohorts/login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Begin with the beginning."""
        return redirect("welcome") if is_empty() else super().dispatch(request, *args, **kwargs)


@login_not_required
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Ask the next question, and keep the answer."""
    step = _step(request)
    if step is None:
        return redirect("home")
    if step == "scans":
        return _ask(request, step, study=visible(Cohort.objects.all(), request.user).first())
    form = _FORMS[step](request.POST if request.method == "POST" else None, initial=request.session.get(step))
    if form.is_valid():
        try:
            _keep(request, step, form)
            return redirect("welcome")
        except ServiceError as error:
            form.add_error(None, error.message)
    return _ask(request, step, form=form)


@require_safe
def welcome_progress(request: HttpRequest) -> HttpResponse:
    """Say whether the first patient has arrived, in a band below the bar of every page."""
    cohort = visible(Cohort.objects.all(), request.user).filter(code=request.session.get("first_study", "")).first()
    patient = visible(Patient.objects.all(), request.user).filter(cohort=cohort).first() if cohort else None
    if patient or not cohort:
        request.session.pop("first_study", None)
    status = 200 if cohort and not patient else STOP_ASKING
    context = {"study": cohort, "patient": patient}
    return render(request, "cohorts/_first_patient.html", context, status=status)


def _step(request: HttpRequest) -> str | None:
    """Give the question that comes next; none where somebody else has answered them all."""
    if is_empty():
        return "person" if request.session.get("setup") else "code"
    user = request.user
    if not user.is_authenticated or not user.has_perm("cohorts.add_cohort"):
        return None
    if not Cohort.objects.exists():
        asked = request.GET.get("again") == "study" or "study" not in request.session
        return "study" if asked else "centres"
    return "scans" if request.session.get("first_study") else None


def _keep(request: HttpRequest, step: str, form: Any) -> None:
    values = form.cleaned_data
    if step == "code":
        request.session["setup"] = True
    elif step == "person":
        login(request, first_person(values["username"], full_name=values["full_name"], password=values["password"]))
    elif step == "study":
        request.session["study"] = values
    else:
        assert isinstance(request.user, User)  # noqa: S101 - `_step` asks nobody else
        study = Study(**request.session.pop("study"))
        request.session["first_study"] = first_study(study, centres=form.centres(), actor=request.user).code


def _ask(request: HttpRequest, step: str, **context: Any) -> HttpResponse:
    number = QUESTIONS.index(step) + 1 if step in QUESTIONS else 0
    template = f"cohorts/welcome_{step}.html"
    return render(request, template, {"step": step, "number": number, "questions": QUESTIONS, **context})

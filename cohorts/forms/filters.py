"""The controls of the filters in the address bar, and their values in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cohorts.forms.fields import BootstrapMixin
from cohorts.models import Cohort, Patient
from cohorts.selectors.facts import facts_of, traits
from cohorts.selectors.filters import UNKNOWN, PatientFilters

Choices = list[tuple[str, str | Promise]]


@dataclass(frozen=True)
class Chip:
    """One filter in words, and the address without it."""

    label: str
    value: str
    query: str


class FilterForm(BootstrapMixin, forms.Form):
    """Every filter as a control; what it sends is read by `PatientFilters`, so nothing is refused."""

    q = forms.CharField(required=False, label=gettext_lazy("Patient code"))
    age_min = forms.CharField(required=False, label=gettext_lazy("Age from (years)"))
    age_max = forms.CharField(required=False, label=gettext_lazy("Age to (years)"))

    def __init__(self, *, cohort: Cohort, patients: QuerySet[Patient], filters: PatientFilters) -> None:
        super().__init__(initial=filters.values(), auto_id="%s")
        for name, (label, choices) in _selects(cohort, patients).items():
            several = _several(filters.values().get(name, ""), choices)
            self.fields[name] = forms.ChoiceField(
                label=str(label), choices=[("", _("All")), *choices, *several], required=False, widget=forms.Select
            )
            self.fields[name].widget.attrs["class"] = "form-select"
        self.fields["q"].widget = forms.TextInput({"type": "search", "autocomplete": "off", "class": "form-control"})
        for name in ("age_min", "age_max"):
            self.fields[name].widget.attrs |= {"inputmode": "numeric", "size": 4}
        self.order_fields(["q", "centre", "response"])

    def first(self) -> list[Any]:
        """Give the controls that always show."""
        return [self[name] for name in ("q", "centre", "response")]

    def rest(self) -> list[Any]:
        """Give the controls that fold away."""
        return [field for field in self if field.name not in ("q", "centre", "response")]

    def chips(self, filters: PatientFilters) -> list[Chip]:
        """Give each filter that is set in words."""
        return [self._chip(name, value, filters) for name, value in filters.values().items()]

    def _chip(self, name: str, value: str, filters: PatientFilters) -> Chip:
        control: Any = self.fields[name]
        words = dict(getattr(control, "choices", ()))
        return Chip(str(control.label), str(words.get(value, value)), filters.without(name).query_string())


def _selects(cohort: Cohort, patients: QuerySet[Patient]) -> dict[str, tuple[str | Promise, Choices]]:
    facts: Choices = [(fact.key, fact.label) for fact in facts_of(cohort)]
    centres: Choices = list(cohort.centres.order_by("code").values_list("code", "name"))
    stages = patients.exclude(clinical_stage="").order_by("clinical_stage")
    stage: Choices = [(name, name) for name in stages.values_list("clinical_stage", flat=True).distinct()]
    unknown: Choices = [(UNKNOWN, _("Not stated"))]
    found: dict[str, tuple[str | Promise, Choices]] = {
        "centre": (_("Centre"), centres),
        "response": (_("Response"), _responses()),
        "histology": (_("Histology"), [*Patient.Histology.choices, *unknown]),
        "sex": (_("Sex"), [*Patient.Sex.choices, *unknown]),
        "smoking": (_("Smoking"), [*Patient.Smoking.choices, *unknown]),
        "stage": (_("Clinical stage"), [*stage, *unknown]),
        "location": (_("Location"), [*Patient.Location.choices, *unknown]),
        "complete": (_("CT before and after"), [("yes", _("Both")), ("no", _("Not both"))]),
        "has": (_("Has"), facts),
        "lacks": (_("Lacks"), facts),
        "exclusion": (_("Excluded"), _exclusions()),
    }
    for trait in traits():
        found[trait.key] = (trait.label, [(value, value) for value in trait.values(patients)])
    return found


def _several(value: str, choices: Choices) -> Choices:
    """Give the choice of several facts that a link of the flow made, so that the control shows it."""
    words = dict(choices)
    keys = value.split(",")
    return [(value, ", ".join(str(words[key]) for key in keys))] if len(keys) > 1 and set(keys) <= set(words) else []


def _responses() -> Choices:
    return [
        ("mpr", _("MPR")),
        ("no_mpr", _("No MPR")),
        ("pcr", _("pCR")),
        ("known", _("Pathology known")),
        ("none", _("No outcome yet")),
    ]


def _exclusions() -> Choices:
    return [("none", _("Not excluded")), ("any", _("Any reason")), *Patient.Exclusion.choices]

"""What pages with filters in their address share: the patients that are asked for, and the bar of controls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cohorts.access import Action, Person, actions_in, fetch, visible
from cohorts.forms.filters import FilterForm
from cohorts.forms.subset import SubsetForm
from cohorts.models import Cohort, Patient
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.subsets import subsets_of


@dataclass(frozen=True)
class Filtered:
    """A cohort, the person who looks at it, and the filters of the address."""

    cohort: Cohort
    user: Person
    filters: PatientFilters

    @cached_property
    def everybody(self) -> QuerySet[Patient]:
        """All patients that the person may see."""
        return visible(Patient.objects.filter(cohort=self.cohort), self.user)

    @property
    def patients(self) -> QuerySet[Patient]:
        """The patients that are asked for."""
        return self.filters.apply(self.everybody, self.cohort)

    def context(self) -> dict[str, Any]:
        """Give what the templates of the filter bar need."""
        form = FilterForm(cohort=self.cohort, patients=self.everybody, filters=self.filters)
        query = self.filters.query_string()
        return {
            "cohort": self.cohort,
            "actions": actions_in(self.user, self.cohort),
            "filters": self.filters,
            "filter_form": form,
            "chips": form.chips(self.filters),
            "query": f"?{query}" if query else "",
            "subsets": [(subset, _query_of(subset.filters)) for subset in subsets_of(self.cohort, self.user)],
            "subset_form": SubsetForm(auto_id="subset-%s"),
        }

    def answer(self, request: HttpRequest, context: dict[str, Any], *, page: str, part: str) -> HttpResponse:
        """Give the page, or to htmx only its filtered part with the shortest address that leads to it."""
        if not request.htmx:  # type: ignore[attr-defined]
            return render(request, page, self.context() | context)
        response = render(request, part, self.context() | context | {"is_part": True})
        address = self._address(request)
        is_here = request.htmx.current_url_abs_path == address  # type: ignore[attr-defined]
        response["HX-Push-Url"] = "false" if is_here else address
        return response

    def _address(self, request: HttpRequest) -> str:
        after = request.GET.get("after", "")
        query = urlencode(self.filters.values() | ({"after": after} if after else {}))
        return f"{request.path}?{query}" if query else request.path


def filtered(request: HttpRequest, cohort_code: str) -> Filtered:
    """Read the cohort and the filters of an address."""
    cohorts = Cohort.objects.select_related("training_centre")
    cohort = fetch(cohorts, request.user, Action.VIEW, code=cohort_code)
    return Filtered(cohort, request.user, PatientFilters.from_query(request.GET))


def _query_of(values: dict[str, str]) -> str:
    return PatientFilters.from_query(values).query_string()

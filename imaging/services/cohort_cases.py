"""Patients whose images a page is about, and their responses, in the words of charts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import Case, CharField, Exists, OuterRef, Value, When
from numpy.typing import NDArray

from cohorts.access import Person
from cohorts.models import Cohort, PathologyOutcome
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.summary import NO_OUTCOME, patients_shown
from imaging.services.feature_table import CohortFeatures

MPR, NO_MPR = "MPR", "No MPR"
RESPONSES = (MPR, NO_MPR, NO_OUTCOME)


def response_case(cohort: Cohort, patient: str = "pk") -> Case:
    """Give the response of a patient as an expression of a query; ``patient`` is the path to them.

    It says in the database's words what `cohorts.core.response.is_mpr` says.
    """
    current = PathologyOutcome.objects.filter(patient=OuterRef(patient), is_current=True)
    major = current.filter(viable_percent__lte=cohort.mpr_threshold_percent)
    whens = (When(Exists(major), then=Value(MPR)), When(Exists(current), then=Value(NO_MPR)))
    return Case(*whens, default=Value(NO_OUTCOME), output_field=CharField())


@dataclass(frozen=True, eq=False)
class Cases:
    """Patients in the order of their codes: ids, codes, names of centres and responses, each an array."""

    ids: NDArray[np.int64]
    codes: NDArray[np.str_]
    centres: NDArray[np.str_]
    responses: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, chosen: NDArray[np.bool_]) -> Cases:
        """Give some of them."""
        return Cases(self.ids[chosen], self.codes[chosen], self.centres[chosen], self.responses[chosen])

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whose response is known."""
        return np.asarray(self.responses != NO_OUTCOME)

    def rows_in(self, table: CohortFeatures) -> NDArray[np.int64]:
        """Give the row of each in a table of which they all are part."""
        return np.array([table.positions[int(pk)] for pk in self.ids], dtype=np.int64)


def cases_of(cohort: Cohort, user: Person, filters: PatientFilters) -> Cases:
    """Give the patients that a person may see and asks for; one query."""
    found = patients_shown(cohort, user, filters).annotate(response=response_case(cohort)).order_by("code")
    rows = list(found.values_list("pk", "code", "centre__name", "response"))
    ids, codes, centres, responses = zip(*rows, strict=True) if rows else ((), (), (), ())
    text = np.str_
    return Cases(
        np.array(ids, dtype=np.int64),
        np.array(codes, dtype=text),
        np.array(centres, dtype=text),
        np.array(responses, dtype=text),
    )


def with_features(cases: Cases, table: CohortFeatures) -> Cases:
    """Give those of whom a table holds anything."""
    return cases.of(np.isin(cases.ids, table.patients))

"""What the pages of features share: the patients that the address asks for, and the table of their features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from cohorts.access import Action, allowed
from cohorts.models import Cohort
from cohorts.views.filtered import Filtered, filtered
from imaging.core.spec import BUILT_IN
from imaging.forms.features import FeatureFilter
from imaging.selectors import shown_habitat_model
from imaging.services.cohort_cases import Cases, cases_of, with_features
from imaging.services.feature_table import CohortFeatures, Source, features_of
from imaging.services.protocols import DEFAULT_PROTOCOL, protocol_named


@dataclass(frozen=True)
class Drop:
    """One filter in words, and the address without it."""

    label: str
    value: str
    query: str


@dataclass(frozen=True)
class LookedAt:
    """A cohort, the patients and features that a page is about, and the choices of its address."""

    found: Filtered
    request: HttpRequest

    @property
    def cohort(self) -> Cohort:
        """The cohort."""
        return self.found.cohort

    @cached_property
    def table(self) -> CohortFeatures:
        """Every feature of the cohort under the standard protocol and the codebook shown last."""
        model = shown_habitat_model(self.cohort)
        return features_of(Source(self.cohort, protocol_named(DEFAULT_PROTOCOL), model))

    @cached_property
    def everybody(self) -> Cases:
        """The patients asked for, with and without features."""
        return cases_of(self.cohort, self.found.user, self.found.filters)

    @cached_property
    def cases(self) -> Cases:
        """Those of them who have features."""
        return with_features(self.everybody, self.table)

    @cached_property
    def controls(self) -> FeatureFilter:
        """The controls of features, with what was chosen."""
        given = FeatureFilter(self.request.GET, features=self.table.features)
        return FeatureFilter(given.chosen(), features=self.table.features)

    @property
    def moment(self) -> str:
        """The moment that was chosen."""
        return FeatureFilter(self.request.GET).chosen()["moment"]

    def context(self) -> dict[str, Any]:
        """Give what the templates of controls need."""
        shared = self.found.context()
        drops = [Drop(chip.label, chip.value, self._without(name)) for name, chip in self._chips(shared)]
        return shared | {
            "drops": drops,
            "moment": self.moment,
            "count": len(self.everybody),
            "with_features": len(self.cases),
            "controls": self.controls,
            "may_export": allowed(self.found.user, Action.EXPORT, self.cohort),
            "protocols": list(BUILT_IN),
        }

    def _chips(self, shared: dict[str, Any]) -> list[tuple[str, Any]]:
        return list(zip(self.found.filters.values(), shared["chips"], strict=True))

    def _without(self, name: str) -> str:
        query = self.request.GET.copy()
        for one in (name, "page"):
            query.pop(one, None)
        return query.urlencode()


def looked_at(request: HttpRequest, cohort_code: str) -> LookedAt:
    """Read the cohort, filters and choices of an address."""
    return LookedAt(filtered(request, cohort_code), request)

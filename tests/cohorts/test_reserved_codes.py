"""A cohort's code is the first part of its addresses, so it must not be an address already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLResolver, get_resolver

from cohorts.errors import ServiceError
from cohorts.forms.cohort import CohortForm
from cohorts.models.cohort import RESERVED_CODES
from cohorts.services.cohorts import create_cohort


def _addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern, address)
        else:
            yield address


def test_the_reserved_codes_are_the_first_parts_of_addresses_that_name_no_cohort() -> None:
    parts = [address.split("/")[1] for address in _addresses() if address.startswith("cohorts/")]
    assert {part for part in parts if part and not part.startswith("<")} == RESERVED_CODES


@pytest.mark.django_db
def test_a_reserved_code_is_refused_at_its_field_and_by_the_service() -> None:
    form = CohortForm({"code": "day", "name": "Day", "centres": "A: Here"})
    assert "address of the site" in str(form.errors["code"])
    with pytest.raises(ServiceError, match="address of the site") as refusal:
        create_cohort("day", name="Day", centres={"A": "Here"}, actor=None)
    assert refusal.value.code == "reserved_code"

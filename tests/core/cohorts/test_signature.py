"""What a signature covers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from cohorts.core.signature import content_digest

VALUES = {"ypt": "ypT2a", "viable": Decimal("12.50"), "on": date(2024, 6, 10), "sampled": True, "nodes": [{"7": 1}]}


def test_the_order_of_fields_does_not_count_and_numbers_count_by_value() -> None:
    turned = dict(reversed(VALUES.items())) | {"viable": 12.5}
    assert content_digest(turned) == content_digest(VALUES)


def test_every_value_counts() -> None:
    digests = {content_digest(VALUES | changed) for changed in ({}, {"ypt": "ypT2b"}, {"viable": 12.6}, {"on": None})}
    digests |= {content_digest(VALUES | changed) for changed in ({"sampled": False}, {"nodes": [{"7": 2}]})}
    assert len(digests) == 6


def test_a_field_that_nobody_filled_in_counts_as_absent() -> None:
    assert content_digest(VALUES | {"note": "", "stations": [], "age": None}) == content_digest(VALUES)


def test_zero_and_no_are_values() -> None:
    assert content_digest({"a": 0}) != content_digest({})
    assert content_digest({"a": False}) != content_digest({})
    assert content_digest({"a": 0}) != content_digest({"a": False})

"""Two versions of a record, field by field."""

from __future__ import annotations

import pytest

from cohorts.core.merging import conflicts


@pytest.mark.parametrize(
    ("base", "theirs", "yours", "suggestion"),
    [
        ("1", "1", "2", "yours"),
        ("1", "2", "1", "theirs"),
        ("1", "2", "3", ""),
        (None, "2", "3", ""),
    ],
)
def test_the_side_that_alone_changed_a_field_is_suggested(
    base: str | None, theirs: str, yours: str, suggestion: str
) -> None:
    found = conflicts({"a": base}, {"a": theirs}, {"a": yours}, fields=["a"])
    assert [conflict.suggestion for conflict in found] == [suggestion]


def test_what_both_want_is_no_conflict_even_if_it_is_new() -> None:
    assert conflicts({"a": "1"}, {"a": "2"}, {"a": "2"}, fields=["a"]) == ()


def test_only_the_fields_that_are_named_are_compared_in_their_order() -> None:
    found = conflicts({}, {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 2}, fields=["c", "a"])
    assert [conflict.field for conflict in found] == ["c", "a"]

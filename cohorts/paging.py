"""Lists in pages by key: a page starts after a row, not after a number of rows.

A page costs the same wherever it lies in a list, and rows that somebody adds meanwhile shift nothing. The keys
name the order, as in ``order_by``: never null, and together different for every row.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)
_ONWARD, _BACK = "n", "p"


@dataclass(frozen=True)
class KeyPage(Generic[M]):
    """Rows of one page, and where the pages beside it start: empty where there is none."""

    items: list[M]
    next: str = ""
    previous: str = ""

    def __iter__(self) -> Iterator[M]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def has_other_pages(self) -> bool:
        """True where the list goes on."""
        return bool(self.next or self.previous)


def page_by_key(queryset: QuerySet[M], *, keys: tuple[str, ...], after: str, size: int) -> KeyPage[M]:
    """Give one page in the order of the keys; an address that makes no sense gives the first page.

    ``after`` is what `KeyPage.next` or `KeyPage.previous` said, or empty.
    """
    direction, values = _read(after, queryset.model, keys)
    if direction == _BACK:
        order = tuple(_turned(key) for key in keys)
        found = list(queryset.filter(_beyond(order, values)).order_by(*order)[: size + 1])
        if len(found) > size:
            items = found[size - 1 :: -1]
            return KeyPage(items, next=_write(_ONWARD, items[-1], keys), previous=_write(_BACK, items[0], keys))
        direction = ""  # the first page, in full
    rows = queryset.order_by(*keys)
    found = list((rows.filter(_beyond(keys, values)) if direction else rows)[: size + 1])
    if direction and not found:
        return page_by_key(queryset, keys=keys, after="", size=size)
    items = found[:size]
    return KeyPage(
        items,
        next=_write(_ONWARD, items[-1], keys) if len(found) > size else "",
        previous=_write(_BACK, items[0], keys) if direction else "",
    )


def _turned(key: str) -> str:
    return key[1:] if key.startswith("-") else f"-{key}"


def _beyond(keys: tuple[str, ...], values: list[Any]) -> Q:
    """Give the rows that come later in an order of several keys, each up or down."""
    condition, same = Q(pk__in=[]), Q()
    for key, value in zip(keys, values, strict=True):
        name, lookup = key.lstrip("-"), "lt" if key.startswith("-") else "gt"
        condition |= same & Q(**{f"{name}__{lookup}": value})
        same &= Q(**{name: value})
    return condition


def _write(direction: str, row: Model, keys: tuple[str, ...]) -> str:
    values = [getattr(row, key.lstrip("-")) for key in keys]
    text = json.dumps([direction, *values], cls=_Exact, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


class _Exact(DjangoJSONEncoder):
    """Keeps the microseconds of a moment, which the parent cuts off."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _read(after: str, model: type[Model], keys: tuple[str, ...]) -> tuple[str, list[Any]]:
    try:
        direction, *raw = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        values = [_value(model, key.lstrip("-"), value) for key, value in zip(keys, raw, strict=True)]
    except (ValueError, TypeError, ValidationError, FieldDoesNotExist):
        return "", []
    return (direction, values) if direction in (_ONWARD, _BACK) else ("", [])


def _value(model: type[Model], name: str, value: Any) -> Any:
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    return field.to_python(value)  # type: ignore[union-attr]

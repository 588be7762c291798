"""What goes with records that are removed: counted before, and let go of after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet
from django.db.models.deletion import Collector

Records = dict[type[Model], set[int]]


def records_with(querysets: Iterable[QuerySet[Model]]) -> Records:
    """Return every record that goes when these go, whichever app it belongs to: model → primary keys."""
    found: Records = {}
    for queryset in querysets:
        collector = Collector(using=DEFAULT_DB_ALIAS, origin=queryset)
        collector.collect(queryset)
        for model, instances in collector.data.items():
            found.setdefault(model, set()).update(one.pk for one in instances)
        for fast in collector.fast_deletes:
            found.setdefault(fast.model, set()).update(fast.order_by("pk").values_list("pk", flat=True))
    return {model: pks for model, pks in found.items() if pks and not model._meta.auto_created}


def counts_of(records: Records) -> dict[str, int]:
    """Return how many records of each kind there are, by the model's name."""
    counts: Counter[str] = Counter()
    for model, pks in records.items():
        counts[model.__name__] += len(pks)
    return dict(sorted(counts.items()))


def digests_of(records: Records) -> set[str]:
    """Return every sha256 that the records hold."""
    found: set[str] = set()
    for model, pks in records.items():
        for field in model._meta.concrete_fields:
            if field.name.endswith("sha256"):
                rows = model._default_manager.filter(pk__in=pks).order_by("pk")
                found.update(rows.values_list(field.attname, flat=True))
    return found - {""}

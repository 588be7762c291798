"""Stored bytes that no record needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.apps import apps
from django.db import models, transaction
from django.utils import timezone

from cohorts.models import Job
from imaging import storage
from imaging.models import DiscardedArtefact

_APPS = ("cohorts", "imaging", "modeling")


def let_go(digests: Iterable[str]) -> None:
    """Note, in the transaction that removes records, bytes that may be theirs alone; they go once it is committed."""
    rows = [DiscardedArtefact(digest=digest) for digest in sorted({one for one in digests if one})]
    DiscardedArtefact.objects.bulk_create(rows)
    transaction.on_commit(sweep)


def sweep() -> int:
    """Remove the noted bytes to which no record refers, and all that was computed from stored bytes and kept.

    While a job runs nothing goes: what it stored has no record yet. Beat sweeps again.

    Returns
    -------
    int
        Artefacts that were removed.
    """
    noted = dict(DiscardedArtefact.objects.order_by("pk").values_list("pk", "digest"))
    if not noted or _is_working():
        return 0
    digests = sorted(set(noted.values()))
    for digest in digests:
        storage.set_aside(digest)
    kept = set(digests) if _is_working() else referred_to(digests)
    for digest in digests:
        (storage.bring_back if digest in kept else storage.remove_aside)(digest)
    storage.forget()
    # What a job that began meanwhile kept from going stays noted, and is looked at again.
    DiscardedArtefact.objects.filter(pk__in=noted).exclude(digest__in=kept - referred_to(kept)).delete()
    return len(digests) - len(kept)


def _is_working() -> bool:
    return Job.objects.filter(state=Job.State.RUNNING, lease_until__gt=timezone.now()).exists()


def referred_to(digests: Iterable[str]) -> set[str]:
    """Return those of the digests that any record still holds."""
    wanted = sorted(set(digests))
    found: set[str] = set()
    for model, fields in digest_fields():
        for field in fields:
            rows = model._default_manager.filter(**{f"{field}__in": wanted})
            found.update(rows.order_by(field).values_list(field, flat=True).distinct())
    return found


def digest_fields() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Yield every model with its fields that hold a sha256, whichever app it belongs to."""
    for label in _APPS:
        for model in apps.get_app_config(label).get_models():
            names = [field.name for field in model._meta.concrete_fields if field.name.endswith("sha256")]
            if names:
                yield model, names

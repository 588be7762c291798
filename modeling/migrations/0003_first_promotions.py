"""Champions made before promotions were written down get theirs, from the versions and the audit trail."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations

_BEFORE = "Approved before comparisons with the champion were made."


def write_promotions(apps: Any, schema_editor: Any) -> None:
    """Write a first promotion for the oldest version of each name, and one for each later change in the audit."""
    versions = apps.get_model("modeling", "ModelVersion")
    promotions = apps.get_model("modeling", "Promotion")
    for first in versions.objects.select_related("run").order_by("cohort_id", "name", "version"):
        if promotions.objects.filter(cohort_id=first.cohort_id, name=first.name).exists():
            continue
        _write(promotions, first, None, "first", first.created_at, first.run.started_by_id, "The first of its name.", {})
        _follow(apps, promotions, first)


def _follow(apps: Any, promotions: Any, first: Any) -> None:
    versions = apps.get_model("modeling", "ModelVersion")
    named = {
        str(v.pk): v for v in versions.objects.filter(cohort_id=first.cohort_id, name=first.name).order_by("pk")
    }
    entries = apps.get_model("cohorts", "AuditEntry").objects.filter(
        object_type="modelversion", verb="changed", object_id__in=list(named)
    )
    before = first
    for entry in entries.order_by("at", "pk"):
        version = named[entry.object_id]
        if entry.changes.get("state", ["", ""])[1] == "champion" and version.pk != before.pk:
            kind = "approved"
            facts = {"sentence": _BEFORE}
            _write(promotions, version, before, kind, entry.at, entry.actor_id, entry.reason, facts)
            before = version


def _write(
    promotions: Any, version: Any, replaced: Any, kind: str, at: Any, by: int | None, reason: str, verdict: dict[str, str]
) -> None:
    row = promotions.objects.create(
        cohort_id=version.cohort_id,
        name=version.name,
        version=version,
        replaced=replaced,
        kind=kind,
        promoted_by_id=by,
        reason=reason,
        verdict=verdict,
    )
    promotions.objects.filter(pk=row.pk).update(promoted_at=at)  # creation sets the present moment


class Migration(migrations.Migration):

    dependencies = [
        ("modeling", "0002_study"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(write_promotions, migrations.RunPython.noop)]

"""Bringing the second scan of each patient onto the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.jobs import Report
from cohorts.models import Cohort, Job, Timepoint, User
from imaging import storage
from imaging.core.codec import pack_registered
from imaging.core.errors import RegistrationRefused
from imaging.core.registration import STANDARD, Registered, register
from imaging.models import Registration, Segmentation
from imaging.selectors import pairs
from imaging.services import transitions
from imaging.services.extraction import load

PRE, POST = Timepoint.Kind.PRE, Timepoint.Kind.POST


@transaction.atomic
def enqueue_missing(cohort: Cohort, *, user: User | None) -> Job | None:
    """Queue one case for every patient with both masks whose scans were not registered; None where none is left."""
    done = set(
        Registration.objects.filter(post__timepoint__patient__cohort=cohort, digest=STANDARD.digest).values_list(
            "pre_id", "post_id"
        )
    )
    missing = [
        (patient, pair)
        for patient, pair in pairs(cohort).items()
        if PRE in pair and POST in pair and (pair[PRE].pk, pair[POST].pk) not in done
    ]
    if not missing:
        return None
    batch = jobs.open_batch(Job.Kind.REGISTRATION_BATCH, cohort=cohort, user=user, total=len(missing))
    for patient, pair in missing:
        jobs.enqueue(
            Job.Kind.REGISTRATION,
            cohort=cohort,
            user=user,
            centre=patient.centre,
            patient=patient,
            parent=batch,
            parameters={"pre": pair[PRE].pk, "post": pair[POST].pk},
        )
    return batch


def run(job: Job, report: Report) -> Callable[[], dict[str, Any]]:
    """Register one patient; a refusal is a result, too, and is stored with its numbers."""
    found = Segmentation.objects.select_related("series")
    pre, post = (found.filter(pk=job.parameters[kind]).first() for kind in (PRE, POST))
    if pre is None or post is None:
        raise ServiceError("nothing_to_do", "A mask that was to be registered is no longer there.")
    if row := Registration.objects.filter(pre=pre, post=post, digest=STANDARD.digest).first():
        return lambda: _result(row)
    report(0, 5, "reading")
    scans = (*load(pre), *load(post))
    values: dict[str, Any]
    followed: list[transitions.Followed] = []
    try:
        registered = register(*scans, on_progress=lambda done, total: report(done, 5, "registering"))
    except RegistrationRefused as refusal:
        values = {
            "accepted": False,
            "code": refusal.code,
            "reason": refusal.message[:300],
            "quality": refusal.quality,
        }
        values["provenance"] = _provenance(pre, post, None)
    else:
        values = {
            "accepted": True,
            "quality": dict(registered.quality),
            "provenance": _provenance(pre, post, registered),
            "sha256": storage.put(pack_registered(registered)),
        }
        report(4, 5, "following habitats")
        followed = transitions.follow_stored(registered, pre=pre, post=post)

    def write() -> dict[str, Any]:
        row = Registration.objects.update_or_create(pre=pre, post=post, digest=STANDARD.digest, defaults=values)[0]
        transitions.store(followed)
        return _result(row)

    return write


def _provenance(pre: Segmentation, post: Segmentation, registered: Registered | None) -> dict[str, Any]:
    sources = {
        f"{kind}_{what}_sha256": digest
        for kind, one in ((PRE.value, pre), (POST.value, post))
        for what, digest in (("volume", one.series.volume_sha256), ("mask", one.mask_sha256))
    }
    return {"registration_spec": STANDARD.digest, **(registered.provenance if registered else {}), **sources}


def _result(row: Registration) -> dict[str, Any]:
    return {"accepted": row.accepted, "code": row.code, "reason": row.reason, "quality": row.quality}

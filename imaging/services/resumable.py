"""Files that come in pieces: begun with a list, continued where a connection broke, finished as an import.

What a person sends lies in a folder of the inbox under neutral names. Sizes, dates and names are kept only as a keyed
fingerprint, by which the same folder, chosen again after a reload or on another day, finds its upload.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from cohorts.errors import ServiceError
from cohorts.models import Centre, Cohort, Job, User
from imaging.models import Upload, UploadedFile
from imaging.services import uploads
from imaging.services.ingest import enqueue_import
from imaging.services.placing import ImportOptions

#: An upload that nobody continues for so long is removed.
KEPT_FOR = timedelta(days=14)
#: Room that stays free for what an import itself writes.
_RESERVE_BYTES = 256 * 1024**2
_MB = 1024**2


@dataclass(frozen=True)
class Announced:
    """A file that somebody is about to send: its path within the chosen folder, bytes, and date in milliseconds."""

    name: str
    size: int
    modified: int


def announced(listed: Any) -> list[Announced]:
    """Read a list of files as a browser gives it.

    Raises
    ------
    ValueError
        If it is none, is empty, or names more files than an upload may have.
    """
    if not isinstance(listed, list) or not 0 < len(listed) <= settings.DATA_UPLOAD_MAX_NUMBER_FILES:
        raise ValueError("no list of files")
    try:
        files = [Announced(str(one["name"])[:1000], int(one["size"]), int(one["modified"])) for one in listed]
    except (TypeError, KeyError, OverflowError):  # JSON of Python knows infinity
        raise ValueError("no list of files") from None
    if any(file.size < 0 for file in files):
        raise ValueError("a file cannot be smaller than nothing")
    return files


def begin(cohort: Cohort, *, files: Sequence[Announced], user: User) -> Upload:
    """Open an upload, or give the one that these same files began earlier.

    Raises
    ------
    ServiceError
        ``too_large`` or ``no_space``.
    """
    mark = _fingerprint(files)
    opened = open_uploads(cohort, user).filter(fingerprint=mark).first()
    if opened is not None:
        return opened
    total = sum(file.size for file in files)
    _require_room(total, user)
    names = uploads.neutral_names([file.name.replace("/", "_") for file in files])
    folder = uploads.new_folder()
    with transaction.atomic():
        upload = Upload.objects.create(
            cohort=cohort, fingerprint=mark, inbox=folder.name, total_bytes=total, created_by=user
        )
        UploadedFile.objects.bulk_create(
            UploadedFile(upload=upload, number=number, name=name, size=file.size)
            for number, (name, file) in enumerate(zip(names, files, strict=True))
        )
    return upload


def _fingerprint(files: Sequence[Announced]) -> str:
    listed = json.dumps([astuple(file) for file in files]).encode()
    return hmac.new(settings.DEIDENTIFICATION_KEY, b"upload:" + listed, hashlib.sha256).hexdigest()


def _require_room(total: int, user: User) -> None:
    limit = settings.UPLOAD_LIMIT_BYTES
    if total > limit:
        sentence = _("The files exceed the limit of %(limit)s MB for one upload.") % {"limit": limit // _MB}
        raise ServiceError("too_large", sentence)
    under_way = Upload.objects.filter(created_by=user, state=Upload.State.OPEN).aggregate(sum=Sum("total_bytes"))
    if (under_way["sum"] or 0) + total > limit:
        words = {"limit": limit // _MB}
        raise ServiceError(
            "no_space", _("With your unfinished uploads, the files exceed the limit of %(limit)s MB.") % words
        )
    settings.UPLOAD_DIR.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.UPLOAD_DIR).free - _RESERVE_BYTES
    if total > free:
        words = {"size": total // _MB, "free": max(free, 0) // _MB}
        raise ServiceError("no_space", _("The files take %(size)s MB; the server has room for %(free)s MB.") % words)


def open_uploads(cohort: Cohort, user: User) -> QuerySet[Upload]:
    """Give a person's unfinished uploads with how much of each is there."""
    whole = Count("files", filter=Q(files__received=F("files__size")))
    found = Upload.objects.filter(cohort=cohort, created_by=user, state=Upload.State.OPEN)
    return found.annotate(received_bytes=Sum("files__received"), n_files=Count("files"), n_whole=whole)


@transaction.atomic
def finish(upload: Upload, *, options: ImportOptions, user: User, centre: Centre | None) -> Job:
    """Hand the files to an import.

    Raises
    ------
    ServiceError
        ``upload_closed`` or ``upload_incomplete``.
    """
    held = Upload.objects.select_for_update().select_related("cohort").get(pk=upload.pk)
    if held.state != Upload.State.OPEN:
        raise ServiceError("upload_closed", _("This upload was imported or discarded already."))
    missing = held.files.exclude(received=F("size")).count()
    if missing:
        raise ServiceError("upload_incomplete", _("%(count)s files are not complete yet.") % {"count": missing})
    folder = Path(settings.UPLOAD_DIR) / held.inbox
    job = enqueue_import(held.cohort, path=folder, options=options, user=user, centre=centre)
    _close(held, Upload.State.FINISHED)
    return job


def discard(upload: Upload) -> None:
    """Remove an unfinished upload and its files."""
    with transaction.atomic():
        held = Upload.objects.select_for_update().get(pk=upload.pk)
        if held.state != Upload.State.OPEN:
            return
        _close(held, Upload.State.DISCARDED)
        transaction.on_commit(lambda: uploads.discard(held.inbox))


def _close(upload: Upload, state: Upload.State) -> None:
    Upload.objects.filter(pk=upload.pk).update(state=state)
    upload.files.all().delete()


def discard_forgotten(*, now: datetime) -> int:
    """Remove the uploads that nobody continued for long, and give how many."""
    forgotten = list(Upload.objects.filter(state=Upload.State.OPEN, touched_at__lt=now - KEPT_FOR).order_by("pk"))
    for upload in forgotten:
        discard(upload)
    return len(forgotten)

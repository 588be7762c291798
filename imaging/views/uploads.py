"""A small server of the tus protocol (1.0): files come in pieces and go on where a connection broke.

An upload is begun with the list of its files; each file then has an address that answers HEAD with its offset and
takes the next piece by PATCH. The extensions *checksum* and *termination* are understood.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cohorts.access import Action, fetch, membership_in
from cohorts.errors import ServiceError
from cohorts.forms.fields import centres_for
from cohorts.models import Cohort, User
from imaging.forms.imports import ImportForm
from imaging.models import Upload, UploadedFile
from imaging.services import pieces, resumable

_VERSION = "1.0.0"
_PIECE = "application/offset+octet-stream"
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
_MANIFEST_BYTES = 16 * 1024**2
#: What the protocol answers to a piece whose checksum differs.
_WRONG_CHECKSUM = 460


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - pages need a log-in
    return request.user


def _fetch_upload(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> Upload:
    """Give the upload of an address; nobody reaches another person's."""
    own = Upload.objects.select_related("cohort").filter(created_by=request.user.pk)
    return fetch(own, request.user, Action.IMPORT_IMAGES, cohort__code=cohort_code, reference=reference)


def _fetch_file(request: HttpRequest, cohort_code: str, reference: uuid.UUID, number: int) -> UploadedFile:
    own = UploadedFile.objects.select_related("upload__cohort").filter(upload__created_by=request.user.pk)
    return fetch(
        own,
        request.user,
        Action.IMPORT_IMAGES,
        upload__cohort__code=cohort_code,
        upload__reference=reference,
        number=number,
    )


@require_safe
def upload_list(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """The uploads that a person began and did not finish."""
    cohort = fetch(Cohort, request.user, Action.IMPORT_IMAGES, code=cohort_code)
    context = {"cohort": cohort, "uploads": resumable.open_uploads(cohort, _person(request))}
    return render(request, "imaging/_uploads.html", context)


@require_POST
def upload_create(request: HttpRequest, cohort_code: str) -> HttpResponse:
    """Begin an upload from the list of its files, or find the one that they began earlier."""
    cohort = fetch(Cohort, request.user, Action.IMPORT_IMAGES, code=cohort_code)
    try:
        files = resumable.announced(json.loads(request.read(_MANIFEST_BYTES)))
        upload = resumable.begin(cohort, files=files, user=_person(request))
    except (ValueError, UnreadablePostError):
        return JsonResponse({"error": _("The list of files cannot be read.")}, status=400)
    except ServiceError as error:
        return JsonResponse({"error": error.message}, status=409)
    return JsonResponse(_described(upload), status=201)


def _described(upload: Upload) -> dict[str, Any]:
    arguments = [upload.cohort.code, upload.reference]
    rows = upload.files.order_by("number").values_list("number", "received")
    first = reverse("imaging:upload-chunk", args=[*arguments, 0])
    return {
        "files": [{"url": f"{first.removesuffix('0/')}{number}/", "received": received} for number, received in rows],
        "finish": reverse("imaging:upload-finish", args=arguments),
        "discard": reverse("imaging:upload-discard", args=arguments),
    }


@require_http_methods(["HEAD", "PATCH", "DELETE"])
def upload_chunk(request: HttpRequest, cohort_code: str, reference: uuid.UUID, number: int) -> HttpResponse:
    """One file of an upload: HEAD says how much is there, PATCH brings the next piece, DELETE starts over."""
    file = _fetch_file(request, cohort_code, reference, number)
    if request.headers.get("Tus-Resumable") != _VERSION:
        return _answer(412, **{"Tus-Version": _VERSION})
    if file.upload.state != Upload.State.OPEN:
        return _answer(410)
    if request.method == "HEAD":
        there = {"Upload-Offset": str(pieces.offset_of(file)), "Upload-Length": str(file.size)}
        return _answer(200, **there, **{"Cache-Control": "no-store"})
    try:
        return _start_over(file) if request.method == "DELETE" else _receive(request, file)
    except pieces.Busy:
        return _answer(423)


def _start_over(file: UploadedFile) -> HttpResponse:
    pieces.start_over(file)
    return _answer(204)


def _receive(request: HttpRequest, file: UploadedFile) -> HttpResponse:
    if request.content_type != _PIECE:
        return _answer(415)
    try:
        offset, length = int(request.headers["Upload-Offset"]), int(request.headers.get("Content-Length") or 0)
        checksum = _checksum(request.headers.get("Upload-Checksum", ""))
    except (KeyError, ValueError):
        return _answer(400)
    if offset < 0 or offset + length > file.size:
        return _answer(413)
    try:
        there = pieces.receive(file, offset=offset, stream=request, checksum=checksum)  # type: ignore[arg-type]
    except pieces.WrongOffset as error:
        return _answer(409, **{"Upload-Offset": str(error.expected)})
    except pieces.WrongChecksum:
        return _answer(_WRONG_CHECKSUM)
    except UnreadablePostError:
        return _answer(400)
    return _answer(204, **{"Upload-Offset": str(there)})


def _checksum(header: str) -> tuple[pieces.Hash, bytes] | None:
    """Read ``algorithm base64``; raises ValueError for what is not understood."""
    if not header:
        return None
    name, _space, encoded = header.partition(" ")
    if name not in _HASHES:
        raise ValueError(name)
    try:
        return _HASHES[name](), base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(encoded) from None


def _answer(status: int, **headers: str) -> HttpResponse:
    return HttpResponse(status=status, headers={"Tus-Resumable": _VERSION, **headers})


@require_POST
def upload_finish(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> HttpResponse:
    """Hand the files to an import, with what the person knows about them."""
    upload = _fetch_upload(request, cohort_code, reference)
    person = _person(request)
    member = membership_in(person, upload.cohort)
    own_centre = member.centre if member else None
    form = ImportForm(request.POST, centres=centres_for(upload.cohort, own_centre), with_files=False)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=422)
    try:
        job = resumable.finish(upload, options=form.options(), user=person, centre=own_centre)
    except ServiceError as error:
        return JsonResponse({"error": error.message}, status=409)
    return JsonResponse({"url": job.get_absolute_url()})


@require_POST
def upload_discard(request: HttpRequest, cohort_code: str, reference: uuid.UUID) -> HttpResponse:
    """Remove an unfinished upload and its files."""
    resumable.discard(_fetch_upload(request, cohort_code, reference))
    return redirect("imaging:import", cohort_code)

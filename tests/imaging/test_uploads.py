"""Uploads in pieces: begun, broken, gone on with, finished as an import, or forgotten."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import socket
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cohorts import jobs
from cohorts.models import Job, Patient
from imaging.models import Segmentation, Upload, UploadedFile
from imaging.services import ingest, pieces, resumable
from imaging.tasks import discard_forgotten_uploads
from tests.scans import small_scan, write_scan
from tests.trial import Trial

TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
PIECE = "application/offset+octet-stream"


@dataclass
class Sender:
    """Somebody's browser that sends files."""

    client: Client
    cohort: str = "trial"

    def begin(self, files: dict[str, bytes], *, modified: int = 1) -> Any:
        listed = [{"name": name, "size": len(content), "modified": modified} for name, content in files.items()]
        url = reverse("imaging:upload-create", args=[self.cohort])
        return self.client.post(url, json.dumps(listed), content_type="application/json")

    def patch(self, url: str, content: bytes, *, offset: int, **headers: str) -> Any:
        more = {"HTTP_UPLOAD_OFFSET": str(offset), **TUS, **headers}
        return self.client.patch(url, content, content_type=PIECE, **more)

    def offset(self, url: str) -> int:
        return int(self.client.head(url, **TUS)["Upload-Offset"])


@pytest.fixture
def sender(trial: Trial) -> Sender:
    return Sender(trial.client("coordinator"))


def test_a_file_comes_in_pieces_and_each_begins_where_the_last_ended(sender: Sender) -> None:
    begun = sender.begin({"a.zip": b"0123456789"}).json()
    (file,) = begun["files"]
    assert (file["received"], sender.offset(file["url"])) == (0, 0)
    first = sender.patch(file["url"], b"0123", offset=0)
    assert (first.status_code, first["Upload-Offset"], first["Tus-Resumable"]) == (204, "4", "1.0.0")
    assert sender.patch(file["url"], b"456789", offset=4).status_code == 204
    head = sender.client.head(file["url"], **TUS)
    assert (head["Upload-Offset"], head["Upload-Length"], head["Cache-Control"]) == ("10", "10", "no-store")
    stored = pieces.path_of(UploadedFile.objects.get())
    assert (stored.name, stored.read_bytes()) == ("000001.zip", b"0123456789")


def test_a_piece_at_a_wrong_offset_is_refused_and_changes_nothing(sender: Sender) -> None:
    url = sender.begin({"a.zip": b"0123456789"}).json()["files"][0]["url"]
    sender.patch(url, b"0123", offset=0)
    for offset in (0, 3, 5):
        wrong = sender.patch(url, b"xx", offset=offset)
        assert (wrong.status_code, wrong["Upload-Offset"]) == (409, "4")
    assert pieces.path_of(UploadedFile.objects.get()).read_bytes() == b"0123"


@pytest.mark.parametrize(
    ("status", "content", "headers"),
    [
        (412, b"01", {"HTTP_TUS_RESUMABLE": "0.2.2"}),
        (413, b"01234567890", {}),
        (400, b"01", {"HTTP_UPLOAD_OFFSET": "soon"}),
        (400, b"01", {"HTTP_UPLOAD_CHECKSUM": "md4 AA=="}),
        (460, b"01", {"HTTP_UPLOAD_CHECKSUM": "sha256 AAAA"}),
    ],
)
def test_what_the_protocol_forbids_is_refused_with_its_status(
    sender: Sender, status: int, content: bytes, headers: dict[str, str]
) -> None:
    url = sender.begin({"a.zip": b"0123456789"}).json()["files"][0]["url"]
    assert sender.patch(url, content, offset=0, **headers).status_code == status
    assert sender.offset(url) == 0


def test_a_piece_with_its_checksum_is_kept(sender: Sender) -> None:
    url = sender.begin({"a.zip": b"0123456789"}).json()["files"][0]["url"]
    checksum = base64.b64encode(hashlib.sha256(b"0123").digest()).decode()
    assert sender.patch(url, b"0123", offset=0, HTTP_UPLOAD_CHECKSUM=f"sha256 {checksum}").status_code == 204


def test_a_piece_of_another_content_type_is_refused(sender: Sender) -> None:
    url = sender.begin({"a.zip": b"0123456789"}).json()["files"][0]["url"]
    answer = sender.client.patch(url, b"01", content_type="text/plain", HTTP_UPLOAD_OFFSET="0", **TUS)
    assert answer.status_code == 415


def test_two_connections_cannot_write_one_file_at_once(sender: Sender) -> None:
    url = sender.begin({"a.zip": b"0123456789"}).json()["files"][0]["url"]
    sender.patch(url, b"01", offset=0)
    with pieces.path_of(UploadedFile.objects.get()).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert sender.patch(url, b"23", offset=2).status_code == 423
        assert sender.client.delete(url, **TUS).status_code == 423
    assert sender.patch(url, b"23", offset=2).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_cut_within_a_piece_costs_nothing_that_came(live_server: Any, trial: Trial) -> None:
    sender = Sender(trial.client("coordinator"))
    content = bytes(range(256)) * 4096
    url = sender.begin({"a.zip": content}).json()["files"][0]["url"]
    host = urlsplit(live_server.url)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in sender.client.cookies.items())
    token = "x" * 32
    head = (
        f"PATCH {url} HTTP/1.1\r\nHost: {host.netloc}\r\nCookie: {cookies}; csrftoken={token}\r\n"
        f"X-CSRFToken: {token}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Content-Type: {PIECE}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((host.hostname or "", host.port or 0)) as connection:
        connection.sendall(head.encode() + content[:700_000])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1024)
    there = sender.offset(url)
    assert 0 < there <= 700_000
    assert sender.patch(url, content[there:], offset=there).status_code == 204
    assert pieces.path_of(UploadedFile.objects.get()).read_bytes() == content


def test_the_same_files_find_their_upload_another_day_and_others_do_not(sender: Sender) -> None:
    files = {"EX-1/a.dcm": b"0123", "EX-1/b.dcm": b"4567"}
    begun = sender.begin(files).json()
    sender.patch(begun["files"][1]["url"], b"45", offset=0)
    again = sender.begin(files).json()
    assert [file["received"] for file in again["files"]] == [0, 2]
    assert Upload.objects.count() == 1
    sender.begin(files, modified=2)
    assert Upload.objects.count() == 2


def test_no_name_of_a_person_is_stored(sender: Sender, data_folder: Path) -> None:
    sender.begin({"Li_Wei/IM-0001.dcm": b"01", "Li_Wei/pre/ct.nii.gz": b"01", "Li_Wei/pre/mask.nii.gz": b"01"})
    stored = list(UploadedFile.objects.order_by("number").values_list("name", flat=True))
    assert stored == ["000001.dcm", "000002_ct_pre.nii.gz", "000002_mask_pre.nii.gz"]
    assert "Li" not in str(list(Upload.objects.values()))


def test_a_folder_that_came_in_pieces_is_imported(trial: Trial, sender: Sender, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan(), code="RAW-1")
    files = {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    begun = sender.begin(files).json()
    unfinished = sender.client.post(begun["finish"], {"timepoint": "pre"})
    assert (unfinished.status_code, "not complete" in unfinished.json()["error"]) == (409, True)
    for file, content in zip(begun["files"], files.values(), strict=True):
        assert sender.patch(file["url"], content, offset=0).status_code == 204
    refused = sender.client.post(begun["finish"], {"timepoint": "pre", "patient": "no code!"})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["patient"])
    done = sender.client.post(begun["finish"], {"timepoint": "pre", "patient": "P-1"})
    job = Job.objects.get()
    assert done.json() == {"url": job.get_absolute_url()}
    jobs.execute(job.pk, ingest.run)
    assert Segmentation.objects.get().timepoint.patient == trial.patient
    assert sender.client.post(begun["finish"], {"timepoint": "pre"}).status_code == 409
    assert sender.client.head(begun["files"][0]["url"], **TUS).status_code == 404, "its files are no longer listed"


def test_more_than_the_limit_is_refused_with_a_sentence_alone_and_together(sender: Sender, settings: Any) -> None:
    settings.UPLOAD_LIMIT_BYTES = 3 * 1024**2
    alone = sender.begin({"a.zip": bytes(3 * 1024**2 + 1)})
    assert (alone.status_code, "limit of 3 MB for one upload" in alone.json()["error"]) == (409, True)
    assert sender.begin({"a.zip": bytes(2 * 1024**2)}).status_code == 201
    together = sender.begin({"b.zip": bytes(2 * 1024**2)})
    assert "With your unfinished uploads" in together.json()["error"]
    assert Upload.objects.count() == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1]", b'[{"name": "a", "size": -1, "modified": 0}]', b"\xff"])
def test_a_list_of_files_that_is_none_is_refused(sender: Sender, body: bytes) -> None:
    url = reverse("imaging:upload-create", args=["trial"])
    assert sender.client.post(url, body, content_type="application/json").status_code == 400


def test_nobody_reaches_the_upload_of_another_person(trial: Trial, sender: Sender) -> None:
    begun = sender.begin({"a.zip": b"0123"}).json()
    other = Sender(trial.client("administrator"))
    assert other.client.head(begun["files"][0]["url"], **TUS).status_code == 404
    assert other.patch(begun["files"][0]["url"], b"0123", offset=0).status_code == 404
    assert other.client.post(begun["discard"]).status_code == 404
    assert Sender(trial.client("reader")).begin({"a.zip": b"0"}).status_code == 403


def test_what_is_discarded_leaves_nothing(
    sender: Sender, data_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    begun = sender.begin({"a.zip": b"0123"}).json()
    sender.patch(begun["files"][0]["url"], b"01", offset=0)
    page = reverse("imaging:import", args=["trial"])
    assert "Unfinished uploads" in sender.client.get(page).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        sender.client.post(begun["discard"])
    assert "Unfinished uploads" not in sender.client.get(page).content.decode()
    assert list((data_folder / "uploads").iterdir()) == []


def test_a_file_can_be_started_over(sender: Sender) -> None:
    url = sender.begin({"a.zip": b"0123"}).json()["files"][0]["url"]
    sender.patch(url, b"01", offset=0)
    assert sender.client.delete(url, **TUS).status_code == 204
    assert sender.offset(url) == 0
    assert sender.patch(url, b"0123", offset=0).status_code == 204


def test_an_upload_that_nobody_continues_is_removed_after_two_weeks(
    sender: Sender, data_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    sender.begin({"a.zip": b"0123"})
    sender.begin({"b.zip": b"01234"})
    old = timezone.now() - resumable.KEPT_FOR - timedelta(minutes=1)
    Upload.objects.filter(total_bytes=4).update(touched_at=old)
    with django_capture_on_commit_callbacks(execute=True):
        discard_forgotten_uploads()
    assert list(Upload.objects.filter(state=Upload.State.OPEN).values_list("total_bytes", flat=True)) == [5]
    assert len(list((data_folder / "uploads").iterdir())) == 1


def test_patients_of_another_centre_stay_out_of_reach(trial: Trial) -> None:
    elsewhere = Sender(trial.client("elsewhere"))
    begun = elsewhere.begin({"a.zip": b"0"}).json()
    elsewhere.patch(begun["files"][0]["url"], b"0", offset=0)
    answer = elsewhere.client.post(begun["finish"], {"timepoint": "pre", "centre": str(trial.here.pk)})
    assert list(answer.json()["errors"]) == ["centre"]
    elsewhere.client.post(begun["finish"], {"timepoint": "pre"})
    assert Job.objects.get().centre == trial.there
    assert Patient.objects.count() == 2


@pytest.mark.parametrize("size", ["Infinity", "NaN", "-1", '"many"', "null"])
def test_a_size_that_is_no_number_of_bytes_is_refused(sender: Sender, size: str) -> None:
    url = reverse("imaging:upload-create", args=[sender.cohort])
    listed = f'[{{"name": "a", "size": {size}, "modified": 1}}]'
    assert sender.client.post(url, listed, content_type="application/json").status_code == 400

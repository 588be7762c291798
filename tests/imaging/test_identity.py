"""Identity that is planted in files, folders and names is found nowhere after their import."""

from __future__ import annotations

import io
import json
import logging
import shutil
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse
from pydicom.dataset import Dataset

from cohorts import jobs
from cohorts.models import Job, Timepoint
from imaging import storage
from imaging.models import ImageSeries, Segmentation
from imaging.services import ingest
from imaging.services.ingest import enqueue_import
from imaging.services.placing import ImportOptions
from tests.queue import Queue
from tests.scans import POST_SCAN_ON, PRE_SCAN_ON, small_scan, write_raster, write_scan
from tests.trial import Trial

#: Everything that says who it is, as it stands in the files. Each is a word that occurs by no accident.
PLANTED = {
    "name": "Quastenflosser",
    "given name": "Waldtraut",
    "patient id": "HN-4711-8822",
    "birth date": "19530817",
    "birth date in words": "1953-08-17",
    "institution": "Klinikum Sankt Nirgendwo",
    "address": "Hinterhofgasse 13",
    "physician": "Zwiebelbauer",
    "operator": "Oberschwester Kunigunde",
    "accession": "ACC99887766",
    "study": "Thorax Quastenflosser Nachsorge",
    "private": "PRIVATGEHEIMNIS",
    "comment": "bitte Rueckruf Tochter",
    "station": "CTSTATIONKELLER",
    "device": "SERIALNR0815",
    "protocol": "Protokoll Zwiebelbauer",
    "folder": "Quastenflosser_Waldtraut_1953",
    "study date": PRE_SCAN_ON.strftime("%Y%m%d"),
    "scan day": PRE_SCAN_ON.isoformat(),
    "later scan day": POST_SCAN_ON.isoformat(),
    "later study date": POST_SCAN_ON.strftime("%Y%m%d"),
}


def plant(file: Path) -> list[str]:
    """Write identity into a DICOM file, also within a sequence and in private elements; gives its own UIDs."""
    dataset = pydicom.dcmread(file)
    dataset.PatientName = f"{PLANTED['name']}^{PLANTED['given name']}"
    dataset.PatientID = PLANTED["patient id"]
    dataset.PatientBirthDate = PLANTED["birth date"]
    dataset.OtherPatientNames = PLANTED["name"]
    dataset.PatientAddress = PLANTED["address"]
    dataset.PatientComments = PLANTED["comment"]
    dataset.InstitutionName = PLANTED["institution"]
    dataset.InstitutionAddress = PLANTED["address"]
    dataset.ReferringPhysicianName = PLANTED["physician"]
    dataset.OperatorsName = PLANTED["operator"]
    dataset.AccessionNumber = PLANTED["accession"]
    dataset.StudyDescription = PLANTED["study"]
    dataset.SeriesDescription = PLANTED["study"]
    dataset.ProtocolName = PLANTED["protocol"]
    dataset.StationName = PLANTED["station"]
    dataset.DeviceSerialNumber = PLANTED["device"]
    dataset.ImageComments = PLANTED["comment"]
    block = dataset.private_block(0x0011, PLANTED["private"], create=True)
    block.add_new(0x01, "LO", PLANTED["private"])
    hidden = Dataset()
    hidden.PatientID, hidden.InstitutionName = PLANTED["patient id"], PLANTED["institution"]
    dataset.OtherPatientIDsSequence = [hidden]
    if "StructureSetLabel" in dataset:
        dataset.StructureSetLabel = PLANTED["name"][:16]
        dataset.StructureSetROISequence[0].ROIName = f"GTV {PLANTED['name']}"
        dataset.RTROIObservationsSequence[0].ROIInterpreter = PLANTED["physician"]
    if "SegmentSequence" in dataset:
        dataset.ContentCreatorName = PLANTED["physician"]
        dataset.ContentDescription = PLANTED["study"]
        dataset.SegmentSequence[0].SegmentLabel = f"Tumor {PLANTED['name']}"
    dataset.save_as(file)
    return [str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID)]


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, list[str]]:
    """A patient on disk whose files, folders and names tell who it is; and the words to look for."""
    root = tmp_path / PLANTED["folder"]
    write_scan(root / "one", small_scan(0), scanned_on=PRE_SCAN_ON, kind="rtstruct")
    write_scan(root / "two", small_scan(1), scanned_on=POST_SCAN_ON, kind="seg")
    uids = {uid for file in sorted(root.rglob("*.dcm")) for uid in plant(file)}
    for scan in ("one", "two"):
        (root / scan / "ct").rename(root / scan / f"{PLANTED['patient id']} {PLANTED['name']}")
        (root / scan / "tumour.dcm").rename(root / scan / f"{PLANTED['name']}.dcm")
    return root, [*PLANTED.values(), *sorted(uids)]


def database_text() -> str:
    """Give every value of every table."""
    rows: list[str] = []
    for model in apps.get_models(include_auto_created=True):
        fields = [field.attname for field in model._meta.concrete_fields]
        for values in model._base_manager.order_by("pk").values_list(*fields):
            rows += [f"{model.__name__}.{name}={value!r}" for name, value in zip(fields, values, strict=True)]
            rows += [json.dumps(value) for value in values if isinstance(value, dict | list)]
            rows += [bytes(value).decode("latin-1") for value in values if isinstance(value, bytes | memoryview)]
    return "\n".join(rows)


def stored_bytes(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give every file of a folder, and what is within archives and within DICOM elements."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        content = file.read_bytes()
        yield str(file.relative_to(folder)), content
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    yield f"{file.name}/{name}", archive.read(name)
                    yield f"{file.name}/{name} (name)", name.encode()


def traces(text: str, words: list[str]) -> list[str]:
    return [word for word in words if word.lower() in text.lower()]


def traces_on_disk(folder: Path, words: list[str]) -> list[str]:
    found = []
    for name, content in stored_bytes(folder):
        wide = content.decode("latin-1")
        found += [
            f"{word} in {name}" for word in traces(wide, words) + traces(content.decode("utf-16", "ignore"), words)
        ]
    return found + [f"{path.name}" for path in folder.rglob("*") if traces(path.name, words)]


def test_the_search_itself_finds_what_is_planted(planted: tuple[Path, list[str]], trial: Trial) -> None:
    root, words = planted
    everywhere = "\n".join(traces_on_disk(root.parent, words))
    missed = [word for word in words if word not in everywhere and word not in PLANTED.values()]
    assert missed == []
    unseen = {name for name, word in PLANTED.items() if word not in everywhere}
    assert unseen <= {"birth date in words", "scan day", "later scan day"}, "dates stand in files as YYYYMMDD only"
    Job.objects.create(kind=Job.Kind.IMPORT, cohort=trial.cohort, result={"a": [PLANTED["name"]]})
    assert traces(database_text(), words) == [PLANTED["name"]]


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_nothing_that_says_who_it_is_is_left_after_an_import(
    trial: Trial,
    planted: tuple[Path, list[str]],
    data_folder: Path,
    caplog: pytest.LogCaptureFixture,
    packed: bool,
) -> None:
    root, words = planted
    source = Path(shutil.make_archive(str(root), "zip", root.parent, root.name)) if packed else root
    job = enqueue_import(trial.cohort, path=source, options=ImportOptions(), user=trial.coordinator)
    with caplog.at_level(logging.DEBUG):
        jobs.execute(job.pk, ingest.run)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    assert len(job.result["imported"]) == 2
    assert Segmentation.objects.count() == 2
    assert traces(json.dumps(job.result), words) == []
    assert traces(database_text(), words) == []
    assert traces_on_disk(data_folder, words) == []
    assert traces(caplog.text, words) == []


def test_pages_show_nothing_that_says_who_it_is(trial: Trial, planted: tuple[Path, list[str]]) -> None:
    root, words = planted
    true_days = {PRE_SCAN_ON.isoformat(), POST_SCAN_ON.isoformat()}  # those who see clinical dates see them
    words = [word for word in words if word not in true_days]
    job = enqueue_import(trial.cohort, path=root, options=ImportOptions(patient_code="P-2"), user=trial.coordinator)
    jobs.execute(job.pk, ingest.run)
    client = trial.client("administrator")
    pages = [
        reverse("cohorts:job", args=[job.reference]),
        reverse("cohorts:patient", args=["trial", "P-2"]),
        reverse("cohorts:patient-history", args=["trial", "P-2"]),
        reverse("imaging:patient-panel", args=["trial", "P-2"]),
        reverse("imaging:cohort-panel", args=["trial"]),
    ]
    for page in pages:
        assert traces(client.get(page).content.decode(), words) == [], page


def test_a_refused_import_leaves_nothing_that_says_who_it_is(
    trial: Trial, planted: tuple[Path, list[str]], data_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, words = planted
    for folder in (path for path in root.rglob("*") if path.is_dir() and PLANTED["patient id"] in path.name):
        (folder / "0004.dcm").unlink()
    job = enqueue_import(trial.cohort, path=root, options=ImportOptions(), user=trial.coordinator)
    with caplog.at_level(logging.DEBUG):
        jobs.execute(job.pk, ingest.run)
    job.refresh_from_db()
    assert job.result["imported"] == []
    assert not Timepoint.objects.exists()
    assert traces(database_text() + caplog.text, words) == []
    assert traces_on_disk(data_folder, words) == []


def test_an_import_that_crashes_tells_nothing_in_its_job_or_the_log(
    trial: Trial, planted: tuple[Path, list[str]], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, words = planted

    def broken(files: Any) -> None:
        raise ValueError(f"{pydicom.dcmread(files[0]).PatientName} in {files[0]}")

    monkeypatch.setattr(ingest, "read_corrected", broken)
    job = enqueue_import(trial.cohort, path=root, options=ImportOptions(), user=trial.coordinator)
    with caplog.at_level(logging.DEBUG):
        jobs.execute(job.pk, ingest.run)
    job.refresh_from_db()
    assert job.state == Job.State.CRASHED
    assert traces(database_text() + caplog.text, words) == []


def test_an_upload_leaves_nothing_that_says_who_it_is(
    trial: Trial,
    planted: tuple[Path, list[str]],
    queue: Queue,
    data_folder: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    root, words = planted
    files = [SimpleUploadedFile(f"{PLANTED['name']} {f.name}", f.read_bytes()) for f in sorted(root.rglob("*.dcm"))]
    client, url = trial.client("coordinator"), reverse("imaging:import", args=["trial"])
    with django_capture_on_commit_callbacks(execute=True):
        client.post(url, {"files": files, "timepoint": "auto", "patient": "P-1"})
    assert traces(database_text(), words) == [], "also while it waits"
    queue.work()
    assert Segmentation.objects.count() == 2
    assert traces(database_text(), words) == []
    assert traces_on_disk(data_folder, words) == []


def test_a_mask_file_that_is_named_after_the_patient_is_stored_without_that_name(
    trial: Trial, tmp_path: Path, data_folder: Path
) -> None:
    words = list(PLANTED.values())
    root = tmp_path / PLANTED["folder"]
    write_raster(root / f"{PLANTED['name']}_image.nii.gz", small_scan(0))
    write_raster(root / f"{PLANTED['name']}_mask.nii.gz", small_scan(0), mask=True)
    options = ImportOptions(patient_code="P-1", timepoint="pre")
    job = enqueue_import(trial.cohort, path=root, options=options, user=trial.coordinator)
    jobs.execute(job.pk, ingest.run)
    assert Segmentation.objects.count() == 1
    assert traces(database_text(), words) == []
    assert traces_on_disk(data_folder, words) == []


def test_image_and_mask_stay_linked_and_their_interval_exact_in_the_stored_files(
    trial: Trial, planted: tuple[Path, list[str]]
) -> None:
    root, _ = planted
    options = ImportOptions(patient_code="P-1")
    job = enqueue_import(trial.cohort, path=root, options=options, user=trial.coordinator)
    jobs.execute(job.pk, ingest.run)
    days = {}
    for series in ImageSeries.objects.select_related("timepoint"):
        images = _stored(series.dicom_sha256)
        mask = _stored(series.segmentations.get().source_sha256)[0]
        assert {image.PatientID for image in images} == {"P-1"} == {mask.PatientID}
        assert {image.FrameOfReferenceUID for image in images} == {series.frame_of_reference_uid}
        assert {image.SeriesInstanceUID for image in images} == {series.series_uid}
        uids = {image.SOPInstanceUID for image in images}
        referred = {e.value for e in mask.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert uids & referred, "the mask refers to the images by their new names"
        days[series.timepoint.kind] = date.fromisoformat(images[0].StudyDate)
        assert days[series.timepoint.kind] == series.timepoint.scanned_on
    assert days["post"] - days["pre"] == POST_SCAN_ON - PRE_SCAN_ON


def _stored(sha256: str) -> list[Dataset]:
    with zipfile.ZipFile(io.BytesIO(storage.get(sha256))) as archive:
        return [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]


def test_the_command_imports_a_telling_folder_without_a_trace(
    trial: Trial, planted: tuple[Path, list[str]], data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, words = planted
    call_command("import_dicom", str(root), cohort="trial", patient="P-1", as_json=True)
    said = capsys.readouterr()
    assert Segmentation.objects.count() == 2
    assert traces(said.out + said.err, words) == []
    assert traces(database_text(), words) == []
    assert traces_on_disk(data_folder, words) == []


def test_a_sentence_that_lists_the_regions_of_a_file_does_not_quote_their_free_words(
    trial: Trial, planted: tuple[Path, list[str]]
) -> None:
    root, words = planted
    options = ImportOptions(patient_code="P-1", roi="GTV-9")
    job = enqueue_import(trial.cohort, path=root, options=options, user=trial.coordinator)
    jobs.execute(job.pk, ingest.run)
    job.refresh_from_db()
    reasons = [row["reason"] for row in job.result["segmentations"]]
    assert all("'GTV-9'" in reason for reason in reasons)
    assert "'GTV'" in reasons[0]
    assert traces(database_text(), words) == []

"""An import can be taken back: mask, scan or all of it; what hangs on it goes, bytes only when nobody needs them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Job, Timepoint
from cohorts.services.locks import lock_record
from imaging import storage
from imaging.models import DiscardedArtefact, FeatureSet, ImageSeries, Segmentation
from imaging.services import artefacts, take_back
from imaging.services.segmentations import Drawn, save_version
from tests.imaging.test_import import patient_on_disk, run_import
from tests.imaging.test_lesions import shifted, write_regions
from tests.scans import PRE_SCAN_ON, small_scan, store_scan, write_scan
from tests.trial import Trial

pytestmark = pytest.mark.django_db


def stored(sha256: str) -> bool:
    return storage.path_of(sha256).exists()


def undo(taken: take_back.Import, trial: Trial, reason: str = "wrong patient") -> dict[str, int]:
    return take_back.take_back(taken, reason=reason, actor=trial.people["data_manager"])


def test_a_whole_import_goes_with_its_bytes_and_stands_in_the_history(
    trial: Trial, tmp_path: Path, data_folder: Path
) -> None:
    job = run_import(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    counts = undo(take_back.of_job(job), trial)
    assert (counts["ImageSeries"], counts["Segmentation"]) == (2, 2)
    assert [model.objects.count() for model in (ImageSeries, Segmentation, Timepoint)] == [0, 0, 0]
    entries = AuditEntry.objects.filter(patient=trial.patient, verb="took back")
    assert sorted(entries.values_list("object_type", flat=True)) == [
        *["imageseries"] * 2,
        *["segmentation"] * 2,
        *["timepoint"] * 2,
    ]
    assert set(entries.values_list("reason", flat=True)) == {"wrong patient"}
    assert [path for path in (data_folder / "artefacts").rglob("*") if path.is_file()] != []
    artefacts.sweep()
    assert [path for path in (data_folder / "artefacts").rglob("*") if path.is_file()] == []
    assert not DiscardedArtefact.objects.exists()


def test_bytes_that_another_record_needs_stay(trial: Trial) -> None:
    mine = store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    other = store_scan(trial.other_patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)
    assert mine.mask_sha256 == other.mask_sha256
    undo(take_back.of_series(mine.series), trial)
    assert artefacts.sweep() == 0
    assert stored(other.mask_sha256)
    assert stored(other.series.volume_sha256)
    undo(take_back.of_series(other.series), trial)
    assert artefacts.sweep() == 2
    assert not stored(other.mask_sha256)


def test_no_bytes_go_while_a_job_runs_that_may_be_about_to_refer_to_them(trial: Trial) -> None:
    mine = store_scan(trial.patient, "pre", small_scan())
    job = Job.objects.create(
        kind=Job.Kind.IMPORT, cohort=trial.cohort, state="running", lease_until=timezone.now() + timedelta(1)
    )
    undo(take_back.of_series(mine.series), trial)
    assert artefacts.sweep() == 0
    assert stored(mine.mask_sha256)
    Job.objects.filter(pk=job.pk).update(state="done")
    assert artefacts.sweep() == 2
    assert not stored(mine.mask_sha256)


def test_a_sweep_that_was_cut_short_brings_back_what_is_needed(trial: Trial) -> None:
    mine = store_scan(trial.patient, "pre", small_scan())
    DiscardedArtefact.objects.create(digest=mine.mask_sha256)
    storage.set_aside(mine.mask_sha256)
    artefacts.sweep()
    assert stored(mine.mask_sha256)


def test_after_a_mask_is_taken_back_the_version_before_counts_again(trial: Trial) -> None:
    first = store_scan(trial.patient, "pre", small_scan())
    drawing = Drawn("GTV-1", 1, first, "smaller")
    second = save_version(first.series, shifted(1), drawn=drawing, actor=trial.coordinator)
    undo(take_back.of_mask(second), trial)
    first.refresh_from_db()
    assert first.is_current
    assert list(Segmentation.objects.all()) == [first]
    assert ImageSeries.objects.count() == 1


def test_after_the_index_lesion_is_taken_back_no_other_lesion_is_taken_for_it(trial: Trial, tmp_path: Path) -> None:
    folder = write_regions(tmp_path / "in", {"GTV-1": shifted(0), "GTV-2": shifted(4)})
    run_import(trial, folder, patient_code="P-1", timepoint="pre")
    undo(take_back.of_mask(Segmentation.objects.get(name="GTV-1")), trial)
    (left,) = Segmentation.objects.all()
    assert (left.name, left.is_current) == ("GTV-2", False)
    page = trial.client("coordinator").get(reverse("imaging:patient-panel", args=["trial", "P-1"])).content.decode()
    assert "nobody chose the index lesion yet" in page
    day = trial.client("coordinator").get(reverse("cohorts:day")).content.decode()
    assert "Index lesions to choose" in day


def test_after_a_scan_is_taken_back_the_day_of_the_one_that_is_left_counts(trial: Trial, tmp_path: Path) -> None:
    days = []
    for name, later, scan in (("right", 0, small_scan()), ("wrong", 7, small_scan(1, radius_mm=6.0))):
        write_scan(tmp_path / name, scan, scanned_on=PRE_SCAN_ON + timedelta(days=later))
        run_import(trial, tmp_path / name, patient_code="P-1", timepoint="pre")
        days.append(Timepoint.objects.get().scanned_on)
    assert days[1] - days[0] == timedelta(days=7)
    undo(take_back.of_series(ImageSeries.objects.get(scanned_on=days[1])), trial, "wrong day")
    assert Timepoint.objects.get().scanned_on == days[0]


def test_a_signed_record_keeps_its_scans(trial: Trial) -> None:
    mine = store_scan(trial.patient, "pre", small_scan())
    manager = trial.people["data_manager"]
    manager.set_password("secret-word")
    manager.save()
    lock_record(trial.patient, meaning="verified", actor=manager, password="secret-word")
    with pytest.raises(ServiceError) as refused:
        undo(take_back.of_series(mine.series), trial)
    assert refused.value.code == "locked"
    assert Segmentation.objects.exists()


@pytest.mark.parametrize(("reason", "code"), [("  ", "reason_missing"), ("twice", "nothing_to_take_back")])
def test_without_a_reason_or_a_second_time_nothing_is_taken_back(trial: Trial, reason: str, code: str) -> None:
    mine = store_scan(trial.patient, "pre", small_scan())
    taken = take_back.of_series(mine.series)
    if reason == "twice":
        undo(take_back.of_series(mine.series), trial)
    with pytest.raises(ServiceError) as refused:
        undo(taken, trial, reason)
    assert refused.value.code == code


def test_the_page_lists_what_goes_and_asks_for_the_reason(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, write_scan(tmp_path / "in", small_scan()), patient_code="P-1", timepoint="pre")
    url, client = reverse("imaging:take-back-import", args=[job.reference]), trial.client("data_manager")
    assert url in client.get(job.get_absolute_url()).content.decode()
    assert url not in trial.client("coordinator").get(job.get_absolute_url()).content.decode()
    page = client.get(url).content.decode()
    assert "Tumour masks</dt><dd>1" in page
    assert client.post(url, {"reason": ""}).status_code == 200
    assert Segmentation.objects.exists()
    assert client.post(url, {"reason": "another person"}).status_code == 302
    assert not Segmentation.objects.exists()
    assert "Nothing that this import brought" in client.get(url).content.decode()


def test_work_on_a_mask_that_goes_is_cancelled(trial: Trial) -> None:
    mine = store_scan(trial.patient, "pre", small_scan())
    values: dict[str, Any] = {"kind": Job.Kind.EXTRACTION, "cohort": trial.cohort, "patient": trial.patient}
    job = Job.objects.create(**values, parameters={"segmentation": mine.pk, "protocol": "standard"})
    undo(take_back.of_mask(mine), trial)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert not FeatureSet.objects.exists()


def test_the_same_scan_can_be_imported_again_after_it_was_taken_back(trial: Trial, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan())
    undo(take_back.of_job(run_import(trial, folder, patient_code="P-1", timepoint="pre")), trial)
    run_import(trial, folder, patient_code="P-1", timepoint="pre")
    artefacts.sweep()
    mask = Segmentation.objects.get()
    assert mask.is_current
    assert stored(mask.mask_sha256)

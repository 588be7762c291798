"""Importing files: whose scan, which time, which mask, and what is refused with which reason."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from cohorts import jobs
from cohorts.models import AuditEntry, Job, Patient, Timepoint
from cohorts.selectors.patients import true_scan_date
from cohorts.services.cohorts import UNASSIGNED_CENTRE
from cohorts.services.patients import create_patient
from imaging import storage
from imaging.core.codec import unpack_mask, unpack_volume
from imaging.core.geometry import TumorMask, Volume
from imaging.models import ImageSeries, Segmentation
from imaging.services import ingest
from imaging.services.ingest import enqueue_import
from imaging.services.placing import ImportOptions
from imaging.services.uploads import neutral_names
from tests.queue import Queue
from tests.scans import POST_SCAN_ON, PRE_SCAN_ON, Scan, small_scan, write_raster, write_scan
from tests.trial import Trial


def run_import(trial: Trial, path: Path, *, centre: Any = None, **options: Any) -> Job:
    job = enqueue_import(
        trial.cohort, path=path, options=ImportOptions(**options), user=trial.coordinator, centre=centre
    )
    jobs.execute(job.pk, ingest.run)
    job.refresh_from_db()
    return job


def patient_on_disk(folder: Path, *, code: str = "RAW-1", kind: str = "rtstruct") -> Path:
    write_scan(folder / "one", small_scan(0), code=code, scanned_on=PRE_SCAN_ON, kind=kind)
    write_scan(folder / "two", small_scan(1, radius_mm=6.0), code=code, scanned_on=POST_SCAN_ON, kind=kind)
    return folder


def nothing_was_stored() -> bool:
    return not (ImageSeries.objects.exists() or Segmentation.objects.exists() or Timepoint.objects.exists())


@pytest.mark.parametrize("kind", ["rtstruct", "seg"])
def test_both_scans_of_a_patient_are_stored_voxel_by_voxel(trial: Trial, tmp_path: Path, kind: str) -> None:
    job = run_import(trial, patient_on_disk(tmp_path / "in", kind=kind), patient_code="P-1")
    assert job.state == Job.State.DONE, job.error
    assert [(row["patient"], row["timepoint"], row["centre"]) for row in job.result["imported"]] == [
        ("P-1", "pre", "A"),
        ("P-1", "post", "A"),
    ]
    for kind_of_time, scan in (("pre", small_scan(0)), ("post", small_scan(1, radius_mm=6.0))):
        stored = Segmentation.objects.get(timepoint__kind=kind_of_time)
        volume = unpack_volume(storage.get(stored.series.volume_sha256))
        mask = unpack_mask(storage.get(stored.mask_sha256))
        np.testing.assert_array_equal(volume.array, scan.volume.array)
        np.testing.assert_array_equal(mask.array, scan.mask.array)
        assert volume.grid.matches(scan.volume.grid)
        assert (stored.kind, stored.voxels, stored.version, stored.is_current) == (kind, scan.mask.voxels, 1, True)
        assert stored.mean_hu == pytest.approx(scan.volume.array[scan.mask.array].mean())


def test_the_interval_between_scans_is_exact_although_the_dates_have_moved(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    pre, post = (Timepoint.objects.get(kind=kind) for kind in ("pre", "post"))
    assert post.scanned_on - pre.scanned_on == POST_SCAN_ON - PRE_SCAN_ON
    assert pre.scanned_on < PRE_SCAN_ON - timedelta(days=365)
    assert (true_scan_date(pre), true_scan_date(post)) == (PRE_SCAN_ON, POST_SCAN_ON)


def test_an_import_is_in_the_history_of_the_patient(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    found = AuditEntry.objects.filter(patient=trial.patient, actor=trial.coordinator)
    assert sorted(found.values_list("object_type", "verb")) == [
        ("patient", "created"),
        ("segmentation", "imported"),
        ("segmentation", "imported"),
        ("timepoint", "created"),
        ("timepoint", "created"),
    ]
    url = reverse("cohorts:patient-history", args=["trial", "P-1"])
    assert "imported" in trial.client("reader").get(url).content.decode()


def test_importing_the_same_again_changes_nothing(trial: Trial, tmp_path: Path, data_folder: Path) -> None:
    folder = patient_on_disk(tmp_path / "in")
    run_import(trial, folder, patient_code="P-1")
    before = [list(model.objects.order_by("pk").values()) for model in (ImageSeries, Segmentation, AuditEntry)]
    files = sorted(path.name for path in (data_folder / "artefacts").rglob("*"))
    assert run_import(trial, folder, patient_code="P-1").state == Job.State.DONE
    assert [list(m.objects.order_by("pk").values()) for m in (ImageSeries, Segmentation, AuditEntry)] == before
    assert sorted(path.name for path in (data_folder / "artefacts").rglob("*")) == files


def test_another_mask_becomes_the_next_version_and_the_old_one_stays(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    smaller = Scan(small_scan(0).volume, small_scan(5, radius_mm=5.0).mask)
    run_import(trial, write_scan(tmp_path / "again", smaller, code="RAW-1"), patient_code="P-1", timepoint="pre")
    versions = Segmentation.objects.filter(timepoint__kind="pre").order_by("version")
    assert [(s.version, s.is_current, s.voxels) for s in versions] == [
        (1, False, small_scan(0).mask.voxels),
        (2, True, smaller.mask.voxels),
    ]
    assert ImageSeries.objects.filter(timepoint__kind="pre").count() == 1, "the image is the same"


def test_a_zip_is_imported_like_the_folder_in_it(trial: Trial, tmp_path: Path) -> None:
    folder = patient_on_disk(tmp_path / "in")
    archive = Path(shutil.make_archive(str(tmp_path / "upload"), "zip", folder))
    job = run_import(trial, archive, patient_code="P-1")
    assert len(job.result["imported"]) == 2


def test_without_a_named_patient_the_id_in_the_files_is_matched_with_codes_of_the_cohort(
    trial: Trial, tmp_path: Path
) -> None:
    run_import(trial, patient_on_disk(tmp_path / "in", code="P-1"))
    assert Timepoint.objects.filter(patient=trial.patient).count() == 2


def test_without_a_named_patient_an_unknown_id_becomes_one_pseudonym_for_all_its_scans(
    trial: Trial, tmp_path: Path
) -> None:
    run_import(trial, write_scan(tmp_path / "a", small_scan(0), code="RAW-7"), timepoint="pre")
    post = write_scan(tmp_path / "b", small_scan(1), code="RAW-7", scanned_on=POST_SCAN_ON)
    run_import(trial, post, timepoint="post")
    made = Patient.objects.get(cohort=trial.cohort, code__startswith="P-", timepoints__kind="pre")
    assert "RAW" not in made.code
    assert made.timepoints.count() == 2


def test_a_new_patient_of_a_cohort_with_several_centres_is_not_assigned_until_somebody_says_where(
    trial: Trial, tmp_path: Path
) -> None:
    run_import(trial, write_scan(tmp_path / "a", small_scan(0), code="RAW-7"))
    assert Timepoint.objects.get().patient.centre.code == UNASSIGNED_CENTRE


def test_a_new_patient_of_a_stated_centre_belongs_to_it(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, write_scan(tmp_path / "a", small_scan(0), code="RAW-7"), centre_code="B")
    assert Timepoint.objects.get().patient.centre == trial.there


def test_files_that_do_not_say_whose_they_are_need_a_named_patient(trial: Trial, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0), code="")
    shutil.move(folder / "ct", tmp_path / "flat")
    job = run_import(trial, tmp_path / "flat")
    assert [row["code"] for row in job.result["series"]] == ["patient_unknown"]
    assert job.result["imported"] == []
    assert len(run_import(trial, tmp_path / "flat", patient_code="P-1").result["imported"]) == 1


def test_of_files_without_an_id_the_folder_in_which_they_differ_is_the_patient(trial: Trial, tmp_path: Path) -> None:
    for seed, (name, time) in enumerate(product(("one", "two"), ("pre", "post"))):
        write_raster(tmp_path / "in" / "all" / name / time / "ct.nii.gz", small_scan(seed))
    job = run_import(trial, tmp_path / "in")
    assert sorted(row["timepoint"] for row in job.result["imported"]) == ["post", "post", "pre", "pre"]
    assert len({row["patient"] for row in job.result["imported"]}) == 2


# Which time a scan shows.


def times(trial: Trial, path: Path, **options: str) -> dict[str, str]:
    imported = run_import(trial, path, **({"patient_code": "P-2"} | options)).result["imported"]
    return {row["timepoint"]: row["note"] for row in imported}


def test_the_first_dose_tells_before_from_after(trial: Trial, tmp_path: Path) -> None:
    found = times(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    assert found == {"pre": "by the first dose", "post": "by the first dose"}


def test_a_scan_on_the_day_of_the_first_dose_is_before_treatment(trial: Trial, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0), scanned_on=date(2024, 3, 4))
    assert list(times(trial, folder, patient_code="P-1")) == ["pre"]


@pytest.mark.parametrize(
    ("name", "time"), [("Baseline", "pre"), ("CT_post", "post"), ("t1", "post"), ("pre-CT", "pre")]
)
def test_without_a_first_dose_the_name_of_the_folder_tells(
    trial: Trial, tmp_path: Path, name: str, time: str
) -> None:
    write_scan(tmp_path / "in" / name, small_scan(0))
    assert times(trial, tmp_path / "in") == {time: "by the name of the folder or file"}


def test_without_a_telling_name_two_dates_tell(trial: Trial, tmp_path: Path) -> None:
    found = times(trial, patient_on_disk(tmp_path / "in"))
    assert found == {"pre": "by the order of the scan dates", "post": "by the order of the scan dates"}


def test_a_single_scan_is_taken_as_the_first_and_says_that_it_was_assumed(trial: Trial, tmp_path: Path) -> None:
    found = times(trial, write_scan(tmp_path / "in", small_scan(0)))
    assert found == {"pre": "assumed: the only scan so far"}


def test_a_later_scan_that_arrives_alone_is_put_after_the_one_that_is_there(trial: Trial, tmp_path: Path) -> None:
    times(trial, write_scan(tmp_path / "first", small_scan(0)))
    found = times(trial, write_scan(tmp_path / "second", small_scan(1), scanned_on=POST_SCAN_ON))
    assert found == {"post": "by the order of the scan dates"}


def test_of_three_dates_nobody_guesses(trial: Trial, tmp_path: Path) -> None:
    folder = patient_on_disk(tmp_path / "in")
    write_scan(folder / "three", small_scan(2), scanned_on=date(2024, 7, 1))
    job = run_import(trial, folder, patient_code="P-2")
    assert [row["code"] for row in job.result["series"]] == ["timepoint_unknown"] * 3
    assert all(row["remedy"] for row in job.result["series"])
    assert nothing_was_stored()


def test_what_a_person_says_counts_before_everything_else(trial: Trial, tmp_path: Path) -> None:
    write_scan(tmp_path / "in" / "baseline", small_scan(0), scanned_on=POST_SCAN_ON)
    assert times(trial, tmp_path / "in", timepoint="post", patient_code="P-1") == {"post": ""}


def test_of_two_series_of_one_time_the_one_with_a_mask_is_chosen_and_the_other_says_so(
    trial: Trial, tmp_path: Path
) -> None:
    write_scan(tmp_path / "in" / "one", small_scan(0), kind="")
    write_scan(tmp_path / "in" / "two", small_scan(1), key="thin")
    job = run_import(trial, tmp_path / "in", patient_code="P-1")
    assert Segmentation.objects.get().mask_sha256
    assert sorted(row["code"] for row in job.result["series"]) == ["not_chosen", "ok"]
    assert ImageSeries.objects.count() == 1


def test_an_image_without_a_mask_is_stored_and_waits_for_one(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, write_scan(tmp_path / "in", small_scan(0), kind=""), patient_code="P-1")
    assert job.result["imported"][0]["segmentation"] is None
    assert ImageSeries.objects.count() == 1


# NIfTI and NRRD.


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_pair_of_image_and_mask_files_is_imported(trial: Trial, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "in"
    write_raster(folder / f"case_image{ending}", small_scan(0))
    write_raster(folder / f"case_mask{ending}", small_scan(0), mask=True)
    job = run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert job.state == Job.State.DONE, job.error
    stored = Segmentation.objects.get()
    assert (stored.kind, stored.voxels) == ("mask", small_scan(0).mask.voxels)
    assert stored.timepoint.scanned_on is None
    np.testing.assert_array_equal(
        unpack_volume(storage.get(stored.series.volume_sha256)).array, small_scan(0).volume.array
    )


def test_a_mask_file_of_another_grid_is_refused_and_its_image_stays(trial: Trial, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_raster(folder / "image.nii.gz", small_scan(0))
    mask = write_raster(folder / "mask.nii.gz", small_scan(0), mask=True)
    moved = sitk.ReadImage(str(mask))
    moved.SetOrigin([0.0, 0.0, 0.0])
    sitk.WriteImage(moved, str(mask))
    job = run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert [row["code"] for row in job.result["segmentations"]] == ["grid_mismatch"]
    assert not Segmentation.objects.exists()


# What cannot be imported, with a reason and without a trace.


def test_a_zip_that_leads_out_of_its_folder_is_refused(trial: Trial, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../evil.txt", "out")
    job = run_import(trial, tmp_path / "evil.zip", patient_code="P-1")
    assert (job.state, job.error_code) == (Job.State.FAILED, "unsafe_archive")
    assert job.remedy
    assert not list(tmp_path.rglob("evil.txt"))
    assert nothing_was_stored()


def test_an_empty_folder_says_that_there_is_nothing_to_import(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    job = run_import(trial, tmp_path / "empty", patient_code="P-1")
    assert (job.state, job.error_code) == (Job.State.FAILED, "nothing_to_import")


def test_a_folder_that_is_gone_is_said_to_be_gone(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, tmp_path / "gone", patient_code="P-1")
    assert (job.state, job.error_code) == (Job.State.FAILED, "unreadable_file")
    assert str(tmp_path) not in job.error


def lose_a_slice(folder: Path) -> None:
    (folder / "ct" / "0005.dcm").unlink()


def repeat_a_slice(folder: Path) -> None:
    dataset = pydicom.dcmread(folder / "ct" / "0005.dcm")
    dataset.SOPInstanceUID += "1"
    dataset.save_as(folder / "ct" / "copy.dcm")


def cut_a_file(folder: Path) -> None:
    file = folder / "ct" / "0005.dcm"
    file.write_bytes(file.read_bytes()[:-500])


def edit(**attributes: object) -> Any:
    def change(folder: Path) -> None:
        for file in (folder / "ct").glob("*.dcm"):
            dataset = pydicom.dcmread(file)
            for name, value in attributes.items():
                setattr(dataset, name, value)
            dataset.save_as(file)

    return change


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("missing_slice", lose_a_slice),
        ("duplicate_slice", repeat_a_slice),
        ("unreadable_file", cut_a_file),
        ("not_ct", edit(Modality="MR")),
        ("burned_in_text", edit(BurnedInAnnotation="YES")),
    ],
)
def test_a_broken_series_is_refused_with_its_reason_and_stores_nothing(
    trial: Trial, tmp_path: Path, code: str, damage: Any
) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    damage(folder)
    job = run_import(trial, folder, patient_code="P-1")
    assert (job.state, job.error_code) == (Job.State.FAILED, "nothing_imported")
    refused = [row for row in job.result["series"] if row["verdict"] == "refused"]
    assert [row["code"] for row in refused] == [code]
    assert all(row["reason"] and row["remedy"] for row in refused)
    assert job.result["imported"] == []
    assert nothing_was_stored()


def test_a_region_that_is_not_there_lists_those_that_are(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, write_scan(tmp_path / "in", small_scan(0)), patient_code="P-1", roi="GTV-9")
    rows = job.result["segmentations"]
    assert [row["code"] for row in rows] == ["region_not_found"]
    assert "GTV-1" in rows[0]["reason"]
    assert not Segmentation.objects.exists()


def test_one_broken_series_of_three_leaves_two_imported(trial: Trial, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_scan(tmp_path / "in" / f"case{number}", small_scan(number), code=f"RAW-{number}")
    lose_a_slice(tmp_path / "in" / "case2")
    job = run_import(trial, tmp_path / "in", timepoint="pre")
    assert len(job.result["imported"]) == 2
    assert sorted(row["code"] for row in job.result["series"]) == ["missing_slice", "ok", "ok"]


def test_an_import_that_is_cancelled_stores_no_row(trial: Trial, tmp_path: Path, monkeypatch: Any) -> None:
    original = ingest._read

    def cancel_then_read(*args: Any) -> Any:
        jobs.cancel(Job.objects.get())
        return original(*args)

    monkeypatch.setattr(ingest, "_read", cancel_then_read)
    job = run_import(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    assert job.state == Job.State.CANCELLED
    assert nothing_was_stored()


# Corrections, only on request.


def tilted_on_disk(folder: Path, *, kind: str = "seg") -> Scan:
    """The small scan as a gantry that leans 12 degrees would lay its slices."""
    straight = small_scan(0)
    tilt = np.radians(12.0)
    axes = ((1.0, 0.0, 0.0), (0.0, float(np.cos(tilt)), 0.0), (0.0, float(-np.sin(tilt)), 1.0))
    grid = replace(straight.volume.grid, direction=axes)
    scan = Scan(Volume(straight.volume.array, grid), TumorMask(straight.mask.array, grid))
    write_scan(folder, scan, kind=kind)
    return scan


def two_passes_on_disk(folder: Path) -> Path:
    write_scan(folder, small_scan(0))
    for file in sorted((folder / "ct").glob("*.dcm")):
        dataset = pydicom.dcmread(file)
        dataset.SOPInstanceUID += ".2"
        dataset.AcquisitionNumber = 2
        dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") + 7).astype("<u2").tobytes()
        dataset.save_as(file.with_name(f"second-{file.name}"))
    return folder


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_a_tilted_series_is_refused_and_its_remedy_names_the_correction(
    trial: Trial, tmp_path: Path, kind: str
) -> None:
    tilted_on_disk(tmp_path / "in", kind=kind)
    job = run_import(trial, tmp_path / "in", patient_code="P-1", timepoint="pre")
    (row,) = job.result["series"]
    assert (row["code"], row["corrections"]) == ("tilted_gantry", [])
    assert "12.0 degrees" in row["reason"]
    assert "--correct-tilt" in row["remedy"]
    assert nothing_was_stored()


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_a_straightened_series_is_stored_with_what_was_corrected_and_shows_it(
    trial: Trial, tmp_path: Path, kind: str
) -> None:
    scan = tilted_on_disk(tmp_path / "in", kind=kind)
    job = run_import(trial, tmp_path / "in", patient_code="P-1", timepoint="pre", correct_tilt=True)
    assert job.state == Job.State.DONE, job.error
    series, segmentation = ImageSeries.objects.get(), Segmentation.objects.get()
    (sentence,) = series.corrections
    assert "tilt of 12.0 degrees was straightened" in sentence
    assert job.result["series"][0]["corrections"] == [sentence]
    assert sentence in job.result["imported"][0]["note"]
    volume = unpack_volume(storage.get(series.volume_sha256))
    mask = unpack_mask(storage.get(segmentation.mask_sha256))
    assert np.array(volume.grid.direction).T @ np.array(volume.grid.direction) == pytest.approx(np.eye(3), abs=1e-9)
    assert mask.grid.matches(volume.grid)
    assert segmentation.voxels == pytest.approx(scan.mask.voxels, rel=0.02 if kind == "rtstruct" else 0)
    # The tumour is soft tissue in air: a mask that was misplaced by a pixel would take in air.
    assert segmentation.mean_hu == pytest.approx(scan.volume.array[scan.mask.array].mean(), abs=25)
    page = trial.client("reader").get(reverse("imaging:patient-panel", args=["trial", "P-1"])).content.decode()
    assert "Corrected on import" in page
    assert "tilt of 12.0 degrees" in page


@pytest.mark.parametrize(("which", "brighter"), [("first", 0), ("last", 7)])
def test_one_of_two_passes_is_stored_as_it_was_asked_for(
    trial: Trial, tmp_path: Path, which: str, brighter: int
) -> None:
    folder = two_passes_on_disk(tmp_path / "in")
    refused = run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert [row["code"] for row in refused.result["series"]] == ["duplicate_slice"]
    assert "--repeated" in refused.result["series"][0]["remedy"]
    run_import(trial, folder, patient_code="P-1", timepoint="pre", repeated=which)
    series = ImageSeries.objects.get()
    assert "10 of 20 images were left out" in series.corrections[0]
    volume = unpack_volume(storage.get(series.volume_sha256))
    np.testing.assert_array_equal(volume.array, small_scan(0).volume.array + brighter)
    # The tumour was contoured on the first pass, and on no other.
    assert Segmentation.objects.count() == (which == "first")


def test_a_series_that_needs_no_correction_has_none_recorded(trial: Trial, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    everything = {"correct_tilt": True, "repeated": "first", "without_localizers": True}
    run_import(trial, folder, patient_code="P-1", timepoint="pre", **everything)
    assert ImageSeries.objects.get().corrections == []
    page = trial.client("reader").get(reverse("imaging:patient-panel", args=["trial", "P-1"])).content.decode()
    assert "Corrected on import" not in page


def test_the_command_takes_corrections_and_says_what_it_did(trial: Trial, tmp_path: Path, capsys: Any) -> None:
    tilted_on_disk(tmp_path / "in")
    arguments = [str(tmp_path / "in"), "--cohort", "trial", "--patient", "P-1", "--timepoint", "pre"]
    with pytest.raises(CommandError, match="refused"):
        call_command("import_dicom", *arguments, "--dry-run")
    assert "[tilted_gantry]" in capsys.readouterr().out
    call_command("import_dicom", *arguments, "--dry-run", "--correct-tilt", "--json")
    assert "12.0 degrees" in json.loads(capsys.readouterr().out)["series"][0]["corrections"][0]
    assert nothing_was_stored()
    call_command("import_dicom", *arguments, "--correct-tilt")
    assert "12.0 degrees was straightened" in capsys.readouterr().out
    assert ImageSeries.objects.get().corrections


def test_the_form_offers_corrections_and_passes_them_on(
    trial: Trial, tmp_path: Path, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    shown = trial.client().get(reverse("imaging:import", args=["trial"])).content.decode()
    assert "Corrections" in shown
    for name in ("correct_tilt", "repeated", "without_localizers"):
        assert f'name="{name}"' in shown
    tilted_on_disk(tmp_path / "in")
    files = [*sorted((tmp_path / "in" / "ct").glob("*")), tmp_path / "in" / "tumour.dcm"]
    with django_capture_on_commit_callbacks(execute=True):
        upload(trial, files, patient="P-1", timepoint="pre", correct_tilt="on", repeated="last")
    options = Job.objects.get().parameters["options"]
    assert (options["correct_tilt"], options["repeated"], options["without_localizers"]) == (True, "last", False)
    queue.work()
    assert "12.0 degrees" in ImageSeries.objects.get().corrections[0]


# By the page.


def upload(trial: Trial, files: list[Path], person: str = "coordinator", **fields: str) -> Any:
    posted = [SimpleUploadedFile(file.name, file.read_bytes()) for file in files]
    url = reverse("imaging:import", args=[trial.cohort.code])
    return trial.client(person).post(url, {"files": posted, "timepoint": "auto", **fields})


def test_several_files_from_a_browser_are_imported_and_their_copies_removed(
    trial: Trial, tmp_path: Path, queue: Queue, django_capture_on_commit_callbacks: Any, data_folder: Path
) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    with django_capture_on_commit_callbacks(execute=True):
        files = [*sorted((folder / "ct").glob("*")), folder / "tumour.dcm"]
        response = upload(trial, files, patient="P-1", timepoint="pre")
    job = Job.objects.get()
    assert response["Location"] == reverse("cohorts:job", args=[job.reference])
    assert queue.work() == 1
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    assert Segmentation.objects.get().voxels == small_scan(0).mask.voxels
    assert not list((data_folder / "uploads").iterdir())
    shown = trial.client().get(reverse("cohorts:job", args=[job.reference])).content.decode()
    assert "P-1" in shown


def test_a_pair_of_files_from_a_browser_still_finds_together(
    trial: Trial, tmp_path: Path, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    files = [write_raster(tmp_path / "meier_image.nii.gz", small_scan(0))]
    files += [write_raster(tmp_path / "meier_mask.nii.gz", small_scan(0), mask=True)]
    with django_capture_on_commit_callbacks(execute=True):
        upload(trial, files, patient="P-1", timepoint="post")
    queue.work()
    assert Segmentation.objects.get().timepoint.kind == "post"


def test_several_pairs_of_one_upload_find_together_without_their_names(
    trial: Trial, tmp_path: Path, queue: Queue, django_capture_on_commit_callbacks: Any, data_folder: Path
) -> None:
    scans = {"pre": small_scan(0), "post": small_scan(1, radius_mm=6.0)}
    files = [write_raster(tmp_path / f"meier_{time}_mask.nii.gz", scan, mask=True) for time, scan in scans.items()]
    files += [write_raster(tmp_path / f"meier_{time}_image.nii.gz", scan) for time, scan in scans.items()]
    with django_capture_on_commit_callbacks(execute=True):
        upload(trial, files, patient="P-1")
    (folder,) = (data_folder / "uploads").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == [
        "000001_image_pre.nii.gz",
        "000001_mask_pre.nii.gz",
        "000002_image_post.nii.gz",
        "000002_mask_post.nii.gz",
    ]
    queue.work()
    for time, scan in scans.items():
        stored = Segmentation.objects.get(timepoint__kind=time)
        mask = unpack_mask(storage.get(stored.mask_sha256))
        np.testing.assert_array_equal(mask.array, scan.mask.array)
        volume = unpack_volume(storage.get(stored.series.volume_sha256))
        np.testing.assert_array_equal(volume.array, scan.volume.array)


@pytest.mark.parametrize(
    ("names", "neutral"),
    [
        (
            ["a_image.nrrd", "a_label.nrrd", "b_image.nrrd"],
            ["000001_image.nrrd", "000001_label.nrrd", "000002_image.nrrd"],
        ),
        (["meier.nii", "meier_gtv.nii.gz"], ["000001.nii", "000001_gtv.nii.gz"]),
        (["IM1.dcm", "IM2.dcm", "rs.dcm"], ["000001.dcm", "000002.dcm", "000003.dcm"]),
        # Two folders dropped together: nobody knows which image and which mask belong together.
        (
            ["x_ct.nii", "x_mask.nii", "x_ct.nii", "x_mask.nii"],
            ["000001_ct.nii", "000002_mask.nii", "000003_ct.nii", "000004_mask.nii"],
        ),
        (["ct.nii", "mask.nii"], ["000001_ct.nii", "000002_mask.nii"]),
        # A surname is no time word.
        (["prendergast_image.nii", "postma_mask.nii"], ["000001_image.nii", "000002_mask.nii"]),
        (["Meier T0 tumour.nii.gz"], ["000001_tumour_t0.nii.gz"]),
        (["meier.nii.gz", "meier_Eq_1.nii.gz"], ["000001.nii.gz", "000001_Eq_1.nii.gz"]),
    ],
    ids=["pairs", "bare image", "dicom", "equal names", "no shared name", "surnames", "time", "converted"],
)
def test_names_of_uploads_keep_what_belongs_together_and_nothing_else(names: list[str], neutral: list[str]) -> None:
    assert neutral_names(names) == neutral


def test_a_form_without_files_is_refused_at_the_field(trial: Trial) -> None:
    response = upload(trial, [], patient="P-1")
    assert response.status_code == 200
    assert "files" in response.context["form"].errors
    assert not Job.objects.exists()


def test_files_beyond_the_limit_of_the_installation_are_refused(trial: Trial, tmp_path: Path, settings: Any) -> None:
    settings.UPLOAD_LIMIT_BYTES = 1000
    response = upload(trial, [write_raster(tmp_path / "image.nii.gz", small_scan(0))], patient="P-1")
    assert "limit" in str(response.context["form"].errors["files"])
    assert not Job.objects.exists()


@pytest.mark.parametrize("code", ["Hans Meier", "a/../b", "x" * 40])
def test_a_pseudonym_that_is_none_is_refused_at_the_field(trial: Trial, tmp_path: Path, code: str) -> None:
    response = upload(trial, [write_raster(tmp_path / "image.nii.gz", small_scan(0))], patient=code)
    assert "patient" in response.context["form"].errors


def test_a_member_of_one_centre_cannot_add_images_to_a_patient_of_another(trial: Trial, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    job = run_import(trial, folder, centre=trial.there, patient_code="P-1", timepoint="pre")
    assert [row["code"] for row in job.result["series"]] == ["patient_unknown"]
    assert nothing_was_stored()


def test_a_new_patient_of_a_member_of_one_centre_belongs_to_that_centre(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, write_scan(tmp_path / "in", small_scan(0)), centre=trial.there, patient_code="P-9")
    assert job.result["imported"][0]["centre"] == "B"
    assert Patient.objects.get(code="P-9").centre == trial.there


def test_uploads_of_an_import_that_another_worker_took_over_are_left_to_that_worker(
    trial: Trial, tmp_path: Path, monkeypatch: Any, data_folder: Path
) -> None:
    original = ingest._read

    def lose_the_lease(*args: Any) -> Any:
        Job.objects.update(attempt=2)
        return original(*args)

    monkeypatch.setattr(ingest, "_read", lose_the_lease)
    run_import(trial, patient_on_disk(tmp_path / "in"), patient_code="P-1")
    assert len(list((data_folder / "uploads").iterdir())) == 1


def test_a_code_known_in_another_cohort_is_another_patient(trial: Trial, tmp_path: Path) -> None:
    other = trial.people["stranger"].memberships.get().cohort
    create_patient(other, code="RAW-1", centre=other.centres.get(), actor=None)
    run_import(trial, write_scan(tmp_path / "in", small_scan(0)))
    assert not Timepoint.objects.filter(patient__cohort=other).exists()

"""Whose a scan is and which timepoint it shows: what contradicts itself is refused, and a person may answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from cohorts import jobs
from cohorts.models import AuditEntry, Job, Timepoint
from cohorts.selectors.day.desk import desk_of
from cohorts.selectors.day.work import refusals
from cohorts.selectors.patients import true_scan_date
from imaging.core.dicom_write import write_rtstruct
from imaging.models import ImageSeries, PersonMark, Segmentation
from imaging.services import ingest
from imaging.services.ingest import enqueue_import
from imaging.services.placing import ImportOptions
from tests.scans import POST_SCAN_ON, PRE_SCAN_ON, identity_of, small_scan, write_raster, write_scan
from tests.trial import Trial


def run_import(trial: Trial, path: Path, **options: Any) -> Job:
    job = enqueue_import(trial.cohort, path=path, options=ImportOptions(**options), user=trial.coordinator)
    jobs.execute(job.pk, ingest.run)
    job.refresh_from_db()
    return job


def edit(folder: Path, **attributes: Any) -> Path:
    """Set attributes of every DICOM file below a folder."""
    for file in folder.rglob("*.dcm"):
        edit_file(file, **attributes)
    return folder


def edit_file(file: Path, **attributes: Any) -> None:
    dataset = pydicom.dcmread(file)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(file)


def scan_of(folder: Path, seed: int = 0, *, on: date = PRE_SCAN_ON, code: str = "RAW-1", **attributes: Any) -> Path:
    """Write a scan that states a man born on 3 February 1950, unless told otherwise."""
    write_scan(folder, small_scan(seed), code=code, scanned_on=on, key=str(folder))
    return edit(folder, **{"PatientSex": "M", "PatientBirthDate": "19500203"} | attributes)


def codes(job: Job) -> list[str]:
    return [row["code"] for row in job.result["series"]]


def timepoints() -> dict[str, date | None]:
    return {one.kind: true_scan_date(one) for one in Timepoint.objects.select_related("patient__cohort")}


# Whose it is


DIFFERENCES = {
    "PatientID": {"code": "RAW-2"},
    "sex": {"PatientSex": "F"},
    "birth date": {"PatientBirthDate": "19600101"},
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_files_of_two_persons_are_not_joined_under_one_name(trial: Trial, tmp_path: Path, what: str) -> None:
    scan_of(tmp_path / "in" / "one", 0)
    scan_of(tmp_path / "in" / "two", 1, on=POST_SCAN_ON, **DIFFERENCES[what])
    job = run_import(trial, tmp_path / "in", patient_code="P-1")
    assert (job.state, job.error_code) == (Job.State.FAILED, "nothing_imported")
    assert codes(job) == ["several_persons"] * 2
    reason = job.result["series"][0]["reason"]
    assert f"{what} differ" in reason
    assert not any(value in json.dumps(job.result) for value in ("RAW-2", "19600101", "19500203"))
    assert not ImageSeries.objects.exists()


@pytest.mark.parametrize("what", DIFFERENCES)
def test_a_scan_of_another_person_is_refused_until_somebody_says_why_it_is_the_same(
    trial: Trial, tmp_path: Path, what: str
) -> None:
    assert run_import(trial, scan_of(tmp_path / "pre"), patient_code="P-1").state == Job.State.DONE
    other = scan_of(tmp_path / "post", 1, on=POST_SCAN_ON, **DIFFERENCES[what])
    refused = run_import(trial, other, patient_code="P-1")
    assert codes(refused) == ["another_person"]
    assert f"{what} differ" in refused.result["series"][0]["reason"]
    assert list(timepoints()) == ["pre"]
    confirmed = run_import(trial, other, patient_code="P-1", same_person="transferred from another hospital")
    assert (confirmed.state, sorted(timepoints())) == (Job.State.DONE, ["post", "pre"])
    entry = AuditEntry.objects.get(verb="confirmed", patient=trial.patient)
    assert (entry.reason, entry.actor) == ("transferred from another hospital", trial.coordinator)
    assert what in json.dumps(entry.changes)
    again = scan_of(tmp_path / "again", 2, on=POST_SCAN_ON, **DIFFERENCES[what])
    assert run_import(trial, again, patient_code="P-1", timepoint="post").state == Job.State.DONE, "asked once only"


def test_what_files_state_of_a_person_is_kept_as_hashes_only(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, scan_of(tmp_path / "pre"), patient_code="P-1")
    stored = list(PersonMark.objects.values_list("kind", "digest"))
    assert sorted(kind for kind, _ in stored) == ["birth_date", "patient_id", "sex"]
    assert all(len(digest) == 64 for _, digest in stored)
    assert len({digest for _, digest in stored}) == 3


def test_a_person_who_is_another_patient_already_is_not_given_to_one_whom_the_cohort_has(
    trial: Trial, tmp_path: Path
) -> None:
    run_import(trial, scan_of(tmp_path / "pre"), patient_code="P-1")
    job = run_import(trial, scan_of(tmp_path / "post", 1, on=POST_SCAN_ON), patient_code="P-2")
    assert codes(job) == ["another_person"]
    assert "another patient of this cohort" in job.result["series"][0]["reason"]
    assert not Timepoint.objects.filter(patient__code="P-2").exists()


def test_a_person_who_is_made_a_second_patient_is_said(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, scan_of(tmp_path / "pre"), patient_code="P-1")
    job = run_import(trial, scan_of(tmp_path / "post", 1, on=POST_SCAN_ON), patient_code="P-77")
    assert "another patient of this cohort as well" in job.result["imported"][0]["note"]


def test_without_a_name_a_later_scan_finds_the_patient_of_the_earlier_one(trial: Trial, tmp_path: Path) -> None:
    run_import(trial, scan_of(tmp_path / "pre"), patient_code="P-1")
    run_import(trial, scan_of(tmp_path / "post", 1, on=POST_SCAN_ON))
    assert set(Timepoint.objects.values_list("patient__code", "kind")) == {("P-1", "pre"), ("P-1", "post")}


def test_an_id_that_anonymizers_give_everybody_joins_nobody(trial: Trial, tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / "in" / f"case{number}"
        scan_of(folder, number, code="ANONYMOUS", PatientSex="", PatientBirthDate="")
    job = run_import(trial, tmp_path / "in")
    assert len({row["patient"] for row in job.result["imported"]}) == 2


# The same scan twice


def test_one_scan_is_not_both_before_and_after(trial: Trial, tmp_path: Path) -> None:
    assert run_import(trial, scan_of(tmp_path / "pre"), patient_code="P-1").state == Job.State.DONE
    again = scan_of(tmp_path / "copy", on=POST_SCAN_ON)
    job = run_import(trial, again, patient_code="P-1", timepoint="post")
    assert codes(job) == ["same_scan"]
    assert list(timepoints()) == ["pre"]


def test_equal_images_of_two_timepoints_in_one_import_are_both_refused(trial: Trial, tmp_path: Path) -> None:
    scan_of(tmp_path / "in" / "one")
    scan_of(tmp_path / "in" / "two", on=POST_SCAN_ON)
    assert codes(run_import(trial, tmp_path / "in", patient_code="P-1")) == ["same_scan"] * 2


def test_one_scan_is_not_of_two_patients(trial: Trial, tmp_path: Path) -> None:
    nobody = {"code": "ANON", "PatientSex": "", "PatientBirthDate": ""}
    run_import(trial, scan_of(tmp_path / "a", **nobody), patient_code="P-1")
    job = run_import(trial, scan_of(tmp_path / "b", **nobody), patient_code="P-2")
    assert codes(job) == ["same_scan"]
    new = run_import(trial, scan_of(tmp_path / "c", **nobody), patient_code="P-77")
    assert "as a scan of another patient" in new.result["imported"][0]["note"]
    assert not Timepoint.objects.filter(patient__code="P-2").exists()


def test_one_folder_taken_as_two_patients_is_refused_for_both(trial: Trial, tmp_path: Path) -> None:
    scan_of(tmp_path / "in" / "P-1", code="P-1")
    scan_of(tmp_path / "in" / "P-2", code="P-2")
    job = run_import(trial, tmp_path / "in")
    assert codes(job) == ["same_scan"] * 2
    assert not ImageSeries.objects.exists()


# Which timepoint it shows


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CT THORAX POST CONTRAST", "CT THORAX POST CONTRAST 2"),
        ("chest post c.m.", "chest pre c.m."),
        ("stage T1/early", "stage T1/late"),
        ("KM post", "native pre"),
        ("T1", "T1/late"),
    ],
)
def test_dates_decide_whatever_words_of_contrast_and_stage_say(
    trial: Trial, tmp_path: Path, first: str, second: str
) -> None:
    scan_of(tmp_path / "in" / first / "1", 0)
    scan_of(tmp_path / "in" / second / "2", 1, on=POST_SCAN_ON)
    run_import(trial, tmp_path / "in", patient_code="P-2")
    assert timepoints() == {"pre": PRE_SCAN_ON, "post": POST_SCAN_ON}


def test_a_single_scan_after_contrast_is_before_treatment(trial: Trial, tmp_path: Path) -> None:
    scan_of(tmp_path / "in" / "CT_thorax_post_contrast")
    job = run_import(trial, tmp_path / "in", patient_code="P-2")
    assert job.result["imported"][0]["note"].startswith("assumed: the only scan so far")
    assert list(timepoints()) == ["pre"]


def test_a_name_against_the_dates_is_asked_about(trial: Trial, tmp_path: Path) -> None:
    scan_of(tmp_path / "in" / "post", 0)
    scan_of(tmp_path / "in" / "pre", 1, on=POST_SCAN_ON)
    job = run_import(trial, tmp_path / "in", patient_code="P-2")
    assert codes(job) == ["timepoint_unknown"] * 2
    assert "says" in job.result["series"][0]["reason"]
    assert job.result["series"][0]["remedy"]


@pytest.mark.parametrize(
    ("day", "timepoint", "words"),
    [
        (date(2024, 3, 5), "pre", "dose"),  # after the first dose of 4 March
        (date(2024, 3, 4), "post", "dose"),
        (date(2024, 2, 1), "post", "dose"),
    ],
)
def test_a_day_that_breaks_the_order_of_dates_is_refused_even_where_somebody_named_the_timepoint(
    trial: Trial, tmp_path: Path, day: date, timepoint: str, words: str
) -> None:
    job = run_import(trial, scan_of(tmp_path / "in", on=day), patient_code="P-1", timepoint=timepoint)
    assert codes(job) == ["timepoint_unknown"]
    assert words in job.result["series"][0]["reason"]
    assert "E10" in job.result["series"][0]["reason"]
    assert not Timepoint.objects.exists()


def test_an_earlier_scan_does_not_take_the_place_of_the_one_that_was_assumed_to_be_first(
    trial: Trial, tmp_path: Path
) -> None:
    run_import(trial, scan_of(tmp_path / "late", on=POST_SCAN_ON), patient_code="P-2")
    job = run_import(trial, scan_of(tmp_path / "early", 1), patient_code="P-2")
    assert codes(job) == ["timepoint_unknown"]
    assert timepoints() == {"pre": POST_SCAN_ON}


def test_without_dates_words_of_a_path_still_count(trial: Trial, tmp_path: Path) -> None:
    for number, name in enumerate(("baseline", "follow up post")):
        write_raster(tmp_path / "in" / name / "ct.nii.gz", small_scan(number))
    run_import(trial, tmp_path / "in", patient_code="P-2")
    assert sorted(timepoints()) == ["post", "pre"]


# Which outlines count


def test_of_two_structure_sets_the_newer_one_counts_and_the_older_one_stays_to_be_chosen(
    trial: Trial, tmp_path: Path
) -> None:
    folder = scan_of(tmp_path / "in")
    identity = identity_of("RAW-1", PRE_SCAN_ON, key=str(folder))
    write_rtstruct(small_scan(4, radius_mm=5.0).mask, folder / "another.dcm", identity=identity)
    for file, day in ((folder / "tumour.dcm", "20240222"), (folder / "another.dcm", "20240221")):
        edit_file(file, StructureSetDate=day)
    run_import(trial, folder, patient_code="P-1")
    counts = Segmentation.objects.values_list("is_current", "voxels").order_by("-is_current")
    assert list(counts) == [(True, small_scan(0).mask.voxels), (False, small_scan(4, radius_mm=5.0).mask.voxels)]


# What the verdicts say


def planning_export(folder: Path) -> Path:
    """A CT with its contours, a dose and a point of interest: nothing in it is wrong."""
    scan_of(folder)
    dose = pydicom.dcmread(next(folder.rglob("0001.dcm")))
    dose.Modality, dose.SOPClassUID = "RTDOSE", "1.2.840.10008.5.1.4.1.1.481.2"
    dose.SOPInstanceUID, dose.SeriesInstanceUID = "2.25.7", "2.25.8"
    dose.save_as(folder / "dose.dcm")
    structures = pydicom.dcmread(folder / "tumour.dcm")
    point = pydicom.Dataset()
    point.update(structures.StructureSetROISequence[0])
    point.ROINumber, point.ROIName = 2, "Isocentre"
    structures.StructureSetROISequence.append(point)
    contour, item = pydicom.Dataset(), pydicom.Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints, contour.ContourData = "POINT", 1, [0, 0, -90]
    item.ReferencedROINumber, item.ContourSequence = 2, pydicom.Sequence([contour])
    structures.ROIContourSequence.append(item)
    structures.save_as(folder / "tumour.dcm")
    return folder


def test_a_faultless_planning_export_ends_well_and_is_nobodys_work(
    trial: Trial, tmp_path: Path, capsys: Any, rows_of: Callable[..., list[Any]]
) -> None:
    folder = planning_export(tmp_path / "in")
    call_command("import_dicom", str(folder), "--cohort", "trial", "--patient", "P-1", "--json")
    report = json.loads(capsys.readouterr().out)
    assert {(row["modality"], row["use"]) for row in report["series"]} == {("CT", "used"), ("RTDOSE", "passed_over")}
    assert [(row["name"], row["use"], row["code"]) for row in report["segmentations"]] == [
        ("GTV-1", "used", "ok"),
        ("ROI", "passed_over", "no_closed_contour"),
    ]
    run_import(trial, folder, patient_code="P-1")
    assert rows_of(refusals) == []


@pytest.fixture
def rows_of(trial: Trial) -> Callable[..., list[Any]]:
    """Return the rows of a pile of the coordinator's day."""
    return lambda pile: list(pile(desk_of(trial.coordinator, limit=10)).tasks)


def test_the_page_lists_what_was_used_refused_other_and_ignored_in_millilitres(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, planning_export(tmp_path / "in"), patient_code="P-1")
    page = trial.client().get(reverse("cohorts:job", args=[job.reference])).content.decode()
    used, ignored = page.index('id="verdicts-used"'), page.index('id="verdicts-passed_over"')
    assert used < ignored
    assert 'id="verdicts-refused"' not in page
    assert "mL" in page
    assert "(shortened)" in page
    assert "Isocentre" not in page


def test_an_import_that_could_use_nothing_has_failed_and_keeps_its_verdicts(
    trial: Trial, tmp_path: Path, capsys: Any
) -> None:
    folder = edit(scan_of(tmp_path / "in"), Modality="MR")
    job = run_import(trial, folder, patient_code="P-1")
    assert (job.state, job.error_code) == (Job.State.FAILED, "nothing_imported")
    page = trial.client().get(reverse("cohorts:job", args=[job.reference])).content.decode()
    assert 'id="verdicts-refused"' in page
    with pytest.raises(CommandError, match="No scan in it can be imported"):
        call_command("import_dicom", str(folder), "--cohort", "trial", "--patient", "P-1", "--json")
    assert json.loads(capsys.readouterr().out)["imported"] == []


def test_an_import_of_an_older_version_is_still_shown(trial: Trial, tmp_path: Path) -> None:
    job = run_import(trial, scan_of(tmp_path / "in"), patient_code="P-1")
    for row in (*job.result["series"], *job.result["segmentations"]):
        for key in ("use", "notes", "volume_mm3", "is_masked"):
            row.pop(key, None)
    job.save()
    page = trial.client().get(reverse("cohorts:job", args=[job.reference])).content.decode()
    assert 'id="verdicts-used"' in page
    assert Segmentation.objects.count() == 1

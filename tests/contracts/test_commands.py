"""The commands as a contract with users: help, JSON shapes, exit codes, sentences instead of tracebacks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.core.management import CommandError, call_command, get_commands

from cohorts import jobs, workers
from cohorts.models import AuditEntry, Cohort, Job, Membership, PathologyOutcome, Timepoint
from config import diagnosis
from imaging.models import ImageSeries, Segmentation
from imaging.services.extraction import run as extract_case
from tests.installation import Installation
from tests.scans import POST_SCAN_ON, PRE_SCAN_ON, small_scan, store_scan, write_raster, write_scan
from tests.trial import Trial

OWN = {
    "create_cohort",
    "demo",
    "doctor",
    "evaluate_table",
    "export",
    "extract",
    "features",
    "import_dicom",
    "import_outcomes",
    "predict",
    "register",
    "report",
    "serve",
    "stability",
    "train",
    "voxel_maps",
    "verify",
}
OPTIONS = {
    "demo": ["--patients", "--seed", "--port", "--no-serve"],
    "serve": ["--port", "--json"],
    "import_dicom": ["--cohort", "--patient", "--timepoint", "--dry-run", "--json"],
    "import_outcomes": ["--cohort", "--sheet", "--redcap", "--commit", "--json"],
    "extract": ["--cohort", "--protocol", "--wait", "--json"],
    "features": ["--roi", "--protocol", "--out", "--json"],
    "voxel_maps": ["--out", "--roi", "--class", "--feature", "--spacing-mm", "--json"],
    "train": ["--cohort", "--recipe", "--keep-closed", "--wait", "--json"],
    "register": ["--cohort", "--wait", "--json"],
    "report": ["--cohort", "--run", "--kind", "--out", "--json"],
    "predict": ["--cohort", "--patient", "--wait", "--json"],
    "export": ["--cohort", "--out", "--json"],
    "evaluate_table": [
        "--outcome",
        "--id",
        "--centre",
        "--views",
        "--recipe",
        "--seed",
        "--time",
        "--event",
        "--out",
        "--json",
    ],
    "stability": ["--cohort", "--protocol", "--limit", "--timepoint", "--out", "--wait", "--report", "--json"],
    "verify": ["--cohort", "--limit", "--json"],
    "doctor": ["--json"],
    "create_cohort": ["--centre", "--administrator", "--json"],
}


def report_of(capsys: Any, command: str, /, *arguments: Any, ends_with_error: bool = False, **options: Any) -> Any:
    capsys.readouterr()
    if ends_with_error:
        with pytest.raises(CommandError) as refusal:
            call_command(command, *map(str, arguments), as_json=True, **options)
        assert str(refusal.value)
    else:
        call_command(command, *map(str, arguments), as_json=True, **options)
    return json.loads(capsys.readouterr().out)


def test_the_product_has_these_commands_and_no_other() -> None:
    apps = ("cohorts", "imaging", "modeling", "config")
    assert {name for name, app in get_commands().items() if app in apps} == OWN


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_command_explains_itself_and_its_options(name: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as end:
        call_command(name, "--help")
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert [option for option in OPTIONS[name] if option not in said] == []
    assert len(said.split("options:")[0].split()) > 12, "it says what it does"


# import_dicom


@pytest.mark.django_db
def test_a_dry_run_gives_a_verdict_on_each_series_and_mask_and_writes_nothing(
    tmp_path: Path, capsys: Any, data_folder: Path
) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    report = report_of(capsys, "import_dicom", folder, cohort="nowhere", dry_run=True)
    (series,), (mask,) = report["series"], report["segmentations"]
    assert {"path", "series_uid", "modality", "verdict", "code", "reason", "shape_zyx", "spacing_zyx_mm"} <= set(
        series
    )
    assert (series["path"], series["modality"], series["verdict"], series["code"]) == ("ct", "CT", "accepted", "ok")
    assert (series["shape_zyx"], series["spacing_zyx_mm"]) == ([10, 30, 32], [2.5, 1.2, 1.2])
    assert {"path", "name", "kind", "verdict", "code", "reason", "voxels", "mean_hu"} <= set(mask)
    assert (mask["name"], mask["kind"], mask["voxels"]) == ("GTV-1", "rtstruct", small_scan(0).mask.voxels)
    assert not Job.objects.exists()
    assert not (data_folder / "artefacts").exists()
    assert not (data_folder / "uploads").exists()


@pytest.mark.django_db
def test_a_dry_run_on_a_series_without_a_slice_says_which_and_fails(tmp_path: Path, capsys: Any) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    (folder / "ct" / "0004.dcm").unlink()
    report = report_of(capsys, "import_dicom", folder, cohort="x", dry_run=True, ends_with_error=True)
    assert [(row["verdict"], row["code"]) for row in report["series"]] == [("refused", "missing_slice")]
    assert report["series"][0]["reason"]


@pytest.mark.django_db
def test_a_dry_run_on_an_unsafe_zip_names_the_reason(tmp_path: Path, capsys: Any) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil.txt", "out")
    report = report_of(capsys, "import_dicom", tmp_path / "evil.zip", cohort="x", dry_run=True, ends_with_error=True)
    assert report["error"]["code"] == "unsafe_archive"
    assert report["error"]["remedy"]


def test_importing_by_command_stores_the_scans_and_reports_them(trial: Trial, tmp_path: Path, capsys: Any) -> None:
    write_scan(tmp_path / "in" / "one", small_scan(0), scanned_on=PRE_SCAN_ON)
    write_scan(tmp_path / "in" / "two", small_scan(1), scanned_on=POST_SCAN_ON)
    report = report_of(capsys, "import_dicom", tmp_path / "in", cohort="trial", patient="P-1")
    assert [(row["patient"], row["timepoint"]) for row in report["imported"]] == [("P-1", "pre"), ("P-1", "post")]
    assert Segmentation.objects.count() == 2


def test_an_import_that_refuses_something_fails_after_it_did_the_rest(
    trial: Trial, tmp_path: Path, capsys: Any
) -> None:
    write_scan(tmp_path / "in" / "one", small_scan(0), code="RAW-1")
    write_scan(tmp_path / "in" / "two", small_scan(1), code="RAW-2")
    (tmp_path / "in" / "two" / "ct" / "0004.dcm").unlink()
    report = report_of(capsys, "import_dicom", tmp_path / "in", cohort="trial", ends_with_error=True)
    assert len(report["imported"]) == 1
    assert ImageSeries.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("absent", {"cohort": "trial"}, "no such file"),
        (".", {"cohort": "nowhere"}, "no cohort “nowhere”. There are: other, trial"),
        (".", {"cohort": "trial", "centre": "Z"}, "no centre “Z”; it has A, B"),
    ],
)
def test_an_import_that_cannot_begin_says_why(
    trial: Trial, tmp_path: Path, path: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("import_dicom", str(tmp_path / path), **options)
    assert not Timepoint.objects.exists()


@pytest.mark.realdata
@pytest.mark.django_db
def test_a_dry_run_on_a_real_patient_counts_the_published_voxels(shared_data: Path, capsys: Any) -> None:
    report = report_of(capsys, "import_dicom", shared_data / "lung1_001_ct_rtstruct", cohort="x", dry_run=True)
    assert [(row["code"], row["shape_zyx"]) for row in report["series"]] == [("ok", [134, 512, 512])]
    gtv = next(row for row in report["segmentations"] if row["name"] == "GTV-1")
    assert (gtv["verdict"], gtv["voxels"]) == ("accepted", 54639)
    assert gtv["mean_hu"] == pytest.approx(-64.127, abs=5e-4)


@pytest.mark.realdata
@pytest.mark.django_db
@pytest.mark.parametrize(("fault", "code"), [("gantrytilting", "tilted_gantry"), ("notavolume", "duplicate_slice")])
def test_a_dry_run_on_a_bad_real_series_names_its_fault(
    shared_data: Path, capsys: Any, fault: str, code: str
) -> None:
    folder = shared_data / "hard_dicom" / "dicom2nifti_failing" / fault
    report = report_of(capsys, "import_dicom", folder, cohort="x", dry_run=True, ends_with_error=True)
    assert code in {row["code"] for row in report["series"]}


# features


def test_features_of_a_pair_of_files_are_printed_and_written(tmp_path: Path, capsys: Any) -> None:
    image = write_raster(tmp_path / "image.nii.gz", small_scan(0))
    mask = write_raster(tmp_path / "mask.nii.gz", small_scan(0), mask=True)
    written = {}
    for ending in ("csv", "parquet", "json"):
        file = tmp_path / f"out.{ending}"
        report = report_of(capsys, "features", image, mask, protocol="light", out=file)
        written[ending] = file
    assert set(report) >= {"features", "provenance"}
    assert "original_shape_MeshVolume" in report["features"]
    rows = [pd.read_csv(written["csv"]), pd.read_parquet(written["parquet"])]
    for table in rows:
        assert len(table) == 1
        assert table["original_shape_MeshVolume"][0] == pytest.approx(report["features"]["original_shape_MeshVolume"])
    assert json.loads(written["json"].read_text()) == report


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"protocol": "heavy"}, "unknown_setting"),
        ({"out": "features.xlsx"}, "unknown_setting"),
        ({"mask": "absent.nii.gz"}, "unreadable_file"),
        ({"roi": "GTV-9"}, "region_not_found"),
    ],
)
def test_features_that_cannot_be_had_end_with_a_named_reason(
    tmp_path: Path, capsys: Any, spoil: dict[str, str], code: str
) -> None:
    image = write_raster(tmp_path / "image.nii.gz", small_scan(0))
    mask = write_raster(tmp_path / "mask.nii.gz", small_scan(0), mask=True)
    options = {"protocol": "light"} | {name: value for name, value in spoil.items() if name != "mask"}
    if "out" in options:
        options["out"] = tmp_path / options["out"]  # type: ignore[assignment]
    used = tmp_path / spoil["mask"] if "mask" in spoil else mask
    report = report_of(capsys, "features", image, used, ends_with_error=True, **options)
    assert report["error"]["code"] == code
    assert not (tmp_path / "features.xlsx").exists()


@pytest.mark.realdata
def test_features_of_a_real_pair_carry_pyradiomics_names_and_values(shared_data: Path, capsys: Any) -> None:
    folder = shared_data / "pyradiomics"
    report = report_of(capsys, "features", folder / "lung1_image.nrrd", folder / "lung1_label.nrrd", protocol="light")
    assert len(report["features"]) == 386
    volume = report["features"]["original_shape_VoxelVolume"]
    assert 0.9 < volume / report["features"]["original_shape_MeshVolume"] < 1.1
    assert "log-sigma-1-0-mm-3D_glcm_Contrast" in report["features"]


@pytest.mark.realdata
def test_features_of_one_reader_of_a_real_segmentation_with_four(
    shared_data: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = shared_data / "lidc_0314_mini"
    seg = folder / "seg" / "readers1-4_overlapping.dcm"
    refused = report_of(capsys, "features", folder / "ct", seg, protocol="light", ends_with_error=True)
    assert refused["error"]["code"] == "region_not_found"
    assert "Nodule reader 4" in refused["error"]["message"]
    report = report_of(capsys, "features", folder / "ct", seg, roi="Nodule reader 1", protocol="light")
    expected = json.loads((folder / "expected.json").read_text())["expected"]["reader1"]
    assert report["features"]["original_shape_VoxelVolume"] == pytest.approx(expected["volume_mm3"], rel=0.03)
    assert report["features"]["original_firstorder_Mean"] == pytest.approx(expected["mean_HU"], abs=15)


# import_outcomes


TABLE = (
    "patient,viable_percent,necrosis_percent,stroma_percent,ypt,ypn,nodes_examined,nodes_positive\n"
    "P-1,40,25,35,ypT2a,ypN0,12,0\n"
)


def test_a_table_of_outcomes_is_checked_by_command_and_written_when_asked(
    trial: Trial, tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text(TABLE)
    checked = report_of(capsys, "import_outcomes", file, cohort="trial")
    assert checked == {
        "accepted": [{"row": 2, "patient": "P-1", "correction": False}],
        "unchanged": 0,
        "notes": [],
        "refused": [],
        "written": 0,
    }
    assert not PathologyOutcome.objects.exists()
    assert report_of(capsys, "import_outcomes", file, cohort="trial", commit=True)["written"] == 1
    again = report_of(capsys, "import_outcomes", file, cohort="trial", commit=True)
    assert (again["unchanged"], again["written"]) == (1, 0)
    assert PathologyOutcome.objects.count() == 1


def test_bad_rows_are_named_with_row_column_and_reason_and_fail_the_command(
    trial: Trial, tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text(TABLE + "P-2,140,0,0,ypT0,ypN0,3,0\nP-9,0,50,50,ypT0,ypN0,3,0\n")
    report = report_of(capsys, "import_outcomes", file, cohort="trial", commit=True, ends_with_error=True)
    assert [(row["row"], row["column"]) for row in report["refused"]] == [(3, "viable_percent"), (4, "patient")]
    assert all(row["reason"] for row in report["refused"])
    assert report["written"] == 1


def test_what_is_no_table_fails_with_its_code(trial: Trial, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text("a,b\n1,2\n")
    report = report_of(capsys, "import_outcomes", file, cohort="trial", ends_with_error=True)
    assert report["error"]["code"] == "unreadable_table"


# extract, create_cohort, doctor


def test_extract_queues_what_is_missing_and_reports_each_case(
    trial: Trial, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "workers_answer", lambda **_: True)
    store_scan(trial.patient, "pre", small_scan())
    report = report_of(capsys, "extract", cohort="trial", protocol="light")
    assert [(case["patient"], case["timepoint"], case["state"]) for case in report["cases"]] == [
        ("P-1", "pre", "queued")
    ]
    jobs.execute(Job.objects.get(kind=Job.Kind.EXTRACTION).pk, extract_case)
    assert report_of(capsys, "extract", cohort="trial", protocol="light") == {"job": None, "cases": []}


def test_extract_refuses_to_queue_work_that_nobody_would_do(
    trial: Trial, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "workers_answer", lambda **_: False)
    store_scan(trial.patient, "pre", small_scan())
    report = report_of(capsys, "extract", cohort="trial", ends_with_error=True)
    assert report["error"]["code"] == "no_workers"
    assert not Job.objects.exists()


def test_a_cohort_is_made_with_centres_and_an_administrator(trial: Trial, capsys: Any) -> None:
    arguments = {"name": "New", "centre": ["A:First", "B"], "administrator": "stranger"}
    report = report_of(capsys, "create_cohort", "fresh", **arguments)
    assert report == {"code": "fresh", "name": "New", "centres": {"A": "First", "B": "B"}}
    cohort = Cohort.objects.get(code="fresh")
    assert cohort.training_centre is not None
    assert cohort.training_centre.code == "A"
    assert Membership.objects.get(cohort=cohort).user == trial.people["stranger"]
    assert AuditEntry.objects.filter(cohort=cohort, object_type="cohort").count() == 1


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        ("trial", {}, "already"),
        ("a b", {}, "is no code"),
        ("fresh", {"centre": ["ä:x"]}, "is no code"),
        ("fresh", {"administrator": "nobody"}, "no user"),
    ],
)
def test_a_cohort_that_cannot_be_made_says_why(trial: Trial, code: str, options: Any, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("create_cohort", code, **options)
    assert not Cohort.objects.filter(code="fresh").exists()


def quiet_doctor(monkeypatch: pytest.MonkeyPatch, *, disk: Any = diagnosis.disk) -> None:
    """Let the doctor look at what needs no broker; nothing here answers one."""
    found = lambda: diagnosis.Finding("Broker", "ok", "answers")  # noqa: E731
    monkeypatch.setattr(diagnosis, "CHECKS", (diagnosis.python, diagnosis.database, disk, found))


@pytest.mark.django_db
def test_the_doctor_reports_each_check_with_verdict_and_remedy(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet_doctor(monkeypatch)
    report = report_of(capsys, "doctor")
    assert [check["name"] for check in report["checks"]] == ["Python", "Database", "Disk", "Broker"]
    for check in report["checks"]:
        assert set(check) == {"name", "verdict", "found", "remedy"}
        assert check["verdict"] in {"ok", "warning"}


@pytest.mark.django_db
def test_the_doctor_fails_when_something_is_wrong_and_survives_a_check_that_breaks(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk() -> diagnosis.Finding:
        raise OSError("gone")

    quiet_doctor(monkeypatch, disk=disk)
    report = report_of(capsys, "doctor", ends_with_error=True)
    verdicts = {check["name"]: check["verdict"] for check in report["checks"]}
    assert verdicts["disk"] == "problem"
    assert verdicts["Python"] == "ok"


# As a person types it.


@pytest.mark.processes
def test_a_refusal_ends_the_process_with_code_one_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "in", small_scan(0))
    (folder / "ct" / "0004.dcm").unlink()
    installation = Installation(tmp_path / "data")
    done = installation.manage("import_dicom", str(folder), "--cohort", "x", "--dry-run", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["series"][0]["code"] == "missing_slice"
    assert "refused" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.processes
def test_features_of_one_case_need_no_database(tmp_path: Path) -> None:
    image = write_raster(tmp_path / "image.nrrd", small_scan(0))
    mask = write_raster(tmp_path / "mask.nrrd", small_scan(0), mask=True)
    installation = Installation(tmp_path / "data")
    done = installation.manage("features", str(image), str(mask), "--protocol", "light", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["features"]["original_shape_MeshVolume"] > 0
    assert not (tmp_path / "data" / "ecotone.sqlite3").exists()


@pytest.mark.processes
def test_the_doctor_finds_an_installation_without_tables_wanting(tmp_path: Path) -> None:
    done = Installation(tmp_path / "data").manage("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert {"Python", "C compiler", "Libraries", "Database", "Broker", "Workers", "Disk"} <= set(checks)
    assert checks["Database"]["verdict"] == "warning"
    assert "migrate" in checks["Database"]["remedy"]
    assert done.returncode == (1 if any(check["verdict"] == "problem" for check in checks.values()) else 0)

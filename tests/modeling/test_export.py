"""What leaves a cohort as tables: equal values in both formats, every column explained, nothing beyond one's rights."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from cohorts import workers
from cohorts.models import Job, Membership, Patient, Role
from cohorts.services.cohorts import create_cohort
from imaging.models import HabitatModel
from imaging.services import transitions
from modeling.models import Prediction
from modeling.services.export import tables_of
from tests.conftest import settings_of
from tests.modeling.conftest import SMALL, Trained, quick_training
from tests.queue import Queue
from tests.study import NAMES, Study, register_at_rest, segmentations_of, stored_labels

pytestmark = pytest.mark.django_db
TABLES = {"patients", "outcomes", "features_whole_tumour", "features_habitats", "predictions", "data_dictionary"}
#: Empty in a study without registrations, but always there.
WRITTEN = TABLES | {"features_transitions"}


@pytest.fixture
def data_folder(trained: Trained, settings: Any) -> Any:
    """The folder in which the trained study lies."""
    for name, value in settings_of(trained.folder).items():
        setattr(settings, name, value)
    return trained.folder


@pytest.fixture
def study(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Study:
    quick_training(monkeypatch)
    return trained.study


def archive_of(study: Study, role: str, client: Any) -> zipfile.ZipFile:
    client.force_login(study.people[role])
    response = client.get(reverse("modeling:export", args=[study.cohort.code]))
    assert response["Content-Type"] == "application/zip"
    assert "study-export.zip" in response["Content-Disposition"]
    return zipfile.ZipFile(io.BytesIO(response.content))


def test_the_command_writes_each_table_twice(study: Study, tmp_path: Path, capsys: Any) -> None:
    call_command("export", cohort="study", out=tmp_path / "out", as_json=True)
    report = json.loads(capsys.readouterr().out)
    names = {f"{table}.{ending}" for table in WRITTEN for ending in ("csv", "parquet")}
    assert set(report["files"]) == names == {path.name for path in (tmp_path / "out").iterdir()}


def test_both_formats_hold_equal_values(study: Study, tmp_path: Path) -> None:
    call_command("export", cohort="study", out=tmp_path)
    for table in TABLES:
        text = pd.read_csv(tmp_path / f"{table}.csv", float_precision="round_trip")
        binary = pd.read_parquet(tmp_path / f"{table}.parquet")
        assert list(text.columns) == list(binary.columns), table
        assert len(text) == len(binary) > 0, table
        for column in text.columns:
            numbers = pd.api.types.is_float_dtype(binary[column]) or pd.api.types.is_integer_dtype(binary[column])
            if numbers:
                np.testing.assert_array_equal(
                    text[column].to_numpy(dtype=float),
                    binary[column].to_numpy(dtype=float),
                    err_msg=f"{table}.{column}",
                )
            else:
                as_text = binary[column].map(lambda value: None if value is None or value == "" else str(value))
                read = text[column].map(lambda value: None if pd.isna(value) else str(value))
                assert as_text.tolist() == read.tolist(), f"{table}.{column}"


def test_gaps_are_nulls_in_parquet_so_that_others_count_what_is_known(study: Study, tmp_path: Path) -> None:
    patient = study.patient("S-03")
    Patient.objects.filter(pk=patient.pk).update(pdl1_percent=None, histology="")
    call_command("export", cohort="study", out=tmp_path)
    for table in TABLES:
        text = pd.read_csv(tmp_path / f"{table}.csv", float_precision="round_trip")
        binary = pq.read_table(tmp_path / f"{table}.parquet")
        for column in binary.column_names:
            known = pc.count(binary[column], mode="only_valid").as_py()
            assert known == text[column].notna().sum(), f"{table}.{column}"
            if pa.types.is_floating(binary.schema.field(column).type):
                assert not pc.any(pc.is_nan(binary[column]), min_count=0).as_py(), f"{table}.{column}"
    patients = pq.read_table(tmp_path / "patients.parquet")
    assert pc.count(patients["pdl1_percent"], mode="only_null").as_py() >= 1
    assert pc.count(patients["histology"], mode="only_null").as_py() >= 1


def test_no_text_of_an_export_runs_as_a_formula_in_csv_and_parquet_keeps_it(study: Study, tmp_path: Path) -> None:
    Patient.objects.filter(pk=study.patient("S-03").pk).update(regimen="=HYPERLINK(1)", location="")
    call_command("export", cohort="study", out=tmp_path)
    text = pd.read_csv(tmp_path / "patients.csv").set_index("patient")
    assert text.loc["S-03", "regimen"] == "'=HYPERLINK(1)"
    assert (
        pd.read_parquet(tmp_path / "patients.parquet").set_index("patient").loc["S-03", "regimen"] == "=HYPERLINK(1)"
    )


def test_every_column_of_every_table_is_explained(study: Study) -> None:
    tables = tables_of(study.cohort, None)
    explained = tables.pop("data_dictionary")
    columns = [(name, column) for name, table in tables.items() for column in table.columns]
    assert list(zip(explained["table"], explained["column"], strict=True)) == columns
    assert (explained["meaning"].str.len() >= 3).all()
    assert (explained["type"].str.len() > 0).all()


def test_features_are_those_that_are_stored_under_pyradiomics_names(study: Study) -> None:
    table = tables_of(study.cohort, None)["features_whole_tumour"]
    assert list(table.columns[-len(NAMES) :]) == list(NAMES)
    assert len(table) == 80
    assert set(table["timepoint"]) == {"pre", "post"}


def test_transitions_are_exported_for_whoever_has_them(study: Study, data_folder: Any) -> None:
    model = HabitatModel.objects.get(cohort=study.cohort)
    patient = study.patient("S-03")
    labels = {pk: stored_labels(patient, kind, model) for kind, pk in segmentations_of(patient).items()}
    register_at_rest(patient)
    (followed,) = transitions.follow(labels)
    transitions.store([followed])
    tables = tables_of(study.cohort, None)
    (row,) = tables["features_transitions"].to_dict("records")
    assert (row["patient"], row["timepoint"], row["habitat_model"]) == ("S-03", "post", model.version)
    assert {name: row[name] for name in followed.features.names} == pytest.approx(
        followed.features.as_dict(), nan_ok=True
    )
    explained = tables["data_dictionary"].set_index(["table", "column"])["meaning"]
    assert "transitions.md" in explained["features_transitions", "transition_persistence"]


def test_the_number_of_queries_does_not_grow_with_the_patients(
    study: Study, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        assert len(tables_of(study.cohort, None)["patients"]) == 40


def test_an_export_holds_intervals_and_no_calendar_day(study: Study) -> None:
    for name, table in tables_of(study.cohort, None).items():
        of_patients = table.drop(columns=["created_at"], errors="ignore")
        assert (
            not of_patients.astype(str).apply(lambda column: column.str.contains(r"20\d\d-\d\d-\d\d")).any().any()
        ), name


def test_a_researcher_gets_predictions_with_version_and_standing(study: Study, client: Any) -> None:
    with archive_of(study, "researcher", client) as archive:
        table = pd.read_csv(archive.open("predictions.csv"))
    assert len(table) == Prediction.objects.count()
    assert set(table["standing"]) == {"training", "held_out", "prospective"}
    assert set(table["state"]) == {"candidate"}


def test_who_is_blind_to_predictions_on_the_page_is_so_in_the_export(study: Study, client: Any) -> None:
    with archive_of(study, "data_manager", client) as archive:
        assert not [name for name in archive.namelist() if name.startswith("predictions")]
        dictionary = pd.read_csv(archive.open("data_dictionary.csv"))
    assert "probability" not in set(dictionary["column"])


def test_a_member_of_one_centre_exports_patients_of_that_centre_only(study: Study, client: Any) -> None:
    centre = study.cohort.centres.get(code="B")
    Membership.objects.filter(user=study.people["researcher"]).update(centre=centre)
    with archive_of(study, "researcher", client) as archive:
        for name in TABLES - {"data_dictionary"}:
            assert set(pd.read_csv(archive.open(f"{name}.csv"))["centre"]) == {"B"}, name


def test_a_cohort_without_anything_exports_empty_tables_that_can_be_read(study: Study, tmp_path: Path) -> None:
    create_cohort("empty", name="Empty", centres={"A": "A"}, actor=None)
    call_command("export", cohort="empty", out=tmp_path)
    for table in TABLES:
        assert len(pd.read_csv(tmp_path / f"{table}.csv")) == len(pd.read_parquet(tmp_path / f"{table}.parquet"))


# Commands that queue work, with a worker that is this process.


@pytest.fixture
def worker_at_hand(monkeypatch: pytest.MonkeyPatch, queue: Queue, django_capture_on_commit_callbacks: Any) -> None:
    """Let commands believe that workers answer; whoever watches a job does the work first."""
    from modeling.management.commands import predict, train

    def watch(job: Job, *, label: str) -> Job:
        queue.work()
        job.refresh_from_db()
        return job

    for command in (train, predict):
        monkeypatch.setattr(command, "watch", watch)
    monkeypatch.setattr(workers, "workers_answer", lambda **_: True)


def run(name: str, capsys: Any, django_capture_on_commit_callbacks: Any, **options: Any) -> dict[str, Any]:
    capsys.readouterr()
    with django_capture_on_commit_callbacks(execute=True):
        call_command(name, cohort="study", as_json=True, **options)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


@pytest.mark.usefixtures("worker_at_hand")
def test_predict_reports_each_prediction(
    study: Study, capsys: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    from modeling.management.commands import predict

    original = predict.enqueue_prediction

    def send_now(*args: Any, **kwargs: Any) -> Job:
        with django_capture_on_commit_callbacks(execute=True):
            return original(*args, **kwargs)

    monkeypatch.setattr(predict, "enqueue_prediction", send_now)
    report = run("predict", capsys, django_capture_on_commit_callbacks, patient="S-39", wait=True)
    assert report["state"] == "done"
    assert [row["model"] for row in report["predictions"]] == list(SMALL.views)
    for row in report["predictions"]:
        assert {"patient", "model", "version", "probability", "threshold", "standing"} == set(row)


@pytest.mark.usefixtures("worker_at_hand")
def test_train_reports_models_and_evaluations(
    study: Study, capsys: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    from modeling.management.commands import train

    original = train.enqueue_training

    def send_now(*args: Any, **kwargs: Any) -> Job:
        with django_capture_on_commit_callbacks(execute=True):
            return original(*args, **kwargs)

    monkeypatch.setattr(train, "enqueue_training", send_now)
    report = run("train", capsys, django_capture_on_commit_callbacks, recipe="small", wait=True)
    assert report["run"] == 2
    for model in report["models"]:
        assert {"name", "recipe", "evaluations"} <= set(model)
        for row in model["evaluations"]:
            assert {"split", "centre", "n", "events", "auc", "auc_low", "auc_high"} <= set(row)
    assert Prediction.objects.filter(model_version__version=2).count() == 40 * len(SMALL.views)


@pytest.mark.parametrize(("name", "options"), [("train", {}), ("predict", {})])
def test_commands_refuse_to_queue_work_that_nobody_would_do(
    study: Study, monkeypatch: Any, name: str, options: Any, capsys: Any
) -> None:
    monkeypatch.setattr(workers, "workers_answer", lambda **_: False)
    before = Job.objects.count()
    with pytest.raises(CommandError, match="--wait"):
        call_command(name, cohort="study", as_json=True, **options)
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no_workers"
    assert Job.objects.count() == before


@pytest.mark.parametrize("name", ["train", "predict", "export"])
def test_a_cohort_that_is_not_there_is_named_with_those_that_are(study: Study, name: str, tmp_path: Path) -> None:
    options = {"out": tmp_path} if name == "export" else {}
    with pytest.raises(CommandError, match="There are: study"):
        call_command(name, cohort="nowhere", **options)


def test_a_patient_that_is_not_there_ends_the_command(study: Study) -> None:
    with pytest.raises(CommandError, match="no patient"):
        call_command("predict", cohort="study", patient="S-99")


def test_roles_of_the_study_are_all_there(study: Study) -> None:
    assert set(study.people) == set(Role.values)

"""Own tables in the browser: upload, choices, check, start, result, and who may do what."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Job
from imaging import storage
from modeling.core.errors import LeakedOutcome
from modeling.core.own_table import file as table_file
from modeling.core.own_table.choices import Choices
from modeling.core.recipes import BUILT_IN, QUICK
from modeling.models import TableAnalysis
from modeling.services.table_analysis import enqueue_analysis, file_of, keep_table
from tests.queue import Queue
from tests.trial import Trial, build_trial

pytestmark = pytest.mark.django_db
TINY = replace(
    QUICK, name="quick", cv_folds=2, inner_folds=2, lasso_folds=2, classifiers=("logistic",), selection_bootstraps=3
)
N = 60


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setitem(BUILT_IN, "quick", TINY)
    return build_trial()


def content(**changes: Any) -> bytes:
    random = np.random.default_rng(3)
    y = random.permutation([0, 1] * (N // 2))
    columns = {
        "code": [f"X-{i}" for i in range(N)],
        "hospital": ["A"] * 40 + ["B"] * 20,
        "signal": random.normal(size=N) + 1.5 * y,
        "noise": random.normal(size=N),
        "sex": ["male", "female"] * (N // 2),
        "responder": y,
        "months": random.exponential(20, N).round(1) + 0.1,
    }
    return pd.DataFrame(columns | changes).to_csv(index=False).encode()


CHOSEN = {
    "outcome": "responder",
    "id": "code",
    "centre": "hospital",
    "recipe": "quick",
    "seed": "7",
    "exclude": "months",
}


def url(name: str, trial: Trial, *number: int) -> str:
    return reverse(f"modeling:{name}", args=[trial.cohort.code, *number])


def brought(trial: Trial, **changes: Any) -> TableAnalysis:
    return keep_table(trial.cohort, content(**changes), title="", actor=trial.researcher)


def post(trial: Trial, table: TableAnalysis, act: str, **changes: Any) -> Any:
    return trial.client("researcher").post(url("table-start", trial, table.number), CHOSEN | {"act": act} | changes)


# Upload.


def test_an_upload_is_kept_by_digest_under_a_number_and_without_its_file_name(trial: Trial) -> None:
    file = SimpleUploadedFile("Jane_Doe.csv", content())
    for number in (1, 2):
        file.seek(0)
        answer = trial.client("researcher").post(url("table-upload", trial), {"file": file, "title": ""})
        assert answer["Location"] == url("table-analysis", trial, number)
    table = TableAnalysis.objects.get(number=1)
    assert storage.get(table.sha256) == content()
    assert (table.title, table.created_by) == ("Table 1", trial.researcher)
    assert [column["name"] for column in table.columns][:3] == ["code", "hospital", "signal"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1\n", "has 1 cells"),
        (b"a,b\n\xe9,\xe8\n", "UTF-8"),
        (b"\xff\xfe,\n", "one column only"),
        (b"PK\x03\x04 but no more", "nor an Excel workbook"),
        (b"", "Choose a table"),
    ],
)
def test_what_is_no_table_is_refused_and_nothing_is_kept(trial: Trial, data: bytes, said: str) -> None:
    answer = trial.client("researcher").post(
        url("table-upload", trial), {"file": SimpleUploadedFile("t.csv", data)}, follow=True
    )
    assert said in answer.content.decode()
    assert not TableAnalysis.objects.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PAR1 and no more", "The Parquet file is damaged."),
        (pd.DataFrame({"a": [[1], [2]], "b": [[3], [4]]}).to_parquet(), "No column of the Parquet file can be read"),
        (b"PK\x03\x04\xff\xfe", "UTF-8|workbook"),
    ],
)
def test_a_damaged_file_of_any_kind_is_refused_in_words(trial: Trial, data: bytes, said: str) -> None:
    answer = trial.client("researcher").post(
        url("table-upload", trial), {"file": SimpleUploadedFile("t", data)}, follow=True
    )
    assert answer.status_code == 200
    assert re.search(said, html.unescape(answer.content.decode()))
    assert not TableAnalysis.objects.exists()


def test_a_table_that_was_altered_on_disk_is_refused_in_words(trial: Trial) -> None:
    table = brought(trial)
    storage.path_of(table.sha256).write_bytes(b"other")
    for act in ("check", "start"):
        answer = post(trial, table, act)
        assert answer.status_code == 200
        assert "is missing or was altered" in answer.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize("views", ["a: 2020-99-99", "a: [", "[" * 5000, "a: !!python/object:os.system x"])
def test_views_that_are_no_yaml_are_an_error_at_their_field(trial: Trial, views: str) -> None:
    answer = post(trial, brought(trial), "check", views=views)
    assert answer.status_code == 200
    assert "views" in answer.context["form"].errors


def test_a_parquet_column_that_is_not_read_stands_among_the_columns_with_its_reason(trial: Trial) -> None:
    frame = pd.read_csv(io.BytesIO(content())).assign(lists=[[1]] * N)
    table = keep_table(trial.cohort, frame.to_parquet(), title="", actor=trial.researcher)
    page = trial.client("researcher").get(table.get_absolute_url()).content.decode()
    assert "holds lists or structures" in page


def test_no_id_of_a_patient_runs_as_a_formula_in_a_result(trial: Trial, queue: Queue) -> None:
    table = brought(trial, code=[f"=X-{i}" for i in range(N)])
    post(trial, table, "start")
    deliver(Job.objects.get(), queue)
    table.refresh_from_db()
    ids = pd.read_csv(io.BytesIO(file_of(table, "predictions.csv")))["id"]
    assert ids.str.startswith("'=X-").all()


def test_a_table_that_is_too_large_is_refused_with_its_size(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeling.services.table_analysis.MAX_BYTES", 1000)
    answer = trial.client("researcher").post(
        url("table-upload", trial), {"file": SimpleUploadedFile("t.csv", content())}, follow=True
    )
    assert "at most" in answer.content.decode()
    assert table_file.MAX_BYTES == 50 * 1024 * 1024


# Choices.


def test_the_page_shows_each_column_with_its_verdict(trial: Trial) -> None:
    page = trial.client("researcher").get(brought(trial).get_absolute_url()).content.decode()
    assert "it holds text; bring it as numbers" in page
    assert '<option value="responder">' in page
    assert "Research use only" in page


def test_a_check_shows_who_is_used_and_the_advice_before_anything_runs(trial: Trial) -> None:
    answer = post(trial, brought(trial), "check")
    page = answer.content.decode()
    assert "Ready to start" in page
    assert "needs about" in page
    assert 'value="start"' in page
    assert not Job.objects.exists()


def test_the_advice_is_the_same_before_and_after_an_analysis(trial: Trial, queue: Queue) -> None:
    table = brought(trial)
    before = post(trial, table, "check").context["preview"].sample_size
    post(trial, table, "start")
    deliver(Job.objects.get(), queue)
    table.refresh_from_db()
    assert table.result["sample_size"] == before
    assert before["sentence"].startswith("A model that chooses among 2 candidate features")


@pytest.mark.parametrize(
    ("columns", "choices", "said"),
    [
        ({}, {"outcome": ""}, "No outcome was chosen"),
        ({"code": "X"}, {}, "one row per patient"),
        ({}, {"views": "all: [signal, responder]"}, "which is the outcome"),
        (
            {"again": np.array([1, 2])[np.random.default_rng(3).permutation([0, 1] * (N // 2))]},
            {},
            "&#x27;again&#x27;",
        ),
        ({}, {"views": "]["}, "not YAML"),
        ({}, {"outcome": "nowhere"}, "Select a valid choice"),
        ({}, {"train_on": "Z"}, "no patient of the centre"),
    ],
)
@pytest.mark.parametrize("act", ["check", "start"])
def test_what_cannot_be_analysed_is_said_and_starts_nothing(
    trial: Trial, act: str, columns: dict[str, Any], choices: dict[str, Any], said: str
) -> None:
    answer = post(trial, brought(trial, **columns), act, **choices)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Job.objects.exists()


# Analysis.


def test_a_start_runs_in_the_background_and_its_result_is_shown_and_downloaded(trial: Trial, queue: Queue) -> None:
    table = brought(trial)
    answer = post(trial, table, "start")
    job = Job.objects.get()
    assert answer["Location"] == job.get_absolute_url()
    assert (job.kind, job.state) == (Job.Kind.ANALYSIS, Job.State.QUEUED)
    assert AuditEntry.objects.filter(verb="analysed", actor=trial.researcher).count() == 1
    with pytest.raises(ServiceError, match="not over"):
        enqueue_analysis(table, Choices(outcome="responder", id="code"), recipe_name="quick", seed=1, user=None)
    deliver(job, queue)
    job.refresh_from_db()
    table.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    assert table.result["seed"] == 7
    assert [model["name"] for model in table.result["models"]] == ["all"]
    client = trial.client("researcher")
    page = client.get(table.get_absolute_url()).content.decode()
    for words in (
        "Nested cross-validation",
        "External",
        "Decision curve",
        "Columns refused: 1",
        "Analyse it in another way",
    ):
        assert words in page, words
    assert table.get_absolute_url() in client.get(job.get_absolute_url()).content.decode()
    download = url("table-download", trial, table.number)
    assert json.loads(client.get(download).content) == table.result
    assert client.get(download, {"file": "predictions.csv"}).content == file_of(table, "predictions.csv")
    assert client.get(download, {"file": "../settings.py"}).status_code == 404


def test_another_analysis_stands_beside_the_first(trial: Trial) -> None:
    table = brought(trial)
    TableAnalysis.objects.filter(pk=table.pk).update(result={"n": 1})
    table.refresh_from_db()
    job = enqueue_analysis(table, Choices(outcome="responder", id="code"), recipe_name="quick", seed=1, user=None)
    assert job.parameters == {"table": 2}
    assert TableAnalysis.objects.get(number=1).result == {"n": 1}
    assert TableAnalysis.objects.get(number=2).sha256 == table.sha256


def test_a_survival_result_has_its_own_columns_and_curves(trial: Trial, queue: Queue) -> None:
    table = brought(trial)
    values = {"outcome": "", "time": "months", "event": "responder", "exclude": ""}
    post(trial, table, "start", **values)
    deliver(Job.objects.get(), queue)
    table.refresh_from_db()
    page = trial.client("researcher").get(table.get_absolute_url()).content.decode()
    for words in ("C-index", "Log-rank p", "Kaplan-Meier, all, external test", "At risk at", "Median time"):
        assert words in page, words
    (model,) = table.result["models"]
    row = model["coefficients"][0]
    for end in ("", "_low", "_high"):
        assert f"{row[f'hazard_ratio_per_sd{end}']:.2f}" in page


def test_a_leak_is_refused_before_a_job_is_made(trial: Trial) -> None:
    y = np.random.default_rng(3).permutation([0, 1] * (N // 2))
    with pytest.raises(LeakedOutcome):
        enqueue_analysis(
            brought(trial, again=1 - y),
            Choices(outcome="responder", id="code"),
            recipe_name="quick",
            seed=1,
            user=None,
        )
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("person", "sees"), [("coordinator", 403), ("reader", 403), ("data_manager", 403), ("stranger", 404)]
)
def test_who_may_not_see_predictions_sees_no_table(trial: Trial, person: str, sees: int) -> None:
    table = brought(trial)
    client = trial.client(person)
    for address in (url("tables", trial), table.get_absolute_url(), url("table-download", trial, table.number)):
        assert client.get(address).status_code == sees
    assert client.post(url("table-start", trial, table.number), CHOSEN).status_code == sees


def deliver(job: Job, queue: Queue) -> None:
    """Hand the job to the task, as a worker would."""
    queue.messages.append(("modeling.tasks.analyse_table", (job.pk,)))
    queue.work()

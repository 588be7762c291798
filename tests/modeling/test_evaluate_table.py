"""`evaluate_table` as a person types it: one JSON object, a whole folder or none, a sentence for each refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from modeling.core import persist
from modeling.core.recipes import BUILT_IN, QUICK
from modeling.core.table import FeatureTable
from tests.installation import Installation

N = 72
#: The shortest recipe that is still all of a recipe.
TINY = replace(
    QUICK, name="tiny", cv_folds=2, inner_folds=2, lasso_folds=2, classifiers=("logistic",), c_grid=(0.1, 1.0)
)
TINY = replace(TINY, bootstraps=50, selection_bootstraps=3)
VIEWS = "one: [signal]\nclinical: ['noise_*']\nboth: {fuse: [one, clinical]}\n"


def table(**changes: Any) -> pd.DataFrame:
    """Give patients of three hospitals with one feature that tells something and three that do not."""
    random = np.random.default_rng(8)
    y = random.permutation([0, 1] * (N // 2))
    columns = {
        "code": [f"P-{i:02d}" for i in range(N)],
        "hospital": random.permutation(["A"] * 44 + ["B"] * 16 + ["C"] * 12),
        "signal": random.normal(size=N) + 1.2 * y,
        **{f"noise_{j}": random.normal(size=N) for j in range(3)},
        "sex": random.permutation(["male", "female"] * (N // 2)),
        "responder": y,
        "days": random.exponential(300, N).round() + 1,
    }
    return pd.DataFrame(columns | changes)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BUILT_IN, TINY.name, TINY)
        yield


def written(folder: Path, frame: pd.DataFrame) -> Path:
    file = folder / "table.csv"
    frame.to_csv(file, index=False)
    return file


def evaluate(capsys: Any, file: Path, **options: Any) -> dict[str, Any]:
    capsys.readouterr()
    usual = {"outcome": "responder", "id": "code", "recipe": "tiny", "out": file.parent / "out", "exclude": ["days"]}
    call_command("evaluate_table", file, as_json=True, **(usual | options))
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """One analysis with hospitals, views and a patient without an outcome."""
    folder = tmp_path_factory.mktemp("whole")
    frame = table()
    frame["responder"] = frame["responder"].astype(object)
    frame.loc[5, "responder"] = None
    (folder / "views.yaml").write_text(VIEWS)
    file = written(folder, frame)
    options = {"id": "code", "centre": "hospital", "views": folder / "views.yaml", "recipe": "tiny"}
    call_command("evaluate_table", file, outcome="responder", out=folder / "out", **options)
    return json.loads((folder / "out" / "result.json").read_text()), folder / "out"


def test_the_report_names_patients_models_and_splits(whole: tuple[dict[str, Any], Path]) -> None:
    report, _ = whole
    assert (report["n"], report["excluded"]) == (N - 1, [{"id": "P-05", "reason": "no outcome"}])
    assert {row["column"] for row in report["refused"]} == {"sex"}
    assert [model["name"] for model in report["models"]] == ["one", "clinical", "both"]
    for model in report["models"]:
        assert model["classifier"]
        rows = {(row["split"], row["centre"]): row for row in model["evaluations"]}
        assert {("nested_cv", None), ("external", None), ("external", "B"), ("external", "C")} <= set(rows)
        assert not {"internal_test", "cross_validation"} & {row["split"] for row in model["evaluations"]}
        for row in rows.values():
            assert {"n", "events", "auc", "auc_low", "auc_high", "brier", "calibration_slope"} <= set(row)
        assert rows["external", None]["n"] == rows["external", "B"]["n"] + rows["external", "C"]["n"]
    nested = report["models"][0]["evaluations"][0]
    assert nested["auc_low"] > 0.5
    keys = {"sample_size", "comparisons", "heterogeneity", "centre_predictability", "warnings", "recipe", "seed"}
    assert keys | {"sha256", "versions"} <= set(report)


def test_the_folder_holds_what_the_report_digests(whole: tuple[dict[str, Any], Path]) -> None:
    report, folder = whole
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert present == {*report["files"], "result.json", "SHA256SUMS"}
    for name, digest in report["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    frozen = FeatureTable.from_parquet((folder / "table.parquet").read_bytes())
    assert (len(frozen.X), set(frozen.split)) == (N - 1, {"training", "external"})
    assert list(folder.parent.glob(".out*")) == []


def test_a_model_of_the_folder_gives_the_predictions_of_the_folder(whole: tuple[dict[str, Any], Path]) -> None:
    report, folder = whole
    frozen = FeatureTable.from_parquet((folder / "table.parquet").read_bytes()).of_split("external")
    stored = pd.read_csv(folder / "predictions.csv").query("split == 'external' and model == 'one'").set_index("id")
    model = persist.loads((folder / "models/one.skops").read_bytes(), sha256=report["files"]["models/one.skops"])
    again = pd.Series(model.predict_proba(frozen.X), index=frozen.X.index)
    np.testing.assert_allclose(stored["probability"], again.loc[stored.index])
    everybody = pd.read_csv(folder / "predictions.csv").query("model == 'one'")
    assert sorted(everybody["id"]) == sorted(set(everybody["id"]))
    assert len(everybody) == N - 1


def test_equal_tables_give_equal_reports_and_another_seed_another(tmp_path: Path, capsys: Any) -> None:
    file = written(tmp_path, table()[["code", "signal", "noise_0", "responder"]])
    one = evaluate(capsys, file, exclude=[])
    two = evaluate(capsys, file, exclude=[], out=tmp_path / "again")
    other = evaluate(capsys, file, exclude=[], out=tmp_path / "other", seed=5)
    assert one == two
    assert (other["seed"], other["recipe"]["seed"]) == (5, 5)
    assert other["models"][0]["evaluations"] != one["models"][0]["evaluations"]


def test_survival_uses_the_same_command(tmp_path: Path, capsys: Any) -> None:
    random = np.random.default_rng(9)
    frame = table(status=(random.random(N) < 0.7).astype(int))
    options = {"outcome": None, "time": "days", "event": "status", "exclude": ["responder"], "centre": "hospital"}
    report = evaluate(capsys, written(tmp_path, frame), **options)
    (model,) = report["models"]
    assert (model["name"], model["classifier"]) == ("all", "cox")
    splits = [(row["split"], row["centre"]) for row in model["evaluations"]]
    assert splits == [("nested_cv", None), ("external", None), ("external", "B"), ("external", "C")]
    for row in model["evaluations"]:
        assert {"c_index", "c_low", "c_high", "log_rank_p", "hazard_ratio", "kaplan_meier"} <= set(row)
    assert report["events"] == int(frame["status"].sum())
    assert {"kaplan_meier.csv", "predictions.csv", "models/all.json", "table.parquet"} <= set(report["files"])


@pytest.mark.parametrize(
    ("changes", "options", "code", "said"),
    [
        ({}, {"outcome": "respond"}, "unknown_column", "did you mean 'responder'"),
        ({"responder": [0, 1, 2] * 24}, {}, "outcome_not_binary", "3 values"),
        ({"responder": 1}, {}, "one_class_only", "both|absence"),
        ({"responder": [1] * 3 + [0] * 69}, {}, "too_few_patients", "3 responders"),
        ({"code": ["P"] * N}, {}, "repeated_id", "one row per patient"),
        ({"noise_0": [np.inf] * 2 + [1.5] * 70}, {}, "invalid_values", "'noise_0'"),
        (
            {"days": -4.0},
            {"outcome": None, "time": "days", "event": "responder", "exclude": []},
            "invalid_values",
            "days",
        ),
        ({}, {"outcome": None, "time": "days"}, "invalid_choice", "an event was not chosen"),
        ({}, {"time": "days", "event": "responder"}, "invalid_choice", "one of them"),
        ({"again": [1 - v for v in table()["responder"]]}, {}, "leaked_outcome", "'again'"),
        ({}, {"recipe": "nothing"}, "unknown_setting", "nothing"),
    ],
)
def test_a_refusal_is_one_sentence_with_a_remedy_and_leaves_no_folder(
    tmp_path: Path, capsys: Any, changes: dict[str, Any], options: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        evaluate(capsys, written(tmp_path, table(**changes)), **options)
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code
    assert error["remedy"]
    assert {path.name for path in tmp_path.iterdir()} <= {"table.csv", "data-folder"}


def test_a_view_that_lists_the_outcome_is_refused(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "views.yaml").write_text("all: [signal, responder]\n")
    with pytest.raises(CommandError, match="'responder', which is the outcome"):
        evaluate(capsys, written(tmp_path, table()), views=tmp_path / "views.yaml")


def test_a_missing_file_is_named(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv does not exist"):
        evaluate(capsys, tmp_path / "nowhere.csv")


def test_a_folder_that_holds_something_is_kept_unless_told_otherwise(tmp_path: Path, capsys: Any) -> None:
    file = written(tmp_path, table()[["code", "signal", "responder"]])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(CommandError, match=r"not empty.*overwrite"):
        evaluate(capsys, file, exclude=[])
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"
    evaluate(capsys, file, exclude=[], overwrite=True)
    assert not (tmp_path / "out" / "mine.txt").exists()
    assert (tmp_path / "out" / "result.json").exists()


@pytest.mark.processes
def test_the_command_needs_no_database_and_prints_one_object(tmp_path: Path) -> None:
    file = written(tmp_path, table()[["code", "signal", "responder", "days"]])
    installation = Installation(tmp_path / "data")
    options = ("--time", "days", "--event", "responder", "--id", "code", "--recipe", "quick", "--json")
    arguments = (*options, "--out", str(tmp_path / "out"))
    done = installation.manage("evaluate_table", str(file), *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == N
    assert not (tmp_path / "data" / "ecotone.sqlite3").exists()
    refused = installation.manage("evaluate_table", str(file), *arguments)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert json.loads(refused.stdout)["error"]["code"] == "folder_in_use"

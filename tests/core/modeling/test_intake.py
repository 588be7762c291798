"""Tables that people bring: how files are read, what is refused, and why."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modeling.core import errors
from modeling.core.own_table.choices import Choices
from modeling.core.own_table.columns import inspect
from modeling.core.own_table.file import MAX_COLUMNS, read_table
from modeling.core.own_table.intake import Intake, take_in
from modeling.core.own_table.outcomes import coded
from modeling.core.own_table.own_views import given_name, parse_views, views_of

N = 24


def frame(**changes: Any) -> pd.DataFrame:
    """Give a plain table: two features, an id, a centre and an outcome that no feature tells."""
    random = np.random.default_rng(0)
    columns = {
        "code": [f"P-{i}" for i in range(N)],
        "hospital": ["A"] * 14 + ["B"] * 6 + ["C"] * 4,
        "volume": random.normal(size=N).round(4),
        "density": random.normal(size=N).round(4),
        "outcome": random.permutation([0, 1] * (N // 2)),
    }
    return pd.DataFrame(columns | changes)


def csv_of(table: pd.DataFrame, **options: Any) -> bytes:
    return table.to_csv(index=False, **options).encode()


def take(table: pd.DataFrame, **choices: Any) -> Intake:
    return take_in(read_table(csv_of(table)), Choices(**({"outcome": "outcome", "id": "code"} | choices)))


def reasons(intake: Intake) -> dict[str, str]:
    return {row["column"]: row["reason"] for row in intake.refused}


# Reading files.


@pytest.mark.parametrize(
    "content",
    [
        csv_of(frame()),
        b"\xef\xbb\xbf" + csv_of(frame()),
        csv_of(frame(), sep=";"),
        csv_of(frame(), sep="\t"),
        csv_of(frame(), sep=";", decimal=","),
        csv_of(frame(), sep="\t", decimal=","),
        csv_of(frame(), decimal=","),
        csv_of(frame()).replace(b"\n", b"\r\n"),
        frame().to_parquet(index=False),
    ],
    ids=["comma", "mark", "semicolon", "tab", "decimal comma", "tab and comma", "quoted comma", "windows", "parquet"],
)
def test_every_shape_of_a_table_is_the_same_table(content: bytes) -> None:
    intake = take_in(read_table(content), Choices(outcome="outcome", id="code", centre="hospital"))
    expected = frame()
    np.testing.assert_array_equal(intake.X["own|volume"], expected["volume"])
    np.testing.assert_array_equal(intake.y, expected["outcome"])
    assert list(intake.X.columns) == ["own|volume", "own|density"]
    assert list(intake.X.index) == list(expected["code"])


def test_numbers_are_read_to_the_last_bit() -> None:
    values = np.random.default_rng(1).normal(size=N) * 1e-7
    assert (take(frame(volume=values)).X["own|volume"].to_numpy() == values).all()


def test_an_id_keeps_its_leading_zeros() -> None:
    assert take(frame(code=[f"{i:04d}" for i in range(N)])).X.index[1] == "0001"


def test_a_comma_that_may_separate_thousands_is_no_decimal_comma() -> None:
    table = frame(volume=[f"{i + 1},{500 + i}" for i in range(N)])
    assert "decimal or separate thousands" in reasons(take(table))["volume"]


def test_another_column_tells_that_commas_are_decimal_and_makes_points_doubtful() -> None:
    table = frame(
        volume=[f"{i + 1},{500 + i}" for i in range(N)],
        density=[f"0,{i + 11}" for i in range(N)],
        extra=[f"1.{200 + i}" for i in range(N)],
    )
    intake = take(table)
    assert intake.X["own|volume"].iloc[0] == 1.5
    assert "decimal or separate thousands" in reasons(intake)["extra"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"a,b\n", "no row"),
        (b"a\n1\n2\n", "one column only"),
        (b"a,a\n1,2\n", "Two columns are named 'a'"),
        (b"a,b\n1,2\n3\n", "Row 3 has 1 cells and the header 2"),
        (b'a,b\n1,"2\n3,4\n', "quotation mark|cells"),
        (b"\xff\xfe\x00a", "one column only"),
        (b"a,b\nJ\xf6rg,1\n", "neither UTF-8"),
        (b"a,b\n1,\x002\n", "not a text table"),
        (b"PAR1 but no more", "Parquet file is damaged"),
        (b"PK\x03\x04\xff", "nor an Excel workbook"),
        ((",".join(f"x{i}" for i in range(MAX_COLUMNS + 1)) + "\n").encode() * 2, "20,001 columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(errors.UnreadableTable, match=said):
        read_table(content)


def test_an_index_of_parquet_is_an_unnamed_column() -> None:
    sink = io.BytesIO()
    frame().set_index(pd.Index(list(range(7, 7 + N)))).to_parquet(sink)
    (unnamed,) = [column for column in inspect(read_table(sink.getvalue())) if column.name.startswith("(unnamed")]
    assert unnamed.reason


# Columns that are no features.


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["large"] * N, "text"),
        ([7] * N, "constant"),
        ([None] * N, "no value"),
        ([f"2024-03-{i + 1:02d}" for i in range(N)], "dates"),
        ([f"{i + 1}.3.2024" for i in range(N)], "dates"),
        (list(range(N)), "numbers the rows"),
        (list(range(1, N + 1)), "numbers the rows"),
    ],
)
def test_a_column_that_is_no_feature_is_named_with_its_reason(values: list[Any], said: str) -> None:
    intake = take(frame(extra=values))
    assert said in reasons(intake)["extra"]
    assert "own|extra" not in intake.X


def test_distinct_integers_are_an_id_only_under_such_a_name() -> None:
    numbers = np.random.default_rng(2).permutation(N * 10)[:N]
    intake = take(frame(row=numbers, voxels=numbers))
    assert reasons(intake) == {
        "hospital": "holds text; bring it as numbers",
        "row": "is named as an id and differs in every row",
    }
    assert "own|voxels" in intake.X


def test_true_and_false_are_numbers() -> None:
    assert set(take(frame(extra=[True, False, True] * 8)).X["own|extra"]) == {0.0, 1.0}


def test_a_missing_value_stays_missing() -> None:
    assert take(frame(extra=[None, 1.5, 2] * 8)).X["own|extra"].isna().sum() == 8


# Choices.


def test_an_unknown_column_is_named_with_the_nearest() -> None:
    with pytest.raises(errors.UnknownColumn, match="'Outcom'; did you mean 'outcome'"):
        take(frame(), outcome="Outcom")


@pytest.mark.parametrize(
    "choices",
    [
        {"outcome": None},
        {"time": "volume", "event": "outcome"},
        {"outcome": None, "time": "volume"},
        {"outcome": None, "event": "outcome"},
        {"id": "outcome"},
        {"exclude": ("outcome",)},
        {"train_on": ("A",)},
        {"centre": "hospital", "train_on": ("Z",)},
    ],
)
def test_choices_that_do_not_fit_together_are_refused(choices: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidChoice):
        take(frame(), **choices)


def test_an_id_in_two_rows_is_named_with_its_rows() -> None:
    codes = [f"P-{i}" for i in range(N)]
    codes[9] = "P-2"
    with pytest.raises(errors.RepeatedId, match=r"'P-2' stands in 2 rows \(4, 11\).*one row per patient"):
        take(frame(code=codes))


def test_without_an_id_rows_are_patients_and_a_column_that_looks_like_one_is_doubted() -> None:
    intake = take(frame(code=["P-1", "P-2"] * 12).rename(columns={"code": "patient_id"}), id=None)
    assert list(intake.X.index[:2]) == ["1", "2"]
    assert any("'patient_id' looks like an id and repeats" in sentence for sentence in intake.warnings)


def test_rows_without_outcome_or_centre_are_excluded_by_id() -> None:
    outcome = frame()["outcome"].astype(object)
    outcome[3] = None
    hospital = frame()["hospital"].astype(object)
    hospital[5] = None
    intake = take(frame(outcome=outcome, hospital=hospital), centre="hospital")
    assert list(intake.excluded) == [{"id": "P-3", "reason": "no outcome"}, {"id": "P-5", "reason": "no centre"}]
    assert len(intake.y) == N - 2


def test_the_centre_with_most_patients_trains_unless_others_are_named() -> None:
    intake = take(frame(), centre="hospital")
    assert set(intake.centre[intake.split == "training"]) == {"A"}
    both = take(frame(), centre="hospital", train_on=("B", "C"))
    assert set(both.centre[both.split == "training"]) == {"B", "C"}
    assert set(take(frame()).split) == {"training"}


@pytest.mark.parametrize(
    ("cells", "positive", "coded_as"),
    [
        (["0", "1", None], None, [0, 1, np.nan]),
        (["1.0", "0.0"], None, [1, 0]),
        (["Yes", "no"], None, [1, 0]),
        (["TRUE", "false"], None, [1, 0]),
        (["Responder", "Non-responder"], None, [1, 0]),
        (["good", "bad"], "Good", [1, 0]),
        (["1", "2"], "2", [0, 1]),
        (["2", "1"], "1.0", [0, 1]),
    ],
)
def test_an_outcome_is_coded(cells: list[str | None], positive: str | None, coded_as: list[float]) -> None:
    np.testing.assert_array_equal(coded(cells, name="y", positive=positive), coded_as)


@pytest.mark.parametrize(
    ("cells", "positive", "error", "said"),
    [
        (["0", "1", "2"], None, errors.OutcomeNotBinary, "3 values"),
        (["good", "bad"], None, errors.OutcomeNotBinary, "which value is the event: bad or good"),
        (["1", "2"], None, errors.OutcomeNotBinary, "which value is the event"),
        (["0", "1"], "yes", errors.OutcomeNotBinary, "never says 'yes'"),
        (["1", "1"], None, errors.OneClassOnly, "say '1'"),
        ([None, None], None, errors.OneClassOnly, "empty"),
    ],
)
def test_an_outcome_that_cannot_be_coded_is_refused(
    cells: list[str | None], positive: str | None, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        coded(cells, name="y", positive=positive)


def test_of_a_survival_outcome_everybody_may_have_had_the_event_and_nobody_may_not() -> None:
    time = np.random.default_rng(3).exponential(10, N).round(3)
    everybody = take(frame(outcome=1, time=time), outcome=None, time="time", event="outcome")
    assert everybody.y.all()
    with pytest.raises(errors.OneClassOnly):
        take(frame(outcome=0, time=time), outcome=None, time="time", event="outcome")


@pytest.mark.parametrize(
    ("value", "said"), [(-1, "negative in row 6"), (np.inf, "infinite in row 6"), ("soon", "numbers")]
)
def test_a_time_that_cannot_be_is_refused_with_its_row(value: Any, said: str) -> None:
    time = [float(i) for i in range(3, N + 3)]
    time[4] = value
    with pytest.raises(errors.InvalidValues, match=said):
        take(frame(time=time), outcome=None, time="time", event="outcome")


def test_an_infinite_value_is_named_with_column_and_row() -> None:
    values = frame()["volume"].to_numpy().copy()
    values[7] = -np.inf
    with pytest.raises(errors.InvalidValues, match="'volume' holds infinite values in row 9"):
        take(frame(volume=values))
    assert "own|volume" not in take(frame(volume=values), exclude=("volume",)).X


# Leaks.


@pytest.mark.parametrize("make", [lambda y: y, lambda y: 1 - y, lambda y: np.where(y == 1, 7.5, 2.0)])
def test_a_column_that_equals_the_outcome_is_refused_by_name(make: Any) -> None:
    with pytest.raises(errors.LeakedOutcome, match="'again'"):
        take(frame(again=make(frame()["outcome"].to_numpy())))


def test_a_column_that_equals_the_outcome_where_it_is_known_is_refused() -> None:
    again = frame()["outcome"].astype(float)
    again[::5] = np.nan
    with pytest.raises(errors.LeakedOutcome, match="'again'"):
        take(frame(again=again))


def test_one_patient_who_differs_is_no_leak() -> None:
    again = frame()["outcome"].to_numpy().copy()
    again[0] = 1 - again[0]
    assert "own|again" in take(frame(again=again)).X


def test_a_column_that_orders_patients_as_the_time_does_is_refused() -> None:
    time = np.random.default_rng(4).exponential(30, N).round(3)
    with pytest.raises(errors.LeakedOutcome, match="'months' tells the time"):
        take(frame(time=time, months=time / 30.4), outcome=None, time="time", event="outcome")


def test_a_perfect_feature_and_a_telling_name_are_doubted_not_refused() -> None:
    y = frame()["outcome"].to_numpy()
    said = " ".join(take(frame(viable=y + np.linspace(0, 0.5, N), follow_up_days=np.arange(N) ** 2)).warnings)
    assert "'viable' alone tells the outcome" in said
    assert "'follow_up_days' sounds like" in said


def test_the_histology_of_the_resected_tumour_sounds_like_something_known_later_and_that_of_the_biopsy_does_not() -> (
    None
):
    stains = np.arange(N) % 2.0
    said = " ".join(take(frame(surgical_histology=stains, histology=1 - stains)).warnings)
    assert "'surgical_histology' sounds like" in said
    assert "'histology'" not in said


# Views.


def test_views_are_lists_patterns_and_fusions_under_names_that_may_be_taken() -> None:
    views = parse_views("clinical: [age]\ntexture: ['glcm_*', density]\nboth: {fuse: [clinical, texture]}\n")
    found = views_of(views, admitted=["age", "glcm_x", "density"], refused={}, roles={})
    assert found == {
        "own_clinical": {"columns": ["own|age"]},
        "texture": {"columns": ["own|glcm_*", "own|density"]},
        "both": {"fuse": ["own_clinical", "texture"]},
    }
    assert [given_name(name) for name in found] == ["clinical", "texture", "both"]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("[1, 2", errors.InvalidViews, "not YAML"),
        ("just words", errors.InvalidViews, "no mapping"),
        ("a: [nothing]", errors.InvalidViews, "'nothing'"),
        ("a: ['zzz*']", errors.InvalidViews, "zzz"),
        ("a: [hospital]", errors.InvalidViews, "'hospital', which is no feature: it holds text"),
        ("a: [outcome, volume]", errors.OutcomeAmongFeatures, "'outcome', which is the outcome"),
        ("a: [code]", errors.OutcomeAmongFeatures, "'code', which is the id"),
        ("a: {join: [b]}", errors.InvalidViews, "unknown key 'join'"),
        ("a: {fuse: [b, c]}", errors.InvalidViews, "fuses 'b'"),
        ("a: []", errors.InvalidViews, "no list"),
        ("'../a': [volume]", errors.InvalidViews, "no name for a view"),
        ("a: !!python/object/apply:os.getcwd []", errors.InvalidViews, "not YAML"),
    ],
)
def test_views_that_name_what_is_not_there_are_refused_by_name(text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        take(frame(), views=parse_views(text))


def test_a_column_whose_name_has_a_bar_is_still_one_feature() -> None:
    intake = take(frame().rename(columns={"volume": "whole|pre|volume"}))
    assert "own|whole/pre/volume" in intake.table().X


def test_choices_survive_json() -> None:
    choices = Choices(outcome="y", exclude=("a",), train_on=("B",), views={"x": ["a"]})
    assert Choices.from_dict(choices.as_dict()) == choices

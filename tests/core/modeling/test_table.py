from __future__ import annotations

import base64
import hashlib
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from modeling.core.errors import InvalidTable, MissingColumns, SnapshotCorrupt
from modeling.core.table import FORMAT, FeatureTable, assign_splits

#: A table as version 0.4 froze it: one age of three is a NaN.
FROZEN_BEFORE = base64.b64decode(
    "UEFSMRUAFTYVSCwVBhUAFQYVBhwAAAAotS/9IBvZAAACAAAABgEDAAAAUC0xAwAAAFAtMgMAAABQLTMVABUkFTYsFQYVABUGFQYcAAAAKLUv/S"
    "ASkQAAAgAAAAYBAQAAAAAAAAABAAAAFQAVKhU8LBUGFQAVBhUGHAAAACi1L/0gFakAAAIAAAAGAQEAAABBAQAAAEEBAAAAQhUAFVQVUiwVBhUA"
    "FQYVBhwAAAAotS/9ICoFAQDQAgAAAAYBCAAAAHRyYWluaW5nZXh0ZXJuYWwBAI6UMBUAFTwVSCwVBhUAFQYVBhwAAAAotS/9IB7dAACgAgAAAA"
    "YBAE5AAPh/AAAAAADgUUACAEDGBYwVABUuFUAsFQYVABUGFQYcAAAAKLUv/SAXuQAAAgAAAAYBAgAAAElJAAAAAAMAAABJSUkVBBl8NQAYBnNj"
    "aGVtYRUMABUMJQIYBGNvZGUlAEwcAAAAFQIlAhgBeSUeTKwTCBEAAAAVDCUCGAZjZW50cmUlAEwcAAAAFQwlAhgFc3BsaXQlAEwcAAAAFQolAh"
    "gMY2xpbmljYWx8YWdlABUMJQIYE2ZhY3R8c3ViZ3JvdXB8c3RhZ2UlAEwcAAAAFgYZHBlsJgAcFQwZJQYAGRgEY29kZRUMFgYWXBZuJghJHBUA"
    "FQAVAgA8FhIZBhkmAAYAAAAmABwVAhklBgAZGAF5FQwWBhZKFlwmdkkcFQAVABUCADwpBhkmAAYAAAAmABwVDBklBgAZGAZjZW50cmUVDBYGFl"
    "AWYibSAUkcFQAVABUCADwWBhkGGSYABgAAACYAHBUMGSUGABkYBXNwbGl0FQwWBhZ6FngmtAJJHBUAFQAVAgA8FjAZBhkmAAYAAAAmABwVChkl"
    "BgAZGAxjbGluaWNhbHxhZ2UVDBYGFmIWbiasA0kcFQAVABUCADwpBhkmAAYAAAAmABwVDBklBgAZGBNmYWN0fHN1Ymdyb3VwfHN0YWdlFQwWBh"
    "ZUFmYmmgRJHBUAFQAVAgA8FgoZBhkmAAYAAAAWpgQWBiYIFvgEABkcGAxBUlJPVzpzY2hlbWEYgAQvLy8vLzNnQkFBQVFBQUFBQUFBS0FBd0FC"
    "Z0FGQUFnQUNnQUFBQUFCQkFBTUFBQUFDQUFJQUFBQUJBQUlBQUFBQkFBQUFBWUFBQUFZQVFBQTBBQUFBS1FBQUFCNEFBQUFQQUFBQUFRQUFBQV"
    "EvLy8vQUFBQkJSQUFBQUFrQUFBQUJBQUFBQUFBQUFBVEFBQUFabUZqZEh4emRXSm5jbTkxY0h4emRHRm5aUUFNLy8vL1JQLy8vd0FBQVFNUUFB"
    "QUFKQUFBQUFRQUFBQUFBQUFBREFBQUFHTnNhVzVwWTJGc2ZHRm5aUUFBQmdBSUFBWUFCZ0FBQUFBQUFnQjgvLy8vQUFBQkJSQUFBQUFZQUFBQU"
    "JBQUFBQUFBQUFBRkFBQUFjM0JzYVhRQUFBQnMvLy8vcFAvLy93QUFBUVVRQUFBQUdBQUFBQVFBQUFBQUFBQUFCZ0FBQUdObGJuUnlaUUFBbFAv"
    "Ly84ei8vLzhBQUFFQ0VBQUFBQndBQUFBRUFBQUFBQUFBQUFFQUFBQjVBQUFBQ0FBTUFBZ0FCd0FJQUFBQUFBQUFBUWdBQUFBUUFCUUFDQUFHQU"
    "FjQURBQUFBQkFBRUFBQUFBQUFBUVVRQUFBQUhBQUFBQVFBQUFBQUFBQUFCQUFBQUdOdlpHVUFBQUFBQkFBRUFBUUFBQUFBQUFBQQAYIHBhcnF1"
    "ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGWwcAAAcAAAcAAAcAAAcAAAcAAAAGAQAAFBBUjE="
)
FROZEN_BEFORE_SHA256 = "a753b3e486fd526a9e8cec87eb896ef8b3795f4650d5029b93c854d9d721c98b"


def parts(table: FeatureTable) -> dict[str, object]:
    return {"X": table.X.copy(), "y": table.y.copy(), "centre": table.centre.copy(), "split": table.split.copy()}


def test_equal_tables_are_equal_bytes(make_table):
    assert make_table(seed=3).to_parquet() == make_table(seed=3).to_parquet()
    assert make_table(seed=3).sha256 != make_table(seed=4).sha256


def test_the_digest_is_that_of_the_bytes(table):
    assert table.sha256 == hashlib.sha256(table.to_parquet()).hexdigest()


def test_parquet_gives_back_every_value_also_gaps(make_table):
    given = parts(make_table())
    given["X"].iloc[3, 5] = np.nan
    before = FeatureTable(**given)
    after = FeatureTable.from_parquet(before.to_parquet(), sha256=before.sha256)
    pd.testing.assert_frame_equal(after.X, before.X, check_names=False)
    assert after.sha256 == before.sha256
    assert after.y.tolist() == before.y.tolist()
    assert after.centre.tolist() == before.centre.tolist()
    assert after.split.tolist() == before.split.tolist()


def with_facts(table: FeatureTable) -> FeatureTable:
    facts = pd.DataFrame({"order|days": np.arange(len(table.X))}, index=table.X.index)
    facts["subgroup|sex"] = np.where(np.arange(len(facts)) % 2, "female", "male")
    facts["scan|pre|thickness_mm"] = np.where(np.arange(len(facts)) % 3, 1.25, np.nan)
    facts.iloc[0, 1] = None
    return FeatureTable(**parts(table), facts=facts)


def test_facts_come_back_and_belong_to_no_view(table):
    before = with_facts(table)
    after = FeatureTable.from_parquet(before.to_parquet(), sha256=before.sha256)
    assert after.to_parquet() == before.to_parquet()
    assert after.facts.columns.tolist() == ["order|days", "subgroup|sex", "scan|pre|thickness_mm"]
    assert after.facts["order|days"].tolist() == list(range(len(table.X)))
    assert after.facts["subgroup|sex"].tolist()[:3] == ["", "female", "male"]
    assert np.isnan(after.facts["scan|pre|thickness_mm"].iloc[0])
    assert after.X.columns.tolist() == table.X.columns.tolist()


def test_a_table_without_facts_is_written_as_it_was_before_there_were_facts(table):
    written = pq.read_schema(io.BytesIO(table.to_parquet())).names
    assert written == ["code", "y", "centre", "split", *table.X.columns]
    assert FeatureTable.from_parquet(table.to_parquet()).facts.shape == (len(table.X), 0)


def test_chosen_patients_keep_their_facts(table):
    few = with_facts(table).take(["EC-0005", "EC-0002"])
    assert few.facts["order|days"].tolist() == [4.0, 1.0]
    assert few.outcomes(["EC-0002"]).tolist() == [table.y["EC-0002"]]
    assert few.codes("training") == ("EC-0002", "EC-0005")


@pytest.mark.parametrize("name", ["sex", "clinical|sex", "fact|sex"])
def test_it_refuses_a_fact_that_it_does_not_understand(table, name):
    with pytest.raises(InvalidTable, match="facts are not named"):
        FeatureTable(**parts(table), facts=pd.DataFrame({name: 1.0}, index=table.X.index))


def test_it_refuses_facts_of_other_patients(table):
    with pytest.raises(InvalidTable, match="X and of facts"):
        FeatureTable(**parts(table), facts=pd.DataFrame({"order|days": 1.0}, index=table.X.index[::-1]))


@pytest.mark.parametrize("name", ["own|glcm_contrast", "transitions|delta|kept"])
def test_it_takes_columns_of_a_brought_table_and_of_transitions(table, name):
    given = parts(table)
    given["X"][name] = 1.0
    assert FeatureTable(**given).X[name].eq(1.0).all()


def test_it_refuses_bytes_with_another_digest(table):
    data = bytearray(table.to_parquet())
    data[len(data) // 2] ^= 1
    with pytest.raises(SnapshotCorrupt, match="digest"):
        FeatureTable.from_parquet(bytes(data), sha256=table.sha256)


@pytest.mark.parametrize("data", [b"", b"PAR1 but not really PAR1", b"\x00" * 100])
def test_it_refuses_bytes_that_are_no_table(data):
    with pytest.raises(SnapshotCorrupt):
        FeatureTable.from_parquet(data)


def test_it_refuses_a_patient_twice(table):
    given = parts(table)
    given = {name: pd.concat([part, part.iloc[:1]]) for name, part in given.items()}
    with pytest.raises(InvalidTable, match="1 patient codes occur more than once, EC-0001"):
        FeatureTable(**given)


def test_it_refuses_parts_in_another_order(table):
    given = parts(table)
    given["y"] = given["y"].iloc[::-1]
    with pytest.raises(InvalidTable, match="X and of y"):
        FeatureTable(**given)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "no outcome"), (2, "0 or 1")])
def test_it_refuses_outcomes_that_are_not_binary(table, value, message):
    given = parts(table)
    given["y"] = given["y"].astype(float)
    given["y"].iloc[0] = value
    with pytest.raises(InvalidTable, match=message):
        FeatureTable(**given)


def test_it_refuses_infinite_values_and_names_a_column(table):
    given = parts(table)
    given["X"].iloc[0, 0] = np.inf
    with pytest.raises(InvalidTable, match=r"whole_tumour\|pre\|noise_0"):
        FeatureTable(**given)


def test_it_refuses_text_in_a_column(table):
    given = parts(table)
    given["X"]["clinical|histology"] = "squamous"
    with pytest.raises(InvalidTable, match=r"clinical\|histology"):
        FeatureTable(**given)


@pytest.mark.parametrize(
    "name", ["volume", "liver|pre|x", "habitat|later|x", "clinical|pre|age_years", "own|", "own|a|b"]
)
def test_it_refuses_a_column_name_that_it_does_not_understand(table, name):
    given = parts(table)
    given["X"][name] = 1.0
    with pytest.raises(InvalidTable, match="not named"):
        FeatureTable(**given)


def test_it_refuses_an_unknown_split(table):
    given = parts(table)
    given["split"].iloc[0] = "validation"
    with pytest.raises(InvalidTable, match="validation"):
        FeatureTable(**given)


def test_a_view_has_its_columns_and_no_others(table):
    assert all(column.startswith("whole_tumour|") for column in table.columns_of("whole_tumour"))
    assert table.columns_of("clinical") == ("clinical|age_years", "clinical|male")
    assert {column.split("|")[1] for column in table.columns_of("habitat_delta")} == {"delta"}
    both = set(table.columns_of("whole_tumour")) | set(table.columns_of("habitat"))
    assert set(table.columns_of("integrated")) == both


def test_a_view_without_columns_says_so(table):
    X = table.X.drop(columns=list(table.columns_of("clinical")))
    lean = FeatureTable(X, table.y, table.centre, table.split)
    with pytest.raises(MissingColumns, match="clinical"):
        lean.columns_of("clinical")


def test_splits_keep_the_share_of_responders_and_send_other_centres_outside():
    codes = [f"P{i}" for i in range(120)]
    y = [int(i % 3 == 0) for i in range(120)]
    centre = ["A"] * 90 + ["B"] * 30
    split = assign_splits(codes, y, centre, training_centre="A", seed=1)
    counts = pd.crosstab(split, pd.Series(y, index=split.index))
    # 60 and 30 patients of centre A, 30 % of each: 18 and 9.
    assert counts.loc["internal_test"].tolist() == [18, 9]
    assert counts.loc["training"].tolist() == [42, 21]
    assert (split[90:] == "external").all()
    assert not (split[:90] == "external").any()


def test_splits_do_not_depend_on_the_order_of_the_rows():
    codes = [f"P{i}" for i in range(40)]
    y, centre = [i % 2 for i in range(40)], ["A"] * 40
    one = assign_splits(codes, y, centre, training_centre="A", seed=5)
    two = assign_splits(codes[::-1], y[::-1], centre, training_centre="A", seed=5)
    assert one.to_dict() == two.to_dict()
    assert one.to_dict() != assign_splits(codes, y, centre, training_centre="A", seed=6).to_dict()


def test_a_new_patient_moves_at_most_one_other():
    codes, y = [f"P{i}" for i in range(41)], [1] * 41
    before = assign_splits(codes[:40], y[:40], ["A"] * 40, training_centre="A", seed=2)
    after = assign_splits(codes, y, ["A"] * 41, training_centre="A", seed=2)
    assert (before != after[before.index]).sum() <= 1


def test_it_refuses_a_training_centre_without_patients():
    with pytest.raises(InvalidTable, match="'Z' has no patient"):
        assign_splits(["a"], [1], ["A"], training_centre="Z", seed=0)


def test_it_refuses_a_test_fraction_of_everything():
    with pytest.raises(InvalidTable, match="below 1"):
        assign_splits(["a"], [1], ["A"], training_centre="A", seed=0, test_fraction=1.0)


def test_gaps_are_nulls_in_the_file_so_that_others_count_and_average_what_is_known(table):
    given = parts(table)
    given["X"].iloc[:4, 0] = np.nan
    frozen = with_facts(FeatureTable(**given))
    read = pq.read_table(io.BytesIO(frozen.to_parquet()))
    name = given["X"].columns[0]
    assert pc.count(read[name], mode="only_null").as_py() == 4
    assert pc.mean(read[name]).as_py() == pytest.approx(given["X"][name].mean())
    assert pc.count(read["fact|subgroup|sex"], mode="only_null").as_py() == 1
    for column in read.columns:
        if pa.types.is_floating(column.type):
            assert not pc.any(pc.is_nan(column), min_count=0).as_py()


def test_a_table_frozen_before_gaps_were_nulls_is_verified_by_its_digest_and_opens():
    found = FeatureTable.from_parquet(FROZEN_BEFORE, sha256=FROZEN_BEFORE_SHA256)
    np.testing.assert_array_equal(found.X["clinical|age"], [60.0, np.nan, 71.5])
    assert found.facts["subgroup|stage"].tolist() == ["II", "", "III"]
    assert found.sha256 != FROZEN_BEFORE_SHA256
    again = FeatureTable.from_parquet(found.to_parquet(), sha256=found.sha256)
    pd.testing.assert_frame_equal(again.X, found.X)
    pd.testing.assert_frame_equal(again.facts, found.facts)


def test_the_format_stands_in_the_file_and_a_later_one_is_refused(table):
    stored = pq.read_table(io.BytesIO(table.to_parquet()))
    assert stored.schema.metadata == {b"ecotone:table": str(FORMAT).encode()}
    sink = io.BytesIO()
    pq.write_table(stored.replace_schema_metadata({"ecotone:table": str(FORMAT + 1)}), sink)
    with pytest.raises(SnapshotCorrupt, match=f"reads up to {FORMAT}"):
        FeatureTable.from_parquet(sink.getvalue())

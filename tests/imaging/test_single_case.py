"""Features of one case as a file: what is undefined is a gap in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from cohorts.errors import ServiceError
from imaging.core.feature_vector import FeatureVector
from imaging.services.single_case import SingleCase, write_features

VALUES = FeatureVector(("volume", "skewness"), np.array([-2.5, np.nan]), {"skewness": "all voxels are equal"})


def case() -> SingleCase:
    nothing = cast(Any, None)
    return SingleCase(nothing, nothing, nothing, VALUES)


def test_an_undefined_feature_is_null_in_parquet_and_empty_in_csv(tmp_path: Path) -> None:
    write_features(case(), tmp_path / "out.parquet")
    write_features(case(), tmp_path / "out.csv")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [{"volume": -2.5, "skewness": None}]
    assert (tmp_path / "out.csv").read_text() == "volume,skewness\n-2.5,\n"


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="must end with"):
        write_features(case(), tmp_path / "out.xlsx")

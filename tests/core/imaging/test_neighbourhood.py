"""Padding beside a tumour: counted where the protocol keeps it, without influence where the protocol fills it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from imaging.core.features import extract
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.neighbourhood import filled, padding_voxels
from imaging.core.spec import LIGHT, ExtractionSpec, HabitatSpec, RadiomicsSpec
from imaging.core.supervoxels import supervoxels

GRID = Grid((24, 40, 40), (1.5, 1.2, 1.2))


@pytest.fixture(scope="module")
def tumour() -> tuple[Volume, TumorMask]:
    """A ball of soft tissue in lung, near the edge of what was scanned; no value is constant."""
    random = np.random.default_rng(3)
    z, y, x = np.indices(GRID.shape_zyx)
    ball = ((z - 12) * 1.5) ** 2 + ((y - 20) * 1.2) ** 2 + ((x - 12) * 1.2) ** 2 <= 8.0**2
    array = np.where(ball, 40, -850) + random.normal(0, 15, GRID.shape_zyx)
    return Volume(np.rint(array).astype(np.int16), GRID), TumorMask(ball, GRID)


def padded(volume: Volume, value: int, *, from_column: int = 22) -> Volume:
    array = volume.array.copy()
    array[:, :, from_column:] = value
    return Volume(array, volume.grid)


def reach(settings: RadiomicsSpec) -> dict[str, Any]:
    return {"spacing_mm": settings.resampled_spacing_mm, "pad_voxels": settings.pad_distance_voxels}


@pytest.mark.parametrize("value", [-2000, -3024])
def test_padding_that_resampling_reaches_is_counted_and_air_is_not(
    tumour: tuple[Volume, TumorMask], value: int
) -> None:
    volume, mask = tumour
    near = padded(volume, value)
    found = extract(near, mask, LIGHT).provenance["padding_voxels"]
    assert found == padding_voxels(near, mask, **reach(LIGHT.radiomics)) > 1000
    assert "padding_voxels" not in extract(volume, mask, LIGHT).provenance
    assert "padding_voxels" not in extract(padded(volume, -1000), mask, LIGHT).provenance


def test_a_protocol_that_fills_padding_gives_equal_features_whatever_the_padding_is(
    tumour: tuple[Volume, TumorMask],
) -> None:
    volume, mask = tumour
    spec = ExtractionSpec(name="filled", radiomics=replace(LIGHT.radiomics, padding="filled"))
    one, other = (extract(padded(volume, value), mask, spec) for value in (-2000, -3024))
    np.testing.assert_array_equal(one.values, other.values)
    assert "padding_voxels" not in one.provenance
    kept = [extract(padded(volume, value), mask, LIGHT).values for value in (-2000, -3024)]
    assert not np.array_equal(*kept, equal_nan=True), "kept padding reaches into the filters"


def test_supervoxels_are_equal_whatever_the_padding_is(tumour: tuple[Volume, TumorMask]) -> None:
    volume, mask = tumour
    near = {"from_column": 19}
    one, other = (supervoxels(padded(volume, value, **near), mask, HabitatSpec()) for value in (-2000, -3024))
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.descriptors, other.descriptors)
    np.testing.assert_array_equal(one.mean_hu, other.mean_hu)


def test_where_nothing_is_padded_filling_changes_nothing(tumour: tuple[Volume, TumorMask]) -> None:
    volume, mask = tumour
    assert filled(volume, mask, **reach(RadiomicsSpec())) is volume


def test_padding_is_kept_by_every_protocol_that_says_nothing_of_it() -> None:
    stored = LIGHT.as_dict()
    del stored["radiomics"]["padding"]
    assert ExtractionSpec.from_dict(stored).digest == LIGHT.digest

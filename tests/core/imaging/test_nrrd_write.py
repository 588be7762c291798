"""NRRD files as another reader sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from imaging.core.geometry import Grid, grid_of
from imaging.core.nrrd_write import to_nrrd

# Columns run along patient y, rows along patient -x: no axis where a default would have it.
GRID = Grid((2, 3, 4), (2.5, 0.7, 0.9), (-12.5, 40.125, -100.1), ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))


def values() -> np.ndarray:
    array = np.arange(24, dtype=np.float64).reshape(GRID.shape_zyx) / 7 - 1
    array[1, 2, 3] = np.nan
    return array


def test_another_reader_sees_the_same_values_on_the_same_grid(tmp_path: Path) -> None:
    file = tmp_path / "map.nrrd"
    file.write_bytes(to_nrrd(values(), GRID))
    read = sitk.ReadImage(str(file))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), values())
    assert read.GetPixelID() == sitk.sitkFloat64
    found = grid_of(read)
    assert found.shape_zyx == GRID.shape_zyx
    assert found.origin_lps_mm == GRID.origin_lps_mm
    np.testing.assert_allclose(found.affine_lps, GRID.affine_lps, rtol=1e-15)


def test_equal_values_give_equal_bytes_that_say_nothing_else() -> None:
    content = to_nrrd(values(), GRID)
    assert content == to_nrrd(values(), GRID)
    header = content.split(b"\n\n")[0].decode()
    assert {line.split(":")[0] for line in header.splitlines()[1:]} == {
        "type",
        "dimension",
        "space",
        "sizes",
        "space directions",
        "kinds",
        "endian",
        "encoding",
        "space origin",
    }


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="does not lie on a grid of"):
        to_nrrd(values(), replace(GRID, shape_zyx=(4, 3, 2)))

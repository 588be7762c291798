"""Grey levels are bounded: beyond the bound a case is refused in words, before anything slow begins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.core.engine.discretise import MAXIMUM_LEVELS, levels_by_width
from imaging.core.engine.voxel_maps import first_order_maps, glcm_maps
from imaging.core.errors import TooManyGreyLevels
from imaging.core.features import extract
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.spec import ExtractionSpec, RadiomicsSpec

PLAIN = RadiomicsSpec(resampled_spacing_mm=None, log_sigma_mm=(), wavelet=False)
SPECS = {
    "native": PLAIN,
    "pyradiomics": replace(PLAIN, engine="pyradiomics"),
    "ibsi": replace(PLAIN, convention="ibsi"),
    "fixed number": replace(PLAIN, bin_count=5000),
    "ibsi, fixed number": replace(PLAIN, convention="ibsi", bin_count=5000),
}


def region(highest_hu: float) -> tuple[Volume, TumorMask]:
    """A cube of 14 voxels a side, inside which each voxel has its own value."""
    grid = Grid((18, 18, 18), (1.0, 1.0, 1.0))
    inside = np.zeros(grid.shape_zyx, dtype=bool)
    inside[2:-2, 2:-2, 2:-2] = True
    array = np.full(grid.shape_zyx, -1000.0, dtype=np.float32)
    array[inside] = np.random.default_rng(0).permutation(np.linspace(-1000, highest_hu, inside.sum()))
    return Volume(array, grid), TumorMask(inside, grid)


@pytest.mark.parametrize("name", SPECS)
def test_thousands_of_grey_levels_are_refused_with_their_number(name: str) -> None:
    with pytest.raises(
        TooManyGreyLevels, match=rf"2744 voxels of the region take \d{{4}} .* at most {MAXIMUM_LEVELS}"
    ):
        extract(*region(64000), ExtractionSpec(radiomics=SPECS[name]))


@pytest.mark.parametrize("name", SPECS)
def test_bins_without_number_are_refused_before_a_table_is_made(name: str) -> None:
    settings = SPECS[name]
    endless = replace(settings, bin_count=10**12) if settings.bin_count else replace(settings, bin_width_hu=1e-9)
    with pytest.raises(TooManyGreyLevels, match="at most 65536"):
        extract(*region(400), ExtractionSpec(radiomics=endless))


@pytest.mark.parametrize("maps", [first_order_maps, glcm_maps])
def test_voxel_maps_keep_the_same_bound(maps: object) -> None:
    with pytest.raises(TooManyGreyLevels):
        maps(*region(64000))  # type: ignore[operator]


def test_an_extended_scale_with_metal_and_first_order_alone_are_computed() -> None:
    found = extract(*region(3071), ExtractionSpec(radiomics=PLAIN))
    assert not np.isnan(found.values).any()
    alone = replace(PLAIN, classes=("firstorder",))
    assert not np.isnan(extract(*region(64000), ExtractionSpec(radiomics=alone)).values).any()


def test_the_bound_counts_levels_that_occur() -> None:
    values = np.array([0, 40000], dtype=np.int32)
    assert len(levels_by_width(values, width=1.0).present) == 2

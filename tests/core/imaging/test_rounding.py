"""One scan stored as whole numbers and with fractions: equal features where the protocol rounds, others where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.core.features import extract
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.spec import BUILT_IN, ExtractionSpec, RadiomicsSpec

PLAIN = RadiomicsSpec(log_sigma_mm=(2.0,), wavelet=False)


def scan() -> tuple[Volume, Volume, TumorMask]:
    """Whole HU as int16, the same values as float32 with fractions of less than a half, and a tumour."""
    grid = Grid((16, 20, 20), (2.5, 1.5, 1.5), (-20.3, -25.7, 101.1))
    z, y, x = np.indices(grid.shape_zyx)
    inside = ((z - 8) * 2.5) ** 2 + ((y - 10) * 1.5) ** 2 + ((x - 10) * 1.5) ** 2 <= 9**2
    random = np.random.default_rng(3)
    whole = np.rint(random.normal(20, 60, grid.shape_zyx)).astype(np.int16)
    fractional = (whole + random.uniform(-0.45, 0.45, grid.shape_zyx)).astype(np.float32)
    return Volume(whole, grid), Volume(fractional, grid), TumorMask(inside, grid)


@pytest.mark.parametrize("convention", ["pyradiomics", "ibsi"])
def test_with_the_choice_both_forms_of_a_scan_have_equal_features(convention: str) -> None:
    whole, fractional, mask = scan()
    chosen = ExtractionSpec(radiomics=replace(PLAIN, rounding="whole_hu", convention=convention))
    as_stored = ExtractionSpec(radiomics=replace(PLAIN, convention=convention))
    expected = extract(whole, mask, as_stored).values.tobytes()
    assert extract(whole, mask, chosen).values.tobytes() == expected
    assert extract(fractional, mask, chosen).values.tobytes() == expected
    # Whole numbers that are only stored as float are whole numbers, too.
    stored = Volume(whole.array.astype(np.float32), whole.grid)
    assert extract(stored, mask, chosen).values.tobytes() == expected


def test_without_it_fractions_are_resampled_without_truncation() -> None:
    whole, fractional, mask = scan()
    spec = ExtractionSpec(radiomics=PLAIN)
    means = [extract(one, mask, spec).as_dict()["original_firstorder_Mean"] for one in (whole, fractional)]
    assert 0.1 < means[1] - means[0] < 0.5  # truncation towards zero takes from positive HU, gives to negative ones


def test_the_built_in_choice_is_standard_but_for_the_rounding() -> None:
    standard, rounded = BUILT_IN["standard"], BUILT_IN["whole-hu"]
    assert replace(rounded.radiomics, rounding="as_stored") == standard.radiomics
    assert rounded.digest != standard.digest

"""Supervoxels of a phantom with two known halves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from imaging.core.errors import EmptyMask, MaskTooSmall
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.spec import HabitatSpec
from imaging.core.supervoxels import (
    Supervoxels,
    habitat_digest,
    pack_supervoxels,
    supervoxel_number,
    supervoxels,
    unpack_supervoxels,
)

GRID = Grid((24, 50, 50), (1.5, 0.8, 0.8))
SPEC = HabitatSpec()


def two_halves(radius_mm: float = 12.0) -> tuple[Volume, TumorMask]:
    """A ball: 10 HU at low x and 70 HU at high x; its surroundings continue it, so no edge is blurred."""
    z, y, x = (
        (i - n / 2) * s
        for i, n, s in zip(np.indices(GRID.shape_zyx), GRID.shape_zyx, GRID.spacing_zyx_mm, strict=True)
    )
    inside = z**2 + y**2 + x**2 <= radius_mm**2
    noise = np.random.default_rng(0).normal(0, 8, GRID.shape_zyx)
    hu = np.where(x < 0, 10, 70) + noise
    return Volume(np.rint(hu).astype(np.int16), GRID), TumorMask(inside, GRID)


@pytest.fixture(scope="module")
def parts() -> Supervoxels:
    return supervoxels(*two_halves(), SPEC)


def test_they_cover_the_tumour_once_with_consecutive_labels(parts: Supervoxels) -> None:
    assert np.unique(parts.labels).tolist() == list(range(parts.n + 1))
    assert parts.voxels.sum() == np.count_nonzero(parts.labels)
    np.testing.assert_array_equal(np.bincount(parts.labels.ravel())[1:], parts.voxels)
    assert parts.voxels.sum() == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)


def test_they_are_large_enough_as_many_as_the_table_says_and_connected(parts: Supervoxels) -> None:
    assert parts.voxels.min() >= SPEC.minimum_supervoxel_voxels
    assert 40 <= parts.n <= supervoxel_number(int(parts.voxels.sum()), minimum=27) == 50
    assert all(ndimage.label(parts.labels == label)[1] == 1 for label in range(1, parts.n + 1))


def test_they_respect_the_border_between_the_halves(parts: Supervoxels) -> None:
    x = parts.grid.position((0, 0, 0))[0] + np.arange(parts.grid.shape_zyx[2]) - 25 * 0.8
    left = np.broadcast_to(x < 0, parts.labels.shape)
    share = np.array([left[parts.labels == label].mean() for label in range(1, parts.n + 1)])
    purity = (np.maximum(share, 1 - share) * parts.voxels).sum() / parts.voxels.sum()
    assert purity > 0.9


def test_mean_hu_is_that_of_the_image(parts: Supervoxels) -> None:
    overall = (parts.mean_hu * parts.voxels).sum() / parts.voxels.sum()
    assert overall == pytest.approx(40, abs=2)
    assert parts.mean_hu.min() == pytest.approx(10, abs=8)
    assert parts.mean_hu.max() == pytest.approx(70, abs=8)


def test_descriptors_have_forty_or_four_columns(parts: Supervoxels) -> None:
    assert parts.descriptors.shape == (parts.n, 40)
    assert np.isfinite(parts.descriptors).all()
    few = supervoxels(*two_halves(), replace(SPEC, descriptor="mean4"))
    assert few.descriptors.shape == (few.n, 4)
    np.testing.assert_allclose(few.descriptors, parts.descriptors[:, 2::10])


def test_the_same_scan_gives_the_same_bytes(parts: Supervoxels) -> None:
    assert pack_supervoxels(supervoxels(*two_halves(), SPEC)) == pack_supervoxels(parts)


def test_packing_loses_nothing(parts: Supervoxels) -> None:
    back = unpack_supervoxels(pack_supervoxels(parts))
    for name in ("labels", "descriptors", "mean_hu", "voxels"):
        np.testing.assert_array_equal(getattr(back, name), getattr(parts, name))
        assert getattr(back, name).dtype == getattr(parts, name).dtype
    assert (back.grid, back.spec_digest, back.neighbourhood) == (parts.grid, parts.spec_digest, "axial8")


def test_the_labels_lie_where_the_tumour_lies(parts: Supervoxels) -> None:
    centre = parts.grid.position(np.argwhere(parts.labels > 0).mean(axis=0))
    np.testing.assert_allclose(centre, GRID.position((12, 25, 25)), atol=0.5)


@pytest.mark.parametrize(
    ("voxels", "number"),
    [
        (26, 1),
        (54, 2),
        (810, 30),
        (1_000, 30),
        (1_001, 37),
        (1_350, 50),
        (10_000, 50),
        (10_001, 60),
        (100_000, 60),
        (100_001, 80),
    ],
)
def test_the_number_follows_the_table_and_its_cap(voxels: int, number: int) -> None:
    assert supervoxel_number(voxels, minimum=27) == number


def test_the_digest_changes_with_every_parameter() -> None:
    others = [
        replace(SPEC, entropy_bins=16),
        replace(SPEC, slic_compactness=0.02),
        replace(SPEC, neighbourhood="face6"),
    ]
    digests = {habitat_digest(spec) for spec in [SPEC, *others]}
    assert len(digests) == 4
    assert habitat_digest(HabitatSpec()) == habitat_digest(SPEC)


def test_a_tiny_tumour_is_one_supervoxel() -> None:
    assert supervoxels(*two_halves(radius_mm=2.3), SPEC).n == 1


def test_it_refuses_a_tumour_smaller_than_one_supervoxel() -> None:
    with pytest.raises(MaskTooSmall, match="one supervoxel needs 27"):
        supervoxels(*two_halves(radius_mm=1.0), SPEC)


def test_it_refuses_an_empty_mask() -> None:
    volume, mask = two_halves()
    with pytest.raises(EmptyMask):
        supervoxels(volume, TumorMask(np.zeros_like(mask.array), GRID), SPEC)

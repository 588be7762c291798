"""Windows and local entropy: values with a closed form, and a slow reference."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.core.channels import channels, local_entropy, rescale
from imaging.core.geometry import Grid, Volume
from imaging.core.spec import HabitatSpec


def slow_entropy(scaled: np.ndarray, size: int, bins: int) -> np.ndarray:
    half = size // 2
    padded = np.pad(scaled, ((0, 0), (half, half), (half, half)), mode="symmetric")
    result = np.zeros(scaled.shape)
    for z, y, x in np.ndindex(scaled.shape):
        window = padded[z, y : y + size, x : x + size]
        counts, _ = np.histogram(window, bins=bins, range=(0, 1))
        p = counts[counts > 0] / size**2
        result[z, y, x] = -(p * np.log2(p)).sum() / np.log2(bins)
    return result


def test_a_window_maps_its_ends_to_zero_and_one_and_clips() -> None:
    hu = np.array([-2000, -1350, -600, 150, 3000])
    np.testing.assert_allclose(rescale(hu, window_hu=(-1350, 150)), [0, 0, 0.5, 1, 1])


def test_a_flat_image_has_no_entropy() -> None:
    assert not local_entropy(np.full((2, 12, 12), 0.4, np.float32), size=9, bins=32).any()


def test_a_chessboard_has_the_entropy_of_41_and_40_of_81() -> None:
    board = (np.indices((1, 20, 20)).sum(axis=0) % 2).astype(np.float32)
    p = np.array([41, 40]) / 81
    expected = -(p * np.log2(p)).sum() / 5
    np.testing.assert_allclose(local_entropy(board, size=9, bins=32)[0, 6:14, 6:14], expected, rtol=1e-6)


def test_entropy_equals_a_slow_reference_everywhere_also_at_the_border() -> None:
    scaled = np.random.default_rng(1).random((2, 13, 11)).astype(np.float32)
    np.testing.assert_allclose(local_entropy(scaled, size=9, bins=32), slow_entropy(scaled, 9, 32), atol=1e-6)


@pytest.mark.parametrize(("size", "bins"), [(9, 32), (5, 7)])
def test_the_sliding_window_gives_the_bits_of_counting_each_window_anew(size: int, bins: int) -> None:
    scaled = np.random.default_rng(3).beta(0.6, 0.6, (2, 14, 17)).astype(np.float32)
    levels = np.minimum((scaled * bins).astype(int), bins - 1)
    padded = np.pad(levels, ((0, 0), (size // 2,) * 2, (size // 2,) * 2), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    total = np.zeros(scaled.shape)
    for level in range(bins):
        counts = (windows == level).sum(axis=(3, 4))
        total += counts * np.log2(np.maximum(counts, 1))
    expected = (np.log2(size**2) - total / size**2) / np.log2(bins)
    np.testing.assert_array_equal(local_entropy(scaled, size=size, bins=bins), expected.astype(np.float32))


def test_entropy_does_not_look_through_slices() -> None:
    scaled = np.zeros((3, 12, 12), np.float32)
    scaled[1] = np.random.default_rng(0).random((12, 12))
    entropy = local_entropy(scaled, size=9, bins=32)
    assert not entropy[[0, 2]].any()
    assert entropy[1].all()


def test_the_four_channels_come_in_the_order_of_the_method() -> None:
    hu = np.random.default_rng(2).normal(0, 80, (2, 15, 15)).astype(np.float32)
    got = channels(Volume(hu, Grid(hu.shape, (1.0, 1.0, 1.0))), HabitatSpec())
    assert got.shape == (4, 2, 15, 15)
    assert got.dtype == np.float32
    lung, mediastinum = np.clip((hu + 1350) / 1500, 0, 1), np.clip((hu + 125) / 350, 0, 1)
    np.testing.assert_allclose(got[0], lung, atol=1e-6)
    np.testing.assert_allclose(got[2], mediastinum, atol=1e-6)
    np.testing.assert_allclose(got[1], slow_entropy(got[0], 9, 32), atol=1e-6)
    np.testing.assert_allclose(got[3], slow_entropy(got[2], 9, 32), atol=1e-6)


@pytest.mark.parametrize("extreme", [-1024, 3071])
def test_scaling_is_fixed_so_that_a_far_extreme_changes_nothing_here(extreme: int) -> None:
    hu = np.random.default_rng(2).normal(0, 80, (1, 30, 30)).astype(np.float32)
    grid = Grid(hu.shape, (1.0, 1.0, 1.0))
    before = channels(Volume(hu, grid), HabitatSpec())
    changed = hu.copy()
    changed[0, 0, 0] = extreme
    after = channels(Volume(changed, grid), HabitatSpec())
    np.testing.assert_array_equal(before[:, :, 10:, 10:], after[:, :, 10:, 10:])

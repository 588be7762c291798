"""Ten statistics of each channel, against scipy and numpy one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from imaging.core.descriptors import STATISTICS, Groups, describe

RNG = np.random.default_rng(5)
LABELS = RNG.permutation(np.repeat([1, 2, 3], [40, 27, 55]))
CHANNELS = RNG.gamma(2.0, 0.3, (4, LABELS.size))


def expected(values: np.ndarray) -> list[float]:
    q25, q75 = np.percentile(values, [25, 75])
    return [
        stats.skew(values),
        stats.kurtosis(values, fisher=False),
        values.mean(),
        np.median(values),
        q25,
        q75,
        q75 - q25,
        values.std(ddof=1),
        values.var(ddof=1),
        (values**2).mean(),
    ]


def test_hist10_has_the_forty_values_in_the_reference_order() -> None:
    got = describe(CHANNELS, groups=Groups.of(LABELS), descriptor="hist10")
    assert got.shape == (3, 40)
    for label in (1, 2, 3):
        wanted = np.concatenate([expected(channel[label == LABELS]) for channel in CHANNELS])
        np.testing.assert_allclose(got[label - 1], wanted, rtol=1e-6)
    assert len(STATISTICS) == 10


def test_a_flat_supervoxel_has_zero_moments_instead_of_nan() -> None:
    got = describe(np.full((1, 30), 0.5), groups=Groups.of(np.ones(30, int)), descriptor="hist10")[0]
    np.testing.assert_allclose(got, [0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0.25])


def test_mean4_has_the_mean_of_each_channel() -> None:
    got = describe(CHANNELS, groups=Groups.of(LABELS), descriptor="mean4")
    np.testing.assert_allclose(got[1], CHANNELS[:, LABELS == 2].mean(axis=1))
    assert got.shape == (3, 4)


def test_groups_count_their_voxels() -> None:
    assert Groups.of(LABELS).sizes.tolist() == [40, 27, 55]


@pytest.mark.parametrize("descriptor", ["hist10", "mean4"])
def test_the_order_of_voxels_does_not_matter(descriptor: str) -> None:
    order = RNG.permutation(LABELS.size)
    one = describe(CHANNELS, groups=Groups.of(LABELS), descriptor=descriptor)
    other = describe(CHANNELS[:, order], groups=Groups.of(LABELS[order]), descriptor=descriptor)
    np.testing.assert_allclose(one, other, rtol=1e-9)

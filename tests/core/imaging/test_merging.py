"""Merging of crumbs into supervoxels, on maps small enough to check by eye."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from imaging.core.merging import merge_parts


def row(*values: float) -> np.ndarray:
    return np.array(values).reshape(1, 1, -1)


def merge(clusters: np.ndarray, channel: np.ndarray, *, minimum: int, maximum: int) -> np.ndarray:
    return merge_parts(
        clusters.astype(int), channel[None].astype(np.float32), minimum_voxels=minimum, maximum_parts=maximum
    )


def test_a_crumb_joins_the_neighbour_that_is_most_similar() -> None:
    clusters = row(1, 1, 1, 2, 3, 3, 3)
    channel = row(0, 0, 0, 0.8, 1, 1, 1)
    assert merge(clusters, channel, minimum=2, maximum=9).ravel().tolist() == [1, 1, 1, 2, 2, 2, 2]


def test_a_cluster_in_two_places_becomes_two_parts() -> None:
    clusters = row(1, 1, 2, 2, 1, 1)
    assert merge(clusters, row(0, 0, 1, 1, 0, 0), minimum=2, maximum=9).ravel().tolist() == [1, 1, 2, 2, 3, 3]


def test_the_smallest_parts_merge_until_they_are_few_enough() -> None:
    clusters = row(1, 1, 2, 2, 2, 3, 3, 3, 3)
    channel = row(0, 0, 0.4, 0.4, 0.4, 1, 1, 1, 1)
    assert merge(clusters, channel, minimum=1, maximum=2).ravel().tolist() == [1] * 5 + [2] * 4


def test_an_island_joins_the_most_similar_part_of_all() -> None:
    clusters = row(1, 1, 1, 0, 2, 2, 2, 0, 3)
    channel = row(0, 0, 0, 0, 1, 1, 1, 0, 0.9)
    assert merge(clusters, channel, minimum=3, maximum=9).ravel().tolist() == [1, 1, 1, 0, 2, 2, 2, 0, 2]


def test_what_is_too_small_altogether_stays_one_part() -> None:
    assert merge(row(1, 2, 0), row(0, 1, 0), minimum=27, maximum=9).ravel().tolist() == [1, 1, 0]


def test_many_random_crumbs_end_connected_large_enough_and_few_enough() -> None:
    rng = np.random.default_rng(3)
    clusters = rng.integers(1, 30, (12, 14, 16))
    labels = merge(clusters, rng.random(clusters.shape), minimum=27, maximum=40)
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes.min() >= 27
    assert 1 < len(sizes) <= 40
    assert all(ndimage.label(labels == label)[1] == 1 for label in range(1, len(sizes) + 1))

"""Merging of crumbs into supervoxels, on maps small enough to check by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest
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


def test_of_equally_similar_neighbours_the_first_numbered_wins() -> None:
    clusters, channel = row(1, 1, 2, 3, 3), row(0, 0, 0.5, 1, 1)
    assert merge(clusters, channel, minimum=2, maximum=9).ravel().tolist() == [1, 1, 1, 2, 2]
    assert merge(clusters[..., ::-1], channel, minimum=2, maximum=9).ravel().tolist() == [1, 1, 1, 2, 2]


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


def slow_merge(clusters: np.ndarray, channels: np.ndarray, *, minimum: int, maximum: int) -> np.ndarray:
    """The rule as its words say it, with sets: start from connected parts, and merge the smallest."""
    parts, total = np.zeros(clusters.shape, dtype=int), 0
    for cluster in np.unique(clusters[clusters > 0]):
        labelled, n = ndimage.label(clusters == cluster)
        parts[labelled > 0] = labelled[labelled > 0] + total
        total += n
    # scikit-image numbers parts by their first voxel, whatever their cluster.
    names = {old: new for new, old in enumerate(dict.fromkeys(parts[parts > 0].tolist()), start=1)}
    parts = np.vectorize(lambda old: names.get(old, 0))(parts)
    voxels = {name: [tuple(v) for v in np.argwhere(parts == name)] for name in names.values()}
    means = {name: channels[:, parts == name].mean(axis=1, dtype=np.float64) for name in voxels}
    while len(voxels) > 1:
        small = min(voxels, key=lambda name: (len(voxels[name]), name))
        if len(voxels[small]) >= minimum and len(voxels) <= maximum:
            break
        owner = {voxel: name for name, members in voxels.items() for voxel in members}
        steps = [
            s for axis in range(3) for s in (tuple(np.eye(3, dtype=int)[axis]), tuple(-np.eye(3, dtype=int)[axis]))
        ]
        around = {owner.get(tuple(np.add(voxel, step))) for voxel in voxels[small] for step in steps}
        others = (around - {None, small}) or (set(voxels) - {small})
        into = min((math.dist(means[other], means[small]), other) for other in others)[1]
        share = len(voxels[small]) / (len(voxels[small]) + len(voxels[into]))
        means[into] = means[into] + share * (means.pop(small) - means[into])
        voxels[into] += voxels.pop(small)
    result = np.zeros(clusters.shape, dtype=int)
    for number, name in enumerate(sorted(voxels), start=1):
        result[tuple(np.transpose(voxels[name]))] = number
    return result


@pytest.mark.parametrize("seed", range(6))
def test_it_merges_as_the_rule_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0 if seed % 2 else 1, 6, (4, 6, 7))
    channels = rng.random((3, *clusters.shape)).astype(np.float32)
    limits = {"minimum": 4, "maximum": 9}
    found = merge_parts(clusters, channels, minimum_voxels=4, maximum_parts=9)
    np.testing.assert_array_equal(found, slow_merge(clusters, channels, **limits))

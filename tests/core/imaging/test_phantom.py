"""The rendered scans: what is planted is there, and equal truth gives equal bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from imaging.core import phantom
from imaging.core.phantom import SCANNERS, PatientTruth, Phantom

SEED = 2026


@cache
def truths() -> tuple[PatientTruth, ...]:
    return phantom.plan_cohort(3, seed=SEED)


@cache
def scan(index: int, timepoint: str) -> Phantom:
    return phantom.render(truths()[index], timepoint)  # type: ignore[arg-type]


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_the_same_truth_gives_the_same_bytes() -> None:
    again = phantom.render(phantom.plan_cohort(3, seed=SEED)[1], "pre")
    assert digest(again.volume.array) == digest(scan(1, "pre").volume.array)
    assert digest(again.mask.array) == digest(scan(1, "pre").mask.array)
    assert again.volume.grid == scan(1, "pre").volume.grid


def test_another_seed_gives_another_chest() -> None:
    other = phantom.render(replace(truths()[1], seed=SEED + 1), "pre")
    assert digest(other.volume.array) != digest(scan(1, "pre").volume.array)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_centre_scans_on_its_own_grid(index: int) -> None:
    scanner, volume = SCANNERS[truths()[index].centre], scan(index, "pre").volume
    assert volume.grid.spacing_zyx_mm == (scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm)
    assert volume.grid.shape_zyx == (scanner.slices, scanner.pixels, scanner.pixels)
    assert volume.array.dtype == np.int16


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("timepoint", ["pre", "post"])
def test_the_mask_has_the_planted_volume(index: int, timepoint: str) -> None:
    planned = np.pi / 6 * truths()[index].scan(timepoint).diameter_mm ** 3  # type: ignore[arg-type]
    assert scan(index, timepoint).mask.volume_mm3 == pytest.approx(planned, rel=0.05)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_tumour_is_one_solid_piece_away_from_the_edge_of_the_scan(index: int) -> None:
    mask = scan(index, "pre").mask.array
    assert ndimage.label(mask)[1] == 1
    assert not mask[[0, 1, -2, -1]].any()
    assert all(np.array_equal(ndimage.binary_fill_holes(part), part) for part in mask)


def test_the_habitats_fill_the_tumour_in_the_planted_parts() -> None:
    truth, rendered = truths()[0], scan(0, "pre")
    assert np.array_equal(rendered.habitats > 0, rendered.mask.array)
    found = np.bincount(rendered.habitats[rendered.mask.array], minlength=4)[1:] / rendered.mask.voxels
    assert found == pytest.approx(truth.pre.fractions, abs=0.04)


def test_the_habitats_differ_in_density_as_they_are_numbered() -> None:
    for index in (0, 1, 2):
        rendered = scan(index, "pre")
        inner = ndimage.binary_erosion(rendered.mask.array, iterations=2)
        means = [rendered.volume.array[inner & (rendered.habitats == label)].mean() for label in (1, 2, 3)]
        assert means[0] + 20 < means[1] < means[2] - 20


def test_mixing_moves_the_dense_habitat_inwards_but_not_size_parts_or_mean() -> None:
    truth = truths()[0]
    outside, inside = (phantom.render(replace(truth, pre=replace(truth.pre, mixing=m)), "pre") for m in (0.1, 0.9))
    assert outside.mask.voxels == inside.mask.voxels
    parts = [np.bincount(p.habitats[p.mask.array], minlength=4)[1:] / p.mask.voxels for p in (outside, inside)]
    assert parts[0] == pytest.approx(parts[1], abs=0.03)
    means = [p.volume.array[p.mask.array].mean() for p in (outside, inside)]
    assert means[0] == pytest.approx(means[1], abs=10.0)
    assert dense_share_of_the_surface(outside) > 2 * dense_share_of_the_surface(inside)


def dense_share_of_the_surface(rendered: Phantom) -> float:
    mask = rendered.mask.array
    surface = mask & ~ndimage.binary_erosion(mask)
    return float(np.count_nonzero(rendered.habitats[surface] == 3) / np.count_nonzero(surface))


def test_texture_moves_the_grain_but_not_the_habitats_or_the_spread() -> None:
    truth = truths()[0]
    fine, coarse = (
        phantom.render(replace(truth, pre=replace(truth.pre, texture_length_mm=mm)), "pre") for mm in (1.2, 2.8)
    )
    assert np.array_equal(fine.habitats, coarse.habitats)
    assert grain(fine) > 1.2 * grain(coarse)
    spreads = [p.volume.array[p.mask.array].std() for p in (fine, coarse)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.12)


def grain(rendered: Phantom) -> float:
    """Mean absolute step between neighbours in a row, inside habitats and away from their borders."""
    cores = [ndimage.binary_erosion(rendered.habitats == label) for label in (1, 2, 3)]
    inner = np.logical_or.reduce(cores)
    steps = np.abs(np.diff(rendered.volume.array.astype(np.int32), axis=2))
    return float(steps[inner[:, :, 1:] & inner[:, :, :-1]].mean())


def test_a_chest_has_air_lung_fat_muscle_blood_and_bone() -> None:
    hu = scan(0, "pre").volume.array.astype(np.int32)
    middle = hu[hu.shape[0] // 2]
    assert np.median(middle[:8]) == pytest.approx(-1000, abs=5)
    parts = {"lung": (-920, -780), "fat": (-130, -70), "muscle": (20, 90), "blood": (130, 190), "bone": (250, 900)}
    share = {
        name: np.count_nonzero((middle > low) & (middle < high)) / middle.size for name, (low, high) in parts.items()
    }
    assert share["lung"] > 0.15
    assert min(share["fat"], share["muscle"], share["blood"]) > 0.01
    assert share["bone"] > 0.005


def test_a_sharp_kernel_is_noisier_and_finer_than_a_smooth_one() -> None:
    patches = {index: scan(index, "pre").volume.array[:, 3:30, 3:30].astype(float) for index in (1, 2)}
    smooth, sharp = (patches[index] for index in (1, 2))  # centres B and C: air in a corner of the scan
    assert np.std(sharp) > np.std(smooth)
    assert correlation_of_neighbours(smooth) > correlation_of_neighbours(sharp) + 0.1


def correlation_of_neighbours(noise: np.ndarray) -> float:
    return float(np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1])

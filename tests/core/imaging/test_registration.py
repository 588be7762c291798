"""Registration on analytic chests whose move is known everywhere, and refusal where there is nothing to match."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from imaging.core.codec import pack_registered, unpack_registered
from imaging.core.errors import EmptyMask, GridMismatch, RegistrationRefused, UnreadableFile
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.registration import STANDARD, Registered, RegistrationSpec, register, warp_labels
from imaging.core.registration.quality import agreement, jacobian, lung_measures, require_good
from imaging.core.registration.spline import Lattice, bending_gradient
from tests.core.imaging.breathing_chest import (
    CENTRE,
    FIRST_MM,
    Move,
    Scan,
    after,
    before,
    breathed,
    positions,
    shifted,
)


@cache
def registered(move: Move) -> Registered:
    pre, post = before(), after(move)
    return register(pre.volume, pre.mask, post.volume, post.mask)


def places_in_the_tumour() -> np.ndarray:
    return positions(before().volume.grid)[before().mask.array]


@pytest.mark.parametrize(("move", "mean_mm", "largest_mm"), [(shifted, 0.5, 1.0), (breathed, 0.8, 1.5)])
def test_a_known_move_is_recovered_within_the_tumour(move: Move, mean_mm: float, largest_mm: float) -> None:
    places = places_in_the_tumour()
    error = np.linalg.norm(registered(move).to_post(places) - move(places), axis=-1)
    assert error.mean() < mean_mm
    assert error.max() < largest_mm


@pytest.mark.parametrize("move", [shifted, breathed])
def test_quality_is_better_after_than_before_and_within_the_limits(move: Move) -> None:
    quality = registered(move).quality
    assert quality["ncc_before"] < quality["ncc_rigid"] <= quality["ncc_after"] + 0.01
    assert quality["lung_overlap"] > quality["lung_overlap_before"]
    assert quality["inconsistency_p95_mm"] < 1.5
    assert 0.7 < quality["jacobian_min"] <= quality["jacobian_max"] < 1.4
    require_good(quality, spec=STANDARD)


def test_the_bend_is_what_a_rigid_move_cannot_do() -> None:
    assert registered(shifted).quality["rotation_degrees"] == pytest.approx(4.0, abs=0.2)
    assert registered(shifted).quality["bend_max_mm"] < 1.5
    assert registered(breathed).quality["bend_max_mm"] > 2.0
    assert registered(breathed).quality["ncc_after"] > registered(breathed).quality["ncc_rigid"] + 0.01


def test_the_same_input_gives_the_same_bytes() -> None:
    pre, post = before(), after(breathed)
    again = register(pre.volume, pre.mask, post.volume, post.mask)
    assert pack_registered(again) == pack_registered(registered(breathed))


def test_the_field_covers_both_tumours_and_lung_is_seen_where_there_is_lung() -> None:
    found = registered(shifted)
    index = found.grid.index(places_in_the_tumour())
    assert (index.min(axis=0) >= 2).all()
    assert (index.max(axis=0) <= np.array(found.grid.shape_zyx) - 3).all()
    places = positions(found.lung_grid)
    distance = np.linalg.norm(places - CENTRE, axis=-1)
    assert not found.lung[0][distance < FIRST_MM].any()
    rim = (distance > FIRST_MM - 2) & (distance < FIRST_MM - 1)
    assert found.lung[1][rim].mean() > 0.8, "the tumour shrank by 4 mm: its rim became lung, but for vessels"


def test_a_registration_is_stored_and_read_back_as_it_was() -> None:
    found = registered(shifted)
    read = unpack_registered(pack_registered(found))
    np.testing.assert_array_equal(read.displacement, found.displacement)
    np.testing.assert_array_equal(read.lung, found.lung)
    assert (read.grid, read.quality, read.provenance) == (found.grid, found.quality, found.provenance)
    with pytest.raises(UnreadableFile, match="registration is damaged"):
        unpack_registered(pack_registered(found)[:-40])


def mirrored(scan: Scan) -> Scan:
    flip = lambda array: np.ascontiguousarray(array[::-1, :, ::-1])  # noqa: E731
    grid = scan.volume.grid
    return Scan(Volume(flip(scan.volume.array), grid), TumorMask(flip(scan.mask.array), grid))


def noise(scan: Scan) -> Scan:
    drawn = np.random.default_rng(3).normal(-500, 300, scan.volume.array.shape)
    return Scan(Volume(ndimage.gaussian_filter(drawn, 1).astype(np.int16), scan.volume.grid), scan.mask)


@pytest.mark.parametrize("unrelated", [mirrored, noise])
def test_what_does_not_belong_together_is_refused_with_numbers(unrelated: object) -> None:
    pre, post = before(), unrelated(after(shifted))  # type: ignore[operator]
    with pytest.raises(RegistrationRefused, match=r"at (least|most) \d") as refusal:
        register(pre.volume, pre.mask, post.volume, post.mask)
    assert refusal.value.code == "registration_refused"
    assert {"ncc_after", "inconsistency_p95_mm", "jacobian_min"} <= set(refusal.value.quality)


def test_a_tumour_without_surroundings_is_refused() -> None:
    pre = before()
    near = (slice(15, 25), slice(25, 39), slice(25, 39))
    part = pre.volume.crop(near), pre.mask.crop(near)
    with pytest.raises(RegistrationRefused, match=r"mL can be compared|do not overlap|too few to register"):
        register(*part, *part)


def test_an_empty_mask_and_a_mask_of_another_grid_are_refused() -> None:
    pre = before()
    empty = TumorMask(np.zeros_like(pre.mask.array), pre.mask.grid)
    with pytest.raises(EmptyMask):
        register(pre.volume, pre.mask, pre.volume, empty)
    with pytest.raises(GridMismatch):
        register(pre.volume, pre.mask, after(shifted).volume, pre.mask)


GOOD = {
    "surroundings_ml": 500.0,
    "ncc_after": 0.95,
    "vessel_ncc_after": 0.8,
    "lung_overlap": 0.95,
    "lung_share_percent": 60.0,
    "residual_p95_mm": 2.0,
    "inconsistency_p95_mm": 1.0,
    "rotation_degrees": 5.0,
    "jacobian_min": 0.8,
    "jacobian_max": 1.2,
}
BAD = {
    "surroundings_ml": 19.0,
    "ncc_after": 0.79,
    "vessel_ncc_after": 0.1,
    "lung_overlap": 0.7,
    "residual_p95_mm": 7.0,
    "inconsistency_p95_mm": 4.5,
    "rotation_degrees": 21.0,
    "jacobian_min": -0.1,
    "jacobian_max": 6.0,
}


@pytest.mark.parametrize("measure", sorted(BAD))
def test_each_limit_refuses_by_itself_and_names_its_number(measure: str) -> None:
    require_good(GOOD, spec=STANDARD)
    with pytest.raises(RegistrationRefused) as refusal:
        require_good(GOOD | {measure: BAD[measure]}, spec=STANDARD)
    assert refusal.value.message.count(";") == (1 if "95th percentile" in refusal.value.message else 0)
    assert f"{abs(BAD[measure]):g}"[:2] in refusal.value.message
    assert refusal.value.quality[measure] == BAD[measure]
    with pytest.raises(RegistrationRefused):
        require_good(GOOD | {measure: float("nan")}, spec=STANDARD)


def test_lung_is_not_asked_for_where_there_is_none() -> None:
    require_good(GOOD | {"lung_share_percent": 1.0, "lung_overlap": 0.1, "residual_p95_mm": 30.0}, spec=STANDARD)


def test_the_digest_follows_every_parameter() -> None:
    assert RegistrationSpec().digest == STANDARD.digest
    changed = [replace(STANDARD, control_mm=30.0), replace(STANDARD, minimum_ncc=0.7), replace(STANDARD, seed=1)]
    assert len({STANDARD.digest, *(spec.digest for spec in changed)}) == 4


def test_large_surroundings_are_looked_at_in_coarser_voxels() -> None:
    assert STANDARD.for_box(300_000 * 8.0) is STANDARD
    assert STANDARD.for_box(300_000 * 8.0 + 1).spacing_mm == 3.0


# The parts, in closed form.


def test_b_splines_sum_to_one_and_gathering_is_the_adjoint() -> None:
    lattice = Lattice.of((9, 17, 30), step_mm=2.0, control_mm=25.0)
    random = np.random.default_rng(0)
    np.testing.assert_allclose(lattice.field(np.ones((*lattice.shape, 3))), 1.0, atol=1e-12)
    coefficients, force = random.normal(size=(*lattice.shape, 3)), random.normal(size=(9, 17, 30, 3))
    forth = float((lattice.field(coefficients) * force).sum())
    assert forth == pytest.approx(float((coefficients * lattice.gather(force)).sum()), rel=1e-12)


def test_a_coarser_look_at_a_grid_has_the_same_control_points() -> None:
    full, coarse = (Lattice.of((33, 40, 27), step_mm=2.0, control_mm=25.0, every=n) for n in (1, 2))
    coefficients = np.random.default_rng(1).normal(size=(*full.shape, 3))
    np.testing.assert_array_equal(full.field(coefficients)[::2, ::2, ::2], coarse.field(coefficients))


def test_bending_costs_nothing_for_an_affine_move_and_is_the_gradient_of_its_energy() -> None:
    z, y, x = np.indices((5, 6, 7), dtype=float)
    affine = np.stack([2 * z - y, x + 3, 0.5 * z + x], axis=-1)
    np.testing.assert_allclose(bending_gradient(affine), 0, atol=1e-12)
    random = np.random.default_rng(2)
    c, step = random.normal(size=(5, 6, 7, 3)), random.normal(size=(5, 6, 7, 3))

    def energy(values: np.ndarray) -> float:
        pairs = [(a, b, 1.0 if a == b else 2.0) for a in range(3) for b in range(a, 3)]
        return sum(0.5 * w * float((np.diff(np.diff(values, axis=a), axis=b) ** 2).sum()) for a, b, w in pairs)

    slope = (energy(c + 1e-5 * step) - energy(c - 1e-5 * step)) / 2e-5
    assert slope == pytest.approx(float((bending_gradient(c) * step).sum()), rel=1e-7)


def test_the_jacobian_of_a_stretch_is_the_product_of_its_factors() -> None:
    z, y, x = np.indices((6, 7, 8), dtype=float) * 4.0
    stretch = np.stack([0.1 * z, -0.2 * y, 0.5 * x + 0.3 * z], axis=-1)
    np.testing.assert_allclose(jacobian(stretch, spacing_mm=4.0), 1.1 * 0.8 * 1.5)


def test_agreement_is_that_of_numpy_and_zero_for_a_flat_image() -> None:
    random = np.random.default_rng(4)
    a, b = random.normal(size=(2, 6, 6, 6)).astype(np.float32)
    weight = (random.random((6, 6, 6)) > 0.4).astype(np.float32)
    inside = weight > 0.5
    assert agreement(a, b, weight) == pytest.approx(np.corrcoef(a[inside], b[inside])[0, 1], rel=1e-6)
    assert agreement(a, np.ones_like(a), weight) == 0.0


def test_lung_surfaces_four_millimetres_apart_measure_four_millimetres() -> None:
    wall = np.full((24, 40, 40), -900.0, dtype=np.float32)
    moved = wall.copy()
    wall[:, :, 20:], moved[:, :, 22:] = 0.0, 0.0
    weight = np.ones_like(wall)
    found = lung_measures(wall, moved, weight, spacing_mm=2.0, below_hu=-500.0)
    assert found["residual_mean_mm"] == pytest.approx(4.0)
    assert found["residual_p95_mm"] == pytest.approx(4.0)
    assert found["lung_overlap"] == pytest.approx(2 * 20 / (20 + 22))
    assert found["lung_share_percent"] == pytest.approx(50 * 42 / 40)


def test_labels_follow_a_shift_exactly() -> None:
    grid = Grid((6, 6, 6), (1.0, 1.0, 1.0))
    field = np.zeros((3, 3, 3, 3), dtype=np.float32)
    field[..., 0] = 2.0  # x: places of the first scan lie 2 mm to the left in the second
    moved = Registered(field, Grid((3, 3, 3), (4.0, 4.0, 4.0)), np.zeros((2, 9, 9, 9), dtype=bool))
    labels = np.random.default_rng(5).integers(0, 4, (6, 6, 6)).astype(np.uint8)
    found = warp_labels(labels, grid, moved, grid)
    np.testing.assert_array_equal(found[:, :, :4], labels[:, :, 2:])
    assert not found[:, :, 4:].any(), "beyond the second map there is nothing"

"""Places of tumours: in closed form in lungs that are ellipsoids, and as planted in the phantoms."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from imaging.core import phantom
from imaging.core.errors import EmptyMask, GridMismatch, LungsNotFound
from imaging.core.geometry import Grid, TumorMask
from imaging.core.location import Location, LocationRule, locate
from imaging.core.lungs import segment_lungs
from imaging.core.lungs.surfaces import distance_from_point_mm, distance_mm, way_out_mm
from imaging.core.phantom.anatomy import Build, surfaces
from imaging.core.phantom.place import find_place
from imaging.core.phantom.tumour import Tumour
from imaging.core.phantom.vessels import AIRWAYS
from tests.chests import GRID, HILUM_MM, LUNG_MM, OFFSET_MM, SIGN, TISSUE_HU, Chest, surface, way_out

VOXEL_MM = max(GRID.spacing_zyx_mm)
RADIUS_MM = 9.0
#: Ways from the hilum: to the side, to front and back, down and up (x away from the midline).
WAYS = {
    "side": (1.0, 0.0, 0.0),
    "back": (1.0, 0.8, 0.0),
    "front": (1.0, -1.0, 0.0),
    "down": (1.0, 0.3, -1.2),
    "up": (1.0, -0.2, 0.9),
}
#: Within one voxel of its tip an ellipsoid's surface faces front, back, head or foot, on whichever side of the tip.
FLAT_MM = float(LUNG_MM[0] * np.sqrt(1 - (1 - 2.5 / LUNG_MM[1]) ** 2)) + 2.5


def place(side: str, way: str, depth: float) -> tuple[np.ndarray, float]:
    """Give the point at a depth (0 hilum, 1 pleura) on a way from a hilum, and the length of the way."""
    direction = np.array(WAYS[way]) * [SIGN[side], 1, 1]
    length = way_out(side, direction)
    return HILUM_MM * [SIGN[side], 1, 1] + depth * length * direction / np.linalg.norm(direction), length


@cache
def planted_at(side: str, way: str, depth: float) -> Location:
    chest = Chest()
    tumour = chest.tumour(place(side, way, depth)[0], RADIUS_MM)
    volume = chest.volume
    return locate(volume, tumour, segment_lungs(volume))


DEPTHS = (0.4, 0.6, 0.73, 0.9)
PLACES = [("left", way, depth) for way in WAYS for depth in DEPTHS] + [("right", way, 0.73) for way in WAYS]


@pytest.mark.parametrize(("side", "way", "depth"), PLACES)
def test_depth_and_side_are_those_of_the_line_from_the_hilum(side: str, way: str, depth: float) -> None:
    found = planted_at(side, way, depth)
    _, length = place(side, way, depth)
    assert found.side == side
    assert found.evidence["line_mm"] == pytest.approx(length, abs=VOXEL_MM)
    assert found.evidence["centroid_hilum_mm"] == pytest.approx(depth * length, abs=VOXEL_MM)
    assert found.depth_ratio == pytest.approx(depth, abs=VOXEL_MM / length)
    assert found.zone == ("central" if depth < 2 / 3 else "peripheral")
    assert found.evidence["from_border_mm"] == pytest.approx(abs(depth - 2 / 3) * length, abs=VOXEL_MM)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("way", WAYS)
def test_distances_are_those_of_the_surfaces(way: str, depth: float) -> None:
    found = planted_at("left", way, depth)
    centre, length = place("left", way, depth)
    assert found.hilum_mm == pytest.approx(depth * length - RADIUS_MM, abs=VOXEL_MM)
    points = np.concatenate([surface("left", lateral=True), surface("left", lateral=False)])
    far = np.linalg.norm(surface("left", lateral=True) - centre, axis=1).min()
    near = np.linalg.norm(points[points[:, 0] >= OFFSET_MM - FLAT_MM] - centre, axis=1).min()
    centroid = found.evidence["centroid_pleura_mm"]
    assert isinstance(centroid, float)
    assert near - VOXEL_MM <= centroid <= far + VOXEL_MM
    assert max(0, near - RADIUS_MM) - VOXEL_MM <= found.pleura_mm <= max(0, far - RADIUS_MM) + VOXEL_MM


def test_the_distance_to_the_side_has_no_room_for_doubt() -> None:
    centre, _ = place("right", "side", 0.73)
    exact = float(np.linalg.norm(surface("right", lateral=True) - centre, axis=1).min())
    found = planted_at("right", "side", 0.73)
    assert found.evidence["centroid_pleura_mm"] == pytest.approx(exact, abs=1.0)
    assert found.pleura_mm == pytest.approx(exact - RADIUS_MM, abs=1.5)
    medial = float(np.linalg.norm(surface("right", lateral=False) - centre, axis=1).min())
    assert found.evidence["mediastinum_mm"] == pytest.approx(medial - RADIUS_MM, abs=VOXEL_MM)


def test_a_tumour_that_grows_into_the_chest_wall_belongs_to_the_lung_and_touches_the_pleura() -> None:
    chest = Chest()
    tumour = chest.tumour(np.array([OFFSET_MM + LUNG_MM[0] - 4, 0.0, 0.0]), 18.0)
    found = locate(chest.volume, tumour, segment_lungs(chest.volume))
    assert (found.side, found.zone, found.pleura_mm) == ("left", "peripheral", 0.0)


def test_a_diaphragm_that_bulges_into_the_lung_is_pleura() -> None:
    chest = Chest()
    dome = np.array([OFFSET_MM, 0.0, -40.0])
    chest.tube(dome - [0, 0, 65], dome, radius_mm=25.0, hu=TISSUE_HU)
    tumour = chest.tumour(dome + np.array([0, 0, 12 + RADIUS_MM]), RADIUS_MM)
    assert locate(chest.volume, tumour, segment_lungs(chest.volume)).pleura_mm == pytest.approx(12, abs=VOXEL_MM)


def test_the_way_out_ends_at_the_first_wall_beyond_the_tumour() -> None:
    wall = np.zeros((3, 3, 30), dtype=bool)
    wall[:, :, 3] = wall[:, :, 15] = wall[:, :, 20] = True
    start, through = np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0, 8.0])
    assert way_out_mm(start, through, wall, spacing_zyx_mm=(3.0, 2.0, 2.0)) == pytest.approx(2 * 14.5, abs=0.2)
    assert way_out_mm(start, through, wall & False, spacing_zyx_mm=(3.0, 2.0, 2.0)) is None


@pytest.mark.parametrize("gap", [0, 1, 5])
def test_surfaces_of_boxes_are_as_far_apart_as_the_voxels_between_them(gap: int) -> None:
    first, second = np.zeros((2, 4, 4, 20), dtype=bool)
    first[:, :, :4] = True
    second[:, :, 4 + gap : 9 + gap] = True
    spacing = (3.0, 1.5, 2.0)
    assert distance_mm(first, second, spacing_zyx_mm=spacing) == pytest.approx(2.0 * gap)
    nearest = distance_from_point_mm(np.array([1.0, 2.0, 0.0]), second, spacing_zyx_mm=spacing)
    assert nearest == pytest.approx(2.0 * (3.5 + gap))


def test_a_tumour_at_the_hilum_is_central_whichever_way_it_lies() -> None:
    chest = Chest()
    tumour = chest.tumour(HILUM_MM * [1.3, 1, 1], 14.0)
    chest.tube(np.array([0.0, 0.0, 40.0]), HILUM_MM, radius_mm=4.5)  # the bronchus stays open
    found = locate(chest.volume, tumour, segment_lungs(chest.volume))
    assert (found.side, found.zone) == ("left", "central")
    assert found.hilum_mm < 1.0
    assert found.depth_ratio < 0.1


def test_height_is_a_fraction_of_the_lung_and_says_that_it_is_no_lobe() -> None:
    for z, third in ((-60.0, "lower"), (0.0, "middle"), (60.0, "upper")):
        chest = Chest()
        tumour = chest.tumour(np.array([OFFSET_MM, 0.0, z]), RADIUS_MM)
        evidence = locate(chest.volume, tumour, segment_lungs(chest.volume)).evidence
        assert evidence["height_fraction"] == pytest.approx((z + 100) / 200, abs=VOXEL_MM / 200)
        assert evidence["height_third"] == f"{third} third of the lung's height in the scan, not a lobe"
        assert evidence["lung_cut_off_at"] == []


def test_a_lung_that_the_scan_cuts_off_is_said_to_be() -> None:
    chest = Chest()
    tumour = chest.tumour(np.array([OFFSET_MM, 0.0, 30.0]), RADIUS_MM)
    box = (slice(25, 80), slice(0, 104), slice(0, 144))
    volume = chest.volume.crop(box)
    assert locate(volume, tumour.crop(box), segment_lungs(volume)).evidence["lung_cut_off_at"] == ["foot"]


def test_the_rule_is_named_and_may_be_another() -> None:
    chest = Chest()
    tumour = chest.tumour(place("left", "side", 0.6)[0], RADIUS_MM)
    lungs = segment_lungs(chest.volume)
    strict = locate(chest.volume, tumour, lungs, rule=LocationRule(central_to=1 / 3))
    assert (locate(chest.volume, tumour, lungs).zone, strict.zone) == ("central", "peripheral")
    assert "0.333" in str(strict.evidence["rule"])
    assert strict.provenance["rule"] == {"central_to": 1 / 3, "near_lung_mm": 20.0}


def test_a_small_tumour_between_the_coarse_voxels_is_located_too() -> None:
    fine = Chest(Grid((48, 208, 288), (5.0, 1.25, 1.25), (-179.375, -129.375, -117.5)))
    mask = np.zeros(fine.grid.shape_zyx, dtype=bool)
    mask[24, 104, 250] = True
    found = locate(fine.volume, TumorMask(mask, fine.grid), segment_lungs(fine.volume))
    assert found.side == "left"
    assert found.evidence["tumour_ml"] == pytest.approx(0.01)


def test_the_same_tumour_is_located_to_the_last_digit() -> None:
    first = planted_at("left", "back", 0.6)
    planted_at.cache_clear()
    second = planted_at("left", "back", 0.6)
    assert (first.zone, first.depth_ratio, dict(first.evidence)) == (
        second.zone,
        second.depth_ratio,
        dict(second.evidence),
    )


def test_a_tumour_far_from_both_lungs_is_refused_with_its_distance() -> None:
    chest = Chest()
    chest.paint(chest.lung("left"), TISSUE_HU)
    tumour = chest.tumour(np.array([OFFSET_MM, 0.0, 0.0]), RADIUS_MM)
    with pytest.raises(LungsNotFound, match=r"lies 10\d mm from the nearest aerated lung, farther than 20 mm"):
        locate(chest.volume, tumour, segment_lungs(chest.volume))


def test_masks_that_do_not_fit_are_refused() -> None:
    volume = Chest().volume
    lungs = segment_lungs(volume)
    nothing = TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID)
    with pytest.raises(EmptyMask):
        locate(volume, nothing, lungs)
    box = (slice(10, 80), slice(0, 104), slice(0, 144))
    with pytest.raises(GridMismatch, match="does not lie on the image's grid"):
        locate(volume, nothing.crop(box), lungs)
    with pytest.raises(GridMismatch, match="another scan"):
        locate(volume.crop(box), TumorMask(np.ones((70, 104, 144), dtype=bool), GRID.crop(box)), lungs)


#: Patients of the demonstration cohort.
SEED, PATIENTS = 2026, 12


def planted_depths(truth: phantom.PatientTruth) -> tuple[np.ndarray, float, float]:
    """Give a planted tumour's centre (z, y, x) and its depth from the phantom's own surfaces, without any image.

    The first depth is the product's: along the line from the end of the planted bronchus to the chest wall. The second
    is the one by which the phantom plants: of the distances to mediastinum and chest wall.
    """
    surface = surfaces(Build.of(truth.seed, truth.code), seed=truth.seed, code=truth.code)
    room = 1.12 * Tumour.of(truth).radius_mm(truth.pre)
    centre = np.array(find_place(surface, truth, room_mm=room))
    hilum = np.array(AIRWAYS[2 if centre[2] > 0 else 1][-1][:3], dtype=float)
    axes = (surface.lattice.z, surface.lattice.y, surface.lattice.x)

    def at(field: np.ndarray, points: np.ndarray) -> np.ndarray:
        index = [(points[i] - axis[0]) / (axis[1] - axis[0]) for i, axis in enumerate(axes)]
        return ndimage.map_coordinates(field, index, order=1, mode="nearest")

    t = np.arange(1.0, 4.0, 0.002)
    wall = at(surface.cage, hilum[:, None] + (centre - hilum)[:, None] * t)
    beyond = float(t[np.argmax(wall > 0)])
    to_wall, to_mediastinum = (float(at(f, centre[:, None])[0]) for f in (-surface.cage, surface.mediastinum))
    return centre, 1 / beyond, to_mediastinum / (to_mediastinum + to_wall)


@pytest.mark.parametrize("number", range(PATIENTS))
def test_the_planted_places_are_found(number: int) -> None:
    truth = phantom.plan_cohort(40, seed=SEED)[number]
    scan = phantom.render(truth, "pre")
    found = locate(scan.volume, scan.mask, segment_lungs(scan.volume))
    centre, depth, way = planted_depths(truth)
    assert found.side == ("left" if centre[2] > 0 else "right")
    # The lobulated tumour's centroid lies a few millimetres from the point where it was planted.
    assert found.depth_ratio == pytest.approx(depth, abs=0.05)
    if found.zone != truth.location:
        # The phantom plants beside the mediastinum; in front of the hilum that is not near the hilum.
        assert (truth.location, found.zone) == ("central", "peripheral")
        assert way < 0.5
        assert depth > 0.64
        assert float(str(found.evidence["mediastinum_mm"])) < 10


def test_the_two_definitions_of_central_part_only_in_front_of_the_hilum() -> None:
    planted = {t.code: (t.location, planted_depths(t)) for t in phantom.plan_cohort(40, seed=SEED)}
    apart = {code for code, (zone, (_, depth, _)) in planted.items() if (depth <= 2 / 3) != (zone == "central")}
    assert len(apart) <= 5
    for code in apart:
        zone, (centre, _, _) = planted[code]
        assert zone == "central"
        assert centre[1] < AIRWAYS[1][-1][1] - 55, "more than 55 mm in front of the hilum"

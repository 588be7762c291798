"""Filling by pixel centres and the even-odd rule, against counts known in closed form."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import points_in_poly

from imaging.core.contours import fill


def box(low: float, high: float) -> NDArray[np.float64]:
    return np.array([[low, low], [low, high], [high, high], [high, low]])


def test_a_rectangle_between_centres_holds_exactly_the_centres_inside() -> None:
    filled = fill([np.array([[1.5, 2.5], [1.5, 6.5], [4.5, 6.5], [4.5, 2.5]])], shape=(8, 9))
    expected = np.zeros((8, 9), dtype=bool)
    expected[2:5, 3:7] = True
    assert np.array_equal(filled, expected)


def test_a_contour_inside_another_is_a_hole_and_one_inside_the_hole_an_island() -> None:
    filled = fill([box(0.5, 10.5), box(2.5, 8.5), box(4.5, 6.5)], shape=(12, 12))
    assert filled.sum() == 10**2 - 6**2 + 2**2
    assert not filled[3, 3]
    assert filled[5, 5]


def test_a_keyhole_contour_leaves_the_hole_open() -> None:
    outer, inner = box(0.5, 10.5), box(3.5, 7.5)
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    assert fill([keyhole], shape=(12, 12)).sum() == 10**2 - 4**2


def test_touching_polygons_share_no_pixel_even_when_edges_run_through_centres() -> None:
    left = np.array([[1.0, 1.0], [1.0, 4.0], [5.0, 4.0], [5.0, 1.0]])
    right = left + np.array([0.0, 3.0])
    first, second = fill([left], shape=(8, 9)), fill([right], shape=(8, 9))
    assert not (first & second).any()
    assert first.sum() == second.sum() == 4 * 3


def test_the_parts_of_a_polygon_outside_the_image_change_nothing_inside() -> None:
    filled = fill([np.array([[-5.5, -5.5], [-5.5, 2.5], [20.5, 2.5], [20.5, -5.5]])], shape=(4, 6))
    assert np.array_equal(filled, np.tile(np.arange(6) < 3, (4, 1)))


def test_a_polygon_left_or_right_of_the_image_fills_nothing() -> None:
    assert not fill([box(101.5, 103.5) - np.array([100, 0]), box(1.5, 3.5) - np.array([0, 100])], shape=(8, 8)).any()


def test_a_disc_has_the_pixels_whose_centres_are_within_its_radius() -> None:
    angle = np.linspace(0, 2 * np.pi, 20000, endpoint=False)
    filled = fill([np.column_stack([20 + 9.3 * np.sin(angle), 20 + 9.3 * np.cos(angle)])], shape=(41, 41))
    y, x = np.mgrid[:41, :41]
    assert np.array_equal(filled, (y - 20) ** 2 + (x - 20) ** 2 < 9.3**2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 13), st.floats(-3, 13)), min_size=3, max_size=12))
def test_any_polygon_even_a_crossed_one_agrees_with_ray_casting(vertices: list[tuple[float, float]]) -> None:
    # An irrational offset keeps centres off the outline, where the two rules may differ.
    polygon = np.array(vertices) + np.array([np.sqrt(2), np.sqrt(3)]) / 100
    y, x = np.mgrid[:10, :10]
    expected = points_in_poly(np.column_stack([y.ravel(), x.ravel()]), polygon).reshape(10, 10)
    assert np.array_equal(fill([polygon], shape=(10, 10)), expected)

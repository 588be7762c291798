"""The viewer's arithmetic in a real browser, against the geometry that the server computes with."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from imaging.core.codec import to_nifti
from imaging.core.geometry import Direction, Grid
from imaging.core.registration import Registered, lung_grid_of

pytestmark = [pytest.mark.browser, pytest.mark.processes]

SCRIPTS = Path(__file__).resolve().parents[2] / "imaging" / "static" / "imaging"
TO_RAS = np.array([-1.0, -1.0, 1.0])
STRAIGHT: Direction = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
TURNED: Direction = ((-1, 0, 0), (0, 0, -1), (0, -1, 0))
OBLIQUE: Direction = ((0.96, -0.28, 0.0), (0.28, 0.96, 0.0), (0.0, 0.0, -1.0))


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page with the viewer's scripts."""
    page = chromium.new_page()
    for name in ("words", "volume", "link", "slice", "overlay", "solid", "pane"):
        page.add_script_tag(path=SCRIPTS / f"{name}.js")
    yield page
    page.close()


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("direction", [STRAIGHT, TURNED, OBLIQUE], ids=["straight", "turned", "oblique"])
def test_a_volume_has_each_value_at_its_place_whichever_way_its_axes_run(page: Page, direction: Direction) -> None:
    grid = Grid((4, 5, 6), (2.5, 1.2, 0.9), (-30.0, 12.0, 250.0), direction)
    array = np.random.default_rng(1).integers(-1000, 400, grid.shape_zyx).astype(np.int16)
    index = [(0, 0, 0), (3, 0, 5), (1, 4, 2), (2, 3, 4)]
    places = [(grid.position(one) * TO_RAS).tolist() for one in index]
    found = page.evaluate(
        """([content, places]) => {
          const volume = new EcotoneVolume(Uint8Array.from(atob(content), (c) => c.charCodeAt(0)).buffer);
          return places.map((mm) => {
            const at = volume.toIndex(mm);
            const off = at.map((value) => Math.abs(value - Math.round(value)));
            return { value: volume.at(at.map(Math.round)), back: volume.toMM(at), off };
          });
        }""",
        [base64_of(gzip.decompress(to_nifti(array, grid))), places],
    )
    assert [one["value"] for one in found] == [int(array[one]) for one in index]
    np.testing.assert_allclose([one["back"] for one in found], places, atol=1e-3)
    np.testing.assert_allclose([one["off"] for one in found], 0, atol=1e-3)


@pytest.mark.parametrize("direction", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
def test_a_place_goes_where_the_registration_takes_it_and_comes_back(page: Page, direction: Direction) -> None:
    grid = Grid((6, 7, 8), (4.0, 4.0, 4.0), (-20.0, 10.0, -300.0), direction)
    z, y, x = np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij")
    bend = np.stack([3 + 0.2 * x, -4 + 0.3 * y * np.sin(z), 500 + 0.1 * z], axis=-1).astype(np.float32)
    registered = Registered(bend, grid, np.zeros((2, *lung_grid_of(grid).shape_zyx), dtype=bool))
    places = np.array([grid.position(one) for one in [(2.5, 3.1, 4.2), (0, 0, 0), (4.9, 5.5, 6.9), (1.2, 2.0, 3.0)]])
    found = page.evaluate(
        """([field, places]) => {
          const link = new EcotoneLink.Field(field);
          return places.map((mm) => ({ forth: link.forth(mm), back: link.back(link.forth(mm)) }));
        }""",
        [sent(registered), (places * TO_RAS).tolist()],
    )
    np.testing.assert_allclose([one["forth"] for one in found], registered.to_post(places) * TO_RAS, atol=0.02)
    np.testing.assert_allclose([one["back"] for one in found], places * TO_RAS, atol=0.05)


def sent(registered: Registered) -> dict[str, Any]:
    """The field as `imaging.services.viewing.field_view` writes it."""
    mean = registered.displacement.reshape(-1, 3).mean(axis=0).astype(float)
    steps = np.rint((registered.displacement - mean) / 0.01).astype("<i2")
    said = {"grid": registered.grid.as_dict(), "mean_lps_mm": mean.tolist(), "step_mm": 0.01}
    field: dict[str, Any] = json.loads(json.dumps(said | {"steps": base64_of(steps.tobytes())}))
    return field


def test_a_surface_of_a_ball_lies_on_the_ball(page: Page) -> None:
    grid = Grid((21, 25, 25), (2.0, 1.5, 1.5))
    z, y, x = (np.arange(n) - (n - 1) / 2 for n in grid.shape_zyx)
    ball = (2 * z[:, None, None]) ** 2 + (1.5 * y[None, :, None]) ** 2 + (1.5 * x[None, None, :]) ** 2 <= 14**2
    radii = page.evaluate(
        """(content) => {
          const mask = new EcotoneVolume(Uint8Array.from(atob(content), (c) => c.charCodeAt(0)).buffer);
          const extent = mask.extent();
          const middle = mask.toMM(extent.low.map((v, axis) => (v + extent.high[axis]) / 2));
          const { data } = EcotoneSolid.surface(mask, extent, (at) => mask.at(at) > 0, middle);
          return Array.from({ length: data.length / 6 }, (_, v) => Math.hypot(...data.slice(6 * v, 6 * v + 3)));
        }""",
        base64_of(gzip.decompress(to_nifti(ball, grid))),
    )
    assert len(radii) > 500
    assert np.mean(radii) == pytest.approx(14, abs=0.8)
    assert min(radii) > 11.5
    assert max(radii) < 16


def test_kinds_of_change_are_told_apart(page: Page) -> None:
    pairs = [(2, 2), (2, 3), (3, 0), (3, 1), (0, 2), (1, 3)]
    assert page.evaluate("(pairs) => pairs.map(([a, b]) => EcotonePane.change(a, b))", pairs) == [0, 1, 2, 3, 4, 4]

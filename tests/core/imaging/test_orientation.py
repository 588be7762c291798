"""One scan in all 48 orders of its voxels: one volume, one set of features, whatever a file's order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.codebook import fit_codebook
from imaging.core.codec import pack_mask, pack_registered, pack_volume
from imaging.core.corrections import NO_CORRECTIONS
from imaging.core.dicom import read_corrected
from imaging.core.dicom_write import DicomIdentity, write_ct, write_rtstruct, write_seg
from imaging.core.features import extract
from imaging.core.geometry import IDENTITY, Grid, TumorMask, Volume, to_sitk
from imaging.core.habitats import assign
from imaging.core.masks import read_mask
from imaging.core.nifti import read_volume_file
from imaging.core.orientation import is_lps, to_lps
from imaging.core.registration import register
from imaging.core.spec import ExtractionSpec, HabitatSpec, RadiomicsSpec
from imaging.core.supervoxels import pack_supervoxels, supervoxels
from tests.core.imaging.breathing_chest import after, before, shifted

ORDERS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
SOME = [ORDERS[index] for index in (1, 6, 19, 44)]
IDENTITIES = DicomIdentity("EC-0001", "ordered", date(2024, 2, 29), "Chest", "B31f")
#: Spacings that a double holds exactly, and one that it does not.
GRIDS = [
    Grid((7, 9, 11), (2.5, 0.78125, 0.78125), (-166.1, -171.29, -1021.3)),
    Grid((7, 9, 11), (0.7, 0.9765625, 0.7), (-31.337, 12.0001, 103.4)),
]


def stored(volume: Volume | TumorMask, order: tuple[int, ...], signs: tuple[int, ...]) -> tuple[NDArray, Grid]:  # type: ignore[type-arg]
    """The same scan as a file of another order holds it; new axis k (x, y, z) is old axis order[k]."""
    shape, spacing = volume.grid.shape_zyx[::-1], volume.grid.spacing_zyx_mm[::-1]
    axes = np.asarray(volume.grid.direction)
    array = volume.array.T.transpose(order)
    first = [0, 0, 0]
    for new, sign in enumerate(signs):
        if sign < 0:
            array = np.flip(array, axis=new)
            first[order[new]] = shape[order[new]] - 1
    origin = volume.grid.position(first[::-1]).tolist()
    direction = tuple(tuple(row) for row in (axes[:, order] * signs).tolist())
    spacings = tuple(spacing[axis] for axis in order)[::-1]
    turned = np.ascontiguousarray(array.T)
    return turned, Grid(turned.shape, spacings, tuple(origin), direction)  # type: ignore[arg-type]


def scan(grid: Grid) -> Volume:
    hu = np.random.default_rng(4).integers(-900, 200, grid.shape_zyx).astype(np.int16)
    hu[:2] = -1000
    return Volume(hu, grid)


@pytest.mark.parametrize("grid", GRIDS, ids=["exact", "inexact"])
@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_all_48_orders_of_a_scan_are_one_volume_to_the_byte(
    grid: Grid, order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    volume = scan(grid)
    turned = to_lps(Volume(*stored(volume, order, signs)))
    assert pack_volume(turned) == pack_volume(volume)


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.nii.gz"])
@pytest.mark.parametrize("grid", GRIDS, ids=["exact", "inexact"])
def test_files_of_all_48_orders_are_read_as_one_volume_to_the_byte(tmp_path: Path, grid: Grid, name: str) -> None:
    volume, found = scan(grid), set()
    for order, signs in ORDERS:
        sitk.WriteImage(to_sitk(Volume(*stored(volume, order, signs))), str(tmp_path / name))
        found.add(pack_volume(read_volume_file(tmp_path / name)))
    assert len(found) == 1


def test_what_runs_in_lps_order_comes_back_as_it_is() -> None:
    volume = scan(replace(GRIDS[1], origin_lps_mm=(-0.1234567890123456, 1 / 3, -0.0)))
    assert to_lps(volume) is volume
    assert is_lps(volume.grid)


def rotated(degrees: float) -> Grid:
    c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return replace(GRIDS[0], direction=((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)))


@pytest.mark.parametrize("degrees", [20.0, 45.0, -45.0])
def test_an_oblique_grid_takes_the_nearest_order_and_moves_no_voxel(degrees: float) -> None:
    volume = scan(rotated(degrees))
    found = [to_lps(Volume(*stored(volume, order, signs))) for order, signs in ORDERS]
    for one in found:
        assert one.grid.matches(found[0].grid, tolerance_mm=1e-6)
        assert np.array_equal(one.array, found[0].array)
    if degrees == 20.0:
        assert np.array_equal(found[0].array, volume.array)
        assert found[0].grid.matches(volume.grid, tolerance_mm=1e-6)


def tumour() -> tuple[Volume, TumorMask]:
    grid = Grid((24, 30, 30), (2.5, 1.5, 1.7), (-20.3, -25.7, 101.1))
    z, y, x = np.indices(grid.shape_zyx)
    inside = ((z - 11) * 2.5) ** 2 + ((y - 14) * 1.5) ** 2 + ((x - 16) * 1.7) ** 2 <= 11**2
    noise = np.random.default_rng(7).normal(0, 60, grid.shape_zyx)
    hu = np.where(inside, 30 + noise, -850 + noise)
    hu[:, :3] = -1000
    return Volume(np.maximum(np.rint(hu), -1024).astype(np.int16), grid), TumorMask(inside, grid)


SMALL = ExtractionSpec(
    name="small", radiomics=RadiomicsSpec(log_sigma_mm=(2.0,), wavelet=True, minimum_voxels=8), habitats=HabitatSpec()
)


def results(volume: Volume, mask: TumorMask) -> tuple[bytes, bytes, bytes]:
    parts = supervoxels(volume, mask, SMALL.habitats)
    habitats = assign(parts, fit_codebook([parts], seed=1, k=3, stability_resamples=0))
    return extract(volume, mask, SMALL).values.tobytes(), pack_supervoxels(parts), habitats.array.tobytes()


def test_a_registration_does_not_depend_on_the_order_of_either_scan() -> None:
    pre, post = before(), after(shifted)
    expected = pack_registered(register(pre.volume, pre.mask, post.volume, post.mask))
    parts = (pre.volume, pre.mask, post.volume, post.mask)
    orders = (SOME[0], SOME[0], SOME[2], SOME[2])
    turned = [to_lps(type(part)(*stored(part, *order))) for part, order in zip(parts, orders, strict=True)]
    assert pack_registered(register(*turned)) == expected


def test_features_supervoxels_and_habitats_do_not_depend_on_the_order_of_a_file(tmp_path: Path) -> None:
    volume, mask = tumour()
    expected = results(volume, mask)
    for order, signs in SOME:
        sitk.WriteImage(to_sitk(Volume(*stored(volume, order, signs))), str(tmp_path / "ct.nrrd"))
        array, grid = stored(mask, order, signs)
        sitk.WriteImage(to_sitk(TumorMask(array, grid)), str(tmp_path / "mask.nrrd"))
        read = read_volume_file(tmp_path / "ct.nrrd")
        assert results(read, read_mask(tmp_path / "mask.nrrd", read).mask) == expected


def dicom_orders() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Right-handed orders, which DICOM can hold: axial bottom-up, rows to the front, sagittal, coronal."""
    yield (0, 1, 2), (1, 1, 1)
    yield (1, 0, 2), (1, 1, -1)  # transposed: slices run towards the feet
    yield (0, 1, 2), (-1, -1, 1)
    yield (1, 2, 0), (1, -1, -1)  # sagittal, from the left
    yield (0, 2, 1), (1, -1, 1)  # coronal


@pytest.mark.parametrize("orders", list(dicom_orders()))
def test_contours_and_segments_of_any_plane_are_turned_with_their_images(
    tmp_path: Path, orders: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    volume, mask = tumour()
    turned, drawn = Volume(*stored(volume, *orders)), TumorMask(*stored(mask, *orders))
    write_ct(turned, tmp_path / "ct", identity=IDENTITIES)
    write_rtstruct(drawn, tmp_path / "rs.dcm", identity=IDENTITIES)
    write_seg(drawn, tmp_path / "seg.dcm", identity=IDENTITIES)
    image = read_corrected(sorted((tmp_path / "ct").iterdir()), corrections=NO_CORRECTIONS)
    assert pack_volume(image.volume) == pack_volume(volume)
    assert image.volume.grid.direction == IDENTITY
    for name in ("rs.dcm", "seg.dcm"):
        found = read_mask(tmp_path / name, image.volume, drawn_on=image.drawn_on).mask
        assert pack_mask(found) == pack_mask(mask)

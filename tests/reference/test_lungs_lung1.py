"""Lungs and the tumour's place in LUNG1-001 against the contours that its clinic drew (NSCLC-Radiomics, Aerts et al.).

Both lung contours were drawn for planning: vessels are inside, the main bronchi outside. They leave the tumour out but
for 11 % of it, which lies in the left contour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.core.dicom import read_series
from imaging.core.errors import LungsNotFound
from imaging.core.geometry import TumorMask, Volume, nearest_on
from imaging.core.location import Location, locate
from imaging.core.lungs import LEFT, RIGHT, Lungs, segment_lungs
from imaging.core.masks import read_mask

pytestmark = [pytest.mark.realdata, pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]

#: Half a voxel of the copy (1.5 mm) all over a lung of 2.3 L, whose surface is at least that of a ball of this volume
#: times 1.8 (0.15 m²), is a Dice of 0.95.
DICE = 0.95


@pytest.fixture(scope="module")
def volume(shared_data: Path) -> Volume:
    return read_series(sorted((shared_data / "lung1_001_ct_rtstruct/ct").iterdir()))


@pytest.fixture(scope="module")
def contours(shared_data: Path, volume: Volume) -> dict[str, TumorMask]:
    file = next((shared_data / "lung1_001_ct_rtstruct/rtstruct").iterdir())
    return {name: read_mask(file, volume, roi=name).mask for name in ("GTV-1", "Lung-Left", "Lung-Right")}


@pytest.fixture(scope="module")
def lungs(volume: Volume) -> Lungs:
    return segment_lungs(volume)


@pytest.fixture(scope="module")
def place(volume: Volume, contours: dict[str, TumorMask], lungs: Lungs) -> Location:
    return locate(volume, contours["GTV-1"], lungs)


@pytest.mark.parametrize(("name", "label"), [("Lung-Right", RIGHT), ("Lung-Left", LEFT)])
def test_each_lung_agrees_with_the_clinics_contour(
    volume: Volume, contours: dict[str, TumorMask], lungs: Lungs, name: str, label: int
) -> None:
    ours, theirs = nearest_on(lungs.labels, lungs.grid, volume.grid) == label, contours[name].array
    common = np.count_nonzero(ours & theirs)
    assert 2 * common / (np.count_nonzero(ours) + np.count_nonzero(theirs)) > DICE
    other = contours["Lung-Left" if label == RIGHT else "Lung-Right"].array
    assert np.count_nonzero(ours & other) < 0.001 * np.count_nonzero(ours)


def test_carina_and_hila_lie_between_the_contoured_lungs(
    volume: Volume, contours: dict[str, TumorMask], lungs: Lungs
) -> None:
    right, left = (
        volume.grid.position(np.argwhere(contours[f"Lung-{s}"].array).mean(axis=0)) for s in ("Right", "Left")
    )
    (xr, _, zr), (xc, _, zc), (xl, _, zl) = (lungs.hila_lps_mm[RIGHT], lungs.carina_lps_mm, lungs.hila_lps_mm[LEFT])
    assert right[0] < xr < xc < xl < left[0]
    assert max(zr, zl) < zc
    assert 15 < xc - xr < 60
    assert 15 < xl - xc < 60


def test_the_tumour_is_in_the_left_lung_at_the_hilum_and_at_the_pleura(
    contours: dict[str, TumorMask], place: Location
) -> None:
    gtv = contours["GTV-1"].array
    assert np.count_nonzero(gtv & contours["Lung-Right"].array) == 0
    assert np.count_nonzero(gtv & contours["Lung-Left"].array) > 0.1 * np.count_nonzero(gtv)
    # A mass of 156 mL that reaches from the left hilum to the chest wall, as the contour shows.
    assert (place.side, place.zone) == ("left", "central")
    assert place.evidence["tumour_ml"] == pytest.approx(156.32, abs=0.01)
    assert place.hilum_mm < 10
    assert place.pleura_mm < 3


def test_the_same_scan_gives_the_same_bytes(volume: Volume, lungs: Lungs) -> None:
    assert segment_lungs(volume).labels.tobytes() == lungs.labels.tobytes()


def test_a_crop_around_a_nodule_shows_no_lungs_and_says_why(shared_data: Path) -> None:
    volume = read_series(sorted((shared_data / "lidc_0314_mini/ct").iterdir()))
    with pytest.raises(LungsNotFound, match=r"No windpipe .* \(66 mm\) of the scan"):
        segment_lungs(volume)


def test_a_narrow_field_of_view_is_refused_alike(shared_data: Path) -> None:
    folder = shared_data / "ibsi/ibsi_1_ct_radiomics_phantom/dicom/image"
    with pytest.raises(LungsNotFound, match=r"field of view|windpipe"):
        segment_lungs(read_series(sorted(folder.iterdir())))

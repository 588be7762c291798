"""What the viewer loads: image, mask and habitats on one grid, in patient coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from django.urls import reverse

from imaging.models import Segmentation
from tests.scans import GRID, small_scan, store_scan
from tests.trial import Trial


@pytest.fixture
def segmentation(trial: Trial) -> Segmentation:
    return store_scan(trial.patient, "pre", small_scan())


def fetched(trial: Trial, name: str, pk: int, folder: Path, *, whole: bool) -> Any:
    response = trial.client("reader").get(reverse(f"imaging:{name}", args=[pk]), {"whole": "yes"} if whole else {})
    assert response["Content-Type"] == "application/gzip"
    assert "private" in response["Cache-Control"]
    file = folder / f"{name}.nii.gz"
    file.write_bytes(response.content)
    return sitk.ReadImage(str(file))


@pytest.mark.parametrize("whole", [False, True])
def test_image_and_mask_lie_on_one_grid_and_hold_the_stored_values(
    trial: Trial, segmentation: Segmentation, tmp_path: Path, whole: bool
) -> None:
    image = fetched(trial, "volume", segmentation.pk, tmp_path, whole=whole)
    mask = fetched(trial, "mask", segmentation.pk, tmp_path, whole=whole)
    assert image.GetSize() == mask.GetSize()
    np.testing.assert_allclose(image.GetOrigin(), mask.GetOrigin())
    assert int(sitk.GetArrayFromImage(mask).sum()) == small_scan().mask.voxels
    if whole:
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), small_scan().volume.array)
        np.testing.assert_allclose(image.GetOrigin(), GRID.origin_lps_mm, atol=1e-4)
        np.testing.assert_allclose(image.GetSpacing(), GRID.spacing_zyx_mm[::-1], rtol=1e-6)


def test_the_crop_holds_the_values_at_its_place(trial: Trial, segmentation: Segmentation, tmp_path: Path) -> None:
    image = fetched(trial, "volume", segmentation.pk, tmp_path, whole=False)
    x, y, z = (round(v) for v in (np.array(image.GetOrigin()) - GRID.origin_lps_mm) / GRID.spacing_zyx_mm[::-1])
    part = sitk.GetArrayFromImage(image)
    d, h, w = part.shape
    np.testing.assert_array_equal(part, small_scan().volume.array[z : z + d, y : y + h, x : x + w])

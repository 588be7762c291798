"""Which image a mask file belongs to, by the documented rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.core.errors import NoMatchingSeries
from imaging.core.pairing import Place, image_of, is_mask, stem_of

ROOT = Path("/scan")


@pytest.mark.parametrize(
    ("path", "mask"),
    [
        ("lung1_label.nrrd", True),
        ("lung1_image.nrrd", False),
        ("ct.nii.gz", False),
        ("GTV.nii.gz", True),
        ("roi-2.nii", True),
        ("patient7 segmentation.nii.gz", True),
        ("masks_nifti/reader1.nii.gz", True),
        ("masks/ct.nii.gz", False),
        ("patient/labelled.nii.gz", False),
        ("patient/unmasked.nii.gz", False),
        ("tumour.nii.gz", True),
    ],
)
def test_words_in_names_tell_masks_from_images(path: str, mask: bool) -> None:
    assert is_mask(ROOT / path, root=ROOT) is mask


def test_the_name_of_the_scanned_folder_itself_says_nothing() -> None:
    assert not is_mask(Path("/masks/a.nii"), root=Path("/masks"))


def places(*paths: str) -> list[Place]:
    return [Place((ROOT / p).parent, stem_of(ROOT / p), index) for index, p in enumerate(paths)]


@pytest.mark.parametrize(
    ("mask", "images", "index"),
    [
        ("a/mask.nii", ["a/anything.nii", "b/ct.nii"], 0),
        ("lung2_label.nrrd", ["lung1_image.nrrd", "lung2_image.nrrd"], 1),
        ("p/masks/reader1.nii", ["p/ct.nii", "p/other/ct.nii", "ct.nii"], 0),
        ("p/mask/mask.nii", ["p/image/phantom.nii", "q/image/phantom.nii"], 0),
        ("p/mask.nii", ["p/image/slice.dcm"], 0),
        ("p/P7-GTV.nii.gz", ["p/P8_CT.nii.gz", "p/P7_CT.nii.gz"], 1),
    ],
)
def test_a_mask_belongs_to_the_nearest_image_or_the_one_of_its_name(mask: str, images: list[str], index: int) -> None:
    assert image_of(ROOT / mask, places(*images), root=ROOT) == index


@pytest.mark.parametrize(
    ("mask", "images", "reason"),
    [
        ("a/mask.nii", ["b/c/ct.nii"], "No image lies"),
        ("a/mask.nii", ["a/x.nii", "a/y.nii"], "2 images could be meant"),
        ("a/mask.nii", [], "No image lies"),
        ("p/P7-GTV.nii", ["p/P7_CT.nii", "p/P7_image.nrrd"], "2 images could be meant"),
    ],
)
def test_nobody_guesses(mask: str, images: list[str], reason: str) -> None:
    with pytest.raises(NoMatchingSeries, match=reason):
        image_of(ROOT / mask, places(*images), root=ROOT)

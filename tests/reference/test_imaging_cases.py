"""Small inputs that real files taught us, each ending as its truth says: right, or refused with the reason, never wrong.

The generators lie beside the repository in ``../shared/cases/imaging``; each writes one folder a variant and prints what is true.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.core.case import read_case
from imaging.core.corrections import Corrections
from imaging.core.dicom import SeriesReport, read_corrected
from imaging.core.errors import FrameOfReferenceMismatch, NoMatchingSeries, NotCT
from imaging.core.geometry import TumorMask
from imaging.core.masks import mean_hu
from imaging.core.reports import ScanReport, SegmentationReport
from imaging.core.scan import scan
from imaging.core.straighten import straighten_mask

pytestmark = [pytest.mark.realdata, pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "imaging"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, dict[str, Any]]]:
    """Run a generator once; give its folder and what is true of each variant."""
    if not CASES.is_dir():
        pytest.skip("the small cases are absent: expected the folder ../shared/cases beside the repository")

    @cache
    def made(name: str) -> tuple[Path, dict[str, Any]]:
        out = tmp_path_factory.mktemp(name)
        command = [sys.executable, str(CASES / f"{name}.py"), str(out)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        return out, json.loads(ran.stdout)

    return made


def tumour(report: ScanReport) -> list[SegmentationReport]:
    """Return the regions that would be taken for the tumour: the accepted ones of the best rank."""
    accepted = [row for row in report.segmentations if row.verdict == "accepted"]
    best = min((row.tumour_rank for row in accepted), default=99)
    return [row for row in accepted if row.tumour_rank == best]


def the_series(report: ScanReport) -> SeriesReport:
    (series,) = report.series
    return series


@pytest.mark.parametrize("variant", ["a_same_outline_twice", "b_outlines_cross", "c_hole_stays_a_hole"])
def test_outlines_that_coincide_count_once_crossing_ones_unite_and_holes_stay(case: Any, variant: str) -> None:
    folder, truth = case("contours_coincide_or_cross")
    (row,) = scan(folder / variant).segmentations
    assert (row.code, row.voxels) == ("ok", truth[variant]["true_voxels"])
    assert row.mean_hu == pytest.approx(truth[variant]["true_mean_hu"], abs=1e-3)


@pytest.mark.parametrize(
    "variant",
    [
        "a_every_second_slice",
        "b_drawn_on_thick_series",
        "c_seg_of_thick_series_without_spacing",
        "d_seg_of_thick_series_with_spacing",
    ],
)
def test_a_mask_in_stripes_is_refused(case: Any, variant: str) -> None:
    folder, _ = case("contours_with_skipped_slices")
    (row,) = scan(folder / variant).segmentations
    assert row.verdict == "refused"
    assert row.code in {"grid_mismatch", "skipped_slices"}
    assert any(character.isdigit() for character in row.reason), "the slices or distances are named"


@pytest.mark.parametrize("variant", ["a_mip", "b_iodine", "c_virtual_non_contrast", "d_monoenergetic_40"])
def test_derived_images_are_refused_or_named_and_ranked_behind(case: Any, variant: str) -> None:
    folder, _ = case("derived_images_taken_as_ct")
    series = the_series(scan(folder / variant))
    assert series.verdict == "refused" or (series.derived and any(series.derived in note for note in series.notes))


def test_derived_slices_among_original_ones_are_refused_with_their_counts(case: Any) -> None:
    folder, _ = case("derived_images_taken_as_ct")
    series = the_series(scan(folder / "e_mip_slices_in_the_series"))
    assert series.verdict == "refused"
    assert "23" in series.reason
    assert "24" in series.reason


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        *(("hu_offset_not_noticed", variant) for variant in ("a_intercept_zero", "b_intercept_zero_and_padding")),
        *(("hu_offset_not_noticed", variant) for variant in ("c_no_rescale_and_padding", "d_unsigned_header")),
        *(("nifti_stored_values_with_padding", variant) for variant in ("a_with_padding", "b_without_padding")),
    ],
)
def test_values_that_are_no_hounsfield_units_are_refused_with_the_facts(case: Any, name: str, variant: str) -> None:
    folder, _ = case(name)
    series = the_series(scan(folder / variant))
    assert (series.verdict, series.code) == ("refused", "not_ct")
    assert any(character.isdigit() for character in series.reason)


@pytest.mark.parametrize(
    "variant", ["a_decathlon", "b_nnunet", "c_gtvp", "d_tumormask", "e_labelmap", "f_annotation"]
)
def test_label_files_are_known_by_what_they_hold(case: Any, variant: str) -> None:
    folder, truth = case("mask_names_not_known")
    report = scan(folder / variant)
    assert the_series(report).code == "ok"
    (row,) = report.segmentations
    assert (row.code, row.voxels) == ("ok", truth[variant]["true_voxels"])


@pytest.mark.parametrize("variant", ["a_nodes_before_primary", "b_gtvnd_before_gtvp", "c_node_station", "d_nodal"])
def test_a_node_is_not_the_primary(case: Any, variant: str) -> None:
    folder, truth = case("node_taken_for_tumour")
    (row,) = tumour(scan(folder / variant))
    assert (row.name, row.voxels) == (truth[variant]["true_region"], truth[variant]["true_voxels"])


@pytest.mark.parametrize(
    "variant", ["a_two_patients_one_above_the_other", "b_two_patients_same_place", "e_pre_and_post"]
)
def test_scans_that_share_a_uid_are_told_apart(case: Any, variant: str) -> None:
    folder, _ = case("one_series_uid_several_scans")
    report = scan(folder / variant)
    assert [(row.code, row.shape_zyx) for row in report.series] == [("ok", (24, 64, 64))] * 2
    assert [row.code for row in report.segmentations] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("variant", "words"), [("c_two_patient_ids", "2 PatientIDs"), ("d_two_studies_and_frames", "2 studies")]
)
def test_halves_of_two_scans_in_one_folder_are_refused(case: Any, variant: str, words: str) -> None:
    folder, _ = case("one_series_uid_several_scans")
    series = the_series(scan(folder / variant))
    assert (series.code, words in series.reason) == ("mixed_series", True)


def test_of_two_structure_sets_the_newer_one_counts(case: Any) -> None:
    folder, truth = case("regions_that_share_a_name")
    rows = [row for row in scan(folder / "b_two_structure_sets").segmentations if row.verdict == "accepted"]
    newest = max(rows, key=lambda row: row.dated)
    assert newest.voxels == truth["b_two_structure_sets"]["newer_voxels"]
    assert len({row.dated for row in rows}) == 2


def test_regions_of_one_name_are_told_apart_by_number_and_size(case: Any) -> None:
    folder, truth = case("regions_that_share_a_name")
    rows = scan(folder / "a_one_name_twice").segmentations
    assert {str(row.number): row.voxels for row in rows} == truth["a_one_name_twice"]["voxels"]
    one, two = (scan(folder / "a_one_name_twice", roi=number).segmentations for number in ("1", "2"))
    assert ([row.number for row in one], [row.number for row in two]) == ([1], [2])


@pytest.mark.parametrize("variant", ["a_tumour_added_last", "b_tumour_first"])
def test_a_number_that_two_regions_share_is_refused(case: Any, variant: str) -> None:
    folder, truth = case("roi_number_used_twice")
    rows = scan(folder / variant).segmentations
    assert all(row.verdict == "refused" for row in rows)
    assert any("19" in row.reason for row in rows)
    assert truth[variant]["exclusive_or"] not in {row.voxels for row in rows}


@pytest.mark.parametrize("variant", ["a_two_named_segments", "b_cropped_to_the_segment", "c_two_layers"])
def test_slicers_segmentations_are_read_by_name_layer_and_extent(case: Any, variant: str) -> None:
    folder, truth = case("segment_names_of_nrrd_ignored")
    report = scan(folder / variant)
    assert the_series(report).code == "ok"
    (row,) = tumour(report)
    assert (row.name, row.voxels) == ("Tumor", truth[variant]["true_voxels"])
    named = scan(folder / variant, roi="Tumor").segmentations
    assert [row.voxels for row in named if row.verdict == "accepted"] == [truth[variant]["true_voxels"]]


def test_features_are_not_computed_on_contours_of_another_scan(case: Any) -> None:
    folder, truth = case("features_ignore_frame_of_reference")
    with pytest.raises((FrameOfReferenceMismatch, NoMatchingSeries)):
        read_case(folder / "ct", folder / "rs_of_another_scan.dcm")
    image, named = read_case(folder / "ct", folder / "rs_right.dcm")
    assert named.mask.voxels == truth["rs_right"]["true_voxels"]
    assert mean_hu(image.volume, named.mask) == pytest.approx(truth["rs_right"]["true_mean_hu"], abs=1e-3)


def test_values_that_no_tissue_has_are_refused(case: Any) -> None:
    folder, _ = case("thousands_of_grey_levels")
    with pytest.raises(NotCT):
        read_case(folder / "ct.nrrd", folder / "mask.nrrd")


def test_padding_does_not_reach_into_a_straightened_image(case: Any) -> None:
    folder, _ = case("tilt_beside_padding")
    options = Corrections(tilt=True)
    padded, plain = (
        read_corrected(sorted((folder / variant).glob("*.dcm")), corrections=options)
        for variant in ("a_with_padding", "b_without")
    )
    leaning = plain.drawn_on.leaning
    assert leaning is not None
    row, column = np.indices(leaning.shape_zyx[1:])
    circle = (row - 39.5) ** 2 + (column - 39.5) ** 2 <= 36.5**2
    inside = straighten_mask(TumorMask(np.broadcast_to(circle, leaning.shape_zyx).copy(), leaning)).array
    difference = np.abs(padded.volume.array.astype(float) - plain.volume.array.astype(float))[inside]
    assert difference.max() <= 5.0

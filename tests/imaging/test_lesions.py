"""Every region that could be a lesion is kept; one counts, which one is never guessed, and it can be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts.models import AuditEntry
from imaging.core.dicom_write import write_ct, write_rtstruct
from imaging.core.geometry import TumorMask
from imaging.core.scan import SegmentationReport
from imaging.models import Segmentation
from imaging.services.lesions import index_of, lesion_note, lesions_of
from imaging.services.segmentations import make_current
from tests.imaging.test_import import run_import
from tests.scans import GRID, PRE_SCAN_ON, identity_of, small_scan, write_raster
from tests.trial import Trial


def region(name: str, rank: int, number: int = 1) -> SegmentationReport:
    return SegmentationReport(
        f"{name}.dcm", name, "rtstruct", "accepted", "ok", "", 100, 10.0, "1.2", number, Path("x"), rank
    )


def shifted(voxels: int) -> TumorMask:
    """The tumour of the small scan, moved along x."""
    return TumorMask(np.roll(small_scan().mask.array, voxels, axis=2), GRID)


def write_regions(folder: Path, regions: dict[str, TumorMask]) -> Path:
    """Write the small scan with one file for each region."""
    identity = identity_of("RAW-1", PRE_SCAN_ON)
    write_ct(small_scan().volume, folder / "ct", identity=identity)
    for number, (name, mask) in enumerate(regions.items(), start=1):
        write_rtstruct(mask, folder / f"{number}.dcm", identity=identity, name=name)
    return folder


def stored() -> list[tuple[int, int, str, bool]]:
    rows = Segmentation.objects.order_by("version")
    return [(one.version, one.lesion, one.name, one.is_current) for one in rows]


def test_organs_and_planning_volumes_are_no_lesions_and_the_index_comes_first() -> None:
    found = [region("Lung L", 90, 1), region("node", 20, 2), region("PTV", 10, 3), region("GTV-1", 0, 4)]
    assert [one.name for one in lesions_of(found)] == ["GTV-1", "node"]
    assert index_of(found) is found[3]
    assert lesion_note(found) == ""


def test_regions_that_fit_equally_well_have_no_index_and_the_note_names_them() -> None:
    found = [region("GTV", 0, 2), region("Tumour", 0, 1), region("Heart", 90, 3)]
    assert index_of(found) is None
    assert [one.name for one in lesions_of(found)] == ["Tumour", "GTV"]
    assert "Tumour, GTV fit the tumour equally well" in lesion_note(found)


def test_organs_alone_leave_no_lesion_and_ask_for_a_name() -> None:
    found = [region("Heart", 90, 1), region("Lung L", 90, 2)]
    assert lesions_of(found) == ()
    assert "name the region and import again" in lesion_note(found)


@settings(deadline=None, max_examples=50)
@given(ranks=st.lists(st.sampled_from([0, 1, 5, 10, 20, 50, 90]), max_size=6), seed=st.randoms())
def test_an_index_is_unique_comes_first_and_does_not_depend_on_the_order(ranks: list[int], seed: Any) -> None:
    found = [region(f"r{number}", rank, number) for number, rank in enumerate(ranks)]
    mixed = seed.sample(found, len(found))
    index, lesions = index_of(found), lesions_of(found)
    assert (index_of(mixed), lesions_of(mixed)) == (index, lesions)
    assert all(one.tumour_rank < 90 for one in lesions)
    assert (index is None) or (lesions[0] is index and ranks.count(index.tumour_rank) == 1)
    assert {one.name for one in lesions} >= {one.name for one in found if one.tumour_rank in {0, 1, 5, 20, 50}}
    assert bool(lesion_note(found)) == (bool(found) and index is None)


@pytest.mark.django_db
def test_every_region_that_could_be_a_lesion_is_stored_and_the_index_counts(trial: Trial, tmp_path: Path) -> None:
    folder = write_regions(
        tmp_path / "in",
        {"Heart": shifted(2), "GTV-2": shifted(4), "GTV-1": shifted(0), "blob": shifted(6), "spot": shifted(7)},
    )
    job = run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert stored() == [(1, 1, "GTV-1", True), (2, 2, "GTV-2", False), (3, 3, "ROI", False), (4, 4, "ROI", False)]
    (row,) = job.result["imported"]
    assert (row["segmentation"], [one["counts"] for one in row["lesions"]]) == ("GTV-1", [True, False, False, False])
    assert {one.roi_number for one in Segmentation.objects.all()} == {1}


@pytest.mark.django_db
def test_equals_leave_the_choice_open_until_a_person_makes_it(trial: Trial, tmp_path: Path) -> None:
    folder = write_regions(tmp_path / "in", {"Tumour": shifted(0), "Lesion": shifted(4)})
    job = run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert [row[3] for row in stored()] == [False, False]
    assert "equally well" in job.result["imported"][0]["note"]
    make_current(Segmentation.objects.get(name="Lesion"), actor=trial.coordinator, reason="the primary")
    assert [row[2] for row in stored() if row[3]] == ["Lesion"]
    entry = AuditEntry.objects.get(verb="chose")
    assert (entry.reason, entry.changes["name"]) == ("the primary", [None, "Lesion"])


@pytest.mark.django_db
def test_equals_with_the_very_same_voxels_are_one_lesion_that_counts(trial: Trial, tmp_path: Path) -> None:
    folder = write_regions(tmp_path / "in", {"Tumour": shifted(0), "Lesion": shifted(0)})
    run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert [(row[1], row[3]) for row in stored()] == [(1, True)]


@pytest.mark.django_db
def test_importing_again_leaves_the_lesion_that_a_person_chose(trial: Trial, tmp_path: Path) -> None:
    folder = write_regions(tmp_path / "in", {"GTV-1": shifted(0), "GTV-2": shifted(4)})
    run_import(trial, folder, patient_code="P-1", timepoint="pre")
    make_current(Segmentation.objects.get(name="GTV-2"), actor=trial.coordinator)
    before = stored()
    run_import(trial, folder, patient_code="P-1", timepoint="pre")
    assert stored() == before
    again = write_regions(tmp_path / "again", {"GTV-1": shifted(1), "GTV-2": shifted(5)})
    run_import(trial, again, patient_code="P-1", timepoint="pre")
    assert stored()[2:] == [(3, 1, "GTV-1", False), (4, 2, "GTV-2", True)]


@pytest.mark.django_db
def test_a_region_named_by_a_person_counts_although_another_did(trial: Trial, tmp_path: Path) -> None:
    folder = write_regions(tmp_path / "in", {"GTV-1": shifted(0), "GTV-2": shifted(4)})
    run_import(trial, folder, patient_code="P-1", timepoint="pre")
    run_import(trial, folder, patient_code="P-1", timepoint="pre", roi="GTV-2")
    assert stored() == [(1, 1, "GTV-1", False), (2, 2, "GTV-2", True)]


@pytest.mark.django_db
def test_label_files_beside_an_image_are_kept_as_lesions_as_well(trial: Trial, tmp_path: Path) -> None:
    scan: Any = small_scan()
    write_raster(tmp_path / "in" / "image.nii.gz", scan)
    write_raster(tmp_path / "in" / "image_tumour_mask.nii.gz", scan, mask=True)
    run_import(trial, tmp_path / "in", patient_code="P-1", timepoint="pre")
    assert [(row[1], row[3]) for row in stored()] == [(1, True)]

"""Which region of a segmentation is meant, and which of its names means the tumour."""

from __future__ import annotations

import pytest

from imaging.core.errors import RegionNotFound
from imaging.core.regions import ORGAN_RANK, UNKNOWN_RANK, best, select, tumour_rank

PRESENT = {2: "GTV-1", 6: "Spinal-Cord", 7: "Lung-Left", 8: "Lung-Right"}


@pytest.mark.parametrize(
    "name",
    [
        "GTV-1",
        "GTV",
        "gtvp",
        "GTV_Mass_CT",
        "Tumour",
        "primary tumor",
        "Nodule reader 3",
        "Lung mass",
        "肿瘤",
        "Lesion 1",
    ],
)
def test_names_of_the_primary_tumour_rank_best(name: str) -> None:
    assert tumour_rank(name) == 0


@pytest.mark.parametrize(
    "name",
    [
        "Lung-Left",
        "Spinal-Cord",
        "Heart",
        "esophagus",
        "BODY",
        "Lungs minus GTV",
        "Lung-GTV",
        "Lungs-ITV",
        "Background",
    ],
)
def test_names_of_organs_rank_last_even_when_they_mention_the_tumour(name: str) -> None:
    assert tumour_rank(name) == ORGAN_RANK


def test_names_fall_into_the_documented_order() -> None:
    names = ["GTV-1", "GTV-2", "lung1_label", "PTV", "GTV-N1", "Jupiter", "Lung-Left"]
    ranks = [tumour_rank(name) for name in names]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)
    assert tumour_rank("lymph node mass") == tumour_rank("GTV LN") == 20
    assert tumour_rank("Jupiter") == UNKNOWN_RANK


def test_the_best_region_is_the_tumour_among_organs() -> None:
    assert best(PRESENT) == 2
    assert best({5: "anything"}) == 5


@pytest.mark.parametrize("present", [{1: "Nodule reader 1", 2: "Nodule reader 2"}, {1: "Lung", 2: "Heart"}, {}])
def test_nobody_guesses_between_equals_or_organs(present: dict[int, str]) -> None:
    with pytest.raises(RegionNotFound) as caught:
        best(present)
    assert all(repr(name) in caught.value.message for name in present.values())


def test_regions_are_selected_by_name_any_case_or_number() -> None:
    assert select(PRESENT, "GTV-1") == select(PRESENT, "gtv-1 ") == select(PRESENT, 2) == select(PRESENT, "2") == [2]
    assert select(PRESENT, None) == [2, 6, 7, 8]
    assert select({1: "gtv", 2: "GTV"}, "GTV") == [2]


@pytest.mark.parametrize("wanted", ["GTV-9", 9])
def test_an_absent_region_is_refused_with_the_names_present(wanted: str | int) -> None:
    with pytest.raises(RegionNotFound, match="'GTV-1', 'Spinal-Cord', 'Lung-Left', 'Lung-Right'"):
        select(PRESENT, wanted)

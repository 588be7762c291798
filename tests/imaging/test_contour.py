"""Contouring in the browser: what the server computes on a drawing, keeps of it, and refuses."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cohorts.models import AuditEntry, Timepoint
from cohorts.services.locks import lock_record
from cohorts.services.patients import mark_not_evaluable
from imaging.core.contouring import pack_box, unpack_box
from imaging.core.geometry import TumorMask
from imaging.models import ImageSeries, Segmentation
from imaging.services.contouring import mask_of
from tests.scans import GRID, PRE_SCAN_ON, small_scan, store_scan
from tests.trial import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(trial: Trial) -> Segmentation:
    return store_scan(trial.patient, "pre", small_scan(), scanned_on=PRE_SCAN_ON)


def ball(radius_mm: float) -> TumorMask:
    return small_scan(radius_mm=radius_mm).mask


def drawing(mask: TumorMask) -> SimpleUploadedFile:
    return SimpleUploadedFile("mask.bin", pack_box(mask))


def post(client: Client, act: str, series: ImageSeries, **values: Any) -> Any:
    return client.post(reverse(f"imaging:contour-{act}", args=[series.pk]), values)


def save(client: Client, series: ImageSeries, mask: TumorMask, *, base: int = 1, **values: Any) -> Any:
    return post(client, "save", series, mask=drawing(mask), **{"name": "GTV-1", "base": base, **values})


def test_the_scan_arrives_in_slabs_that_hold_its_hounsfield_units(trial: Trial, version: Segmentation) -> None:
    client = trial.client()
    facts = client.get(reverse("imaging:contour-scan", args=[version.series_id])).json()
    assert facts["shape"] == [10, 30, 32]
    assert facts["directions"]["x"] == {"start": "R", "end": "L", "flip": False}
    found = []
    for first in range(0, 10, facts["slab"]):
        answer = client.get(reverse("imaging:contour-slices", args=[version.series_id]), {"first": first})
        assert "immutable" in answer["Cache-Control"]
        found.append(np.frombuffer(gzip.decompress(answer.content), dtype="<i2").reshape(-1, 30, 32))
    assert np.array_equal(np.concatenate(found), small_scan().volume.array)


def test_a_click_in_the_tumour_outlines_it(trial: Trial, version: Segmentation) -> None:
    z, y, x = (int(index) for index in np.argwhere(version_mask(version)).mean(axis=0))
    answer = post(trial.client(), "start", version.series, z=z, y=y, x=x, method="density", tolerance=1)
    grown = unpack_box(answer.content, GRID).array
    assert 2 * (grown & version_mask(version)).sum() / (grown.sum() + version_mask(version).sum()) > 0.9
    assert int(answer["X-Low"]) < 20 < int(answer["X-High"])


def version_mask(version: Segmentation) -> np.ndarray[Any, Any]:
    return mask_of(version).array


def test_what_the_server_fills_and_smooths_comes_back_on_the_scan(trial: Trial, version: Segmentation) -> None:
    array = version_mask(version).copy()
    drawn = np.flatnonzero(array.any(axis=(1, 2)))
    array[drawn[1:-1]] = False
    filled = post(trial.client(), "fill", version.series, mask=drawing(TumorMask(array, GRID)))
    assert unpack_box(filled.content, GRID).array.any(axis=(1, 2))[drawn].all()
    smoothed = post(trial.client(), "smooth", version.series, mask=drawing(ball(8)), width_mm=1.5)
    assert unpack_box(smoothed.content, GRID).voxels == ball(8).voxels


def test_saving_makes_a_version_that_counts_with_its_author_and_its_difference(
    trial: Trial, version: Segmentation
) -> None:
    client = trial.client()
    answer = save(client, version.series, ball(6), drawn_from=version.pk, reason="Vessel taken out")
    assert answer.status_code == 200, answer.content
    saved = Segmentation.objects.get(is_current=True)
    assert (saved.version, saved.kind, saved.author, saved.drawn_from) == (2, "drawn", "coordinator", version)
    assert saved.tool.startswith("Ecotone contouring ")
    assert np.array_equal(version_mask(saved), ball(6).array)
    assert saved.comparison["with_version"] == 1
    assert 0 < saved.comparison["dice"] < 1
    assert saved.comparison["difference_ml"] == pytest.approx((ball(6).volume_mm3 - version.volume_mm3) / 1000)
    entry = AuditEntry.objects.get(verb="drew")
    assert (entry.actor, entry.reason, entry.changes["version"]) == (trial.coordinator, "Vessel taken out", [1, 2])
    page = client.get(answer.json()["url"]).content.decode()
    assert "Version 2 is saved" in page


def test_a_first_drawing_makes_a_timepoint_evaluable_again(trial: Trial, version: Segmentation) -> None:
    mark_not_evaluable(version.timepoint, note="No tumour seen", actor=None)
    save(trial.client(), version.series, ball(6))
    assert Timepoint.objects.get(pk=version.timepoint_id).status == Timepoint.Status.EVALUABLE


def test_a_version_saved_meanwhile_is_told_and_nothing_is_lost(trial: Trial, version: Segmentation) -> None:
    save(trial.client("researcher"), version.series, ball(7))
    late = save(trial.client(), version.series, ball(6))
    assert late.status_code == 409
    assert late.json()["code"] == "mask_changed"
    assert "Version 2 by researcher" in late.json()["message"]
    on_top = save(trial.client(), version.series, ball(6), base=2)
    assert on_top.status_code == 200
    assert Segmentation.objects.count() == 3


def test_another_version_is_made_the_current_one_on_record(trial: Trial, version: Segmentation) -> None:
    save(trial.client(), version.series, ball(6))
    trial.client().post(reverse("imaging:contour-current", args=[version.pk]), {"reason": "The first was right"})
    assert Segmentation.objects.get(is_current=True) == version
    entry = AuditEntry.objects.get(verb="chose")
    assert (entry.changes["version"], entry.reason) == ([2, 1], "The first was right")


def test_a_locked_record_refuses_a_drawing_and_a_choice(trial: Trial, version: Segmentation) -> None:
    save(trial.client(), version.series, ball(7))
    manager = trial.people["data_manager"]
    manager.set_password("a password")
    manager.save()
    lock_record(trial.patient, meaning="verified", actor=manager, password="a password")
    refused = save(trial.client(), version.series, ball(6), base=2)
    assert (refused.status_code, refused.json()["code"]) == (409, "locked")
    trial.client().post(reverse("imaging:contour-current", args=[version.pk]))
    assert Segmentation.objects.get(is_current=True).version == 2
    page = trial.client().get(reverse("imaging:contour", args=[version.series_id])).content.decode()
    assert "locked" in page


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no gzip at all", "did not arrive whole"),
        (gzip.compress(b"short"), "did not arrive whole"),
        (gzip.compress(bytes(100_000)), "larger than this scan"),
        (
            gzip.compress(np.array([0, 0, 0, 99, 1, 1], dtype="<i4").tobytes() + bytes(13)),
            "does not lie on this scan",
        ),
        (gzip.compress(np.array([0, 0, 0, 2, 8, 8], dtype="<i4").tobytes() + bytes(3)), "did not arrive whole"),
        (pack_box(TumorMask(np.zeros(GRID.shape_zyx, dtype=bool), GRID)), "Nothing is drawn"),
    ],
    ids=["no gzip", "cut short", "too large", "outside", "lies of its size", "empty"],
)
def test_a_bad_drawing_is_refused_in_words_and_changes_nothing(
    trial: Trial, version: Segmentation, content: bytes, words: str
) -> None:
    sent = SimpleUploadedFile("mask.bin", content)
    answer = post(trial.client(), "save", version.series, mask=sent, name="GTV", base=1)
    assert answer.status_code == 409
    assert words in answer.json()["message"]
    assert Segmentation.objects.get() == version


def test_a_click_beside_the_scan_and_an_odd_tolerance_are_refused(trial: Trial, version: Segmentation) -> None:
    outside = post(trial.client(), "start", version.series, z=99, y=0, x=0, method="density", tolerance=1)
    assert "outside the scan" in outside.json()["message"]
    odd = post(trial.client(), "start", version.series, z=1, y=1, x=1, method="density", tolerance=50)
    assert odd.status_code == 400


def test_two_versions_are_compared_on_the_page_of_versions(trial: Trial, version: Segmentation) -> None:
    save(trial.client(), version.series, ball(6))
    place = reverse("imaging:contours", args=[trial.cohort.code, "P-1", "pre"])
    page = trial.client("reader").get(place, {"a": "2", "b": "1"}).content.decode()
    assert "Dice" in page
    assert "Hausdorff" in page
    assert "Make current" not in page
    assert "Extract features" in trial.client("researcher").get(place).content.decode()


def test_a_scan_without_any_contour_can_be_drawn_on(trial: Trial, version: Segmentation) -> None:
    series = version.series
    version.delete()
    page = trial.client().get(reverse("imaging:contour", args=[series.pk]))
    assert page.status_code == 200
    assert save(trial.client(), series, ball(6), base=0).status_code == 200
    assert Segmentation.objects.get().comparison == {}

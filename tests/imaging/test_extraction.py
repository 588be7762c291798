"""From stored masks to stored features: what is missing is queued, one broken case leaves the others done."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Job, Timepoint
from cohorts.services.patients import create_patient, mark_not_evaluable
from imaging import storage
from imaging.core.features import extract
from imaging.core.geometry import TumorMask
from imaging.core.spec import BUILT_IN
from imaging.core.supervoxels import supervoxels, unpack_supervoxels
from imaging.models import FeatureSchema, FeatureSet, SupervoxelMap
from imaging.selectors import vector_of
from imaging.services import extraction
from imaging.services.extraction import enqueue_missing
from imaging.services.protocols import protocol_named
from tests.queue import Queue
from tests.scans import Scan, small_scan, store_scan
from tests.trial import Trial

PROTOCOL = "light"


def batch_of(trial: Trial) -> Job:
    batch = enqueue_missing(trial.cohort, protocol_name=PROTOCOL, user=trial.researcher)
    assert batch is not None
    return batch


def test_a_case_is_stored_as_the_engine_computed_it(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan())
    batch = batch_of(trial)
    jobs.execute(batch.children.get().pk, extraction.run)
    expected = extract(small_scan().volume, small_scan().mask, BUILT_IN[PROTOCOL])
    stored = FeatureSet.objects.get(segmentation=segmentation)
    vector = vector_of(stored)
    assert vector.names == expected.names
    np.testing.assert_array_equal(vector.values, expected.values)
    assert vector.undefined == dict(expected.undefined)
    assert stored.provenance["mask_sha256"] == segmentation.mask_sha256
    assert stored.provenance["protocol_sha256"] == protocol_named(PROTOCOL).digest
    parts = unpack_supervoxels(storage.get(SupervoxelMap.objects.get().sha256))
    again = supervoxels(small_scan().volume, small_scan().mask, BUILT_IN[PROTOCOL].habitats)
    np.testing.assert_array_equal(parts.labels, again.labels)


def test_one_broken_case_among_twenty_leaves_nineteen_done(
    trial: Trial, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    tiny = np.zeros_like(small_scan().mask.array)
    tiny[5, 15, 15] = True
    for number in range(20):
        patient = create_patient(trial.cohort, code=f"C-{number:02d}", centre=trial.here, actor=None)
        scan = small_scan(number % 3, radius_mm=4.5)
        store_scan(patient, "pre", Scan(scan.volume, TumorMask(tiny, scan.volume.grid)) if number == 7 else scan)
    with django_capture_on_commit_callbacks(execute=True):
        batch = batch_of(trial)
    assert queue.work() == 20
    batch.refresh_from_db()
    assert (batch.state, batch.result) == (Job.State.DONE, {"cases": 20, "done": 19, "failed": 1})
    broken = batch.children.exclude(state=Job.State.DONE).get()
    assert (broken.patient.code, broken.state, broken.error_code) == ("C-07", Job.State.FAILED, "mask_too_small")
    assert broken.error
    assert broken.remedy
    assert FeatureSet.objects.count() == 19
    assert SupervoxelMap.objects.count() == 19, "the broken case left neither features nor supervoxels"
    assert FeatureSchema.objects.count() == 1, "names are stored once"


def test_what_is_extracted_is_not_queued_again(trial: Trial) -> None:
    store_scan(trial.patient, "pre", small_scan())
    jobs.execute(batch_of(trial).children.get().pk, extraction.run)
    assert enqueue_missing(trial.cohort, protocol_name=PROTOCOL, user=None) is None
    assert enqueue_missing(trial.cohort, protocol_name="standard", user=None) is not None, "another protocol is new"


def test_a_second_delivery_of_a_finished_case_computes_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    store_scan(trial.patient, "pre", small_scan())
    first, second = batch_of(trial), batch_of(trial)
    jobs.execute(first.children.get().pk, extraction.run)
    monkeypatch.setattr(extraction, "extract", None)  # would fail if it were called
    case = second.children.get()
    jobs.execute(case.pk, extraction.run)
    case.refresh_from_db()
    assert (case.state, case.result) == (Job.State.DONE, {"already": True})


def test_a_case_says_done_only_when_its_features_are_there(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    store_scan(trial.patient, "pre", small_scan())
    case = batch_of(trial).children.get()
    seen: list[str] = []
    original = extraction.store_features

    def look(*args: Any, **kwargs: Any) -> Any:
        seen.append(Job.objects.get(pk=case.pk).state)
        return original(*args, **kwargs)

    monkeypatch.setattr(extraction, "store_features", look)
    jobs.execute(case.pk, extraction.run)
    assert seen == [Job.State.RUNNING]


def test_a_timepoint_that_is_not_evaluable_is_not_queued(trial: Trial) -> None:
    kept = store_scan(trial.patient, "pre", small_scan())
    marked = store_scan(trial.patient, "post", small_scan(1))
    mark_not_evaluable(marked.timepoint, note="complete remission", actor=None)
    assert [case.parameters["segmentation"] for case in batch_of(trial).children.all()] == [kept.pk]


def test_each_case_carries_its_patient_and_centre_so_that_the_wall_holds(trial: Trial) -> None:
    store_scan(trial.patient, "pre", small_scan(), scanned_on=date(2024, 2, 1))
    case = batch_of(trial).children.get()
    assert (case.patient, case.centre, case.parameters["timepoint"]) == (trial.patient, trial.here, "pre")


def test_a_stored_image_that_was_altered_on_disk_is_refused(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan())
    file = storage.path_of(segmentation.series.volume_sha256)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    case = batch_of(trial).children.get()
    jobs.execute(case.pk, extraction.run)
    case.refresh_from_db()
    assert (case.state, case.error_code) == (Job.State.FAILED, "artefact_corrupt")
    assert case.remedy
    assert not FeatureSet.objects.exists()


def test_a_stored_image_that_is_gone_is_refused_alike(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan())
    storage.path_of(segmentation.mask_sha256).unlink()
    case = batch_of(trial).children.get()
    jobs.execute(case.pk, extraction.run)
    case.refresh_from_db()
    assert case.error_code == "artefact_corrupt"


def test_equal_bytes_are_stored_once_and_come_back_as_they_were() -> None:
    first, second = storage.put(b"some bytes"), storage.put(b"some bytes")
    assert first == second
    assert storage.get(first) == b"some bytes"
    assert not [path for path in storage.path_of(first).parent.iterdir() if path.name != first]


def test_a_cohort_without_masks_says_that_there_is_nothing_to_do(trial: Trial) -> None:
    with pytest.raises(ServiceError) as refusal:
        enqueue_missing(trial.cohort, protocol_name=PROTOCOL, user=None)
    assert refusal.value.code == "nothing_to_do"
    url = reverse("imaging:extract", args=["trial"])
    shown = trial.client("researcher").post(url, follow=True).content.decode()
    assert refusal.value.message in shown


def test_an_unknown_protocol_lists_those_that_there_are(trial: Trial) -> None:
    with pytest.raises(ServiceError, match="light, reference, standard") as refusal:
        protocol_named("heavy")
    assert refusal.value.code == "unknown_setting"


def test_the_button_of_the_page_queues_what_is_missing(trial: Trial) -> None:
    store_scan(trial.patient, "pre", small_scan())
    response = trial.client("researcher").post(reverse("imaging:extract", args=["trial"]))
    batch = Job.objects.get(kind=Job.Kind.EXTRACTION_BATCH)
    assert response["Location"] == reverse("cohorts:job", args=[batch.reference])
    assert batch.created_by == trial.researcher


def vanishing_scan(voxels: int) -> Scan:
    """The small scan with a mask of so few voxels in a row."""
    scan = small_scan()
    array = np.zeros_like(scan.mask.array)
    array[5, 15, 10 : 10 + voxels] = True
    return Scan(scan.volume, TumorMask(array, scan.volume.grid))


@pytest.mark.parametrize("voxels", [0, 1, 5])
def test_a_tumour_that_vanished_after_treatment_is_not_evaluable_and_no_failure(trial: Trial, voxels: int) -> None:
    segmentation = store_scan(trial.patient, "post", vanishing_scan(voxels))
    case = batch_of(trial).children.get()
    jobs.execute(case.pk, extraction.run)
    case.refresh_from_db()
    timepoint = Timepoint.objects.get(pk=segmentation.timepoint_id)
    assert case.state == Job.State.DONE
    assert case.result == {"not_evaluable": timepoint.note}
    assert timepoint.status == Timepoint.Status.NOT_EVALUABLE
    assert timepoint.note.startswith("The mask ")
    entry = AuditEntry.objects.filter(object_type="timepoint", object_id=str(timepoint.pk)).latest("pk")
    assert entry.changes["status"] == ["evaluable", "not_evaluable"]
    assert (entry.actor, entry.patient) == (trial.researcher, trial.patient)
    assert not FeatureSet.objects.exists()
    assert not SupervoxelMap.objects.exists()
    assert enqueue_missing(trial.cohort, protocol_name=PROTOCOL, user=None) is None


def test_a_vanished_tumour_before_treatment_is_an_error_of_the_contour(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", vanishing_scan(5))
    case = batch_of(trial).children.get()
    jobs.execute(case.pk, extraction.run)
    case.refresh_from_db()
    assert (case.state, case.error_code) == (Job.State.FAILED, "mask_too_small")
    assert Timepoint.objects.get(pk=segmentation.timepoint_id).status == Timepoint.Status.EVALUABLE


def test_a_mask_that_was_replaced_meanwhile_says_nothing_of_its_timepoint(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "post", vanishing_scan(5))
    write = extraction.run(batch_of(trial).children.get(), lambda *args: None)
    segmentation.is_current = False
    segmentation.save()
    assert "not_evaluable" in write()
    assert Timepoint.objects.get(pk=segmentation.timepoint_id).status == Timepoint.Status.EVALUABLE

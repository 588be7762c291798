"""Registrations as records: queued for pairs, refused ones kept with their numbers, transitions wherever habitats are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse

from cohorts import jobs, workers
from cohorts.models import Job
from imaging import storage
from imaging.core.codec import unpack_labels, unpack_registered
from imaging.core.errors import RegistrationRefused
from imaging.core.geometry import Grid
from imaging.core.habitats import HabitatLabels
from imaging.core.registration import STANDARD, Registered, lung_grid_of
from imaging.core.transitions import transition_feature_names
from imaging.models import FeatureSet, HabitatMap, HabitatModel, Registration, Segmentation, TransitionMap
from imaging.selectors import vector_of
from imaging.services import habitats, registration, transitions
from imaging.services.extraction import enqueue_missing as enqueue_extraction
from imaging.services.habitats import Labelled
from imaging.services.protocols import protocol_named
from imaging.services.registration import enqueue_missing
from tests.queue import Queue
from tests.scans import GRID, small_scan, store_scan
from tests.trial import Trial


def store_pair(trial: Trial) -> tuple[Segmentation, Segmentation]:
    return store_scan(trial.patient, "pre", small_scan()), store_scan(trial.patient, "post", small_scan(1))


def case_of(trial: Trial) -> Job:
    batch = enqueue_missing(trial.cohort, user=trial.researcher)
    assert batch is not None
    return batch.children.get()


def at_rest() -> Registered:
    field = Grid((7, 9, 9), (4.0, 4.0, 4.0), GRID.origin_lps_mm)
    lung = np.zeros((2, *lung_grid_of(field).shape_zyx), dtype=bool)
    return Registered(np.zeros((7, 9, 9, 3), dtype=np.float32), field, lung, {"ncc_after": 0.97}, {"engine": "test"})


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> Registered:
    """Stand-in for the engine, whose own tests are in tests/core: small scans have no surroundings."""
    found = at_rest()
    monkeypatch.setattr(registration, "register", lambda *scans, on_progress: found)
    return found


def labelled(array: np.ndarray, digest: str) -> Labelled:
    labels = HabitatLabels(array.astype(np.uint8), GRID, 2, digest)
    features = habitats.habitat_features(labels, neighbourhood="axial8")
    return Labelled(labels, features, [[0] * 3] * 3)


def store_maps(pre: Segmentation, post: Segmentation) -> tuple[HabitatModel, dict[int, Labelled]]:
    model = HabitatModel.objects.create(
        cohort=pre.timepoint.patient.cohort,
        protocol=protocol_named("standard"),
        version=1,
        n_habitats=2,
        digest="d" * 64,
        codebook={"k": 2, "centroid_mean_hu": [-10.0, 40.0], "report": {"by_k": [], "why": "Two were planted."}},
    )
    first = small_scan().mask.array.astype(np.uint8)
    second = first.copy()
    second[:5] *= 2
    maps = {pre.pk: labelled(first, model.digest), post.pk: labelled(second, model.digest)}
    habitats.save_maps(maps, model=model)
    return model, maps


def test_pairs_are_queued_once_and_a_lone_scan_never(trial: Trial) -> None:
    store_scan(trial.other_patient, "pre", small_scan())
    pre, post = store_pair(trial)
    case = case_of(trial)
    assert (case.patient, case.centre) == (trial.patient, trial.here)
    assert case.parameters == {"pre": pre.pk, "post": post.pk}
    jobs.execute(case.pk, registration.run)
    assert enqueue_missing(trial.cohort, user=None) is None


def test_a_refusal_is_a_result_that_is_stored_with_its_numbers_and_shown(trial: Trial) -> None:
    store_pair(trial)  # noise around a ball: nothing to match
    case = case_of(trial)
    jobs.execute(case.pk, registration.run)
    case.refresh_from_db()
    row = Registration.objects.get()
    assert (case.state, case.result["accepted"]) == (Job.State.DONE, False)
    assert (row.accepted, row.code, row.sha256) == (False, "registration_refused", "")
    assert row.provenance["pre_volume_sha256"] == row.pre.series.volume_sha256
    assert row.digest == row.provenance["registration_spec"] == STANDARD.digest
    page = panel(trial)
    assert "Registration refused" in page
    assert row.reason.split(":")[0] in page
    assert "same tumour" in page, "what to do"


def test_an_accepted_registration_is_stored_as_it_was_computed(trial: Trial, accepted: Registered) -> None:
    pre, post = store_pair(trial)
    jobs.execute(case_of(trial).pk, registration.run)
    row = Registration.objects.get(pre=pre, post=post)
    np.testing.assert_array_equal(unpack_registered(storage.get(row.sha256)).displacement, accepted.displacement)
    assert (row.accepted, row.quality) == (True, {"ncc_after": 0.97})
    assert row.provenance["post_mask_sha256"] == post.mask_sha256
    assert "transitions appear once a model" in panel(trial)


def check_transitions(pre: Segmentation, post: Segmentation, model: HabitatModel) -> None:
    row = TransitionMap.objects.get(registration__pre=pre, registration__post=post, habitat_model=model)
    inside = small_scan().mask.array
    turned = int(inside[:5].sum())
    expected = np.zeros((4, 4), dtype=int)
    expected[2, 2], expected[2, 3] = inside.sum() - turned, turned
    assert row.counts == expected.tolist()
    codes, _ = unpack_labels(storage.get(row.sha256))
    assert (codes > 0).sum() == inside.sum()
    features = FeatureSet.objects.get(region=FeatureSet.Region.TRANSITIONS)
    assert (features.segmentation, features.habitat_model, features.protocol) == (post, model, model.protocol)
    vector = vector_of(features)
    assert vector.names == transition_feature_names(2)
    assert vector.as_dict()["transition_t_1_2"] == pytest.approx(turned / inside.sum())


def test_maps_saved_after_the_registration_get_transitions(trial: Trial, accepted: Registered) -> None:
    pre, post = store_pair(trial)
    jobs.execute(case_of(trial).pk, registration.run)
    model, maps = store_maps(pre, post)
    transitions.store(transitions.follow({pk: one.labels for pk, one in maps.items()}))
    check_transitions(pre, post, model)


def test_maps_that_were_there_before_the_registration_get_them_from_it(trial: Trial, accepted: Registered) -> None:
    pre, post = store_pair(trial)
    model, _ = store_maps(pre, post)
    jobs.execute(case_of(trial).pk, registration.run)
    check_transitions(pre, post, model)
    page = panel(trial)
    for words in ("Habitat transitions", "Before ↓ After →", "Habitat kept", "Registration accepted", "#56B4E9"):
        assert words in page
    changes = HabitatMap.objects.count(), FeatureSet.objects.filter(region=FeatureSet.Region.HABITATS).count()
    assert changes == (2, 2), "transitions took no habitat's place"


def test_a_refused_registration_leads_to_no_transitions(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*scans: object, on_progress: object) -> Registered:
        raise RegistrationRefused("Poor.", quality={"ncc_after": 0.1})

    monkeypatch.setattr(registration, "register", refuse)
    pre, post = store_pair(trial)
    _, maps = store_maps(pre, post)
    jobs.execute(case_of(trial).pk, registration.run)
    assert Registration.objects.get().quality == {"ncc_after": 0.1}
    assert transitions.follow({pk: one.labels for pk, one in maps.items()}) == []
    assert not TransitionMap.objects.exists()


def test_a_second_delivery_computes_nothing(
    trial: Trial, accepted: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_pair(trial)
    first, second = case_of(trial), case_of(trial)
    jobs.execute(first.pk, registration.run)
    monkeypatch.setattr(registration, "register", None)  # would fail if it were called
    jobs.execute(second.pk, registration.run)
    second.refresh_from_db()
    assert (second.state, second.result["accepted"]) == (Job.State.DONE, True)


def panel(trial: Trial) -> str:
    url = reverse("imaging:patient-panel", args=[trial.cohort.code, trial.patient.code])
    return trial.client("researcher").get(url).content.decode()


def test_without_a_registration_the_page_says_so(trial: Trial) -> None:
    assert "have not been registered" in panel(trial)


def test_the_button_and_the_command_of_extraction_queue_registrations_after_extractions(
    trial: Trial, queue: Queue, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    store_pair(trial)
    with django_capture_on_commit_callbacks(execute=True):
        trial.client("researcher").post(reverse("imaging:extract", args=["trial"]))
    assert [name.split(".")[-1] for name, _ in queue.messages] == ["extract", "extract", "register"]
    Job.objects.all().delete()
    monkeypatch.setattr(workers, "workers_answer", lambda **_: True)
    call_command("extract", cohort="trial")
    assert Job.objects.filter(kind=Job.Kind.REGISTRATION).count() == 1


def test_the_command_reports_each_case(trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(workers, "workers_answer", lambda **_: True)
    store_pair(trial)
    call_command("register", cohort="trial")
    assert "1 cases, 0 done." in capsys.readouterr().out
    jobs.execute(Job.objects.get(kind=Job.Kind.REGISTRATION).pk, registration.run)
    call_command("register", cohort="trial")
    assert "Nothing is missing." in capsys.readouterr().out


def test_a_mask_that_is_gone_ends_the_case_with_a_sentence(trial: Trial) -> None:
    pre, _ = store_pair(trial)
    case = case_of(trial)
    pre.delete()
    jobs.execute(case.pk, registration.run)
    case.refresh_from_db()
    assert (case.state, case.error_code) == (Job.State.FAILED, "nothing_to_do")


def test_extraction_counts_its_own_cases_only(trial: Trial) -> None:
    store_pair(trial)
    batch = enqueue_extraction(trial.cohort, protocol_name="light", user=None)
    assert batch is not None
    assert batch.total == 2

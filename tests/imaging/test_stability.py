"""From stored scans to agreement of features: each scan measured nine times, agreement computed on read."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from cohorts import jobs, workers
from cohorts.errors import ServiceError
from cohorts.models import Job
from cohorts.services.patients import create_patient, mark_not_evaluable
from imaging.core.errors import TooFewCases
from imaging.core.features import extract
from imaging.core.geometry import TumorMask
from imaging.core.perturb import DIGEST, ROWS, perturb
from imaging.core.reliability import Reliability
from imaging.core.reliability import reliability as agreement
from imaging.core.spec import BUILT_IN, ExtractionSpec, RadiomicsSpec
from imaging.models import PerturbedFeatures, Segmentation
from imaging.selectors import current_segmentations
from imaging.services import stability
from imaging.services.protocols import protocol_named
from imaging.services.stability import enqueue_stability, reliability
from imaging.services.stability_tables import as_csv, family_rows, stability_rows
from tests.queue import Queue
from tests.scans import Scan, small_scan, store_scan
from tests.trial import Trial

#: Four families without filters: what is tested is the way of the numbers, not the numbers.
FEW = ExtractionSpec(
    name="light",
    radiomics=RadiomicsSpec(log_sigma_mm=(), wavelet=False, classes=("shape", "firstorder", "gldm", "ngtdm")),
)
N_FEATURES = 14 + 18 + 14 + 5


@pytest.fixture(autouse=True)
def quick_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, FEW.name, FEW)


def ask(trial: Trial, **options: Any) -> Job:
    batch = enqueue_stability(trial.cohort, protocol_name=FEW.name, user=trial.researcher, **options)
    assert batch is not None
    return batch


def scans(trial: Trial, *radii_mm: float) -> list[Segmentation]:
    found = []
    for number, radius_mm in enumerate(radii_mm):
        patient = create_patient(trial.cohort, code=f"C-{number:02d}", centre=trial.here, actor=None)
        found.append(store_scan(patient, "pre", small_scan(number, radius_mm=radius_mm)))
    return found


def measure(batch: Job) -> Job:
    for case in batch.children.order_by("pk"):
        jobs.execute(case.pk, stability.run)
    batch.refresh_from_db()
    return batch


def test_a_scan_is_stored_with_the_features_of_each_perturbation(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan())
    assert measure(ask(trial)).state == Job.State.DONE
    stored = PerturbedFeatures.objects.get()
    assert stored.segmentation == segmentation
    assert (tuple(stored.perturbations), stored.digest, stored.skipped) == (ROWS, DIGEST, {})
    assert stored.values.shape == (len(ROWS), N_FEATURES)
    for row, name in zip(stored.values, ROWS, strict=True):
        expected = extract(*perturb(small_scan().volume, small_scan().mask, name), FEW)
        np.testing.assert_array_equal(row, expected.values)
        assert tuple(stored.schema.names) == expected.names
    assert stored.provenance["mask_sha256"] == segmentation.mask_sha256
    assert stored.provenance["protocol_sha256"] == FEW.digest
    assert len({row.tobytes() for row in stored.values}) == len(ROWS), "no two rows are the same"


def test_agreement_is_that_of_the_scans_that_are_asked_for(trial: Trial) -> None:
    chosen = scans(trial, 7.0, 8.0, 9.0)
    measure(ask(trial))
    matrices = {row.segmentation_id: row.values for row in PerturbedFeatures.objects.all()}
    names = PerturbedFeatures.objects.first().schema.names  # type: ignore[union-attr]
    protocol = protocol_named(FEW.name)
    for part in (chosen, chosen[:2]):
        found = reliability(part, protocol)
        expected = agreement(np.stack([matrices[segmentation.pk] for segmentation in part]), names=names)
        np.testing.assert_array_equal(found.icc, expected.icc)
        assert found.names == tuple(names)
        assert found.cases.max() == len(part)
        assert found.raters == 9
    everything = reliability(current_segmentations(trial.cohort), protocol)
    np.testing.assert_array_equal(everything.icc, reliability(chosen, protocol).icc)
    volume = everything.names.index("original_shape_VoxelVolume")
    assert 0 < everything.icc[volume] < 1, "contours that grow and shrink are not the same volume"


def test_one_scan_is_too_few_and_says_so(trial: Trial) -> None:
    scans(trial, 8.0)
    measure(ask(trial))
    with pytest.raises(TooFewCases, match="there are 1, each measured 9 times"):
        reliability(current_segmentations(trial.cohort), protocol_named(FEW.name))
    with pytest.raises(TooFewCases, match="there are 0"):
        reliability([], protocol_named(FEW.name))


def test_what_is_measured_stays_and_only_the_rest_is_queued(trial: Trial) -> None:
    scans(trial, 7.0, 8.0, 9.0)
    first = ask(trial, limit=1)
    assert [case.patient.code for case in first.children.select_related("patient")] == ["C-00"]  # type: ignore[union-attr]
    measure(first)
    kept = PerturbedFeatures.objects.get()
    second = ask(trial)
    assert sorted(case.patient.code for case in second.children.all()) == ["C-01", "C-02"]  # type: ignore[union-attr]
    measure(second)
    assert PerturbedFeatures.objects.count() == 3
    assert PerturbedFeatures.objects.get(pk=kept.pk).created_at == kept.created_at
    assert enqueue_stability(trial.cohort, protocol_name=FEW.name, user=None) is None


def test_a_second_delivery_measures_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    scans(trial, 8.0)
    case = measure(ask(trial)).children.get()
    Job.objects.filter(pk=case.pk).update(state=Job.State.QUEUED, attempt=0)
    monkeypatch.setattr(stability, "extract", None)  # would fail if it were called
    jobs.execute(case.pk, stability.run)
    case.refresh_from_db()
    assert (case.state, case.result) == (Job.State.DONE, {"already": True})


def test_a_cancelled_measurement_stops_between_perturbations_and_goes_on_later(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans(trial, 8.0, 9.0)
    batch = ask(trial)
    first, second = batch.children.order_by("pk")
    jobs.execute(first.pk, stability.run)
    done: list[str] = []
    original = stability.perturb

    def cancel_at_third(*args: Any) -> Any:
        done.append(args[2])
        if len(done) == 3:
            jobs.cancel(batch)
        return original(*args)

    monkeypatch.setattr(stability, "perturb", cancel_at_third)
    jobs.execute(second.pk, stability.run)
    second.refresh_from_db()
    assert (second.state, done) == (Job.State.CANCELLED, list(ROWS[:3]))
    assert PerturbedFeatures.objects.count() == 1, "what was measured before is kept"
    monkeypatch.setattr(stability, "perturb", original)
    assert measure(ask(trial)).total == 1
    assert PerturbedFeatures.objects.count() == 2


def test_progress_counts_perturbations_by_name(trial: Trial) -> None:
    scans(trial, 8.0)
    case = ask(trial).children.get()
    told: list[tuple[Any, ...]] = []
    stability.run(case, lambda *said: told.append(said))
    assert told[0] == (0, 9, "reading")
    assert told[1:] == [(done, 9, name.replace("_", " ")) for done, name in enumerate(ROWS)]


def thin_scan(seed: int) -> Scan:
    """A plate of one voxel in its plane: it vanishes when it is shrunk."""
    scan = small_scan(seed)
    plate = np.zeros_like(scan.mask.array)
    plate[2:8, 8:22, 15:17] = True
    return Scan(scan.volume, TumorMask(plate, scan.mask.grid))


def test_a_perturbation_that_empties_the_mask_is_skipped_with_a_reason(trial: Trial) -> None:
    store_scan(trial.patient, "pre", thin_scan(0))
    case = measure(ask(trial)).children.get()
    assert case.state == Job.State.DONE
    stored = PerturbedFeatures.objects.get()
    assert list(stored.skipped) == ["shrunk"]
    assert "empty after shrinking by 1.20 mm" in stored.skipped["shrunk"]
    assert case.result == {"features": N_FEATURES, "measured": 8, "skipped": stored.skipped}
    assert np.isnan(stored.values[ROWS.index("shrunk")]).all()
    assert np.isfinite(stored.values[ROWS.index("grown")]).all()


def test_a_scan_that_lacks_a_perturbation_does_not_count(trial: Trial) -> None:
    scans(trial, 7.0, 8.0, 9.0)
    store_scan(trial.patient, "pre", thin_scan(0))
    measure(ask(trial))
    found = reliability(current_segmentations(trial.cohort), protocol_named(FEW.name))
    assert set(found.cases.tolist()) == {3}


def test_a_scan_that_cannot_be_extracted_fails_alone_and_leaves_no_row(trial: Trial) -> None:
    scans(trial, 8.0)
    tiny = np.zeros_like(small_scan().mask.array)
    tiny[5, 15, 15] = True
    store_scan(trial.patient, "pre", Scan(small_scan().volume, TumorMask(tiny, small_scan().mask.grid)))
    batch = measure(ask(trial))
    assert (batch.state, batch.result) == (Job.State.DONE, {"cases": 2, "done": 1, "failed": 1})
    broken = batch.children.get(state=Job.State.FAILED)
    assert (broken.error_code, broken.patient) == ("mask_too_small", trial.patient)
    assert PerturbedFeatures.objects.count() == 1


def test_what_cannot_be_evaluated_is_not_measured(trial: Trial) -> None:
    kept = store_scan(trial.patient, "pre", small_scan())
    marked = store_scan(trial.patient, "post", small_scan(1))
    mark_not_evaluable(marked.timepoint, note="complete remission", actor=None)
    assert [case.parameters["segmentation"] for case in ask(trial).children.all()] == [kept.pk]


def test_refusals_to_begin(trial: Trial) -> None:
    with pytest.raises(ServiceError, match="no image with a tumour mask") as nothing:
        ask(trial)
    assert nothing.value.code == "nothing_to_do"
    scans(trial, 8.0)
    with pytest.raises(ServiceError) as unknown:
        enqueue_stability(trial.cohort, protocol_name="heavy", user=None)
    assert unknown.value.code == "unknown_setting"
    ask(trial)
    with pytest.raises(ServiceError) as active:
        ask(trial)
    assert active.value.code == "job_active"


def test_workers_know_the_task(trial: Trial, queue: Queue, django_capture_on_commit_callbacks: Any) -> None:
    scans(trial, 8.0)
    with django_capture_on_commit_callbacks(execute=True):
        ask(trial)
    assert queue.work() == 1
    assert PerturbedFeatures.objects.count() == 1


# The tables


def found_of(*coefficients: tuple[str, float, float]) -> Reliability:
    names, icc, lower = zip(*coefficients, strict=True)
    undefined = {name: "nothing varies" for name, value, _ in coefficients if np.isnan(value)}
    arrays = [np.array(part) for part in (icc, lower, np.minimum(1, np.array(icc) + 0.1))]
    return Reliability(names, *arrays, np.full(len(names), 12), 9, undefined=undefined)


FOUND = found_of(
    ("original_shape_VoxelVolume", 0.95, 0.90),
    ("original_shape_Sphericity", 0.80, 0.60),
    ("wavelet-LLH_glcm_Contrast", 0.75, 0.75),
    ("log-sigma-1-0-mm-3D_glcm_Idm", 0.7499, 0.5),
    ("original_glcm_MCC", np.nan, np.nan),
)


def test_verdicts_are_given_against_the_threshold_by_estimate_and_by_lower_limit() -> None:
    rows = stability_rows(FOUND)
    verdicts = ["stable", "by estimate only", "stable", "not stable", "undefined"]
    assert [row.verdict for row in rows] == verdicts
    assert [(row.image, row.family) for row in rows[2:4]] == [
        ("wavelet-LLH", "glcm"),
        ("log-sigma-1-0-mm-3D", "glcm"),
    ]
    assert (rows[4].icc, rows[4].lower, rows[4].reason) == (None, None, "nothing varies")
    assert [row.feature for row in stability_rows(FOUND, family="glcm")] == [row.feature for row in rows[2:]]


def test_families_count_what_is_stable() -> None:
    shape, glcm = family_rows(stability_rows(FOUND))
    assert (shape.family, shape.features, shape.stable, shape.by_estimate) == ("shape", 2, 1, 1)
    assert shape.median_icc == pytest.approx(0.875)
    assert (glcm.features, glcm.stable, glcm.stable_share) == (3, 1, pytest.approx(1 / 3))
    (nothing,) = family_rows(stability_rows(replace(FOUND, names=FOUND.names[4:], icc=FOUND.icc[4:])))
    assert nothing.median_icc is None


def test_the_csv_holds_every_row_and_leaves_undefined_empty() -> None:
    table = list(csv.DictReader(io.StringIO(as_csv(stability_rows(FOUND)))))
    assert [row["feature"] for row in table] == list(FOUND.names)
    assert (table[0]["icc"], table[0]["cases"], table[0]["measurements"]) == ("0.95", "12", "9")
    assert (table[4]["icc"], table[4]["verdict"], table[4]["reason"]) == ("", "undefined", "nothing varies")


# The page


def page(trial: Trial, person: str = "researcher", **query: str) -> str:
    return trial.client(person).get(reverse("imaging:stability", args=["trial"]), query).content.decode()


def test_the_page_says_that_there_is_nothing_yet_and_offers_to_measure(trial: Trial) -> None:
    assert "Nothing to show yet" in page(trial)
    assert "Measure scans" in page(trial)
    assert "Measure scans" not in page(trial, "reader")
    assert "Export CSV" not in page(trial)


def test_the_page_shows_families_features_and_verdicts(trial: Trial) -> None:
    scans(trial, 6.0, 7.5, 9.0)
    measure(ask(trial))
    shown = page(trial, protocol=FEW.name)
    assert "original_shape_Elongation" in shown
    assert "original_ngtdm_Strength" not in shown, "the last feature is on the second page"
    assert "original_ngtdm_Strength" in page(trial, protocol=FEW.name, page="2")
    assert "3 scans are measured" in shown
    assert "each measured 9 times a scan" in shown
    only = page(trial, protocol=FEW.name, family="ngtdm")
    assert "original_ngtdm_Busyness" in only
    assert "original_shape_Elongation" not in only
    assert "Nothing to show yet" in page(trial, protocol=FEW.name, timepoint="post")
    assert "Nothing to show yet" in page(trial), "the standard protocol was not measured"


def test_the_page_orders_by_what_is_chosen_and_survives_nonsense(trial: Trial) -> None:
    scans(trial, 6.0, 7.5, 9.0)
    measure(ask(trial))
    response = trial.client("researcher").get(
        reverse("imaging:stability", args=["trial"]), {"protocol": FEW.name, "sort": "icc"}
    )
    shown = [row.icc for row in response.context["page"]]
    known = [value for value in shown if value is not None]
    assert known == sorted(known)
    assert "Nothing to show yet" in page(trial, protocol="<script>", family="x", sort="pk", timepoint="9", page="-1")


def test_the_page_counts_only_the_scans_of_centres_that_a_person_sees(trial: Trial) -> None:
    scans(trial, 6.0, 7.5)
    for number in range(2):
        patient = create_patient(trial.cohort, code=f"D-{number}", centre=trial.there, actor=None)
        store_scan(patient, "pre", small_scan(5 + number, radius_mm=7.0 + number))
    measure(ask(trial))
    assert "4 scans are measured" in page(trial, protocol=FEW.name)
    assert "2 scans are measured" in page(trial, "elsewhere", protocol=FEW.name)


def test_the_button_queues_and_the_page_shows_progress(trial: Trial) -> None:
    scans(trial, 7.0, 8.0)
    client = trial.client("researcher")
    url = reverse("imaging:stability-measure", args=["trial"])
    response = client.post(url, {"protocol": FEW.name, "limit": "1"})
    batch = Job.objects.get(kind=Job.Kind.STABILITY, parent=None)
    assert response["Location"] == reverse("cohorts:job", args=[batch.reference])
    assert (batch.total, batch.created_by) == (1, trial.researcher)
    assert "The measurement is queued" in page(trial)
    assert "is not over yet" in client.post(url, {"protocol": FEW.name}, follow=True).content.decode()
    measure(batch)
    case = batch.children.get()
    assert "Cancel" not in client.get(case.get_absolute_url()).content.decode()
    client.post(url, {"protocol": FEW.name})
    measure(Job.objects.filter(kind=Job.Kind.STABILITY, parent=None).latest("pk"))
    assert "is measured already" in client.post(url, {"protocol": FEW.name}, follow=True).content.decode()
    for spoilt in ({"protocol": "heavy"}, {"protocol": FEW.name, "limit": "0"}):
        assert "Choose a protocol" in client.post(url, spoilt, follow=True).content.decode()


def test_the_file_of_the_page_holds_what_the_page_shows(trial: Trial) -> None:
    scans(trial, 6.0, 7.5, 9.0)
    measure(ask(trial))
    url = reverse("imaging:stability-table", args=["trial"])
    response = trial.client("researcher").get(url, {"protocol": FEW.name, "family": "shape"})
    assert response["Content-Type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [row["family"] for row in table] == ["shape"] * 14
    assert {row["cases"] for row in table} == {"3"}
    empty = trial.client("researcher").get(url).content.decode()
    assert empty.count("\n") == 1, "only the header"


# The command


@pytest.fixture
def with_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "workers_answer", lambda **_: True)


def test_the_command_queues_and_reports(trial: Trial, capsys: Any, tmp_path: Path, with_workers: None) -> None:
    scans(trial, 6.0, 7.5, 9.0)
    options = {"cohort": "trial", "protocol": FEW.name, "as_json": True}
    call_command("stability", **options, limit=2)
    report = json.loads(capsys.readouterr().out)
    batch = Job.objects.get(kind=Job.Kind.STABILITY, parent=None)
    assert (report["job"], report["queued"], report["features"]) == (str(batch.reference), 2, [])
    assert "there are 0" in report["reason"]
    measure(batch)
    call_command("stability", **options, out=tmp_path / "table.csv")
    report = json.loads(capsys.readouterr().out)
    assert (report["queued"], report["reason"], len(report["features"])) == (1, "", N_FEATURES)
    assert set(report["features"][0]) >= {"feature", "icc", "lower", "upper", "verdict", "cases", "measurements"}
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1 + N_FEATURES
    measure(Job.objects.filter(kind=Job.Kind.STABILITY, parent=None).latest("pk"))
    call_command("stability", cohort="trial", protocol=FEW.name)
    said = capsys.readouterr().out
    assert "No scan is left to measure." in said
    assert "shape         14 features" in said
    call_command("stability", cohort="trial", protocol=FEW.name, timepoint="post")
    assert "there are 0, each measured 9 times" in capsys.readouterr().out


def test_the_command_reports_without_queueing_or_workers(
    trial: Trial, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "workers_answer", lambda **_: False)
    scans(trial, 6.0, 7.5, 9.0)
    measure(ask(trial, limit=2))
    before = Job.objects.count()
    call_command("stability", cohort="trial", protocol=FEW.name, report=True)
    said = capsys.readouterr().out
    assert said.startswith("  shape ")
    assert Job.objects.count() == before


def test_the_command_refuses_what_it_cannot_do(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    scans(trial, 8.0)
    with pytest.raises(CommandError, match="at least 1"):
        call_command("stability", cohort="trial", limit=0)
    monkeypatch.setattr(workers, "workers_answer", lambda **_: False)
    with pytest.raises(CommandError, match="No worker is running"):
        call_command("stability", cohort="trial")
    assert not Job.objects.exists()

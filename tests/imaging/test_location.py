"""Where a tumour lies: measured with its case, shown with its evidence, and overridden by what a person enters."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from cohorts import jobs
from cohorts.access import visible
from cohorts.errors import REMEDIES
from cohorts.models import Job, Patient
from cohorts.services.patients import update_patient
from imaging.core.features import FeatureVector
from imaging.core.location import locate
from imaging.core.lungs import segment_lungs
from imaging.models import FeatureSet, Segmentation, SupervoxelMap, TumourLocation
from imaging.selectors import PatientLocation, location_of, measured_locations
from imaging.services import extraction, location
from imaging.services.extraction import enqueue_missing
from modeling.core.table import FeatureTable
from modeling.core.views import VIEWS
from modeling.services.export import tables_of
from modeling.services.snapshots import Case, feature_rows
from tests.chests import HILUM_MM, Chest
from tests.scans import Scan, small_scan, store_scan
from tests.trial import Trial


@cache
def chest_scan(depth_mm: float = 90.0) -> Scan:
    """A chest with a ball of tumour beside the left hilum; 90 of 118 mm lie in the outer third."""
    chest = Chest()
    mask = chest.tumour(HILUM_MM + np.array([depth_mm, 0.0, 0.0]), 9.0)
    return Scan(chest.volume, mask)


def measured(segmentation: Segmentation, **values: Any) -> TumourLocation:
    """Store a location as if it had been measured."""
    evidence = {
        "rule": "central where the depth ratio is at most 0.667 (inner two thirds)",
        "pleura_mm": 12.3,
        "hilum_mm": 61.4,
        "depth_ratio": 0.81,
        "from_border_mm": 14.2,
        "height_third": "upper third of the lung's height in the scan, not a lobe",
        "left_lung_ml": 2276.6,
        "lung_cut_off_at": [],
    }
    fields = {"zone": "peripheral", "side": "left", "evidence": evidence} | values
    return location.store(segmentation, fields)


def run_case(trial: Trial) -> Job:
    batch = enqueue_missing(trial.cohort, protocol_name="light", user=None)
    assert batch is not None
    case = batch.children.get()
    jobs.execute(case.pk, extraction.run)
    case.refresh_from_db()
    return case


def page(trial: Trial, person: str = "coordinator") -> str:
    url = reverse("imaging:patient-panel", args=["trial", trial.patient.code])
    text = trial.client(person).get(url).content.decode().replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(text.split())


def test_extraction_measures_the_location_with_its_evidence_and_its_digests(trial: Trial) -> None:
    scan = chest_scan()
    segmentation = store_scan(trial.patient, "pre", scan)
    case = run_case(trial)
    assert (case.state, case.result["location"]) == (Job.State.DONE, "peripheral")
    found = TumourLocation.objects.get(segmentation=segmentation)
    expected = locate(scan.volume, scan.mask, segment_lungs(scan.volume))
    assert (found.zone, found.side, found.code, found.reason) == ("peripheral", "left", "", "")
    assert found.evidence == dict(expected.evidence)
    assert found.provenance["volume_sha256"] == segmentation.series.volume_sha256
    assert found.provenance["mask_sha256"] == segmentation.mask_sha256
    assert found.provenance["method"] == expected.provenance["method"]
    assert found.provenance["rule"] == {"central_to": 2 / 3, "near_lung_mm": 20.0}
    assert {"numpy", "scipy", "ecotone"} <= set(found.provenance["versions"])


def test_a_scan_without_lungs_keeps_its_features_and_says_why_there_is_no_location(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan())
    case = run_case(trial)
    assert (case.state, case.result["location"]) == (Job.State.DONE, "lungs_not_found")
    assert FeatureSet.objects.filter(segmentation=segmentation).exists()
    assert SupervoxelMap.objects.filter(segmentation=segmentation).exists()
    found = TumourLocation.objects.get()
    assert (found.zone, found.side, found.code) == ("", "", "lungs_not_found")
    assert "10 slices (25 mm)" in found.reason
    assert found.provenance["mask_sha256"] == segmentation.mask_sha256
    shown = page(trial)
    assert "Could not be measured. No windpipe" in shown
    assert REMEDIES["lungs_not_found"] in shown
    assert "Not known: neither entered nor measured" in shown


def test_what_nobody_foresaw_does_not_cost_the_case_its_features(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("Mrs Example, born 1950")

    monkeypatch.setattr(location, "locate", broken)
    monkeypatch.setattr(location, "segment_lungs", lambda volume: None)
    store_scan(trial.patient, "pre", small_scan())
    case = run_case(trial)
    found = TumourLocation.objects.get()
    assert (case.state, found.code) == (Job.State.DONE, "crashed")
    assert FeatureSet.objects.count() == 1
    assert str(case.reference)[:8] in found.reason
    assert "Example" not in found.reason + caplog.text


def test_a_location_that_is_measured_again_replaces_the_first(trial: Trial) -> None:
    segmentation = store_scan(trial.patient, "pre", small_scan())
    measured(segmentation, zone="", side="", code="lungs_not_found", reason="No lung.", evidence={})
    measured(segmentation, code="", reason="")
    assert TumourLocation.objects.get().zone == "peripheral"


def test_the_page_shows_the_measured_location_as_a_sentence_with_its_evidence(trial: Trial) -> None:
    measured(store_scan(trial.patient, "pre", small_scan()))
    shown = page(trial)
    assert "Measured from the CT: peripheral, left lung, 12 mm from the pleura, 61 mm from the hilum" in shown
    assert "Measured from the CT: peripheral (counts); nothing was entered" in shown
    assert "0.81, 14 mm from the border of the zones" in shown
    assert "Central where the depth ratio is at most 0.667 (inner two thirds)" in shown
    assert "Upper third of the lung&#x27;s height in the scan, not a lobe" in shown


def test_an_entry_counts_and_the_measurement_stays_beside_it(trial: Trial) -> None:
    measured(store_scan(trial.patient, "pre", small_scan()))
    update_patient(trial.patient, values={"location": "central"}, actor=trial.coordinator)
    shown = page(trial)
    assert "Entered: central (counts); the CT says peripheral" in shown
    assert "Measured from the CT: peripheral, left lung" in shown


def test_an_entry_alone_counts(trial: Trial) -> None:
    update_patient(trial.patient, values={"location": "central"}, actor=trial.coordinator)
    shown = page(trial)
    assert "Entered: central (counts)" in shown
    assert "the CT says" not in shown
    assert "there is none yet" in shown


def test_a_mask_that_waits_for_extraction_says_so(trial: Trial) -> None:
    store_scan(trial.patient, "post", small_scan())
    shown = page(trial)
    assert "Post-treatment</dt> <dd>Not measured yet; extraction measures it." in shown
    assert "Pre-treatment</dt> <dd>" not in shown, "there is nothing to measure on"


def test_a_lung_that_the_scan_cuts_off_is_said_to_be(trial: Trial) -> None:
    row = measured(store_scan(trial.patient, "pre", small_scan()))
    measured(row.segmentation, evidence=row.evidence | {"lung_cut_off_at": ["foot", "head"]})
    assert "Towards the foot and the head; volumes and height are of what the scan shows" in page(trial)


@pytest.mark.parametrize("person", ["coordinator", "reader", "researcher", "data_manager", "administrator"])
def test_everybody_who_sees_the_patient_sees_the_location(trial: Trial, person: str) -> None:
    measured(store_scan(trial.patient, "pre", small_scan()))
    assert "61 mm from the hilum" in page(trial, person)
    assert visible(TumourLocation.objects.all(), trial.people[person]).count() == 1


@pytest.mark.parametrize("person", ["elsewhere", "stranger"])
def test_nobody_else_does(trial: Trial, person: str) -> None:
    measured(store_scan(trial.patient, "pre", small_scan()))
    url = reverse("imaging:patient-panel", args=["trial", trial.patient.code])
    assert trial.client(person).get(url).status_code == 404
    assert not visible(TumourLocation.objects.all(), trial.people[person]).exists()


def test_the_entry_counts_before_the_measurement_and_before_treatment_counts_before_after(trial: Trial) -> None:
    patient = trial.patient
    assert location_of(patient) == PatientLocation("", "", "", "")
    after = measured(store_scan(patient, "post", small_scan(1)), zone="central")
    assert location_of(patient) == PatientLocation("central", "measured", "", "central")
    before = measured(store_scan(patient, "pre", small_scan()))
    assert location_of(patient) == PatientLocation("peripheral", "measured", "", "peripheral")
    measured(before.segmentation, zone="", code="lungs_not_found")
    assert location_of(patient) == PatientLocation("central", "measured", "", "central")
    update_patient(patient, values={"location": "peripheral"}, actor=None)
    patient.refresh_from_db()
    assert location_of(patient) == PatientLocation("peripheral", "entered", "peripheral", "central")
    assert measured_locations(patient) == {"pre": before, "post": after}
    assert Patient.objects.get(pk=trial.other_patient.pk).location == ""


def test_a_mask_that_was_replaced_no_longer_says_where_the_tumour_is(trial: Trial) -> None:
    row = measured(store_scan(trial.patient, "pre", small_scan()))
    Segmentation.objects.filter(pk=row.segmentation_id).update(is_current=False)
    assert location_of(trial.patient).zone == ""


def test_measuring_writes_nothing_into_the_patient(trial: Trial) -> None:
    store_scan(trial.patient, "pre", chest_scan())
    before = Patient.objects.values().get(pk=trial.patient.pk)
    run_case(trial)
    assert Patient.objects.values().get(pk=trial.patient.pk) == before


@pytest.mark.parametrize(
    ("entered", "zone", "central", "source"),
    [
        ("central", "peripheral", 1.0, 0.0),
        ("", "peripheral", 0.0, 1.0),
        ("", "central", 1.0, 1.0),
        ("peripheral", "", 0.0, 0.0),
        ("", "", np.nan, np.nan),
    ],
)
def test_the_modelled_table_takes_the_entry_or_else_the_measurement_and_keeps_the_source(
    trial: Trial, entered: str, zone: str, central: float, source: float
) -> None:
    pair = {kind: store_scan(trial.patient, kind, small_scan()) for kind in ("pre", "post")}
    measured(pair["pre"], zone=zone)
    update_patient(trial.patient, values={"location": entered}, actor=None)
    trial.patient.refresh_from_db()
    vector = FeatureVector(("original_shape_MeshVolume",), np.array([5.0]))
    case = Case(trial.patient, None, pair, dict.fromkeys(pair, vector), dict.fromkeys(pair, ""))
    rows = feature_rows([case], {row.pk: vector for row in pair.values()})
    np.testing.assert_equal(rows.loc[trial.patient.code, "clinical|central"], central)
    np.testing.assert_equal(rows.loc[trial.patient.code, "source|central_measured"], source)
    assert not any(view.holds("source|central_measured") for view in VIEWS.values()), "no model learns from a source"
    text = rows.iloc[:, 0]
    table = FeatureTable(rows, (text * 0).astype(int), text.map(lambda _: "A"), text.map(lambda _: "external"))
    assert "source|central_measured" in FeatureTable.from_parquet(table.to_parquet()).X


def test_an_export_says_which_location_counts_and_where_it_comes_from(trial: Trial) -> None:
    measured(store_scan(trial.patient, "pre", small_scan()))
    update_patient(trial.other_patient, values={"location": "central"}, actor=None)
    table = tables_of(trial.cohort, None)["patients"].set_index("patient")
    assert table.loc["P-1", ["location", "location_source"]].tolist() == ["peripheral", "measured"]
    assert table.loc["P-2", ["location", "location_source"]].tolist() == ["central", "entered"]

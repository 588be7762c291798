"""The plan of the synthetic cohort: rates, planted correlations and consistent clinical data."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest

from cohorts.core.outcome_rules import check
from cohorts.core.response import ResponseReading, is_mpr
from cohorts.core.staging import ClinicalTNM, derived_stage
from cohorts.core.timeline import Timeline, check_timeline
from imaging.core.phantom import PLANTED, PatientTruth, plan_cohort, truth_document


@cache
def cohort(n: int = 394, seed: int = 2026) -> tuple[PatientTruth, ...]:
    return plan_cohort(n, seed=seed)


def reading(truth: PatientTruth) -> ResponseReading:
    fields = asdict(truth.pathology)
    del fields["blinded"]
    return ResponseReading(**fields, histology=truth.clinical.histology)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert cohort(60) == plan_cohort(60, seed=2026)
    assert cohort(60) != plan_cohort(60, seed=2027)


def test_even_three_patients_come_from_three_centres() -> None:
    assert [t.centre for t in plan_cohort(5, seed=1)] == ["A", "B", "C", "A", "A"]
    assert [t.code for t in plan_cohort(2, seed=1)] == ["EC-0001", "EC-0002"]


def test_an_empty_cohort_is_no_error() -> None:
    assert plan_cohort(0, seed=1) == ()


def test_half_of_the_patients_come_from_the_training_centre() -> None:
    centres = [t.centre for t in cohort()]
    assert centres.count("A") == pytest.approx(394 / 2, abs=1)
    assert centres.count("B") == pytest.approx(394 / 4, abs=1)


@pytest.mark.parametrize("centre", ["A", "B", "C"])
def test_every_centre_has_the_planted_rate_of_response(centre: str) -> None:
    members = [t.is_mpr for t in cohort() if t.centre == centre]
    assert np.mean(members) == pytest.approx(PLANTED.mpr_rate, abs=0.01)


@pytest.mark.parametrize("centre", ["A", "B", "C"])
@pytest.mark.parametrize("signal", ["shrinkage", "texture", "mixing"])
def test_every_signal_has_its_planted_correlation_with_the_response(centre: str, signal: str) -> None:
    members = [t for t in cohort() if t.centre == centre]
    found = np.corrcoef([t.response for t in members], [getattr(t, signal) for t in members])[0, 1]
    assert found == pytest.approx(getattr(PLANTED, f"{signal}_r"), abs=1e-6)


def test_given_the_response_the_signals_are_independent() -> None:
    members = [t for t in cohort() if t.centre == "A"]
    response = np.array([t.response for t in members])
    rests = [
        np.array([getattr(t, name) for t in members]) - getattr(PLANTED, f"{name}_r") * response
        for name in ("shrinkage", "texture", "mixing")
    ]
    assert np.abs(np.corrcoef(rests) - np.eye(3)).max() < 1e-6


def test_every_reading_obeys_the_rules_of_pathology() -> None:
    for truth in cohort():
        assert [f for f in check(reading(truth)) if f.is_error or f.rule == "W15"] == []


def test_every_clinical_stage_is_the_one_of_its_categories() -> None:
    for clinical in (t.clinical for t in cohort()):
        tnm = ClinicalTNM(
            clinical.clinical_t, clinical.clinical_n, clinical.clinical_m, clinical.clinical_tnm_edition
        )
        assert derived_stage(tnm) == clinical.clinical_stage


def test_the_reading_says_what_is_planted() -> None:
    assert all(is_mpr(reading(t)) == t.is_mpr for t in cohort())
    viable, response = ([v for t in cohort() for v in [get(t)]] for get in (_viable, _response))
    assert np.corrcoef(viable, response)[0, 1] < -0.9


def _viable(truth: PatientTruth) -> float:
    return truth.pathology.viable_percent


def _response(truth: PatientTruth) -> float:
    return truth.response


def test_components_sum_to_one_hundred_and_yp_t0_means_none_viable() -> None:
    for pathology in (t.pathology for t in cohort()):
        assert pathology.viable_percent + pathology.necrosis_percent + pathology.stroma_percent == 100
        assert (pathology.ypt == "ypT0") == (pathology.viable_percent == 0)


def test_dates_are_in_order_and_within_the_distances_of_the_protocol() -> None:
    for truth in cohort():
        clinical = truth.clinical
        timeline = Timeline(**{name: getattr(clinical, name) for name in Timeline.__dataclass_fields__})
        assert check_timeline(timeline) == ()


def test_clinical_variables_know_little() -> None:
    mpr = np.array([t.is_mpr for t in cohort()])
    pdl1 = np.array([t.clinical.pdl1_percent for t in cohort()], dtype=float)
    above = (pdl1[mpr][:, None] > pdl1[~mpr]).mean() + 0.5 * (pdl1[mpr][:, None] == pdl1[~mpr]).mean()
    assert 0.42 < above < 0.62


def test_both_places_and_both_sexes_occur() -> None:
    assert {t.location for t in cohort()} == {"central", "peripheral"}
    assert {t.clinical.sex for t in cohort()} == {"female", "male"}
    assert all(t.location == t.clinical.location for t in cohort())


def test_tumours_have_the_planted_sizes() -> None:
    sizes = [t.pre.diameter_mm for t in cohort()]
    assert min(sizes) >= 20
    assert max(sizes) <= 45
    assert all(0.1 < (t.post.diameter_mm / t.pre.diameter_mm) ** 3 < 1.4 for t in cohort())


def test_the_truth_document_is_json_and_says_that_it_is_synthetic() -> None:
    document = json.loads(json.dumps(truth_document(cohort(6))))
    assert "Synthetic" in document["notice"]
    assert document["planted"]["mixing_r"] == PLANTED.mixing_r
    first = document["patients"][0]
    assert first["code"] == "EC-0001"
    assert first["clinical"]["surgery_on"] == cohort(6)[0].clinical.surgery_on.isoformat()
    assert first["post"]["mixing"] == cohort(6)[0].post.mixing

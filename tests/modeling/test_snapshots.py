"""What is frozen of patients: columns, facts, and what a change is measured against."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cohorts.models import PathologyOutcome, Patient, Timepoint
from cohorts.selectors.patients import shift_days
from cohorts.services.patients import mark_not_evaluable
from imaging.core.feature_vector import FeatureVector
from imaging.core.transitions import transition_feature_names
from imaging.models import FeatureSet, ImageSeries, Segmentation
from imaging.services.protocols import protocol_named
from modeling.core.errors import SamePatientTwice
from modeling.core.study.sensitivity import DAYS_DOSE_TO_CT
from modeling.core.table import FeatureTable
from modeling.core.views import own_views
from modeling.services.facts import stage_of
from modeling.services.scan_overlap import require_scans_of_one_patient
from modeling.services.snapshots import (
    Case,
    facts_of,
    feature_rows,
    gather,
    outcomes_of,
    splits_of,
    table_of,
    training_iqr_of,
)
from tests.study import NAMES, Study, build_study, segmentations_of

pytestmark = pytest.mark.django_db
HABITATS = FeatureVector(("fraction_1",), np.array([0.5]))


@pytest.fixture
def study(data_folder: Any, queue: Any) -> Study:
    return build_study(n=8, without_outcome=0)


def cases_of(study: Study) -> tuple[Case, ...]:
    return gather(study.cohort, protocol_named("standard")).cases


def vectors(cases: tuple[Case, ...]) -> dict[int, FeatureVector]:
    return {one.pk: HABITATS for case in cases for one in case.segmentations.values()}


def table(study: Study, **more: Any) -> FeatureTable:
    cases = cases_of(study)
    y = outcomes_of(cases, study.cohort)
    return table_of(cases, vectors(cases), y=y, split=splits_of(cases, y, study.cohort, seed=1), **more)


def fact(study: Study, code: str, name: str) -> Any:
    return facts_of(cases_of(study)).loc[code, name]


@pytest.mark.parametrize(
    ("field", "value", "name", "expected"),
    [
        ("histology", "squamous", "histology", "squamous"),
        ("histology", "large_cell", "histology", "other"),
        ("histology", "", "histology", ""),
        ("sex", "female", "sex", "female"),
        ("age_years", 64, "age", "< 65"),
        ("age_years", 65, "age", ">= 65"),
        ("age_years", None, "age", ""),
        ("clinical_stage", "iiia", "stage", "III"),
        ("clinical_stage", "IB", "stage", "I"),
        ("clinical_stage", "IVA", "stage", "IV"),
        ("clinical_stage", "?", "stage", ""),
        ("pdl1_percent", Decimal("0.5"), "pdl1", "< 1"),
        ("pdl1_percent", Decimal(1), "pdl1", "1-49"),
        ("pdl1_percent", Decimal(50), "pdl1", ">= 50"),
        ("pdl1_percent", None, "pdl1", ""),
        ("location", "peripheral", "location", "peripheral"),
    ],
)
def test_subgroups_are_words(study: Study, field: str, value: Any, name: str, expected: str) -> None:
    Patient.objects.filter(code="S-02").update(**{field: value})
    assert fact(study, "S-02", f"subgroup|{name}") == expected


def test_the_histology_of_the_resected_tumour_is_seen_by_no_model_and_no_subgroup(study: Study) -> None:
    before, facts = table(study), facts_of(cases_of(study))
    PathologyOutcome.objects.update(surgical_histology="large_cell")
    after = table(study)
    pd.testing.assert_frame_equal(after.X, before.X)
    pd.testing.assert_series_equal(after.y, before.y)
    pd.testing.assert_frame_equal(facts_of(cases_of(study)), facts)
    Patient.objects.update(histology="squamous")
    assert set(table(study).X["clinical|squamous"]) == {1.0}
    assert set(before.X["clinical|squamous"]) == {0.0, 1.0}
    assert not [column for column in after.X.columns if "surg" in str(column)]


def test_a_stage_counts_without_its_letter() -> None:
    stages = {text: stage_of(Patient(clinical_stage=text))[1] for text in ("IA3", "IIB", "IIIC", "IV")}
    assert stages == {"IA3": 1, "IIB": 2, "IIIC": 3, "IV": 4}
    assert np.isnan(stage_of(Patient(clinical_stage=""))[1])


@pytest.mark.parametrize(("days", "expected"), [(42, "<= 42 days"), (43, "> 42 days"), (None, "")])
def test_the_interval_runs_from_the_last_dose_to_surgery(study: Study, days: int | None, expected: str) -> None:
    last = date(2024, 6, 3)
    Patient.objects.filter(code="S-02").update(last_dose_on=last)
    surgery = None if days is None else last + timedelta(days)
    PathologyOutcome.objects.filter(patient__code="S-02").update(surgery_on=surgery)
    assert fact(study, "S-02", "subgroup|interval") == expected


@pytest.mark.parametrize(
    ("pre", "post", "expected"),
    [
        (True, True, "with contrast"),
        (False, False, "without contrast"),
        (True, False, "one scan of two"),
        (True, None, ""),
    ],
)
def test_contrast_is_known_where_it_is_known_of_both_scans(
    study: Study, pre: bool | None, post: bool | None, expected: str
) -> None:
    for kind, used in (("pre", pre), ("post", post)):
        ImageSeries.objects.filter(timepoint__patient__code="S-02", timepoint__kind=kind).update(contrast=used)
    assert fact(study, "S-02", "subgroup|contrast") == expected


@pytest.mark.parametrize(
    ("field", "pre", "post", "expected"),
    [
        ("contrast", True, True, "same"),
        ("contrast", True, False, "different"),
        ("contrast", True, None, ""),
        ("kernel", "Br40", "Br40", "same"),
        ("kernel", "Br40", "B30f", "different"),
        ("kernel", "Br40", "", ""),
        ("slice_thickness_mm", 3.0, 3.05, "same"),
        ("slice_thickness_mm", 3.0, 5.0, "different"),
        ("slice_thickness_mm", None, 5.0, ""),
    ],
)
def test_scans_are_alike_only_where_both_say_so(study: Study, field: str, pre: Any, post: Any, expected: str) -> None:
    for kind, value in (("pre", pre), ("post", post)):
        ImageSeries.objects.filter(timepoint__patient__code="S-02", timepoint__kind=kind).update(**{field: value})
    name = "thickness" if field == "slice_thickness_mm" else field
    assert fact(study, "S-02", f"subgroup|pair_{name}") == expected


def test_days_from_the_last_dose_to_the_scan_are_on_one_calendar_and_in_no_built_in_view(study: Study) -> None:
    patient = study.patient("S-02")
    last = patient.first_dose_on + timedelta(42)
    Patient.objects.filter(pk=patient.pk).update(last_dose_on=last)
    shifted = last + timedelta(17) + timedelta(shift_days(patient))
    Timepoint.objects.filter(patient=patient, kind="post").update(scanned_on=shifted)
    found = table(study)
    assert found.X.loc["S-02", DAYS_DOSE_TO_CT] == 17
    assert np.isnan(found.X.loc["S-03", DAYS_DOSE_TO_CT])
    for view in ("clinical", "whole_tumour", "habitat", "integrated", "early_fusion"):
        assert DAYS_DOSE_TO_CT not in found.columns_of(view)
    own = own_views({"clinical_and_days": {"columns": ["clinical|*", DAYS_DOSE_TO_CT]}})
    assert DAYS_DOSE_TO_CT in found.columns_of("clinical_and_days", own=own)


def test_what_the_clinic_read_is_a_fact_and_no_feature(study: Study) -> None:
    Patient.objects.filter(code="S-02").update(radiological_response="SD", suv_max_pre=Decimal("9.5"))
    assert fact(study, "S-02", "comparator|radiological_response") == "SD"
    assert fact(study, "S-02", "comparator|suv_max_pre") == 9.5
    assert np.isnan(fact(study, "S-02", "comparator|suv_max_post"))
    assert not [name for name in table(study).X if "suv" in name or "response" in name]


def test_each_patient_left_out_is_of_one_kind_and_their_response_counts_only_where_it_is_entered(
    study: Study,
) -> None:
    gone, marked, unoperated = study.patient("S-00"), study.patient("S-01"), study.patient("S-02")
    for patient in (gone, marked):
        mark_not_evaluable(patient.timepoints.get(kind="post"), note="nothing left", actor=None)
    Patient.objects.filter(pk=gone.pk).update(radiological_response="CR")
    Patient.objects.filter(pk=unoperated.pk).update(exclusion="progression")
    PathologyOutcome.objects.filter(patient__code__in=[unoperated.code, "S-03"]).delete()
    left_out = gather(study.cohort, protocol_named("standard")).left_out
    assert left_out == {
        "complete_response": [True],
        "post_not_evaluable": [False],
        "not_operated": [None],
        "no_pathology": [None],
    }


def test_scans_are_described_and_the_order_is_that_of_the_first_dose(study: Study) -> None:
    ImageSeries.objects.filter(timepoint__patient__code="S-03", timepoint__kind="post").update(
        scanner="Force",
        manufacturer="SIEMENS",
        kernel="Br40",
        spacing_zyx_mm=[2.5, 0.7, 0.7],
        slice_thickness_mm=3.0,
        contrast=True,
    )
    row = facts_of(cases_of(study)).loc["S-03"]
    found = [row[f"scan|post|{name}"] for name in ("scanner", "manufacturer", "kernel", "spacing_mm", "contrast")]
    assert found == ["Force", "SIEMENS", "Br40", "2.5 0.7 0.7", "yes"]
    assert row["scan|post|thickness_mm"] == 3.0
    assert np.isnan(row["scan|pre|thickness_mm"])
    assert row["order|days"] == (date(2024, 3, 4) + timedelta(3)).toordinal()


def test_the_viable_percentage_is_a_fact_of_the_reading_and_no_feature(study: Study) -> None:
    assert fact(study, "S-02", "reading|viable_percent") == 5.0
    assert fact(study, "S-03", "reading|viable_percent") == 60.0
    assert not [name for name in table(study).X if "viable" in name]


def test_facts_are_frozen_with_the_table_and_are_no_features(study: Study) -> None:
    frozen = table(study)
    read = FeatureTable.from_parquet(frozen.to_parquet())
    pd.testing.assert_frame_equal(read.facts, frozen.facts, check_names=False)
    assert not [name for name in frozen.X if name.split("|")[0] in ("subgroup", "scan", "order")]


def test_who_was_not_registered_stays_in_the_table_without_transitions(study: Study) -> None:
    names = transition_feature_names(2)
    vector = FeatureVector(names, np.arange(len(names), dtype=np.float64))
    post = segmentations_of(study.patient("S-04"))["post"]
    X = table(study, transitions={post: vector}).X
    columns = [f"transitions|delta|{name}" for name in names]
    assert X.loc["S-04", columns].tolist() == vector.values.tolist()
    assert X.drop("S-04")[columns].isna().all(axis=None)
    assert len(X) == 8


def test_without_any_registration_there_is_no_column_of_transitions(study: Study) -> None:
    assert not [name for name in table(study).X if name.startswith("transitions|")]


def test_a_baseline_below_a_millionth_of_the_training_spread_is_zero(study: Study) -> None:
    """With quartiles near 4 and 6 in training, 1e-7 lies below the floor of about 2e-6."""
    frozen = table(study)
    training = frozen.X.index[frozen.split == "training"]
    outside = next(code for code in frozen.X.index if code not in training)
    row = FeatureSet.objects.get(
        segmentation=segmentations_of(study.patient(outside))["pre"], region=FeatureSet.Region.WHOLE_TUMOUR
    )
    values = row.values.copy()
    values[1] = 1e-7
    FeatureSet.objects.filter(pk=row.pk).update(vector=values.astype("<f8").tobytes())
    column = "whole_tumour|delta|original_glcm_Planted"
    again = table(study)
    assert np.isnan(again.X.loc[outside, column])
    cases = cases_of(study)
    assert np.isfinite(feature_rows(cases, vectors(cases)).loc[outside, column])
    assert np.isnan(feature_rows(cases, vectors(cases), training_iqr=training_iqr_of(again)).loc[outside, column])


def test_the_spread_is_that_of_training_patients_alone(study: Study) -> None:
    frozen = table(study)
    expected = frozen.X.loc[frozen.split == "training", f"whole_tumour|pre|{NAMES[1]}"]
    low, high = expected.quantile([0.25, 0.75])
    assert training_iqr_of(frozen)[NAMES[1]] == pytest.approx(high - low)
    assert set(training_iqr_of(frozen)) == set(NAMES)


def test_the_number_of_queries_does_not_grow_with_the_patients(
    study: Study, django_assert_max_num_queries: Any
) -> None:
    assert Segmentation.objects.count() == 16
    with django_assert_max_num_queries(10):
        cases = cases_of(study)
        feature_rows(cases, vectors(cases))
        facts_of(cases)


# One patient under two codes.


@pytest.mark.parametrize("key", ["volume_sha256", "source_digest"])
def test_one_scan_of_two_patients_is_refused_by_name(study: Study, key: str) -> None:
    series = list(ImageSeries.objects.order_by("timepoint__patient__code", "pk"))
    cases = cases_of(study)
    split = splits_of(cases, outcomes_of(cases, study.cohort), study.cohort, seed=1)
    require_scans_of_one_patient(cases, split)
    first = series[0]
    other = next(one for one in series if one.timepoint.patient_id != first.timepoint.patient_id)
    for one in (first, other):
        ImageSeries.objects.filter(pk=one.pk).update(**{key: "ab" * 32})
    names = sorted(one.timepoint.patient.code for one in (first, other))
    with pytest.raises(SamePatientTwice, match=rf"{names[0]} \(.*\) and {names[1]} \("):
        require_scans_of_one_patient(cases_of(study), split)

"""What a prediction carries beside its probability, that nothing changes it, and who sees what of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.models import Job, Membership, Patient, Role, User
from cohorts.services.outcomes import enter_outcome
from imaging import storage
from imaging.core.perturb import DIGEST, ROWS
from imaging.models import HabitatMap, ImageSeries, PerturbedFeatures, Segmentation
from imaging.services.extraction import schema_of
from modeling.charts import contribution_chart
from modeling.core import persist
from modeling.core.explanation.conformal import compatible
from modeling.models import Evaluation, ModelVersion, Prediction
from modeling.selectors import current_predictions, external_looks, predictions_of
from modeling.services import prediction
from modeling.services.disturbed import disturbed_rows
from modeling.services.prediction import enqueue_prediction
from modeling.services.snapshots import gather
from tests.conftest import settings_of
from tests.modeling.conftest import Trained
from tests.study import NAMES, Study, reading_of

pytestmark = pytest.mark.django_db
NEW = "S-39"  # the one without an outcome


@pytest.fixture
def study(trained: Trained, settings: Any) -> Study:
    for name, value in settings_of(trained.folder).items():
        setattr(settings, name, value)
    return trained.study


def predict(study: Study, code: str) -> Job:
    job = enqueue_prediction(study.cohort, user=None, patient=study.patient(code))
    jobs.execute(job.pk, prediction.run)
    job.refresh_from_db()
    return job


def newest(study: Study, code: str, model: str = "whole_tumour") -> Prediction:
    return next(row for row in predictions_of(study.patient(code)) if row.model_version.name == model)


def perturb(study: Study, code: str, kind: str, *, spread: float, skipped: tuple[str, ...] = ()) -> PerturbedFeatures:
    """Store perturbed features of a scan: each disturbance moves every feature by a share of itself."""
    segmentation = Segmentation.objects.get(timepoint__patient__code=code, timepoint__kind=kind, is_current=True)
    features = segmentation.feature_sets.get(region="whole_tumour")
    steps = np.linspace(-spread, spread, len(ROWS) - 1)
    matrix = np.vstack([features.values, features.values * (1 + steps[:, None])])
    for name in skipped:
        matrix[ROWS.index(name)] = np.nan
    return PerturbedFeatures.objects.create(
        segmentation=segmentation,
        protocol=features.protocol,
        digest=DIGEST,
        perturbations=list(ROWS),
        schema=schema_of(NAMES),
        matrix=matrix.astype("<f8").tobytes(),
        skipped=dict.fromkeys(skipped, "The mask vanished."),
    )


# What is stored.


def test_every_new_patient_has_an_interval_around_the_probability(study: Study) -> None:
    for row in Prediction.objects.exclude(standing="training"):
        assert row.low <= row.probability <= row.high, row
        assert row.low < row.high
        assert row.uncertainty["bootstraps"] == 40
        assert row.uncertainty["sources"]["bootstrap"]["low"] == pytest.approx(row.low)
        assert json.loads(json.dumps(row.uncertainty)) == row.uncertainty


def test_a_training_patient_without_enough_refits_of_their_own_has_none_and_it_says_why(study: Study) -> None:
    for row in Prediction.objects.filter(standing="training"):
        assert (row.low, row.high) == (None, None)
        assert "had not seen this patient" in row.uncertainty["sources"]["bootstrap"]["reason"]


def test_missing_perturbations_are_said_to_be_missing(study: Study) -> None:
    told = newest(study, NEW).uncertainty
    assert told["perturbations"] == 0
    assert "No perturbed features are stored" in told["sources"]["perturbations"]["reason"]


def test_stored_perturbations_of_both_scans_widen_the_interval(study: Study) -> None:
    before = newest(study, NEW)
    perturb(study, NEW, "pre", spread=0.3)
    perturb(study, NEW, "post", spread=0.3)
    predict(study, NEW)
    after = newest(study, NEW)
    assert after.pk != before.pk
    assert after.probability == before.probability
    assert after.uncertainty["perturbations"] == len(ROWS) ** 2 - 1 == 80
    assert after.high - after.low > before.high - before.low  # type: ignore[operator]
    assert "Habitats are held" in after.uncertainty["sources"]["perturbations"]["reason"]
    clinical = newest(study, NEW, "clinical").uncertainty
    assert clinical["perturbations"] == 0


def test_disturbed_rows_pair_both_scans_and_compute_the_change_anew(study: Study) -> None:
    perturb(study, NEW, "pre", spread=0.1, skipped=("shrunk",))
    perturb(study, NEW, "post", spread=0.2)
    case = next(c for c in gather(study.cohort, protocol(), needs_outcome=False).cases if c.code == NEW)
    columns = [f"whole_tumour|{time}|{NAMES[1]}" for time in ("pre", "post", "delta")]
    rows = disturbed_rows([case], protocol(), training_iqr={})(NEW, columns)
    assert rows is not None
    assert list(rows.columns) == columns
    assert rows.index[0] == "unperturbed unperturbed"
    assert len(rows) == 8 * 9, "a perturbation that could not be measured is left out"
    assert not any("shrunk" in pair.split()[0] for pair in rows.index)
    whole = {kind: case.whole_tumour[kind].as_dict()[NAMES[1]] for kind in ("pre", "post")}
    assert rows.iloc[0].tolist() == pytest.approx(
        [*whole.values(), (whole["post"] - whole["pre"]) / abs(whole["pre"])]
    )
    last = rows.loc["noise noise"]
    assert last.iloc[:2].tolist() == pytest.approx([whole["pre"] * 1.1, whole["post"] * 1.2])
    assert last.iloc[2] == pytest.approx((last.iloc[1] - last.iloc[0]) / abs(last.iloc[0]))


def test_one_disturbed_scan_leaves_the_other_as_it_is(study: Study) -> None:
    perturb(study, NEW, "post", spread=0.2)
    case = next(c for c in gather(study.cohort, protocol(), needs_outcome=False).cases if c.code == NEW)
    rows = disturbed_rows([case], protocol(), training_iqr={})(NEW, [f"whole_tumour|pre|{NAMES[0]}"])
    assert rows is not None
    assert len(rows) == 9
    assert rows.iloc[:, 0].nunique() == 1
    assert disturbed_rows([], protocol(), training_iqr={}) is not None


def protocol() -> Any:
    return Segmentation.objects.first().feature_sets.get(region="whole_tumour").protocol  # type: ignore[union-attr]


def test_a_training_patient_is_told_what_models_said_that_had_not_seen_them(study: Study) -> None:
    version = ModelVersion.objects.get(name="whole_tumour")
    model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
    rows = Prediction.objects.filter(model_version=version, standing="training").select_related("patient")
    for row in rows:
        assert row.probability == pytest.approx(model.oof[row.patient.code])


def test_the_stored_set_is_the_conformal_one(study: Study) -> None:
    version = ModelVersion.objects.get(name="whole_tumour")
    model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
    rows = list(Prediction.objects.filter(model_version=version).select_related("patient").order_by("pk"))
    shown = model.oof.iloc[:0].copy()
    for row in rows:
        shown[row.patient.code] = row.probability
    for row, found in zip(rows, compatible(model, shown), strict=True):
        assert row.uncertainty["conformal"] == {
            "coverage": 0.9,
            "set": list(found.responses),
            "reason": found.reason,
        }


def test_similar_patients_are_training_patients_with_the_outcome_they_were_learned_with(study: Study) -> None:
    fitted = set(ModelVersion.objects.get(name="whole_tumour").fitted_on.values_list("code", flat=True))
    for row in Prediction.objects.select_related("patient"):
        assert len(row.similar) == 5
        distances = [one["distance"] for one in row.similar]
        assert distances == sorted(distances)
        for one in row.similar:
            assert one["patient"] in fitted - {row.patient.code}
            assert one["outcome"] == int(study.responder[one["patient"]])


def test_scans_made_like_no_training_scan_are_flagged_with_the_reason(study: Study) -> None:
    assert newest(study, NEW).unlike["reasons"] == []
    ImageSeries.objects.filter(timepoint__patient__code=NEW, timepoint__kind="post").update(spacing_zyx_mm=[5, 1, 1])
    predict(study, NEW)
    row = newest(study, NEW)
    assert row.unlike["flag"] is True
    assert row.unlike["reasons"] == ["The spacing between slices after treatment is 5 mm; training scans have 1 mm."]
    assert 0 <= row.unlike["distance_percentile"] <= 100


def test_contributions_name_their_scale_and_the_chart_says_it(study: Study) -> None:
    row = newest(study, NEW)
    assert all(set(part) == {"feature", "value", "log_odds"} for part in row.contributions)
    chart = contribution_chart(row)
    assert chart is not None
    assert "(log-odds)" in chart.title
    row.contributions = [{"feature": "clinical|male", "value": 1.0, "probability": -0.2}]
    chart = contribution_chart(row)
    assert chart is not None
    assert "change of probability" in chart.title
    assert chart.rows[0]["towards"] == "No response"
    row.contributions = []
    assert contribution_chart(row) is None


# Nothing changes it.


def test_a_stored_prediction_cannot_be_saved_again(study: Study) -> None:
    row = newest(study, NEW)
    before = row.probability
    row.probability = 0.99
    for arguments in ({}, {"update_fields": ["probability"]}, {"force_update": True}):
        with pytest.raises(ServiceError) as refusal:
            row.save(**arguments)
        assert refusal.value.code == "prediction_frozen"
    assert Prediction.objects.get(pk=row.pk).probability == before


def test_pathology_that_comes_later_leaves_a_prospective_prediction_prospective(study: Study) -> None:
    first = newest(study, NEW)
    assert first.standing == Prediction.Standing.PROSPECTIVE
    kept = Prediction.objects.filter(pk=first.pk).values().get()
    enter_outcome(study.patient(NEW), values=reading_of(True), actor=None)
    predict(study, NEW)
    assert Prediction.objects.filter(pk=first.pk).values().get() == kept
    assert newest(study, NEW).standing == Prediction.Standing.HELD_OUT


# Who sees what.


def panel(study: Study, client: Any, person: Any, code: str = NEW) -> str:
    client.force_login(person)
    url = reverse("modeling:patient-panel", args=[study.cohort.code, code])
    return str(client.get(url).content.decode())


def shown_prediction(study: Study, code: str = NEW) -> Prediction:
    return current_predictions(predictions_of(study.patient(code)))[0]


def better_than_chance(version: ModelVersion, *, low: float = 0.61) -> None:
    """Store an external test of 60 patients for a version."""
    Evaluation.objects.update_or_create(
        model_version=version,
        split="external",
        centre="",
        defaults={"n": 60, "events": 28, "auc": 0.74, "auc_low": low, "auc_high": 0.87},
    )


def test_the_panel_shows_interval_set_similar_patients_and_their_habitats(study: Study, client: Any) -> None:
    row = shown_prediction(study)
    better_than_chance(row.model_version)
    page = panel(study, client, study.people["researcher"])
    assert f"95&nbsp;% interval {100 * row.low:.0f}\N{NO-BREAK SPACE}% to {100 * row.high:.0f}" in page
    assert "40 refits" in page
    assert "At 90\N{NO-BREAK SPACE}% coverage:" in page
    assert "esearch use only" in page
    for one in row.similar:
        assert study.patient(one["patient"]).get_absolute_url() in page
    nearest = HabitatMap.objects.get(
        segmentation__timepoint__patient__code=row.similar[0]["patient"], segmentation__timepoint__kind="pre"
    )
    assert page.count('class="composition"') == 10
    assert f"Habitat 1 {100 * nearest.fractions[0]:.0f}\N{NO-BREAK SPACE}%" in page
    assert "Unlike the training patients" not in page


def test_beside_every_estimate_stands_how_its_model_was_tested(study: Study, client: Any) -> None:
    row = shown_prediction(study)
    better_than_chance(row.model_version)
    looks = external_looks(row.model_version)
    page = panel(study, client, study.people["researcher"])
    assert "External test: AUC 0.74 (0.61 to 0.87), 60 patients, 28 with MPR" in page
    assert looks == 1
    assert "opened once" in page


def test_a_model_that_may_be_chance_gives_no_verdict_and_no_interval(study: Study, client: Any) -> None:
    row = shown_prediction(study)
    sure = row.uncertainty | {"conformal": {"coverage": 0.9, "set": ["MPR"], "reason": ""}}
    Prediction.objects.filter(pk=row.pk).update(uncertainty=sure)
    better_than_chance(row.model_version, low=0.5)
    page = panel(study, client, study.people["researcher"])
    estimate = page.split('class="grid-2"')[1].split("</div>\n    <div>")[0]
    assert "no verdict" in estimate
    assert "not shown to do better than chance" in estimate
    assert "% interval" not in estimate
    assert "MPR predicted" not in estimate
    better_than_chance(row.model_version)
    assert '<span class="mark mark-good">MPR predicted' in panel(study, client, study.people["researcher"])


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (["MPR"], "<strong>MPR</strong>"),
        (["no MPR"], "<strong>no MPR</strong>"),
        (["MPR", "no MPR"], "MPR or no MPR: undecided"),
        ([], "neither MPR nor no MPR"),
    ],
)
def test_the_conformal_set_is_told_in_words(study: Study, client: Any, members: list[str], words: str) -> None:
    row = shown_prediction(study)
    changed = row.uncertainty | {"conformal": {"coverage": 0.9, "set": members, "reason": "Too few."}}
    Prediction.objects.filter(pk=row.pk).update(uncertainty=changed)
    better_than_chance(row.model_version)
    page = panel(study, client, study.people["researcher"])
    assert words in page
    assert "Too few." in page


def test_the_panel_warns_of_scans_that_are_unlike_training(study: Study, client: Any) -> None:
    row = shown_prediction(study)
    reasons = ["The kernel after treatment is B70f; training scans have <B30f> (25)."]
    Prediction.objects.filter(pk=row.pk).update(unlike={"flag": True, "reasons": reasons, "distance_percentile": 3})
    page = panel(study, client, study.people["researcher"])
    assert "Unlike the training patients" in page
    assert "is B70f; training scans have &lt;B30f&gt; (25)." in page


def test_rows_from_before_intervals_are_still_shown(study: Study, client: Any) -> None:
    Prediction.objects.update(low=None, high=None, uncertainty={}, unlike={}, similar=[])
    page = panel(study, client, study.people["researcher"])
    assert "estimated probability" in page
    assert "95&nbsp;% interval" not in page
    assert "no verdict" in page
    assert "Most similar" not in page


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.READER, Role.DATA_MANAGER])
def test_who_is_blind_to_predictions_sees_nothing_of_all_this(study: Study, client: Any, role: str) -> None:
    page = panel(study, client, study.people[role])
    assert "Hidden for your role" in page
    for word in ("interval", "coverage", "similar", "Unlike", "S-0", "S-1"):
        assert word not in page


def test_a_similar_patient_of_another_centre_has_neither_code_nor_link(study: Study, client: Any) -> None:
    elsewhere = User.objects.create(username="at-b")
    patient = Patient.objects.filter(cohort=study.cohort, centre__code="B").order_by("code").first()
    assert patient is not None
    Membership.objects.create(user=elsewhere, cohort=study.cohort, role=Role.RESEARCHER, centre=patient.centre)
    page = panel(study, client, elsewhere, patient.code)
    row = shown_prediction(study, patient.code)
    assert "Most similar training patients" in page
    assert page.count("Patient of another centre") == 5
    for one in row.similar:
        assert one["patient"] not in page
    assert 'class="composition"' not in page


def test_a_long_history_costs_no_more_queries(study: Study, client: Any) -> None:
    client.force_login(study.people["researcher"])
    url = reverse("modeling:patient-panel", args=[study.cohort.code, NEW])
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(url)
        counts.append(len(queries))
        rows = list(Prediction.objects.filter(patient__code=NEW))
        for row in rows:
            row.pk = None
        Prediction.objects.bulk_create(rows)
    assert counts[0] == counts[1]

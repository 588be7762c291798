"""From a cohort to models and what they say of each patient: versions, evaluations, predictions, frozen for good."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.urls import reverse

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Job, PathologyOutcome
from cohorts.services.outcomes import enter_outcome
from imaging import storage
from imaging.models import FeatureSet, HabitatMap, HabitatModel, Segmentation
from modeling.core import persist
from modeling.core.errors import ModelCorrupt
from modeling.core.recipes import BUILT_IN
from modeling.core.table import FeatureTable
from modeling.models import Evaluation, ModelVersion, Prediction, TableSnapshot, TrainingRun
from modeling.selectors import current_predictions, predictions_of
from modeling.services import prediction
from modeling.services.prediction import enqueue_prediction
from modeling.services.reports.records import records_of
from modeling.services.training import enqueue_training
from tests.conftest import settings_of
from tests.modeling.conftest import SMALL, Trained, quick_training, train
from tests.queue import Queue
from tests.study import NAMES, Study, outcomes_of, reading_of, store_values

pytestmark = pytest.mark.django_db
VIEWS = list(SMALL.views)


@pytest.fixture
def data_folder(trained: Trained, settings: Any) -> Any:
    """The folder in which the trained study lies."""
    for name, value in settings_of(trained.folder).items():
        setattr(settings, name, value)
    return trained.folder


@pytest.fixture
def study(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Study:
    quick_training(monkeypatch)
    return trained.study


def predict(study: Study, code: str | None = None, **parameters: Any) -> Job:
    job = enqueue_prediction(study.cohort, user=None, patient=study.patient(code) if code else None)
    Job.objects.filter(pk=job.pk).update(parameters=parameters)
    jobs.execute(job.pk, prediction.run)
    job.refresh_from_db()
    return job


def training_patients(study: Study) -> set[str]:
    run = TrainingRun.objects.get(cohort=study.cohort, number=1)
    table = FeatureTable.from_parquet(storage.get(run.snapshot.sha256), sha256=run.snapshot.sha256)
    return set(table.of_split("training").X.index)


# What a run leaves behind.


def test_a_run_freezes_one_version_of_each_model_with_its_thresholds(trained: Trained, study: Study) -> None:
    assert trained.job.state == Job.State.DONE, trained.job.error
    versions = ModelVersion.objects.order_by("pk")
    assert [version.name for version in versions] == VIEWS
    for version in versions:
        assert (version.version, version.state) == (1, ModelVersion.State.CANDIDATE), "nobody promoted it"
        assert 0 < version.threshold_sensitive <= version.threshold < 1
        assert hashlib.sha256(storage.get(version.sha256)).hexdigest() == version.sha256
        model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
        assert (model.name, model.threshold) == (version.name, version.threshold)


def test_a_run_says_with_which_recipe_and_libraries_by_whom_and_on_what(trained: Trained, study: Study) -> None:
    run = TrainingRun.objects.get()
    assert (run.number, run.recipe_name, run.recipe_digest) == (1, SMALL.name, SMALL.digest)
    assert (run.started_by, run.job) == (study.people["researcher"], trained.job)
    assert {"scikit-learn", "numpy", "pyradiomics"} <= set(run.versions)
    entry = AuditEntry.objects.get(object_type="trainingrun")
    assert (entry.verb, entry.actor) == ("trained", study.people["researcher"])
    assert entry.changes["snapshot"] == [None, run.snapshot.sha256]


def test_a_run_records_the_rows_that_its_reports_describe(trained: Trained, study: Study) -> None:
    run = TrainingRun.objects.get(cohort=study.cohort, number=1)
    recorded = records_of(run).recorded
    live = records_of(run)._now()
    assert run.findings["recorded"]["cohort_name"] == study.cohort.name
    assert recorded == live
    assert len(recorded.masks) == 2 * len(recorded.patients)


def test_models_are_fitted_on_training_patients_of_the_training_centre_only(trained: Trained, study: Study) -> None:
    expected = training_patients(study)
    assert {study.patient(code).centre.code for code in expected} == {"A"}
    for version in ModelVersion.objects.all():
        assert set(version.fitted_on.values_list("code", flat=True)) == expected
    assert set(HabitatModel.objects.get().fitted_on.values_list("code", flat=True)) == expected


def test_the_snapshot_is_the_table_that_was_modelled_under_its_digest(trained: Trained, study: Study) -> None:
    snapshot = TableSnapshot.objects.get()
    content = storage.get(snapshot.sha256)
    assert hashlib.sha256(content).hexdigest() == snapshot.sha256
    table = FeatureTable.from_parquet(content, sha256=snapshot.sha256)
    assert table.X.shape == (snapshot.n_patients, snapshot.n_columns) == (39, snapshot.n_columns)
    assert {code: bool(value) for code, value in table.y.items()} == {
        code: responder for code, responder in study.responder.items() if code in table.y.index
    }
    assert set(table.split) == {"training", "internal_test", "external"}
    assert {study.patient(c).centre.code for c in table.of_split("external").X.index} == {"B", "C"}
    home = table.where(table.split != "external")
    assert (home.split == "internal_test").mean() == pytest.approx(0.3, abs=0.05)
    assert snapshot.outcomes.count() == 39
    assert snapshot.mpr_threshold_percent == 10


def test_the_table_holds_each_feature_before_after_and_its_change(trained: Trained, study: Study) -> None:
    table = FeatureTable.from_parquet(storage.get(TableSnapshot.objects.get().sha256))
    code, name = "S-00", NAMES[1]
    stored = {
        row.segmentation.timepoint.kind: dict(zip(NAMES, row.values, strict=True))[name]
        for row in FeatureSet.objects.filter(
            segmentation__timepoint__patient__code=code, region=FeatureSet.Region.WHOLE_TUMOUR
        )
    }
    row = table.X.loc[code]
    assert row[f"whole_tumour|pre|{name}"] == stored["pre"]
    assert row[f"whole_tumour|post|{name}"] == stored["post"]
    change = (stored["post"] - stored["pre"]) / abs(stored["pre"])
    assert row[f"whole_tumour|delta|{name}"] == pytest.approx(change)
    assert row["clinical|age_years"] == study.patient(code).age_years
    fractions = [row[f"habitat|post|fraction_{k}"] for k in range(1, HabitatModel.objects.get().n_habitats + 1)]
    assert sum(fractions) == pytest.approx(1)


def test_a_patient_who_is_left_out_is_named_with_the_reason(trained: Trained, study: Study) -> None:
    assert TableSnapshot.objects.get().excluded == [{"patient": "S-39", "reason": "No pathology outcome is entered."}]


def test_each_model_is_evaluated_in_each_split_with_an_interval(trained: Trained, study: Study) -> None:
    for version in ModelVersion.objects.all():
        rows = {(e.split, e.centre): e for e in version.evaluations.all()}
        assert {("nested_cv", ""), ("internal_test", ""), ("external", "")} <= set(rows)
        assert {("external", "B"), ("external", "C")} <= set(rows)
        assert rows[("external", "")].n == rows[("external", "B")].n + rows[("external", "C")].n
        for evaluation in rows.values():
            assert 0 < evaluation.events < evaluation.n
            if evaluation.auc_low is None:  # a handful of patients, separated perfectly
                assert evaluation.auc == 1
                assert evaluation.metrics["undefined"]["auc_low"]
            else:
                assert evaluation.auc_low <= evaluation.auc <= evaluation.auc_high


def test_the_planted_signal_is_found_outside_the_training_centre(trained: Trained, study: Study) -> None:
    external = Evaluation.objects.get(model_version__name="whole_tumour", split="external", centre="")
    assert external.auc > 0.75
    assert any(NAMES[1] in column for column in external.model_version.selected)


def test_the_job_reports_models_and_evaluations_in_the_shape_that_is_promised(trained: Trained) -> None:
    report = trained.job.result
    assert report["run"] == 1
    assert [model["name"] for model in report["models"]] == VIEWS
    for model in report["models"]:
        assert model["recipe"] == SMALL.name
        for row in model["evaluations"]:
            assert {"split", "centre", "n", "events", "auc", "auc_low", "auc_high"} <= set(row)


def test_the_habitats_of_every_scan_of_the_table_are_stored_under_the_model(trained: Trained, study: Study) -> None:
    model = HabitatModel.objects.get()
    maps = HabitatMap.objects.filter(habitat_model=model)
    assert maps.count() == 80, "after prediction also those of the patient without an outcome"
    for habitat_map in maps[:5]:
        assert sum(habitat_map.fractions) == pytest.approx(1)
        assert np.asarray(habitat_map.interaction).shape == (model.n_habitats + 1,) * 2


# What it says of patients.


def test_every_patient_with_both_scans_is_predicted_by_every_model(trained: Trained, study: Study) -> None:
    rows = Prediction.objects.values_list("patient__code", "model_version__name")
    assert sorted(rows) == sorted((code, name) for code in study.responder for name in VIEWS)
    assert all(0 <= p <= 1 for p in Prediction.objects.values_list("probability", flat=True))


def test_a_prediction_says_where_its_patient_stood(trained: Trained, study: Study) -> None:
    fitted = training_patients(study)
    for row in Prediction.objects.select_related("patient"):
        code = row.patient.code
        expected = "training" if code in fitted else "prospective" if code == "S-39" else "held_out"
        assert row.standing == expected, code


def test_a_training_patient_is_given_the_probability_of_models_that_had_not_seen_them(
    trained: Trained, study: Study
) -> None:
    version = ModelVersion.objects.get(name="whole_tumour")
    model = persist.loads(storage.get(version.sha256), sha256=version.sha256)
    rows = Prediction.objects.filter(model_version=version, standing="training").select_related("patient")
    assert {row.patient.code: row.probability for row in rows} == pytest.approx(dict(model.oof))


def test_a_prediction_shows_what_moved_it(trained: Trained, study: Study) -> None:
    row = Prediction.objects.filter(model_version__name="whole_tumour").first()
    assert row is not None
    assert row.contributions
    assert {part["feature"] for part in row.contributions} <= set(row.model_version.selected)


def test_predicting_again_adds_rows_and_alters_none(trained: Trained, study: Study) -> None:
    before = list(Prediction.objects.order_by("pk").values())
    job = predict(study)
    assert job.result == {"predictions": 40 * len(VIEWS), "patients": 40}
    assert list(Prediction.objects.order_by("pk").values())[: len(before)] == before
    again = Prediction.objects.order_by("pk")[len(before) :]
    assert [row.probability for row in again] == [row["probability"] for row in before]
    assert [row.features_sha256 for row in again] == [row["features_sha256"] for row in before]


def test_one_patient_can_be_predicted_alone(trained: Trained, study: Study) -> None:
    before = Prediction.objects.count()
    job = predict(study, "S-39")
    assert job.result == {"predictions": len(VIEWS), "patients": 1}
    assert Prediction.objects.count() == before + len(VIEWS)


def test_a_patient_whose_outcome_arrives_later_is_held_out_from_then_on(trained: Trained, study: Study) -> None:
    enter_outcome(study.patient("S-39"), values=reading_of(False), actor=None)
    predict(study, "S-39")
    newest = predictions_of(study.patient("S-39"))
    assert {row.standing for row in newest[: len(VIEWS)]} == {"held_out"}
    assert {row.standing for row in newest[len(VIEWS) :]} == {"prospective"}


def test_predictions_of_a_patient_without_scans_are_refused_with_the_reason(trained: Trained, study: Study) -> None:
    Segmentation.objects.filter(timepoint__patient__code="S-39", timepoint__kind="post").delete()
    job = predict(study, "S-39")
    assert (job.state, job.error_code) == (Job.State.FAILED, "nothing_to_do")


def test_the_patient_page_shows_probability_version_and_that_it_is_for_research(
    trained: Trained, study: Study, client: Any
) -> None:
    client.force_login(study.people["researcher"])
    shown = client.get(reverse("modeling:patient-panel", args=[study.cohort.code, "S-39"])).content.decode()
    assert "esearch use only" in shown
    assert "Integrated 1" in shown
    current = current_predictions(predictions_of(study.patient("S-39")))
    assert current[0].model_version.name == "integrated"
    assert f"{100 * current[0].probability:.0f}" in shown


def test_a_coordinator_sees_no_probability(trained: Trained, study: Study, client: Any) -> None:
    client.force_login(study.people["coordinator"])
    url = reverse("modeling:patient-panel", args=[study.cohort.code, "S-39"])
    response = client.get(url)
    assert response.context["hidden"] is True
    assert "prediction" not in response.context
    panel = client.get(reverse("modeling:cohort-panel", args=[study.cohort.code]))
    assert panel.context["run"] is None


def test_pages_of_models_show_each_run_with_its_numbers(trained: Trained, study: Study, client: Any) -> None:
    client.force_login(study.people["researcher"])
    listed = client.get(reverse("modeling:models", args=[study.cohort.code])).content.decode()
    run = client.get(reverse("modeling:run", args=[study.cohort.code, 1])).content.decode()
    auc = Evaluation.objects.get(model_version__name="integrated", split="external", centre="").auc
    assert f"{auc:.2f}" in listed
    assert f"{auc:.2f}" in run
    assert "No pathology outcome is entered." in run


# What learns sees training patients only.


def test_altering_external_centres_changes_neither_codebook_nor_models(trained: Trained, study: Study) -> None:
    before = dict(ModelVersion.objects.filter(version=1).values_list("name", "sha256"))
    codebook = HabitatModel.objects.get().digest
    external = Evaluation.objects.get(model_version__name="whole_tumour", split="external", centre="").auc
    outside = Segmentation.objects.exclude(timepoint__patient__centre__code="A").select_related("timepoint__patient")
    for segmentation in outside:
        patient = segmentation.timepoint.patient
        store_values(segmentation, responder=not study.responder[patient.code], seed=1000 + patient.pk)
    for outcome in PathologyOutcome.objects.exclude(patient__centre__code="A").select_related("patient"):
        if int(outcome.patient.code[-1]) % 3 == 0:
            flipped = not study.responder[outcome.patient.code]
            enter_outcome(outcome.patient, values=reading_of(flipped), actor=None, reason="flipped")
    job = train(study)
    assert job.state == Job.State.DONE, job.error
    assert dict(ModelVersion.objects.filter(version=2).values_list("name", "sha256")) == before
    assert HabitatModel.objects.get().digest == codebook
    assert TableSnapshot.objects.count() == 2, "the table itself is another"
    again = Evaluation.objects.get(
        model_version__name="whole_tumour", model_version__version=2, split="external", centre=""
    )
    assert again.auc != external, "the test could see the change, and did"


def test_altering_one_training_patient_changes_codebook_and_models(trained: Trained, study: Study) -> None:
    before = dict(ModelVersion.objects.filter(version=1).values_list("name", "sha256"))
    code = min(training_patients(study))
    for segmentation in Segmentation.objects.filter(timepoint__patient__code=code):
        store_values(segmentation, responder=not study.responder[code], seed=999)
    train(study)
    after = dict(ModelVersion.objects.filter(version=2).values_list("name", "sha256"))
    assert after["whole_tumour"] != before["whole_tumour"]
    assert HabitatModel.objects.count() == 2


# Versions.


def test_a_second_training_stands_beside_the_first_as_challenger(
    trained: Trained, study: Study, queue: Queue, django_capture_on_commit_callbacks: Any, client: Any
) -> None:
    enter_outcome(study.patient("S-39"), values=reading_of(False), actor=None)
    kept = list(ModelVersion.objects.order_by("pk").values())
    with django_capture_on_commit_callbacks(execute=True):
        job = train(study)
    assert job.result["run"] == 2
    assert list(ModelVersion.objects.filter(version=1).order_by("pk").values()) == kept
    assert set(ModelVersion.objects.filter(version=2).values_list("state", flat=True)) == {"challenger"}
    assert TableSnapshot.objects.get(runs__number=2).n_patients == 40
    queue.messages = queue.messages[-1:]
    assert queue.work() == 1, "the new models predict, too"
    assert Prediction.objects.filter(model_version__version=2).count() == 40 * len(VIEWS)
    assert {p.model_version.version for p in current_predictions(predictions_of(study.patient("S-00")))} == {1}


def test_training_the_same_again_gives_the_same_bytes_and_one_snapshot(trained: Trained, study: Study) -> None:
    train(study)
    first, second = (
        dict(ModelVersion.objects.filter(version=number).values_list("name", "sha256")) for number in (1, 2)
    )
    assert first == second
    assert (TableSnapshot.objects.count(), HabitatModel.objects.count()) == (1, 1)


# What is refused.


def test_a_stored_model_that_was_altered_on_disk_is_refused(trained: Trained, study: Study) -> None:
    version = ModelVersion.objects.get(name="clinical")
    file = storage.path_of(version.sha256)
    original = file.read_bytes()
    file.write_bytes(original[:-1] + b"x")
    try:
        job = predict(study)
    finally:
        file.write_bytes(original)
    assert (job.state, job.error_code) == (Job.State.FAILED, "artefact_corrupt")
    assert job.remedy
    with pytest.raises(ModelCorrupt):
        persist.loads(original[:-1] + b"x", sha256=version.sha256)


def test_supervoxels_that_were_altered_on_disk_stop_the_training(trained: Trained, study: Study) -> None:
    segmentation = Segmentation.objects.filter(timepoint__patient__code=min(training_patients(study))).first()
    assert segmentation is not None
    file = storage.path_of(segmentation.supervoxel_maps.get().sha256)
    original = file.read_bytes()
    file.unlink()
    try:
        job = train(study)
    finally:
        file.write_bytes(original)
    assert (job.state, job.error_code) == (Job.State.FAILED, "artefact_corrupt")
    assert TrainingRun.objects.count() == 1


def test_a_second_training_at_once_is_refused(trained: Trained, study: Study) -> None:
    enqueue_training(study.cohort, recipe_name=SMALL.name, user=None)
    with pytest.raises(ServiceError) as refusal:
        enqueue_training(study.cohort, recipe_name=SMALL.name, user=None)
    assert refusal.value.code == "job_active"


def test_an_unknown_recipe_lists_those_that_there_are(trained: Trained, study: Study) -> None:
    with pytest.raises(ServiceError, match="standard") as refusal:
        enqueue_training(study.cohort, recipe_name="magic", user=None)
    assert refusal.value.code == "unknown_setting"


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("one_class_only", lambda study: PathologyOutcome.objects.update(viable_percent=60, necrosis_percent=5)),
        ("too_few_patients", lambda study: PathologyOutcome.objects.all().delete()),
        (
            "too_few_patients",
            lambda study: PathologyOutcome.objects.filter(
                patient__centre__code="A", patient__code__gt="S-06"
            ).delete(),
        ),
        ("no_training_centre", lambda study: type(study.cohort).objects.update(training_centre=None)),
    ],
)
def test_a_cohort_that_cannot_be_learned_from_says_why(
    trained: Trained, study: Study, code: str, spoil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    TableSnapshot.outcomes.through.objects.all().delete()
    spoil(study)
    job = train(study)
    assert (job.state, job.error_code) == (Job.State.FAILED, code)
    assert job.remedy
    assert TrainingRun.objects.count() == 1


def test_buttons_queue_training_and_prediction(trained: Trained, study: Study, client: Any) -> None:
    client.force_login(study.people["researcher"])
    for name, posted, kind in (("retrain", {"recipe": "quick"}, "training"), ("predict", {}, "prediction")):
        response = client.post(reverse(f"modeling:{name}", args=[study.cohort.code]), posted)
        job = Job.objects.filter(kind=kind).latest("pk")
        assert response["Location"] == reverse("cohorts:job", args=[job.reference])
        assert job.created_by == study.people["researcher"]


def test_the_threshold_of_the_cohort_decides_who_responds(trained: Trained, study: Study) -> None:
    table = FeatureTable.from_parquet(storage.get(TableSnapshot.objects.get().sha256))
    assert isinstance(table.y, pd.Series)
    assert int(table.y.sum()) == sum(study.responder.values())
    assert outcomes_of(study.cohort) == 39


def test_the_built_in_recipes_are_the_only_ones_outside_tests() -> None:
    assert set(BUILT_IN) - {SMALL.name} == {"standard", "quick", "every_view", "reference"}

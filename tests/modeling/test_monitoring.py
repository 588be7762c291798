"""How models fare on patients predicted before their pathology was known; and whether new scans look alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from cohorts import jobs
from cohorts.models import PathologyOutcome
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient
from imaging import storage
from imaging.models import Segmentation
from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion, Prediction
from modeling.services import prediction
from modeling.services.drift import drift_of
from modeling.services.monitoring import notes_on, prospective
from modeling.services.prediction import enqueue_prediction
from modeling.services.promotion import promote
from tests.modeling.conftest import challenge
from tests.study import Study, reading_of, store_case

pytestmark = pytest.mark.django_db


def champion() -> ModelVersion:
    return ModelVersion.objects.get(name="integrated", state="champion")


def newcomers(study: Study, n: int = 10, *, scans: bool = False) -> list[str]:
    """Patients who came after the run, without an outcome."""
    centre = study.cohort.centres.get(code="B")
    codes = [f"N-{number:02d}" for number in range(n)]
    for number, code in enumerate(codes):
        patient = create_patient(study.cohort, code=code, centre=centre, actor=None)
        for kind in ("pre", "post") if scans else ():
            store_case(patient, kind, responder=number % 2 == 0, seed=500 + number)
    return codes


def say(study: Study, code: str, probability: float, **values: Any) -> Prediction:
    row = {"threshold": 0.5, "standing": Prediction.Standing.PROSPECTIVE, "features_sha256": "0" * 64} | values
    return Prediction.objects.create(
        model_version=row.pop("model_version", champion()),
        patient=study.patient(code),
        probability=probability,
        **row,
    )


def test_only_predictions_from_before_the_pathology_count_with_their_auc_and_calibration(living: Study) -> None:
    codes = newcomers(living)
    p = np.array([0.9, 0.7, 0.2, 0.6, 0.35, 0.4, 0.8, 0.3, 0.55, 0.1])
    y = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 0])
    for code, probability in zip(codes, p, strict=True):
        say(living, code, float(probability))
    assert prospective(living.cohort)["integrated"].waiting == 11, "ten, and the patient of the run without pathology"
    for code, responds in zip(codes, y, strict=True):
        enter_outcome(living.patient(code), values=reading_of(bool(responds)), actor=None)
    found = prospective(living.cohort)["integrated"]
    assert (found.n, found.events, found.waiting) == (10, 4, 1)
    assert found.auc == auc(y, p)
    assert (found.auc_low, found.auc_high) == delong_interval(y, p)
    assert found.observed_expected == pytest.approx(4 / p.sum())
    assert found.calibration_slope is not None
    assert found.reasons == {}


def test_the_first_prediction_counts_and_what_was_said_after_the_pathology_never_does(living: Study) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    say(living, code, 0.1)
    enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    say(living, code, 0.2, standing=Prediction.Standing.HELD_OUT)
    late = newcomers_late(living)
    found = prospective(living.cohort)["integrated"]
    assert (found.n, found.events) == (1, 1), f"not {late}"
    assert found.observed_expected == pytest.approx(1 / 0.9)


def newcomers_late(study: Study) -> str:
    """A patient whose pathology was entered while the prediction was computed: the row says prospective."""
    patient = create_patient(study.cohort, code="L-00", centre=study.cohort.centres.get(code="B"), actor=None)
    enter_outcome(patient, values=reading_of(True), actor=None)
    say(study, patient.code, 0.99)
    return patient.code


def test_a_corrected_reading_counts_as_it_is_now(living: Study) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    enter_outcome(living.patient(code), values=reading_of(False), actor=None, reason="second look")
    found = prospective(living.cohort)["integrated"]
    assert (found.n, found.events) == (1, 0)


def test_a_patient_whom_a_later_version_learned_from_stays_prospective_for_the_version_that_spoke_before(
    living: Study,
) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    later = challenge()
    later.fitted_on.add(living.patient(code))
    say(living, code, 0.8, model_version=later, standing=Prediction.Standing.TRAINING)
    assert prospective(living.cohort)["integrated"].n == 1
    promote(later, actor=living.people["administrator"], reason="newer", override=True)
    assert prospective(living.cohort)["integrated"].n == 0, "the new champion has learned from the patient"


def test_each_champion_stands_alone_and_challengers_do_not_count(living: Study) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9, model_version=challenge())
    enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    found = prospective(living.cohort)
    assert next(iter(found)) == "integrated"
    assert set(found) == set(ModelVersion.objects.filter(state="champion").values_list("name", flat=True))
    assert {row.n for row in found.values()} == {0}


def test_what_is_not_defined_says_why(living: Study) -> None:
    nothing = prospective(living.cohort)["integrated"]
    assert (nothing.n, nothing.auc, nothing.observed_expected) == (0, None, None)
    assert nothing.reasons["auc"] == "No patient has an outcome yet."
    for code in newcomers(living, 2):
        say(living, code, 0.7)
        enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    one_class = prospective(living.cohort)["integrated"]
    assert one_class.auc is None
    reason = "2 patients with an outcome so far, all responders; an AUC needs both classes."
    assert one_class.reasons["auc"] == reason
    notes = notes_on(prospective(living.cohort).values())
    assert f"Integrated 1: {reason}" in notes, "the other models have said nothing of these patients"
    assert notes_on([nothing, nothing]) == ["No patient has an outcome yet."]


def test_the_cohort_page_asks_for_the_panel_and_only_who_may_see_predictions_gets_it(
    living: Study, client: Any
) -> None:
    url = reverse("modeling:prospective-panel", args=[living.cohort.code])
    page = reverse("cohorts:detail", args=[living.cohort.code])
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    client.force_login(living.people["researcher"])
    assert url in client.get(page).content.decode()
    shown = client.get(url).content.decode()
    for words in ("Integrated 1", "an AUC needs both classes", "esearch use only"):
        assert words in shown
    for blind in ("coordinator", "reader", "data_manager"):
        client.force_login(living.people[blind])
        assert url not in client.get(page).content.decode()
        assert client.get(url).status_code == 403


# Drift.


def with_habitats(study: Study) -> None:
    """Compute the newcomers' habitats, as a prediction does."""
    job = enqueue_prediction(study.cohort, user=None)
    jobs.execute(job.pk, prediction.run)
    job.refresh_from_db()
    assert job.state == "done", job.error


def test_drift_compares_the_inputs_of_new_patients_with_those_of_training_patients(
    living: Study, client: Any
) -> None:
    newcomers(living, 8, scans=True)
    assert drift_of(champion()).n_new == 1, "the others have no habitats under this model yet"
    with_habitats(living)
    version = champion()
    drift = drift_of(version)
    assert (drift.n_new, drift.n_training) == (9, version.fitted_on.count()), "and the one without pathology"
    assert {row.feature for row in drift.features} <= set(version.selected)
    sha256 = version.run.snapshot.sha256
    training = FeatureTable.from_parquet(storage.get(sha256), sha256=sha256).of_split("training").X
    row = drift.features[0]
    assert row.n_training == training[row.feature].notna().sum()
    client.force_login(living.people["researcher"])
    shown = client.get(reverse("modeling:drift-panel", args=[living.cohort.code])).content.decode()
    assert "9 new patients beside" in shown
    assert "never outcomes" in shown


def test_a_patient_scanned_again_is_new_unless_the_model_learned_from_that_patient(living: Study) -> None:
    version, later = champion(), timezone.now()
    learned, tested = version.fitted_on.order_by("code").first(), living.patient("S-03")
    assert learned is not None
    for patient in (learned, tested):
        Segmentation.objects.filter(timepoint__patient=patient).update(created_at=later)
    assert drift_of(version).n_new == 2, "the one without pathology, and the one who was tested"


def test_outcomes_do_not_enter_drift(living: Study) -> None:
    codes = newcomers(living, 8, scans=True)
    with_habitats(living)
    before = drift_of(champion())
    for code in codes:
        enter_outcome(living.patient(code), values=reading_of(True), actor=None)
    PathologyOutcome.objects.filter(patient__code="S-00").update(viable_percent=60)
    assert drift_of(champion()) == before


def test_with_hardly_anybody_new_drift_is_not_judged(living: Study) -> None:
    drift = drift_of(champion())
    assert (drift.alarm, drift.n_new) == (None, 1)
    assert drift.reason == "1 new patient so far; a comparison needs at least 5."

"""How models fare on patients predicted before their pathology was known; and whether new scans look alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from cohorts import jobs
from cohorts.models import BlindedReading, OutcomeDraft, PathologyOutcome
from cohorts.services.drafts import save_draft
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient
from imaging import storage
from imaging.models import Segmentation
from modeling.core.performance.discrimination import auc, delong_interval
from modeling.core.table import FeatureTable
from modeling.models import ModelVersion, Prediction
from modeling.services import prediction
from modeling.services.drift import drift_of
from modeling.services.monitoring import Prospective, notes_on, prospective
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


def say(study: Study, code: str, probability: float, *, days_ago: int = 30, **values: Any) -> Prediction:
    row = {"threshold": 0.5, "standing": Prediction.Standing.PROSPECTIVE, "features_sha256": "0" * 64} | values
    said = Prediction.objects.create(
        model_version=row.pop("model_version", None) or champion(),
        patient=study.patient(code),
        probability=probability,
        **row,
    )
    Prediction.objects.filter(pk=said.pk).update(created_at=timezone.now() - timedelta(days=days_ago))
    return said


def enter(
    study: Study, code: str, responds: bool, *, operated: int | None = 10, signed: int | None = None, **about: Any
) -> PathologyOutcome:
    """Enter a reading now, with days of surgery and sign-off so many days ago."""
    today = timezone.localdate(timezone=timezone.get_default_timezone())
    days = {"surgery_on": operated, "signed_off_on": signed}
    dates = {name: None if ago is None else today - timedelta(days=ago) for name, ago in days.items()}
    return enter_outcome(
        study.patient(code), values=reading_of(responds) | dates, actor=about.pop("actor", None), **about
    )


def of(study: Study, version: str = "Integrated 1") -> Prospective:
    """Return how one version fared."""
    return next(row for row in prospective(study.cohort) if str(row.version) == version)


def test_only_predictions_from_before_the_pathology_count_with_their_auc_and_calibration(living: Study) -> None:
    codes = newcomers(living)
    p = np.array([0.9, 0.7, 0.2, 0.6, 0.35, 0.4, 0.8, 0.3, 0.55, 0.1])
    y = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 0])
    for code, probability in zip(codes, p, strict=True):
        say(living, code, float(probability))
    assert of(living).waiting == 11, "ten, and the patient of the run without pathology"
    for code, responds in zip(codes, y, strict=True):
        enter(living, code, bool(responds))
    found = of(living)
    assert (found.n, found.events, found.waiting) == (10, 4, 1)
    assert found.auc == auc(y, p)
    assert (found.auc_low, found.auc_high) == delong_interval(y, p)
    assert found.observed_expected == pytest.approx(4 / p.sum())
    assert found.calibration_slope is not None
    assert found.reasons == {}


def test_the_first_prediction_counts_and_what_was_said_after_the_pathology_never_does(living: Study) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    say(living, code, 0.1, days_ago=29)
    enter(living, code, True)
    say(living, code, 0.2, days_ago=0, standing=Prediction.Standing.HELD_OUT)
    late = newcomers_late(living)
    found = of(living)
    assert (found.n, found.events) == (1, 1), f"not {late}"
    assert found.observed_expected == pytest.approx(1 / 0.9)


def newcomers_late(study: Study) -> str:
    """A patient whose pathology was entered while the prediction was computed: the row says prospective."""
    patient = create_patient(study.cohort, code="L-00", centre=study.cohort.centres.get(code="B"), actor=None)
    enter(study, patient.code, True)
    say(study, patient.code, 0.99, days_ago=0)
    return patient.code


def test_a_corrected_reading_counts_as_it_is_now(living: Study) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    enter(living, code, True)
    enter(living, code, False, reason="second look")
    found = of(living)
    assert (found.n, found.events) == (1, 0)


def test_a_patient_whom_a_later_version_learned_from_stays_prospective_for_the_version_that_spoke_before(
    living: Study,
) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    enter(living, code, True)
    later = challenge()
    later.fitted_on.add(living.patient(code))
    say(living, code, 0.8, model_version=later, standing=Prediction.Standing.TRAINING)
    assert of(living).n == 1
    promote(later, actor=living.people["administrator"], reason="newer", override=True)
    assert of(living, "Integrated 2").n == 0, "the new champion has learned from the patient"
    retired = of(living)
    assert (retired.n, retired.version.state) == (1, "retired"), "a retired version keeps its record"


def test_each_version_that_is_or_was_in_use_stands_alone_and_challengers_do_not_count(living: Study) -> None:
    code = newcomers(living, 1)[0]
    challenger = challenge()
    say(living, code, 0.9, model_version=challenger)
    enter(living, code, True)
    found = prospective(living.cohort)
    assert found[0].version.name == "integrated"
    assert {row.version for row in found} == set(ModelVersion.objects.filter(state="champion"))
    assert {row.n for row in found} == {0}
    promote(challenger, actor=living.people["administrator"], reason="newer", override=True)
    assert [str(row.version) for row in prospective(living.cohort)[:2]] == ["Integrated 2", "Integrated 1"]
    assert of(living, "Integrated 2").n == 1, "what it said before it was promoted is its record, too"


def test_a_candidate_has_a_record_before_anybody_promotes_it(fresh: Study) -> None:
    code = newcomers(fresh, 1)[0]
    say(fresh, code, 0.9, model_version=ModelVersion.objects.get(name="integrated"))
    enter(fresh, code, True)
    assert (of(fresh).n, of(fresh).version.state) == (1, "candidate")


# Before anybody could know.


def test_patients_operated_years_ago_whose_reading_was_entered_again_after_the_prediction_do_not_count(
    living: Study,
) -> None:
    """Operated in 2021, predicted in 2026, and the readings typed in anew afterwards: nothing is prospective."""
    codes = newcomers(living, 12)
    for number, code in enumerate(codes):
        say(living, code, 0.8)
        enter(living, code, number % 2 == 0, operated=5 * 365, signed=5 * 365 - 9)
    found = of(living)
    assert (found.n, found.timing_unknown, found.waiting) == (0, 0, 1), "waiting is the patient without pathology"


@pytest.mark.parametrize(
    ("dates", "counted"),
    [
        ({"operated": 29}, 1),
        ({"operated": 30}, 0),
        ({"operated": 10, "signed": 3}, 1),
    ],
)
def test_a_prediction_of_the_day_of_surgery_is_not_before_it(
    living: Study, dates: dict[str, int], counted: int
) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.8)
    enter(living, code, True, **dates)
    assert of(living).n == counted


def test_without_a_day_of_surgery_a_patient_is_shown_apart(living: Study, client: Any) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.8)
    enter(living, code, True, operated=None)
    assert (of(living).n, of(living).timing_unknown, of(living).waiting) == (0, 1, 1)
    client.force_login(living.people["researcher"])
    shown = client.get(reverse("modeling:prospective-panel", args=[living.cohort.code])).content.decode()
    assert "Timing unknown" in shown
    assert "no day of surgery" in shown


def test_a_blinded_reading_or_a_draft_before_the_prediction_ends_its_being_prospective(living: Study) -> None:
    read, drafted, untouched = newcomers(living, 3)
    reader, before = living.people["reader"], timezone.now() - timedelta(days=31)
    BlindedReading.objects.create(patient=living.patient(read), reader=reader, slot=1, viable_percent=5)
    BlindedReading.objects.update(read_at=before)
    save_draft(living.patient(drafted), user=reader, base_version=0, values={"viable_percent": "5"})
    OutcomeDraft.objects.update(updated_at=before)
    for code in (read, drafted, untouched):
        say(living, code, 0.8)
        enter(living, code, True)
    assert of(living).n == 1


def test_a_day_of_surgery_that_only_an_older_version_of_the_reading_has_counts(living: Study) -> None:
    code = newcomers(living, 1)[0]
    say(living, code, 0.8)
    enter(living, code, True, operated=5 * 365)
    enter(living, code, True, operated=None, reason="the day is not certain")
    assert (of(living).n, of(living).timing_unknown) == (0, 0)


@pytest.mark.parametrize("what", ["draft", "blinded reading"])
def test_a_prediction_is_not_called_prospective_when_somebody_began_to_read(living: Study, what: str) -> None:
    patient, reader = living.patient("S-39"), living.people["reader"]
    if what == "draft":
        save_draft(patient, user=reader, base_version=0, values={"viable_percent": "5"})
    else:
        BlindedReading.objects.create(patient=patient, reader=reader, slot=1, viable_percent=5)
    with_habitats(living)
    newest = Prediction.objects.filter(patient=patient).latest("pk")
    assert newest.standing == Prediction.Standing.HELD_OUT


def test_what_is_not_defined_says_why(living: Study) -> None:
    nothing = of(living)
    assert (nothing.n, nothing.auc, nothing.observed_expected) == (0, None, None)
    assert nothing.reasons["auc"] == "No patient counts yet."
    for code in newcomers(living, 2):
        say(living, code, 0.7)
        enter(living, code, True)
    one_class = of(living)
    assert one_class.auc is None
    reason = "2 patients with an outcome so far, all responders; an AUC needs both classes."
    assert one_class.reasons["auc"] == reason
    notes = notes_on(prospective(living.cohort))
    assert f"Integrated 1: {reason}" in notes, "the other models have said nothing of these patients"
    assert notes_on([nothing, nothing]) == ["No patient counts yet."]


def test_the_cohort_page_asks_for_the_panel_and_only_who_may_see_predictions_gets_it(
    living: Study, client: Any
) -> None:
    url = reverse("modeling:prospective-panel", args=[living.cohort.code])
    page = reverse("cohorts:detail", args=[living.cohort.code])
    code = newcomers(living, 1)[0]
    say(living, code, 0.9)
    enter(living, code, True)
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
        enter(living, code, True)
    PathologyOutcome.objects.filter(patient__code="S-00").update(viable_percent=60)
    assert drift_of(champion()) == before


def test_with_hardly_anybody_new_drift_is_not_judged(living: Study) -> None:
    drift = drift_of(champion())
    assert (drift.alarm, drift.n_new) == (None, 1)
    assert drift.reason == "1 new patient so far; a comparison needs at least 5."

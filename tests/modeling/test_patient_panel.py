"""The patient page's estimate: where the patient stands in what moved it, and where it comes from."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from modeling.models import Prediction
from modeling.selectors import current_predictions, predictions_of
from modeling.services.standing import training_values
from tests.study import Study

pytestmark = pytest.mark.django_db


def prediction_of(study: Study) -> Prediction:
    with_parts = Prediction.objects.exclude(contributions=[]).filter(model_version__state="champion")
    patient = with_parts.select_related("patient").latest("pk").patient
    return current_predictions(predictions_of(patient))[0]


def page_of(study: Study, name: str, person: str, prediction: Prediction) -> tuple[int, str]:
    client = Client()
    client.force_login(study.people[person])
    answer = client.get(reverse(f"modeling:{name}", args=[study.cohort.code, prediction.patient.code]))
    return answer.status_code, answer.content.decode()


def test_each_part_of_an_estimate_stands_among_the_training_patients(living: Study) -> None:
    prediction = prediction_of(living)
    values = training_values(prediction)
    named = {part["feature"] for part in prediction.contributions}
    assert values
    assert set(values) <= named
    _, page = page_of(living, "patient-panel", "researcher", prediction)
    percentiles = [int(one) for one in re.findall(r"percentile (\d+) among \d+ other patients", page)]
    assert len(percentiles) == sum(
        1 for part in prediction.contributions if part["value"] is not None and values.get(part["feature"])
    )
    assert all(0 <= one <= 100 for one in percentiles)


def test_an_estimate_names_what_it_was_made_of(living: Study) -> None:
    prediction = prediction_of(living)
    _, page = page_of(living, "patient-panel", "researcher", prediction)
    run = prediction.model_version.run
    for digest in (
        prediction.features_sha256,
        prediction.model_version.sha256,
        run.snapshot.sha256,
        run.recipe_digest,
    ):
        assert f"<code>{digest[:12]}</code>" in page


def test_the_short_estimate_is_for_those_who_may_see_predictions(living: Study) -> None:
    prediction = prediction_of(living)
    status, page = page_of(living, "patient-estimate", "researcher", prediction)
    assert status == 200
    assert f"Estimate for {prediction.patient.code}" in page
    assert page_of(living, "patient-estimate", "coordinator", prediction)[0] == 403

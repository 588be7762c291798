"""Two patients side by side, and one patient's place among the others."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from django.urls import reverse

from cohorts.models import Patient
from cohorts.services.outcomes import enter_outcome
from cohorts.services.patients import create_patient
from imaging.core.habitats import HabitatLabels
from imaging.models import HabitatModel, Segmentation
from imaging.services import habitats
from imaging.services.habitats import Labelled
from imaging.services.protocols import protocol_named
from imaging.services.standing import habitat_measures
from tests.scans import GRID, small_scan, store_scan
from tests.trial import READING, Trial


@pytest.fixture
def model(trial: Trial) -> HabitatModel:
    return HabitatModel.objects.create(
        cohort=trial.cohort,
        protocol=protocol_named("standard"),
        version=1,
        n_habitats=2,
        digest="d",
        codebook={"centroid_mean_hu": [-10.0, 40.0]},
    )


def label(segmentation: Segmentation, model: HabitatModel, *, first: int) -> None:
    """Give the first slices of a tumour to habitat 1 and the rest to habitat 2."""
    array = small_scan().mask.array.astype(np.uint8) * 2
    array[:first] //= 2
    labels = HabitatLabels(array, GRID, 2, model.digest)
    features = habitats.habitat_features(labels, neighbourhood="axial8")
    habitats.save_maps({segmentation.pk: Labelled(labels, features, [[0] * 3] * 3)}, model=model)


@pytest.fixture
def second(trial: Trial) -> Patient:
    return create_patient(trial.cohort, code="P-3", centre=trial.here, actor=trial.coordinator)


@pytest.fixture
def scanned(trial: Trial, model: HabitatModel, second: Patient) -> HabitatModel:
    for patient, first in ((trial.patient, 4), (trial.other_patient, 5), (second, 6)):
        label(store_scan(patient, "pre", small_scan()), model, first=first)
    return model


def compared(trial: Trial, person: str = "researcher", **asked: str) -> str:
    url = reverse("imaging:compare-patients", args=[trial.cohort.code])
    return trial.client(person).get(url, asked).content.decode()


def test_two_patients_stand_side_by_side_with_volumes_outcome_and_habitats(
    trial: Trial, scanned: HabitatModel, second: Patient
) -> None:
    enter_outcome(
        trial.patient,
        values={**READING, "viable_percent": Decimal(5), "necrosis_percent": Decimal(60)},
        actor=trial.coordinator,
    )
    page = compared(trial, a="P-1", b="P-3")
    assert page.count("data-stage ") == 2
    assert re.findall(r'data-patient="([^"]+)" data-label="([^"]+)"', page)[:1] == [("P-1", "P-1, Pre-treatment")]
    assert "mark-good" in page
    shares = re.findall(r"Habitat 1</th><td class=\"num\">([^<]+)</td>", page)
    assert len(shares) == 1
    assert shares[0].endswith("%")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "Choose two patients by their codes"),
        ({"a": "P-1"}, "Choose two patients by their codes"),
        ({"a": "P-1", "b": "P-1"}, "Choose two different patients."),
        ({"a": "P-1", "b": "P-9"}, "There is no patient P-9 whom you may see in this cohort."),
        ({"a": "P-8", "b": "P-9"}, "There are no patients P-8, P-9 whom you may see in this cohort."),
    ],
)
def test_what_cannot_be_compared_is_said(trial: Trial, asked: dict[str, str], said: str) -> None:
    page = compared(trial, **asked)
    assert said in page
    assert "data-viewer" not in page


def test_a_patient_of_another_centre_is_unknown_and_not_suggested(trial: Trial, second: Patient) -> None:
    page = compared(trial, "elsewhere", a="P-2", b="P-1")
    assert "There is no patient P-1" in page
    assert 'option value="P-1"' not in page
    assert 'option value="P-2"' in page


def test_estimates_are_asked_for_only_by_those_who_may_see_them(trial: Trial, scanned: HabitatModel) -> None:
    url = reverse("modeling:patient-estimate", args=[trial.cohort.code, "P-1"])
    assert url in compared(trial, "researcher", a="P-1", b="P-3")
    assert url not in compared(trial, "coordinator", a="P-1", b="P-3")


def test_a_percentile_counts_only_patients_whom_the_person_may_see(trial: Trial, scanned: HabitatModel) -> None:
    url = reverse("imaging:percentile-panel", args=[trial.cohort.code, "P-1"])
    page = trial.client("researcher").get(url).content.decode()
    assert "percentile 0 among 2 other patients" in page, "both others have more of habitat 1"
    own = reverse("imaging:percentile-panel", args=[trial.cohort.code, "P-2"])
    assert "other patients" not in trial.client("elsewhere").get(own).content.decode().split("<tbody>")[1]


def test_measures_of_a_cohort_are_read_once(
    trial: Trial, scanned: HabitatModel, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    first = habitat_measures(trial.cohort, scanned)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert habitat_measures(trial.cohort, scanned) == first
    assert first[trial.patient.pk]["pre"]["fraction_1"] < first[trial.other_patient.pk]["pre"]["fraction_1"]
    label(store_scan(trial.patient, "post", small_scan(1)), scanned, first=5)
    assert "post" in habitat_measures(trial.cohort, scanned)[trial.patient.pk], "a new row makes it read again"

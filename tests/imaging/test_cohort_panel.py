"""Imaging's part of the cohort page, counted by the database: against the same numbers counted one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from cohorts.models import Membership, Patient, Role, User
from cohorts.selectors.patients import response_of
from imaging.models import FeatureSet, HabitatMap, ImageSeries, Segmentation
from imaging.services.cohort_images import CHANGE_ENDS, composition_rows, coverage_of, scanner_rows, volumes_of
from tests.codebooks import empty_model
from tests.study import Study, build_study, segmentations_of


@pytest.fixture
def study(db: None) -> Study:
    return build_study(n=16)


def panel(study: Study, person: User | None = None, **query: str) -> Any:
    client = Client()
    client.force_login(person or study.people[Role.RESEARCHER])
    return client.get(reverse("imaging:cohort-panel", args=[study.cohort.code]), query)


def patients_of(study: Study) -> Any:
    return Patient.objects.filter(cohort=study.cohort)


def response_named(patient: Patient) -> str:
    outcome = patient.outcomes.filter(is_current=True).first()
    if outcome is None:
        return "No outcome yet"
    return "MPR" if response_of(outcome, patient.cohort).mpr else "No MPR"


def draw_volumes(study: Study) -> dict[str, tuple[float, float]]:
    """Give each patient volumes of their own, in millilitres before and after."""
    random, volumes = np.random.default_rng(0), {}
    for patient in patients_of(study):
        pre, post = random.uniform(5, 60), random.uniform(1, 70)
        for kind, pk in segmentations_of(patient).items():
            Segmentation.objects.filter(pk=pk).update(volume_mm3=1000 * (pre if kind == "pre" else post))
        volumes[patient.code] = (pre, post)
    return volumes


def test_coverage_counts_patients_with_a_mask_and_with_features_of_both(study: Study) -> None:
    masks = segmentations_of(study.patient("S-00")), segmentations_of(study.patient("S-01"))
    Segmentation.objects.filter(pk=masks[0]["post"]).update(is_current=False)
    FeatureSet.objects.filter(segmentation=masks[1]["pre"]).delete()
    found = coverage_of(patients_of(study))
    assert (found.patients, found.with_pre, found.with_post, found.with_both, found.extracted) == (16, 16, 15, 15, 14)


def test_volumes_are_quartiles_by_response_and_every_change_falls_into_one_class(study: Study) -> None:
    drawn = draw_volumes(study)
    found = {row.response: row for row in volumes_of(patients_of(study), study.cohort)}
    for name, row in found.items():
        own = [drawn[patient.code] for patient in patients_of(study) if response_named(patient) == name]
        pre, post = np.array(own).T
        assert row.n == len(own) == sum(row.classes)
        assert row.pre_ml == pytest.approx(np.percentile(pre, (25, 50, 75)))
        assert row.change_percent == pytest.approx(np.percentile(100 * (post / pre - 1), (25, 50, 75)))
        changes = [100 * (after / before - 1) for before, after in own]
        ends = [-np.inf, *CHANGE_ENDS, np.inf]
        counted = [sum(low < change <= high for change in changes) for low, high in pairwise(ends)]
        assert list(row.classes) == counted
    assert sum(row.n for row in found.values()) == 16


def test_habitats_are_the_mean_of_each_group_and_add_up_to_the_whole_tumour(study: Study) -> None:
    model = empty_model(study.cohort, n_habitats=3)
    random, groups = np.random.default_rng(1), {}
    for scan in Segmentation.objects.select_related("timepoint__patient__cohort").order_by("pk"):
        shares = random.dirichlet([2, 3, 4])
        empty: dict[str, Any] = {"volumes_mm3": [], "interaction": [], "sha256": "0" * 64}
        HabitatMap.objects.create(segmentation=scan, habitat_model=model, fractions=shares.tolist(), **empty)
        groups.setdefault((response_named(scan.timepoint.patient), scan.timepoint.kind), []).append(shares)
    rows = composition_rows(patients_of(study), study.cohort, model)
    assert len(rows) == 3 * len(groups)
    for row in rows:
        own = np.array(groups[row["response"], row["kind"]])
        assert row["n"] == len(own)
        assert row["mean_percent"] == pytest.approx(100 * own[:, row["habitat"] - 1].mean())
    chart = panel(study).context["charts"][-1]
    assert chart.key == "composition"
    assert sum(row["mean_percent"] for row in chart.rows) == pytest.approx(100 * len(groups))


def test_scanners_are_counted_by_centre(study: Study) -> None:
    ImageSeries.objects.filter(timepoint__patient__centre__code="B").update(
        manufacturer="Maker", scanner="One", kernel="B30", slice_thickness_mm=1.25
    )
    rows = scanner_rows(patients_of(study))
    assert sum(row["scans"] for row in rows) == 32
    (b,) = [row for row in rows if row["centre"] == "Centre B"]
    assert (b["scanner"], b["kernel"], b["thickness_mm"]) == ("One", "B30", 1.25)
    assert b["scans"] == 2 * Patient.objects.filter(centre__code="B").count()


def test_the_filters_of_the_cohort_page_hold_for_the_panel_and_for_its_links(study: Study) -> None:
    page = panel(study, centre="B")
    assert page.context["coverage"].patients == Patient.objects.filter(centre__code="B").count()
    assert {row["centre"] for row in page.context["scanners"]} == {"Centre B"}
    assert f"{reverse('imaging:features', args=['study'])}?centre=B" in page.content.decode()


def test_the_panel_names_no_patient_and_shows_a_person_of_one_centre_only_that_one(study: Study) -> None:
    draw_volumes(study)
    assert "S-0" not in panel(study).content.decode()
    person = User.objects.create(username="only-c")
    centre = study.cohort.centres.get(code="C")
    Membership.objects.create(user=person, cohort=study.cohort, role=Role.READER, centre=centre)
    page = panel(study, person)
    assert page.context["coverage"].patients == Patient.objects.filter(centre=centre).count()
    assert {row["centre"] for row in page.context["scanners"]} == {"Centre C"}


def test_the_panel_asks_at_most_fifteen_questions(study: Study, django_assert_max_num_queries: Any) -> None:
    empty_model(study.cohort, n_habitats=2)
    client, url = Client(), reverse("imaging:cohort-panel", args=[study.cohort.code])
    client.force_login(study.people[Role.RESEARCHER])
    with django_assert_max_num_queries(15):
        assert client.get(url, {"centre": "A"}).status_code == 200

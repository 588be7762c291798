"""Pages about features: their table, the list, a page for each, the map, and two protocols side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cohorts.models import Membership, Patient, Role, User
from cohorts.selectors.filters import PatientFilters
from imaging import storage
from imaging.core.delta import delta
from imaging.core.features import FeatureVector
from imaging.core.perturb import DIGEST, ROWS
from imaging.models import FeatureSet, HabitatModel, PerturbedFeatures, Segmentation
from imaging.selectors import vector_of, whole_tumour_vectors
from imaging.services import feature_maps
from imaging.services.cohort_cases import cases_of
from imaging.services.extraction import schema_of, store_features
from imaging.services.feature_statistics import feature_rows, stability_of
from imaging.services.feature_table import CohortFeatures, Source, features_of
from imaging.services.protocols import protocol_named
from imaging.views.features import as_csv
from tests.codebooks import empty_model
from tests.study import NAMES, Study, build_study, segmentations_of, store_case

PLANTED = "original_glcm_Planted"


@pytest.fixture
def study(db: None) -> Study:
    return build_study(n=16)


def table_of(study: Study, model: HabitatModel | None = None) -> CohortFeatures:
    return features_of(Source(study.cohort, protocol_named("standard"), model))


def visit(study: Study, person: str = Role.RESEARCHER) -> Client:
    client = Client()
    client.force_login(study.people[person])
    return client


def get(study: Study, name: str, *args: str, person: str = Role.RESEARCHER, **query: str) -> Any:
    return visit(study, person).get(reverse(f"imaging:{name}", args=[study.cohort.code, *args]), query)


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def add_habitats(study: Study) -> HabitatModel:
    """Store habitat features of every scan and transition features of every second one."""
    model = empty_model(study.cohort, n_habitats=2)
    options: dict[str, Any] = {"protocol": model.protocol, "habitat_model": model}
    for number, scan in enumerate(Segmentation.objects.order_by("pk")):
        shares = FeatureVector(("fraction_1", "fraction_2"), np.array([0.1 + number / 100, 0.9 - number / 100]))
        store_features(scan, shares, region=FeatureSet.Region.HABITATS, **options)
        if scan.timepoint.kind == "post":
            kept = FeatureVector(("transition_persistence",), np.array([number / 40]))
            store_features(scan, kept, region=FeatureSet.Region.TRANSITIONS, **options)
    return model


# --- the table ----------------------------------------------------------------------------------------------


def test_the_table_holds_what_was_stored_of_each_scan_and_the_change_between_them(study: Study) -> None:
    table = table_of(study)
    vectors = whole_tumour_vectors(study.cohort, protocol_named("standard"))
    moments = {moment: table.values(moment) for moment in ("pre", "post", "change")}
    assert tuple(feature.name for feature in table.features) == NAMES
    for row, pk in enumerate(table.patients.tolist()):
        scans = segmentations_of(Patient.objects.get(pk=pk))
        pre, post = vectors[scans["pre"]], vectors[scans["post"]]
        np.testing.assert_array_equal(moments["pre"][row], pre.values)
        np.testing.assert_array_equal(moments["post"][row], post.values)
        np.testing.assert_allclose(moments["change"][row], delta(pre, post).values)
    np.testing.assert_array_equal(table.values("post", [PLANTED])[:, 0], moments["post"][:, NAMES.index(PLANTED)])


def test_habitats_have_both_moments_and_transitions_are_a_change_by_themselves(study: Study) -> None:
    table = table_of(study, add_habitats(study))
    names = ["fraction_1", "transition_persistence"]
    pre, post, change = (table.values(moment, names) for moment in ("pre", "post", "change"))
    np.testing.assert_allclose(change[:, 0], post[:, 0] - pre[:, 0])
    assert np.isnan(pre[:, 1]).all()
    assert np.isnan(post[:, 1]).all()
    stored = FeatureSet.objects.filter(region=FeatureSet.Region.TRANSITIONS)
    assert sorted(change[:, 1]) == sorted(float(vector_of(row).values[0]) for row in stored)


def test_the_table_is_read_from_disk_until_a_scan_is_added_or_replaced(study: Study) -> None:
    table_of(study)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        again = table_of(study)
        again.values("pre")
    assert not any('"vector"' in query["sql"] for query in captured), "no vector is read a second time"
    patient = study.patient("S-00")
    old = segmentations_of(patient)["pre"]
    Segmentation.objects.filter(pk=old).update(is_current=False)
    smaller = table_of(study)
    row = smaller.positions[patient.pk]
    assert np.isnan(smaller.values("pre")[row]).all()
    assert not np.isnan(smaller.values("post")[row]).any()
    centre = study.cohort.centres.get(code="A")
    newcomer = Patient.objects.create(cohort=study.cohort, centre=centre, code="S-99")
    scan = store_case(newcomer, "post", responder=True, seed=99)
    larger = table_of(study)
    stored = FeatureSet.objects.get(segmentation=scan)
    np.testing.assert_array_equal(larger.values("post")[larger.positions[newcomer.pk]], stored.values)


def test_a_table_that_another_process_made_again_meanwhile_still_gives_its_own_values(study: Study) -> None:
    table = table_of(study)
    expected = table.values("pre")
    storage.remember(table.source.place("0"), b"x" * 64 + b"what another process saw")
    np.testing.assert_array_equal(table.values("pre"), expected)


def test_a_timepoint_that_cannot_be_evaluated_does_not_count(study: Study) -> None:
    patient = study.patient("S-03")
    patient.timepoints.filter(kind="pre").update(status="not_evaluable")
    table = table_of(study)
    assert np.isnan(table.values("pre")[table.positions[patient.pk]]).all()


# --- statistics ---------------------------------------------------------------------------------------------


def test_a_reading_that_is_corrected_changes_the_separation_at_once(study: Study) -> None:
    def area() -> float | None:
        cases = cases_of(study.cohort, study.people[Role.RESEARCHER], PatientFilters())
        rows = feature_rows(table_of(study), cases, "post", {})
        return next(row.auc for row in rows if row.feature.name == PLANTED)

    before = area()
    patient = study.patient("S-00")
    patient.outcomes.filter(is_current=True).update(viable_percent=80)
    assert area() != before


def test_stability_is_that_of_the_shown_scans_at_the_moment(study: Study) -> None:
    random = np.random.default_rng(0)
    for scan in Segmentation.objects.filter(timepoint__kind="pre"):
        matrix = random.normal(scan.pk, 0.01, (len(ROWS), len(NAMES)))
        PerturbedFeatures.objects.create(
            segmentation=scan,
            protocol=protocol_named("standard"),
            digest=DIGEST,
            perturbations=list(ROWS),
            schema=schema_of(NAMES),
            matrix=matrix.astype("<f8").tobytes(),
        )
    researcher, table = study.people[Role.RESEARCHER], table_of(study)
    found = stability_of(table, researcher, PatientFilters(), "pre")
    assert found[PLANTED][0] > 0.99
    assert stability_of(table, researcher, PatientFilters(), "post") == {}
    assert stability_of(table, researcher, PatientFilters(centre="nowhere"), "pre") == {}


# --- the list -----------------------------------------------------------------------------------------------


def test_the_list_puts_the_planted_feature_first_when_it_is_sorted_by_separation(study: Study) -> None:
    found = rows_of(get(study, "features-table", moment="post", sort="auc"))
    assert len(found) == len(NAMES)
    assert found[0]["feature"] == PLANTED
    assert float(found[0]["auc"]) > 0.8
    assert int(found[0]["responders"]) + int(found[0]["others"]) == 15, "one patient has no outcome"
    page = get(study, "features", moment="post", sort="auc").content.decode()
    assert page.index("Planted") < page.index("Noise 0".lower().capitalize())
    assert "of 8 intervals leave out 0.5, where about 0 would by chance" in page


def test_family_name_and_patients_narrow_the_list(study: Study) -> None:
    assert [row["feature"] for row in rows_of(get(study, "features-table", family="glcm"))] == [PLANTED]
    assert len(rows_of(get(study, "features-table", feature="noise"))) == 6
    only_a = rows_of(get(study, "features-table", centre="A"))
    assert {row["known"] for row in only_a} == {str(Patient.objects.filter(centre__code="A").count())}
    assert "No feature matches" in get(study, "features", feature="nothing like it").content.decode()
    assert "No patient with features matches" in get(study, "features", q="ZZZ").content.decode()


def test_a_missing_value_is_counted_and_does_not_shift_the_others(study: Study) -> None:
    row = FeatureSet.objects.filter(segmentation__timepoint__kind="pre").first()
    assert row
    values = row.values.copy()
    values[3] = np.nan
    FeatureSet.objects.filter(pk=row.pk).update(vector=values.tobytes())
    found = {row["feature"]: row for row in rows_of(get(study, "features-table"))}
    assert float(found[NAMES[3]]["missing_share"]) == pytest.approx(1 / 16)
    assert float(found[NAMES[2]]["missing_share"]) == 0


# --- a feature ----------------------------------------------------------------------------------------------


def test_the_page_of_a_feature_leads_to_every_patient_and_names_those_at_the_ends(study: Study) -> None:
    response = get(study, "feature", PLANTED, moment="post")
    charts = {chart.key: chart for chart in response.context["charts"]}
    assert set(charts) == {"response-pre", "response-post", "response-change", "centre", "histogram"}
    points = charts["response-post"].spec["layer"][2]["data"]["values"]
    assert {point["url"] for point in points} == {
        reverse("cohorts:patient", args=["study", f"S-{number:02d}"]) for number in range(16)
    }
    values = table_of(study).values("post", [PLANTED])[:, 0]
    assert response.context["page"].highest[0].value == values.max()
    assert response.context["page"].lowest[0].value == values.min()
    assert "Planted (no unit)" in str(charts["response-post"].spec)
    for chart in charts.values():
        assert sum(row["n"] for row in chart.rows) == 16, chart.key


def test_the_file_of_a_feature_holds_each_patient_once_with_its_three_values(study: Study) -> None:
    found = rows_of(get(study, "feature-table", PLANTED))
    assert [row["patient"] for row in found] == [f"S-{number:02d}" for number in range(16)]
    first = found[0]
    assert float(first["change"]) == pytest.approx(
        (float(first["after"]) - float(first["before"])) / abs(float(first["before"]))
    )
    assert {row["response"] for row in found} == {"MPR", "No MPR", "No outcome yet"}


def test_a_group_of_features_that_say_the_same_is_named(study: Study) -> None:
    for row in FeatureSet.objects.filter(region="whole_tumour"):
        values = row.values.copy()
        values[4] = -2 * values[1]
        FeatureSet.objects.filter(pk=row.pk).update(vector=values.tobytes())
    mates = get(study, "feature", PLANTED).context["page"].companions
    assert [(mate.feature.name, mate.correlation) for mate in mates] == [(NAMES[4], -1.0)]


def test_an_unknown_feature_is_not_there(study: Study) -> None:
    assert get(study, "feature", "original_glcm_Nothing").status_code == 404
    assert get(study, "feature-table", "original_glcm_Nothing").status_code == 404


def test_a_person_of_one_centre_sees_only_its_patients(study: Study) -> None:
    person = User.objects.create(username="only-b")
    centre = study.cohort.centres.get(code="B")
    Membership.objects.create(user=person, cohort=study.cohort, role=Role.RESEARCHER, centre=centre)
    study.people["only-b"] = person
    own = set(Patient.objects.filter(centre=centre).values_list("code", flat=True))
    others = set(study.responder) - own
    assert {row["patient"] for row in rows_of(get(study, "feature-table", PLANTED, person="only-b"))} == own
    for name, arguments in (("feature", [PLANTED]), ("feature-map-panel", []), ("features", [])):
        page = get(study, name, *arguments, person="only-b").content.decode()
        assert not [code for code in others if code in page], name


# --- the map ------------------------------------------------------------------------------------------------


def test_the_map_draws_each_patient_once_with_the_colour_that_was_asked_for(study: Study) -> None:
    for colour, groups in (
        ("response", {"MPR", "No MPR", "No outcome yet"}),
        ("centre", {"Centre A", "Centre B", "Centre C"}),
    ):
        chart = get(study, "feature-map-panel", moment="post", colour=colour).context["chart"]
        assert len({row["patient"] for row in chart.rows}) == len(chart.rows) == 16
        assert {row[colour] for row in chart.rows} == groups
        assert "% of the variance" in chart.spec["encoding"]["x"]["title"]
    assert {row["x"] for row in rows_of(get(study, "feature-map-table", moment="post"))} == {
        str(row["x"]) for row in chart.rows
    }


def test_a_map_that_cannot_be_drawn_says_why(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    page = get(study, "feature-map-panel", q="S-01").content.decode()
    assert "A map needs 5 patients with features; there are 1." in page
    monkeypatch.setattr(feature_maps, "MOST_FOR_UMAP", 10)
    page = get(study, "feature-map-panel", method="umap").content.decode()
    assert "UMAP is drawn for at most 10 patients; there are 16." in page


# --- two protocols ------------------------------------------------------------------------------------------


def add_second_protocol(study: Study) -> None:
    """Store the same under another protocol, but for the planted feature, which is turned round."""
    light = protocol_named("light")
    for row in FeatureSet.objects.filter(region="whole_tumour").select_related(
        "segmentation__timepoint__patient__cohort"
    ):
        values = row.values.copy()
        values[1] = -values[1]
        features = FeatureVector((*NAMES, "original_glcm_Extra"), np.array([*values, 1.0]))
        store_features(row.segmentation, features, region="whole_tumour", protocol=light)


def test_two_protocols_are_compared_feature_by_feature_the_worst_first(study: Study) -> None:
    add_second_protocol(study)
    found = rows_of(get(study, "compare-protocols-table", a="standard", b="light"))
    assert found[0]["feature"] == PLANTED
    assert float(found[0]["concordance"]) < 0
    assert {float(row["concordance"]) for row in found[1:]} == {1.0}
    assert len(found) == len(NAMES)
    response = get(study, "compare-protocols")
    assert response.context["drawn"] == PLANTED
    assert "Only standard: 0; only light: 1." in response.content.decode()
    points = response.context["chart"].rows
    assert len(points) == 16
    assert all(point["first"] == -point["second"] for point in points)


def test_one_protocol_has_nothing_to_be_compared_with(study: Study) -> None:
    assert "under one protocol only: standard" in get(study, "compare-protocols").content.decode()
    add_second_protocol(study)
    same = get(study, "compare-protocols", a="light", b="light").content.decode()
    assert "Choose two different protocols" in same


# --- everything ---------------------------------------------------------------------------------------------

PAGES = {
    "features": (),
    "feature": (PLANTED,),
    "feature-map": (),
    "feature-map-panel": (),
    "compare-protocols": (),
    "cohort-panel": (),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_as_many_questions_for_many_patients_as_for_few(
    study: Study, name: str, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    add_second_protocol(study)
    add_habitats(study)
    client, url = visit(study), reverse(f"imaging:{name}", args=[study.cohort.code, *PAGES[name]])

    def questions() -> int:
        client.get(url)  # what is kept on disk is made at the first visit
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    few = questions()
    for number in range(30, 50):
        patient = Patient.objects.create(
            cohort=study.cohort, centre=study.cohort.centres.get(code="A"), code=f"S-{number}"
        )
        for kind in ("pre", "post"):
            store_case(patient, kind, responder=False, seed=number)
    assert questions() == few
    assert few <= 30


def test_a_cohort_without_features_says_so_on_every_page(study: Study) -> None:
    FeatureSet.objects.all().delete()
    for name, words in (
        ("features", "No features yet"),
        ("feature-map", "No features yet"),
        ("compare-protocols", "This cohort has no features yet."),
    ):
        assert words in get(study, name).content.decode(), name
    assert rows_of(get(study, "features-table")) == []
    assert rows_of(get(study, "feature-map-table")) == []


def test_no_text_of_a_table_runs_as_a_formula() -> None:
    content = as_csv("name", ("patient", "scanner", "value"), [("P-1", "=1+1", -2.5), ("P-2", "@cmd", float("nan"))])
    assert content.content.decode() == "patient,scanner,value\nP-1,'=1+1,-2.5\nP-2,'@cmd,\n"

"""The cohort page and its lists: what they count, whom they leave out, and what a subset keeps."""

from __future__ import annotations

import csv
import io
import itertools
import re
from datetime import date
from decimal import Decimal

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from cohorts.charts import accrual_chart, cohort_charts
from cohorts.models import AuditEntry, Job, PathologyOutcome, Patient, Subset, Timepoint
from cohorts.selectors.facts import facts_of
from cohorts.selectors.filters import PatientFilters
from cohorts.selectors.participants import completeness, flow, patterns
from cohorts.selectors.summary import patient_rows, patients_shown, summarise, totals
from tests.trial import COMPLETE_RESPONSE, READING, Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def ten(trial: Trial) -> Trial:
    """Ten more patients here: eight not excluded, six with both scans, five with pathology, of whom two are MPR."""
    made = [
        Patient(cohort=trial.cohort, centre=trial.here, code=f"T-{n}", sex="female" if n % 2 else "male")
        for n in range(10)
    ]
    for patient, reason in zip(made, ("no_surgery", "died"), strict=False):
        patient.exclusion = reason
    Patient.objects.bulk_create(made)
    for patient in made[2:9]:
        Timepoint.objects.create(patient=patient, kind="pre", scanned_on=date(2024, 1, 1))
    for patient in made[2:8]:
        Timepoint.objects.create(patient=patient, kind="post", scanned_on=date(2024, 4, 1))
    for n, patient in enumerate(made[2:7]):
        values = COMPLETE_RESPONSE if n == 0 else READING | {"viable_percent": Decimal(8 if n == 1 else 40)}
        PathologyOutcome.objects.create(patient=patient, version=1, **values)
    return trial


def page(trial: Trial, name: str, address: str = "", person: str = "researcher", **headers: str) -> str:
    response = trial.client(person).get(reverse(f"cohorts:{name}", args=[trial.cohort.code]) + address, **headers)
    assert response.status_code == 200
    return response.content.decode()


def test_the_summary_counts_what_the_patients_have(ten: Trial) -> None:
    summary = summarise(ten.cohort, ten.researcher)
    total = summary.total
    assert (total.patients, total.complete, total.with_outcome, total.mpr, total.pcr) == (12, 6, 5, 2, 1)
    assert {c.name: c.patients for c in summary.centres} == {"Here": 11, "There": 1}
    low, high = total.mpr_interval_percent or (0, 0)
    assert (round(low, 1), round(high, 1)) == (11.8, 76.9), "Wilson's interval of 2 in 5, from a printed table"


def test_the_summary_of_a_filter_counts_only_those_who_fit(ten: Trial) -> None:
    filters = PatientFilters.from_query(QueryDict("response=known&sex=female"))
    codes = {row["patient"] for row in summarise(ten.cohort, ten.researcher, filters).rows}
    assert codes == {"T-3", "T-5"}


def test_the_list_of_cohorts_counts_as_the_cohort_page_does(ten: Trial) -> None:
    total, counted = summarise(ten.cohort, ten.researcher).total, totals(ten.researcher)[ten.cohort.pk]
    names = ("patients", "complete", "with_outcome", "mpr")
    assert [getattr(counted, name) for name in names] == [getattr(total, name) for name in names]


def test_a_blind_reader_learns_nothing_from_the_list_of_cohorts(ten: Trial) -> None:
    ten.cohort.double_reading = True
    ten.cohort.save()
    text = ten.client("reader").get(reverse("cohorts:list")).content.decode()
    assert reverse("cohorts:readings", args=[ten.cohort.code]) in text
    assert "MPR" not in text
    assert "MPR" in ten.client("researcher").get(reverse("cohorts:list")).content.decode()


def test_the_flow_loses_nobody_and_names_each_reason(ten: Trial) -> None:
    found, facts = patterns(patients_shown(ten.cohort, ten.researcher), ten.cohort), facts_of(ten.cohort)
    stages = flow(found, facts)
    assert [(s.label, s.n) for s in stages[:3]] == [
        ("Enrolled", 12),
        ("Not excluded", 10),
        ("CT before and after treatment", 6),
    ]
    assert {left.reason: left.n for left in stages[1].left} == {"No surgery": 1, "Died before surgery": 1}
    assert {left.reason: left.n for left in stages[2].left} == {"Without: CT before": 3, "Without: CT after": 1}
    for before, after in itertools.pairwise(stages):
        assert before.n == after.n + after.n_left


def test_every_number_of_the_flow_leads_to_as_many_patients(ten: Trial) -> None:
    found, facts = patterns(patients_shown(ten.cohort, ten.researcher), ten.cohort), facts_of(ten.cohort)
    reasons = [left for stage in flow(found, facts) for left in stage.left]
    assert len(reasons) >= 4
    for left in reasons:
        filters = PatientFilters.from_query(QueryDict(left.query))
        assert filters.apply(patients_shown(ten.cohort, ten.researcher), ten.cohort).count() == left.n, left


def test_each_reason_of_the_flow_counts_the_responses_of_those_who_left(ten: Trial) -> None:
    found, facts = patterns(patients_shown(ten.cohort, ten.researcher), ten.cohort), facts_of(ten.cohort)
    reasons = [left for stage in flow(found, facts) for left in stage.left]
    for left in reasons:
        filters = PatientFilters.from_query(QueryDict(left.query))
        codes = filters.apply(patients_shown(ten.cohort, ten.researcher), ten.cohort).values("pk")
        outcomes = PathologyOutcome.objects.filter(patient__in=codes, is_current=True)
        assert left.known == outcomes.count(), left
        assert left.mpr == sum(float(one.viable_percent) <= 10 for one in outcomes), left
    assert 0 < sum(left.mpr for left in reasons) < sum(left.n for left in reasons)
    shown = page(ten, "participants-panel")
    assert "MPR not known" in shown
    assert re.search(r"MPR \d+ of \d+ \(\d+ to \d+", shown)


def test_completeness_counts_each_centre_and_all(ten: Trial) -> None:
    facts = facts_of(ten.cohort)
    rows = completeness(patterns(patients_shown(ten.cohort, ten.researcher), ten.cohort), facts)
    assert [(row.name, row.n) for row in rows] == [("Here", 11), ("There", 1), ("All centres", 12)]
    here, there, everybody = (dict(row.counts) for row in rows)
    assert (here["ct_pre"], here["pathology"], there["ct_pre"]) == (7, 5, 0)
    assert all(everybody[key] == here[key] + there[key] for key in everybody)


def test_panels_and_matrix_follow_the_filters(ten: Trial) -> None:
    assert "12" in page(ten, "participants-panel")
    assert "2 left here" in page(ten, "participants-panel", "?centre=A")
    assert "n = 11" in page(ten, "baseline-panel", "?centre=A")
    matrix = page(ten, "completeness", "?has=pathology")
    assert matrix.count("T-") >= 5
    assert "T-0" not in matrix


def test_the_baseline_table_comes_as_csv_with_the_same_cells(ten: Trial) -> None:
    url = reverse("cohorts:baseline-panel", args=[ten.cohort.code])
    answer = ten.client("researcher").get(f"{url}?by=response&format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["Characteristic", "MPR (n = 2)", "No MPR (n = 3)", "No outcome yet (n = 7)", "All (n = 12)"]
    female = next(row for row in rows if row[0] == "Female")
    assert female[1:] == ["1 (50 %)", "1 (33 %)", "3 (60 %)", "5 (50 %)"]


def test_patients_are_counted_over_time_by_enrolment_or_else_by_the_first_dose(ten: Trial) -> None:
    Patient.objects.filter(code="T-1").update(enrolled_on=date(2024, 1, 20))
    Patient.objects.filter(code="T-2").update(enrolled_on=date(2024, 3, 31), first_dose_on=date(2024, 9, 1))
    chart = accrual_chart(patient_rows(patients_shown(ten.cohort, ten.researcher), ten.cohort))
    assert list(chart.rows) == [
        {"month": "2024-01-01", "centre": "Here", "patients": 1},
        {"month": "2024-03-01", "centre": "Here", "patients": 3},
    ]
    assert "9 without a date" in chart.title


def test_charts_hold_counts_and_no_patient(ten: Trial) -> None:
    charts = cohort_charts(summarise(ten.cohort, ten.researcher), threshold_percent=10)
    by_key = {chart.key: chart for chart in charts}
    assert sum(row["patients"] for row in by_key["response-by-centre"].rows) == 12
    assert sum(row["patients"] for row in by_key["viable"].rows) == 5
    assert by_key["mpr-rate"].rows[0]["mpr_percent"] == pytest.approx(40)
    for chart in charts:
        assert "T-" not in str(chart.spec), chart.key
        assert all(set(chart.columns) <= set(row) for row in chart.rows), chart.key


def test_a_percentage_of_a_hundred_stands_in_the_last_bar(ten: Trial) -> None:
    Patient.objects.filter(code="T-1").update(pdl1_percent=100)
    Patient.objects.filter(code="T-2").update(pdl1_percent=90)
    charts = cohort_charts(summarise(ten.cohort, ten.researcher), threshold_percent=10)
    bars = next(chart for chart in charts if chart.key == "pdl1").rows
    assert {(bar["pdl1_from_percent"], bar["pdl1_to_percent"]) for bar in bars} == {(90, 100)}


def test_a_filtered_page_says_its_filters_and_how_to_remove_them(ten: Trial) -> None:
    text = page(ten, "detail", "?centre=A&age_min=50")
    assert "Remove Centre: Here" in text
    assert 'href="/cohorts/trial/?age_min=50"' in text
    assert "No patient matches" in page(ten, "detail", "?q=nobody")


def test_a_part_of_the_page_pushes_the_shortest_address(ten: Trial) -> None:
    url = reverse("cohorts:patients", args=[ten.cohort.code])
    answer = ten.client("researcher").get(f"{url}?q=T&centre=&response=", headers={"HX-Request": "true"})
    assert answer["HX-Push-Url"] == f"{url}?q=T"
    here = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{url}?q=T"}
    assert ten.client("researcher").get(f"{url}?q=T", headers=here)["HX-Push-Url"] == "false", "no second step back"
    assert "<html" not in answer.content.decode()
    assert 'hx-swap-oob="innerHTML:#filter-count"' in answer.content.decode()


def test_a_member_of_one_centre_counts_that_centre_only(ten: Trial) -> None:
    assert "T-" not in page(ten, "completeness", person="elsewhere")
    panel = page(ten, "participants-panel", person="elsewhere")
    assert "Here" not in panel
    assert "There" in panel


def save(trial: Trial, person: str, **values: str) -> None:
    client: Client = trial.client(person)
    url = reverse("cohorts:subset-save", args=[trial.cohort.code])
    assert client.post(url, {"name": "Older", "filters": "age_min=60", **values}).status_code == 302


def test_a_subset_keeps_filters_under_a_name_and_opens_them(ten: Trial) -> None:
    save(ten, "researcher")
    subset = Subset.objects.get()
    assert (subset.filters, subset.is_shared, subset.owner) == ({"age_min": "60"}, False, ten.researcher)
    answer = ten.client("researcher").get(subset.get_absolute_url())
    assert answer["Location"] == f"{ten.cohort.get_absolute_url()}?age_min=60"
    entry = AuditEntry.objects.get(object_type="subset")
    assert (entry.verb, entry.actor) == ("created", ten.researcher)


def test_a_subset_is_seen_by_others_once_it_is_shared(ten: Trial) -> None:
    save(ten, "researcher")
    url = Subset.objects.get().get_absolute_url()
    assert ten.client("data_manager").get(url).status_code == 404
    assert "Older" not in page(ten, "subsets", person="data_manager")
    save(ten, "researcher", is_shared="on")
    assert ten.client("data_manager").get(url).status_code == 302
    assert "Older" in page(ten, "subsets", person="data_manager")
    assert ten.client("stranger").get(url).status_code == 404


def test_a_name_that_somebody_else_took_is_refused_and_one_without_filters_too(ten: Trial) -> None:
    save(ten, "researcher", is_shared="on")
    save(ten, "data_manager", filters="age_max=50")
    save(ten, "data_manager", name="Empty", filters="")
    assert [s.filters for s in Subset.objects.all()] == [{"age_min": "60"}]


def test_a_subset_is_forgotten_by_its_owner_or_by_who_manages_the_cohort(ten: Trial) -> None:
    save(ten, "researcher", is_shared="on")
    url = reverse("cohorts:subset-delete", args=[ten.cohort.code, Subset.objects.get().slug])
    assert ten.client("data_manager").post(url).status_code == 403
    assert ten.client("administrator").post(url).status_code == 302
    assert not Subset.objects.exists()
    assert AuditEntry.objects.filter(object_type="subset", verb="deleted").exists()


def test_a_page_of_another_host_is_not_gone_to_after_keeping_a_subset(ten: Trial) -> None:
    url = reverse("cohorts:subset-save", args=[ten.cohort.code])
    for bad in ("//evil.example/", "https://evil.example/", "javascript:x"):
        answer = ten.client("researcher").post(url, {"name": "x", "filters": "q=T", "page": bad})
        assert answer["Location"].startswith("/cohorts/trial/"), bad


def test_jobs_can_be_narrowed_to_a_state_and_refresh_while_some_are_under_way(ten: Trial) -> None:
    Job.objects.create(cohort=ten.cohort, kind=Job.Kind.REPORT, state="failed", error="It broke.", remedy="Mend it.")
    assert "hx-trigger" not in page(ten, "jobs").split('id="job-rows"')[1].split(">")[0]
    Job.objects.create(cohort=ten.cohort, kind=Job.Kind.TRAINING, state="running", total=4, done=1)
    text = page(ten, "jobs")
    assert 'hx-trigger="every 3s"' in text
    failed = page(ten, "jobs", "?state=failed")
    assert "Mend it." in failed
    assert "Training</a>" not in failed

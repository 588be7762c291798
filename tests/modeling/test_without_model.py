"""Who was left out, what a clinic goes by, and how scans were made: on the run page and in the documents."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from modeling.core.performance.classification import wilson
from modeling.models import TrainingRun
from modeling.services.reports import spectrum, without_model
from modeling.services.reports.limitations import limitations_of
from modeling.services.reports.model_card import model_card
from modeling.services.reports.page import html
from modeling.services.reports.records import records_of
from modeling.services.reports.study import study as study_report
from modeling.services.runs import open_external
from tests.evaluated import register_run
from tests.modeling.conftest import Trained, train
from tests.study import Study, build_study

pytestmark = pytest.mark.django_db

MODELLED = {"kind": "modelled", "n": 40, "known": 40, "events": 16, "rate": 0.4, "low": 0.26, "high": 0.55}


def row(kind: str, n: int, known: int, events: int) -> dict[str, Any]:
    rate = events / known if known else None
    low, high = wilson(events, known) or (None, None)
    return {"kind": kind, "n": n, "known": known, "events": events, "rate": rate, "low": low, "high": high}


def test_a_run_counts_the_patients_it_left_out_with_their_response(trained: Trained) -> None:
    found = {one["kind"]: one for one in TrainingRun.objects.get(number=1).findings["spectrum"]}
    assert (found["modelled"]["n"], found["modelled"]["events"]) == (39, 20)
    assert (found["no_pathology"]["n"], found["no_pathology"]["known"]) == (1, 0)


def test_the_run_page_shows_the_rate_of_those_left_out_and_says_where_it_is_not_known(
    data_folder: Any, queue: Any, client: Any
) -> None:
    study = build_study("other")
    run = register_run(study)
    client.force_login(study.people["researcher"])
    page = client.get(run.get_absolute_url()).content.decode()
    assert "No tumour to outline after treatment: complete response on CT" in page
    assert "75\N{NO-BREAK SPACE}% (30 to 95)" in page  # three of the four whose response is known, Wilson
    unoperated = page.split("Not operated: no surgery")[1].split("</tr>")[0]
    assert "not known" in unoperated
    assert "60\N{NO-BREAK SPACE}% (40 to 80)" in page
    assert "0.71" in page


def test_a_run_of_an_older_version_still_has_its_page_and_documents(
    data_folder: Any, queue: Any, client: Any
) -> None:
    study = build_study("other")
    run = register_run(study)
    for key in ("spectrum", "comparators", "timing", "scan_pairs"):
        del run.findings[key]
    run.save()
    client.force_login(study.people["researcher"])
    page = client.get(run.get_absolute_url()).content.decode()
    assert "The run was made before the responses of patients left out were counted." in page
    assert "The run was made before comparators were stored." in page
    records = records_of(run)
    assert without_model.comparators(records) is None
    assert without_model.sensitivity(records) is None
    assert spectrum.NOT_COUNTED in html(study_report(records))
    assert html(model_card(records))


def test_documents_show_comparators_with_their_patients_and_what_leaving_out_bends(
    data_folder: Any, queue: Any
) -> None:
    records = records_of(register_run(build_study("other")))
    for document in (study_report(records), model_card(records)):
        page = html(document)
        assert "RECIST 1.1 by the outlines" in page
        assert "What a clinic goes by without a model" in page
        assert "Adjusted for days from dose to CT" in page
        assert "Known of no modelled patient: radiologist" in page
    sentences = [sentence for sentence, _ in limitations_of(records)]
    assert any("had no tumour to outline on the CT after treatment" in sentence for sentence in sentences)
    assert any("were not operated" in sentence for sentence in sentences)


def test_the_rate_with_those_whose_tumour_is_gone_is_computed_from_the_counts() -> None:
    first, second, *_ = spectrum.sentences([MODELLED, row("complete_response", 10, 10, 9)])
    assert "9 of the 10 whose response is known had MPR" in first
    assert "With them the MPR rate is 50.0 %, among the modelled patients alone it is 40.0 %." in first
    assert "probably higher" in second


@pytest.mark.parametrize(
    ("kind", "known", "events", "says"),
    [
        ("complete_response", 10, 9, "probably higher"),
        ("complete_response", 4, 3, "may differ"),  # 75 %, but the interval reaches below 40 %
        ("complete_response", 10, 3, "may differ"),
        ("complete_response", 0, 0, "may differ"),
        ("post_not_evaluable", 10, 9, "may differ"),  # why it was not evaluable is not known
    ],
)
def test_discrimination_is_said_to_be_higher_only_where_complete_responders_surely_respond_more_often(
    kind: str, known: int, events: int, says: str
) -> None:
    _, second, *_ = spectrum.sentences([MODELLED, row(kind, 10, known, events)])
    assert ("probably higher" in second) == (says == "probably higher")
    assert says in second


def test_patients_who_were_not_operated_count_as_without_mpr_in_the_lower_rate() -> None:
    (sentence,) = spectrum.sentences([MODELLED, row("not_operated", 10, 0, 0)])
    assert "Counted as without MPR, the 10 would change the MPR rate from 40.0 % to 32.0 %." in sentence
    (sentence,) = spectrum.sentences([MODELLED, row("not_operated", 1, 1, 1)])
    assert "0 of them without a pathological response" in sentence
    assert "Counted as" not in sentence


def test_nothing_is_said_of_kinds_that_nobody_is_of() -> None:
    assert spectrum.sentences([MODELLED]) == []


@pytest.mark.parametrize(("p", "adjusted", "says"), [(0.003, 1.2, "remains"), (0.4, 1.2, "is not shown to remain")])
def test_the_association_remains_only_where_the_test_says_so(p: float, adjusted: float, says: str) -> None:
    one = {"split": "external", "n": 60, "p_model": p, "adjusted": adjusted}
    assert f"the association of the model with MPR {says} beside" in without_model.remains(one)


def test_an_association_that_turns_around_does_not_remain() -> None:
    one = {"split": "external", "n": 60, "p_model": 0.001, "adjusted": -1.2}
    assert "is not shown to remain" in without_model.remains(one)


def test_comparators_of_other_hospitals_are_looked_at_only_once_these_are_open(living: Study) -> None:
    living.cohort.patients.filter(centre__code__in=["A", "B", "C"]).update(radiological_response="SD")
    train(living, user=living.people["researcher"], open_external=False)
    run = TrainingRun.objects.get(number=2)
    assert {one["split"] for one in run.findings["comparators"]} == {"training", "internal_test"}
    open_external(run, actor=living.people["researcher"], reason="The recipe is final.")
    run.refresh_from_db()
    external = [one for one in run.findings["comparators"] if one["split"] == "external"]
    assert [(one["comparator"], one["sensitivity"], one["specificity"]) for one in external] == [
        ("radiologist", 0.0, 1.0)
    ]
    assert "external" in {one["split"] for one in run.findings["timing"]}


def test_the_page_of_a_trained_run_says_that_nothing_is_known_of_a_clinic(
    trained: Trained, living: Study, client: Any
) -> None:
    client.force_login(living.people["researcher"])
    page = client.get(reverse("modeling:run", args=[living.cohort.code, 1])).content.decode()
    assert "Neither diameters nor a radiologist" in page

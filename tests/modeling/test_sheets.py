"""PROBAST+AI, other cuts of the outcome, the size of an external validation, and the decision that nobody means."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from modeling.core.reporting.documents import DataTable, Document, Item, Note, Paragraph, Section
from modeling.models import Evaluation, ModelVersion, TrainingRun
from modeling.services.reports.clear import clear
from modeling.services.reports.metrics_score import metrics
from modeling.services.reports.probast import DEVELOPMENT, EVALUATION, probast
from modeling.services.reports.records import Records, records_of
from modeling.services.reports.sensitivity import LABEL, NOT_COMPUTED, NOT_RECORDED
from modeling.services.reports.study import study as study_report
from modeling.services.reports.tripod import tripod
from modeling.wording import NO_DECISION
from tests.evaluated import register_run
from tests.study import Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(living: Study) -> TrainingRun:
    return register_run(living, number=2)


def again(run: TrainingRun) -> Records:
    return records_of(run, sheets=frozenset({"clear", "tripod"}))


def item(document: Document, number: str) -> Item:
    return next(one for one in document.items if one.number == number)


def section(run: TrainingRun, title: str) -> Section:
    return next(one for one in study_report(again(run)).sections if one.title == title)


def external(run: TrainingRun) -> Evaluation:
    return Evaluation.objects.get(
        model_version__run=run, model_version__name="integrated", split="external", centre=""
    )


def words_of(part: Section) -> str:
    return " ".join(block.text for block in part.blocks if isinstance(block, Paragraph | Note))


# PROBAST+AI.


def test_probast_asks_16_questions_of_development_and_18_of_evaluation_in_four_domains_each() -> None:
    """Moons et al., BMJ 2025;388:e082505: 3, 4, 4, 5 and 3, 4, 4, 7."""
    assert [len(group) for group in DEVELOPMENT.values()] == [3, 4, 4, 5]
    assert [len(group) for group in EVALUATION.values()] == [3, 4, 4, 7]
    expected = [f"{letter}{d}.{q}" for letter, sizes in (("D", (3, 4, 4, 5)), ("E", (3, 4, 4, 7)))
                for d, size in enumerate(sizes, start=1) for q in range(1, size + 1)]  # fmt: skip
    assert [
        asked.number for part in (DEVELOPMENT, EVALUATION) for group in part.values() for asked in group
    ] == expected


def test_no_quality_bias_or_applicability_is_ever_judged_by_the_software(run: TrainingRun) -> None:
    judged = [one for one in probast(again(run)).items if "." not in one.number]
    # Quality or risk of bias of eight domains, applicability of six, and both over all of either part.
    assert len(judged) == 8 + 6 + 4
    assert all(one.status == "author" and not one.answer for one in judged)
    assert all(one.text.endswith("for the author to judge") for one in judged)
    answers = " ".join(one.answer for one in probast(again(run)).items).lower()
    assert not re.search(r"\b(low|high|unclear) (risk|concern)|risk of bias is|\bprobably yes\b", answers)


def test_facts_stand_beside_questions_that_ask_for_a_judgement_and_fill_those_that_ask_for_a_fact(
    run: TrainingRun,
) -> None:
    sheet = probast(again(run))
    assert item(sheet, "D4.1").status == "author"
    assert item(sheet, "D4.1").answer.startswith("Facts to judge by: Riley's criteria")
    assert {"D2.2", "D4.5", "E4.1", "E4.5", "E4.6"} <= {one.number for one in sheet.items if one.status == "filled"}
    assert "Nested cross-validation" in item(sheet, "E4.1").answer or "nested" in item(sheet, "E4.1").answer
    assert all(one.source for one in sheet.items if one.answer)


def test_class_weights_decide_what_is_asked_of_imbalance(run: TrainingRun) -> None:
    assert "recalibrated (sigmoid)" in item(probast(again(run)), "D4.4").answer
    assert item(probast(again(run)), "E4.4").status == "filled"
    TrainingRun.objects.filter(pk=run.pk).update(recipe=run.recipe | {"calibration": "none"})
    assert "not recalibrated" in item(probast(again(run)), "D4.4").answer
    TrainingRun.objects.filter(pk=run.pk).update(recipe=run.recipe | {"class_weight": None})
    assert [item(probast(again(run)), number).status for number in ("D4.4", "E4.4")] == ["not applicable"] * 2


def test_without_nested_cross_validation_nobody_is_told_that_all_steps_were_repeated(run: TrainingRun) -> None:
    Evaluation.objects.filter(model_version__run=run, split="nested_cv").update(split="cross_validation")
    assert item(probast(again(run)), "E4.6").status == "author"


def test_the_command_writes_the_sheet(run: TrainingRun, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "out"
    call_command("report", cohort=run.cohort.code, run=run.number, kind="probast", out=folder, as_json=True)
    assert json.loads(capsys.readouterr().out)["files"] == ["study-run-2-probast.html", "study-run-2-probast.pdf"]
    page = (tmp_path / "out" / "study-run-2-probast.html").read_text()
    assert "e082505" in page
    assert "for the author to judge" in page


# Other cuts.


def test_other_cuts_are_labelled_and_say_what_the_model_was_trained_on(run: TrainingRun) -> None:
    part = section(run, "Other cuts of the outcome")
    assert part.blocks[0] == Note(LABEL, "caution")
    assert "trained on the cohort's own cut, at most 10 %, and was not refitted" in words_of(part)
    table = part.blocks[-1]
    assert isinstance(table, DataTable)
    assert table.source == "TrainingRun 2, findings.cuts"
    rows = {(cells[0], cells[1]): cells[2:] for cells in table.rows}
    assert rows["External test", "at most 10 % viable (own cut)"] == ("24 (11)", "0.79 (0.59 to 0.94)", "")
    assert rows["External test", "65 % adenocarcinoma, 10 % squamous"][0] == "20 (14)"
    assert rows["Nested cross-validation", "at most 10 % viable (own cut)"][1:] == ("0.74", "No interval here.")


def test_a_run_that_did_not_record_the_percentage_says_so(living: Study) -> None:
    old = register_run(living, number=2, findings=False)
    assert NOT_RECORDED in words_of(section(old, "Other cuts of the outcome"))
    assert NOT_COMPUTED in words_of(section(old, "Size of the external validation"))


# The size of an external validation.


def test_the_needed_patients_stand_beside_those_that_were_tested(run: TrainingRun) -> None:
    needed = run.findings["external_size"]["needed"]
    row = external(run)
    said = words_of(section(run, "Size of the external validation"))
    assert f"about {needed:,} patients" in said
    assert f"{row.n} external patients with {row.events} MPR were tested, which is fewer." in said
    for number, sheet in (("9", clear), ("10", tripod)):
        assert "External validation (Riley 2021)" in item(sheet(again(run)), number).answer


def test_enough_is_said_only_where_as_many_were_tested(run: TrainingRun) -> None:
    found = run.findings["external_size"]
    row = external(run)
    for needed, word in ((row.n, "enough"), (row.n + 1, "fewer")):
        changed = run.findings | {"external_size": found | {"needed": needed}}
        TrainingRun.objects.filter(pk=run.pk).update(findings=changed)
        assert f"which is {word}." in words_of(section(run, "Size of the external validation"))
    Evaluation.objects.filter(model_version__run=run, split="external").delete()
    assert "no external patient was tested." in words_of(section(run, "Size of the external validation"))


# The decision.


def test_wherever_net_benefit_is_shown_it_is_said_that_no_decision_is_meant(run: TrainingRun) -> None:
    figure = next(one for one in study_report(again(run)).figures if one.key == "decision")
    assert NO_DECISION in figure.caption
    assert all("no treatment decision is meant" in item(sheet(again(run)), number).answer.lower()
               for sheet, number in ((clear, "39"), (clear, "51"), (tripod, "12e"), (tripod, "3b"), (metrics, "20")))  # fmt: skip


# The page of a run.


def test_the_page_of_a_run_shows_cuts_size_and_the_missing_decision(run: TrainingRun) -> None:
    client = Client()
    client.force_login(run.started_by)  # type: ignore[arg-type]
    page = client.get(reverse("modeling:run", args=[run.cohort.code, run.number])).content.decode()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page)).replace("&#x27;", "'")
    assert "Integrated was trained on the cohort's own cut (at most 10 % viable tumour) and was not refitted" in words
    assert "at most 65 % in adenocarcinoma" in words
    needed = run.findings["external_size"]["needed"]
    assert re.sub(r"\D", "", words.split("external patients with")[0].rsplit("About", 1)[1]) == str(needed)
    assert NO_DECISION in words
    TrainingRun.objects.filter(pk=run.pk).update(findings={})
    page = client.get(reverse("modeling:run", args=[run.cohort.code, run.number])).content.decode()
    assert NOT_RECORDED in page


def test_a_trained_run_holds_its_predictions_against_every_cut(trained: Any) -> None:
    findings = trained.job.training_run.findings
    rows = findings["cuts"]["rows"]
    assert Counter(row["split"] for row in rows) == dict.fromkeys(("nested_cv", "internal_test", "external"), 5)
    version = ModelVersion.objects.get(run=trained.job.training_run, name=findings["cuts"]["model"])
    for split in ("nested_cv", "internal_test", "external"):
        stored = version.evaluations.get(split=split, centre="")
        own = next(row for row in rows if row["split"] == split and row["own"])
        assert (own["n"], own["events"], own["auc"]) == (stored.n, stored.events, stored.auc)
    assert findings["external_size"]["needed"] > 0

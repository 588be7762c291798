"""Reports of a run: every claim names its row, nothing names a patient, and what no row shows is the author's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.test import Client, TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from cohorts.errors import ServiceError
from cohorts.models import AuditEntry, Cohort, Job, PathologyOutcome, Patient
from imaging import storage
from imaging.models import ExtractionProtocol, HabitatModel, ImageSeries, Segmentation
from modeling.core.reporting.documents import DataTable, Document, Figure, Item, Note, Paragraph
from modeling.models import Evaluation, ModelVersion, Promotion, Report, TableSnapshot, TestOpening, TrainingRun
from modeling.services.recorded import Recorded
from modeling.services.reports import metrics_score
from modeling.services.reports.clear import clear
from modeling.services.reports.limitations import limitations_of
from modeling.services.reports.metrics_score import ITEMS, metrics, score
from modeling.services.reports.model_card import model_card
from modeling.services.reports.page import body_of, html
from modeling.services.reports.participants import characteristics
from modeling.services.reports.records import Records, records_of
from modeling.services.reports.study import study
from modeling.services.reports.tripod import tripod
from modeling.services.reports.writing import BUILDERS, KINDS, enqueue_reports
from tests.conftest import settings_of
from tests.evaluated import register_run
from tests.queue import Queue
from tests.study import Study, build_study

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Written:
    study: Study
    run: TrainingRun

    @property
    def records(self) -> Records:
        return records_of(self.run, sheets=frozenset(KINDS))

    def client(self, role: str) -> Client:
        client = Client()
        client.force_login(self.study.people[role])
        return client


@dataclass(frozen=True)
class Rows:
    """Two studies with a run each, committed; `alone` has one centre, and its run stored no findings."""

    evaluated: Written
    alone: Written
    folder: Path


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    folder = tmp_path_factory.mktemp("reports")
    with (
        pytest.MonkeyPatch.context() as patch,
        override_settings(**settings_of(folder)),
        django_db_blocker.unblock(),
        Queue.instead_of_broker(patch),
    ):
        study, alone = build_study(), build_study("alone")
        evaluated = Written(study, register_run(study))
        both = Rows(evaluated, Written(alone, register_run(alone, external=False, findings=False)), folder)
    yield both
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def data_folder(rows: Rows, settings: Any) -> Path:
    """The folder in which the files of both studies lie."""
    for name, value in settings_of(rows.folder).items():
        setattr(settings, name, value)
    return rows.folder


@pytest.fixture
def evaluated(rows: Rows) -> Written:
    return rows.evaluated


@pytest.fixture
def one_centre(rows: Rows) -> Written:
    return rows.alone


def item(document: Document, number: str) -> Item:
    return next(one for one in document.items if one.number == number)


# Every claim has its row.


def cited(source: str, cohort: Cohort) -> Model | None:
    """Find the row that a source names; the search is by the words of the source alone."""
    part = re.split(r" \(|, (?=findings|recipe|versions)", source)[0]
    words = part.split()
    runs = TrainingRun.objects.filter(cohort=cohort)
    if match := re.fullmatch(r"(\w+) rows of TrainingRun (\d+)", part):
        kinds = {"Evaluation": Evaluation.objects.filter(model_version__run__number=match[2])}
        kinds |= {"Report": Report.objects.filter(run__number=match[2])}
        return kinds[match[1]].first()
    if match := re.fullmatch(r"(\w+) rows of TableSnapshot (\d+)", part):
        modelled = TableSnapshot.objects.get(pk=match[2]).outcomes.values("patient")
        kinds = {
            "Patient": Patient.objects.filter(pk__in=modelled),
            "PathologyOutcome": PathologyOutcome.objects.all(),
        }
        kinds |= {"Segmentation": Segmentation.objects.all(), "ImageSeries": ImageSeries.objects.all()}
        return kinds[match[1]].first()
    if match := re.fullmatch(r"Evaluation: (\w+) (\d+), (\w+), (?:centre (\w+)|all centres)", part):
        found = Evaluation.objects.filter(model_version__name=match[1], model_version__version=match[2])
        return found.filter(split=match[3], centre=match[4] or "", model_version__cohort=cohort).first()
    if match := re.fullmatch(r"TestOpening: centre (\w+), opening (\d+)", part):
        return TestOpening.objects.filter(cohort=cohort, centre=match[1], number=match[2]).first()
    if words[0] == "ModelVersion":
        return ModelVersion.objects.filter(cohort=cohort, name=words[1], version=words[2]).first()
    simple: dict[str, Any] = {
        "TrainingRun": lambda: runs.filter(number=words[1]).first(),
        "TableSnapshot": lambda: TableSnapshot.objects.filter(pk=words[1]).first(),
        "ExtractionProtocol": lambda: ExtractionProtocol.objects.filter(name=words[1]).first(),
        "HabitatModel": lambda: HabitatModel.objects.filter(cohort=cohort, version=words[1]).first(),
        "Promotion": lambda: Promotion.objects.filter(pk=words[1]).first(),
        "Cohort": lambda: Cohort.objects.filter(code=words[1]).first(),
    }
    return simple[words[0]]()


def sources(document: Document) -> list[str]:
    blocks = [block for section in document.sections for block in section.blocks]
    named = [block.source for block in blocks if isinstance(block, DataTable | Figure | Paragraph) and block.source]
    named += [one.source for one in document.items if one.source]
    return sorted({part for source in named for part in source.split("; ")})


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_that_a_document_names_is_a_row_that_exists(evaluated: Written, kind: str) -> None:
    for sheet in ("clear", "tripod"):
        Report.objects.create(cohort=evaluated.study.cohort, run=evaluated.run, kind=sheet)
    found = sources(BUILDERS[kind](records_of(evaluated.run)))
    assert len(found) >= 4
    assert [source for source in found if cited(source, evaluated.study.cohort) is None] == []


def test_the_search_for_rows_finds_no_row_that_is_not_there(evaluated: Written) -> None:
    cohort = evaluated.study.cohort
    for source in ("TrainingRun 9, findings", "Evaluation: integrated 1, external, centre Z", "ModelVersion other 1"):
        assert cited(source, cohort) is None, source
    assert cited("Evaluation: integrated 1, external, centre B", cohort) is not None


def test_every_filled_item_has_an_answer_and_a_source_and_the_rest_is_marked(evaluated: Written) -> None:
    for build, least in ((clear, 30), (tripod, 22), (metrics, 15)):
        items = build(evaluated.records).items
        assert {one.status for one in items} <= {"filled", "author", "not applicable"}
        assert sum(one.status == "filled" for one in items) >= least
        assert all(one.source for one in items if one.answer)


def test_every_table_and_figure_of_a_study_report_names_its_source(evaluated: Written) -> None:
    blocks = [block for section in study(evaluated.records).sections for block in section.blocks]
    silent = [
        b for b in blocks if isinstance(b, DataTable | Figure) and not b.source and b.columns[-1:] != ("Source",)
    ]
    assert silent == []


def test_a_number_of_the_report_is_the_number_of_the_row(evaluated: Written) -> None:
    row = Evaluation.objects.get(model_version__name="integrated", split="external", centre="B")
    table = next(
        block
        for section in study(evaluated.records).sections
        for block in section.blocks
        if isinstance(block, DataTable) and "Discrimination by model" in block.caption
    )
    cells = [cells for cells in table.rows if cells[2] == "B"][-1]
    assert row.auc is not None
    assert f"{row.auc:.2f}" in cells[4]
    assert cells[3] == f"{row.n} ({row.events})"


def test_what_one_model_moves_beyond_another_comes_with_its_caution(evaluated: Written) -> None:
    section = next(s for s in study(evaluated.records).sections if s.title == "Comparisons of models")
    table = section.blocks[-1]
    assert isinstance(table, DataTable)
    assert table.rows[0][2:] == ("IDI", "0.11 (0.02 to 0.20)", "0.06 (0.00 to 0.12)", "0.05 (−0.01 to 0.11)")
    assert Note("Read it beside calibration.", "caution") in section.blocks


# Nothing but aggregates.


@pytest.mark.parametrize("kind", KINDS)
def test_no_document_names_a_patient(evaluated: Written, kind: str) -> None:
    words = json.dumps(BUILDERS[kind](evaluated.records).as_dict())
    assert re.findall(r"S-\d\d", words) == []


def test_a_synthetic_cohort_says_so_first_and_another_never(evaluated: Written) -> None:
    assert "SYNTHETIC" not in json.dumps([BUILDERS[kind](evaluated.records).as_dict() for kind in KINDS])
    Cohort.objects.filter(pk=evaluated.run.cohort_id).update(is_synthetic=True)
    for kind in KINDS:
        first = BUILDERS[kind](evaluated.records).sections[0].blocks[0]
        assert isinstance(first, Note)
        assert first.tone == "synthetic"
        assert first.text.startswith("SYNTHETIC DATA")


# What no row shows.


def test_without_another_centre_external_testing_is_answered_no_and_heterogeneity_is_left_to_the_author(
    one_centre: Written,
) -> None:
    sheet = metrics(one_centre.records)
    assert item(sheet, "27").answer.startswith("No. ")
    assert item(sheet, "4").answer.startswith("No. ")
    assert item(tripod(one_centre.records), "23b").status == "author"
    assert item(tripod(one_centre.records), "20c").status == "author"
    assert "External test: AUC" not in item(clear(one_centre.records), "47").answer


def test_with_other_centres_the_same_items_are_filled(evaluated: Written) -> None:
    sheet = metrics(evaluated.records)
    assert item(sheet, "27").answer.startswith("Yes. External test: AUC")
    assert item(sheet, "27").source == "Evaluation: integrated 1, external, all centres"
    assert item(sheet, "4").answer.startswith("Yes. 3 centres")
    assert item(tripod(evaluated.records), "23b").status == "filled"


def test_a_run_without_findings_leaves_their_items_to_the_author(one_centre: Written) -> None:
    sheet = clear(one_centre.records)
    assert [item(sheet, number).status for number in ("9", "36", "41")] == ["author"] * 3
    assert study(one_centre.records).sections


def test_scanners_that_nobody_entered_are_not_called_described(evaluated: Written) -> None:
    assert item(clear(evaluated.records), "16").status == "author"
    ImageSeries.objects.update(manufacturer="Maker", kernel="B30f", slice_thickness_mm=1.5)
    filled = item(clear(evaluated.records), "16")
    assert filled.status == "filled"
    assert "Maker (78)" in filled.answer


def test_models_without_an_icc_have_no_non_robust_features_removed(evaluated: Written) -> None:
    assert item(metrics(evaluated.records), "14").answer.startswith("Yes.")
    for version in evaluated.run.model_versions.all():
        ModelVersion.objects.filter(pk=version.pk).update(facts=version.facts | {"icc": {}})
    assert item(metrics(evaluated.records), "14").answer.startswith("No.")
    assert item(clear(evaluated.records), "31").status == "author"


# The checklists themselves.


def test_metrics_has_thirty_items_whose_weights_sum_to_one() -> None:
    assert [judged.number for judged in ITEMS] == list(range(1, 31))
    assert sum(judged.weight for judged in ITEMS) == pytest.approx(1.0, abs=5e-4)  # published with four decimals


def test_clear_has_58_items_and_tripod_27_with_sub_items(evaluated: Written) -> None:
    assert [one.number for one in clear(evaluated.records).items] == [str(n) for n in range(1, 59)]
    numbers = [one.number for one in tripod(evaluated.records).items]
    assert list(dict.fromkeys(int(re.sub(r"\D", "", number)) for number in numbers)) == list(range(1, 28))
    assert len(numbers) == len(set(numbers))


def test_an_item_of_the_author_is_never_counted_as_achieved() -> None:
    def one(verdict: Any, weight: float) -> tuple[Any, Item]:
        return verdict, Item("1", "x", "author", weight=weight)

    sums = score([one("yes", 0.3), one("no", 0.2), one("author", 0.4), one("not applicable", 0.1)])
    assert (sums.achieved, sums.answered, sums.applicable) == pytest.approx((0.3, 0.5, 0.9))


def test_the_score_of_a_run_adds_the_weights_of_its_yes(evaluated: Written) -> None:
    sheet = metrics(evaluated.records)
    achieved = sum(one.weight or 0 for one in sheet.items if one.answer.startswith("Yes."))
    waiting = sum(one.weight or 0 for one in sheet.items if one.status == "author")
    assert waiting > 0
    shown = next(b for b in sheet.sections[0].blocks if isinstance(b, DataTable)).rows[0][1]
    assert shown == f"{100 * achieved / 0.98:.1f} % ({achieved:.4f} of 0.9800)"  # item 17 does not apply


def test_what_a_person_must_judge_is_only_drafted() -> None:
    drafted = {judged.number for judged in metrics_score.ITEMS if judged.draft}
    assert {2, 3, 8, 19} <= drafted
    assert all(not judged.yes for judged in metrics_score.ITEMS if judged.draft)


# Limitations.


def test_limitations_follow_from_rows(evaluated: Written) -> None:
    said = " ".join(text for text, _ in limitations_of(evaluated.records))
    assert "fewer than 100" in said
    assert "one centre (A)" in said
    assert "who drew them" in said
    assert "tested 2 times" not in said
    assert "were not blind" not in said
    assert "The internal test separates the classes perfectly, so no interval of the AUC can be given." in said
    assert len(said.split("The smaller class has few")) == 2  # once, whoever warns of it


def test_an_interval_with_one_half_a_second_opening_and_an_unblinded_reading_are_limitations(
    evaluated: Written,
) -> None:
    Evaluation.objects.filter(model_version__name="integrated", split="external", centre="").update(auc_low=0.48)
    PathologyOutcome.objects.filter(patient__code="S-01").update(blinded=False)
    second = register_run(evaluated.study, number=2)
    Evaluation.objects.filter(model_version__run=second, split="external", centre="").update(auc_low=0.48)
    found = dict(limitations_of(records_of(second)))
    said = " ".join(found)
    assert "includes 0.5" in said
    assert "The outcomes of centre B were tested 2 times" in said
    assert "1 of 39 readings were not blind" in said
    assert all(cited(part, evaluated.study.cohort) for source in found.values() for part in source.split("; "))


# What a reading does not say.


def test_what_no_reading_states_is_said_to_be_not_stated_and_left_to_the_author(evaluated: Written) -> None:
    PathologyOutcome.objects.update(blinded=None, sampling="", tnm_edition=None)
    records = evaluated.records
    n = len(records.readings)
    for document, number in ((clear(records), "18"), (tripod(records), "8a"), (metrics(records), "3")):
        answer = item(document, number).answer
        assert f"sampling of the tumour bed: not stated {n};" in answer
        assert f"TNM edition: not stated {n};" in answer
    blinding = item(tripod(records), "8c")
    assert (blinding.status, f"not stated {n}" in blinding.answer) == ("author", True)
    assert f"Blind to model output, of {n} readings: not stated {n}." in item(metrics(records), "3").answer
    said = " ".join(words for words, _source in limitations_of(records))
    assert f"Whether the reader was blind to model output is not stated of {n} of {n} readings." in said
    assert f"How the tumour bed was sampled is not stated of {n} of {n} patients." in said
    assert "were not blind" not in said
    assert "not sampled completely" not in said


def test_readings_are_counted_by_what_each_of_them_states(evaluated: Written) -> None:
    first, second, third = PathologyOutcome.objects.filter(
        patient__code__in=["S-00", "S-01", "S-02"], patient__cohort=evaluated.study.cohort, is_current=True
    )
    PathologyOutcome.objects.filter(pk=first.pk).update(sampling="as_iaslc", blinded=False)
    PathologyOutcome.objects.filter(pk=second.pk).update(sampling="incomplete", tnm_edition=8)
    PathologyOutcome.objects.filter(pk=third.pk).update(sampling="", blinded=None, tnm_edition=None)
    records = evaluated.records
    n = len(records.readings)
    answer = item(tripod(records), "8a").answer
    assert f"complete {n - 3}, as IASLC asks above 3 cm 1, incomplete 1, not stated 1;" in answer
    assert f"TNM edition: 9th {n - 2}, 8th 1, not stated 1;" in answer
    blinding = item(tripod(records), "8c")
    assert (blinding.status, blinding.answer) == (
        "filled",
        f"Blind to model output, of {n} readings: yes {n - 2}, no 1, not stated 1.",
    )


def test_the_characteristics_say_by_which_edition_patients_were_staged(evaluated: Written) -> None:
    Patient.objects.filter(cohort=evaluated.study.cohort, code="S-00").update(clinical_tnm_edition=8)
    rows = {row.label: row.cells for row in characteristics(evaluated.records)}
    at = next(i for i, label in enumerate(rows) if label == "TNM edition of the clinical stage")
    labels = list(rows)[at + 1 : at + 3]
    assert [label.strip() for label in labels] == ["8th", "Not stated"]
    assert [cell for cell in rows[labels[0]] if cell != "–"] == ["1 (100 %)"]


def test_what_a_run_of_an_older_version_recorded_is_read(evaluated: Written) -> None:
    stored = json.loads(json.dumps(evaluated.records.recorded.as_dict()))
    for row in stored["patients"]:
        del row["stage_edition"]
    for row in stored["readings"]:
        del row["tnm_edition"]
        row["sampling_complete"] = row.pop("sampling") == "complete"
    stored["readings"][0] |= {"sampling_complete": False, "blinded": False}
    read = Recorded.from_dict(stored)
    assert [row.sampling for row in read.readings[:2]] == ["incomplete", "complete"]
    assert {row.tnm_edition for row in read.readings} == {None}
    assert {row.stage_edition for row in read.patients} == {None}
    assert Recorded.from_dict(json.loads(json.dumps(read.as_dict()))) == read


# As files and pages.


def work(queue: Queue) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        pass
    queue.messages = [(name, arguments) for name, arguments in queue.messages if name.endswith("write_report")]
    if not queue.messages:
        job = Job.objects.filter(kind=Job.Kind.REPORT, state=Job.State.QUEUED).latest("pk")
        queue.messages.append(("modeling.tasks.write_report", (job.pk,)))
    queue.work()


def test_one_click_writes_every_report_once_and_equal_rows_give_equal_files(evaluated: Written, queue: Queue) -> None:
    client = evaluated.client("researcher")
    address = reverse("modeling:report-write", args=[evaluated.study.cohort.code, evaluated.run.number])
    files = []
    for _ in range(2):
        assert client.post(address).status_code == 302
        work(queue)
        rows = Report.objects.filter(job=Job.objects.latest("pk")).order_by("pk")
        assert [row.kind for row in rows] == list(KINDS)
        files.append([(row.html_sha256, row.pdf_sha256) for row in rows])
    assert files[0] == files[1]
    assert AuditEntry.objects.filter(object_type="report", verb="wrote").count() == 2 * len(KINDS)
    page = client.get(reverse("modeling:run", args=[evaluated.study.cohort.code, evaluated.run.number]))
    assert page.content.decode().count("Study report") >= 2


def test_reports_of_a_run_are_not_written_twice_at_a_time(evaluated: Written) -> None:
    enqueue_reports(evaluated.run, user=None)
    with pytest.raises(ServiceError, match="not over yet"):
        enqueue_reports(evaluated.run, user=None)


def test_a_run_without_models_has_nothing_to_report(evaluated: Written) -> None:
    evaluated.run.model_versions.all().delete()
    with pytest.raises(ServiceError, match="no model"):
        enqueue_reports(evaluated.run, user=None)


def stored(evaluated: Written, queue: Queue) -> Report:
    enqueue_reports(evaluated.run, user=None, kinds=("study",))
    work(queue)
    return Report.objects.get()


def test_a_report_is_a_page_of_the_site_that_the_policy_lets_through(evaluated: Written, queue: Queue) -> None:
    report = stored(evaluated, queue)
    page = evaluated.client("researcher").get(report.get_absolute_url())
    assert page.status_code == 200
    body = body_of(storage.get(report.html_sha256).decode())
    assert body in page.content.decode()
    assert "<svg" in body
    assert re.findall(r"\sstyle=|<script|<style|\son\w+=", body) == []


def test_a_file_needs_nothing_from_elsewhere(evaluated: Written, queue: Queue) -> None:
    content = storage.get(stored(evaluated, queue).html_sha256).decode()
    assert re.findall(r"""(?:src|href)=["'](?!#)[^"']*""", content) == []
    assert "@import" not in content
    assert "--ec-brand" in content
    assert content.count("Research use only") >= 2


@pytest.mark.parametrize(
    ("form", "kind", "start"), [("pdf", "application/pdf", b"%PDF-"), ("html", "text/html", b"<!doc")]
)
def test_a_report_is_downloaded_as_a_file(
    evaluated: Written, queue: Queue, form: str, kind: str, start: bytes
) -> None:
    report = stored(evaluated, queue)
    address = reverse("modeling:report-download", args=[evaluated.study.cohort.code, report.pk])
    answer = evaluated.client("researcher").get(address, {"format": form})
    assert answer["Content-Type"].startswith(kind)
    assert answer["Content-Disposition"] == f'attachment; filename="study-run-1-study.{form}"'
    assert answer.content.startswith(start)
    assert evaluated.client("researcher").get(address, {"format": "exe"}).status_code == 404


def test_who_enters_pathology_reads_no_report_and_who_may_not_export_writes_none(
    evaluated: Written, queue: Queue
) -> None:
    report = stored(evaluated, queue)
    arguments = [evaluated.study.cohort.code, evaluated.run.number]
    for role in ("coordinator", "reader", "data_manager"):
        assert evaluated.client(role).get(report.get_absolute_url()).status_code == 403, role
    for role in ("coordinator", "reader"):
        assert evaluated.client(role).post(reverse("modeling:report-write", args=arguments)).status_code == 403, role
    assert Job.objects.filter(kind=Job.Kind.REPORT).count() == 1


def test_hostile_names_are_words_on_every_page(evaluated: Written) -> None:
    Cohort.objects.filter(pk=evaluated.run.cohort_id).update(name='<script>x</script><!--/report-->#eval("1")')
    document = study(evaluated.records)
    content = html(document)
    assert "<script" not in content
    assert content.count("<!--/report-->") == 1
    assert "&lt;script&gt;" in body_of(content)


def test_the_command_writes_files_and_says_which(evaluated: Written, tmp_path: Path, capsys: Any) -> None:
    call_command("report", cohort="study", kind="metrics", out=tmp_path / "new", as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["run"] == 1
    assert report["files"] == ["study-run-1-metrics.html", "study-run-1-metrics.pdf"]
    assert all((tmp_path / "new" / name).stat().st_size > 1000 for name in report["files"])
    assert Report.objects.get().kind == "metrics"
    with pytest.raises(CommandError, match=r"no such run\. There are: 1"):
        call_command("report", cohort="study", run=7, out=tmp_path)


def test_a_model_card_says_what_the_model_is_not_for(evaluated: Written) -> None:
    card = model_card(evaluated.records)
    said = " ".join(b.text for section in card.sections for b in section.blocks if isinstance(b, Note | Paragraph))
    assert "Not for the care of any patient" in said
    assert "Frozen thresholds: 0.460" in said
    assert dict(card.facts)["Model"] == "Integrated 1, champion"


def test_every_chart_of_a_page_offers_its_picture_and_its_numbers(evaluated: Written) -> None:
    page = evaluated.client("researcher").get(reverse("modeling:run", args=["study", 1])).content.decode()
    charts = page.count("data-chart=")
    assert charts >= 2
    for form in ("png", "svg", "csv"):
        assert page.count(f'data-download="{form}"') == charts
    assert 'data-column="auc"' in page


# A report quotes what the run used.


def test_a_report_is_the_same_after_every_row_that_it_describes_was_changed(evaluated: Written) -> None:
    before_the_run_was_recorded = evaluated.records.recorded
    run = evaluated.run
    run.findings = run.findings | {"recorded": json.loads(json.dumps(before_the_run_was_recorded.as_dict()))}
    run.save(update_fields=["findings"])
    assert evaluated.records.recorded == before_the_run_was_recorded
    before = {kind: html(BUILDERS[kind](evaluated.records)) for kind in KINDS}
    cohort = evaluated.study.cohort
    modelled = Patient.objects.filter(cohort=cohort)
    modelled.update(
        age_years=33, sex="", smoking="", histology="other", clinical_stage="IV", pdl1_percent=7, cycles=9
    )
    modelled.update(regimen="Another", location="central", first_dose_on="2001-01-01", last_dose_on="2001-02-01")
    PathologyOutcome.objects.filter(patient__cohort=cohort).update(
        reader="Another", blinded=False, sampling="incomplete", surgery_on="2030-01-01"
    )
    Segmentation.objects.filter(timepoint__patient__cohort=cohort).update(author="Another", tool="Another", kind="ai")
    ImageSeries.objects.filter(timepoint__patient__cohort=cohort).update(
        manufacturer="Another", kernel="Another", kvp=80, slice_thickness_mm=9, contrast=None
    )
    Cohort.objects.filter(pk=cohort.pk).update(name="Another", training_centre=None, is_synthetic=False)
    assert {kind: html(BUILDERS[kind](evaluated.records)) for kind in KINDS} == before


def test_a_report_of_a_run_that_recorded_nothing_says_whose_day_its_characteristics_are_of(
    evaluated: Written,
) -> None:
    assert "on the day of the report" in html(study(evaluated.records))


# Nothing is answered by the software's own existence.


def test_adherence_to_a_checklist_is_the_authors_to_say(evaluated: Written) -> None:
    for one in (item(metrics(evaluated.records), "1"), item(clear(evaluated.records), "7")):
        assert one.status == "author"
        assert one.answer.startswith("To confirm")


def test_one_timepoint_counts_as_inferior_only_where_a_test_says_so(evaluated: Written) -> None:
    ModelVersion.objects.filter(run=evaluated.run, name="clinical").update(name="whole_tumour_pre")
    assert "no test compares" in item(metrics(evaluated.records), "23").answer
    run = evaluated.run
    tested = {"split": "internal_test", "model": "integrated", "reference": "whole_tumour_pre", "n": 8, "reason": ""}
    for difference, p, verdict in ((0.14, 0.04, "Yes."), (0.14, 0.2, "No."), (-0.14, 0.04, "No.")):
        row = tested | {
            "difference": difference,
            "low": difference - 0.1,
            "high": difference + 0.1,
            "p": p,
            "p_holm": p,
        }
        TrainingRun.objects.filter(pk=run.pk).update(findings=run.findings | {"comparisons": [row]})
        answer = item(metrics(evaluated.records), "23").answer
        assert answer.startswith(verdict)
        assert "whole tumour pre (internal test)" in answer


def test_a_classical_model_alone_is_no_comparison_with_one(evaluated: Written) -> None:
    assert item(metrics(evaluated.records), "25").answer.startswith(
        "Yes. Integrated 1: logistic regression was compared"
    )
    for version in evaluated.run.model_versions.all():
        alone = {"logistic": version.facts["comparison"]["logistic"]}
        ModelVersion.objects.filter(pk=version.pk).update(facts=version.facts | {"comparison": alone})
    assert item(metrics(evaluated.records), "25").status == "author"


def test_clinical_data_are_called_entered_before_surgery_only_where_they_were(evaluated: Written) -> None:
    def said() -> str:
        return item(clear(evaluated.records), "17").answer

    assert "before the day of surgery: 0 of 39 patients; on it or later: 0; not known: 39." in said()
    readings = PathologyOutcome.objects.filter(patient__cohort=evaluated.study.cohort).order_by("patient__code")
    tomorrow = timezone.localdate() + timedelta(days=1)
    for reading, day in zip(readings, (tomorrow, tomorrow, timezone.localdate(), date(2020, 1, 1)), strict=False):
        PathologyOutcome.objects.filter(pk=reading.pk).update(surgery_on=day)
    assert "before the day of surgery: 2 of 39 patients; on it or later: 2; not known: 35." in said()


def test_an_interval_below_one_half_says_that_the_model_ranks_the_wrong_way_round(evaluated: Written) -> None:
    rows = Evaluation.objects.filter(model_version__name="integrated", split="external", centre="")
    for low, high, words in (
        (0.0, 0.19, "The interval of the external test lies below 0.5: the model ranks the wrong way round"),
        (0.3, 0.4999, "(AUC 0.4000 (0.3000 to 0.4999))"),
        (0.3, 0.5, "The interval of the external test includes 0.5"),
    ):
        rows.update(auc=0.4 if high > 0.2 else 0.1, auc_low=low, auc_high=high)
        said = [text for text, _ in limitations_of(evaluated.records) if words in text]
        assert len(said) == 1
        assert ("includes 0.5" in said[0]) == (high >= 0.5)
    rows.update(auc_low=0.51, auc_high=0.9)
    assert not [text for text, _ in limitations_of(evaluated.records) if "interval of the external test" in text]

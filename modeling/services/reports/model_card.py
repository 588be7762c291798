"""The card of one model: what it is for, what it learned from, how it did, and what stands against it."""

from __future__ import annotations

from modeling.core.reporting.documents import Block, DataTable, Document, Note, Paragraph, Section
from modeling.models import ModelVersion
from modeling.services.reports import (
    equations,
    figures,
    performance,
    provenance,
    selection,
    spectrum,
    without_model,
)
from modeling.services.reports.evidence import Topic, gathered, images, models, patients, results
from modeling.services.reports.limitations import limitations
from modeling.services.reports.numbers import decimal, interval, percent
from modeling.services.reports.records import Records, cite_version
from modeling.services.reports.study import facts, notices
from modeling.wording import classifier_in_words, view_in_words

_PURPOSE = (
    "An estimate, before surgery, of whether a resectable lung tumour shows a major pathological response after "
    "neoadjuvant treatment, from CT before and after. For research on groups of patients under an approved protocol."
)
_OUT_OF_SCOPE = (
    "Not for the care of any patient; not for choosing, omitting or timing surgery or treatment; not for tumours, scans or "
    "treatments unlike those it learned from; not for patients without both scans; not instead of pathology."
)


def model_card(records: Records) -> Document:
    """Build the card of the run's first model."""
    version = records.primary
    assert version is not None  # noqa: S101 - a run without a model is refused before
    sections = [
        Section(
            "Use",
            (*notices(records), Note(f"Meant for: {_PURPOSE}"), Note(f"Out of scope: {_OUT_OF_SCOPE}", "caution")),
        ),
        _model(records, version),
        equations.of_version(records, version),
        _training(records),
        spectrum.section(records),
        _performance(records, version),
        without_model.comparators(records),
        performance.subgroups(records),
        without_model.sensitivity(records),
        limitations(records),
        Section("How to repeat it", (*_said(records, models.reproduction), *_command(records))),
    ]
    identity = (("Model", f"{version}, {version.get_state_display().lower()}"), ("sha256", version.sha256))
    title = f"Model card: {version}"
    return Document(
        title, f"{view_in_words(version.name)}", tuple(s for s in sections if s), identity + facts(records)
    )


def _model(records: Records, version: ModelVersion) -> Section:
    floor = percent(records.recipe.get("sensitivity_floor"))
    rows = (
        ("Looks at", view_in_words(version.name)),
        ("Classifier", classifier_in_words(version.classifier)),
        ("Features", str(len(version.selected))),
        ("Threshold", decimal(version.threshold, 3)),
        (f"Threshold for {floor} sensitivity", decimal(version.threshold_sensitive, 3)),
    )
    table = DataTable(("What", "Value"), rows, "", cite_version(version))
    chosen = selection.selected(version)
    said = _said(records, models.thresholds, images.habitats)
    return Section("The model", tuple(b for b in (table, *said, chosen) if b))


def _training(records: Records) -> Section:
    topics = (
        patients.synthetic,
        patients.centres,
        patients.events,
        patients.outcome,
        images.acquisition,
        patients.treatment,
    )
    return Section("What it learned from", tuple(_said(records, *topics)))


def _performance(records: Records, version: ModelVersion) -> Section:
    rows = tuple(
        (
            figures.split_name(e),
            e.centre or "all",
            f"{e.n} ({e.events})",
            interval(e.auc, e.auc_low, e.auc_high),
            percent(e.metrics.get("sensitivity")),
            percent(e.metrics.get("specificity")),
            decimal(e.metrics.get("brier"), 3),
            decimal(e.metrics.get("calibration_slope")),
        )
        for e in version.evaluations.all()
    )
    columns = (
        "Split",
        "Centre",
        "Patients (MPR)",
        "AUC (95 % interval)",
        "Sensitivity",
        "Specificity",
        "Brier",
        "Slope",
    )
    source = f"Evaluation rows of TrainingRun {records.run.number}; {cite_version(version)}"
    table = DataTable(columns, rows, "At the frozen threshold", source, (2, 3, 4, 5, 6, 7))
    drawn = performance.drawn_of(records, version)
    plot = figures.calibration(drawn, source=performance.cite_drawn(records, version))
    said = _said(records, results.heterogeneity, results.calibrated, results.openings)
    return Section("How it did", tuple(b for b in (table, *said, plot) if b))


def _said(records: Records, *topics: Topic) -> list[Block]:
    found = [gathered(records, (topic,)) for topic in topics]
    return [Paragraph(one.statement, one.source) for one in found if one]


def _command(records: Records) -> list[Block]:
    return [Note(provenance.command(records))]

"""Every sentence of every document is true of its run, whatever the run; and a reader can compute a probability from the text."""

from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from cohorts.models import Cohort, User
from cohorts.services.cohorts import create_cohort
from modeling.core.reporting.documents import Document, Note, Section
from modeling.models import Evaluation
from modeling.services.reports.model_card import model_card
from modeling.services.reports.page import html
from modeling.services.reports.records import records_of
from modeling.services.reports.study import study
from modeling.services.reports.tripod import tripod
from modeling.services.reports.writing import BUILDERS, KINDS
from tests.random_runs import Kind, RandomRun, drawn_run, fitted_run
from tests.sentences import SENTENCES, Facts, area_of, never_judged, sentences_of, texts_of, untrue, untrue_rows

pytestmark = pytest.mark.django_db

_FITTED = {
    "null, one centre, nobody held out": Kind(60, signal=0, centres=1, held_out="none", gaps=0.1),
    "perfect, with three patients elsewhere": Kind(30, signal=30, external="tiny"),
    "inverted elsewhere": Kind(90, signal=2, abroad=-2.5, gaps=0.05, changes={"calibration": "none"}),
    "four hundred in three centres": Kind(400, gaps=0.08),
    "one class in both tests": Kind(26, held_out="one class", external="one class"),
    "the change of volume alone": Kind(60, gaps=0.1, changes={"views": ("volume_change",)}),
    "clinical data and change of volume, one centre": Kind(
        60, centres=1, changes={"views": ("clinical", "volume_change")}
    ),
    "one timepoint beside both, no weighted sum": Kind(
        70, changes={"classifiers": ("knn",), "views": ("whole_tumour_pre", "whole_tumour_post", "whole_tumour")}
    ),
    "harmonised, two centres train": Kind(
        140,
        trained=2,
        changes={"harmonise": "combat", "views": ("clinical", "habitat", "volume_change", "whole_tumour")},
    ),
    "one timepoint first, two classifiers": Kind(
        60, changes={"classifiers": ("logistic", "elastic_net"), "views": ("clinical", "whole_tumour_post")}
    ),
}
_DRAWN = 34


def cohort_named(code: str, *, synthetic: bool = False) -> tuple[Cohort, User]:
    cohort = create_cohort(code, name="Study", centres={c: f"Centre {c}" for c in "ABC"}, actor=None)
    Cohort.objects.filter(pk=cohort.pk).update(is_synthetic=synthetic)
    cohort.refresh_from_db()
    user, _ = User.objects.get_or_create(username="researcher")
    return cohort, user


def documents_of(made: RandomRun) -> tuple[Facts, dict[str, Document]]:
    records = records_of(made.run, sheets=frozenset(KINDS))
    return Facts(made, records), {kind: BUILDERS[kind](records) for kind in KINDS}


def told_wrong(made: RandomRun) -> list[str]:
    facts, documents = documents_of(made)
    wrong = [f"{kind}: {one}" for kind, document in documents.items() for one in untrue(document, facts)]
    wrong += untrue_rows(facts)
    for row in Evaluation.objects.filter(
        model_version__run=made.run, split__in=("nested_cv", "internal_test", "external")
    ):
        area = area_of(made, row.model_version.name, row.split, row.centre)
        if (area is None) != (row.auc is None) or (area is not None and abs(area - row.auc) > 1e-9):
            wrong.append(f"{row}: area {row.auc}, computed {area}")
    return wrong


@pytest.mark.parametrize("name", _FITTED)
def test_every_sentence_about_a_fitted_run_is_true(name: str) -> None:
    place = list(_FITTED).index(name)
    cohort, user = cohort_named("fitted", synthetic=place == 0)
    assert told_wrong(fitted_run(_FITTED[name], seed=place, cohort=cohort, user=user)) == []


def drawn_kind(seed: int) -> Kind:
    random = np.random.default_rng([seed, 9])
    views = (
        ("volume_change", "clinical", "whole_tumour", "habitat", "integrated"),
        ("clinical", "whole_tumour"),
        ("whole_tumour_pre", "whole_tumour_post", "whole_tumour"),
        ("volume_change",),
        ("habitat_post", "habitat"),
    )[seed % 5]
    return Kind(
        int(random.integers(8, 90)) * (4 if seed % 6 == 5 else 1),  # some with enough in a test to adjust for days
        centres=int(random.integers(1, 4)),
        held_out=str(random.choice(["some", "none", "one class"])),
        external=str(random.choice(["all", "one class", "tiny"])),
        gaps=float(random.choice([0.0, 0.1])),
        changes={
            "views": views,
            "icc_minimum": None if seed % 7 == 0 else 0.75,
            "class_weight": None if seed % 6 == 0 else "balanced",
            "calibration": "none" if seed % 4 == 0 else "sigmoid",
        },
    )


#: Sentences that the drawn runs must bring forth, or else nothing was checked of them.
_EXPECTED = (
    "includes 0.5, so chance is not ruled out",
    "lies below 0.5: the model ranks the wrong way round",
    "perfectly, so no interval of the AUC can be given",
    "perfectly, but the wrong way round, so no interval",
    "gives no AUC. All",
    "gives no interval of the AUC. The classes",
    "no sign that any model does better than chance",
    "separates the classes perfectly in nested cross-validation",
    "cannot be told: in nested cross-validation",
    "its stored file cannot be read here",
    "masks name one reader, the others none",
    "Known of no modelled patient",
    "By the outlines nobody can have a complete response",
    "remains beside the days from dose to CT",
    "is not shown to remain beside the days from dose to CT",
    "Areas where both scans of a patient were made alike",
    "The model was trained on the cohort's own cut",
    "This run did not record the viable percentage",
    "give every interval its target width",
    "no tumour to outline on the CT after treatment",
    "not operated (no surgery",
    "have no pathology entered",
    "is not stated of",
    "No method against class imbalance was used",
    "Probabilities are not recalibrated",
)


def test_every_sentence_about_runs_with_any_predictions_is_true() -> None:
    cohort, user = cohort_named("drawn")
    wrong, said = [], ""
    for seed in range(_DRAWN):
        made = drawn_run(drawn_kind(seed), seed=seed, cohort=cohort, user=user)
        wrong += [f"seed {seed}: {one}" for one in told_wrong(made)]
        said += " ".join(
            text for kind in ("study", "tripod", "probast") for text in texts_of(documents_of(made)[1][kind])
        )
    assert wrong == []
    assert [words for words in _EXPECTED if words not in said] == []


# A check that cannot fail is none.


def test_a_sentence_that_is_not_so_is_found_and_so_is_one_without_a_check() -> None:
    cohort, user = cohort_named("drawn")
    made = drawn_run(Kind(60), seed=3, cohort=cohort, user=user)
    facts, documents = documents_of(made)
    n = len(made.table.X)
    lies = (
        f"{n + 1} enrolled, 0 left out; {n + 1} modelled: training 31, internal test 10, external test 20.",
        "Run 1 has no external test.",
        "No external test was made.",
        "The interval of the external test lies below 0.5: the model ranks the wrong way round there (AUC 0.10 (0.02 "
        "to 0.18)).",
        "The model habitat separates the classes perfectly in nested cross-validation, so no interval of its area "
        "can be given. "
        "A column that tells the outcome does that, and so does chance among few patients.",
        "2 centres: A (30 patients) and B (30 patients).",
        "External test: AUC 0.99 (0.98 to 1.00) in 20 patients with 9 MPR.",
        "Clinical predictors, entered before surgery: age years, male.",
        "This model is excellent.",
    )
    for lie in lies:
        document = Document("Study report", "", (Section("One", (Note(lie),)),))
        assert untrue(document, facts), lie
    assert untrue(documents["study"], facts) == []


def test_a_verdict_that_is_not_so_is_found() -> None:
    cohort, user = cohort_named("drawn")
    facts, documents = documents_of(drawn_run(Kind(60), seed=3, cohort=cohort, user=user))
    sheet = documents["metrics"]
    block = sheet.sections[1].blocks[0]
    turned = tuple(
        replace(item, answer=item.answer.replace("Yes. ", "No. ", 1)) if item.number == "4" else item
        for item in block.items
    )
    wrong = replace(
        sheet, sections=(sheet.sections[0], replace(sheet.sections[1], blocks=(replace(block, items=turned),)))
    )
    assert untrue(sheet, facts) == []
    assert [one for one in untrue(wrong, facts) if "item 4" in one]


def test_every_item_of_metrics_that_rows_may_answer_has_a_judge() -> None:
    assert never_judged() == set()


def test_a_text_is_read_to_its_end_or_refused() -> None:
    read = [match[0] for _, match in sentences_of("No. Run 3 has no external test. Yes.")]
    assert read == ["No.", "Run 3 has no external test.", "Yes."]
    with pytest.raises(LookupError, match="Nobody knows"):
        list(sentences_of("No. Nobody knows this sentence."))
    assert len({sentence.pattern.pattern for sentence in SENTENCES}) == len(SENTENCES)


# One patient's probability, from the text of a report alone.


class _Tables(HTMLParser):
    """The tables of a page, by caption within their section."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, list[list[str]]]] = {}
        self.section = self.caption = ""
        self.at: str | None = None
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.rows, self.caption = [], ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "span" and self.at == "caption":
            tag = "source"
        elif tag == "h2":
            self.section = ""
        self.at = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.found.setdefault(self.section.strip(), {})[self.caption.strip()] = self.rows
        self.at = None

    def handle_data(self, data: str) -> None:
        if self.at == "h2":
            self.section += data
        elif self.at == "caption":
            self.caption += data
        elif self.at in ("td", "th"):
            self.rows[-1][-1] += data.strip()


def computed(tables: dict[str, list[list[str]]], patient: dict[str, float]) -> float:
    """Compute a probability as the report says it is done."""
    *parts, last = tables["Parts"][1:]
    log_odds = float(last[2])
    for number, _, intercept, slope, shift, weight in parts:
        what, limits, weights = (tables[f"{name} of part {number}"][1:] for name in ("Terms", "Limits", "Weights"))
        total = float(intercept)
        for (_, kind, one, two, offset), (_, median, low, high), (_, mean, sd, w) in zip(
            what, limits, weights, strict=True
        ):
            value = patient[one]
            if kind == "missing":
                value = 1.0 if math.isnan(value) else 0.0
            elif kind == "log ratio":
                value = math.log((patient[two] + float(offset)) / (value + float(offset)))
            value = float(median) if math.isnan(value) else value
            total += float(w) * (min(max(value, float(low)), float(high)) - float(mean)) / float(sd)
        log_odds += float(weight) * (float(slope) * total + float(shift))
    return 1 / (1 + math.exp(-log_odds))


def test_a_reader_computes_what_the_model_says_of_each_patient_from_the_text_of_the_report() -> None:
    cohort, user = cohort_named("fitted")
    kind = Kind(90, signal=1, gaps=0.1, changes={"univariate_p": 0.6, "patients_per_feature": 4, "bootstraps": 0})
    made = fitted_run(kind, seed=5, cohort=cohort, user=user)
    X, records = made.table.X, records_of(made.run)
    assert X.isna().any(axis=1).mean() > 0.5
    kinds = set()
    for document, names in ((study(records), made.study.models), (model_card(records), ("integrated",))):
        sections = tuple(section for section in document.sections if section.title.startswith("Equation"))
        page = _Tables()
        page.feed(html(replace(document, sections=sections)))  # without the figures, which take their time to draw
        for name in names:
            tables = page.found[f"Equation of {name.replace('_', ' ').capitalize()} 1"]
            kinds |= {row[1] for caption, rows in tables.items() if caption.startswith("Terms") for row in rows[1:]}
            own = [computed(tables, dict(row)) for _, row in X.iterrows()]
            assert np.abs(np.array(own) - made.study.models[name].predict_proba(X)).max() < 1e-9, name
    assert kinds == {"value", "missing", "log ratio"}


def test_tripod_22_is_filled_by_the_equation_alone() -> None:
    cohort, user = cohort_named("fitted")
    small = {"bootstraps": 0, "views": ("habitat",)}
    found = {}
    for place, classifier in enumerate(("logistic", "knn")):
        kind = Kind(50, changes=small | {"classifiers": (classifier,)})
        made = fitted_run(kind, seed=place, cohort=cohort, user=user)
        document = tripod(records_of(made.run))
        found[classifier] = next(item for item in document.items if item.number == "22")
        assert found[classifier].answer.count(made.run.model_versions.get().sha256) == (classifier == "knn")
    assert found["logistic"].status == "filled"
    assert "section Equation of Habitat" in found["logistic"].answer
    assert found["knn"].status == "author"
    assert found["knn"].answer.startswith("Not reported here: Habitat")


def test_what_is_written_in_sentences_is_read_wherever_it_stands() -> None:
    cohort, user = cohort_named("drawn")
    _, documents = documents_of(drawn_run(Kind(40), seed=8, cohort=cohort, user=user))
    assert all(len(list(texts_of(document))) > 4 for document in documents.values())

"""The METRICS quality score of radiomics research, as far as rows answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modeling.core.reporting.documents import Checklist, DataTable, Document, Item, Note, Section
from modeling.services.reports.evidence import Topic, gathered, images, models, patients, results
from modeling.services.reports.numbers import decimal
from modeling.services.reports.records import Records, cite_run
from modeling.services.reports.study import facts, notices, subtitle

Verdict = Literal["yes", "no", "author", "not applicable"]


@dataclass(frozen=True)
class Judged:
    """One item: its weight, which rows show that it is achieved, and which that it is not.

    `draft` gives the author something to confirm; until then the item counts as not achieved.
    """

    number: int
    text: str
    weight: float
    yes: tuple[Topic, ...] = ()
    no: Topic | None = None
    draft: tuple[Topic, ...] = ()
    never: str = ""


ITEMS: tuple[Judged, ...] = (
    Judged(1, "Adherence to a checklist", 0.0368, draft=(models.sheets,)),
    Judged(
        2, "Eligibility criteria of a representative population", 0.0735, draft=(patients.eligibility, patients.flow)
    ),
    Judged(
        3,
        "Reference standard of high quality",
        0.0919,
        draft=(patients.outcome, patients.readings, patients.blinding),
    ),
    Judged(4, "Several centres", 0.0438, (patients.several_centres,), patients.one_centre),
    Judged(5, "Imaging that is available in clinical routine", 0.0292),
    Judged(6, "Imaging protocol with acquisition parameters", 0.0438, (images.acquisition,)),
    Judged(7, "Interval between imaging and reference standard", 0.0292, (patients.imaging_interval,)),
    Judged(8, "Segmentation described", 0.0337, draft=(images.segmentation,)),
    Judged(9, "Evaluation of automatic segmentation", 0.0225),
    Judged(10, "Test masks by a single reader or tool", 0.0112, (images.single_reader,)),
    Judged(11, "Preprocessing described", 0.0622, (images.preprocessing,)),
    Judged(12, "Standardised extraction software", 0.0311, (images.software,)),
    Judged(13, "Extraction parameters reported", 0.0415, (images.defaults,)),
    Judged(14, "Non-robust features removed", 0.0200, (images.stability,), images.no_stability),
    Judged(15, "Redundant features removed", 0.0200, (models.redundancy,)),
    Judged(16, "Dimension fits the number of patients", 0.0300, (models.dimension,), models.too_many_dimensions),
    Judged(
        17,
        "Robustness of end-to-end deep learning",
        0.0200,
        never="No model of the run is an end-to-end deep network.",
    ),
    Judged(18, "Proper partition of data", 0.0599, (models.partitioned,)),
    Judged(19, "Confounders handled", 0.0300, draft=(models.confounders,)),
    Judged(20, "Suitable performance measures", 0.0352, (results.metrics,)),
    Judged(21, "Uncertainty considered", 0.0234, (results.uncertainty,)),
    Judged(22, "Calibration assessed", 0.0176, (results.calibrated,), results.not_calibrated),
    Judged(
        23,
        "One image enough, or shown to be inferior",
        0.0117,
        (results.one_time_inferior,),
        results.one_time_not_inferior,
    ),
    Judged(24, "Comparison with a non-radiomic approach", 0.0293, (results.against_simple,), results.no_simple),
    Judged(25, "Comparison with a classical model", 0.0176, (models.classical,)),
    Judged(26, "Internal testing", 0.0375, (results.internal,), results.no_internal),
    Judged(27, "External testing", 0.0749, (results.external,), results.no_external),
    Judged(28, "Data available", 0.0075),
    Judged(29, "Code available", 0.0075, draft=(models.reproduction,)),
    Judged(30, "Model available", 0.0075, draft=(models.specification,)),
)


@dataclass(frozen=True)
class Score:
    """Sums of weights: achieved, answered by rows, and applicable."""

    achieved: float
    answered: float
    applicable: float


def judge(records: Records, judged: Judged) -> tuple[Verdict, Item]:
    """Judge one item by rows; without any, it is the author's."""
    number, text, weight = str(judged.number), judged.text, judged.weight
    if judged.never:
        return "not applicable", Item(number, text, "not applicable", judged.never, cite_run(records), weight)
    if judged.yes and (found := gathered(records, judged.yes)):
        return "yes", Item(number, text, "filled", f"Yes. {found.statement}", found.source, weight)
    if judged.no and (found := judged.no(records)):
        return "no", Item(number, text, "filled", f"No. {found.statement}", found.source, weight)
    if draft := gathered(records, judged.draft):
        return "author", Item(number, text, "author", f"To confirm: {draft.statement}", draft.source, weight)
    return "author", Item(number, text, "author", weight=weight)


def score(verdicts: Sequence[tuple[Verdict, Item]]) -> Score:
    """Add the weights; an item of the author is applicable and not achieved."""

    def total(*wanted: Verdict) -> float:
        return sum(item.weight or 0.0 for verdict, item in verdicts if verdict in wanted)

    return Score(total("yes"), total("yes", "no"), total("yes", "no", "author"))


def metrics(records: Records) -> Document:
    """Build the METRICS sheet of a run."""
    verdicts = [judge(records, judged) for judged in ITEMS]
    sums = score(verdicts)
    counts = [verdict for verdict, _ in verdicts]
    rows = (
        ("Achieved, of all applicable items", _ratio(sums.achieved, sums.applicable)),
        ("Achieved, of the items that rows answer", _ratio(sums.achieved, sums.answered)),
        ("Items: yes, no, author, not applicable", _counts(counts)),
    )
    words = (
        "Achieved weights over applicable weights. An item marked “author” is never counted as achieved, so the first line is "
        "a lower bound: the author's answers can only raise it. Items and weights: Kocak et al., Insights Imaging 2024;15:8; "
        "the wording is ours."
    )
    table = DataTable(("Score", "Percent"), rows, "", cite_run(records), (1,))
    sections = (
        Section("Score", (*notices(records), Note(words), table)),
        Section("Items", (Checklist(tuple(item for _, item in verdicts)),)),
    )
    return Document("METRICS score", subtitle(records), sections, facts(records))


def _ratio(part: float, whole: float) -> str:
    return f"{decimal(100 * part / whole, 1)} % ({decimal(part, 4)} of {decimal(whole, 4)})" if whole else "–"


def _counts(verdicts: Sequence[Verdict]) -> str:
    order: tuple[Verdict, ...] = ("yes", "no", "author", "not applicable")
    return ", ".join(str(verdicts.count(verdict)) for verdict in order)

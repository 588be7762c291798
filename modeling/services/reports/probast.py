"""The PROBAST+AI sheet: facts beside each signalling question, and every judgement left to a person."""

from __future__ import annotations

from modeling.core.reporting.documents import Checklist, Document, Item, Note, Section
from modeling.services.reports.checklist import Asked
from modeling.services.reports.evidence import Evidence, Topic, external, gathered, images, models, patients, results
from modeling.services.reports.numbers import listed
from modeling.services.reports.records import Records, cite_protocol, cite_recipe, cite_snapshot
from modeling.services.reports.study import facts, notices, subtitle

_ORIGIN = (
    "Domains and signalling questions: Moons et al., BMJ 2025;388:e082505 (16 questions on the quality of development, 18 on the "
    "risk of bias of evaluation); the wording is ours."
)
_PARTICIPANTS, _PREDICTORS, _OUTCOME, _ANALYSIS = (
    "Participants and data sources",
    "Predictors",
    "Outcome",
    "Analysis",
)
#: What of the setting has to fit the intended use; analysis has no such judgement.
_APPLICABLE = {
    _PARTICIPANTS: "the participants and the data",
    _PREDICTORS: "the predictors, their definition and their timing",
    _OUTCOME: "the outcome, its definition and its timing",
}


def one_protocol(records: Records) -> Evidence:
    """Write that all scans were treated alike."""
    words = f"All scans went through one protocol. {images.preprocessing(records).statement}"
    return Evidence(words, f"{cite_protocol(records)}; {cite_snapshot(records)}")


def recalibrated(records: Records) -> Evidence | None:
    """Return what brings probabilities back after classes were weighted while a classifier learned."""
    if not records.recipe.get("class_weight"):
        return None
    way = records.recipe.get("calibration") or "none"
    after = (
        "not recalibrated"
        if way == "none"
        else f"recalibrated ({way}) on out-of-fold predictions at the observed frequencies"
    )
    return Evidence(f"{patients.imbalance(records).statement} Probabilities are {after}.", cite_recipe(records))


def uncorrected(records: Records) -> Evidence | None:
    """Write that test patients are taken as they are, where classes were weighted in training."""
    if not records.recipe.get("class_weight"):
        return None
    words = (
        "Weights of the classes are used only while a classifier learns; patients who are tested are neither weighted nor "
        "resampled."
    )
    return Evidence(words, cite_recipe(records))


def learned_in_folds(records: Records) -> Evidence | None:
    """Return what is learned anew without the patients who are tested."""
    if not records.of_split("nested_cv"):
        return None
    words = (
        f"In nested cross-validation {listed(_learned(records))} are learned anew in each outer fold from its training "
        "patients; the fold's test patients are only predicted."
    )
    return Evidence(words, cite_recipe(records))


def _learned(records: Records) -> list[str]:
    """Return what the models of the run learn from patients, of which not every recipe has everything."""
    learned = {
        "habitats": models.on_habitats(records),
        "reproducibility": images.stability(records) is not None,
        "selection of features": models.selecting(records),
        "classifier": True,
        "calibration": (records.recipe.get("calibration") or "none") != "none",
        "threshold": True,
    }
    return [name for name, is_learned in learned.items() if is_learned]


#: The questions that both parts ask of their first three domains.
_SHARED: dict[str, tuple[str, ...]] = {
    _PARTICIPANTS: (
        "Suitable sources of data",
        "Suitable design of the study",
        "Inclusion and exclusion leave a representative set of patients",
    ),
    _PREDICTORS: (
        "Predictors defined and measured alike in all participants",
        "Preprocessing of predictors alike in all participants",
        "Predictors measured without knowledge of the outcome",
        "Predictors available when the model is meant to be used",
    ),
    _OUTCOME: (
        "Outcome defined and determined suitably",
        "Outcome defined and determined alike in all participants",
        "Outcome determined without knowledge of predictors",
        "Suitable time between predictors and outcome",
    ),
}
_FACTS: dict[str, tuple[tuple[Topic, ...], ...]] = {
    _PARTICIPANTS: (
        (patients.synthetic, patients.centres),
        (patients.accrual,),
        (patients.eligibility, patients.flow),
    ),
    _PREDICTORS: (
        (images.feature_number, images.acquisition),
        (one_protocol,),
        (images.segmentation,),
        (patients.clinical_predictors,),
    ),
    _OUTCOME: (
        (patients.outcome, patients.readings),
        (patients.readings,),
        (patients.blinding,),
        (patients.imaging_interval,),
    ),
}
#: Questions of fact, whose answer rows hold; all others ask for a judgement and get facts to judge by.
_OF_FACT = {"Preprocessing of predictors alike in all participants"}


def _shared(part: str, more: dict[str, tuple[Topic, ...]]) -> dict[str, tuple[Asked, ...]]:
    return {
        domain: tuple(
            Asked(f"{part}{d}.{q}", text, (*topics, *more.get(f"{d}.{q}", ())), draft=text not in _OF_FACT)
            for q, (text, topics) in enumerate(zip(questions, _FACTS[domain], strict=True), start=1)
        )
        for d, (domain, questions) in enumerate(_SHARED.items(), start=1)
    }


#: Development: four domains with 3, 4, 4 and 5 questions.
DEVELOPMENT: dict[str, tuple[Asked, ...]] = {
    **_shared("D", {}),
    _ANALYSIS: (
        Asked("D4.1", "Sample size reasonable", (results.sample_size,), draft=True),
        Asked("D4.2", "Continuous and categorical predictors handled suitably", (models.scaling,), draft=True),
        Asked("D4.3", "Missing or censored data handled suitably", (patients.missing, patients.flow), draft=True),
        Asked("D4.4", "Recalibrated, if class imbalance was addressed", (recalibrated,)),
        Asked("D4.5", "Overfitting addressed", (models.reduction, models.dimension, models.tuning)),
    ),
}
#: Evaluation: four domains with 3, 4, 4 and 7 questions.
EVALUATION: dict[str, tuple[Asked, ...]] = {
    **_shared("E", {"1.1": (models.partition,), "1.3": (patients.differences,)}),
    _ANALYSIS: (
        Asked("E4.1", "Evaluated on more than the data of development", (results.splits,)),
        Asked("E4.2", "Sample size reasonable", (patients.events, external.size), draft=True),
        Asked("E4.3", "Missing or censored data handled suitably", (patients.missing, patients.flow), draft=True),
        Asked("E4.4", "Tested without correction of class imbalance, if one was used", (uncorrected,)),
        Asked(
            "E4.5",
            "No leak between training and test data, if data were split",
            (models.partitioned, learned_in_folds),
        ),
        Asked("E4.6", "All steps of development repeated in resampling, if it was used", (learned_in_folds,)),
        Asked(
            "E4.7",
            "Performance measured suitably: calibration, discrimination, net benefit",
            (results.metrics, results.calibrated, external.utility),
            draft=True,
        ),
    ),
}
_CONDITIONAL = ("D4.4", "E4.4")
_NO_WEIGHTS = "No method against class imbalance was used."


def question(records: Records, asked: Asked) -> Item:
    """Fill a question of fact; lay facts beside one that a person has to judge."""
    if asked.number in _CONDITIONAL and not records.recipe.get("class_weight"):
        return Item(asked.number, asked.text, "not applicable", _NO_WEIGHTS, cite_recipe(records))
    found = gathered(records, asked.topics)
    if found is None:
        return Item(asked.number, asked.text, "author")
    if asked.draft:
        return Item(asked.number, asked.text, "author", f"Facts to judge by: {found.statement}", found.source)
    return Item(asked.number, asked.text, "filled", found.statement, found.source)


def _judgements(letter: str, number: int, domain: str, what: str) -> list[Item]:
    name = domain.lower()
    found = [
        Item(
            f"{letter}{number}",
            f"{what} in the domain {name} (low, high or unclear): for the author to judge",
            "author",
        )
    ]
    if domain in _APPLICABLE:
        words = f"Concern that {_APPLICABLE[domain]} do not fit the intended use (low, high or unclear): for the author to judge"
        found.append(Item(f"{letter}{number}a", words, "author"))
    return found


def _part(
    records: Records, letter: str, name: str, what: str, domains: dict[str, tuple[Asked, ...]]
) -> list[Section]:
    sections = []
    for number, (domain, questions) in enumerate(domains.items(), start=1):
        items = [question(records, asked) for asked in questions]
        items += _judgements(letter, number, domain, what)
        sections.append(Section(f"{name}: {domain.lower()}", (Checklist(tuple(items)),)))
    overall = (
        Item(f"{letter}", f"{what} over all four domains (low, high or unclear): for the author to judge", "author"),
        Item(
            f"{letter}a",
            "Concern about applicability over all (low, high or unclear): for the author to judge",
            "author",
        ),
    )
    return [*sections, Section(f"{name}: overall", (Checklist(overall),))]


def probast(records: Records) -> Document:
    """Build the PROBAST+AI sheet of a run."""
    parts = [
        *_part(records, "D", "Development", "Concern about quality", DEVELOPMENT),
        *_part(records, "E", "Evaluation", "Risk of bias", EVALUATION),
    ]
    asked = [one.number for domains in (DEVELOPMENT, EVALUATION) for group in domains.values() for one in group]
    items = [
        item for section in parts for block in section.blocks if isinstance(block, Checklist) for item in block.items
    ]
    filled = [item.number for item in items if item.status == "filled"]
    words = (
        f"{len(filled)} of {len(asked)} signalling questions ask for facts that rows hold ({listed(filled)}); beside the others "
        "stand facts to judge by, where there are any. No quality, risk of bias or applicability is judged by the "
        "software; that is for a person, best one who took no part in the study. "
        f"{_ORIGIN}"
    )
    first = Section("About this sheet", (*notices(records), Note(words)))
    return Document("PROBAST+AI assessment", subtitle(records), (first, *parts), facts(records))

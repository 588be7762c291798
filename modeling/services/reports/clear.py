"""The CLEAR checklist for radiomics research, filled from a run."""

from __future__ import annotations

from modeling.core.reporting.documents import Document
from modeling.services.reports.checklist import Asked, sheet
from modeling.services.reports.evidence import external, images, models, patients, results
from modeling.services.reports.records import Records

_ORIGIN = "Items: Kocak et al., Insights Imaging 2023;14:75."

#: All 58 items, in the groups of the checklist; the wording is ours.
GROUPS: dict[str, tuple[Asked, ...]] = {
    "Title, abstract, introduction": (
        Asked("1", "Title names the radiomic method"),
        Asked("2", "Structured summary"),
        Asked("3", "Keywords for radiomics"),
        Asked("4", "Scientific or clinical background"),
        Asked("5", "Why radiomics"),
        Asked("6", "Objectives"),
    ),
    "Study design": (
        Asked("7", "Adherence to a guideline or checklist", (models.sheets,), draft=True),
        Asked("8", "Ethics: approval, consent, data protection"),
        Asked("9", "Sample size", (results.sample_size, external.size)),
        Asked("10", "Nature of the study (retrospective, prospective)", (patients.accrual,), draft=True),
        Asked("11", "Eligibility criteria", (patients.eligibility,), draft=True),
        Asked("12", "Flowchart of the technical pipeline", (models.pipeline,), draft=True),
    ),
    "Data": (
        Asked("13", "Source of the data", (patients.synthetic, patients.centres)),
        Asked("14", "Overlap with other studies"),
        Asked("15", "How data were split", (models.partition,)),
        Asked("16", "Imaging protocol", (images.acquisition,)),
        Asked("17", "Non-radiomic predictors", (patients.clinical_predictors,)),
        Asked("18", "Reference standard", (patients.outcome, patients.readings)),
    ),
    "Segmentation": (
        Asked("19", "Segmentation strategy", (images.segmentation,)),
        Asked("20", "Who segmented, with what experience", (images.segmentation,), draft=True),
    ),
    "Preprocessing": (
        Asked("21", "Preprocessing", (images.preprocessing,)),
        Asked("22", "Resampling and its parameters", (images.resampling,)),
        Asked("23", "Discretisation and its parameters", (images.discretisation,)),
        Asked("24", "Image types: original, filtered", (images.image_types,)),
    ),
    "Feature extraction": (
        Asked("25", "Extraction method", (images.software,)),
        Asked("26", "Feature classes", (images.feature_classes,)),
        Asked("27", "Number of features", (images.feature_number,)),
        Asked("28", "Statement on remaining defaults", (images.defaults,)),
    ),
    "Data preparation": (
        Asked("29", "Missing data", (patients.missing,)),
        Asked("30", "Class imbalance", (patients.imbalance,)),
        Asked("31", "Reliability of the segmentation", (images.stability,)),
        Asked("32", "Scaling of features", (models.scaling,)),
        Asked("33", "Dimension reduction", (models.reduction,)),
    ),
    "Modelling": (
        Asked("34", "Algorithms", (models.algorithm,)),
        Asked("35", "Training and tuning", (models.tuning,)),
        Asked("36", "Confounders", (models.confounders,)),
        Asked("37", "Selection of the model", (models.selection_rule,)),
    ),
    "Evaluation": (
        Asked("38", "Testing: internal, external", (results.splits, results.openings)),
        Asked("39", "Performance measures and why", (results.metrics,)),
        Asked("40", "Uncertainty", (results.uncertainty,)),
        Asked("41", "Statistical comparison of models", (results.compared,)),
        Asked("42", "Non-radiomic and combined models", (models.simple_and_combined,)),
        Asked("43", "Interpretability", (models.interpretability,)),
    ),
    "Results": (
        Asked("44", "Baseline characteristics", (patients.baseline,)),
        Asked("45", "Flowchart of eligibility", (patients.flow,)),
        Asked("46", "Feature statistics: reproducibility, selection", (images.selected_stability,)),
        Asked("47", "Model performance", (results.cross_validated, results.internal, results.external)),
        Asked("48", "Comparison with non-radiomic and combined models", (results.against_simple,)),
    ),
    "Discussion": (
        Asked("49", "Main findings"),
        Asked("50", "Earlier work and differences"),
        Asked("51", "Practical implications", (external.utility,), draft=True),
        Asked("52", "Strengths and limitations", (results.limitations,), draft=True),
    ),
    "Open science": (
        Asked("53", "Sharing of images and segmentations"),
        Asked("54", "Sharing of feature values"),
        Asked("55", "Sharing of preprocessing settings", (images.defaults,), draft=True),
        Asked("56", "Sharing of modelling code", (models.reproduction,), draft=True),
        Asked("57", "Sharing of model files", (models.specification,), draft=True),
        Asked("58", "Sharing of a ready-to-use system"),
    ),
}


def clear(records: Records) -> Document:
    """Build the CLEAR sheet of a run."""
    return sheet(records, "CLEAR checklist", _ORIGIN, GROUPS)

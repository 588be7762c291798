"""The TRIPOD+AI checklist for prediction models, filled from a run."""

from __future__ import annotations

from modeling.core.reporting.documents import Document
from modeling.services.reports.checklist import Asked, sheet
from modeling.services.reports.evidence import external, images, models, patients, results
from modeling.services.reports.records import Records

_ORIGIN = "Items: Collins et al., BMJ 2024;385:e078378 (27 items; sub-items in our wording)."

#: All 27 items with their sub-items, in the order of the statement.
GROUPS: dict[str, tuple[Asked, ...]] = {
    "Title, abstract, introduction": (
        Asked("1", "Title: developing or evaluating a prediction model, population, outcome"),
        Asked("2", "Abstract after TRIPOD+AI for abstracts"),
        Asked("3a", "Healthcare context, rationale, existing models"),
        Asked("3b", "Target population, purpose and users of the model", (external.utility,), draft=True),
        Asked("3c", "Known health inequalities between groups"),
        Asked("4", "Objectives: development, evaluation or both"),
    ),
    "Methods: data and participants": (
        Asked(
            "5a",
            "Sources of data for development and evaluation",
            (patients.synthetic, patients.centres, models.partition),
        ),
        Asked("5b", "Dates of the data", (patients.accrual,)),
        Asked("6a", "Setting, number and place of centres", (patients.centres,)),
        Asked("6b", "Eligibility criteria", (patients.eligibility,), draft=True),
        Asked("6c", "Treatments received", (patients.treatment,)),
        Asked("7", "Preparation of data and quality checks", (images.preprocessing, patients.missing)),
    ),
    "Methods: outcome and predictors": (
        Asked("8a", "Outcome and how it was assessed", (patients.outcome, patients.readings)),
        Asked("8b", "Who assessed a subjective outcome", (patients.readings,), draft=True),
        Asked("8c", "Blinding of the outcome's assessment", (patients.blinding,)),
        Asked("9a", "Choice of initial predictors", (models.views,)),
        Asked(
            "9b",
            "Definition of predictors, how and when measured",
            (patients.clinical_predictors, images.feature_number),
        ),
        Asked("9c", "Who assessed subjective predictors (masks)", (images.segmentation,), draft=True),
    ),
    "Methods: analysis": (
        Asked("10", "Sample size", (results.sample_size, external.size)),
        Asked("11", "Missing data", (patients.missing,)),
        Asked("12a", "How data were used in development and evaluation", (models.partition,)),
        Asked("12b", "Handling of predictors", (models.scaling, models.reduction)),
        Asked("12c", "Type of model, building, tuning, internal validation", (models.algorithm, models.tuning)),
        Asked("12d", "Heterogeneity between centres", (results.heterogeneity,)),
        Asked(
            "12e",
            "Measures and plots of performance, comparison",
            (results.metrics, results.uncertainty, results.compared),
        ),
        Asked("12f", "Updating of the model", (models.updating,), draft=True),
        Asked("12g", "How predictions were made in evaluation", (models.thresholds, models.specification)),
        Asked("13", "Class imbalance", (patients.imbalance,)),
        Asked("14", "Fairness", (results.subgroups,), draft=True),
        Asked("15", "Output of the model and its thresholds", (models.thresholds,)),
        Asked("16", "Differences between development and evaluation data", (patients.differences,)),
        Asked("17", "Ethical approval and consent"),
    ),
    "Open science and patient involvement": (
        Asked("18a", "Funding"),
        Asked("18b", "Conflicts of interest"),
        Asked("18c", "Protocol"),
        Asked("18d", "Registration"),
        Asked("18e", "Sharing of data"),
        Asked("18f", "Sharing of code", (models.reproduction,), draft=True),
        Asked("19", "Involvement of patients and the public"),
    ),
    "Results": (
        Asked("20a", "Flow of participants", (patients.flow,)),
        Asked("20b", "Characteristics by source", (patients.baseline,)),
        Asked("20c", "Predictors in development against evaluation data", (patients.differences,)),
        Asked("21", "Participants and events in each analysis", (patients.events,)),
        Asked(
            "22", "The whole model, so that others can predict", (models.equation,), otherwise=(models.no_equation,)
        ),
        Asked(
            "23a",
            "Performance with intervals",
            (results.cross_validated, results.internal, results.external, results.calibrated),
        ),
        Asked("23b", "Heterogeneity of performance between centres", (results.heterogeneity,)),
        Asked("24", "Results of updating", (models.updating,), draft=True),
    ),
    "Discussion": (
        Asked("25", "Interpretation, with fairness, objectives, earlier studies"),
        Asked("26", "Limitations", (results.limitations,), draft=True),
        Asked("27a", "Handling of poor or missing input when used"),
        Asked("27b", "What users must do and know"),
        Asked("27c", "Next steps of research, generalisability"),
    ),
}


def tripod(records: Records) -> Document:
    """Build the TRIPOD+AI sheet of a run."""
    return sheet(records, "TRIPOD+AI checklist", _ORIGIN, GROUPS)

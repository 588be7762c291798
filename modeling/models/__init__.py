"""Records of recipes, snapshots, training runs, models, what they say and how they fare."""

from modeling.models.analysis import TableAnalysis
from modeling.models.evaluation import Evaluation
from modeling.models.opening import TestOpening
from modeling.models.prediction import Prediction
from modeling.models.promotion import Promotion, RetrainingPolicy
from modeling.models.recipe import StoredRecipe
from modeling.models.report import Report
from modeling.models.snapshot import TableSnapshot
from modeling.models.training import ModelVersion, TrainingRun

__all__ = [
    "Evaluation",
    "ModelVersion",
    "Prediction",
    "Promotion",
    "Report",
    "RetrainingPolicy",
    "StoredRecipe",
    "TableAnalysis",
    "TableSnapshot",
    "TestOpening",
    "TrainingRun",
]

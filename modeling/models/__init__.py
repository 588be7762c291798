"""Records of snapshots, training runs, models and what they say."""

from modeling.models.evaluation import Evaluation
from modeling.models.prediction import Prediction
from modeling.models.snapshot import TableSnapshot
from modeling.models.training import ModelVersion, TrainingRun

__all__ = ["Evaluation", "ModelVersion", "Prediction", "TableSnapshot", "TrainingRun"]

"""Vega-Lite charts of models, as plain data."""

from modeling.charts.calibration import calibration_chart, net_benefit_chart
from modeling.charts.discrimination import auc_chart, roc_chart
from modeling.charts.features import classifier_chart, contribution_chart, importance_chart, selection_chart
from modeling.charts.subgroups import subgroup_chart

__all__ = [
    "auc_chart",
    "calibration_chart",
    "classifier_chart",
    "contribution_chart",
    "importance_chart",
    "net_benefit_chart",
    "roc_chart",
    "selection_chart",
    "subgroup_chart",
]

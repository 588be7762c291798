"""Feature columns, classifiers and settings in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GROUPS = {
    "whole_tumour": "Whole tumour",
    "habitat": "Habitats",
    "transitions": "Transitions of habitats",
    "clinical": "Clinical",
    "own": "Own table",
}
_TIMES = {"pre": "before", "post": "after", "delta": "change"}


_CLASSIFIERS = {
    "logistic": "Logistic regression",
    "elastic_net": "Elastic net",
    "linear_svm": "Linear support vector machine",
    "knn": "Nearest neighbours",
    "rbf_svm": "Support vector machine, radial kernel",
    "random_forest": "Random forest",
    "extra_trees": "Extremely randomised trees",
    "gradient_boosting": "Gradient boosting",
    "cox": "Cox regression",
    "late_fusion": "Late fusion",
}


def classifier_in_words(name: str) -> str:
    """Turn the name of a classifier into words."""
    return _CLASSIFIERS.get(name, name.replace("_", " ").capitalize())


_VIEWS = {
    "volume_change": "Change of volume (baseline)",
    "diameter_change": "Change of largest diameter (baseline)",
    "clinical": "Clinical data",
    "whole_tumour_pre": "Whole tumour before treatment",
    "whole_tumour_post": "Whole tumour after treatment",
    "whole_tumour_delta": "Whole tumour, change",
    "whole_tumour": "Whole tumour before, after and change",
    "habitat_pre": "Habitats before treatment",
    "habitat_post": "Habitats after treatment",
    "habitat_delta": "Habitats, change",
    "habitat": "Habitats before, after and change",
    "transitions": "Transitions of habitats",
    "early_fusion": "Whole tumour and habitats in one model",
    "integrated": "Integrated: whole-tumour and habitat models fused",
}


def view_in_words(name: str) -> str:
    """Turn the name of a view into words."""
    return _VIEWS.get(name, name.replace("_", " ").capitalize())


def feature_in_words(column: str) -> str:
    """Turn ``group|time|name`` into words: ``Whole tumour, change: original shape MeshVolume``."""
    parts = column.split("|")
    group = _GROUPS.get(parts[0], parts[0])
    if len(parts) == 3:
        return f"{group}, {_TIMES.get(parts[1], parts[1])}: {_plain(parts[2])}"
    return f"{group}: {_plain(parts[-1])}"


def _plain(name: str) -> str:
    return name.replace("msi_", "interaction ").replace("_", " ")


#: Setting of a recipe → its name and what it decides.
_SETTINGS = {
    "views": ("Models", "What each model may look at; all of them share the same folds."),
    "own_views": ("Own views", "Columns of a table that was brought, by name or pattern."),
    "max_missing_fraction": ("Largest share of missing values", "Columns with more gaps are dropped."),
    "winsor_percentiles": ("Winsorised at", "Values beyond these training percentiles are pulled back to them."),
    "icc_minimum": (
        "Smallest ICC",
        "Features that move when the mask is disturbed are dropped, where that was measured.",
    ),
    "icc_limit": ("ICC judged by", "The estimate, or the lower end of its 95 % interval."),
    "univariate_p": ("Mann-Whitney p below", "Features that do not differ between the classes are dropped."),
    "false_discovery": ("Benjamini-Hochberg", "Whether that p is a false discovery rate."),
    "max_abs_spearman": ("Largest absolute correlation", "Of two features that say the same, the better one stays."),
    "mrmr_features": ("Features kept by mRMR", "Relevant and not redundant ones, one after the other."),
    "lasso_folds": ("Folds of the LASSO", "In which its penalty is chosen."),
    "lasso_rule": ("LASSO penalty", "The largest within one standard error of the least loss, or the least loss."),
    "patients_per_feature": ("Patients per feature", "Patients of the smaller class that each feature needs."),
    "classifiers": ("Classifiers compared", "The simplest within one standard error of the best is taken."),
    "c_grid": ("Strengths of the logistic regression", "Inverse strengths to choose from, in inner folds."),
    "class_weight": ("Class weights", "Whether both classes count alike."),
    "calibration": ("Recalibration", "A sigmoid on inner out-of-fold estimates, or none."),
    "harmonise": ("Harmonisation", "ComBat between training centres, or none."),
    "cv_folds": ("Outer folds", "Folds in which models are tested on patients they have not seen."),
    "cv_repeats": ("Repeats", "How often the outer folds are drawn anew."),
    "inner_folds": ("Inner folds", "Folds within training patients, where classifier and threshold are chosen."),
    "threshold_rule": ("Threshold", "Youden's index, or the sensitivity floor."),
    "sensitivity_floor": ("Sensitivity floor", "Of the second, sensitive threshold."),
    "bootstraps": ("Bootstrap resamples", "Of intervals, within the classes."),
    "selection_bootstraps": ("Bootstrap refits", "From which the selection frequency is counted."),
    "temporal_fraction": ("Temporal test", "Share of the training centre's latest patients that is tested."),
    "minimum_per_class": ("Least patients per class", "With fewer training patients nothing is fitted."),
    "seed": ("Seed", "Same table, same recipe, same seed: same models, to the byte."),
}


def setting_rows(values: Mapping[str, Any], usual: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give each setting of a recipe with its name, what it decides and the standard's value where it differs."""
    return [
        {
            "label": label,
            "meaning": meaning,
            "value": in_plain_words(values[name]),
            "usual": in_plain_words(usual[name]) if values[name] != usual[name] else "",
        }
        for name, (label, meaning) in _SETTINGS.items()
        if name in values
    ]


def in_plain_words(value: Any) -> str:
    """Write a setting: lists with commas, names without underscores, a switch as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == {}:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(in_plain_words(part) for part in value)
    return str(value).replace("_", " ")

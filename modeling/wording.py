"""Feature columns, classifiers and settings in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
    """Turn ``group|time|name`` into words: ``Whole tumour, change: mesh volume (shape)``."""
    parts = column.split("|")
    group = _GROUPS.get(parts[0], parts[0])
    if len(parts) == 3:
        return f"{group}, {_TIMES.get(parts[1], parts[1])}: {_plain(parts[2])}"
    return f"{group}: {parts[-1] if parts[0] == 'own' else _plain(parts[-1])}"


#: An image that features were computed on, their family, and the name that pyradiomics gives.
_RADIOMICS = re.compile(
    r"(original|wavelet-\w+|log-sigma-[\d-]+-mm-3D)_(shape|firstorder|glcm|gldm|glrlm|glszm|ngtdm)_(\w+)"
)
_FAMILIES = {"shape": "shape", "firstorder": "intensity"}
_WORD = re.compile(r"\d+(?:D\b|D(?=[A-Z]))?|[A-Z]+(?![a-z])\d*|[A-Z][a-z]*|[a-z]+")
#: Contacts of habitats: whole numbers as volume in capitals, parts of all contacts in small letters.
_CONTACTS = re.compile(r"msi_([VBIvbc])_(\d+)(?:_(\d+))?")
_CONTACTS_OF = {
    "v": "contacts within habitat {}",
    "b": "contacts of habitat {} with the outside",
    "i": "contacts of habitats {} and {}",
    "c": "contacts of habitats {} and {}",
}
_OF_A_HABITAT = {"fraction": "share of habitat {}", "components": "separate parts of habitat {}"}
_TRANSITION = re.compile(r"transition_(joint|t)_(lung|other|\d+)_(lung|other|\d+)")
_OTHER_NAMES = {
    "shannon": "diversity of habitats (Shannon)",
    "simpson": "diversity of habitats (Simpson)",
    "ith_score": "heterogeneity score (ITH)",
    "pdl1_percent": "PD-L1 (%)",
    "age_years": "age (years)",
    "central": "central location",
}


def _plain(name: str) -> str:
    """Write the name of one feature as people say it; an unknown one keeps its words."""
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    if found := _RADIOMICS.fullmatch(name):
        return _radiomics(*found.groups())
    if found := _CONTACTS.fullmatch(name):
        kind, *habitats = found.groups()
        return _CONTACTS_OF[kind.lower()].format(*habitats) + (", share" if kind.islower() else "")
    if found := _TRANSITION.fullmatch(name):
        kind, before, after = found.groups()
        share = "share of all places" if kind == "joint" else f"share of {_place(before)}"
        return f"{_place(before)} → {_place(after)} ({share})"
    stem, _, number = name.rpartition("_")
    if stem in _OF_A_HABITAT:
        return _OF_A_HABITAT[stem].format(number)
    return name.replace("msi_", "interaction ").removeprefix("transition_").replace("_", " ")


def _radiomics(image: str, family: str, name: str) -> str:
    words = " ".join(w if (len(w) > 1 and w.isupper()) or w[0].isdigit() else w.lower() for w in _WORD.findall(name))
    words = re.sub(r"^(\d+) percentile", r"\1th percentile", words)
    inside = [_FAMILIES.get(family, family.upper())]
    if image.startswith("log"):
        sigma = image.removeprefix("log-sigma-").removesuffix("-mm-3D").replace("-", ".").removesuffix(".0")
        inside.append(f"LoG {sigma}\N{NO-BREAK SPACE}mm")
    elif image != "original":
        inside.append(image.replace("-", " "))
    return f"{words} ({', '.join(inside)})"


def _place(state: str) -> str:
    return {"lung": "lung", "other": "other tissue"}.get(state, f"habitat {state}")


_FACTORS = {
    "pdl1": "PD-L1 (%)",
    "age": "Age (years)",
    "interval": "Until surgery",
}


def subgroup_in_words(factor: str, level: str) -> str:
    """Write one group of patients: ``Age (years): ≥ 65``."""
    level = level.replace(">=", "≥").replace("<=", "≤")
    return f"{_FACTORS.get(factor, factor.replace('_', ' ').capitalize())}: {level}"


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
    "max_abs_spearman": (
        "Largest absolute correlation (Spearman)",
        "Of two features that say the same, the better one stays.",
    ),
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


def setting_named(name: str) -> str:
    """Give the name of a setting of a recipe as people read it; empty where it has none."""
    return _SETTINGS[name][0] if name in _SETTINGS else ""


def meaning_of(name: str) -> str:
    """Say what a setting of a recipe decides."""
    return _SETTINGS[name][1] if name in _SETTINGS else ""


def setting_rows(values: Mapping[str, Any], usual: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give each setting of a recipe with its name, what it decides and the standard's value where it differs."""
    return [
        {
            "label": label,
            "meaning": meaning,
            "value": setting_in_words(name, values[name]),
            "usual": setting_in_words(name, usual[name]) if values[name] != usual[name] else "",
        }
        for name, (label, meaning) in _SETTINGS.items()
        if name in values
    ]


#: Values of settings that are no words yet.
_VALUES = {
    "1se": "the largest within one standard error",
    "min": "least loss",
    "youden": "Youden's index",
    "sensitivity": "sensitivity floor",
    "lower": "the lower 95 % limit",
    "estimate": "the estimate",
    "combat": "ComBat",
}
_LISTS: dict[str, Callable[[str], str]] = {"views": view_in_words, "classifiers": classifier_in_words}


def setting_in_words(name: str, value: Any) -> str:
    """Write the value of one setting as a person would say it."""
    if name in _LISTS:
        return "; ".join(_LISTS[name](part) for part in value)
    return _VALUES.get(value, in_plain_words(value)) if isinstance(value, str) else in_plain_words(value)


def in_plain_words(value: Any) -> str:
    """Write a setting: lists with commas, names without underscores, a switch as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == {}:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(in_plain_words(part) for part in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")

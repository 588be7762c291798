"""Feature columns, classifiers and settings in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

_GROUPS = {
    "whole_tumour": _("Whole tumour"),
    "habitat": _("Habitats"),
    "transitions": _("Transitions of habitats"),
    "clinical": _("Clinical"),
    "own": _("Own table"),
    "timing": _("Timing"),
}
_TIMES = {"pre": _("before"), "post": _("after"), "delta": _("change")}


#: What decision curves are for; nobody has named a decision that the estimate would inform.
NO_DECISION = gettext_noop(
    "No treatment decision is meant: nobody in this study would act on this estimate before surgery; the curve compares "
    "models, not policies."
)
#: The same of a researcher's own table, whose outcome may be another one.
NO_DECISION_OF_TABLE = gettext_noop("No decision is stated: the curve compares models, not policies.")

_CLASSIFIERS = {
    "logistic": _("Logistic regression"),
    "elastic_net": _("Elastic net"),
    "linear_svm": _("Linear support vector machine"),
    "knn": _("Nearest neighbours"),
    "rbf_svm": _("Support vector machine, radial kernel"),
    "random_forest": _("Random forest"),
    "extra_trees": _("Extremely randomised trees"),
    "gradient_boosting": _("Gradient boosting"),
    "cox": _("Cox regression"),
    "late_fusion": _("Late fusion"),
}


def classifier_in_words(name: str) -> str:
    """Turn the name of a classifier into words."""
    return str(_CLASSIFIERS.get(name, name.replace("_", " ").capitalize()))


_VIEWS = {
    "volume_change": _("Change of volume (baseline)"),
    "diameter_change": _("Change of largest 3D diameter (baseline)"),
    "clinical": _("Clinical data"),
    "whole_tumour_pre": _("Whole tumour before treatment"),
    "whole_tumour_post": _("Whole tumour after treatment"),
    "whole_tumour_delta": _("Whole tumour, change"),
    "whole_tumour": _("Whole tumour before, after and change"),
    "habitat_pre": _("Habitats before treatment"),
    "habitat_post": _("Habitats after treatment"),
    "habitat_delta": _("Habitats, change"),
    "habitat": _("Habitats before, after and change"),
    "transitions": _("Transitions of habitats"),
    "early_fusion": _("Whole tumour and habitats in one model"),
    "integrated": _("Integrated: whole-tumour and habitat models fused"),
}


def view_in_words(name: str) -> str:
    """Turn the name of a view into words."""
    return str(_VIEWS.get(name, name.replace("_", " ").capitalize()))


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
_FAMILIES = {"shape": _("shape"), "firstorder": _("intensity")}
_WORD = re.compile(r"\d+(?:D\b|D(?=[A-Z]))?|[A-Z]+(?![a-z])\d*|[A-Z][a-z]*|[a-z]+")
#: Contacts of habitats: whole numbers as volume in capitals, parts of all contacts in small letters.
_CONTACTS = re.compile(r"msi_([VBIvbc])_(\d+)(?:_(\d+))?")
_CONTACTS_OF = {
    "v": _("contacts within habitat {}"),
    "b": _("contacts of habitat {} with the outside"),
    "i": _("contacts of habitats {} and {}"),
    "c": _("contacts of habitats {} and {}"),
}
_OF_A_HABITAT = {"fraction": _("share of habitat {}"), "components": _("separate parts of habitat {}")}
_TRANSITION = re.compile(r"transition_(joint|t)_(lung|other|\d+)_(lung|other|\d+)")
_OTHER_NAMES = {
    "shannon": _("diversity of habitats (Shannon)"),
    "simpson": _("diversity of habitats (Simpson)"),
    "ith_score": _("heterogeneity score (ITH)"),
    "pdl1_percent": _("PD-L1 (%)"),
    "age_years": _("age (years)"),
    "central": _("central location"),
    "log_diameter_ratio": _("log ratio of the largest 3D diameters"),
    "days_dose_to_ct": _("days from the last dose to the CT"),
}


def _plain(name: str) -> str:
    """Write the name of one feature as people say it; an unknown one keeps its words."""
    if name in _OTHER_NAMES:
        return str(_OTHER_NAMES[name])
    if found := _RADIOMICS.fullmatch(name):
        return _radiomics(*found.groups())
    if found := _CONTACTS.fullmatch(name):
        kind, *habitats = found.groups()
        return str(_CONTACTS_OF[kind.lower()]).format(*habitats) + (gettext(", share") if kind.islower() else "")
    if found := _TRANSITION.fullmatch(name):
        kind, before, after = found.groups()
        share = (gettext("share of all places") if kind == "joint" else gettext("share of {place}")).format(
            place=_place(before)
        )
        return f"{_place(before)} → {_place(after)} ({share})"
    stem, number = name.rpartition("_")[::2]
    if stem in _OF_A_HABITAT:
        return str(_OF_A_HABITAT[stem]).format(number)
    return name.replace("msi_", "interaction ").removeprefix("transition_").replace("_", " ")


def _radiomics(image: str, family: str, name: str) -> str:
    words = " ".join(w if (len(w) > 1 and w.isupper()) or w[0].isdigit() else w.lower() for w in _WORD.findall(name))
    words = re.sub(r"^(\d+) percentile", r"\1th percentile", words)
    inside = [str(_FAMILIES.get(family, family.upper()))]
    if image.startswith("log"):
        sigma = image.removeprefix("log-sigma-").removesuffix("-mm-3D").replace("-", ".").removesuffix(".0")
        inside.append(f"LoG {sigma}\N{NO-BREAK SPACE}mm")
    elif image != "original":
        inside.append(image.replace("-", " "))
    return f"{words} ({', '.join(inside)})"


def _place(state: str) -> str:
    names = {"lung": gettext("lung"), "other": gettext("other tissue")}
    return names.get(state) or gettext("habitat {number}").format(number=state)


_FACTORS = {
    "pdl1": _("PD-L1 (%)"),
    "age": _("Age (years)"),
    "interval": _("Until surgery"),
    "pair_contrast": _("Contrast in both scans"),
    "pair_kernel": _("Kernel of both scans"),
    "pair_thickness": _("Slice thickness of both scans"),
}


def factor_in_words(factor: str) -> str:
    """Write what tells groups of patients apart: ``Age (years)``."""
    return str(_FACTORS.get(factor, factor.replace("_", " ").capitalize()))


def subgroup_in_words(factor: str, level: str) -> str:
    """Write one group of patients: ``Age (years): ≥ 65``."""
    level = level.replace(">=", "≥").replace("<=", "≤")
    return f"{factor_in_words(factor)}: {level}"


_COMPARATORS = {
    "axial_recist": _("RECIST 1.1 by the outlines (longest axial diameter)"),
    "radiologist": _("Radiologist's reading (RECIST 1.1)"),
    "axial_diameter_change": _("Change of the longest axial diameter"),
    "suv_max_change": _("Change of SUVmax (PET)"),
}


def comparator_in_words(name: str) -> str:
    """Turn the name of what a clinic goes by into words."""
    return str(_COMPARATORS.get(name, name.replace("_", " ").capitalize()))


_KINDS_OF_PATIENTS = {
    "modelled": _("Modelled"),
    "complete_response": _("No tumour to outline after treatment: complete response on CT"),
    "post_not_evaluable": _("CT after treatment not evaluable, such as when no tumour remained on it"),
    "pre_not_evaluable": _("CT before treatment not evaluable"),
    "no_features": _("Without both scans, masks or their features"),
    "not_operated": _("Not operated: no surgery, not resectable, progression or death before it"),
    "no_pathology": _("No pathology entered"),
    "not_settled": _("Pathology not settled between readers"),
    "other": _("Other reasons"),
}


def kind_of_patients_in_words(kind: str) -> str:
    """Turn a kind of patients, modelled or left out, into words."""
    return str(_KINDS_OF_PATIENTS.get(kind, kind.replace("_", " ").capitalize()))


#: Setting of a recipe → its name and what it decides.
_SETTINGS = {
    "views": (_("Models"), _("What each model may look at; all of them share the same folds.")),
    "own_views": (_("Own views"), _("Columns of a table that was brought, by name or pattern.")),
    "max_missing_fraction": (_("Largest share of missing values"), _("Columns with more gaps are dropped.")),
    "winsor_percentiles": (
        _("Winsorised at"),
        _("Values beyond these training percentiles are pulled back to them."),
    ),
    "icc_minimum": (
        _("Smallest ICC"),
        _("Features that move when the mask is disturbed are dropped, where that was measured."),
    ),
    "icc_limit": (_("ICC judged by"), _("The estimate, or the lower end of its 95 % interval.")),
    "univariate_p": (_("Mann-Whitney p below"), _("Features that do not differ between the classes are dropped.")),
    "false_discovery": (_("Benjamini-Hochberg"), _("Whether that p is a false discovery rate.")),
    "max_abs_spearman": (
        _("Largest absolute correlation (Spearman)"),
        _("Of two features that say the same, the better one stays."),
    ),
    "mrmr_features": (_("Features kept by mRMR"), _("Relevant and not redundant ones, one after the other.")),
    "lasso_folds": (_("Folds of the LASSO"), _("In which its penalty is chosen.")),
    "lasso_rule": (
        _("LASSO penalty"),
        _("The largest within one standard error of the least loss, or the least loss."),
    ),
    "patients_per_feature": (_("Patients per feature"), _("Patients of the smaller class that each feature needs.")),
    "classifiers": (_("Classifiers compared"), _("The simplest within one standard error of the best is taken.")),
    "c_grid": (_("Strengths of the logistic regression"), _("Inverse strengths to choose from, in inner folds.")),
    "class_weight": (_("Class weights"), _("Whether both classes count alike.")),
    "calibration": (_("Recalibration"), _("A sigmoid on inner out-of-fold estimates, or none.")),
    "harmonise": (_("Harmonisation"), _("ComBat between training centres, or none.")),
    "cv_folds": (_("Outer folds"), _("Folds in which models are tested on patients they have not seen.")),
    "cv_repeats": (_("Repeats"), _("How often the outer folds are drawn anew.")),
    "inner_folds": (
        _("Inner folds"),
        _("Folds within training patients, where classifier and threshold are chosen."),
    ),
    "threshold_rule": (_("Threshold"), _("Youden's index, or the sensitivity floor.")),
    "sensitivity_floor": (_("Sensitivity floor"), _("Of the second, sensitive threshold.")),
    "bootstraps": (_("Bootstrap resamples"), _("Of intervals, within the classes.")),
    "selection_bootstraps": (_("Bootstrap refits"), _("From which the selection frequency is counted.")),
    "temporal_fraction": (_("Temporal test"), _("Share of the training centre's latest patients that is tested.")),
    "minimum_per_class": (_("Least patients per class"), _("With fewer training patients nothing is fitted.")),
    "seed": (_("Seed"), _("Same table, same recipe, same seed: same models, to the byte.")),
}


def setting_named(name: str) -> str:
    """Give the name of a setting of a recipe as people read it; empty where it has none."""
    return str(_SETTINGS[name][0]) if name in _SETTINGS else ""


def meaning_of(name: str) -> str:
    """Say what a setting of a recipe decides."""
    return str(_SETTINGS[name][1]) if name in _SETTINGS else ""


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
    "1se": _("the largest within one standard error"),
    "min": _("least loss"),
    "youden": _("Youden's index"),
    "sensitivity": _("sensitivity floor"),
    "lower": _("the lower 95 % limit"),
    "estimate": _("the estimate"),
    "combat": _("ComBat"),
}
_LISTS: dict[str, Callable[[str], str]] = {"views": view_in_words, "classifiers": classifier_in_words}


def setting_in_words(name: str, value: Any) -> str:
    """Write the value of one setting as a person would say it."""
    if name in _LISTS:
        return "; ".join(_LISTS[name](part) for part in value)
    return str(_VALUES.get(value) or in_plain_words(value)) if isinstance(value, str) else in_plain_words(value)


def in_plain_words(value: Any) -> str:
    """Write a setting: lists with commas, names without underscores, a switch as yes or no."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value is None or value == {}:
        return gettext("none")
    if isinstance(value, list | tuple):
        return ", ".join(in_plain_words(part) for part in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")

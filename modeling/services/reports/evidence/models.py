"""What rows show about how models were made."""

from __future__ import annotations

from modeling.core.views import CHANGES, LEARNED_GROUPS, VIEWS, View, own_views, parts_of
from modeling.models import ModelVersion
from modeling.services.reports.equations import section_title
from modeling.services.reports.evidence import Evidence
from modeling.services.reports.evidence.results import BASELINES
from modeling.services.reports.numbers import counted, decimal, listed, percent
from modeling.services.reports.records import (
    Records,
    cite_protocol,
    cite_recipe,
    cite_run,
    cite_snapshot,
    cite_version,
)
from modeling.wording import classifier_in_words, view_in_words


def sheets(records: Records) -> Evidence | None:
    """Say which checklists were written from the same rows."""
    names = {"clear": "CLEAR", "tripod": "TRIPOD+AI"}
    written = [name for kind, name in names.items() if kind in records.sheets]
    if not written:
        return None
    words = f"{listed(written)} written from the same rows."
    return Evidence(words, f"Report rows of TrainingRun {records.run.number}")


def pipeline(records: Records) -> Evidence:
    """Say in which order a scan becomes a probability."""
    harmonised = "harmonisation of centres, " if records.recipe.get("harmonise", "none") != "none" else ""
    words = (
        "CT and mask, preprocessing, whole-tumour features and habitats (codebook learned from training patients), cleaning, "
        f"{harmonised}stability, univariate filter, correlation pruning, mRMR, LASSO, classifier, frozen threshold."
    )
    return Evidence(words, f"{cite_protocol(records)}; {cite_recipe(records)}")


def simple_and_combined(records: Records) -> Evidence | None:
    """Return which models look at no radiomics or combine several views, if there are any."""
    simple = [version for version in records.versions if version.name in BASELINES]
    combined = [version for version in records.versions if parts_of(version.name, own=_own(records))]
    if not simple and not combined:
        return None
    parts = [
        f"{words}: {listed([version.title.lower() for version in found])}"
        for words, found in (("Without radiomics but size", simple), ("combining other models", combined))
        if found
    ]
    return Evidence(f"{'; '.join(parts)}.", "; ".join(cite_version(version) for version in (*simple, *combined)))


def _own(records: Records) -> dict[str, View]:
    return own_views(records.recipe.get("own_views") or {})


def selecting(records: Records) -> bool:
    """Return whether any model chose among columns; the changes of size are one number each."""
    return any(version.name not in CHANGES for version in records.versions)


def on_habitats(records: Records) -> bool:
    """Return whether any model may look at columns that were learned from patients, itself or in a part."""
    own = _own(records)
    names = {part for version in records.versions for part in (version.name, *parts_of(version.name, own=own))}
    seen = [view for name in names if (view := (VIEWS | own).get(name))]
    columns = [str(name) for name in records.table.X.columns if str(name).split("|")[0] in LEARNED_GROUPS]
    return any(view.holds(name) for view in seen for name in columns)


def views(records: Records) -> Evidence | None:
    """Say which models there are and what each looks at."""
    if not records.versions:
        return None
    parts = "; ".join(f"{version.title}: {view_in_words(version.name).lower()}" for version in records.versions)
    return Evidence(f"{parts}.", "; ".join(cite_version(version) for version in records.versions))


def partition(records: Records) -> Evidence:
    """Say how patients were divided."""
    parts = records.table.split.value_counts()
    words = (
        f"By patient, before anything was learned: training {parts.get('training', 0)}, internal test "
        f"{parts.get('internal_test', 0)} (training centre, stratified by outcome, by a hash of seed "
        f"{records.recipe.get('seed')} and code), external test {parts.get('external', 0)} (all other centres)."
    )
    return Evidence(words, f"{cite_snapshot(records)}; {cite_recipe(records)}")


def partitioned(records: Records) -> Evidence | None:
    """Say how patients were divided, if anybody was held out."""
    return partition(records) if (records.table.split != "training").any() else None


def scaling(records: Records) -> Evidence:
    """Say how features are scaled."""
    low, high = records.recipe.get("winsor_percentiles", (1, 99))
    words = f"Winsorised to training percentiles {low:g} and {high:g}, z-scored with training mean and deviation."
    return Evidence(words, cite_recipe(records))


def reduction(records: Records) -> Evidence:
    """Say how features are selected."""
    values = records.recipe
    if not selecting(records):
        return Evidence("Each model has one predictor, named beforehand; nothing is selected.", cite_recipe(records))
    p = values.get("univariate_p")
    fdr = " as a false discovery rate" if values.get("false_discovery") else ""
    words = (
        f"Within training folds only: Mann-Whitney p < {p}{fdr}; absolute Spearman correlation at most "
        f"{values.get('max_abs_spearman')}; mRMR, {values.get('mrmr_features')} features; LASSO "
        f"({values.get('lasso_folds')} folds, {values.get('lasso_rule')})."
    )
    return Evidence(words, cite_recipe(records))


def redundancy(records: Records) -> Evidence | None:
    """Say how features that say the same are removed."""
    if not records.recipe.get("max_abs_spearman") or not selecting(records):
        return None
    words = f"Of features with absolute Spearman correlation above {records.recipe['max_abs_spearman']}, one is kept; then mRMR."
    return Evidence(words, cite_recipe(records))


def dimension(records: Records) -> Evidence | None:
    """Say that no model has more features than its smaller class allows."""
    per = records.recipe.get("patients_per_feature")
    smaller, single = _smaller(records), _single(records)
    most = max((len(version.selected) for version in single), default=None)
    if per is None or most is None or most > max(1, smaller // per):
        return None
    words = (
        f"At most one feature per {per} training patients of the smaller class ({smaller}); the largest single model has "
        f"{counted(most, 'feature')}."
    )
    return Evidence(words, f"{cite_recipe(records)}; {'; '.join(cite_version(version) for version in single)}")


def too_many_dimensions(records: Records) -> Evidence | None:
    """Say so where a model has more."""
    per = records.recipe.get("patients_per_feature")
    if dimension(records) or not records.versions or per is None:
        return None
    single = _single(records)
    if not single:
        return None
    words = (
        f"A model has {counted(max(len(version.selected) for version in single), 'feature')}, more than one per {per} training "
        f"patients of the smaller class ({_smaller(records)})."
    )
    return Evidence(words, f"{cite_run(records)}; {cite_recipe(records)}")


def _single(records: Records) -> list[ModelVersion]:
    """Return the models that fuse no others."""
    return [version for version in records.versions if not parts_of(version.name, own=_own(records))]


def _smaller(records: Records) -> int:
    y = records.table.y[records.table.split == "training"]
    return min(int(y.sum()), int((1 - y).sum()))


def algorithm(records: Records) -> Evidence | None:
    """Say which classifier each model has."""
    if not records.versions:
        return None
    parts = [f"{version.title}: {classifier_in_words(version.classifier).lower()}" for version in records.versions]
    return Evidence(f"{'; '.join(parts)}.", "; ".join(cite_version(version) for version in records.versions))


def classical(records: Records) -> Evidence | None:
    """Return how a plain logistic regression did where it was compared with other classifiers."""
    for version in (records.primary, *records.versions):
        compared = version.facts.get("comparison") or {} if version else {}
        if version and "logistic" in compared and len(compared) > 1:
            words = (
                f"{version}: logistic regression was compared with {counted(len(compared) - 1, 'other classifier')}, inner "
                f"AUC {decimal(compared['logistic'].get('auc'))}; chosen was {classifier_in_words(version.classifier).lower()}."
            )
            return Evidence(words, cite_version(version))
    return None


def tuning(records: Records) -> Evidence:
    """Say how hyper-parameters and classifiers were chosen."""
    values = records.recipe
    classifiers = values.get("classifiers") or ["logistic"]
    words = (
        f"Nested: {values.get('cv_folds')} outer folds, {counted(values.get('cv_repeats') or 1, 'repeat')}"
        + (f", {values['inner_folds']} inner folds" if values.get("inner_folds") else "")
        + f"; candidates: {', '.join(classifier_in_words(name).lower() for name in classifiers)}. Seed {values.get('seed')}."
    )
    return Evidence(words, cite_recipe(records))


def selection_rule(records: Records) -> Evidence | None:
    """Say by what rule a classifier was chosen."""
    compared = [version for version in records.versions if version.facts.get("comparison")]
    if not compared:
        return None
    words = "The simplest classifier within one standard error of the best inner AUC is taken; refitted on all training patients."
    return Evidence(words, f"{cite_recipe(records)}; {'; '.join(cite_version(version) for version in compared)}")


def confounders(records: Records) -> Evidence | None:
    """Say whether the features tell the hospital, and what was done about it."""
    shown = {n: v for n, v in (records.findings.get("centre_predictability") or {}).items() if v is not None}
    if not shown:
        return None
    parts = listed([f"{name.replace('_', ' ')} {decimal(value)}" for name, value in shown.items()])
    words = f"AUC of guessing the centre from the features: {parts}. Harmonisation: {records.recipe.get('harmonise', 'none')}."
    return Evidence(words, f"{cite_run(records, 'findings.centre_predictability')}; {cite_recipe(records)}")


def thresholds(records: Records) -> Evidence | None:
    """Say what the model gives and where its thresholds lie."""
    version = records.primary
    if version is None:
        return None
    floor = percent(records.recipe.get("sensitivity_floor"))
    words = (
        f"{version} gives a probability of MPR. Frozen thresholds: {decimal(version.threshold, 3)} "
        f"({records.recipe.get('threshold_rule', 'youden')}) and {decimal(version.threshold_sensitive, 3)} (sensitivity "
        f"{floor} in training), both from training patients' out-of-fold predictions."
    )
    return Evidence(words, f"{cite_version(version)}; {cite_recipe(records)}")


def specification(records: Records) -> Evidence | None:
    """Say where the whole model stands."""
    version = records.primary
    if version is None:
        return None
    words = (
        f"{version}: {counted(len(version.selected), 'feature')}; the fitted object (scaler, selection, classifier, "
        f"thresholds) is stored under sha256 {version.sha256[:16]}…, its codebook as {records.habitat_model}."
    )
    return Evidence(words, cite_version(version))


def equation(records: Records) -> Evidence | None:
    """Write that the first model is printed whole, if it is a sum that can be printed."""
    version = records.primary
    found = records.equation(version) if version else None
    if version is None or found is None:
        return None
    words = (
        f"{version} is printed whole in the study report and in the model card, section {section_title(version)}: intercepts, "
        f"weights, medians of imputation, winsor limits, means and standard deviations of {counted(found.n_terms, 'term')} in "
        f"{counted(len(found.parts), 'part')}, with calibration"
        + (", the correction of each centre" if found.centres else "")
        + (" and the weights of the fusion." if len(found.parts) > 1 else ".")
    )
    return Evidence(words, cite_version(version))


def no_equation(records: Records) -> Evidence | None:
    """Write that the first model is no sum that can be printed, and where its file is."""
    version = records.primary
    if version is None or equation(records):
        return None
    why = (
        "its stored file cannot be read here"
        if records.fitted(version) is None
        else "it is no weighted sum that can be printed"
    )
    words = (
        f"{version} ({classifier_in_words(version.classifier).lower()}): {why}; the fitted object has the sha256 "
        f"{version.sha256}."
    )
    return Evidence(words, cite_version(version))


def interpretability(records: Records) -> Evidence | None:
    """Say how the model is explained."""
    version = records.primary
    if version is None or not version.facts.get("importance"):
        return None
    words = "Mean absolute contribution of each feature in log-odds, and contributions for each prediction."
    return Evidence(words, cite_version(version))


def updating(records: Records) -> Evidence | None:
    """Say who made which version the champion."""
    rows = [row for version in records.versions for row in records.promotions(version)]
    if not rows:
        return None
    parts = [f"{row.version} ({row.get_kind_display().lower()}, {row.promoted_at:%Y-%m-%d})" for row in rows]
    return Evidence(f"Champions: {'; '.join(parts)}.", "; ".join(f"Promotion {row.pk}" for row in rows))


def reproduction(records: Records) -> Evidence:
    """Say what repeats the run."""
    names = ", ".join(f"{name} {version}" for name, version in sorted(records.run.versions.items())) or "not stored"
    words = f"Recipe sha256 {records.run.recipe_digest[:16]}…, seed {records.recipe.get('seed')}; versions: {names}."
    return Evidence(words, f"{cite_recipe(records)}; {cite_run(records, 'versions')}")

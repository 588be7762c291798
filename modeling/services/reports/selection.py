"""What the models look at: selected features, classifiers, and the habitats behind them."""

from __future__ import annotations

from typing import Any

from modeling.core.reporting.documents import Block, DataTable, Paragraph, Section
from modeling.models import ModelVersion
from modeling.services.reports.numbers import decimal, percent
from modeling.services.reports.records import Records, cite_habitats, cite_version
from modeling.wording import classifier_in_words, feature_in_words, view_in_words


def models(records: Records) -> Section:
    """Write what each model looks at, with which classifier, and its frozen thresholds."""
    rows = tuple(
        (
            version.title,
            view_in_words(version.name),
            classifier_in_words(version.classifier),
            str(len(version.selected)),
            decimal(version.threshold),
            decimal(version.threshold_sensitive),
            version.get_state_display(),
        )
        for version in records.versions
    )
    columns = ("Model", "Looks at", "Classifier", "Features", "Threshold", "Sensitive threshold", "State")
    source = "; ".join(cite_version(version) for version in records.versions)
    return Section("Models", (DataTable(columns, rows, "", source, (3, 4, 5)),))


def features(records: Records) -> Section:
    """Write the features of each model with reproducibility, selection frequency and weight."""
    blocks: list[Block] = [table for version in records.versions if (table := selected(version))]
    lower = "lower 95 % limit of the " if records.recipe.get("icc_limit") == "lower" else ""
    words = (
        f"ICC: {lower}intraclass correlation under disturbed masks, where it was measured. Frequency: share of bootstrap "
        "refits that select the feature. Weight: log-odds per standard deviation for a linear classifier, otherwise the mean "
        "absolute contribution in log-odds."
    )
    return Section("Selected features", (Paragraph(words), *blocks))


def selected(version: ModelVersion) -> DataTable | None:
    """Give the features of one model."""
    if not version.selected:
        return None
    facts: dict[str, Any] = version.facts
    linear = {row["feature"]: row["log_odds_per_sd"] for row in facts.get("coefficients") or []}
    mean = {row["feature"]: row["mean_abs_log_odds"] for row in facts.get("importance") or []}
    icc, share = facts.get("icc") or {}, facts.get("selection_frequency") or {}
    rows = tuple(
        (
            feature_in_words(name),
            decimal(icc.get(name)),
            percent(share.get(name)),
            _weight(name, linear, mean),
        )
        for name in version.selected
    )
    caption = str(version)
    return DataTable(
        ("Feature", "ICC", "Frequency", "Weight (log-odds)"), rows, caption, cite_version(version), (1, 2, 3)
    )


def _weight(name: str, linear: dict[str, float], mean: dict[str, float]) -> str:
    value = linear.get(name)
    if value is not None:
        return f"+{decimal(value)}" if value > 0 else decimal(value)
    return f"{decimal(mean[name])} (mean, absolute)" if name in mean else "–"


def classifiers(records: Records) -> Section | None:
    """Write how the classifiers compared within training patients, for each model."""
    blocks: list[Block] = []
    for version in records.versions:
        compared: dict[str, dict[str, Any]] = version.facts.get("comparison") or {}
        chosen: dict[str, int] = version.facts.get("chosen") or {}
        rows = tuple(
            (
                classifier_in_words(name),
                decimal(row.get("auc"), 3),
                decimal(row.get("se"), 3),
                "yes" if row.get("eligible") else "no",
                "yes" if row.get("chosen") else "no",
                str(chosen.get(name, 0)) if chosen else "–",
            )
            for name, row in compared.items()
        )
        columns = ("Classifier", "Inner AUC", "Standard error", "Within one SE", "Chosen", "Outer folds")
        if rows:
            caption = str(version)
            blocks.append(DataTable(columns, rows, caption, cite_version(version), (1, 2, 5)))
    rule = (
        "Measured in inner folds of the training patients. The simplest classifier within one standard error of the best "
        "is chosen. Outer folds: how often nested cross-validation chose it."
    )
    return Section("Classifiers", (Paragraph(rule), *blocks)) if blocks else None


def habitats(records: Records) -> Section:
    """Write the codebook: how many habitats, what they are, why so many."""
    book: dict[str, Any] = records.habitat_model.codebook
    report: dict[str, Any] = book.get("report") or {}
    source = cite_habitats(records)
    algorithm = "a mixture of Gaussians" if book.get("algorithm") == "gmm" else "k-means"
    words = (
        f"{records.habitat_model.n_habitats} habitats, learned by {algorithm} from the scans of training patients only, "
        f"ordered by density. {report.get('why', '')}"
    )
    rows = tuple((f"Habitat {i}", decimal(hu, 0)) for i, hu in enumerate(book.get("centroid_mean_hu") or [], start=1))
    centroids = DataTable(("Habitat", "Mean of its supervoxels (HU)"), rows, "", source, (1,))
    tried = _tried(report, source)
    return Section("Habitats", tuple(b for b in (Paragraph(words.strip()), centroids, tried) if b))


def _tried(report: dict[str, Any], source: str) -> DataTable | None:
    by_k = report.get("by_k")
    if not isinstance(by_k, dict) or not by_k:
        return None
    rows = tuple(
        (
            f"{k} (chosen)" if str(k) == str(report.get("chosen_k")) else str(k),
            decimal(row.get("calinski_harabasz"), 0),
            decimal(row.get("silhouette")),
            decimal(row.get("davies_bouldin")),
            decimal(row.get("bootstrap_ari_median")),
        )
        for k, row in by_k.items()
    )
    columns = ("Habitats", "Calinski-Harabasz", "Silhouette", "Davies-Bouldin", "Bootstrap agreement (ARI)")
    return DataTable(columns, rows, "Numbers of habitats that were tried", source, (1, 2, 3, 4))

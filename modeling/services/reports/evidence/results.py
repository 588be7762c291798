"""What rows show about how models did."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modeling.models import Evaluation
from modeling.services.reports.evidence import Evidence
from modeling.services.reports.limitations import limitations_of
from modeling.services.reports.numbers import counted, decimal, interval, listed, p_value
from modeling.services.reports.records import (
    Records,
    cite_evaluation,
    cite_evaluations,
    cite_recipe,
    cite_run,
    cite_version,
)
from modeling.wording import factor_in_words

#: Views that look at no radiomics, and those that look at both timepoints or one.
BASELINES = ("clinical", "volume_change", "diameter_change")
SINGLE_TIME = ("whole_tumour_pre", "whole_tumour_post", "habitat_pre", "habitat_post")


def splits(records: Records) -> Evidence | None:
    """Say on what the models were tested."""
    rows = [e for version in records.versions for e in version.evaluations.all()]
    if not rows:
        return None
    names = list(dict.fromkeys(e.get_split_display().lower() for e in rows))
    return Evidence(f"Tested by {listed(names)}.", cite_evaluations(records))


def internal(records: Records) -> Evidence | None:
    """Say how the first model did on held-out patients of the training centre."""
    return _area(records, Evaluation.Split.INTERNAL_TEST)


def external(records: Records) -> Evidence | None:
    """Say how the first model did on patients of other centres."""
    return _area(records, Evaluation.Split.EXTERNAL)


def no_external(records: Records) -> Evidence | None:
    """Say so where it was not tested there."""
    return None if external(records) else Evidence("No external test was made.", cite_run(records))


def no_internal(records: Records) -> Evidence | None:
    """Say so where nobody of the training centre was held out."""
    return None if internal(records) else Evidence("No internal test was made.", cite_run(records))


def cross_validated(records: Records) -> Evidence | None:
    """Say how the first model did in cross-validation."""
    row = records.development(records.primary)
    return _area(records, row.split) if row else None


def _area(records: Records, split: str) -> Evidence | None:
    row = records.evaluation(records.primary, split)
    if row is None:
        return None
    area = interval(row.auc, row.auc_low, row.auc_high)
    words = f"{row.get_split_display()}: AUC {area} in {counted(row.n, 'patient')} with {row.events} MPR."
    return Evidence(words, cite_evaluation(row))


def metrics(records: Records) -> Evidence | None:
    """Say which measures there are."""
    if not splits(records):
        return None
    words = (
        "AUC; sensitivity, specificity, PPV, NPV, MCC at the frozen threshold; Brier score, calibration intercept and slope; "
        "net benefit, to compare models: no treatment decision is meant."
    )
    return Evidence(words, cite_evaluations(records))


def uncertainty(records: Records) -> Evidence | None:
    """Say which intervals there are."""
    rows = [e for version in records.versions for e in version.evaluations.all()]
    if not any(e.auc_low is not None for e in rows):
        return None
    resampled = any(e.metrics.get("auc_boot_low") is not None for e in rows)
    n = records.recipe.get("bootstraps")
    words = "95 % intervals: of the AUC from its influence curve (DeLong's where patients are independent)"
    words += f" and from {n} stratified bootstrap resamples" if resampled and n else ""
    return Evidence(f"{words}; Wilson's of proportions.", f"{cite_evaluations(records)}; {cite_recipe(records)}")


def calibrated(records: Records) -> Evidence | None:
    """Say how well the first model is calibrated where it was tested."""
    drawn = [
        records.evaluation(records.primary, s) for s in (Evaluation.Split.EXTERNAL, Evaluation.Split.INTERNAL_TEST)
    ]
    row = next((e for e in drawn if e and e.metrics.get("calibration_slope") is not None), None)
    if row is None:
        return None
    slope, intercept = (decimal(row.metrics.get(f"calibration_{name}")) for name in ("slope", "intercept"))
    words = (
        f"{row.get_split_display()}: calibration slope {slope}, intercept {intercept}, Brier score "
        f"{decimal(row.metrics.get('brier'), 3)}; plot in the study report."
    )
    return Evidence(words, cite_evaluation(row))


def not_calibrated(records: Records) -> Evidence | None:
    """Say so where calibration could not be measured."""
    return None if calibrated(records) else Evidence("Calibration could not be measured.", cite_run(records))


def compared(records: Records) -> Evidence | None:
    """Say which models were compared by a test."""
    rows: list[dict[str, Any]] = records.findings.get("comparisons") or []
    tested = [row for row in rows if row.get("p") is not None]
    if not tested:
        return None
    parts = [
        f"{row['model']} against {row['reference']} ({row['split'].replace('_', ' ')}): difference "
        f"{interval(row['difference'], row.get('low'), row.get('high'))}, Holm p {p_value(row.get('p_holm'))}"
        for row in tested
    ]
    words = f"DeLong's paired test with Holm's correction. {'; '.join(parts)}.".replace("_", " ")
    return Evidence(words, cite_run(records, "findings.comparisons"))


def against_simple(records: Records) -> Evidence | None:
    """Say how the first model stands beside models without radiomics."""
    pairs = []
    for split in (Evaluation.Split.EXTERNAL, Evaluation.Split.INTERNAL_TEST, "nested_cv"):
        rows = [e for e in records.of_split(split) if e.model_version.name in (*BASELINES, _name(records))]
        simple = [e for e in rows if e.model_version.name in BASELINES]
        if simple and len(rows) > len(simple):
            pairs = rows
            break
    if not pairs:
        return None
    parts = [f"{e.model_version.title.lower()} {interval(e.auc, e.auc_low, e.auc_high)}" for e in pairs]
    words = f"{pairs[0].get_split_display()}, AUC: {'; '.join(parts)}."
    return Evidence(words, "; ".join(cite_evaluation(e) for e in pairs))


def _name(records: Records) -> str:
    return records.primary.name if records.primary else ""


def no_simple(records: Records) -> Evidence | None:
    """Say so where nothing simple was trained beside."""
    return None if against_simple(records) else Evidence("No model without radiomics was trained.", cite_run(records))


def one_time_enough(records: Records) -> Evidence | None:
    """Say how models of one timepoint compare with those of both, if both were trained."""
    rows = [e for e in records.of_split("nested_cv") if e.model_version.name in (*SINGLE_TIME, _name(records))]
    if not any(e.model_version.name in SINGLE_TIME for e in rows):
        return None
    parts = [f"{e.model_version.title.lower()} {interval(e.auc, e.auc_low, e.auc_high)}" for e in rows]
    words = f"One timepoint beside both, nested cross-validation, AUC: {'; '.join(parts)}."
    return Evidence(words, "; ".join(cite_evaluation(e) for e in rows))


def not_one_time(records: Records) -> Evidence | None:
    """Say so where no model looked at one timepoint only."""
    if one_time_enough(records):
        return None
    words = "No model of the run looks at a single timepoint; the recipe every_view compares them."
    return Evidence(words, cite_recipe(records))


def heterogeneity(records: Records) -> Evidence | None:
    """Say how far centres differ."""
    row = (records.findings.get("heterogeneity") or {}).get(_name(records))
    if not row:
        return None
    words = (
        f"{counted(row['k'], 'external centre')}, random effects: AUC {interval(row['estimate'], row['low'], row['high'])}, I² "
        f"{decimal(row.get('i2_percent'), 0)} %, prediction interval {decimal(row.get('prediction_low'))} to "
        f"{decimal(row.get('prediction_high'))}."
    )
    return Evidence(words, cite_run(records, "findings.heterogeneity"))


def subgroups(records: Records) -> Evidence | None:
    """Say in which subgroups the first model was measured."""
    rows = (records.findings.get("subgroups") or {}).get(_name(records)) or []
    shown = [row for row in rows if row.get("auc") is not None]
    if not rows or records.primary is None:
        return None
    factors = listed(list(dict.fromkeys(factor_in_words(str(row["factor"])) for row in rows)))
    words = (
        f"Subgroups of {factors}: an AUC in {len(shown)} of {len(rows)}, interaction tests with Holm's correction."
    )
    return Evidence(words, f"{cite_run(records, 'findings.subgroups')}; {cite_version(records.primary)}")


def sample_size(records: Records) -> Evidence | None:
    """Say what the advice on sample size is."""
    advice = records.findings.get("sample_size")
    if not advice:
        return None
    return Evidence(f"Riley's criteria: {advice['sentence']}", cite_run(records, "findings.sample_size"))


def openings(records: Records) -> Evidence | None:
    """Say how often each external centre was looked at."""
    last = Counter(o.centre for o in records.openings)
    if not last:
        return None
    parts = [f"centre {centre} {counted(n, 'time')}" for centre, n in sorted(last.items())]
    source = "; ".join(f"TestOpening: centre {o.centre}, opening {o.number}" for o in records.openings)
    return Evidence(f"Outcomes of external centres were tested: {listed(parts)}.", source)


def limitations(records: Records) -> Evidence | None:
    """Say what the rows show against the numbers."""
    found = limitations_of(records)
    if not found:
        return None
    return Evidence(" ".join(text for text, _ in found), "; ".join(dict.fromkeys(source for _, source in found)))

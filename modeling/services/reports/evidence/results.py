"""What rows show about how models did."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modeling.models import Evaluation
from modeling.services.reports.evidence import Evidence
from modeling.services.reports.limitations import limitations_of
from modeling.services.reports.numbers import DASH, counted, decimal, interval, listed, p_value, span
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
_SIGNIFICANT = 0.05


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
    """Write so where no area of an external test is known."""
    return _no_area(records, Evaluation.Split.EXTERNAL)


def no_internal(records: Records) -> Evidence | None:
    """Write so where no area of an internal test is known."""
    return _no_area(records, Evaluation.Split.INTERNAL_TEST)


def _no_area(records: Records, split: str) -> Evidence | None:
    row = records.evaluation(records.primary, split)
    name = Evaluation.Split(split).label.lower()
    if row is None:
        return Evidence(f"No {name} was made.", cite_run(records))
    if row.auc is None:
        reason = (row.metrics.get("undefined") or {}).get("auc", "")
        return Evidence(f"The {name} gives no AUC. {reason}".strip(), cite_evaluation(row))
    return None


def cross_validated(records: Records) -> Evidence | None:
    """Say how the first model did in cross-validation."""
    row = records.development(records.primary)
    return _area(records, row.split) if row else None


def _area(records: Records, split: str) -> Evidence | None:
    row = records.evaluation(records.primary, split)
    if row is None or row.auc is None:
        return None
    area = interval(row.auc, row.auc_low, row.auc_high)
    words = f"{row.get_split_display()}: AUC {area} in {counted(row.n, 'patient')} with {row.events} MPR."
    return Evidence(words, cite_evaluation(row))


#: Measures as reports name them, and the name of each in a row.
_MEASURES = {
    "AUC": "auc",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "PPV": "ppv",
    "NPV": "npv",
    "MCC": "mcc",
    "Brier score": "brier",
    "calibration intercept": "calibration_intercept",
    "calibration slope": "calibration_slope",
    "net benefit": "decision_curve",
}


def metrics(records: Records) -> Evidence | None:
    """Return which measures the first model has on at least one split."""
    rows = [] if records.primary is None else list(records.primary.evaluations.all())
    values = [{**e.metrics, "auc": e.auc} for e in rows]
    known = [name for name, key in _MEASURES.items() if any(one.get(key) not in (None, []) for one in values)]
    if not known:
        return None
    words = f"Measured, where defined: {', '.join(known)}."
    if "net benefit" in known:
        words += " Net benefit compares models: no treatment decision is meant."
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
    words += "; Wilson's of proportions" if any(e.metrics.get("intervals") for e in rows) else ""
    return Evidence(f"{words}.", f"{cite_evaluations(records)}; {cite_recipe(records)}")


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
    return (
        None
        if calibrated(records)
        else Evidence("No test of held-out patients gives a calibration slope.", cite_run(records))
    )


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
        known = [e for e in records.of_split(split) if e.auc is not None]
        rows = [e for e in known if e.model_version.name in (*BASELINES, _name(records))]
        simple = [e for e in rows if e.model_version.name in BASELINES]
        if simple and any(e.model_version == records.primary and e not in simple for e in rows):
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
    """Write so where no simple model stands beside the first one."""
    if against_simple(records):
        return None
    simple = [version.title.lower() for version in records.versions if version.name in BASELINES]
    if not simple:
        return Evidence("No model of clinical data or of a change of size was trained.", cite_run(records))
    if _name(records) in BASELINES:
        return Evidence("The first model is itself one of clinical data or of a change of size.", cite_run(records))
    words = f"No split gives an AUC of the first model and of a simple one ({listed(simple)})."
    return Evidence(words, cite_run(records))


def one_time_inferior(records: Records) -> Evidence | None:
    """Write so where one timepoint is all that the first model needs, or a test shows that one alone does worse."""
    if records.primary and _name(records) in SINGLE_TIME:
        words = f"The first model looks at a single timepoint ({records.primary.title.lower()})."
        return Evidence(words, cite_version(records.primary))
    tested = _one_time_tests(records)
    if not tested or not all(_worse(row) for row in tested):
        return None
    words = f"A test shows models of one timepoint to be inferior: {_tests_in_words(tested)}."
    return Evidence(words, cite_run(records, "findings.comparisons"))


def one_time_not_inferior(records: Records) -> Evidence | None:
    """Return what is missing where nothing shows that one timepoint alone does worse."""
    if one_time_inferior(records):
        return None
    if tested := _one_time_tests(records):
        words = f"No test shows every model of one timepoint to be inferior: {_tests_in_words(tested)}."
        return Evidence(words, cite_run(records, "findings.comparisons"))
    if any(version.name in SINGLE_TIME for version in records.versions):
        words = "Models of one timepoint were trained, but no test compares the first model with them."
        return Evidence(words, cite_run(records))
    words = "No model of the run looks at a single timepoint; the recipe every_view compares them."
    return Evidence(words, cite_recipe(records))


def _one_time_tests(records: Records) -> list[dict[str, Any]]:
    """Return the tests of the first model against those of one timepoint, of the widest split that has them."""
    rows: list[dict[str, Any]] = records.findings.get("comparisons") or []
    known = [row for row in rows if row.get("p_holm") is not None and row["reference"] in SINGLE_TIME]
    for split in (Evaluation.Split.EXTERNAL, Evaluation.Split.INTERNAL_TEST, Evaluation.Split.NESTED_CV):
        if here := [row for row in known if row["split"] == split and row["model"] == _name(records)]:
            return here
    return []


def _worse(row: dict[str, Any]) -> bool:
    return bool(row["difference"] > 0 and row["p_holm"] < _SIGNIFICANT)


def _tests_in_words(rows: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{row['model']} against {row['reference']} ({row['split']}): difference of AUC "
        f"{interval(row['difference'], row.get('low'), row.get('high'))}, Holm p {p_value(row['p_holm'])}".replace(
            "_", " "
        )
        for row in rows
    )


def heterogeneity(records: Records) -> Evidence | None:
    """Say how far centres differ."""
    row = (records.findings.get("heterogeneity") or {}).get(_name(records))
    if not row:
        return None
    predicted = span(row.get("prediction_low"), row.get("prediction_high"))
    words = (
        f"{counted(row['k'], 'external centre')}, random effects: AUC {interval(row['estimate'], row['low'], row['high'])}, I² "
        f"{decimal(row.get('i2_percent'), 0)} %, "
        + (f"prediction interval {predicted}." if predicted != DASH else "no prediction interval can be given.")
    )
    return Evidence(words, cite_run(records, "findings.heterogeneity"))


def subgroups(records: Records) -> Evidence | None:
    """Say in which subgroups the first model was measured."""
    rows = (records.findings.get("subgroups") or {}).get(_name(records)) or []
    shown = [row for row in rows if row.get("auc") is not None]
    if not rows or records.primary is None:
        return None
    factors = listed(list(dict.fromkeys(factor_in_words(str(row["factor"])) for row in rows)))
    tested = {factor_in_words(str(row["factor"])) for row in rows if row.get("interaction_p") is not None}
    words = f"Subgroups of {factors}: an AUC in {len(shown)} of {len(rows)}; " + (
        f"interaction tested with Holm's correction: {listed(sorted(tested))}."
        if tested
        else "no interaction was tested."
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

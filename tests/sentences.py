"""The sentences that documents of a run may hold, each with the check that it is true of the run.

One table, `SENTENCES`. A text is read from its beginning, sentence by sentence, by the pattern that takes most of it; what no
pattern takes has no check and fails. Whoever writes a new sentence adds a line: a pattern, and what must hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import asinh, ceil, log, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score

from modeling.core.reporting.documents import Document
from modeling.core.study.comparators import AXIAL_POST, AXIAL_PRE, RADIOLOGIST, SUV_POST, SUV_PRE
from modeling.core.study.cuts import HISTOLOGY, VIABLE
from modeling.core.study.sensitivity import DAYS_DOSE_TO_CT
from modeling.core.study.validation import Predictions
from modeling.models import Evaluation, ModelVersion
from modeling.services.reports.metrics_score import ITEMS
from modeling.services.reports.records import Records
from modeling.wording import classifier_in_words, factor_in_words, view_in_words
from tests.random_runs import RandomRun, thirds

#: Ends a sentence.
_END = r"(?=\s|$)"
_NUMBER = r"−?\d+(?:\.\d+)?"
_AREA = rf"(?:–|{_NUMBER}(?: \({_NUMBER} to {_NUMBER}\))?)"
_SPLITS = {
    "nested cross-validation": "nested_cv",
    "internal test": "internal_test",
    "external test": "external",
    "leave one centre out": "leave_one_centre_out",
    "temporal test": "temporal",
}
_OF_TABLE = {"nested_cv": "training", "internal_test": "internal_test", "external": "external"}
_TITLE = r"(?:Volume change|Clinical|Integrated|(?:Whole tumour|Habitat)(?: pre| post)?)"
_SPLIT = "|".join(_SPLITS)
_CHANGES = ("volume_change", "diameter_change")
_SIMPLE = ("clinical", *_CHANGES)
_ONE_TIME = ("whole_tumour_pre", "whole_tumour_post", "habitat_pre", "habitat_post")
_FUSED = {"integrated": ("whole_tumour", "habitat")}


def number(text: str) -> float:
    """Read a number as reports write it."""
    return float(text.replace("−", "-").replace(",", ""))


def is_written(value: float | None, text: str) -> bool:
    """Return whether a text is a number to as many digits as it shows, or a dash where there is none."""
    if text == "–":
        return value is None or value != value
    digits = len(text.partition(".")[2])
    return value is not None and abs(number(text) - value) <= 0.5 * 10**-digits + 1e-9


def is_area(row: Evaluation | dict[str, Any], text: str, name: str = "auc", low: str = "", high: str = "") -> bool:
    """Return whether a text is an estimate of a row with its interval, as far as both are known."""
    values = row if isinstance(row, dict) else row.__dict__
    ends = (values.get(low or f"{name}_low"), values.get(high or f"{name}_high"))
    parts = re.findall(rf"{_NUMBER}|–", text)
    known = [values[name], *ends] if None not in (values[name], *ends) else [values[name]]
    return len(parts) == len(known) and all(is_written(value, part) for value, part in zip(known, parts, strict=True))


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of a run, from its table, its predictions and its rows."""

    made: RandomRun
    records: Records

    @cached_property
    def table(self) -> Any:
        return self.made.table

    @cached_property
    def recipe(self) -> dict[str, Any]:
        return self.made.run.recipe

    @cached_property
    def versions(self) -> list[ModelVersion]:
        return list(self.made.run.model_versions.order_by("pk"))

    @cached_property
    def primary(self) -> ModelVersion:
        return next((v for v in self.versions if v.name == "integrated"), self.versions[-1])

    @cached_property
    def rows(self) -> list[Evaluation]:
        found = Evaluation.objects.filter(model_version__run=self.made.run).select_related("model_version")
        return list(found.order_by("pk"))

    def row(self, split: str, name: str = "") -> Evaluation | None:
        wanted = name or self.primary.name
        return next(
            (r for r in self.rows if r.split == split and not r.centre and r.model_version.name == wanted), None
        )

    def titled(self, title: str) -> str:
        return next(v.name for v in self.versions if v.title.lower() == title.lower())

    def n(self, split: str) -> int:
        return int((self.table.split == split).sum())

    def events(self, split: str) -> int:
        return int(self.table.y[self.table.split == split].sum())

    def smaller(self, split: str) -> int:
        return min(self.events(split), self.n(split) - self.events(split))

    @cached_property
    def centres(self) -> Counter[str]:
        return Counter(self.table.centre)

    @cached_property
    def recorded(self) -> dict[str, Any]:
        return self.made.run.findings["recorded"]

    @cached_property
    def predictability(self) -> dict[str, float]:
        found = self.made.run.findings["centre_predictability"]
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def tested(self) -> list[dict[str, Any]]:
        return [row for row in self.made.run.findings["comparisons"] if row["p"] is not None]

    def columns(self, view: str) -> pd.DataFrame:
        X = self.table.X[self.table.split == "training"]
        groups = {"integrated": ("whole_tumour", "habitat")}.get(view, (view,))
        if view.endswith(("_pre", "_post")):
            group, _, time = view.rpartition("_")
            return X[[c for c in X if c.startswith(f"{group}|{time}|")]]
        return X[[c for c in X if c.split("|")[0] in groups]]

    def candidates(self, view: str) -> int:
        """Count what meets the outcome, from the table alone."""
        if view in _CHANGES:
            return 1
        if view in _FUSED:
            return sum(self.candidates(part) for part in _FUSED[view])
        X = self.columns(view)
        kept = X.loc[:, (X.isna().mean() <= self.recipe["max_missing_fraction"]) & (X.nunique() > 1)]
        patterns = {tuple(kept[c].isna()) for c in kept if kept[c].isna().any()}
        return kept.shape[1] + len(patterns)

    def above_chance(self) -> bool:
        known = [r for r in self.rows if r.split == "nested_cv" and r.auc is not None and r.auc_low is not None]
        folds, repeats = self.recipe["cv_folds"], self.recipe["cv_repeats"]
        wider = sqrt(1 / repeats + folds / (folds - 1)) * stats.norm.ppf(1 - 0.025 / len(self.versions)) / 1.959964
        return any(r.auc - wider * (r.auc - r.auc_low) > 0.5 for r in known)

    def perfect(self) -> set[str]:
        rows = [r for r in self.rows if r.split == "nested_cv" and r.auc_low is None and r.auc is not None]
        return {r.model_version.name for r in rows if r.auc > 1 - 1e-9}

    def some_interval(self) -> bool:
        return any(r.split == "nested_cv" and r.auc_low is not None for r in self.rows)


def area_of(made: RandomRun, name: str, split: str, centre: str) -> float | None:
    """Compute an area from predictions, in folds where predictions come from several models."""
    if split == "nested_cv":
        if name in made.study.nested:
            nested = made.study.nested[name]
            y = made.table.y.loc[nested.predictions.index].to_numpy()
            p, folds = nested.predictions.to_numpy()[:, 0], nested.folds.to_numpy().reshape(len(y), -1)[:, 0]
        else:
            one = made.predictions[name][split]
            y, p, folds = one.outcomes, one.probabilities, thirds(one.outcomes)
        areas = [_area(y[folds == fold], p[folds == fold]) for fold in np.unique(folds)]
        known = [area for area in areas if area is not None]
        return float(np.mean(known)) if known else None
    one = made.predictions[name][split]
    here = (made.table.centre.loc[one.y.index] == centre).to_numpy() if centre else np.ones(len(one.y), dtype=bool)
    return _area(one.outcomes[here], one.probabilities[here])


def _area(y: np.ndarray, p: np.ndarray) -> float | None:
    return None if len(set(y.tolist())) < 2 else float(roc_auc_score(y, p))


Holds = Callable[[re.Match[str], Facts], bool]


@dataclass(frozen=True)
class Sentence:
    """One kind of sentence; `holds` is None for what says nothing of the run."""

    pattern: re.Pattern[str]
    holds: Holds | None


def says(pattern: str, holds: Holds) -> Sentence:
    """Return a sentence that claims something."""
    return Sentence(re.compile(pattern + _END), holds)


def fixed(*texts: str) -> list[Sentence]:
    """Return words that are the same in every document and say nothing of the run."""
    return [Sentence(re.compile(re.escape(text) + _END), None) for text in texts]


# What is claimed, and what must then hold.


def _headline(m: re.Match[str], f: Facts) -> bool:
    parts = m["parts"].split("; ")
    expected = [s for s in ("nested_cv", "internal_test", "external") if f.row(s)]
    found = [re.fullmatch(rf"({_SPLIT}) ({_AREA}), (\d+) patients? with (\d+) MPR", part) for part in parts]
    return (
        m["view"] == view_in_words(f.primary.name)
        and [_SPLITS[one[1]] for one in found if one] == expected
        and all(
            _counts(f, _SPLITS[one[1]], one[3], one[4]) and is_area(f.row(_SPLITS[one[1]]), one[2])
            for one in found
            if one
        )
    )


def _counts(f: Facts, split: str, n: str, events: str) -> bool:
    part = _OF_TABLE[split]
    return (f.n(part), f.events(part)) == (int(n), int(events))


def _one_area(m: re.Match[str], f: Facts) -> bool:
    split = _SPLITS[m["split"].lower()]
    return _counts(f, split, m["n"], m["events"]) and is_area(f.row(split), m["area"])


def _riley(m: re.Match[str], f: Facts) -> bool:
    n, events = f.n("training"), f.events("training")
    share = events / n
    r2 = 0.15 * (1 - np.exp(2 * (share * log(share) + (1 - share) * log(1 - share))))
    parameters, needed = f.candidates(f.primary.name), number(m["needed"])
    shrinkage = parameters / (-0.1 * log(1 - r2 / 0.9))
    enough = "are enough" in m[0]
    return (
        number(m["candidates"]) == parameters
        and needed >= shrinkage
        and m["share"] == f"{share:.0%}"
        and (int(m["n"]), int(m["events"])) == (n, events)
        and enough == (n >= needed)
        and m["r2"] == f"{r2:.2f}"
    )


def _against(m: re.Match[str], f: Facts, low: bool, high: bool) -> bool:
    row = f.row(_SPLITS[m["split"]])
    ends = (row.auc_low, row.auc_high)
    return None not in ends and (ends[0] > 0.5, ends[1] < 0.5) == (low, high) and is_area(row, m["area"])


def _separated(m: re.Match[str], f: Facts, right: bool) -> bool:
    split = _SPLITS[m["split"]]
    one, row = f.made.predictions[f.primary.name][split], f.row(split)
    events, others = one.probabilities[one.outcomes == 1], one.probabilities[one.outcomes == 0]
    order = events.min() > others.max() if right else events.max() < others.min()
    return bool(order) and row.auc_low is None


def _not_held_out(m: re.Match[str], f: Facts) -> bool:
    rows = [r for r in f.rows if r.split == "leave_one_centre_out" and r.centre == m["centre"]]
    return m["centre"] in f.centres and not rows


def _telling(m: re.Match[str], f: Facts) -> bool:
    return f.predictability[m["view"]] > 0.8 and is_written(f.predictability[m["view"]], m["area"])


def _listed_centres(m: re.Match[str], f: Facts) -> bool:
    found = re.findall(r"(\w+) \((\d+) patients?\)", m["parts"])
    return {code: int(n) for code, n in found} == f.centres and int(m["n"]) == len(f.centres)


def _readings(f: Facts) -> list[dict[str, Any]]:
    return f.recorded["readings"]


def _masks(f: Facts) -> list[dict[str, Any]]:
    return f.recorded["masks"]


_SAMPLINGS = {"complete": "complete", "as_iaslc": "as IASLC asks above 3 cm", "incomplete": "incomplete"}


def _stated(text: str) -> dict[str, int]:
    return {word: int(n) for word, _, n in (part.rpartition(" ") for part in text.split(", "))}


def _counted(f: Facts, name: str, words: dict[Any, str]) -> dict[str, int]:
    return dict(Counter(words.get(row[name], "not stated") for row in _readings(f)))


def _spectrum(f: Facts, *kinds: str) -> tuple[int, int, int]:
    """Count patients, those of known response, and MPR, of some kinds of patients left out."""
    rows = [row for row in f.made.run.findings["spectrum"] if row["kind"] in kinds]
    return tuple(sum(row[key] for row in rows) for key in ("n", "known", "events"))  # type: ignore[return-value]


_GONE = ("complete_response", "post_not_evaluable")


def _percent_is(text: str, value: float) -> bool:
    return abs(float(text) - 100 * value) <= 0.0501


def _gone(m: re.Match[str], f: Facts) -> bool:
    n, known, events = _spectrum(f, *_GONE)
    modelled = f.table.y
    if m["events"] is None:
        return (int(m["n"]), known) == (n, 0)
    together = (events + int(modelled.sum())) / (known + len(modelled))
    return (
        (int(m["n"]), int(m["events"]), int(m["known"])) == (n, events, known)
        and _percent_is(m["together"], together)
        and _percent_is(m["alone"], float(modelled.mean()))
    )


def _unoperated(m: re.Match[str], f: Facts) -> bool:
    n, known, _ = _spectrum(f, "not_operated")
    unknown, y = n - known, f.table.y
    if (int(m["n"]), int(m["unknown"])) != (n, unknown):
        return False
    if m["counted"] is None:
        return unknown == 0
    return (
        int(m["counted"]) == unknown
        and _percent_is(m["before"], float(y.mean()))
        and _percent_is(m["after"], int(y.sum()) / (len(y) + unknown))
    )


def _complete_more_often(f: Facts) -> bool:
    _, known, events = _spectrum(f, "complete_response")
    if not known:
        return False
    low = stats.binomtest(events, known).proportion_ci(method="wilson").low
    return bool(low > f.table.y.mean())


def _needed(f: Facts) -> int:
    """Compute what an external validation needs, measure by measure (Riley et al., Stat Med 2021;40:4230-4251)."""
    share, area = float(f.table.y[f.table.split == "training"].mean()), _nested_area(f)
    found = [(1 - share) / (share * (asinh(0.1) / 1.96) ** 2)]
    x = _nested_log_odds(f)
    if np.std(x) > 1e-6:
        p = 1 / (1 + np.exp(-x))
        w = p * (1 - p)
        information = np.array([[w.mean(), (w * x).mean()], [(w * x).mean(), (w * x * x).mean()]])
        found.append(float(np.linalg.inv(information)[1, 1]) / (0.1 / 1.96) ** 2)
    if area is not None and 0 < area < 1:
        target = 0.05 / 1.96

        def error(n: float) -> float:
            half = n / 2 - 1
            top = area * (1 - area) * (1 + half * (1 - area) / (2 - area) + half * area / (1 + area))
            return sqrt(top / (n**2 * share * (1 - share)))

        found.append(optimize.brentq(lambda n: error(n) - target, 2, 1e7))
    return max(ceil(n - 1e-6) for n in found)


def _nested_area(f: Facts) -> float | None:
    return area_of(f.made, f.primary.name, "nested_cv", "")


def _nested_log_odds(f: Facts) -> np.ndarray:
    p = _told(f, "nested_cv").probabilities
    return np.log(p / (1 - p))


def _told(f: Facts, split: str) -> Predictions:
    """Return what the first model says of each patient of a split; out of fold it is the mean of the repeats."""
    if split != "nested_cv" or f.primary.name not in f.made.study.nested:
        return f.made.predictions[f.primary.name][split]
    mean = f.made.study.nested[f.primary.name].predictions.mean(axis=1)
    return Predictions(f.table.y.loc[mean.index], mean)


def _external_size(m: re.Match[str], f: Facts) -> bool:
    needed, share = int(number(m["n"])), float(f.table.y[f.table.split == "training"].mean())
    if abs(needed - _needed(f)) > 1 or abs(number(m["m"]) - needed * share) > 1:
        return False
    row, external = f.row("external"), f.table.y[f.table.split == "external"]
    if row is None or m["tested"] is None:
        return row is None and m["tested"] is None
    enough = "is enough" if len(external) >= needed else "is fewer"
    return (int(m["tested"]), int(m["events"]), m["enough"]) == (len(external), int(external.sum()), enough)


def _assumed(m: re.Match[str], f: Facts) -> bool:
    share = float(f.table.y[f.table.split == "training"].mean())
    return (
        is_written(100 * share, m["share"])
        and is_written(_nested_area(f), m["area"])
        and is_written(float(np.std(_nested_log_odds(f))), m["spread"])
    )


def _alone(m: re.Match[str], f: Facts) -> bool:
    version = next(v for v in f.versions if v.name == m["view"])
    weighed = version.facts["importance"]
    row = f.row("external", version.name)
    return (
        weighed[0]["feature"] == m["feature"]
        and weighed[0]["mean_abs_log_odds"] >= 0.9 * sum(one["mean_abs_log_odds"] for one in weighed)
        and row.auc > 0.98
        and is_written(row.auc, m["area"])
    )


def _known_comparators(f: Facts) -> set[str]:
    """Return the comparators that are known of any patient, from the table alone."""
    X, facts = f.table.X, f.table.facts
    found = set()
    if AXIAL_PRE in X:
        pre, post = X[AXIAL_PRE], X[AXIAL_POST]
        if ((pre >= 10) & (post >= 0)).any():
            found.add("RECIST 1.1 by the outlines (longest axial diameter)")
        if ((pre > 0) & post.notna()).any():
            found.add("change of the longest axial diameter")
    if RADIOLOGIST in facts and facts[RADIOLOGIST].isin(["CR", "PR", "SD", "PD"]).any():
        found.add("radiologist's reading (RECIST 1.1)")
    if SUV_PRE in facts and ((facts[SUV_PRE] > 0) & facts[SUV_POST].notna()).any():
        found.add("change of SUVmax (PET)")
    return found


_COMPARATORS = {
    "RECIST 1.1 by the outlines (longest axial diameter)",
    "radiologist's reading (RECIST 1.1)",
    "change of the longest axial diameter",
    "change of SUVmax (PET)",
}


def _absent(m: re.Match[str], f: Facts) -> bool:
    told = re.split(r", | and ", m["names"])
    return len(told) == len(set(told)) and set(told) == _COMPARATORS - _known_comparators(f)


def _no_complete_response(m: re.Match[str], f: Facts) -> bool:
    return not (f.table.X[AXIAL_POST] == 0).any()


def _beside_days(m: re.Match[str], f: Facts) -> bool:
    split = _SPLITS[m["split"].lower()]
    told = _told(f, split)
    days = f.table.X[DAYS_DOSE_TO_CT].loc[told.y.index].to_numpy(dtype=float)
    known = ~np.isnan(days)
    p, y = np.clip(told.probabilities[known], 1e-9, 1 - 1e-9), told.outcomes[known]
    both = np.column_stack([np.log(p / (1 - p)), days[known] / 7])
    coefficients, full = _logistic(both, y)
    value = float(stats.chi2.sf(max(0.0, 2 * (full - _logistic(both[:, 1:], y)[1])), 1))
    tested, kept = number(m["p"].lstrip("<= ")), value < 0.05 and coefficients[1] > 0
    return (
        split != "nested_cv"
        and int(m["n"]) == known.sum()
        and is_written(float(coefficients[1]), m["b"])
        and (value < 0.001 + 1e-6 if m["p"].startswith("<") else abs(value - tested) <= 6e-4)
        and kept == (m["verdict"] == "remains")
    )


def _logistic(columns: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Return coefficients, the intercept first, and the log-likelihood of a logistic regression."""
    scale = columns.std(axis=0)
    X = np.column_stack([np.ones(len(y)), columns / scale])

    def loss(b: np.ndarray) -> float:
        return float(np.logaddexp(0, np.where(y == 1, -1, 1) * (X @ b)).sum())

    def slope(b: np.ndarray) -> np.ndarray:
        return X.T @ (1 / (1 + np.exp(-X @ b)) - y)

    found = optimize.minimize(loss, np.zeros(X.shape[1]), jac=slope, method="BFGS", options={"gtol": 1e-7})
    return found.x / np.array([1.0, *scale]), -float(found.fun)


def _learned_anew(m: re.Match[str], f: Facts) -> bool:
    names = {part for v in f.versions for part in (v.name, *_FUSED.get(v.name, ()))}
    expected = [
        *(["habitats"] if any(name.startswith("habitat") for name in names) else []),
        *(["reproducibility"] if _icc(f) and f.recipe["icc_minimum"] is not None else []),
        *(["selection of features"] if names - set(_CHANGES) else []),
        "classifier",
        *(["calibration"] if f.recipe["calibration"] != "none" else []),
        "threshold",
    ]
    return re.split(r", | and ", m["what"]) == expected and f.row("nested_cv") is not None


def _recalibrated(m: re.Match[str], f: Facts) -> bool:
    way = f.recipe["calibration"]
    return f.recipe["class_weight"] is not None and m["way"] == (None if way == "none" else way)


def _same(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else abs(one - other) <= 1e-9


def untrue_rows(f: Facts) -> Iterator[str]:
    """Return rows of other cuts and of comparators that are not what the table and the predictions give."""
    for row in f.made.run.findings["cuts"]["rows"]:
        told = _told(f, row["split"])
        facts = f.table.facts.loc[told.y.index]
        cuts = {"adenocarcinoma": 65.0, "squamous": 10.0}
        limit = (
            facts[HISTOLOGY].map(cuts) if row["cut"] == "by histology" else pd.Series(float(row["cut"]), facts.index)
        )
        known = (limit.notna() & facts[VIABLE].notna()).to_numpy()
        y = (facts[VIABLE] <= limit).to_numpy()[known].astype(int)
        area = _area(y, told.probabilities[known])
        # Out of fold the area is a mean within folds, tested with the cuts themselves.
        same = row["split"] == "nested_cv" or _same(area, row["auc"])
        if (row["n"], row["events"], row["own"]) != (len(y), int(y.sum()), row["cut"] == "10") or not same:
            yield f"Not true: {row}"
    for row in f.made.run.findings["comparators"]:
        here = f.table.split == row["split"]
        y, X, facts = f.table.y[here], f.table.X[here], f.table.facts[here]
        if row["comparator"] == "radiologist":
            known = facts[RADIOLOGIST].isin(["CR", "PR", "SD", "PD"])
            called = facts[RADIOLOGIST].isin(["CR", "PR"])
        elif row["comparator"] == "axial_recist":
            known = (X[AXIAL_PRE] >= 10) & (X[AXIAL_POST] >= 0)
            called = X[AXIAL_POST] <= 0.7 * X[AXIAL_PRE]
        else:
            pre, post = (
                (X[AXIAL_PRE], X[AXIAL_POST]) if "axial" in row["comparator"] else (facts[SUV_PRE], facts[SUV_POST])
            )
            known = pre.notna() & post.notna()
            area = _area(y[known].to_numpy(), -(post / pre)[known].to_numpy())
            if not _same(area, row["auc"]):
                yield f"Not true: {row}"
            called = None
        if (row["n"], row["events"], row["n_of_split"]) != (int(known.sum()), int(y[known].sum()), int(here.sum())):
            yield f"Not true: {row}"
        for name, label in (("sensitivity", 1), ("specificity", 0)) if called is not None else ():
            of_class = known & (y == label)
            share = (called[of_class] == bool(label)).mean() if of_class.any() else None
            if not _same(share, row[name]):
                yield f"Not true: {row}"


def _named(rows: list[dict[str, Any]], key: str) -> set[str]:
    return {row[key] for row in rows if row[key]}


def _flow(m: re.Match[str], f: Facts) -> bool:
    left_out = len(f.made.run.snapshot.excluded)
    sizes = [f.n(split) for split in ("training", "internal_test", "external")]
    return [int(m[k]) for k in ("all", "out", "in", "a", "b", "c")] == [
        len(f.table.X) + left_out,
        left_out,
        len(f.table.X),
        *sizes,
    ] and (m["reasons"] is None) == (left_out == 0)


def _events(m: re.Match[str], f: Facts) -> bool:
    found = re.findall(r"(training|internal test|external test) (\d+) with (\d+) MPR", m[0])
    known = {"training": "training", "internal test": "internal_test", "external test": "external"}
    expected = [(name, f.n(split), f.events(split)) for name, split in known.items() if f.n(split)]
    return [(name, int(n), int(k)) for name, n, k in found] == expected


def _gaps(m: re.Match[str], f: Facts) -> bool:
    holes = f.table.X.isna()
    return (int(m["n"]), int(m["all"])) == (int(holes.any().sum()), holes.shape[1]) and is_written(
        100 * float(holes.to_numpy().mean()), m["share"]
    )


def _beside(m: re.Match[str], f: Facts) -> bool:
    split = _SPLITS[m["split"].lower()]
    found = [
        part.rsplit(" ", 1) if "(" not in part else re.split(r" (?=[\d–])", part, maxsplit=1)
        for part in m["parts"].split("; ")
    ]
    names = [f.titled(title) for title, _ in found]
    return (
        f.primary.name in names
        and bool(set(names) & set(_SIMPLE) - {f.primary.name})
        and all(area != "–" and is_area(f.row(split, f.titled(title)), area) for title, area in found)
    )


def _tests(text: str, f: Facts) -> list[dict[str, Any]] | None:
    """Return the rows of comparisons that a text tells, or None if one of them is told wrong."""
    pattern = (
        rf"([\w ]+?) against ([\w ]+?) \(([\w ]+)\): difference(?: of AUC)? ({_NUMBER} \({_NUMBER} to {_NUMBER}\)), "
        r"Holm p (< 0\.001|\d\.\d{3})"
    )
    told = []
    for one in text.split("; "):
        m = re.fullmatch(pattern, one)
        rows = [
            r
            for r in f.tested
            if m and [r[k].replace("_", " ") for k in ("model", "reference", "split")] == [m[1], m[2], m[3]]
        ]
        if not m or len(rows) != 1 or not is_area(rows[0], m[4], "difference", "low", "high"):
            return None
        p = rows[0]["p_holm"]
        if not (p < 0.001 if m[5].startswith("<") else is_written(p, m[5])):
            return None
        told.append(rows[0])
    return told


def _inferior(m: re.Match[str], f: Facts, shown: bool) -> bool:
    rows = _tests(m["tests"], f)
    return (
        rows is not None
        and {r["reference"] for r in rows} <= set(_ONE_TIME)
        and shown == all(r["difference"] > 0 and r["p_holm"] < 0.05 for r in rows)
    )


def _pooled(m: re.Match[str], f: Facts) -> bool:
    row = f.made.run.findings["heterogeneity"][f.primary.name]
    areas = [
        r for r in f.rows if r.split == "external" and r.centre and r.model_version == f.primary and r.auc is not None
    ]
    ends = (row["prediction_low"], row["prediction_high"])
    return (
        int(m["k"]) == row["k"] == len(areas)
        and is_area(row, m["area"], "estimate", "low", "high")
        and is_written(row["i2_percent"], m["i2"])
        and (m["none"] is not None) == (None in ends)
        and (m["none"] is not None or (is_written(ends[0], m["low"]) and is_written(ends[1], m["high"])))
    )


def _measured(m: re.Match[str], f: Facts) -> bool:
    keys = {
        "AUC": "auc",
        "PPV": "ppv",
        "NPV": "npv",
        "MCC": "mcc",
        "Brier score": "brier",
        "net benefit": "decision_curve",
    }
    rows = [r.metrics | {"auc": r.auc} for r in f.rows if r.model_version == f.primary]
    names = m["names"].split(", ")
    return all(any(r[keys.get(name, name.replace(" ", "_"))] not in (None, []) for r in rows) for name in names)


def _printed(m: re.Match[str], f: Facts) -> bool:
    found = f.records.equation(f.primary)
    n = len(found.parts) if found else 0
    return (
        found is not None
        and (int(m["terms"]), int(m["parts"])) == (sum(len(p.terms) for p in found.parts), n)
        and ("weights of the fusion" in m[0]) == (n > 1)
        and ("each centre" in m[0]) == (f.recipe["harmonise"] != "none")
    )


def _subgroups(m: re.Match[str], f: Facts) -> bool:
    rows = f.made.run.findings["subgroups"][f.primary.name]
    factors = {factor_in_words(r["factor"]) for r in rows if r["interaction_p"] is not None}
    told = set(re.split(r", | and ", m["tested"])) if m["tested"] else set()
    return (
        (int(m["n"]), int(m["all"])) == (sum(r["auc"] is not None for r in rows), len(rows))
        and told == factors
        and set(re.split(r", | and ", m["factors"])) == {factor_in_words(r["factor"]) for r in rows}
    )


def _filled(m: re.Match[str], f: Facts) -> bool:
    return int(m["n"]) <= int(m["all"])  # the number itself is compared with the items of the document


def _days(m: re.Match[str], f: Facts) -> bool:
    known = [
        p["post_scan_to_surgery_days"] for p in f.recorded["patients"] if p["post_scan_to_surgery_days"] is not None
    ]
    return (
        int(m["n"]) == len(known)
        and int(m["all"]) == len(f.recorded["patients"])
        and is_written(np.median(known), m["median"])
    )


def _doses(m: re.Match[str], f: Facts) -> bool:
    days = [date.fromisoformat(p["first_dose_on"]) for p in f.recorded["patients"] if p["first_dose_on"]]
    return (m["a"], m["b"], int(m["n"]), int(m["all"])) == (
        f"{min(days):%B %Y}",
        f"{max(days):%B %Y}",
        len(days),
        len(f.table.X),
    )


def _entered(m: re.Match[str], f: Facts) -> bool:
    counts = Counter(p["clinical_before_surgery"] for p in f.recorded["patients"])
    return [int(m[k]) for k in ("before", "all", "after", "unknown")] == [
        counts[True],
        len(f.table.X),
        counts[False],
        counts[None],
    ]


def _guessed(m: re.Match[str], f: Facts) -> bool:
    found = re.findall(rf"([a-z ]+?) ({_NUMBER})(?:, | and |$)", m["parts"])
    told = {name.strip(): value for name, value in found}
    return set(told) == {name.replace("_", " ") for name in f.predictability} and all(
        is_written(value, told[name.replace("_", " ")]) for name, value in f.predictability.items()
    )


def _differences(m: re.Match[str], f: Facts) -> bool:
    values = [number(value) for value in re.findall(r"\((\d+\.\d\d)\)", m["parts"])]
    return f.n("external") > 0 and 0 < len(values) <= 3 and values == sorted(values, reverse=True)


def _selected(m: re.Match[str], f: Facts) -> bool:
    shares = [100 * value for value in f.primary.facts["selection_frequency"].values()]
    icc = list(f.primary.facts["icc"].values())
    return (
        int(m["n"]) == len(f.primary.selected)
        and is_written(min(shares), m["low"])
        and is_written(max(shares), m["high"])
        and (m["a"] is None) == (not icc)
        and (m["a"] is None or (is_written(min(icc), m["a"]) and is_written(max(icc), m["b"])))
    )


def _models(m: re.Match[str], f: Facts, what: Callable[[ModelVersion], str]) -> bool:
    return m[0] == "; ".join(f"{v.title}: {what(v).lower()}" for v in f.versions) + "."


def _kinds(m: re.Match[str], f: Facts) -> bool:
    names = {v.name for v in f.versions}
    told = {f.titled(t) for group in ("simple", "both") if m[group] for t in re.split(r", | and ", m[group])}
    return told == names & {*_SIMPLE, *_FUSED}


def _compared(m: re.Match[str], f: Facts) -> bool:
    version = next(v for v in f.versions if str(v) == m["model"])
    found = version.facts["comparison"]
    return (
        len(found) - 1 == int(m["n"]) > 0
        and is_written(found["logistic"]["auc"], m["area"])
        and m["chosen"] == classifier_in_words(version.classifier).lower()
    )


def _icc(f: Facts) -> bool:
    return any(v.facts["icc"] for v in f.versions)


def _series(m: re.Match[str], f: Facts) -> bool:
    makers = Counter(mask["manufacturer"] or "not stated" for mask in _masks(f))
    told = {name: int(n) for name, n in re.findall(r"([\w ]+?) \((\d+)\)", m["makers"])}
    contrast = Counter(mask["contrast"] for mask in _masks(f))
    words = {"with contrast": True, "without contrast": False, "contrast not stated": None}
    seen = {
        words[name]: int(n)
        for name, n in re.findall(r"(with contrast|without contrast|contrast not stated) \((\d+)\)", m[0])
    }
    return {k.strip(): v for k, v in told.items()} == makers and seen == contrast and int(m["n"]) == len(_masks(f))


SENTENCES: tuple[Sentence, ...] = (
    # What every document says.
    *fixed(
        "Research use only. Not a medical device; nothing in this document is meant to guide care.",
        "Every number comes from the database; beside each table and figure stands the row that holds it.",
        "Each sentence follows from the row beside it. Limitations that no row can show (selection of hospitals, "
        "choices before the "
        "data were entered) are for the author to add.",
        "n (percent of those known) or median [quartiles]. SMD: standardised mean difference from the training "
        "patients; above 0.1 is "
        "often called a difference worth a look.",
        "Random effects over the external centres. The prediction interval says where the AUC of another such centre "
        "would be expected.",
        "Ideal: intercept 0, slope 1, O:E 1. ICI: integrated calibration index; ECE: expected calibration error; HL: "
        "Hosmer-Lemeshow "
        "test, a weak measure that depends on the number of patients.",
        "An area is given with at least 10 responders and 10 non-responders; other subgroups show their counts only.",
        "ICC: intraclass correlation under disturbed masks, where it was measured. Frequency: share of bootstrap "
        "refits that select "
        "the feature. Weight: log-odds per standard deviation for a linear classifier, otherwise the mean absolute "
        "contribution in "
        "log-odds.",
        "Measured in inner folds of the training patients. The simplest classifier within one standard error of the "
        "best is chosen. "
        "Outer folds: how often nested cross-validation chose it.",
        "Meant for: An estimate, before surgery, of whether a resectable lung tumour shows a major pathological "
        "response after "
        "neoadjuvant treatment, from CT before and after. For research on groups of patients under an approved "
        "protocol.",
        "Out of scope: Not for the care of any patient; not for choosing, omitting or timing surgery or treatment; "
        "not for tumours, "
        "scans or treatments unlike those it learned from; not for patients without both scans; not instead of "
        "pathology.",
        "the others are marked “author”. An item is reported once its answer stands in the manuscript. Wording of "
        "the items is ours.",
        "Items: Kocak et al., Insights Imaging 2023;14:75.",
        "Items: Collins et al., BMJ 2024;385:e078378 (27 items; sub-items in our wording).",
        "Achieved weights over applicable weights. An item marked “author” is never counted as achieved, so the "
        "first line is a lower "
        "bound: the author's answers can only raise it. Items and weights: Kocak et al., Insights Imaging 2024;15:8; "
        "the wording is ours.",
        "Net reclassification can favour a model that is badly calibrated and adds nothing (Hilden & Gerds 2014; "
        "Pepe et al. 2015): read "
        "it beside calibration and decision curves.",
        "Yes.",  # the verdict itself is checked by item, see `VERDICTS`
        "No.",
        "To confirm:",
        "To confirm or complete:",
        "Not reported here:",
        "Riley's criteria:",
        "A patient is modelled who has an assigned centre, a current pathology reading and, before and after "
        "treatment, an evaluable CT "
        "with a tumour mask whose features were extracted.",
        "Study report, section Characteristics by split: Age (years), Sex, Smoking, Histology before treatment, Clinical "
        "stage, TNM edition of the clinical stage, PD-L1 (%), Location "
        "(entered, or measured on the CT), Cycles of treatment, Pathological response, with missing values.",
        "A column that tells the outcome does that, and so does chance among few patients.",
        "Two habitats have the best index among the stable ones.",  # said by the codebook, and quoted
        "One mask per scan counts.",
        "Agreement between readers is not known.",
    ),
    says(
        r"How a probability is computed\. Of each term take the value .+? one of the training patients\.",
        lambda m, f: any(f.records.equation(v) for v in f.versions),
    ),
    says(
        r"Before all else a value is multiplied by the slope of the patient's centre and its offset is added; of "
        r"other centres the model "
        r"says nothing\.",
        lambda m, f: f.recipe["harmonise"] == "combat",
    ),
    says(
        r"SYNTHETIC DATA\. Every patient, scan and outcome of this cohort was generated by a computer\.",
        lambda m, f: f.recorded["is_synthetic"],
    ),
    says(r"All data are synthetic: generated by a computer\.", lambda m, f: f.recorded["is_synthetic"]),
    says(
        r"All patients, scans and outcomes were generated by a computer: no number says anything about people\.",
        lambda m, f: f.recorded["is_synthetic"],
    ),
    says(r"Characteristics are those that the run used\.", lambda m, f: bool(f.recorded)),
    says(
        r"Equal table, recipe, seed \((?P<seed>\d+)\) and versions give equal models\. To repeat, run this command "
        r"and compare the digests:",
        lambda m, f: int(m["seed"]) == f.recipe["seed"],
    ),
    says(
        r"manage\.py train --cohort (?P<c>\S+) --recipe (?P<r>\S+) --wait",
        lambda m, f: (m["c"], m["r"]) == (f.made.run.cohort.code, f.made.run.recipe_name),
    ),
    says(
        r"(?P<n>\d+) of (?P<all>\d+) items are filled from the database, each with the row that it rests on;", _filled
    ),
    # How the models did.
    says(
        r"(?P<view>.+?), version \d+: AUC for a major pathological response \(95 % interval\) in (?P<parts>.+?)\.",
        _headline,
    ),
    says(
        rf"(?P<split>Nested cross-validation|Internal test|External test): AUC (?P<area>{_AREA}) in (?P<n>\d+) "
        rf"patients? with (?P<events>\d+) MPR\.",
        _one_area,
    ),
    says(
        r"Tested by (?P<names>.+?)\.",
        lambda m, f: {_SPLITS[name] for name in re.split(r", | and ", m["names"])} == {r.split for r in f.rows},
    ),
    says(r"Measured, where defined: (?P<names>.+?)\.", _measured),
    says(
        r"95 % intervals: of the AUC from its influence curve \(DeLong's where patients are independent\)(?P<boot> "
        r"and from (?P<n>\d+) "
        r"stratified bootstrap resamples)?(?P<wilson>; Wilson's of proportions)?\.",
        lambda m, f: (
            any(r.auc_low is not None for r in f.rows)
            and bool(m["boot"]) == any(r.metrics["auc_boot_low"] is not None for r in f.rows)
            and (not m["boot"] or int(m["n"]) == f.recipe["bootstraps"])
            and bool(m["wilson"]) == any(r.metrics["intervals"] for r in f.rows)
        ),
    ),
    says(
        rf"(?P<split>Internal test|External test): calibration slope (?P<slope>{_NUMBER}), intercept "
        rf"(?P<a>{_NUMBER}|–), Brier score "
        rf"(?P<brier>{_NUMBER}); plot in the study report\.",
        lambda m, f: all(
            is_written(f.row(_SPLITS[m["split"].lower()]).metrics[key], m[group])
            for key, group in (("calibration_slope", "slope"), ("calibration_intercept", "a"), ("brier", "brier"))
        ),
    ),
    says(
        r"No test of held-out patients gives a calibration slope\.",
        lambda m, f: all(
            r is None or r.metrics["calibration_slope"] is None for r in (f.row("internal_test"), f.row("external"))
        ),
    ),
    says(
        rf"Probabilities were (?P<what>too extreme|not extreme enough) in the external test \(calibration slope "
        rf"(?P<slope>{_NUMBER})\)\.",
        lambda m, f: (
            is_written(slope := f.row("external").metrics["calibration_slope"], m["slope"])
            and (slope < 0.8 if m["what"] == "too extreme" else slope > 1.25)
        ),
    ),
    says(r"(?P<split>Nested cross-validation|Internal test|External test), AUC: (?P<parts>.+?)\.", _beside),
    says(
        r"No model of clinical data or of a change of size was trained\.",
        lambda m, f: not {v.name for v in f.versions} & set(_SIMPLE),
    ),
    says(
        r"The first model is itself one of clinical data or of a change of size\.",
        lambda m, f: f.primary.name in _SIMPLE,
    ),
    says(
        r"No split gives an AUC of the first model and of a simple one \((?P<names>[\w ,]+)\)\.",
        lambda m, f: (
            {f.titled(t) for t in re.split(r", | and ", m["names"])} <= set(_SIMPLE)
            and not any(
                f.row(s, v.name) and f.row(s, v.name).auc is not None and f.row(s) and f.row(s).auc is not None
                for s in ("nested_cv", "internal_test", "external")
                for v in f.versions
                if v.name in _SIMPLE
            )
        ),
    ),
    says(
        r"The first model looks at a single timepoint \((?P<t>[\w ]+)\)\.",
        lambda m, f: f.titled(m["t"]) == f.primary.name and f.primary.name in _ONE_TIME,
    ),
    says(
        r"No model of the run looks at a single timepoint; the recipe every_view compares them\.",
        lambda m, f: not {v.name for v in f.versions} & set(_ONE_TIME),
    ),
    says(
        r"Models of one timepoint were trained, but no test compares the first model with them\.",
        lambda m, f: (
            bool({v.name for v in f.versions} & set(_ONE_TIME))
            and not any(r["reference"] in _ONE_TIME for r in f.tested)
        ),
    ),
    says(
        r"No test shows every model of one timepoint to be inferior: (?P<tests>.+?)\.",
        lambda m, f: _inferior(m, f, False),
    ),
    says(
        r"A test shows models of one timepoint to be inferior: (?P<tests>.+?)\.", lambda m, f: _inferior(m, f, True)
    ),
    says(
        r"DeLong's paired test with Holm's correction\. (?P<tests>.+?)\.",
        lambda m, f: (rows := _tests(m["tests"], f)) is not None and len(rows) == len(f.tested),
    ),
    says(
        r"(?:Not tested where: )?The paired test needs two patients of each class and predictions that vary\.",
        lambda m, f: any(r["p"] is None for r in f.made.run.findings["comparisons"]),
    ),
    says(
        rf"(?P<k>\d+) external centres, random effects: AUC (?P<area>{_AREA}), I² (?P<i2>{_NUMBER}|–) %, "
        rf"(?:(?P<none>no prediction interval "
        rf"can be given)|prediction interval (?P<low>{_NUMBER}) to (?P<high>{_NUMBER}))\.",
        _pooled,
    ),
    says(
        r"Subgroups of (?P<factors>[\w ,]+): an AUC in (?P<n>\d+) of (?P<all>\d+); (?:no interaction was "
        r"tested|interaction tested with "
        r"Holm's correction: (?P<tested>[\w ,]+))\.",
        _subgroups,
    ),
    # Chance.
    says(
        r"There is no sign that any model does better than chance: in nested cross-validation no interval of an area "
        r"under the ROC curve, "
        r"widened for the number of models, lies above 0\.5\.",
        lambda m, f: f.some_interval() and not f.above_chance() and not f.perfect(),
    ),
    says(
        r"Whether any model does better than chance cannot be told: in nested cross-validation no interval of an "
        r"area under the ROC curve "
        r"can be given\.",
        lambda m, f: not f.some_interval() and not f.perfect(),
    ),
    says(
        r"The model (?P<view>\w+) separates the classes perfectly in nested cross-validation, so no interval of its "
        r"area can be given\.",
        lambda m, f: m["view"] in f.perfect(),
    ),
    says(
        rf"The interval of the (?P<split>{_SPLIT}) includes 0\.5, so chance is not ruled out: AUC "
        rf"(?P<area>{_AREA})\.",
        lambda m, f: _against(m, f, False, False),
    ),
    says(
        rf"The interval of the (?P<split>{_SPLIT}) lies below 0\.5: the model ranks the wrong way round there \(AUC "
        rf"(?P<area>{_AREA})\)\.",
        lambda m, f: _against(m, f, False, True),
    ),
    says(
        rf"The (?P<split>{_SPLIT}) separates the classes perfectly, so no interval of the AUC can be given\.",
        lambda m, f: _separated(m, f, True),
    ),
    says(
        rf"The (?P<split>{_SPLIT}) separates the classes perfectly, but the wrong way round, so no interval of the "
        rf"AUC can be given\.",
        lambda m, f: _separated(m, f, False),
    ),
    says(
        rf"The (?P<split>{_SPLIT}) gives no interval of the AUC\. (?:The classes are separated perfectly or not "
        rf"ordered at all, so DeLong's "
        r"variance is zero|The smaller class has one patient, so the variance is unknown)\.",
        lambda m, f: (
            (row := f.row(_SPLITS[m["split"]])).auc not in (None, 0, 1)
            and row.auc_low is None
            and ("one patient" in m[0]) == (f.smaller(_OF_TABLE[row.split]) == 1)
            and ("one patient" in m[0] or row.auc == 0.5)
        ),
    ),
    says(
        rf"The (?P<split>{_SPLIT}) gives no AUC\. All (?P<n>\d+) patients are (?P<what>responders|non-responders); "
        rf"the area needs both\.",
        lambda m, f: (
            _counts(f, s := _SPLITS[m["split"]], m["n"], m["n"] if m["what"] == "responders" else "0")
            and f.row(s).auc is None
        ),
    ),
    says(
        r"Run (?P<run>\d+) has no (?P<split>internal test|external test)\.",
        lambda m, f: int(m["run"]) == f.made.run.number and f.row(_SPLITS[m["split"]]) is None,
    ),
    says(r"No (?P<split>internal test|external test) was made\.", lambda m, f: f.row(_SPLITS[m["split"]]) is None),
    # How many, and for how many models.
    says(
        r"A model that chooses among (?P<candidates>[\d,]+) candidate features? needs about (?P<needed>[\d,]+) "
        r"patients at this response rate "
        r"\((?P<share>\d+%)\); (?:there are )?(?P<n>\d+)(?: patients)? with (?P<events>\d+) responders(?: are "
        r"enough\.|, so its probabilities "
        r"may be too extreme in new patients\.) This assumes that the model explains 15% of what can be explained "
        r"\(Cox-Snell R2 of "
        r"(?P<r2>\d\.\d\d)\), the usual advice where no earlier study tells\. Counted is every column that is "
        r"compared with the outcome, in "
        r"all parts of the model and with the indicators of missing values, not only those that are selected\.",
        _riley,
    ),
    says(
        r"The smaller class of the (?P<who>training patients|patients of external centres) has (?P<n>\d+) patients?, "
        r"fewer than 100\.",
        lambda m, f: int(m["n"]) == f.smaller("training" if m["who"].startswith("training") else "external") < 100,
    ),
    says(
        r"At most one feature per (?P<per>\d+) training patients of the smaller class \((?P<n>\d+)\); the largest "
        r"single model has (?P<most>\d+) "
        r"features?\.",
        lambda m, f: (
            int(m["most"]) == max(len(v.selected) for v in f.versions if v.name not in _FUSED)
            and int(m["n"]) == f.smaller("training")
            and int(m["most"]) <= max(1, f.smaller("training") // f.recipe["patients_per_feature"])
        ),
    ),
    says(
        r"A model has (?P<most>\d+) features?, more than one per (?P<per>\d+) training patients of the smaller class "
        r"\((?P<n>\d+)\)\.",
        lambda m, f: (
            int(m["most"]) == max(len(v.selected) for v in f.versions if v.name not in _FUSED)
            and int(m["n"]) == f.smaller("training")
            and int(m["most"]) > max(1, f.smaller("training") // f.recipe["patients_per_feature"])
        ),
    ),
    says(
        r"Training: (?P<a>\d+) with and (?P<b>\d+) without MPR; class weights: (?P<w>\w+); no resampling\.",
        lambda m, f: (
            (int(m["a"]), int(m["b"])) == (f.events("training"), f.n("training") - f.events("training"))
            and m["w"] == (f.recipe["class_weight"] or "none")
        ),
    ),
    says(r"Patients and events: .+?\.", _events),
    says(
        r"(?P<all>\d+) enrolled, (?P<out>\d+) left out(?P<reasons>: [^;]+ \(\d+\))?; (?P<in>\d+) modelled: training "
        r"(?P<a>\d+), internal test "
        r"(?P<b>\d+), external test (?P<c>\d+)\.",
        _flow,
    ),
    says(
        r"(?P<out>\d+) of (?P<all>\d+) patients \((?P<share>\d+) %\) were left out; those modelled may differ from "
        r"them\.",
        lambda m, f: (
            int(m["out"]) == len(f.made.run.snapshot.excluded)
            and int(m["all"]) == len(f.table.X) + int(m["out"])
            and is_written(100 * int(m["out"]) / int(m["all"]), m["share"])
            and int(m["out"]) > 0.2 * int(m["all"])
        ),
    ),
    says(
        r"By patient, before anything was learned: training (?P<a>\d+), internal test (?P<b>\d+) \(training centre, "
        r"stratified by outcome, by a "
        r"hash of seed (?P<seed>\d+) and code\), external test (?P<c>\d+) \(all other centres\)\.",
        lambda m, f: (
            [int(m[k]) for k in "abc"] == [f.n(s) for s in ("training", "internal_test", "external")]
            and int(m["seed"]) == f.recipe["seed"]
        ),
    ),
    # Centres and time.
    says(r"(?P<n>\d+) centres?: (?P<parts>.+?)\.", _listed_centres),
    says(
        r"Models learned at one centre \((?P<c>\w+)\); its scanners and patients shape what they look for\.",
        lambda m, f: set(f.table.centre[f.table.split == "training"]) == {m["c"]},
    ),
    says(r"The centre (?P<centre>\w+) was not held out by itself\.", _not_held_out),
    says(
        r"It has (?P<n>\d+) patients; at least 10 are tested together\.",
        lambda m, f: int(m["n"]) < 10,
    ),
    says(r"All its (?P<n>\d+) patients have the same outcome\.", lambda m, f: int(m["n"]) >= 10),
    says(
        r"The others have (?P<a>\d+) responders and (?P<b>\d+) non-responders; at least (?P<k>\d+) of each are "
        r"needed\.",
        lambda m, f: min(int(m["a"]), int(m["b"])) < int(m["k"]) == f.recipe["minimum_per_class"],
    ),
    says(
        r"Models that harmonise hospitals have no estimate for one that they were not fitted on: no hospital was "
        r"held out, and hospitals "
        r"outside training were not tested\.",
        lambda m, f: (
            f.recipe["harmonise"] == "combat"
            and not any(
                r.split == "leave_one_centre_out" or (r.split == "external" and r.model_version.name not in _CHANGES)
                for r in f.rows
            )
        ),
    ),
    says(r"There is no temporal test\.", lambda m, f: not any(r.split == "temporal" for r in f.rows)),
    says(r"The order of treatment is not known\.", lambda m, f: f.table.facts["order|days"].isna().all()),
    says(
        r"The features of the model (?P<view>\w+) tell the hospital \(area (?P<area>\d\.\d\d)\): differences between "
        r"hospitals may stand in for differences between patients\.",
        _telling,
    ),
    says(
        r"The features of (?P<n>\d+) models? tell the centres apart \(highest AUC (?P<area>\d\.\d\d), (?P<view>[\w "
        r"]+)\): differences between "
        r"hospitals may stand in for biology\.",
        lambda m, f: (
            int(m["n"]) == sum(v > 0.7 for v in f.predictability.values())
            and is_written(max(f.predictability.values()), m["area"])
            and f.predictability[f.titled(m["view"])] == max(f.predictability.values())
        ),
    ),
    says(
        r"AUC of guessing the centre from the features: (?P<parts>.+?)\. Harmonisation: (?P<h>\w+)\.",
        lambda m, f: _guessed(m, f) and m["h"] == f.recipe["harmonise"],
    ),
    says(
        r"Outcomes of external centres were tested: (?P<parts>.+?)\.",
        lambda m, f: (
            {c: int(n) for c, n in re.findall(r"centre (\w+) (\d+) times?", m["parts"])}
            == Counter(o.centre for o in f.records.openings)
        ),
    ),
    says(
        r"The outcomes of centre (?P<c>\w+) were tested (?P<n>\d+) times, so they are no longer untouched\.",
        lambda m, f: Counter(o.centre for o in f.records.openings)[m["c"]] == int(m["n"]) > 1,
    ),
    says(
        r"No opening of an external centre is on record for this run\.", lambda m, f: not f.made.run.openings.exists()
    ),
    says(r"Largest standardised differences between training and external patients: (?P<parts>.+?)\.", _differences),
    says(
        r"First doses from (?P<a>\w+ \d+) to (?P<b>\w+ \d+), known of (?P<n>\d+) of (?P<all>\d+) patients\.", _doses
    ),
    says(
        r"From the CT after treatment to surgery: median (?P<median>\d+) days \(quartiles \d+ to \d+; n = "
        r"(?P<n>\d+)\), of (?P<all>\d+) patients\.",
        _days,
    ),
    # Patients, readings and masks.
    says(
        r"Clinical predictors: (?P<names>[\w ,]+)\. Entered, and last changed, before the day of surgery: "
        r"(?P<before>\d+) of (?P<all>\d+) patients?; "
        r"on it or later: (?P<after>\d+); not known: (?P<unknown>\d+)\.",
        _entered,
    ),
    says(
        r"Neoadjuvant treatment: (?P<given>.+?); cycles: (?:not known|median \d+ cycles \(quartiles \d+ to \d+; n = "
        r"(?P<n>\d+)\))\.",
        lambda m, f: int(m["n"] or 0) == sum(p["cycles"] is not None for p in f.recorded["patients"]),
    ),
    says(
        r"Major pathological response: at most (?P<t>[\d.]+) % residual viable tumour in the resected primary "
        r"tumour\.",
        lambda m, f: float(m["t"]) == float(f.made.run.snapshot.mpr_threshold_percent),
    ),
    says(
        r"(?P<n>\d+) readings \(pathology report (?P<r>\d+)\) by (?P<k>\d+) named readers?; sampling of the tumour bed: "
        r"(?P<sampling>[^;]+); TNM edition: (?P<edition>[^;]+); viable tumour recorded in percent\.",
        lambda m, f: (
            [int(m[k]) for k in ("n", "r", "k")]
            == [len(_readings(f)), len(_readings(f)), len(_named(_readings(f), "reader"))]
            and _stated(m["sampling"]) == _counted(f, "sampling", _SAMPLINGS)
            and _stated(m["edition"]) == _counted(f, "tnm_edition", {9: "9th", 8: "8th"})
        ),
    ),
    says(
        r"Blind to model output, of (?P<n>\d+) readings?: (?P<blind>[^.]+)\.",
        lambda m, f: (
            int(m["n"]) == len(_readings(f))
            and _stated(m["blind"]) == _counted(f, "blinded", {True: "yes", False: "no"})
        ),
    ),
    says(
        r"Whether the reader was blind to model output is not stated of (?P<n>\d+) of (?P<all>\d+) readings\.",
        lambda m, f: (
            (int(m["n"]), int(m["all"])) == (sum(r["blinded"] is None for r in _readings(f)), len(_readings(f)))
        ),
    ),
    says(
        r"How the tumour bed was sampled is not stated of (?P<n>\d+) of (?P<all>\d+) patients\.",
        lambda m, f: (
            (int(m["n"]), int(m["all"])) == (sum(not r["sampling"] for r in _readings(f)), len(_readings(f)))
        ),
    ),
    says(
        r"(?P<n>\d+) of (?P<all>\d+) readings were not blind to model output\.",
        lambda m, f: (
            (int(m["n"]), int(m["all"]))
            == (
                sum(r["blinded"] is False for r in _readings(f)),
                len(_readings(f)),
            )
        ),
    ),
    says(
        r"The tumour bed was not sampled completely in (?P<n>\d+) of (?P<all>\d+) patients\.",
        lambda m, f: (
            (int(m["n"]), int(m["all"]))
            == (
                sum(r["sampling"] == "incomplete" for r in _readings(f)),
                len(_readings(f)),
            )
        ),
    ),
    says(
        r"The pathology readings name at most one reader; their agreement is not known\.",
        lambda m, f: len(_named(_readings(f), "reader")) <= 1,
    ),
    says(r"(?P<n>\d+) CT series; manufacturers: (?P<makers>.+?); kernels: .+?; tube voltage .+?\); .+?\.", _series),
    says(
        r"(?P<n>\d+) tumour masks?: RTSTRUCT \((?P<k>\d+)\); tools: not stated \(\d+\); (?P<who>\d+ named "
        r"authors?|authors not named)\.",
        lambda m, f: (
            int(m["n"]) == int(m["k"]) == len(_masks(f))
            and int(re.match(r"\d*", m["who"])[0] or 0) == len(_named(_masks(f), "author"))
        ),
    ),
    says(
        r"All (?P<n>\d+) masks of test patients name one author\.",
        lambda m, f: (
            len(test := [k for k in _masks(f) if f.table.split[k["patient"]] != "training"]) == int(m["n"])
            and len({k["author"] for k in test}) == 1
            and "" not in {k["author"] for k in test}
        ),
    ),
    says(
        r"All masks name one reader\.",
        lambda m, f: len({k["author"] for k in _masks(f)}) == 1 and bool(_named(_masks(f), "author")),
    ),
    says(
        r"(?P<n>\d+) of (?P<all>\d+) masks name one reader, the others none\.",
        lambda m, f: (
            len(_named(_masks(f), "author")) == 1
            and 0 < int(m["n"]) == sum(bool(k["author"]) for k in _masks(f)) < int(m["all"]) == len(_masks(f))
        ),
    ),
    says(r"The masks do not say who drew them\.", lambda m, f: not _named(_masks(f), "author")),
    # Columns, and what is done with them.
    says(
        r"(?P<n>\d+) columns \((?P<parts>.+?)\)\.",
        lambda m, f: (
            int(m["n"]) == f.table.X.shape[1]
            and {g: int(n) for g, n in re.findall(r"([a-z ]+?) (\d+)(?:, |$)", m["parts"])}
            == Counter(c.split("|")[0].replace("_", " ") for c in f.table.X)
        ),
    ),
    says(r"(?P<n>\d+) of (?P<all>\d+) columns have gaps \((?P<share>\d+\.\d) % of all values\)\.", _gaps),
    says(
        r"Columns with more than (?P<k>\d+) % gaps in the training patients are dropped, others get the training "
        r"median and an indicator\.",
        lambda m, f: (
            int(m["k"]) == 100 * f.recipe["max_missing_fraction"] and any(v.name not in _CHANGES for v in f.versions)
        ),
    ),
    says(
        r"A change of size that is missing gets the training median\.",
        lambda m, f: any(v.name in _CHANGES for v in f.versions),
    ),
    says(
        r"Winsorised to training percentiles (?P<a>\d+) and (?P<b>\d+), z-scored with training mean and deviation\.",
        lambda m, f: [float(m["a"]), float(m["b"])] == list(f.recipe["winsor_percentiles"]),
    ),
    says(
        r"Within training folds only: Mann-Whitney p < (?P<p>[\d.]+); absolute Spearman correlation at most "
        r"(?P<s>[\d.]+); mRMR, (?P<k>\d+) "
        r"features; LASSO \((?P<l>\d+) folds, (?P<rule>\w+)\)\.",
        lambda m, f: (
            (float(m["p"]), float(m["s"]), int(m["k"]), int(m["l"]), m["rule"])
            == tuple(
                f.recipe[k]
                for k in ("univariate_p", "max_abs_spearman", "mrmr_features", "lasso_folds", "lasso_rule")
            )
            and any(v.name not in _CHANGES for v in f.versions)
        ),
    ),
    says(
        r"Each model has one predictor, named beforehand; nothing is selected\.",
        lambda m, f: all(v.name in _CHANGES and len(v.selected) == 1 for v in f.versions),
    ),
    says(
        r"Of features with absolute Spearman correlation above (?P<s>[\d.]+), one is kept; then mRMR\.",
        lambda m, f: (
            float(m["s"]) == f.recipe["max_abs_spearman"] and any(v.name not in _CHANGES for v in f.versions)
        ),
    ),
    says(
        r"CT and mask, preprocessing, whole-tumour features and habitats \(codebook learned from training "
        r"patients\), cleaning, (?P<h>harmonisation "
        r"of centres, )?stability, univariate filter, correlation pruning, mRMR, LASSO, classifier, frozen "
        r"threshold\.",
        lambda m, f: bool(m["h"]) == (f.recipe["harmonise"] != "none"),
    ),
    says(
        r"Features were measured again under disturbed masks and images of training patients; those with ICC\(2,1\) "
        r"below (?P<k>[\d.]+) "
        r"\(estimate\) are dropped inside each fold\.",
        lambda m, f: _icc(f) and float(m["k"]) == f.recipe["icc_minimum"],
    ),
    says(
        r"No selected feature carries an ICC, so (?:nothing is known of its stability under another mask|no row "
        r"shows that unstable features were "
        r"dropped)\.",
        lambda m, f: not _icc(f),
    ),
    says(
        r"No limit of the ICC is set, so no feature was dropped for instability\.",
        lambda m, f: f.recipe["icc_minimum"] is None,
    ),
    says(
        r"[\w ]+ \d+: (?P<n>\d+) features?, selected in (?P<low>\d+) to (?P<high>\d+) % of bootstrap refits(?:; ICC "
        r"(?P<a>\d\.\d\d) to "
        r"(?P<b>\d\.\d\d))?\.",
        _selected,
    ),
    says(
        r"Resampled to 1 mm isotropic voxels \(bspline\)\. Grey levels: bins of 25 HU\. Images: original, Laplacian "
        r"of Gaussian \(sigma 1, 2, 3, 4, "
        r"5 mm\), eight wavelet bands\.(?: Habitats: 1 mm voxels, fixed windows \(lung −1350 to 150 HU, mediastinum "
        r"−125 to 225 HU\), "
        r"supervoxels, kmeans clustering\.)?",
        lambda m, f: f.records.protocol.name == "standard",
    ),
    says(
        r"Resampled to 1 mm isotropic voxels \(bspline\)\.",
        lambda m, f: f.records.protocol.spec.radiomics.resampled_spacing_mm == 1,
    ),
    says(r"Grey levels: bins of 25 HU\.", lambda m, f: f.records.protocol.spec.radiomics.bin_width_hu == 25),
    says(
        r"Images: original, Laplacian of Gaussian \(sigma 1, 2, 3, 4, 5 mm\), eight wavelet bands\.",
        lambda m, f: (
            f.records.protocol.spec.radiomics.wavelet
            and list(f.records.protocol.spec.radiomics.log_sigma_mm) == [1, 2, 3, 4, 5]
        ),
    ),
    says(
        r"Families: (?P<names>[\w, ]+); and of habitats their fractions, spatial interaction and heterogeneity\.",
        lambda m, f: m["names"].split(", ") == list(f.records.protocol.spec.radiomics.classes),
    ),
    says(
        r"Engine (?P<e>\w+), convention (?P<c>\w+)(?:; pyradiomics (?P<v>[\d.]+) installed as its reference)?\.",
        lambda m, f: (
            (m["e"], m["c"], m["v"])
            == (
                f.records.protocol.spec.radiomics.engine,
                f.records.protocol.spec.radiomics.convention,
                f.made.run.versions.get("pyradiomics"),
            )
        ),
    ),
    says(
        r"Every parameter stands in the frozen protocol (?P<p>\w+); sha256 (?P<d>\w{64})\.",
        lambda m, f: (m["p"], m["d"]) == (f.records.protocol.name, f.records.protocol.digest),
    ),
    says(
        r"(?P<k>\d+) habitats, learned (?:by (?P<how>k-means|a mixture of Gaussians) from the scans of training "
        r"patients only, ordered by "
        r"density|from training patients only)\.",
        lambda m, f: (
            int(m["k"]) == f.records.habitat_model.n_habitats
            and m["how"]
            in (
                None,
                {"kmeans": "k-means", "gmm": "a mixture of Gaussians"}[f.records.habitat_model.codebook["algorithm"]],
            )
        ),
    ),
    # Models.
    says(
        rf"(?:{_TITLE}: [^:.;]+; )*{_TITLE}: (?:integrated: )?[^:.;]+\.",
        lambda m, f: (
            _models(m, f, lambda v: classifier_in_words(v.classifier))
            or _models(m, f, lambda v: view_in_words(v.name))
        ),
    ),
    says(
        r"(?:Without radiomics but size: (?P<simple>[\w ,]+))?(?:; )?(?:combining other models: (?P<both>[\w "
        r",]+))?\.",
        _kinds,
    ),
    says(
        r"Nested: (?P<a>\d+) outer folds, (?P<b>\d+) repeats?, (?P<c>\d+) inner folds; candidates: (?P<names>[\w "
        r",-]+)\. Seed (?P<seed>\d+)\.",
        lambda m, f: (
            [int(m[k]) for k in ("a", "b", "c", "seed")]
            == [f.recipe[k] for k in ("cv_folds", "cv_repeats", "inner_folds", "seed")]
            and m["names"].split(", ") == [classifier_in_words(n).lower() for n in f.recipe["classifiers"]]
        ),
    ),
    says(
        r"The simplest classifier within one standard error of the best inner AUC is taken; refitted on all training "
        r"patients\.",
        lambda m, f: any(v.facts["comparison"] for v in f.versions),
    ),
    says(
        r"(?P<model>[\w ]+): logistic regression was compared with (?P<n>\d+) other classifiers?, inner AUC "
        r"(?P<area>\d\.\d\d); chosen was "
        r"(?P<chosen>[\w ,-]+)\.",
        _compared,
    ),
    says(
        r"(?P<model>[\w ]+) gives a probability of MPR\. Frozen thresholds: (?P<a>\d\.\d{3}) \((?P<rule>\w+)\) and "
        r"(?P<b>\d\.\d{3}) \(sensitivity "
        r"(?P<floor>\d+) % in training\), both from training patients' out-of-fold predictions\.",
        lambda m, f: (
            m["model"] == str(f.primary)
            and is_written(f.primary.threshold, m["a"])
            and is_written(f.primary.threshold_sensitive, m["b"])
            and (m["rule"], int(m["floor"])) == (f.recipe["threshold_rule"], 100 * f.recipe["sensitivity_floor"])
        ),
    ),
    says(
        r"(?P<model>[\w ]+): (?P<n>\d+) features?; the fitted object \(scaler, selection, classifier, thresholds\) "
        r"is stored under sha256 "
        r"(?P<sha>\w{16})…, its codebook as .+?\)\.",
        lambda m, f: (
            (m["model"], int(m["n"]), m["sha"]) == (str(f.primary), len(f.primary.selected), f.primary.sha256[:16])
        ),
    ),
    says(
        r"(?P<model>[\w ]+) is printed whole in the study report and in the model card, section Equation of "
        r"(?P=model): intercepts, weights, medians "
        r"of imputation, winsor limits, means and standard deviations of (?P<terms>\d+) terms? in (?P<parts>\d+) "
        r"parts?, with calibration(?:, the "
        r"correction of each centre)?(?: and the weights of the fusion)?\.",
        _printed,
    ),
    says(
        r"(?P<model>[\w ]+) \((?P<c>[\w -]+)\): (?P<why>its stored file cannot be read here|it is no weighted sum "
        r"that can be printed); the fitted "
        r"object has the sha256 (?P<sha>\w{64})\.",
        lambda m, f: (
            (m["model"], m["sha"], m["c"])
            == (str(f.primary), f.primary.sha256, classifier_in_words(f.primary.classifier).lower())
            and f.records.equation(f.primary) is None
            and ("file" in m["why"]) == (f.primary.name not in f.made.study.models)
        ),
    ),
    says(
        r"Mean absolute contribution of each feature in log-odds, and contributions for each prediction\.",
        lambda m, f: bool(f.primary.facts["importance"]),
    ),
    says(
        r"(?P<names>CLEAR and TRIPOD\+AI) written from the same rows\.",
        lambda m, f: {"clear", "tripod"} <= f.records.sheets,
    ),
    says(
        r"Recipe sha256 (?P<d>\w{16})…, seed (?P<seed>\d+); versions: (?P<v>.+?)\.",
        lambda m, f: (
            f.made.run.recipe_digest.startswith(m["d"])
            and int(m["seed"]) == f.recipe["seed"]
            and m["v"] == ", ".join(f"{k} {v}" for k, v in sorted(f.made.run.versions.items()))
        ),
    ),
    says(
        r"No model of the run is an end-to-end deep network\.",
        lambda m, f: (
            {v.classifier for v in f.versions}
            <= {"logistic", "elastic_net", "linear_svm", "rbf_svm", "knn", "random_forest"}
        ),
    ),
    # Beyond the models: who was left out, what a clinic goes by, other cuts, sizes.
    *fixed(
        "Facts to judge by:",
        "Sensitivity analysis, not a result of its own.",
        "Nothing is fitted and no threshold chosen, so training patients count as the others do.",
        "A response is CR or PR by RECIST 1.1 of one target lesion (Eisenhauer et al., Eur J Cancer 2009;45:228): a fall of the "
        "longest axial diameter by at least 30 %; a lesion is measurable from 10 mm.",
        "For measured changes a larger fall speaks for MPR.",
        "Each row counts the patients of whom the comparator is known, who need not be all those of a model.",
        "Net benefit compares models: no treatment decision is meant.",
        "Decision curves: no treatment decision is meant: nobody in this study would act on this estimate before surgery; the "
        "curve compares models, not policies.",
        "The widths are the usual targets (Riley et al., Stat Med 2021;40:4230-4251).",
    ),
    says(
        r"This run did not record the viable percentage, so its predictions cannot be held against other cuts\.",
        lambda m, f: f.made.run.findings["cuts"]["rows"] == [],
    ),
    says(
        r"This run did not compute how large an external validation would have to be\.",
        lambda m, f: f.made.run.findings["external_size"] is None,
    ),
    says(r"Known of no modelled patient: (?P<names>(?:[^.]|\.(?=\d))+)\.", _absent),
    says(
        r"By the outlines nobody can have a complete response: a tumour that is gone has no outline\.",
        _no_complete_response,
    ),
    *fixed(
        "Logistic regression of MPR on the log-odds of the model, alone and beside the days from the last dose to the CT "
        "after treatment. p: likelihood ratio test of one beside the other. The model itself is not fitted again.",
        "Areas where both scans of a patient were made alike and where they were not, for patients of whom both headers "
        "say so. Headers tell whether contrast was given, not in which phase. In nested cross-validation the area is over "
        "the predictions of all folds, without interval or test. An area is given with at least 10 responders and 10 "
        "non-responders.",
        "Domains and signalling questions: Moons et al., BMJ 2025;388:e082505 (16 questions on the quality of development, "
        "18 on the risk of bias of evaluation); the wording is ours.",
        "No quality, risk of bias or applicability is judged by the software; that is for a person, best one who took no "
        "part in the study.",
    ),
    says(
        rf"(?P<split>Internal test|External test): the association of the model with MPR (?P<verdict>remains|is not shown to "
        rf"remain) beside the days from dose to CT \(coefficient (?P<b>{_NUMBER}), p (?P<p>[<=] [\d.]+), (?P<n>\d+) "
        r"patients\)\.",
        _beside_days,
    ),
    says(
        r"The model was trained on the cohort's own cut, at most (?P<cut>[\d.]+) %, and was not refitted: its predictions "
        r"stay as they are and are held against another definition of the response\. 0 % speaks of the primary tumour only, "
        r"not of nodes\. By histology: at most 65 % in adenocarcinoma, at most 10 % in squamous cell carcinoma \(Qu et al\., "
        r"J Thorac Oncol 2019;14:482-493\); patients of other or unknown histology are left out there\. Intervals are "
        r"DeLong's\.",
        lambda m, f: float(m["cut"]) == float(f.made.run.snapshot.mpr_threshold_percent) and VIABLE in f.table.facts,
    ),
    says(
        r"(?P<n>\d+) of (?P<all>\d+) signalling questions ask for facts that rows hold \((?P<names>[^)]+)\); beside the "
        r"others stand facts to judge by, where there are any\.",
        _filled,
    ),
    says(
        r"All scans went through one protocol\.",
        lambda m, f: f.made.run.snapshot.habitat_model.protocol == f.records.protocol,
    ),
    says(
        r"In nested cross-validation (?P<what>[a-z, ]+) are learned anew in each outer fold from its training patients; "
        r"the fold's test patients are only predicted\.",
        _learned_anew,
    ),
    says(
        r"Probabilities are (?:not recalibrated|recalibrated \((?P<way>\w+)\) on out-of-fold predictions at the observed "
        r"frequencies)\.",
        _recalibrated,
    ),
    says(
        r"Weights of the classes are used only while a classifier learns; patients who are tested are neither weighted nor "
        r"resampled\.",
        lambda m, f: f.recipe["class_weight"] is not None,
    ),
    says(r"No method against class imbalance was used\.", lambda m, f: f.recipe["class_weight"] is None),
    says(
        r"(?:Not tested where: )?The models of folds share training patients, so no interval and no p value is given\.",
        lambda m, f: all(
            row["p"] is None
            for row in f.made.run.findings["comparisons"]
            if row["split"] in ("nested_cv", "leave_one_centre_out")
        ),
    ),
    says(
        r"(?P<n>\d+) patients? had no tumour to outline on the CT after treatment, or that CT was not evaluable, and "
        r"(?:was|were) left out; (?:the response of none of them is known|(?P<events>\d+) of the (?P<known>\d+) whose "
        r"response is known had "
        r"MPR\. With them the MPR rate is (?P<together>[\d.]+) %, among the modelled patients alone it is "
        r"(?P<alone>[\d.]+) %)\.",
        _gone,
    ),
    says(
        r"No model can say anything of a patient without an outline after treatment, so every measure here is of patients in "
        r"whom tumour is left to see; discrimination among all patients may differ\.",
        lambda m, f: _spectrum(f, *_GONE)[0] > 0 and not _complete_more_often(f),
    ),
    says(
        r"No model can say anything of a patient without an outline after treatment, so every measure here is of patients in "
        r"whom tumour is left to see\. Patients with a complete response on CT had MPR more often \([^%]+%\), and a "
        r"tumour that is "
        r"gone is seen without a model: discrimination among all patients is probably higher than among those modelled, for a "
        r"model and for RECIST alike\.",
        lambda m, f: _complete_more_often(f),
    ),
    says(
        r"(?P<n>\d+) patients? (?:was|were) not operated \(no surgery, not resectable, progression or death before it\), "
        r"(?P<unknown>\d+) of them without a pathological response; the models describe patients who reach surgery"
        r"(?:\. Counted as without MPR, the (?P<counted>\d+) would change the MPR rate from (?P<before>[\d.]+) % to "
        r"(?P<after>[\d.]+) %)?\.",
        _unoperated,
    ),
    says(
        r"(?P<n>\d+) patients? with both tumours outlined (?:has|have) no pathology entered; their response is not known\.",
        lambda m, f: (int(m["n"]), 0) == _spectrum(f, "no_pathology")[:2],
    ),
    says(
        r"External validation \(Riley 2021\): about (?P<n>[\d,]+) patients with (?P<m>[\d,]+) MPR give every interval its target "
        r"width, if new patients are like those of training; (?:no external patient was tested|(?P<tested>\d+) external "
        r"patients? with (?P<events>\d+) MPR (?:was|were) tested, which (?P<enough>is fewer|is enough))\.",
        _external_size,
    ),
    says(
        r"Assumed of new patients: (?P<share>\d+) % with MPR, AUC (?P<area>[\d.]+) and log-odds with a standard deviation of "
        r"(?P<spread>[\d.]+), as in nested cross-validation, and a calibrated model\.",
        _assumed,
    ),
    says(
        r"The model (?P<view>\w+) rests on (?P<feature>\S+) alone and reaches an AUC of (?P<area>[\d.]+) on external patients: "
        r"is that feature known before the outcome\?",
        _alone,
    ),
    says(
        r"The column '(?P<name>[^']+)' alone ranks the (?P<n>\d+) (?P<split>training|external) patients with an AUC of "
        r"(?P<area>[\d.]+)(?:, and so do \d+ others)?: is it known before the outcome\?",
        lambda m, f: (
            int(m["n"]) == f.n(m["split"])
            and is_written(
                max(
                    area := roc_auc_score(
                        f.table.y[f.table.split == m["split"]],
                        f.table.X.loc[f.table.split == m["split"], m["name"]],
                    ),
                    1 - area,
                ),
                m["area"],
            )
        ),
    ),
)

#: Items of METRICS that rows answer: whether they are achieved. What is not here is the author's.
VERDICTS: dict[str, Callable[[Facts], bool]] = {
    "4": lambda f: len(f.centres) > 1,
    "6": lambda f: any(k["manufacturer"] for k in _masks(f)),
    "7": lambda f: any(p["post_scan_to_surgery_days"] is not None for p in f.recorded["patients"]),
    "10": lambda f: len({k["author"] for k in _masks(f) if f.table.split[k["patient"]] != "training"}) == 1,
    "11": lambda f: True,
    "12": lambda f: True,
    "13": lambda f: True,
    "14": lambda f: _icc(f) and f.recipe["icc_minimum"] is not None,
    "15": lambda f: any(v.name not in _CHANGES for v in f.versions),
    "16": lambda f: (
        max(len(v.selected) for v in f.versions if v.name not in _FUSED)
        <= max(1, f.smaller("training") // f.recipe["patients_per_feature"])
    ),
    "18": lambda f: f.n("internal_test") + f.n("external") > 0,
    "20": lambda f: bool(f.rows),
    "21": lambda f: any(r.auc_low is not None for r in f.rows),
    "22": lambda f: any(
        r and r.metrics["calibration_slope"] is not None for r in (f.row("internal_test"), f.row("external"))
    ),
    "23": lambda f: f.primary.name in _ONE_TIME or _shown_inferior(f),
    "24": lambda f: (
        f.primary.name not in _SIMPLE
        and any(
            (one := f.row(s)) and one.auc is not None and (two := f.row(s, name)) and two.auc is not None
            for s in ("nested_cv", "internal_test", "external")
            for name in _SIMPLE
        )
    ),
    "25": lambda f: any("logistic" in v.facts["comparison"] and len(v.facts["comparison"]) > 1 for v in f.versions),
    "26": lambda f: bool((r := f.row("internal_test")) and r.auc is not None),
    "27": lambda f: bool((r := f.row("external")) and r.auc is not None),
}


def _shown_inferior(f: Facts) -> bool:
    for split in ("external", "internal_test", "nested_cv"):
        rows = [r for r in f.tested if r["split"] == split and r["reference"] in _ONE_TIME]
        if rows:
            return all(r["difference"] > 0 and r["p_holm"] < 0.05 for r in rows)
    return False


def sentences_of(text: str) -> Iterator[tuple[Sentence, re.Match[str]]]:
    """Read a text sentence by sentence.

    Raises
    ------
    LookupError
        With what no pattern takes.
    """
    place = 0
    while place < len(text):
        found = [(m.end(), s, m) for s in SENTENCES if (m := s.pattern.match(text, place)) and m.end() > place]
        if not found:
            raise LookupError(text[place : place + 300])
        end, sentence, match = max(found, key=lambda one: one[0])
        yield sentence, match
        place = end + len(text[end:]) - len(text[end:].lstrip())


def texts_of(document: Document) -> Iterator[str]:
    """Return everything in a document that is written in sentences."""
    for section in document.sections:
        for block in section.blocks:
            if block.kind in ("paragraph", "note"):
                yield block.text
            elif block.kind == "checklist":
                yield from (item.answer for item in block.items if item.answer)
            elif block.kind == "table" and block.columns[0] == "Limitation":
                yield from (row[0] for row in block.rows)


def untrue(document: Document, facts: Facts) -> list[str]:
    """Return what a document says that is not so, and what it says without a check."""
    wrong = []
    for text in texts_of(document):
        try:
            for sentence, match in sentences_of(text):
                if sentence.holds and not _holds(sentence, match, facts):
                    wrong.append(f"Not true: {match[0]}")
        except LookupError as problem:
            wrong.append(f"No check for: {problem.args[0]}")
    return [*wrong, *_untrue_items(document, facts)]


def _holds(sentence: Sentence, match: re.Match[str], facts: Facts) -> bool:
    try:
        return bool(sentence.holds and sentence.holds(match, facts))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return False  # it speaks of what does not exist


def _untrue_items(document: Document, facts: Facts) -> Iterator[str]:
    first = next(
        (b.text for b in document.sections[0].blocks if b.kind == "note" and "items are filled" in b.text), ""
    )
    filled = sum(item.status == "filled" for item in document.items)
    if first and not first.startswith(f"{filled} of {len(document.items)} items"):
        yield f"Not true: {first}"
    if document.title == "PROBAST+AI assessment":
        told = re.search(
            r"(\d+) of (\d+) signalling questions ask for facts that rows hold \(([^)]+)\)", _all_of(document)
        )
        asked = [item.number for item in document.items if "." in item.number]
        rows = [item.number for item in document.items if item.status == "filled"]
        if not told or (int(told[1]), int(told[2]), re.split(r", | and ", told[3])) != (len(rows), len(asked), rows):
            yield "Not true: how many signalling questions rows answer"
    if document.title != "METRICS score":
        return
    for item in document.items:
        said = {"Yes": True, "No.": False}.get(item.answer[:3]) if item.status == "filled" else None
        if said is None:
            continue
        if item.number not in VERDICTS:
            yield f"No check for the verdict of item {item.number}: {item.answer}"
        elif VERDICTS[item.number](facts) != said:
            yield f"Not true of item {item.number}: {item.answer}"


def _all_of(document: Document) -> str:
    return " ".join(block.text for block in document.sections[0].blocks if block.kind == "note")


def never_judged() -> set[str]:
    """Return the items of METRICS that the rows of a run could answer and that no check judges."""
    return {str(judged.number) for judged in ITEMS if judged.yes or judged.no} - set(VERDICTS)

"""Which version is in use: compared with the champion, approved by a named person, written down, undone.

Nothing else changes the state of a model version.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from django.db import transaction

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from imaging import storage
from modeling.core import persist
from modeling.core.errors import ModelingError
from modeling.core.promotion import (
    Measures,
    Rule,
    Verdict,
    judge,
    judge_alone,
    measures_of,
    undecided,
    with_first,
)
from modeling.core.table import FeatureTable
from modeling.models import Evaluation, ModelVersion, Promotion
from modeling.selectors import champion_of, external_looks, first_champion_of, policy_of, pooled

_CHAMPION, _RETIRED = ModelVersion.State.CHAMPION, ModelVersion.State.RETIRED
Kind = Promotion.Kind


def verdict_for(version: ModelVersion) -> Verdict | None:
    """Judge a version; None where it is the champion.

    Against the champion of its name and the first that there was, so that small losses do not add up; against the
    minima where nobody is champion. Both models predict the external patients of the version's own snapshot on whom
    neither was fitted, each from the snapshot that it knows, so that each sees its own habitats.
    """
    champion = champion_of(version.cohort, version.name)
    if champion is None:
        return _judged_alone(version)
    if champion.pk == version.pk:
        return None
    verdict = _judged(version, champion)
    first = first_champion_of(version.cohort, version.name)
    if first is None or first.pk in (champion.pk, version.pk):
        return verdict
    return with_first(verdict, _judged(version, first, called="the first champion"))


def _judged_alone(version: ModelVersion) -> Verdict:
    """Judge the first version of a name on external patients; in its nested cross-validation where there are none."""
    rule, looks = policy_of(version.cohort).rule, external_looks(version)
    external = version.evaluations.filter(split=Evaluation.Split.EXTERNAL).exists()
    try:
        if external:
            y = _external_outcomes(version.run.snapshot.sha256)
            p = _unseen(version.sha256, version.run.snapshot.sha256).reindex(y.index).dropna()
            measures = measures_of(_array(y.loc[p.index], np.int64), _array(p, np.float64), looks=looks)
            return judge_alone(measures, rule=rule, looks=looks)
    except (ModelingError, storage.ArtefactCorrupt) as problem:
        return undecided(problem.message, rule=rule, sentence="The version was not judged.")
    nested = pooled(version, Evaluation.Split.NESTED_CV)
    if nested is None:
        reason = f"{version.run} was neither tested on external patients nor in nested cross-validation."
        return undecided(reason, rule=rule, sentence="The version was not judged.")
    return judge_alone(
        _measures_in(nested), rule=rule, looks=0, where="training patients, in nested cross-validation,"
    )


def _measures_in(row: Evaluation) -> Measures:
    slope = row.metrics.get("calibration_slope")
    return Measures(
        n=row.n,
        events=row.events,
        auc=row.auc,
        auc_low=row.auc_low,
        slope=slope,
        intercept=row.metrics.get("calibration_intercept"),
        observed_expected=row.metrics.get("observed_expected"),
    )


def _judged(version: ModelVersion, other: ModelVersion, *, called: str = "the champion") -> Verdict:
    rule, looks = policy_of(version.cohort).rule, external_looks(version)
    if not version.evaluations.filter(split=Evaluation.Split.EXTERNAL).exists():
        # To compare on outcomes of other hospitals is to look at them; a person opens them, and it is counted.
        reason = f"{version.run} was not tested on external patients, so nothing can be compared."
        return undecided(reason, rule=rule)
    try:
        return _compared(version, other, rule=rule, looks=looks, called=called)
    except (ModelingError, storage.ArtefactCorrupt) as problem:
        # A file that was altered, or columns that are missing.
        reason = f"{version} cannot be compared with {called}, {other}: {problem.message}"
        return undecided(reason, rule=rule, looks=looks)


def _compared(version: ModelVersion, other: ModelVersion, *, rule: Rule, looks: int, called: str) -> Verdict:
    y = _external_outcomes(version.run.snapshot.sha256)
    own, theirs = (_unseen(v.sha256, v.run.snapshot.sha256) for v in (version, other))
    codes = [code for code in y.index if code in own.index and code in theirs.index]
    verdict = judge(
        _array(y.loc[codes], np.int64),
        _array(own.loc[codes], np.float64),
        _array(theirs.loc[codes], np.float64),
        rule=rule,
        looks=looks,
        other=called,
    )
    left_out = len(y) - len(codes)
    if not left_out:
        return verdict
    note = f"{left_out} of {len(y)} external patients are unknown to {other}, or it learned from them; they were left out."
    return replace(verdict, sentence=f"{verdict.sentence} {note}")


def _array(values: pd.Series[Any], dtype: type[np.generic]) -> Any:
    return np.asarray(values, dtype=dtype)


@lru_cache(maxsize=4)
def _table(sha256: str) -> FeatureTable:
    return FeatureTable.from_parquet(storage.get(sha256), sha256=sha256)


@lru_cache(maxsize=16)
def _external_outcomes(table_sha256: str) -> pd.Series[int]:
    return _table(table_sha256).of_split("external").y


@lru_cache(maxsize=128)
def _unseen(model_sha256: str, table_sha256: str) -> pd.Series[float]:
    """Give the probabilities of everybody on whom a model was not fitted; both digests name what never changes."""
    model = persist.loads(storage.get(model_sha256), sha256=model_sha256)
    table = _table(table_sha256)
    table = table.where(~table.X.index.to_series().isin(model.fitted_on))
    return pd.Series(model.predict_proba(table.X, centre=table.centre.tolist()), index=table.X.index)


def paired(first: ModelVersion, second: ModelVersion) -> Verdict:
    """Judge the second version against the first, whoever is champion; the same rule, the same patients."""
    return _judged(second, first, called=str(first))


def promote(version: ModelVersion, *, actor: User | None, reason: str, override: bool = False) -> Promotion:
    """Make a candidate or challenger the champion of its name; the champion before it retires.

    Parameters
    ----------
    actor : User or None
        Who approves; a task of the system may not.
    reason : str
    override : bool
        Approve also a version that was not shown to reach the rule; this is written down.

    Raises
    ------
    ServiceError
        ``not_promotable`` with the sentence that says why.
    """
    champion = champion_of(version.cohort, version.name)
    _require_person(actor, reason)
    verdict = verdict_for(version)
    if verdict is None:
        raise _refusal(f"{version} is the champion already.")
    if verdict.non_inferior:
        kind = Kind.FIRST if verdict.alone else Kind.APPROVED
    elif override:
        kind = Kind.OVERRIDDEN
    else:
        raise _refusal(f"{version} stays {version.get_state_display().lower()}. {verdict.reason}")
    return _change(version, replaced=champion, kind=kind, actor=actor, reason=reason, verdict=verdict)


def rollback(cohort: Cohort, name: str, to: ModelVersion, *, actor: User | None, reason: str) -> Promotion:
    """Put a version that was champion before in use again, with the same bytes.

    Raises
    ------
    ServiceError
        ``not_promotable`` if it is another model, never was champion, or is it now.
    """
    champion = champion_of(cohort, name)
    _require_person(actor, reason)
    if (to.cohort_id, to.name) != (cohort.pk, name) or not to.promotions.exists():
        raise _refusal(f"{to} was never the champion of {name.replace('_', ' ')}, so there is nothing to go back to.")
    if champion is not None and champion.pk == to.pk:
        raise _refusal(f"{to} is the champion already.")
    return _change(to, replaced=champion, kind=Kind.ROLLBACK, actor=actor, reason=reason)


def _require_person(actor: User | None, reason: str) -> None:
    if actor is None:
        raise _refusal("Only a named person can change the champion.")
    if not reason.strip():
        raise _refusal("Say why the champion changes.")


def _refusal(sentence: str) -> ServiceError:
    return ServiceError("not_promotable", sentence)


@transaction.atomic
def _change(
    version: ModelVersion,
    *,
    replaced: ModelVersion | None,
    kind: Promotion.Kind,
    actor: User | None,
    reason: str,
    verdict: Verdict | None = None,
) -> Promotion:
    cohort = version.cohort
    Cohort.objects.select_for_update().get(pk=cohort.pk)  # two people who decide at once take turns
    if champion_of(cohort, version.name) != replaced:
        raise _refusal(f"The champion of {version.title.lower()} changed meanwhile; compare again.")
    _require_readable(version)
    if replaced is not None:
        _set_state(replaced, _RETIRED, verb="retired", actor=actor, reason=reason)
    others = ModelVersion.objects.filter(cohort=cohort, name=version.name, state=ModelVersion.State.CANDIDATE)
    for candidate in others.exclude(pk=version.pk).order_by("pk"):  # it has somebody to challenge now
        _set_state(candidate, ModelVersion.State.CHALLENGER, verb="changed", actor=actor, reason=reason)
    _set_state(version, _CHAMPION, verb="promoted", actor=actor, reason=reason)
    return Promotion.objects.create(
        cohort=cohort,
        name=version.name,
        version=version,
        replaced=replaced,
        kind=kind,
        promoted_by=actor,
        reason=reason.strip()[:200],
        verdict=asdict(verdict) if verdict else {},
    )


def _require_readable(version: ModelVersion) -> None:
    try:
        persist.loads(storage.get(version.sha256), sha256=version.sha256)
    except (ModelingError, storage.ArtefactCorrupt) as problem:
        raise ServiceError(problem.code, problem.message) from problem


def _set_state(
    version: ModelVersion, state: ModelVersion.State, *, verb: str, actor: User | None, reason: str
) -> None:
    changes = {"state": (version.state, str(state))}
    version.state = state
    version.save(update_fields=["state"])
    audit.record(verb, version, actor=actor, cohort=version.cohort, changes=changes, reason=reason)

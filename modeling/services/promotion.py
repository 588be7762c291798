"""Which version is in use: compared with the champion, approved by a named person, written down, undone.

Nothing else changes the state of a model version.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from django.db import transaction

from cohorts import audit
from cohorts.errors import ServiceError
from cohorts.models import Cohort, User
from imaging import storage
from modeling.core import persist
from modeling.core.errors import ModelingError
from modeling.core.promotion import Verdict, judge, undecided
from modeling.core.table import FeatureTable
from modeling.models import Evaluation, ModelVersion, Promotion
from modeling.selectors import champion_of, policy_of

_CHAMPION, _RETIRED = ModelVersion.State.CHAMPION, ModelVersion.State.RETIRED
Kind = Promotion.Kind


def verdict_for(version: ModelVersion) -> Verdict | None:
    """Compare a version with the champion of its name; None where there is nobody to compare it with.

    Both predict the external patients of the version's own snapshot on whom neither was fitted, each from the
    snapshot that it knows, so that each sees its own habitats.
    """
    champion = champion_of(version.cohort, version.name)
    if champion is None or champion.pk == version.pk:
        return None
    policy = policy_of(version.cohort)
    return _judged(version, champion, margin=policy.margin_auc, bounds=(policy.slope_low, policy.slope_high))


def _judged(version: ModelVersion, champion: ModelVersion, *, margin: float, bounds: tuple[float, float]) -> Verdict:
    if not version.evaluations.filter(split=Evaluation.Split.EXTERNAL).exists():
        # To compare on outcomes of other hospitals is to look at them; a person opens them, and it is counted.
        reason = f"{version.run} was not tested on external patients, so nothing can be compared."
        return undecided(reason, margin=margin, slope_bounds=bounds)
    try:
        return _compared(version, champion, margin=margin, bounds=bounds)
    except (ModelingError, storage.ArtefactCorrupt) as problem:
        # A file that was altered, or columns that are missing.
        return undecided(problem.message, margin=margin, slope_bounds=bounds)


def _compared(
    version: ModelVersion, champion: ModelVersion, *, margin: float, bounds: tuple[float, float]
) -> Verdict:
    y = _external_outcomes(version.run.snapshot.sha256)
    own, other = (_unseen(v.sha256, v.run.snapshot.sha256) for v in (version, champion))
    codes = [code for code in y.index if code in own.index and code in other.index]
    verdict = judge(
        np.asarray(y.loc[codes], dtype=np.int64),
        np.asarray(own.loc[codes], dtype=np.float64),
        np.asarray(other.loc[codes], dtype=np.float64),
        margin=margin,
        slope_bounds=bounds,
    )
    left_out = len(y) - len(codes)
    if not left_out:
        return verdict
    note = f"{left_out} of {len(y)} external patients are unknown to {champion}, or it learned from them; they were left out."
    return replace(verdict, sentence=f"{verdict.sentence} {note}")


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
    policy = policy_of(first.cohort)
    return _judged(second, first, margin=policy.margin_auc, bounds=(policy.slope_low, policy.slope_high))


@transaction.atomic
def first_champion(version: ModelVersion, *, actor: User | None) -> Promotion:
    """Make the first version of a name the champion: it has nobody to challenge."""
    if Promotion.objects.filter(cohort=version.cohort, name=version.name).exists():
        raise _refusal(f"{version.title} had a champion before; a person decides about {version}.")
    return _change(version, replaced=None, kind=Kind.FIRST, actor=actor, reason="The first of its name.")


def promote(version: ModelVersion, *, actor: User | None, reason: str, override: bool = False) -> Promotion:
    """Make a challenger the champion of its name; the champion before it retires.

    Parameters
    ----------
    actor : User or None
        Who approves; a task of the system may not.
    reason : str
    override : bool
        Approve also a challenger that was not shown to be as good as the champion; this is written down.

    Raises
    ------
    ServiceError
        ``not_promotable`` with the sentence that says why.
    """
    champion = champion_of(version.cohort, version.name)
    _require_person(actor, reason)
    if champion is not None and champion.pk == version.pk:
        raise _refusal(f"{version} is the champion already.")
    verdict = verdict_for(version)
    if verdict is None:
        kind = Kind.FIRST
    elif verdict.non_inferior:
        kind = Kind.APPROVED
    elif override:
        kind = Kind.OVERRIDDEN
    else:
        raise _refusal(f"{version} stays challenger. {verdict.reason}")
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

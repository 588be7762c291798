"""Results of a table as files: predictions, curves, models. Equal results give equal bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from cohorts.core.csv_writer import write_csv
from modeling.core import persist
from modeling.core.own_table.own_views import given_name
from modeling.core.study.analyse import StudyResult
from modeling.core.survival.study import SurvivalResult
from modeling.core.table import FeatureTable


def plain(value: Any) -> Any:
    """Give a value as JSON holds it: what is not a finite number becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def files_of_study(study: StudyResult, table: FeatureTable) -> dict[str, bytes]:
    """Give predictions, curves and models of a study as files, by name."""
    external = table.where(table.split == "external") if (table.split == "external").any() else None
    parts = []
    for name, model in study.models.items():
        parts.append(_probabilities(name, "nested_cv", study.nested[name].predictions.mean(axis=1), table))
        if external is not None:
            p = model.predict_proba(external.X, centre=external.centre.tolist())
            parts.append(_probabilities(name, "external", pd.Series(p, index=external.X.index), table))
    rows = [(given_name(name), row) for name, found in study.evaluations.items() for row in found]
    return {
        "predictions.csv": _csv(pd.concat(parts)),
        "roc.csv": _curves(rows, "roc", ("false_positive_rate", "sensitivity")),
        "calibration.csv": _curves(rows, "calibration", ("predicted", "observed", "patients")),
        "decision_curve.csv": _curves(rows, "decision_curve", ("threshold", "net_benefit", "net_benefit_treat_all")),
        **{f"models/{given_name(name)}.skops": persist.dumps(model) for name, model in study.models.items()},
    }


def _probabilities(view: str, split: str, p: pd.Series[float], table: FeatureTable) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": p.index,
            "split": split,
            "centre": table.centre.loc[p.index].to_numpy(),
            "model": given_name(view),
            "probability": p.to_numpy(),
            "outcome": table.y.loc[p.index].to_numpy(),
        }
    )


def files_of_survival(found: SurvivalResult) -> dict[str, bytes]:
    """Give predictions, curves and models of a survival analysis as files, by name."""
    predictions = found.predictions.rename(columns={"code": "id"})
    curves = [
        {"model": given_name(name), "split": row.split, "centre": row.centre or "", **point}
        for name, rows in found.evaluations.items()
        for row in rows
        for point in row.kaplan_meier
    ]
    return {
        "predictions.csv": _csv(predictions.assign(model=predictions["model"].map(given_name))),
        "kaplan_meier.csv": _csv(pd.DataFrame(curves)),
        **{
            f"models/{given_name(name)}.json": json_file(plain(model.as_dict()))
            for name, model in found.models.items()
        },
    }


def _curves(rows: Iterable[tuple[str, Any]], curve: str, columns: tuple[str, ...]) -> bytes:
    found = [
        {"model": name, "split": row.split, "centre": row.centre or "", **dict(zip(columns, point, strict=False))}
        for name, row in rows
        for point in getattr(row, curve)
    ]
    return _csv(pd.DataFrame(found, columns=["model", "split", "centre", *columns]))


def _csv(frame: pd.DataFrame) -> bytes:
    return write_csv(frame.columns, frame.itertuples(index=False, name=None)).encode()


def json_file(value: Any) -> bytes:
    """Give a value as a JSON file."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

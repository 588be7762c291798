"""Models as bytes: skops with a written list of trusted types, and the digest before anything else.

skops writes memory addresses and the time of day into its files. They are replaced by running
numbers and a fixed date, so that equal models are equal bytes.

skops imports all of scikit-learn, most of a second: whoever starts without a model does not wait for it.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import sklearn

from modeling.core.errors import ModelCorrupt, UntrustedModel
from modeling.core.study.fitted_model import FittedModel, Refits

FORMAT = 2

#: Types beyond skops' own list (Python, NumPy, scikit-learn) that a model file may hold.
TRUSTED = (
    "modeling.core.estimators.chain.FeatureChain",
    "modeling.core.estimators.filters.ConstantFilter",
    "modeling.core.estimators.filters.MissingFilter",
    "modeling.core.estimators.filters.StabilityFilter",
    "modeling.core.estimators.harmonise.Harmoniser",
    "modeling.core.estimators.lasso.LassoSelector",
    "modeling.core.estimators.late_fusion.LateFusion",
    "modeling.core.estimators.neighbours.Neighbours",
    "modeling.core.estimators.preprocessing.LogRatio",
    "modeling.core.estimators.preprocessing.MedianImputer",
    "modeling.core.estimators.preprocessing.Winsorizer",
    "modeling.core.estimators.regressions.ElasticNet",
    "modeling.core.estimators.regressions.TunedLogistic",
    "modeling.core.estimators.selection.CorrelationPruner",
    "modeling.core.estimators.selection.MRMRSelector",
    "modeling.core.estimators.selection.MannWhitneyFilter",
    "modeling.core.estimators.support_vectors.SupportVectors",
    "modeling.core.estimators.trees.Trees",
    "modeling.core.estimators.view_model.ViewModel",
    # Arrays of nodes, which skops rebuilds through the constructor that it knows.
    "sklearn.tree._tree.Tree",
)

_DATE = (1980, 1, 1, 0, 0, 0)


def dumps(model: FittedModel) -> bytes:
    """Give a model as bytes; equal models give equal bytes.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    bytes
        A skops file. Store its sha256 elsewhere: `loads` asks for it.
    """
    facts = {
        "format": FORMAT,
        "scikit_learn": sklearn.__version__,
        "name": model.name,
        "columns": model.columns,
        "threshold": model.threshold,
        "threshold_sensitive": model.threshold_sensitive,
        "oof": model.oof.tolist(),
        "fitted_on": model.fitted_on,
        "selected": model.selected,
        "recipe_digest": model.recipe_digest,
        "selection_frequency": model.selection_frequency,
        "notes": model.notes,
        "classifier": model.classifier,
        "outcomes": model.outcomes,
        "comparison": model.comparison,
        "scans": model.scans,
        "icc": model.icc,
        "centres": model.centres,
        "refits": {
            part: {"columns": one.columns, "selected": one.selected} for part, one in sorted(model.refits.items())
        },
    }
    arrays = {part: {"values": one.values, "drawn": one.drawn} for part, one in sorted(model.refits.items())}
    import skops.io

    # One text instead of thousands of nodes: a file of one hundredth of the size.
    return _canonical(skops.io.dumps({"estimator": model.estimator, "facts": json.dumps(facts), "refits": arrays}))


def loads(data: bytes, *, sha256: str) -> FittedModel:
    """Read what `dumps` wrote.

    Parameters
    ----------
    data : bytes
    sha256 : str
        The digest under which the model was stored; checked before the bytes are opened.

    Raises
    ------
    ModelCorrupt
        If the digest differs or the bytes are not a model file of this format.
    UntrustedModel
        If the file holds a type that is not on the trusted list.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelCorrupt("The stored model is not the one that was saved: its digest differs.")
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        content = skops.io.loads(data, trusted=list(TRUSTED))
        facts = json.loads(content["facts"])
        if facts["format"] != FORMAT:
            raise ModelCorrupt(f"The model file has format {facts['format']}; this version reads {FORMAT}.")
        return _model(content["estimator"], facts, arrays=content.get("refits", {}))
    except UntrustedTypesFoundException as problem:
        raise UntrustedModel(f"The model file holds types that are not trusted: {_untrusted(data)}.") from problem
    except (zipfile.BadZipFile, AttributeError, ImportError, KeyError, TypeError, ValueError) as problem:
        raise ModelCorrupt("The stored bytes are not a model file.") from problem


def _model(estimator: Any, facts: dict[str, Any], *, arrays: dict[str, dict[str, Any]]) -> FittedModel:
    return FittedModel(
        name=facts["name"],
        estimator=estimator,
        columns=tuple(facts["columns"]),
        threshold=facts["threshold"],
        threshold_sensitive=facts["threshold_sensitive"],
        oof=pd.Series(facts["oof"], index=pd.Index(facts["fitted_on"], name="code"), name="probability"),
        fitted_on=tuple(facts["fitted_on"]),
        selected=tuple(facts["selected"]),
        recipe_digest=facts["recipe_digest"],
        selection_frequency=facts["selection_frequency"],
        notes=tuple(facts["notes"]),
        classifier=facts["classifier"],
        outcomes=tuple(facts["outcomes"]),
        comparison=facts["comparison"],
        scans=facts["scans"],
        icc=facts["icc"],
        centres=tuple(facts["centres"]),
        # Models that were stored before version 0.6 have none.
        refits={
            part: Refits(
                columns=tuple(one["columns"]),
                values=arrays[part]["values"],
                drawn=arrays[part]["drawn"],
                selected=tuple(map(tuple, one["selected"])),
            )
            for part, one in facts.get("refits", {}).items()
        },
    )


def _untrusted(data: bytes) -> str:
    import skops.io

    found = set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED)
    return ", ".join(sorted(found)[:3])


def _canonical(data: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(written, "w") as target:
        schema = json.loads(source.read("schema.json"))
        for number, (node, name) in enumerate(_numbered(schema)):
            if name:
                node["file"] = f"{number + 1}.npy"
                _write(target, node["file"], _without_padding(source.read(name)))
        _write(target, "schema.json", json.dumps(schema, sort_keys=True).encode())
    return written.getvalue()


def _without_padding(content: bytes) -> bytes:
    # The nodes of a tree have unused bytes between them, which hold whatever was in memory.
    if b"'|V" not in content[:1024]:
        return content
    array = np.load(io.BytesIO(content))
    clean = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        clean[field] = array[field]
    written = io.BytesIO()
    np.save(written, clean)
    return written.getvalue()


def _numbered(schema: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    nodes: list[tuple[dict[str, Any], str]] = []

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            if "__id__" in node:
                nodes.append((node, str(node.get("file", ""))))
                node["__id__"] = len(nodes)
            for key in sorted(node):
                visit(node[key])
        elif isinstance(node, list):
            for child in node:
                visit(child)

    visit(schema)
    return nodes


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)

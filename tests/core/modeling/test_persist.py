from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from modeling.core import persist
from modeling.core.errors import ModelCorrupt, UntrustedModel
from modeling.core.explanation.refits import refitted_log_odds
from modeling.core.study.fitted_model import FittedModel
from modeling.core.study.training import fit_models

VIEWS = ("volume_change", "clinical", "whole_tumour", "habitat", "integrated")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Stranger:
    """A type that nobody put on the list."""


@pytest.mark.parametrize("view", VIEWS)
def test_a_model_comes_back_with_the_same_predictions_to_the_last_bit(table, models, view):
    data = persist.dumps(models[view])
    again = persist.loads(data, sha256=digest(data))
    assert np.array_equal(again.predict_proba(table.X), models[view].predict_proba(table.X))
    assert again.oof.equals(models[view].oof)
    for fact in fields(FittedModel):
        if fact.name not in ("estimator", "oof"):
            assert getattr(again, fact.name) == getattr(models[view], fact.name), fact.name


@pytest.mark.parametrize("view", ["volume_change", "integrated"])
def test_refits_come_back_and_say_the_same(study, table, view):
    model = study.models[view]
    data = persist.dumps(model)
    again = persist.loads(data, sha256=digest(data))
    assert set(again.refits) == ({view} if view == "volume_change" else {"whole_tumour", "habitat"})
    assert np.array_equal(refitted_log_odds(again, table.X), refitted_log_odds(model, table.X))
    assert persist.dumps(again) == data


def test_a_model_of_an_earlier_version_is_read_without_refits(models):
    data = persist.dumps(models["clinical"])
    content = skops.io.loads(data, trusted=list(persist.TRUSTED))
    facts = json.loads(content["facts"])
    del facts["refits"], content["refits"]
    older = skops.io.dumps({"estimator": content["estimator"], "facts": json.dumps(facts)})
    assert persist.loads(older, sha256=digest(older)).refits == {}


@pytest.mark.parametrize("view", VIEWS)
def test_writing_what_was_read_gives_the_same_bytes(models, view):
    data = persist.dumps(models[view])
    assert persist.dumps(persist.loads(data, sha256=digest(data))) == data


def test_two_fits_of_one_table_are_the_same_bytes(make_table, cheap):
    one, two = (fit_models(make_table(40), replace(cheap, views=("clinical", "habitat"))) for _ in range(2))
    assert {n: persist.dumps(m) for n, m in one.items()} == {n: persist.dumps(m) for n, m in two.items()}


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_refused_before_anything_is_opened(models, place, monkeypatch):
    data = persist.dumps(models["clinical"])
    changed = bytearray(data)
    changed[int(place * len(data))] ^= 1
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("the bytes were opened"))
    with pytest.raises(ModelCorrupt, match="digest"):
        persist.loads(bytes(changed), sha256=digest(data))


@pytest.mark.parametrize("estimator", [Stranger(), FunctionTransformer(func=np.save)])
def test_a_type_that_is_not_listed_is_refused_even_with_the_right_digest(estimator):
    data = skops.io.dumps({"estimator": estimator, "facts": json.dumps({"format": 2})})
    with pytest.raises(UntrustedModel, match="not trusted"):
        persist.loads(data, sha256=digest(data))


def test_a_model_file_whose_types_were_exchanged_is_refused(models):
    data = persist.dumps(models["clinical"])
    forged = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(forged, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "schema.json":
                content = content.replace(b'"Winsorizer"', b'"Popen"').replace(
                    b"modeling.core.estimators.preprocessing", b"subprocess"
                )
            target.writestr(name, content)
    with pytest.raises(UntrustedModel, match=r"subprocess\.Popen"):
        persist.loads(forged.getvalue(), sha256=digest(forged.getvalue()))


@pytest.mark.parametrize("data", [b"", b"not a zip", skops.io.dumps([1, 2]), skops.io.dumps({"facts": "{}"})])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(ModelCorrupt):
        persist.loads(data, sha256=digest(data))


def test_another_format_is_refused_with_both_numbers():
    data = skops.io.dumps({"estimator": None, "facts": json.dumps({"format": 99})})
    with pytest.raises(ModelCorrupt, match="format 99; this version reads 2"):
        persist.loads(data, sha256=digest(data))


def test_the_trusted_list_holds_nothing_but_our_own_types(models):
    foreign = {name for name in persist.TRUSTED if not name.startswith("modeling.core.")}
    assert foreign == {"sklearn.tree._tree.Tree"}
    for model in models.values():
        assert set(skops.io.get_untrusted_types(data=persist.dumps(model))) <= set(persist.TRUSTED)


def test_no_memory_address_and_no_time_is_written(models):
    with zipfile.ZipFile(io.BytesIO(persist.dumps(models["integrated"]))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        schema = json.loads(archive.read("schema.json"))
    numbers = []

    def visit(node):
        if isinstance(node, dict):
            numbers.extend([node["__id__"]] if "__id__" in node else [])
            [visit(child) for child in node.values()]
        elif isinstance(node, list):
            [visit(child) for child in node]

    visit(schema)
    assert sorted(numbers) == list(range(1, len(numbers) + 1))

"""Interaction of habitats against golden vectors of an independent implementation (METHOD 2.2)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imaging.core.msi import interaction_matrix, second_order


def test_counts_and_second_order_features_equal_the_golden_vectors(shared_reference: Path) -> None:
    golden = json.loads((shared_reference / "msi_golden.json").read_text())
    compared = 0
    for case in golden["cases"]:
        labels = np.array(case["labels"], dtype=np.uint8)
        for neighbourhood, expected in case["neighbourhoods"].items():
            counts = interaction_matrix(labels, case["k"], neighbourhood)
            np.testing.assert_array_equal(counts, expected["counts"], err_msg=f"{case['name']} {neighbourhood}")
            for name, value in second_order(counts).items():
                assert value == pytest.approx(expected[name], abs=1e-12), (case["name"], neighbourhood, name)
                compared += 1
    assert compared == 12 * len(golden["cases"])

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling.core.errors import InvalidTable, MissingColumns
from modeling.core.explanation.similarity import most_similar
from tests.fitted import draw, fit_fusion, fit_view


def test_the_nearest_are_those_of_a_search_by_hand():
    X, y = draw(40)
    model = fit_view(X, y, "knn")
    new = draw(3, seed=5)[0].set_axis(["N-1", "N-2", "N-3"])
    training, scores = model.estimator.training_scores_, model.scores(new)
    for place, found in enumerate(most_similar(model, new, k=4)):
        distances = np.sqrt(((training - scores[place]) ** 2).sum(axis=1))
        order = np.argsort(distances)[:4]
        assert [one.code for one in found.neighbours] == [X.index[j] for j in order]
        assert [one.distance for one in found.neighbours] == pytest.approx(distances[order])
        assert [one.outcome for one in found.neighbours] == [y[j] for j in order]


def test_distances_are_in_standard_deviations_of_the_training_patients():
    X, y = draw(60)
    one, other = fit_view(X, y, "logistic"), fit_view(1000 * X, y, "logistic")
    new = draw(2, seed=5)[0]
    near, far = most_similar(one, new)[0], most_similar(other, 1000 * new)[0]
    assert [n.distance for n in near.neighbours] == pytest.approx([n.distance for n in far.neighbours])


def test_a_training_patient_is_not_their_own_neighbour():
    X, y = draw(40)
    model = fit_view(X, y, "logistic")
    for code, found in zip(X.index, most_similar(model, X), strict=True):
        assert code not in {one.code for one in found.neighbours}
        assert len(found.neighbours) == 5


def test_who_is_not_in_training_is_never_named():
    X, y = draw(40)
    model = fit_view(X.iloc[:20], y[:20], "logistic")
    named = {one.code for found in most_similar(model, X) for one in found.neighbours}
    assert named <= set(X.index[:20])


def test_the_percentile_says_how_many_training_patients_stand_less_apart():
    X = pd.DataFrame({"own|x": [0.0, 1.0, 2.0, 4.0, 7.0, 20.0]}, index=list("abcdef"))
    model = fit_view(X, np.array([0, 1, 0, 1, 0, 1]), "logistic")
    # Nearest neighbours lie 1, 1, 1, 2, 3 and 12.35 apart (the last is winsorised); a seventh at 9.5 lies 2.5 from 7.
    (found,) = most_similar(model, pd.DataFrame({"own|x": [9.5]}, index=["new"]))
    assert found.neighbours[0].code == "e"
    assert found.percentile == pytest.approx(100 * 4 / 6)


def test_equal_distances_are_ordered_by_code():
    X = pd.DataFrame({"own|x": [1.0, -1.0, 1.0, -1.0]}, index=["d", "c", "b", "a"])
    model = fit_view(X, np.array([0, 1, 1, 0]), "logistic")
    (found,) = most_similar(model, pd.DataFrame({"own|x": [0.0]}, index=["new"]), k=10)
    assert [one.code for one in found.neighbours] == ["a", "b", "c", "d"]


def test_a_fusion_compares_the_features_of_all_its_parts():
    X, y = draw(50, 6)
    model = fit_fusion(X, y, "logistic", "knn")
    new = X.iloc[[0]].set_axis(["new"])
    (found,) = most_similar(model, new)
    assert (found.neighbours[0].code, found.neighbours[0].distance) == (X.index[0], pytest.approx(0, abs=1e-9))


def test_nonsense_is_refused():
    X, y = draw(40)
    model = fit_view(X, y, "logistic")
    with pytest.raises(InvalidTable, match="not 0"):
        most_similar(model, X, k=0)
    with pytest.raises(MissingColumns):
        most_similar(model, X.iloc[:, :2])

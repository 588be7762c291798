from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from modeling.core.estimators.chain import FeatureChain
from modeling.core.estimators.filters import MissingFilter, StabilityFilter
from modeling.core.estimators.harmonise import Harmoniser
from modeling.core.estimators.preprocessing import MedianImputer
from modeling.core.estimators.selection import MannWhitneyFilter


def steps():
    return [
        ("missing", MissingFilter(max_fraction=0.3)),
        ("impute", MedianImputer()),
        ("scale", StandardScaler()),
        ("univariate", MannWhitneyFilter(alpha=0.5)),
    ]


def test_without_centres_and_reproducibility_it_is_a_pipeline():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 6)), np.arange(40) % 2
    X[:30, 0] = X[:5, 2] = np.nan
    ours, theirs = FeatureChain(steps()), Pipeline(steps())
    assert np.array_equal(ours.fit_transform(X, y), theirs.fit_transform(X, y))
    assert np.array_equal(ours.transform(X[:7]), theirs.transform(X[:7]))
    assert list(ours.names(list("abcdef"))) == theirs.get_feature_names_out(list("abcdef")).tolist()


def test_an_indicator_of_gaps_stays_when_its_column_is_unstable():
    X = np.array([[1.0, np.nan, 5.0], [2.0, 1.0, 4.0], [4.0, 2.0, 3.0]])
    chain = FeatureChain([("impute", MedianImputer()), ("stability", StabilityFilter(minimum=0.75))])
    chain.fit(X, np.array([0, 1, 1]), icc=[0.9, 0.1, np.nan])
    assert chain.names(["a", "b", "c"]) == ("a", "c", "b (missing)")


def test_only_a_harmoniser_needs_centres():
    assert not FeatureChain(steps()).harmonises
    assert FeatureChain([("harmonise", Harmoniser())]).harmonises


def test_columns_that_went_before_do_not_shift_what_may_be_harmonised():
    random = np.random.default_rng(1)
    centre = np.repeat(["A", "B"], 20)
    X = random.normal(size=(40, 3)) + 2.0 * (centre == "B")[:, None]
    X[:, 0] = np.nan
    chain = FeatureChain(
        [("missing", MissingFilter()), ("harmonise", Harmoniser())], harmonised=np.array([True, False, True])
    )
    Z = chain.fit_transform(X, np.arange(40) % 2, centre=centre)
    assert np.array_equal(Z[:, 0], X[:, 1])
    assert abs(Z[centre == "A", 1].mean() - Z[centre == "B", 1].mean()) < 0.2

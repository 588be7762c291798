"""Areas, their intervals and comparisons against published numbers and independent implementations."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from modeling.core.performance.discrimination import (
    auc,
    cross_validated_auc,
    delong_interval,
    holm,
    paired_delong,
    placements,
    stratified_bootstrap,
)
from modeling.core.performance.resampling import areas_of_resamples, draw_counts
from modeling.core.performance.roc import mean_roc, roc_points
from tests.reference.scores import samples


def psi(event: float, other: float) -> Fraction:
    return Fraction(1) if event > other else Fraction(1, 2) if event == other else Fraction(0)


def delong_by_hand(y, *scores):
    """Equations 1 to 6 of DeLong, DeLong & Clarke-Pearson (Biometrics 1988;44:837), in exact fractions."""
    events = [i for i, value in enumerate(y) if value == 1]
    others = [i for i, value in enumerate(y) if value == 0]
    m, n = len(events), len(others)
    areas = [sum(psi(s[i], s[j]) for i, j in product(events, others)) / (m * n) for s in scores]
    v10 = [[sum(psi(s[i], s[j]) for j in others) / n for i in events] for s in scores]
    v01 = [[sum(psi(s[i], s[j]) for i in events) / m for j in others] for s in scores]

    def covariance(a: int, b: int) -> Fraction:
        s10 = sum((p - areas[a]) * (q - areas[b]) for p, q in zip(v10[a], v10[b], strict=True)) / (m - 1)
        s01 = sum((p - areas[a]) * (q - areas[b]) for p, q in zip(v01[a], v01[b], strict=True)) / (n - 1)
        return s10 / m + s01 / n

    return areas, covariance


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_scikit_learns(seed, ties):
    y, p, _ = samples(seed, ties=ties)
    assert auc(y, p) == pytest.approx(roc_auc_score(y, p), abs=1e-12)


def test_the_area_of_a_hand_worked_example():
    # Events 0.4, 0.7, 0.9 against 0.2, 0.4: of six pairs five are won and one (0.4, 0.4) is a tie.
    assert auc(np.array([1, 1, 1, 0, 0]), np.array([0.4, 0.7, 0.9, 0.2, 0.4])) == pytest.approx(5.5 / 6)


def test_the_delong_interval_of_a_hand_worked_example():
    # Events 3, 1; others 2, 0. V10 = (1, 1/2), V01 = (1/2, 1): each variance 1/8, so var = 1/8/2 + 1/8/2 = 1/8.
    interval = delong_interval(np.array([1, 1, 0, 0]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert interval == pytest.approx((0.75 - 1.959964 * 0.125**0.5, 1.0), abs=1e-6)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_delong_interval_is_that_of_the_paper_in_exact_fractions(seed, ties):
    y, p, _ = samples(seed, n=30, ties=ties)
    areas, covariance = delong_by_hand(y, p)
    area, half = float(areas[0]), 1.959963984540054 * float(covariance(0, 0)) ** 0.5
    assert area <= 0.9
    assert delong_interval(y, p) == pytest.approx((max(0, area - half), min(1, area + half)), abs=1e-12)


def test_above_nine_tenths_the_interval_is_symmetric_on_the_logit_scale():
    random = np.random.default_rng(3)
    y = np.arange(80) % 2
    p = random.normal(size=80) + 2.4 * y
    areas, covariance = delong_by_hand(y, p)
    area, error = float(areas[0]), float(covariance(0, 0)) ** 0.5
    assert area > 0.9
    centre, half = np.log(area / (1 - area)), 1.959963984540054 * error / (area * (1 - area))
    low, high = (1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1, 1))
    assert delong_interval(y, p) == pytest.approx((low, high), abs=1e-12)
    assert high < 1


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_paired_test_is_that_of_the_paper_in_exact_fractions(seed, ties):
    y, one, two = samples(seed, n=30, ties=ties)
    areas, covariance = delong_by_hand(y, one, two)
    variance = float(covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1))
    z = float(areas[0] - areas[1]) / variance**0.5
    found = paired_delong(y, one, two)
    assert found.difference == pytest.approx(float(areas[0] - areas[1]), abs=1e-12)
    assert found.z == pytest.approx(z, abs=1e-9)
    assert found.p == pytest.approx(2 * (1 - stats.norm.cdf(abs(z))), abs=1e-9)
    assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * variance**0.5, abs=1e-9)


def test_a_model_does_not_differ_from_itself():
    y, p, _ = samples(1)
    found = paired_delong(y, p, p**3)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_the_delong_interval_covers_the_true_area_as_often_as_it_says():
    # Normal classes one standard deviation apart have the area Phi(1 / sqrt 2).
    random = np.random.default_rng(8)
    y = np.arange(120) % 2
    true = stats.norm.cdf(1 / np.sqrt(2))
    covered = 0
    for _ in range(600):
        low, high = delong_interval(y, random.normal(size=120) + y)
        covered += low <= true <= high
    # 95 % of 600 is 570; three standard errors of a binomial count are 16.
    assert 554 <= covered <= 586


def test_holm_gives_the_textbook_adjustment():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 gives 0.02, 0.03, 0.06, 0.04, and the last may not fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_is_scikit_learns_and_encloses_the_area(ties):
    y, p, _ = samples(2, ties=ties)
    fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
    points = np.array(roc_points(y, p))
    assert points[:, 0] == pytest.approx(fpr)
    assert points[:, 1] == pytest.approx(tpr)
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(auc(y, p))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_area_of_reversed_scores_is_the_complement(pairs):
    y = np.array([event for event, _ in pairs], dtype=int)
    p = np.array([score for _, score in pairs], dtype=float)
    area = auc(y, p)
    if area is None:
        assert len(np.unique(y)) == 1
    else:
        assert auc(y, -p) == pytest.approx(1 - area)
        assert auc(1 - y, p) == pytest.approx(1 - area)


#: Ratings 1 (definitely normal) to 5 (definitely abnormal) of 109 CT images: Hanley & McNeil, Radiology
#: 1982;143:29-36, table I.
CT_NORMAL, CT_ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)


def test_the_area_of_hanley_and_mcneils_images_is_the_published_one():
    y = np.repeat([0, 1], [58, 51])
    ratings = np.concatenate([np.repeat(np.arange(1.0, 6.0), counts) for counts in (CT_NORMAL, CT_ABNORMAL)])
    assert auc(y, ratings) == pytest.approx(0.893, abs=5e-4)
    # DeLong's standard error of the same data is 0.0307 (Stata reference manual, roctab).
    low, high = delong_interval(y, ratings)
    assert (high - low) / (2 * 1.959964) == pytest.approx(0.0307, abs=5e-5)


@pytest.mark.parametrize("ties", [False, True])
def test_placements_are_the_shares_of_patients_below_and_above(ties):
    y, p, _ = samples(5, ties=ties)
    below, above = placements(y, p)
    events, others = p[y == 1], p[y == 0]
    assert below == pytest.approx([np.mean(others < e) + np.mean(others == e) / 2 for e in events])
    assert above == pytest.approx([np.mean(events > o) + np.mean(events == o) / 2 for o in others])


def test_twenty_thousand_patients_do_not_need_a_table_of_all_pairs():
    random = np.random.default_rng(0)
    y = np.arange(20_000) % 2
    low, high = delong_interval(y, random.normal(size=20_000) + y)
    # A table of 10,000 x 10,000 pairs would hold 800 MB; the interval is that of a large sample.
    assert low < stats.norm.cdf(1 / np.sqrt(2)) < high
    assert high - low < 0.02


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_of_a_resample_is_that_of_the_patients_drawn(ties):
    y, p, _ = samples(3, ties=ties)
    counts = draw_counts(y, n=25, seed=1)
    assert (counts[:, y == 1].sum(axis=1) == y.sum()).all()
    assert (counts[:, y == 0].sum(axis=1) == (1 - y).sum()).all()
    for drawn, area in zip(counts.astype(int), areas_of_resamples(y, p, counts), strict=True):
        assert area == pytest.approx(roc_auc_score(np.repeat(y, drawn), np.repeat(p, drawn)), abs=1e-12)


def test_the_bootstrap_interval_is_that_of_a_loop_over_pairs():
    y, p, _ = samples(4, n=120)
    random = np.random.default_rng(9)
    won = (p[y == 1][:, None] > p[y == 0][None, :]).astype(float)
    m, n = won.shape
    areas = [won[np.ix_(random.integers(m, size=m), random.integers(n, size=n))].mean() for _ in range(10_000)]
    # The area has a standard error of 0.053 here, its 2.5 % quantile of 10,000 resamples one of 0.0014.
    found = stratified_bootstrap(y, p, n=10_000, seed=2)
    assert found == pytest.approx(np.quantile(areas, [0.025, 0.975]).tolist(), abs=0.006)


def test_the_bootstrap_knows_neither_the_order_of_patients_nor_chance():
    y, p, _ = samples(6)
    mixed = np.random.default_rng(0).permutation(60)
    assert stratified_bootstrap(y[mixed], p[mixed], n=50, seed=3) == stratified_bootstrap(y, p, n=50, seed=3)
    assert stratified_bootstrap(y, p, n=50, seed=3) != stratified_bootstrap(y, p, n=50, seed=4)


def test_the_bootstrap_is_undefined_where_resampling_says_nothing():
    assert stratified_bootstrap(np.array([0, 0, 1]), np.array([0.1, 0.5, 0.3]), n=100, seed=0) is None
    assert stratified_bootstrap(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]), n=100, seed=0) is None
    assert stratified_bootstrap(np.array([0, 1, 0, 1]), np.array([0.3, 0.2, 0.1, 0.4]), n=0, seed=0) is None


def test_two_thousand_resamples_of_a_large_cohort_take_less_than_half_a_second():
    y, p, _ = samples(0, n=394)
    before = time.process_time()
    stratified_bootstrap(y, p, n=2000, seed=0)
    assert time.process_time() - before < 0.5


def cv_auc_by_hand(y, p, folds):
    """LeDell, Petersen & van der Laan 2015, section 4.3, patient by patient (ties count half)."""
    shares = {1: np.mean(y == 1), 0: np.mean(y == 0)}
    areas, means = [], []
    for fold in sorted(set(folds)):
        members = [(y[i], p[i]) for i in range(len(y)) if folds[i] == fold]
        events, others = [s for c, s in members if c == 1], [s for c, s in members if c == 0]
        area = float(np.mean([psi(e, o) for e, o in product(events, others)]))
        influence = []
        for outcome, score in members:
            beaten = np.mean([psi(score, o) for o in others] if outcome else [psi(e, score) for e in events])
            influence.append((float(beaten) - area) / shares[outcome])
        areas.append(area)
        means.append(np.mean(np.square(influence)))
    return np.mean(areas), (np.mean(means) / len(y)) ** 0.5


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_cross_validated_area_is_that_of_the_paper_patient_by_patient(seed, ties):
    y, p, _ = samples(seed, ties=ties)
    folds = np.random.default_rng(seed).permutation(60) % 4
    area, error = cv_auc_by_hand(y, p, folds)
    error *= (1 + 4 / 3) ** 0.5  # Nadeau & Bengio 2003: 1 / J + n_test / n_training, here of four folds, once
    found = cross_validated_auc(y, p, folds)
    assert found.auc == pytest.approx(area, abs=1e-12)
    assert found.standard_error == pytest.approx(error, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((area - 1.959964 * error, area + 1.959964 * error), abs=1e-6)


def test_patients_of_different_folds_are_never_compared():
    # Each fold is ordered perfectly; between the folds the order is wrong.
    y, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    found = cross_validated_auc(y, p, np.array([0, 0, 1, 1]))
    assert (found.auc, found.low, found.standard_error) == (1.0, None, None)
    assert auc(y, p) == 0.75


def test_a_fold_with_one_class_contributes_nothing():
    y, p, _ = samples(2)
    folds = np.arange(60) % 3
    alone = cross_validated_auc(y, p, folds)
    extra = cross_validated_auc(np.append(y, [1, 1, 1]), np.append(p, [0.1, 0.2, 0.3]), np.append(folds, [7, 7, 7]))
    assert extra == alone
    assert cross_validated_auc(y, p, y) is None


def test_repeats_share_the_patients_so_the_variance_does_not_shrink():
    y, p, q = samples(2)
    folds = np.column_stack([np.arange(60) % 3, np.arange(60)[::-1] % 4])
    one, two = cross_validated_auc(y, p, folds[:, 0]), cross_validated_auc(y, q, folds[:, 1])
    both = cross_validated_auc(y, np.column_stack([p, q]), folds)
    assert both.auc == pytest.approx((one.auc + two.auc) / 2)
    plain = (one.standard_error**2 / (1 + 3 / 2) + two.standard_error**2 / (1 + 4 / 3)) / 2
    assert both.standard_error**2 == pytest.approx(plain * (1 + 3.5 / 2.5))
    assert cross_validated_auc(y, np.column_stack([p] * 9), folds[:, 0]).high == pytest.approx(one.high)


def test_without_shared_training_the_widened_interval_covers_more_often_than_it_says():
    # Five folds of 40 patients by models that share nothing: only the shift of the folds is theirs.
    random = np.random.default_rng(12)
    y, folds = np.arange(200) % 2, np.arange(200) // 40
    true, plain = stats.norm.cdf(1 / np.sqrt(2)), 1 / np.sqrt(1 + 5 / 4)
    covered, narrow = 0, 0
    for _ in range(500):
        found = cross_validated_auc(y, random.normal(size=200) + y + 3 * folds, folds)
        covered += found.low <= true <= found.high
        narrow += abs(found.auc - true) <= 1.959964 * plain * found.standard_error
    # 95 % of 500 is 475, three standard errors are 15; the influence curve is a little short in folds of 40.
    assert 455 <= narrow <= 490
    assert covered >= 495


@pytest.mark.parametrize("ties", [False, True])
def test_the_mean_curve_of_folds_encloses_the_cross_validated_area(ties):
    y, p, _ = samples(7, ties=ties)
    folds = np.random.default_rng(1).permutation(60) % 5
    curves = [roc_points(y[folds == fold], p[folds == fold]) for fold in range(5)]
    fpr, tpr = np.array(mean_roc([*curves, []])).T
    assert np.trapezoid(tpr, fpr) == pytest.approx(cross_validated_auc(y, p, folds).auc, abs=1e-12)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= -1e-12).all()
    assert mean_roc([[]]) == []


scored = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 2)), min_size=6, max_size=40)


@given(scored)
@settings(max_examples=60, deadline=None)
def test_what_keeps_the_order_keeps_every_interval(patients):
    y = np.array([event for event, _, _ in patients], dtype=int)
    p = np.array([score / 10 + 0.01 for _, score, _ in patients])
    folds = np.array([fold for _, _, fold in patients])
    stretched = np.log(p / (1 - p))
    assert auc(y, p) == auc(y, stretched)
    assert delong_interval(y, p) == delong_interval(y, stretched)
    assert cross_validated_auc(y, p, folds) == cross_validated_auc(y, stretched, folds)
    assert stratified_bootstrap(y, p, n=40, seed=0) == stratified_bootstrap(y, stretched, n=40, seed=0)


@given(scored)
@settings(max_examples=60, deadline=None)
def test_swapped_classes_and_reversed_scores_change_nothing(patients):
    y = np.array([event for event, _, _ in patients], dtype=int)
    p = np.array([float(score) for _, score, _ in patients])
    folds = np.array([fold for _, _, fold in patients])
    one, two = cross_validated_auc(y, p, folds), cross_validated_auc(1 - y, -p, folds)
    assert (one is None) == (two is None)
    if one is not None:
        assert one.auc == pytest.approx(two.auc)
        assert (one.standard_error is None) == (two.standard_error is None)
        assert one.standard_error is None or one.standard_error == pytest.approx(two.standard_error)
        assert one.low is None or 0 <= one.low <= one.auc + 1e-12 <= one.high + 1e-9 <= 1 + 1e-9

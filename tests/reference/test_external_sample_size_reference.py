"""The size of an external validation against the package of its authors, against simulation and against itself."""

from __future__ import annotations

from math import asinh, exp, log

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from modeling.core.performance.external_sample_size import (
    NO_THRESHOLD,
    advise_external,
    error_of_area,
    error_of_net_benefit,
    error_of_observed_expected,
    error_of_slope,
    patients_for_area,
    patients_for_net_benefit,
    patients_for_observed_expected,
    patients_for_slope,
)
from modeling.core.performance.logistic import maximum_likelihood

#: Quantiles in the place of the package's million draws.
QUANTILES = (np.arange(200_000) + 0.5) / 200_000


def normal(mean: float, spread: float) -> NDArray[np.float64]:
    return mean + spread * stats.norm.ppf(QUANTILES)


def test_the_numbers_are_those_of_pmvalsampsize() -> None:
    """pmvalsampsize (Ensor; Whittle), own tests: prevalence 0.018, c 0.8, LP normal(-5, 2.5), O:E width 1 → 905,
    4544 (simulated) and 4252; LP from beta(0.5, 0.5) → 1644. Its search for the error of O:E goes in steps of 1e-4."""
    assert patients_for_observed_expected(prevalence=0.018, width=1.0) == pytest.approx(905, abs=1)
    assert patients_for_slope(normal(-5, 2.5)) == pytest.approx(4544, rel=0.005)
    assert patients_for_area(area=0.8, prevalence=0.018) == 4252
    assert patients_for_slope(logit(stats.beta.ppf(QUANTILES, 0.5, 0.5))) == pytest.approx(1644, rel=0.005)


def test_prevalence_of_a_fifth_and_an_area_of_078_need_about_2958_patients() -> None:
    """pmvalsampsize 0.1.0: O:E 1538, slope 2958 (simulated), c 511, for LP normal(-1.75, 1.22) and default widths."""
    assert patients_for_observed_expected(prevalence=0.2) == pytest.approx(1538, rel=0.004)
    assert patients_for_slope(normal(-1.75, 1.22)) == pytest.approx(2958, rel=0.005)
    assert patients_for_area(area=0.78, prevalence=0.2) == 511


@pytest.mark.parametrize("prevalence", [0.1, 0.43, 0.8])
@pytest.mark.parametrize("width", [0.1, 0.4])
def test_the_number_is_the_first_whose_interval_is_as_narrow_as_asked(prevalence: float, width: float) -> None:
    def of_ratio(n: int) -> float:
        error = error_of_observed_expected(n, prevalence=prevalence)
        return exp(1.96 * error) - exp(-1.96 * error)

    def of_area(n: int) -> float:
        return 2 * 1.96 * error_of_area(n, area=0.71, prevalence=prevalence)

    shares = {"sensitivity": 0.7, "specificity": 0.6, "prevalence": prevalence, "threshold": 0.4}
    spread = normal(0.2, 0.9)
    found = (
        (patients_for_observed_expected(prevalence=prevalence, width=width), of_ratio),
        (patients_for_area(area=0.71, prevalence=prevalence, width=width), of_area),
        (patients_for_slope(spread, width=width), lambda n: 2 * 1.96 * error_of_slope(n, spread)),
        (patients_for_net_benefit(**shares, width=width), lambda n: 2 * 1.96 * error_of_net_benefit(n, **shares)),
    )
    for n, width_at in found:
        assert width_at(n) <= width * (1 + 1e-9)
        assert width_at(n - 1) > width


def test_the_error_of_a_slope_is_that_of_simulated_validations() -> None:
    random = np.random.default_rng(3)
    n, slopes = 400, []
    for _ in range(400):
        log_odds = random.normal(-0.4, 1.1, n)
        y = (random.uniform(size=n) < expit(log_odds)).astype(np.int64)
        slopes.append(maximum_likelihood(np.column_stack([np.ones(n), log_odds]), y).coefficients[1])
    assert error_of_slope(n, normal(-0.4, 1.1)) == pytest.approx(np.std(slopes), rel=0.1)


def test_the_error_of_net_benefit_is_that_of_simulated_validations() -> None:
    random = np.random.default_rng(4)
    n, sensitivity, specificity, prevalence, threshold = 500, 0.7, 0.6, 0.4, 0.3
    y = random.uniform(size=(4000, n)) < prevalence
    called = random.uniform(size=y.shape) < np.where(y, sensitivity, 1 - specificity)
    gain = (called & y).mean(axis=1) - (called & ~y).mean(axis=1) * threshold / (1 - threshold)
    error = error_of_net_benefit(
        n, sensitivity=sensitivity, specificity=specificity, prevalence=prevalence, threshold=threshold
    )
    assert error == pytest.approx(np.std(gain / y.mean(axis=1)), rel=0.05)


def test_the_error_of_observed_over_expected_is_the_delta_method_of_a_share() -> None:
    shares = np.random.default_rng(5).binomial(600, 0.3, size=20_000) / 600
    assert error_of_observed_expected(600, prevalence=0.3) == pytest.approx(np.std(np.log(shares / 0.3)), rel=0.02)
    assert patients_for_observed_expected(prevalence=0.5) == np.ceil(1 / (asinh(0.1) / 1.96) ** 2)


def test_the_advice_takes_the_largest_criterion_and_names_what_it_leaves_out() -> None:
    found = advise_external(prevalence=0.4, area=0.75, log_odds=normal(log(2 / 3), 1.0))
    numbers = [number for number in found.criteria.values() if number is not None]
    assert found.needed == max(numbers) == found.criteria["slope"]
    assert found.needed_events == np.ceil(0.4 * max(numbers))
    assert found.criteria["net_benefit"] is None
    assert found.reasons == {"net_benefit": NO_THRESHOLD}
    assert found.spread == pytest.approx(1.0, rel=1e-3)


def test_what_cannot_be_computed_has_no_number_but_a_reason() -> None:
    flat = advise_external(prevalence=0.4, area=None, log_odds=np.full(20, -0.4))
    assert flat.criteria["slope"] is None
    assert flat.criteria["area"] is None
    assert {"slope", "area"} <= set(flat.reasons)
    assert flat.needed == flat.criteria["observed_expected"]
    alike = advise_external(prevalence=1.0, area=None, log_odds=normal(0, 1))
    assert (alike.needed, alike.needed_events) == (None, None)
    assert set(alike.reasons) == set(alike.criteria)


def test_impossible_shares_and_widths_are_refused() -> None:
    for prevalence in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            patients_for_observed_expected(prevalence=prevalence)
    with pytest.raises(ValueError, match="above 0"):
        patients_for_area(area=0.7, prevalence=0.4, width=0)
    with pytest.raises(ValueError, match="do not vary"):
        error_of_slope(100, np.zeros(10))

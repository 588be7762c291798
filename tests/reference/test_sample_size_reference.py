"""Sample sizes against the worked examples of the papers and a numerical solution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from modeling.core.performance.sample_size import advise, largest_r2


def test_the_example_of_the_r_package_has_its_published_criteria():
    # Ensor, Martin & Riley, pmsampsize (R and Stata), example for a binary outcome: csrsquared(0.288)
    # parameters(24) prevalence(0.174) gives 623, 662 and 221 patients (also the expected values of its Python port).
    found = advise(1000, 174, parameters=24, r2_cs=0.288)
    assert found.criteria["shrinkage"] == 623
    assert found.criteria["optimism"] == 662
    assert found.criteria["overall_risk"] == 221


def test_the_pre_eclampsia_example_of_the_bmj_has_its_published_criteria():
    # Riley et al., BMJ 2020;368:m441: 30 parameters, 5 % of women, R2 of 0.05: 544 patients for the mean absolute
    # error, 5,249 for the shrinkage.
    found = advise(1000, 50, parameters=30, r2_cs=0.05)
    assert found.criteria["absolute_error"] == 544
    assert found.criteria["shrinkage"] == 5249
    assert (found.needed, found.enough) == (5249, False)


def test_ten_parameters_and_an_r2_of_0225_need_348_patients():
    # Method note, section 4.7.
    assert advise(1000, 400, parameters=10, r2_cs=0.225, shrinkage=0.9).criteria["shrinkage"] == 348


@pytest.mark.parametrize(
    ("prevalence", "most"),
    # Riley et al., Stat Med 2019;38:1276-1296 and BMJ 2020: the largest R2 of 0.75, 0.48 and 0.33 at these shares.
    [(0.5, 0.75), (0.1, 0.48), (0.05, 0.33)],
)
def test_the_largest_r2_is_the_published_one(prevalence, most):
    assert largest_r2(prevalence) == pytest.approx(most, abs=5e-3)


def test_the_overall_risk_of_a_rare_and_a_common_event():
    # BMJ 2020: a share of a half needs 385 patients to be known within 0.05.
    assert advise(100, 50, parameters=1).criteria["overall_risk"] == 385


@given(
    n=st.integers(50, 500), share=st.floats(0.1, 0.9), parameters=st.integers(1, 30), shrinkage=st.floats(0.8, 0.95)
)
@settings(max_examples=60, deadline=None)
def test_at_the_number_given_the_expected_shrinkage_is_reached(n, share, parameters, shrinkage):
    events = min(max(round(share * n), 1), n - 1)
    found = advise(n, events, parameters=parameters, shrinkage=shrinkage)
    r2 = 0.15 * largest_r2(events / n)

    def expected(size: float) -> float:
        """Van Houwelingen and le Cessie's shrinkage factor, 1 + p / (n ln(1 - R2 apparent))."""
        return optimize.brentq(
            lambda s: s - (1 + parameters / (size * np.log(1 - r2 / s))), max(r2 * (1 + 1e-9), 0.5), 1 - 1e-12
        )

    needed = found.criteria["shrinkage"]
    assert expected(needed) >= shrinkage - 1e-9
    assert expected(needed - 1) < shrinkage + 1e-9


@given(n=st.integers(20, 2000), share=st.floats(0.05, 0.95), parameters=st.integers(1, 60), more=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_more_parameters_never_need_fewer_patients(n, share, parameters, more):
    events = min(max(round(share * n), 1), n - 1)
    few, many = (advise(n, events, parameters=p) for p in (parameters, parameters + more))
    for criterion in ("shrinkage", "optimism", "overall_risk"):
        assert many.criteria[criterion] >= few.criteria[criterion]
    assert few.needed == max(value for value in few.criteria.values() if value is not None)
    assert few.enough == (n >= few.needed)
    assert advise(n, n - events, parameters=parameters).criteria == few.criteria


def test_the_formula_of_the_absolute_error_is_not_stretched_beyond_its_range():
    assert advise(300, 100, parameters=31).criteria["absolute_error"] is None


def test_the_sentence_names_what_is_needed_what_there_is_and_what_was_assumed():
    found = advise(276, 100, parameters=10)
    assert f"10 candidate features needs about {found.needed} patients at this response rate (36%)" in found.sentence
    assert "there are 276 with 100 responders" in found.sentence
    assert "explains 15% of what can be explained (Cox-Snell R2 of 0.11)" in found.sentence
    plenty = advise(5000, 2500, parameters=1, r2_cs=0.2)
    assert plenty.enough
    assert "1 candidate feature needs" in plenty.sentence
    assert "5,000 patients with 2,500 responders are enough." in plenty.sentence
    assert "assumes" not in plenty.sentence


@pytest.mark.parametrize("events", [0, 12])
def test_one_class_cannot_be_advised_on(events):
    found = advise(12, events, parameters=3)
    assert (found.needed, found.enough, found.criteria) == (None, False, {})
    assert found.sentence == "All 12 patients have the same outcome, so the number needed cannot be computed."


@pytest.mark.parametrize("r2_cs", [0.0, 0.74, -0.1])
def test_an_impossible_r2_is_refused(r2_cs):
    with pytest.raises(ValueError, match="R2 must lie between 0 and"):
        advise(100, 30, parameters=3, r2_cs=r2_cs)

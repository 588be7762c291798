from __future__ import annotations

import pytest

from modeling.core.conclusion import Conclusion, Evidence, conclude

BETTER = Evidence("external", 0.74, 0.61, 0.87, 60, 28, 1)


@pytest.mark.parametrize(
    ("responses", "word"),
    [
        (("MPR",), Conclusion.MPR),
        (("no MPR",), Conclusion.NON_MPR),
        (("MPR", "no MPR"), Conclusion.UNDECIDED),
        ((), Conclusion.UNUSUAL),
        (None, Conclusion.NONE),
    ],
)
def test_a_response_is_predicted_only_where_it_is_the_only_compatible_one(responses, word):
    assert conclude(responses, BETTER) == word


@pytest.mark.parametrize("low", [None, 0.35, 0.5])
def test_a_model_whose_interval_includes_chance_or_is_unknown_gives_no_verdict(low):
    evidence = Evidence("external", 0.74, low, 0.87, 60, 28, 1)
    assert not evidence.above_chance
    assert conclude(("MPR",), evidence) == Conclusion.NONE
    assert conclude(("MPR",), None) == Conclusion.NONE

"""What may be said of one patient in a word, and what must stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from modeling.core.explanation.conformal import RESPONSES


class Conclusion(StrEnum):
    """The word for one patient."""

    MPR = "mpr"
    NON_MPR = "non_mpr"
    #: Both responses are compatible with the probability.
    UNDECIDED = "undecided"
    #: Neither is: training patients of no response have such a probability.
    UNUSUAL = "unusual"
    #: The model was not shown to do better than chance, or its responses are not known.
    NONE = "none"


@dataclass(frozen=True)
class Evidence:
    """How a model did on patients that it had not seen: external ones, or training patients in nested cross-validation.

    Parameters
    ----------
    split : str
    auc, low, high : float or None
        Area under the ROC curve with its 95 % interval.
    n, events : int
        Patients and responders.
    looks : int
        How often the external centres had been opened, this look included; 0 without an external test.
    """

    split: str
    auc: float | None
    low: float | None
    high: float | None
    n: int
    events: int
    looks: int = 0

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval lies above 0.5; an interval that is not known does not."""
        return self.low is not None and self.low > 0.5


def conclude(responses: Sequence[str] | None, evidence: Evidence | None) -> Conclusion:
    """Return the word for a patient.

    Parameters
    ----------
    responses : sequence of str or None
        Responses that are compatible with the probability (`explanation.conformal`); None where they are not known.
    evidence : Evidence or None
        On the model.

    Returns
    -------
    Conclusion
        A response only where it is the only one that is compatible, and the model does better than chance.
    """
    if responses is None or evidence is None or not evidence.above_chance:
        return Conclusion.NONE
    if len(responses) == 1:
        return Conclusion.MPR if responses[0] == RESPONSES[1] else Conclusion.NON_MPR
    return Conclusion.UNDECIDED if responses else Conclusion.UNUSUAL

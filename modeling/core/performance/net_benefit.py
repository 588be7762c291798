"""Net benefit: what acting on a prediction gains over treating all or none.

Everywhere ``y`` holds 1 for an event (a responder) and 0 otherwise, ``p`` a predicted probability
or score, both of shape (n_patients,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modeling.core.performance.classification import confusion

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def decision_curve(y: Ints, p: Floats) -> list[tuple[float, float, float]]:
    """Give (threshold, net benefit of the model, net benefit of treating all) from 0.05 to 0.80.

    References
    ----------
    Vickers & Elkin, Med Decis Making 2006;26:565-574.
    """
    share = float(np.mean(y))
    curve = []
    for percent in range(5, 81):
        t = percent / 100
        counts = confusion(y, p, threshold=t)
        odds = t / (1 - t)
        curve.append((t, (counts.tp - counts.fp * odds) / len(y), share - (1 - share) * odds))
    return curve

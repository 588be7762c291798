"""Where in a lung the tumour of a synthetic patient sits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.core.phantom.anatomy import Surfaces
from imaging.core.phantom.fields import generator
from imaging.core.phantom.truth import PatientTruth
from imaging.core.phantom.vessels import Point

#: Tumours lie about this height (mm about the carina), so that the scan covers them with a margin.
_LEVEL_MM, _LEVEL_REACH_MM = -12.0, 26.0


def find_place(surface: Surfaces, truth: PatientTruth, *, room_mm: float) -> Point:
    """Choose where in a lung the tumour sits: near the mediastinum (central) or the chest wall (peripheral).

    Parameters
    ----------
    surface : Surfaces
        The chest.
    room_mm : float
        Distance that the tumour's centre keeps from chest wall and mediastinum, where the lung is wide enough.

    Notes
    -----
    Central means the inner two thirds of the way from mediastinum to chest wall.
    """
    rng = generator(truth.seed, truth.code, "place")
    tries = (_candidates(surface, truth, margin_mm=float(m)) for m in np.arange(room_mm, 0.0, -1.0))
    where = next(found for found in tries if len(found))
    iz, iy, ix = where[int(rng.integers(len(where)))]
    return (float(surface.lattice.z[iz]), float(surface.lattice.y[iy]), float(surface.lattice.x[ix]))


def _candidates(surface: Surfaces, truth: PatientTruth, *, margin_mm: float) -> NDArray[np.intp]:
    """Give the lattice points where a tumour of a radius fits, close to the side that its place asks for."""
    wall, hilum = -surface.cage, surface.mediastinum
    way = hilum / np.maximum(hilum + wall, 1e-3)
    central = truth.location == "central"
    level = np.abs(surface.lattice.z[:, None, None] - _LEVEL_MM) < _LEVEL_REACH_MM
    room = (wall > margin_mm) & (hilum > margin_mm) & level
    near = (hilum if central else wall) < margin_mm + 7
    return np.argwhere(room & near & (way < 0.5 if central else way > 2 / 3))

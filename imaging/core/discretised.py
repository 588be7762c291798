"""pyradiomics' texture classes, discretising each image once instead of once a class.

Six classes of an image each search minimum and maximum with Python's ``min`` and ``max`` and
digitise the same voxels. The arithmetic stays pyradiomics' own; only its repetition goes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import radiomics
from numpy.typing import NDArray
from radiomics import imageoperations

#: The setting under which the classes of one image share what the first of them computed.
SHARED = "shared_discretisation"


@cache
def texture_class(kind: str) -> Any:
    """Give a pyradiomics class by name; its settings must hold a dict under `SHARED`.

    Parameters
    ----------
    kind : str
        Name of the class, as "glcm".
    """
    base: Any = radiomics.getFeatureClasses()[kind]

    class Discretised(base):  # type: ignore[misc]
        __module__ = base.__module__  # names the logger

        def _applyBinning(self, matrix: NDArray[np.generic]) -> NDArray[np.int64]:  # noqa: N802 (its name)
            shared: dict[str, Any] = self.settings[SHARED]
            if not shared:
                shared["matrix"], _ = imageoperations.binImage(matrix, self.maskArray, **self.settings)
                shared["levels"] = np.unique(shared["matrix"][self.maskArray])
            self.coefficients["grayLevels"] = shared["levels"].copy()
            self.coefficients["Ng"] = int(shared["levels"][-1])
            return np.asarray(shared["matrix"].copy())

    return Discretised

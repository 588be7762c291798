"""Named feature values of one region of one scan, with reasons where there is no value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FeatureVector:
    """Values of one region of one scan under one specification.

    Parameters
    ----------
    names : tuple of str
        Features, in a fixed order.
    values : ndarray of float64, shape (n,)
        One value for each name; NaN where it is undefined.
    undefined : mapping of str to str
        For each undefined feature, why.
    provenance : mapping of str to object
        JSON-ready facts: engine, versions, specification, grids.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    undefined: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.names),):
            raise ValueError(f"{len(self.names)} names cannot go with values of shape {self.values.shape}.")

    def as_dict(self) -> dict[str, float]:
        """Give name and value pairs in order."""
        return dict(zip(self.names, self.values.tolist(), strict=True))

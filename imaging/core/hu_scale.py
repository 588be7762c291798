"""The proof that values are Hounsfield units: one test for DICOM, NIfTI and NRRD.

Air lies at -1000 HU, lung near -830, fat near -100, water at 0, soft tissue near 40: by definition, not by
scanner. So the histogram of a volume, padding set aside, is compared with where these have to lie, and with where
they would lie under the faults that files have: an offset that was not subtracted or was subtracted twice, a slope
that was not applied, signs that wrapped, grey values turned round. A volume is refused when such a fault explains
its histogram and HU do not, or when its values are impossible. A crop of one tissue alone fits HU and an offset
equally well, and is taken where the header states the scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.core.errors import NotCT
from imaging.core.padding import padding_mask

#: An image whose file states no scale must hold something below this: air or lung.
AIR_BELOW_HU = -500.0

#: 12-bit CT ends here; beyond it lies metal on an extended scale.
TWELVE_BIT_HU = 4095.0
#: The end of 16 bits with a sign; no CT scale reaches further.
HIGHEST_HU = 32767.0
#: Air with any noise lies above this.
LOWEST_HU = -1500.0

#: Share of voxels beyond 12 bits that metal explains: on a scale that the header states, and on one that nothing does.
_METAL, _METAL_UNSTATED = 0.02, 0.005
#: Share of voxels below air that overshoot beside padding explains.
_BELOW_AIR = 0.02
#: Gain in log likelihood a voxel (in nats) from which a fault explains a histogram and HU do not.
_EXPLAINS_BETTER = 0.6
#: A fault explains a histogram only if it puts at least this share where air and lung lie, and where soft tissue does.
_SEEN = 0.01
#: More voxels in neither air, lung nor soft tissue than this are no CT of a body.
_UNEXPLAINED = 0.5
#: ... where air and lung or soft tissue hold less than this.
_ONE_IS_ABSENT = 0.05

Floats = NDArray[np.float64]

#: Where air and lung lie, and where fat and soft tissue do (HU).
_AIR, _SOFT = (-1150.0, -650.0), (-200.0, 250.0)

#: Share, centre and width (HU): air, lung, fat, soft tissue, contrast and organs.
_TISSUES = ((0.25, -1000.0, 40.0), (0.2, -830.0, 90.0), (0.1, -100.0, 40.0), (0.2, 40.0, 45.0), (0.15, 130.0, 120.0))
#: Share of partial volumes (evenly from air to contrast), of bone (falling from 200 HU), and of anything.
_PARTIAL, _BONE, _ANYTHING = 0.05, 0.05, 1e-6


@dataclass(frozen=True)
class _Fault:
    """A fault of a file: how it reads in a sentence, the values it turns back to HU, and how it stretches them."""

    name: str
    undone: Callable[[Floats], Floats]
    stretch: float = 1.0


def _offset(by: float) -> _Fault:
    return _Fault(f"an offset of {by:+g}", lambda v: v - by)


def _slope(by: float) -> _Fault:
    return _Fault(f"a slope of {by:g} that was not undone", lambda v: v / by, 1 / by)


_HU = _Fault("HU", lambda v: v)
_FAULTS = (
    *(_offset(by) for by in (1000.0, 1024.0, 2000.0, 2048.0, 8192.0, 10240.0, 32768.0, -1000.0, -1024.0, -2048.0)),
    *(_slope(by) for by in (0.1, 0.5, 2.0, 10.0)),
    _Fault("signs that wrapped at 4,096", lambda v: np.where(v >= 2048, v - 4096, v)),
    _Fault("signs that wrapped at 4,096 with an offset of -1024", lambda v: np.where(v >= 1024, v - 3072, v + 1024)),
    _Fault("signs that wrapped at 65,536", lambda v: np.where(v >= 32768, v - 65536, v)),
    _Fault(
        "signs that wrapped at 65,536 with an offset of -1024", lambda v: np.where(v >= 31744, v - 64512, v + 1024)
    ),
    _Fault("grey values turned round", lambda v: -v),
    _Fault("grey values turned round with an offset of 1024", lambda v: 1024 - v),
    _Fault("grey values turned round with an offset of -1024", lambda v: -1024 - v),
)


@dataclass(frozen=True)
class _Histogram:
    """Values of a volume without its padding."""

    values: Floats
    counts: Floats
    lowest: float
    highest: float

    def share(self, low: float, high: float) -> float:
        """Return the share of voxels from `low` to `high`."""
        inside = (self.values >= low) & (self.values <= high)
        return float(self.counts[inside].sum() / self.counts.sum())

    def peak(self, fault: _Fault, low: float, high: float) -> float | None:
        """Return the most frequent value among those that a fault, undone, puts from `low` to `high`."""
        hu = fault.undone(self.values)
        counts = np.where((hu >= low) & (hu <= high), self.counts, 0.0)
        return float(self.values[counts.argmax()]) if counts.any() else None


def require_hu(array: NDArray[Any], *, stated: bool, why: str) -> list[str]:
    """Refuse values that are no HU.

    Parameters
    ----------
    array : ndarray
        What a file gives as HU, padding included.
    stated : bool
        Whether the file states how its values become HU.
    why : str
        What a refusal says of a file that does not: "The file does not state its modality".

    Returns
    -------
    list of str
        What a person should know: voxels beyond 12-bit CT.

    Raises
    ------
    NotCT
        With the facts of the histogram.
    """
    histogram = _histogram(array)
    if histogram is None:
        raise NotCT("The images hold nothing but padding.")
    _require_possible(histogram)
    if not stated and histogram.lowest >= AIR_BELOW_HU:
        raise NotCT(
            f"{why}, and no value is below {AIR_BELOW_HU:g} HU (the lowest is {histogram.lowest:g}): this is no chest CT."
        )
    _require_better_than_faults(histogram)
    return _metal(histogram, stated=stated)


def _histogram(array: NDArray[Any]) -> _Histogram | None:
    padding = padding_mask(array)
    valid = array[~padding] if padding.any() else array.ravel()
    if not valid.size:
        return None
    lowest, highest = float(valid.min()), float(valid.max())
    if highest - lowest > 2**20:
        lowest_bin = max(lowest, -(2.0**19))
        valid = np.clip(valid, lowest_bin, lowest_bin + 2**20)
    whole = np.rint(valid).astype(np.int32)
    start = int(whole.min())
    counts = np.bincount(whole - start)
    values = np.flatnonzero(counts)
    return _Histogram(values.astype(np.float64) + start, counts[values].astype(np.float64), lowest, highest)


def _require_possible(histogram: _Histogram) -> None:
    if histogram.highest > HIGHEST_HU:
        share = histogram.share(HIGHEST_HU, np.inf)
        raise NotCT(
            f"The values are not HU: the highest is {histogram.highest:,.0f} ({share:.2%} of voxels lie above "
            f"{HIGHEST_HU:,.0f}), which no tissue and no metal has on any CT scale. {_facts(histogram, _HU)}"
        )
    if (below := histogram.share(-np.inf, LOWEST_HU)) > _BELOW_AIR:
        raise NotCT(
            f"The values are not HU: besides padding, {below:.1%} of voxels lie below {LOWEST_HU:g}, lower than air. "
            f"{_facts(histogram, _best(histogram))}"
        )


def _require_better_than_faults(histogram: _Histogram) -> None:
    best = _best(histogram)
    gain = _likelihood(histogram, best) - _likelihood(histogram, _HU)
    if gain > _EXPLAINS_BETTER:
        raise NotCT(f"The values are not HU: {best.name} explains them. {_facts(histogram, best)}")
    seen = min(histogram.share(-1200, -500), histogram.share(-200, 300))
    if (outside := 1 - histogram.share(-1200, 600)) > _UNEXPLAINED and seen < _ONE_IS_ABSENT:
        raise NotCT(
            f"The values are not HU: {outside:.1%} of voxels lie neither where air and lung nor where soft tissue does "
            f"(-1,200 to 600). {_facts(histogram, _HU)}"
        )


def _metal(histogram: _Histogram, *, stated: bool) -> list[str]:
    share = histogram.share(TWELVE_BIT_HU + 1, np.inf)
    if not share:
        return []
    if share > (_METAL if stated else _METAL_UNSTATED):
        raise NotCT(
            f"The values are not HU: {share:.2%} of voxels lie above {TWELVE_BIT_HU:,.0f}, where CT of 12 bits ends, more "
            f"than metal explains. {_facts(histogram, _HU)}"
        )
    return [
        f"{share:.2%} of voxels lie above {TWELVE_BIT_HU:,.0f} HU, up to {histogram.highest:,.0f}: metal on an extended scale."
    ]


def _best(histogram: _Histogram) -> _Fault:
    """Return the fault that explains a histogram best among those that show air and tissue, else HU."""
    return max((_HU, *_FAULTS), key=lambda f: _likelihood(histogram, f) if _shows_both(histogram, f) else -np.inf)


def _shows_both(histogram: _Histogram, fault: _Fault) -> bool:
    hu, total = fault.undone(histogram.values), histogram.counts.sum()
    seen = [histogram.counts[(hu >= low) & (hu <= high)].sum() / total for low, high in (_AIR, _SOFT)]
    return bool(min(seen) >= _SEEN)


def _likelihood(histogram: _Histogram, fault: _Fault) -> float:
    """Return the mean log likelihood of a voxel, were the histogram one of HU with this fault."""
    density = _density(fault.undone(histogram.values)) * fault.stretch
    return float((histogram.counts * np.log(density)).sum() / histogram.counts.sum())


def _density(hu: Floats) -> Floats:
    """Return how often a HU is expected in a CT of a body, per HU."""
    tissues = [w / (s * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((hu - m) / s) ** 2) for w, m, s in _TISSUES]
    partial = _PARTIAL / 1300 * ((hu >= -1050) & (hu <= 250))
    bone = _BONE / 400 * np.exp(-np.clip(hu - 200, 0, 8000) / 400) * (hu >= 200)
    return np.asarray(sum(tissues) + partial + bone + _ANYTHING)


def _facts(histogram: _Histogram, fault: _Fault) -> str:
    """Return what the histogram shows, in one sentence."""
    air, tissue = histogram.peak(fault, *_AIR), histogram.peak(fault, *_SOFT)
    found = [
        f"{name} lies at {value:,.0f} instead of {where}"
        for name, value, where in (
            ("the peak of air or lung", air, "-1,000 to -700"),
            ("that of soft tissue", tissue, "-100 to 100"),
        )
        if value is not None and fault is not _HU
    ]
    low, soft = histogram.share(-1200, -500), histogram.share(-200, 300)
    shares = f"{low:.1%} of voxels lie where air and lung do, {soft:.1%} where soft tissue does"
    extent = f"the values reach from {histogram.lowest:,.0f} to {histogram.highest:,.0f}"
    return f"Padding set aside, {'; '.join([*found, extent, shares])}."

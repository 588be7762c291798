"""Frozen, hashed parameters of an extraction: what METHOD calls a protocol.

A spec is a value. Two specs with equal parameters have equal digests, and the digest travels with
every feature row, supervoxel map and codebook that was made under it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar

from imaging.core.errors import UnknownSetting

FEATURE_CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
NEIGHBOURHOODS = ("axial8", "face6", "full26")
DESCRIPTORS = ("hist10", "mean4")
ENGINES = ("native", "pyradiomics")
CONVENTIONS = ("pyradiomics", "ibsi")
INTERPOLATIONS = ("bspline", "linear")
ROUNDINGS = ("as_stored", "whole_hu")
PADDINGS = ("kept", "filled")
ALGORITHMS = ("kmeans", "gmm")

#: What a setting was before it existed. A stored protocol without it means this, and a digest leaves it
#: out at this value, so that a new setting changes neither the meaning nor the name of old results.
_IMPLIED: dict[str, Any] = {
    "engine": "pyradiomics",
    "convention": "pyradiomics",
    "interpolation": "bspline",
    "bin_count": None,
    "resegment_range_hu": None,
    "resegment_sigmas": None,
    "rounding": "as_stored",
    "padding": "kept",
    "algorithm": "kmeans",
}


@dataclass(frozen=True)
class RadiomicsSpec:
    """Whole-tumour radiomics in pyradiomics' terms.

    Defaults are those of the study's method page: 1 mm B-spline resampling, bins of 25 HU,
    Original, LoG 1 to 5 mm and eight wavelet bands of every class.

    Parameters
    ----------
    engine : {"native", "pyradiomics"}
        Who computes: Ecotone's compiled engine, or pyradiomics itself, the reference that it is tested
        against.
    convention : {"pyradiomics", "ibsi"}
        Whose definitions hold where the two differ; see docs/methods/ibsi.md. ibsi needs the native engine.
    interpolation : {"bspline", "linear"}
        How the image is resampled.
    bin_count : int, optional
        A fixed number of bins in place of `bin_width_hu`.
    resegment_range_hu : tuple of float, optional
        Voxels of other intensity (bounds included) do not count for intensity and texture.
    resegment_sigmas : float, optional
        Nor do voxels farther than this many standard deviations from the mean.
    rounding : {"as_stored", "whole_hu"}
        What happens to an image of fractional HU. as_stored takes it as it is, and its resampled values stay
        fractional, whereas those of whole numbers are truncated: both as pyradiomics does. whole_hu rounds
        every voxel to the nearest whole HU first (half to even), so that how a scan was stored changes nothing.
    padding : {"kept", "filled"}
        What stands where nothing was scanned while the image is resampled and filtered. kept takes padding as the file
        has it, as pyradiomics does; voxels of it near the tumour are counted in the provenance. filled gives each the value
        of the nearest voxel that was scanned.
    """

    resampled_spacing_mm: float | None = 1.0
    bin_width_hu: float = 25.0
    voxel_array_shift: int = 1000
    pad_distance_voxels: int = 10
    log_sigma_mm: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    wavelet: bool = True
    classes: tuple[str, ...] = FEATURE_CLASSES
    minimum_voxels: int = 64
    engine: str = "native"
    convention: str = "pyradiomics"
    interpolation: str = "bspline"
    bin_count: int | None = None
    resegment_range_hu: tuple[float, float] | None = None
    resegment_sigmas: float | None = None
    rounding: str = "as_stored"
    padding: str = "kept"


@dataclass(frozen=True)
class HabitatSpec:
    """Channels, supervoxels, descriptors and interaction of the habitat analysis.

    Scaling is fixed, never per scan, so that a habitat means the same before and after treatment.
    """

    spacing_mm: float = 1.0
    lung_window_hu: tuple[float, float] = (-1350.0, 150.0)
    mediastinum_window_hu: tuple[float, float] = (-125.0, 225.0)
    entropy_window_voxels: int = 9
    entropy_bins: int = 32
    slic_compactness: float = 0.01
    minimum_supervoxel_voxels: int = 27
    descriptor: str = "hist10"
    neighbourhood: str = "axial8"
    algorithm: str = "kmeans"


@dataclass(frozen=True)
class ExtractionSpec:
    """All parameters that turn one CT and one mask into features, named and hashed."""

    name: str = "standard"
    radiomics: RadiomicsSpec = field(default_factory=RadiomicsSpec)
    habitats: HabitatSpec = field(default_factory=HabitatSpec)

    def __post_init__(self) -> None:
        _require_known("feature class", self.radiomics.classes, FEATURE_CLASSES)
        _require_known("engine", (self.radiomics.engine,), ENGINES)
        _require_known("convention", (self.radiomics.convention,), CONVENTIONS)
        _require_known("interpolation", (self.radiomics.interpolation,), INTERPOLATIONS)
        _require_known("rounding", (self.radiomics.rounding,), ROUNDINGS)
        _require_known("padding", (self.radiomics.padding,), PADDINGS)
        _require_known("neighbourhood", (self.habitats.neighbourhood,), NEIGHBOURHOODS)
        _require_known("descriptor", (self.habitats.descriptor,), DESCRIPTORS)
        _require_known("algorithm", (self.habitats.algorithm,), ALGORITHMS)
        if self.radiomics.convention == "ibsi" and self.radiomics.engine != "native":
            raise UnknownSetting("The IBSI convention needs the native engine: pyradiomics does not have it.")

    def as_dict(self) -> dict[str, Any]:
        """Give a JSON-ready form that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ExtractionSpec:
        """Read what `as_dict` wrote; a key that is not known is an error, never ignored."""
        return cls(
            name=str(data["name"]),
            radiomics=_build(RadiomicsSpec, data.get("radiomics", {})),
            habitats=_build(HabitatSpec, data.get("habitats", {})),
        )

    @cached_property
    def digest(self) -> str:
        """Give the sha256 of all parameters, the name excepted."""
        parts = {"radiomics": hashed_form(self.radiomics), "habitats": hashed_form(self.habitats)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def hashed_form(part: RadiomicsSpec | HabitatSpec) -> dict[str, Any]:
    """Give the settings that decide a value, those left out that say what was implied before they existed."""
    return {key: value for key, value in asdict(part).items() if key not in _IMPLIED or value != _IMPLIED[key]}


def _require_known(what: str, chosen: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(chosen) - set(known)):
        raise UnknownSetting(f"Unknown {what} {', '.join(map(repr, unknown))}; known are {', '.join(known)}.")


T = TypeVar("T", RadiomicsSpec, HabitatSpec)


def _build(kind: type[T], data: dict[str, Any]) -> T:
    known = {f.name for f in fields(kind)}
    if unknown := set(data) - known:
        raise UnknownSetting(f"Unknown setting {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}.")
    stated = {key: value for key, value in _IMPLIED.items() if key in known} | data
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in stated.items()}
    return kind(**values)


#: Everything METHOD names: 1,316 whole-tumour features a timepoint.
STANDARD = ExtractionSpec(name="standard")

#: Original and LoG 1, 3, 5 mm: 386 whole-tumour features a timepoint.
LIGHT = ExtractionSpec(name="light", radiomics=RadiomicsSpec(log_sigma_mm=(1.0, 3.0, 5.0), wavelet=False))

#: The same values from pyradiomics itself: the reference, some ten times slower.
REFERENCE = ExtractionSpec(name="reference", radiomics=RadiomicsSpec(engine="pyradiomics"))

#: IBSI's definitions where pyradiomics departs from them, without filters.
IBSI = ExtractionSpec(name="ibsi", radiomics=RadiomicsSpec(convention="ibsi", log_sigma_mm=(), wavelet=False))

#: STANDARD on whole HU: a scan stored with fractions has the values of the same scan stored as whole numbers.
WHOLE_HU = ExtractionSpec(name="whole-hu", radiomics=RadiomicsSpec(rounding="whole_hu"))

#: Protocols that every installation has.
BUILT_IN = {spec.name: spec for spec in (STANDARD, LIGHT, REFERENCE, IBSI, WHOLE_HU)}

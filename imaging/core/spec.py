"""Frozen, hashed parameters of an extraction: what METHOD calls a protocol.

A spec is a value. Two specs with equal parameters have equal digests, and the digest travels with
every feature row, supervoxel map and codebook that was made under it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from imaging.core.errors import UnknownSetting

FEATURE_CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
NEIGHBOURHOODS = ("axial8", "face6", "full26")
DESCRIPTORS = ("hist10", "mean4")


@dataclass(frozen=True)
class RadiomicsSpec:
    """Whole-tumour radiomics in pyradiomics' terms.

    Defaults are those of the study's method page: 1 mm B-spline resampling, bins of 25 HU,
    Original, LoG 1 to 5 mm and eight wavelet bands of every class.
    """

    resampled_spacing_mm: float | None = 1.0
    bin_width_hu: float = 25.0
    voxel_array_shift: int = 1000
    pad_distance_voxels: int = 10
    log_sigma_mm: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    wavelet: bool = True
    classes: tuple[str, ...] = FEATURE_CLASSES
    minimum_voxels: int = 64


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


@dataclass(frozen=True)
class ExtractionSpec:
    """All parameters that turn one CT and one mask into features, named and hashed."""

    name: str = "standard"
    radiomics: RadiomicsSpec = field(default_factory=RadiomicsSpec)
    habitats: HabitatSpec = field(default_factory=HabitatSpec)

    def __post_init__(self) -> None:
        unknown = set(self.radiomics.classes) - set(FEATURE_CLASSES)
        if unknown:
            raise UnknownSetting(f"Unknown feature class {sorted(unknown)}; known are {', '.join(FEATURE_CLASSES)}.")
        if self.habitats.neighbourhood not in NEIGHBOURHOODS:
            raise UnknownSetting(
                f"Unknown neighbourhood {self.habitats.neighbourhood!r}; known are {', '.join(NEIGHBOURHOODS)}."
            )
        if self.habitats.descriptor not in DESCRIPTORS:
            raise UnknownSetting(
                f"Unknown descriptor {self.habitats.descriptor!r}; known are {', '.join(DESCRIPTORS)}."
            )

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

    @property
    def digest(self) -> str:
        """Give the sha256 of all parameters, the name excepted."""
        parameters = {key: value for key, value in self.as_dict().items() if key != "name"}
        return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


T = TypeVar("T", RadiomicsSpec, HabitatSpec)


def _build(kind: type[T], data: dict[str, Any]) -> T:
    known = {f.name for f in fields(kind)}
    if unknown := set(data) - known:
        raise UnknownSetting(f"Unknown setting {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}.")
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
    return kind(**values)


#: Everything METHOD names: 1,316 whole-tumour features a timepoint.
STANDARD = ExtractionSpec(name="standard")

#: Original and LoG 1, 3, 5 mm: 386 whole-tumour features a timepoint.
LIGHT = ExtractionSpec(name="light", radiomics=RadiomicsSpec(log_sigma_mm=(1.0, 3.0, 5.0), wavelet=False))

#: Protocols that every installation has.
BUILT_IN = {spec.name: spec for spec in (STANDARD, LIGHT)}

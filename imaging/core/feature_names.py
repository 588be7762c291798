"""What the names of features say: image, family and measure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imaging.core.spec import FEATURE_CLASSES

HABITATS, TRANSITIONS = "habitats", "transitions"
#: Families in the usual order: those of whole tumours, then habitats and what became of them.
FAMILIES = (*FEATURE_CLASSES, HABITATS, TRANSITIONS)

_WORDS = re.compile(r"\d+D|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LOG = re.compile(r"log-sigma-(\d+)-(\d+)-mm-3D")


@dataclass(frozen=True)
class FeatureName:
    """A feature's name, taken apart.

    Parameters
    ----------
    name : str
        As it is stored.
    image : str
        The filter that was applied: ``original``, ``log-sigma-1-0-mm-3D``, ``wavelet-LLH``; empty of habitats.
    family : str
        One of `FAMILIES`.
    measure : str
        The rest, in words.
    """

    name: str
    image: str
    family: str
    measure: str

    @property
    def filter(self) -> str:
        """The filter in short words: ``original``, ``LoG 1 mm``, ``wavelet LLH``."""
        if match := _LOG.fullmatch(self.image):
            whole, part = match.groups()
            return f"LoG {whole}.{part} mm" if part != "0" else f"LoG {whole} mm"
        return self.image.replace("-", " ")

    @property
    def unit(self) -> str:
        """The unit of its values; empty where it has none."""
        if self.family == "shape":
            return _SHAPE_UNITS.get(self.measure.split()[-1], "")
        if self.family == "firstorder" and self.image == "original":
            return _INTENSITY_UNITS.get(self.measure, "HU")
        return "mm³" if self.name.startswith("msi_V_") else ""


#: Last word of a shape's name → unit.
_SHAPE_UNITS = {"volume": "mm³", "area": "mm²", "ratio": "1/mm"} | dict.fromkeys(
    ("length", "column", "row", "slice", "diameter"), "mm"
)
#: First-order measures of the CT whose unit is not HU.
_INTENSITY_UNITS = (
    dict.fromkeys(("entropy", "kurtosis", "skewness", "uniformity"), "")
    | dict.fromkeys(("energy", "variance"), "HU²")
    | {"total energy": "HU² mm³"}
)


def parse(name: str, *, region: str = "") -> FeatureName:
    """Take a name apart.

    Parameters
    ----------
    region : str
        ``habitats`` or ``transitions`` for features that carry neither filter nor family in their name.
    """
    if region in (HABITATS, TRANSITIONS):
        return FeatureName(name, "", region, name.removeprefix("transition_").replace("_", " "))
    image, family, measure = name.split("_", 2)
    words = " ".join(_spoken(word) for word in _WORDS.findall(measure))
    return FeatureName(name, image, family, words.replace("0 percentile", "0th percentile"))


def _spoken(word: str) -> str:
    return word if word.isupper() and len(word) > 1 else word.lower()

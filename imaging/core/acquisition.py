"""How a series was made: what its headers say about that, without identity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset

from imaging.core.dataset import items, number, text
from imaging.core.planes import functional_group

_NO_CONTRAST = ("none", "no", "without", "n/a", "non")


@dataclass(frozen=True)
class Acquisition:
    """How a series was made; free of identity.

    Parameters
    ----------
    acquired_on : date or None
        Day of acquisition.
    manufacturer, model, kernel : str
        Scanner and reconstruction kernel, "" when not stated.
    kvp : float or None
        Tube voltage in kV.
    slice_thickness_mm : float or None
        As stated; the slice spacing is measured from positions instead.
    contrast : bool or None
        Whether a contrast agent is stated; None when the file does not say.
    """

    acquired_on: date | None = None
    manufacturer: str = ""
    model: str = ""
    kernel: str = ""
    kvp: float | None = None
    slice_thickness_mm: float | None = None
    contrast: bool | None = None


def acquisition_of(dataset: Dataset) -> Acquisition:
    """Read how an image was made; an attribute that is absent or unusable becomes None or ""."""
    shared = (items(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    frame = (items(dataset, "PerFrameFunctionalGroupsSequence") or [Dataset()])[0]
    reconstruction = functional_group(frame, shared, "CTReconstructionSequence")
    rays = functional_group(frame, shared, "CTXRayDetailsSequence")
    measures = functional_group(frame, shared, "PixelMeasuresSequence")
    return Acquisition(
        acquired_on=_acquired_on(dataset),
        manufacturer=text(dataset, "Manufacturer"),
        model=text(dataset, "ManufacturerModelName"),
        kernel=text(dataset, "ConvolutionKernel") or text(reconstruction, "ConvolutionKernel"),
        kvp=number(dataset, "KVP") or number(rays, "KVP"),
        slice_thickness_mm=number(dataset, "SliceThickness") or number(measures, "SliceThickness"),
        contrast=_contrast(dataset),
    )


def _acquired_on(dataset: Dataset) -> date | None:
    for keyword in ("AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate", "ContentDate"):
        digits = text(dataset, keyword).replace(".", "")[:8]
        try:
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        except ValueError:
            continue
    return None


def _contrast(dataset: Dataset) -> bool | None:
    agent = text(dataset, "ContrastBolusAgent").lower()
    if not agent:
        return True if items(dataset, "ContrastBolusAgentSequence") else None
    return agent not in _NO_CONTRAST

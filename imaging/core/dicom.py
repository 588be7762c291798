"""DICOM CT series as volumes in HU, and what a series says about itself without identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.core.dataset import items, number, open_dataset, reading, text
from imaging.core.errors import BurnedInText, Localizer, NotCT, SeriesRefused, UnreadableFile
from imaging.core.geometry import Shape, Triple, Volume, compact_hu
from imaging.core.slices import Slice, arrange, functional_group, slices_of

#: CT, enhanced CT and legacy converted enhanced CT image storage.
CT_STORAGE = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")

#: Air lies near -1000 HU; an image without anything below this is not a CT of a chest in HU.
AIR_BELOW_HU = -500.0

#: More voxels than any CT has (4,096 slices of 512 x 512); protects the memory from forged headers.
MAXIMUM_VOXELS = 2**30

_NO_CONTRAST = ("none", "no", "without", "n/a", "non")

Pixels = NDArray[np.int16] | NDArray[np.float32]


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


@dataclass(frozen=True)
class SeriesReport:
    """One image series or image file, with a verdict.

    Parameters
    ----------
    path : str
        Folder of the series, or the file, relative to what was scanned.
    patient_id : str
        Raw, for grouping in memory only: never log or store it.
    code, reason : str
        "ok" and "" when accepted, else a code of `imaging.core.errors` and its sentence.
    """

    path: str
    series_uid: str
    study_uid: str
    modality: str
    frame_of_reference_uid: str
    patient_id: str
    kind: Literal["dicom", "nifti", "nrrd"]
    files: tuple[Path, ...]
    verdict: Literal["accepted", "refused"]
    code: str
    reason: str
    shape_zyx: Shape | None
    spacing_zyx_mm: Triple | None
    acquisition: Acquisition


def read_series(files: Sequence[Path]) -> Volume:
    """Read the files of one CT series into a volume.

    Parameters
    ----------
    files : sequence of Path
        Single-frame or enhanced multi-frame CT, in any order.

    Returns
    -------
    Volume
        HU by each slice's own rescale, shape (z, y, x), slices ascending along their normal, spacing in
        mm from slice positions.

    Raises
    ------
    SeriesRefused
        NotCT, Localizer, BurnedInText, or one of the geometry faults of `imaging.core.slices.arrange`.
    UnreadableFile
        If a file is damaged, truncated or cannot be decoded.
    """
    slices: list[Slice] = []
    pixels: list[Pixels] = []
    for position, file in enumerate(files, start=1):
        what = f"Image {position} of {len(files)} in the series"
        dataset = open_dataset(file, what=what)
        with reading(what):
            require_ct(dataset)
            found = slices_of(dataset)
            slices += found
            pixels += _hounsfield(dataset, found, what=what)
    if not slices:
        raise SeriesRefused("The series holds no images.")
    order, grid = arrange(slices)
    volume = Volume(_stack([pixels[index] for index in order]), grid)
    if any(s.slope is None or s.intercept is None for s in slices):
        require_air(volume, why="The series does not say how stored values become HU")
    return volume


def require_ct(dataset: Dataset) -> None:
    """Raise unless a data set is a CT image in HU that may enter a volume.

    Raises
    ------
    NotCT, Localizer, BurnedInText
        With the attribute that tells.
    """
    if (modality := text(dataset, "Modality")) != "CT":
        raise NotCT(f"The modality is {modality}, not CT." if modality else "The file does not state its modality.")
    storage = text(dataset, "SOPClassUID")
    if storage and storage not in CT_STORAGE:
        raise NotCT(f"The files are {UID(storage).name}, not CT images.")
    if "LOCALIZER" in text(dataset, "ImageType").upper():
        raise Localizer("The images are localisers (scouts), not slices of a volume.")
    if (number(dataset, "SamplesPerPixel") or 1) > 1:
        raise NotCT("The images are in colour, not in HU.")
    units = {text(part, "RescaleType").upper() for part in _transformations(dataset)} - {"", "HU"}
    if units:
        raise NotCT(f"The values are not HU: the rescale type is {', '.join(sorted(units))}.")
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        raise BurnedInText("The images state that text is burned into their pixels; it may name the patient.")


def require_air(volume: Volume, *, why: str) -> None:
    """Raise `NotCT` unless some value is as low as air in HU."""
    lowest = float(volume.array.min())
    if lowest >= AIR_BELOW_HU:
        raise NotCT(
            f"{why}, and no value is below {AIR_BELOW_HU:g} HU (the lowest is {lowest:g}): this is no chest CT."
        )


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


def _transformations(dataset: Dataset) -> list[Dataset]:
    frames = items(dataset, "PerFrameFunctionalGroupsSequence") + items(dataset, "SharedFunctionalGroupsSequence")
    return [dataset] + [part for frame in frames for part in items(frame, "PixelValueTransformationSequence")]


def _hounsfield(dataset: Dataset, slices: Sequence[Slice], *, what: str) -> list[Pixels]:
    """Decode a data set and give the HU of each of its planes."""
    rows, columns = slices[0].shape
    if rows * columns * len(slices) > MAXIMUM_VOXELS:
        raise SeriesRefused(f"{what} claims {rows} x {columns} x {len(slices)} voxels, more than a CT can have.")
    stored = np.asarray(dataset.pixel_array).reshape(-1, rows, columns)
    if len(stored) != len(slices):
        raise UnreadableFile(f"{what} describes {len(slices)} planes but holds {len(stored)}.")
    return [_rescaled(image, plane) for image, plane in zip(stored, slices, strict=True)]


def _rescaled(image: NDArray[np.generic], plane: Slice) -> Pixels:
    """Apply a slice's own rescale; whole-number rescales, nearly all, need no detour over fractions."""
    slope = 1.0 if plane.slope is None else plane.slope
    intercept = plane.intercept or 0.0
    if slope == 1 and intercept.is_integer() and image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
        whole = image.astype(np.int32) + int(intercept)
        limits = np.iinfo(np.int16)
        if limits.min < whole.min() and whole.max() <= limits.max:
            return whole.astype(np.int16)
    return compact_hu(image.astype(np.float64) * slope + intercept)


def _stack(pixels: Sequence[Pixels]) -> Pixels:
    if all(image.dtype == np.int16 for image in pixels):
        return np.stack(pixels).astype(np.int16, copy=False)
    return np.stack([image.astype(np.float32) for image in pixels])

"""Synthetic chest CT of planted patients: the images of the demo cohort.

A chest with one lung tumour per patient, before and after treatment, as one of three centres would
scan it. The same truth gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct, write_seg
from imaging.core.geometry import Grid, TumorMask, Volume
from imaging.core.phantom.anatomy import Axes, Build, surfaces
from imaging.core.phantom.chest import paint_chest
from imaging.core.phantom.fields import Float, generator
from imaging.core.phantom.place import find_place
from imaging.core.phantom.truth import TIMEPOINTS, Centre, PatientTruth, Timepoint
from imaging.core.phantom.tumour import Tumour, paint_tumour, place, spicules


@dataclass(frozen=True)
class Scanner:
    """How one centre scans.

    Parameters
    ----------
    kernel : str
        Name of the reconstruction kernel.
    blur_mm : float
        Standard deviation of the point spread in the axial plane.
    noise_hu : float
        Standard deviation of the noise in soft tissue.
    noise_grain_mm : float
        Correlation length of the noise; a sharp kernel has fine grain.
    """

    pixels: int
    pixel_mm: float
    slices: int
    slice_mm: float
    kernel: str
    blur_mm: float
    noise_hu: float
    noise_grain_mm: float

    @property
    def steps_mm(self) -> tuple[float, float, float]:
        """Distances between voxels along z, y and x."""
        return (self.slice_mm, self.pixel_mm, self.pixel_mm)

    def grid(self, *, origin_lps_mm: tuple[float, float, float]) -> Grid:
        """Give the grid of a scan that starts at a position."""
        return Grid((self.slices, self.pixels, self.pixels), self.steps_mm, origin_lps_mm)


SCANNERS: dict[Centre, Scanner] = {
    "A": Scanner(192, 1.72, 52, 2.5, "STANDARD", 0.75, 10.0, 1.3),
    "B": Scanner(184, 1.80, 44, 3.0, "SMOOTH", 0.9, 9.0, 1.7),
    "C": Scanner(200, 1.65, 60, 2.0, "SHARP", 0.6, 12.0, 0.9),
}
#: The middle of every scan, in mm above the carina.
_MIDDLE_Z_MM = -12.0
_ROOM = 1.12
#: A block of lung reaches this many radii of its tumour, and this far beyond (spicules, rim, filters).
_ROOM_FACTOR, _BLOCK_MARGIN_MM = 1.9, 14.0
_PLAIN_LUNG_HU = -830.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """A rendered scan with its truth: image, tumour, and habitats (0 outside; 1 necrotic, 2 soft, 3 dense)."""

    volume: Volume
    mask: TumorMask
    habitats: NDArray[np.uint8]


def render(truth: PatientTruth, timepoint: Timepoint) -> Phantom:
    """Render the CT of one patient at one timepoint.

    Returns
    -------
    Phantom
        HU as int16 on the centre's grid, the planted mask and the planted habitats.
    """
    scanner, scan = SCANNERS[truth.centre], truth.scan(timepoint)
    grid, axes = _table(truth, timepoint, scanner)
    build = Build.of(truth.seed, truth.code)
    surface = surfaces(build, seed=truth.seed, code=truth.code)
    image = paint_chest(build, surface, seed=truth.seed, code=truth.code, axes=axes)
    tumour = Tumour.of(truth)
    room = _ROOM * tumour.radius_mm(truth.pre)
    centre = find_place(surface, truth, room_mm=room)
    placed = place(tumour, truth, scan, centre_mm=centre, axes=axes)
    paint_tumour(image, placed, scan, spicules(tumour, truth, scan, centre_mm=centre), axes)
    mask, habitats = np.zeros(grid.shape_zyx, dtype=bool), np.zeros(grid.shape_zyx, dtype=np.uint8)
    mask[placed.box], habitats[placed.box] = placed.mask, placed.habitats
    hu = _reconstruct(image, scanner, generator(truth.seed, truth.code, timepoint, "noise"))
    return Phantom(Volume(hu, grid), TumorMask(mask, grid), habitats)


def render_tumour(truth: PatientTruth, timepoint: Timepoint) -> Phantom:
    """Render the tumour of one patient in a block of plain lung, some ten times faster than the whole chest.

    Size, texture and habitats are those of `render`, and so is the scanner; vessels, bronchi and chest wall are
    missing, and so is whatever they would do to voxels near the edge.

    Returns
    -------
    Phantom
        HU as int16 on the centre's voxels, the planted mask and the planted habitats.
    """
    scanner, scan = SCANNERS[truth.centre], truth.scan(timepoint)
    tumour = Tumour.of(truth)
    centre = (0.0, 0.0, 0.0)
    z, y, x = (_around(_ROOM_FACTOR * tumour.radius_mm(scan) + _BLOCK_MARGIN_MM, step) for step in scanner.steps_mm)
    image = np.full((len(z), len(y), len(x)), _PLAIN_LUNG_HU, dtype=np.float32)
    placed = place(tumour, truth, scan, centre_mm=centre, axes=(z, y, x))
    paint_tumour(image, placed, scan, spicules(tumour, truth, scan, centre_mm=centre), (z, y, x))
    grid = Grid(image.shape, scanner.steps_mm, (float(x[0]), float(y[0]), float(z[0])))
    mask, habitats = np.zeros(grid.shape_zyx, dtype=bool), np.zeros(grid.shape_zyx, dtype=np.uint8)
    mask[placed.box], habitats[placed.box] = placed.mask, placed.habitats
    hu = _reconstruct(image, scanner, generator(truth.seed, truth.code, timepoint, "noise"))
    return Phantom(Volume(hu, grid), TumorMask(mask, grid), habitats)


def _around(reach_mm: float, step_mm: float) -> Float:
    """Give positions at equal steps that reach as far on both sides of 0."""
    count = int(np.ceil(reach_mm / step_mm))
    return np.asarray(step_mm * np.arange(-count, count + 1), dtype=np.float32)


def _table(truth: PatientTruth, timepoint: Timepoint, scanner: Scanner) -> tuple[Grid, Axes]:
    """Lay the patient on the table: the grid in table positions, and its axes about the carina."""
    rng = generator(truth.seed, truth.code, timepoint, "table")
    shift = rng.uniform(-4, 4, size=3)
    table_z = float(np.round(rng.uniform(-250, -150), 1))
    half = 0.5 * (scanner.pixels - 1) * scanner.pixel_mm
    low = np.array([_MIDDLE_Z_MM - 0.5 * (scanner.slices - 1) * scanner.slice_mm, -half, -half]) + shift
    z, y, x = (
        (start + step * np.arange(n)).astype(np.float32)
        for start, step, n in zip(
            low,
            (scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm),
            (scanner.slices, scanner.pixels, scanner.pixels),
            strict=True,
        )
    )
    return scanner.grid(origin_lps_mm=(round(-half, 3), round(-half, 3), table_z)), (z, y, x)


def _reconstruct(image: Float, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.int16]:
    """Blur with the kernel's point spread, add its noise and store whole HU."""
    sigma = scanner.blur_mm / scanner.pixel_mm
    blurred = ndimage.gaussian_filter(image, (0.35, sigma, sigma), mode="nearest", truncate=3.0)
    grain = scanner.noise_grain_mm / scanner.pixel_mm
    noise = ndimage.gaussian_filter(
        rng.standard_normal(image.shape, dtype=np.float32), (0.0, grain, grain), mode="wrap", truncate=3.0
    )
    noise *= np.float32(scanner.noise_hu) / noise.std(dtype=np.float64).astype(np.float32)
    return np.asarray(np.clip(np.rint(blurred + noise), -1024, 3071), dtype=np.int16)


def write_patient(truth: PatientTruth, folder: Path) -> None:
    """Render both scans of a patient and write them as DICOM.

    Parameters
    ----------
    truth : PatientTruth
        The planted patient.
    folder : Path
        The cohort's folder. Slices go to ``<code>/<pre|post>/ct/``, the tumour to ``tumour.dcm`` beside
        it: contours (RTSTRUCT) from centres A and B, a segmentation (DICOM SEG) from centre C.
    """
    for timepoint in TIMEPOINTS:
        phantom = render(truth, timepoint)
        identity = _identity(truth, timepoint)
        target = folder / truth.code / timepoint
        write_ct(phantom.volume, target / "ct", identity=identity)
        write_tumour = write_seg if truth.centre == "C" else write_rtstruct
        write_tumour(phantom.mask, target / "tumour.dcm", identity=identity)


def _identity(truth: PatientTruth, timepoint: Timepoint) -> DicomIdentity:
    return DicomIdentity(
        code=truth.code,
        key=f"ecotone phantom/{truth.seed}/{truth.code}/{timepoint}",
        acquired_on=truth.scan_on(timepoint),
        description=f"Synthetic {timepoint}-treatment chest",
        kernel=SCANNERS[truth.centre].kernel,
        sex="F" if truth.clinical.sex == "female" else "M",
        age_years=truth.clinical.age_years,
    )

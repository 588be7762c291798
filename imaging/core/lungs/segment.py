"""Both lungs of a chest CT by classical means: thresholds, connected parts and morphology."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.errors import LungsNotFound
from imaging.core.geometry import Grid, Triple, Volume, bounding_box
from imaging.core.lungs.airways import IN_PLANE, Airways, AirwaySettings, find_airways
from imaging.core.lungs.grid import Reduction
from imaging.core.lungs.shape import closed, split

RIGHT, LEFT = 1, 2
SIDES = {RIGHT: "right", LEFT: "left"}

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LungSettings:
    """How lungs are told from the rest; all are our defaults.

    Parameters
    ----------
    spacing_mm : float
        Widest spacing of the copy of the scan that is worked on.
    air_hu : float
        Lung and other air lie below.
    closing_mm : float
        Radius of the ball that closes the gaps which vessels and small tumours leave.
    smallest_ml : float
        A lung has at least this volume of air-filled tissue.
    fragment_ml : float
        Smallest separate part that is added to a lung.
    airways : AirwaySettings
        What counts as trachea and main bronchi, which belong to no lung.
    """

    spacing_mm: float = 3.0
    air_hu: float = -400.0
    closing_mm: float = 5.0
    smallest_ml: float = 200.0
    fragment_ml: float = 5.0
    airways: AirwaySettings = field(default_factory=AirwaySettings)


@dataclass(frozen=True, eq=False)
class Lungs:
    """Right and left lung of one scan.

    Parameters
    ----------
    labels : ndarray of uint8, shape (z, y, x)
        1 right lung, 2 left lung, 0 elsewhere; upright and coarser than the scan.
    grid : Grid
        Where the labels lie.
    carina_lps_mm : tuple of float
        Where the trachea divides.
    hila_lps_mm : dict of int to tuple of float
        End of the main bronchus of each side, by label.
    evidence : dict
        Volumes, mean HU and the like, with units in the names; JSON-ready.
    settings : LungSettings
        How they were found.
    """

    labels: NDArray[np.uint8]
    grid: Grid
    carina_lps_mm: Triple
    hila_lps_mm: dict[int, Triple]
    evidence: dict[str, Any]
    settings: LungSettings


def segment_lungs(volume: Volume, *, settings: LungSettings | None = None) -> Lungs:
    """Segment both lungs.

    Parameters
    ----------
    volume : Volume
        A chest CT in HU, voxels in any order of axes.
    settings : LungSettings, optional
        Thresholds and radii.

    Returns
    -------
    Lungs
        Equal scans give equal labels. One lung may be absent (label and volume), never both.

    Raises
    ------
    LungsNotFound
        If no windpipe divides in the field of view, or if no enclosed part beside it is as large as a lung.

    Notes
    -----
    Air is enclosed where it does not reach the edge of its slice. Beside the carina, right and left of it, the
    largest enclosed parts are the lungs; airways are taken away first. The idea is that of Hu, Hoffman and Reinhardt
    (IEEE Trans Med Imaging 2001;20:490); the steps and all figures are ours.
    """
    settings = settings or LungSettings()
    reduction = Reduction.of(volume.grid, spacing_mm=settings.spacing_mm)
    hu, grid = reduction.mean(volume.array), reduction.grid
    air = _enclosed(hu < settings.air_hu)
    lumen = air & (hu < settings.airways.lumen_hu)
    airways = find_airways(lumen, spacing_zyx_mm=grid.spacing_zyx_mm, settings=settings.airways)
    wall = ndimage.binary_dilation(airways.mask, structure=IN_PLANE)
    found, joined = _lungs(air & ~wall, airways, grid, settings)
    labels = np.zeros(grid.shape_zyx, dtype=np.uint8)
    for side, part in found.items():
        full = closed(part, radius_mm=settings.closing_mm, spacing_zyx_mm=grid.spacing_zyx_mm)
        labels[full & (labels == 0)] = side
    for side, part in found.items():  # what closing took from the neighbour goes back
        labels[part] = side
    labels[airways.mask] = 0
    evidence = _evidence(labels, hu, grid, airways) | {"lungs_were_joined": joined}
    hila = {side: _position(grid, end) for side, end in zip((RIGHT, LEFT), airways.ends, strict=True)}
    return Lungs(labels, grid, _position(grid, airways.carina), hila, evidence, settings)


def _enclosed(air: Mask) -> Mask:
    """Take away the parts of each slice's air that reach the slice's edge."""
    parts, count = ndimage.label(air, structure=IN_PLANE)
    outside = np.zeros(count + 1, dtype=bool)
    for edge in (parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1]):
        outside[np.unique(edge)] = True
    outside[0] = True
    return np.asarray(~outside[parts])


def _lungs(air: Mask, airways: Airways, grid: Grid, settings: LungSettings) -> tuple[dict[int, Mask], bool]:
    """Give the air-filled part of each lung, and whether both were one part at first."""
    parts, count = ndimage.label(air)
    millilitres = np.bincount(parts.ravel(), minlength=count + 1) * grid.voxel_volume_mm3 / 1000
    millilitres[0] = 0
    middle = airways.carina[2]
    beside = {side: _beside(parts, airways, grid, side) for side in SIDES}
    chosen = {side: number for side, number in beside.items() if millilitres[number] >= settings.smallest_ml}
    if not chosen:
        best = max((float(millilitres[number]) for number in beside.values()), default=0.0)
        raise LungsNotFound(
            f"No lung was found beside the windpipe: the largest air-filled part there has {best:.0f} mL, "
            f"and a lung has at least {settings.smallest_ml:.0f} mL. The field of view may not hold the lungs."
        )
    joined = len(chosen) == 2 and chosen[RIGHT] == chosen[LEFT]
    if joined:
        right, left = split(parts == chosen[RIGHT], middle=middle)
        found = {RIGHT: right, LEFT: left}
    else:
        found = {side: parts == number for side, number in chosen.items()}
    for side, main in found.items():
        small = [int(n) for n in np.flatnonzero(millilitres >= settings.fragment_ml) if n not in chosen.values()]
        found[side] = main | np.isin(parts, _fragments(parts, small, main, middle=middle, side=side))
    return found, joined


def _beside(parts: NDArray[np.int32], airways: Airways, grid: Grid, side: int) -> int:
    """Give the part with most voxels beside the carina: within 30 mm up and down, 70 mm to front and back."""
    z, y, x = (round(value) for value in airways.carina)
    up, across = (int(reach / step) for reach, step in zip((30.0, 70.0), grid.spacing_zyx_mm[:2], strict=True))
    columns = slice(0, x) if side == RIGHT else slice(x + 1, None)
    near = parts[max(0, z - up) : z + up + 1, max(0, y - across) : y + across + 1, columns]
    counts = np.bincount(near.ravel(), minlength=1)
    counts[0] = 0
    return int(np.argmax(counts))


def _fragments(parts: NDArray[np.int32], numbers: list[int], main: Mask, *, middle: float, side: int) -> list[int]:
    """Give the separate parts that belong to a lung: within its box, on its side, above its lowest quarter.

    A tumour or a fissure can cut off a piece of a lung; gas in stomach and bowel lies below.
    """
    box = bounding_box(main)
    floor = box[0].start + 0.25 * (box[0].stop - box[0].start)
    found = []
    for number in numbers:
        z, y, x = ndimage.center_of_mass(parts == number)
        inside = all(b.start <= v < b.stop for b, v in zip(box[1:], (y, x), strict=True))
        if z >= floor and inside and (x < middle) == (side == RIGHT):
            found.append(number)
    return found


def _position(grid: Grid, index: tuple[float, float, float]) -> Triple:
    x, y, z = (round(float(v), 2) for v in grid.position(index))
    return (x, y, z)


def _evidence(labels: NDArray[np.uint8], hu: NDArray[np.float32], grid: Grid, airways: Airways) -> dict[str, Any]:
    found: dict[str, Any] = {"spacing_zyx_mm": [round(step, 4) for step in grid.spacing_zyx_mm]}
    for side, name in SIDES.items():
        inside = labels == side
        voxels = int(np.count_nonzero(inside))
        found[f"{name}_lung_ml"] = round(voxels * grid.voxel_volume_mm3 / 1000, 1)
        found[f"{name}_lung_mean_hu"] = round(float(hu[inside].mean(dtype=np.float64)), 1) if voxels else None
    found["airways_ml"] = round(int(np.count_nonzero(airways.mask)) * grid.voxel_volume_mm3 / 1000, 1)
    return found


def settings_document(settings: LungSettings) -> dict[str, Any]:
    """Give settings in a JSON-ready form."""
    document = asdict(settings)
    document["airways"]["lumen_mm2"] = list(settings.airways.lumen_mm2)
    return document

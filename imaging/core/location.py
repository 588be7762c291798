"""Where in the lungs a tumour lies: side, distance from pleura and hilum, central or peripheral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import ndimage

from imaging.core.errors import GridMismatch, LungsNotFound
from imaging.core.geometry import TumorMask, Volume, bounding_box, require_same_grid
from imaging.core.lungs import RIGHT, SIDES, Lungs, settings_document
from imaging.core.lungs.grid import Reduction
from imaging.core.lungs.shape import closed
from imaging.core.lungs.surfaces import distance_from_point_mm, distance_mm, facing, surroundings, way_out_mm

Zone = Literal["central", "peripheral"]
Mask = NDArray[np.bool_]
Point = NDArray[np.float64]

METHOD = "depth ratio from the hilum, version 1"
#: Edges of the thirds of a lung's height; they are no lobes.
_THIRDS = ((1 / 3, "lower"), (2 / 3, "middle"), (1.0, "upper"))


@dataclass(frozen=True)
class LocationRule:
    """What is called central.

    Parameters
    ----------
    central_to : float
        Largest depth ratio of a central tumour: the inner two thirds (EJCTS 2025, ezaf072).
    near_lung_mm : float
        A tumour farther than this from both lungs is not located (our default).
    """

    central_to: float = 2 / 3
    near_lung_mm: float = 20.0


@dataclass(frozen=True)
class Location:
    """Where a tumour lies.

    Parameters
    ----------
    zone : {"central", "peripheral"}
        By the rule in the evidence.
    side : {"left", "right"}
        The patient's side. It is no lobe: fissures are not looked for.
    depth_ratio : float
        0 at the hilum, 1 at the pleura, on the straight line from the hilum through the tumour's centroid.
    pleura_mm, hilum_mm : float
        Shortest distance of the tumour's surface from the chest wall or diaphragm, and from the hilum.
    evidence : mapping of str to object
        All measures with their units in their names, the rule and its figures; JSON-ready.
    provenance : mapping of str to object
        Method, settings and versions; JSON-ready.
    """

    zone: Zone
    side: str
    depth_ratio: float
    pleura_mm: float
    hilum_mm: float
    evidence: Mapping[str, object]
    provenance: Mapping[str, object]


def locate(volume: Volume, tumour: TumorMask, lungs: Lungs, *, rule: LocationRule | None = None) -> Location:
    """Locate a tumour in lungs that were found in the same scan.

    Parameters
    ----------
    volume : Volume
        The scan.
    tumour : TumorMask
        The tumour on the scan's grid.
    lungs : Lungs
        From `imaging.core.lungs.segment_lungs` of the scan.
    rule : LocationRule, optional
        What is called central.

    Raises
    ------
    GridMismatch
        If the tumour does not lie on the scan's grid, or the lungs are another scan's.
    EmptyMask
        If it has no voxel.
    LungsNotFound
        If it lies far from both lungs.

    Notes
    -----
    The tumour is added to the lung that it touches most. Depth ratio as in Huang et al., "Partitioning the lung field
    based on the depth ratio", Transl Lung Cancer Res (article 65987): a line from the centre of the bronchus through
    the lesion's centre to the pleura. Ours starts at the end of the main bronchus; where the line crosses the
    mediastinum it goes on to the chest wall.
    """
    require_same_grid(volume, tumour)
    rule = rule or LocationRule()
    region, centroid = _on(lungs, tumour)
    side = _side(region, lungs, rule)
    measures = _measures(region, centroid, lungs, side)
    ratio = measures["depth_ratio"] or 0.0
    zone: Zone = "central" if ratio <= rule.central_to else "peripheral"
    line = measures["line_mm"]
    evidence: dict[str, object] = {
        "rule": f"central where the depth ratio is at most {rule.central_to:.3f} (inner two thirds)",
        **{name: None if value is None else round(value, 3) for name, value in measures.items()},
        "from_border_mm": round(abs(ratio - rule.central_to) * line, 3) if line else None,
        "tumour_ml": round(tumour.volume_mm3 / 1000, 2),
        "tumour_in_lung_percent": round(100 * float((lungs.labels[region] == side).mean()), 1),
        "hilum_lps_mm": list(lungs.hila_lps_mm[side]),
        "carina_lps_mm": list(lungs.carina_lps_mm),
        **_height(centroid, lungs.labels == side),
        **lungs.evidence,
    }
    return Location(
        zone,
        SIDES[side],
        ratio,
        measures["pleura_mm"] or 0.0,
        measures["hilum_mm"] or 0.0,
        evidence,
        _provenance(lungs, rule),
    )


def _measures(region: Mask, centroid: Point, lungs: Lungs, side: int) -> dict[str, float | None]:
    """Measure distances and the depth ratio of a tumour in one lung, in a box around that lung."""
    spacing = lungs.grid.spacing_zyx_mm
    whole = closed((lungs.labels == side) | region, radius_mm=lungs.settings.closing_mm, spacing_zyx_mm=spacing)
    box = bounding_box(whole, margin=(2, 2, 2))
    start = np.array([part.start for part in box])
    lung, tumour, middle = whole[box], region[box], centroid - start
    hilum = lungs.grid.index(np.array(lungs.hila_lps_mm[side])) - start
    wall, mediastinum = surroundings(lung, lateral_first=side == RIGHT)
    pleura, medial = facing(wall, lung), facing(mediastinum, lung)
    if not pleura.any():
        raise LungsNotFound(
            f"The scan shows no chest wall beside the {SIDES[side]} lung, so its pleura is not known."
        )
    from_hilum = float(np.linalg.norm((middle - hilum) * spacing))
    line = way_out_mm(hilum, middle, wall, spacing_zyx_mm=spacing) if from_hilum > min(spacing) else None
    return {
        "depth_ratio": from_hilum / line if line else 0.0,
        "line_mm": line,
        "pleura_mm": distance_mm(tumour, pleura, spacing_zyx_mm=spacing),
        "hilum_mm": distance_from_point_mm(hilum, tumour, spacing_zyx_mm=spacing),
        "mediastinum_mm": distance_mm(tumour, medial, spacing_zyx_mm=spacing) if medial.any() else None,
        "centroid_pleura_mm": distance_from_point_mm(middle, pleura, spacing_zyx_mm=spacing),
        "centroid_hilum_mm": from_hilum,
    }


def _on(lungs: Lungs, tumour: TumorMask) -> tuple[Mask, Point]:
    """Give the tumour on the lungs' grid and its centroid as a fractional index there.

    A voxel belongs to it that it fills by half, and in any case the one of its centroid.
    """
    reduction = Reduction.of(tumour.grid, spacing_mm=lungs.settings.spacing_mm)
    if not reduction.grid.matches(lungs.grid):
        raise GridMismatch(
            f"The lungs were found in another scan: {lungs.grid.describe()}, not {reduction.grid.describe()}."
        )
    box = bounding_box(tumour.array)
    middle = np.argwhere(tumour.array[box]).mean(axis=0) + [part.start for part in box]
    centroid = lungs.grid.index(tumour.grid.position(middle))
    region = reduction.filled(tumour.array)
    last = np.array(lungs.grid.shape_zyx) - 1
    region[tuple(np.clip(np.rint(centroid), 0, last).astype(int))] = True
    return region, centroid


def _side(region: Mask, lungs: Lungs, rule: LocationRule) -> int:
    """Give the lung that the tumour overlaps or touches most, or else the nearer one."""
    touched = lungs.labels[ndimage.binary_dilation(region)]
    counts = {side: int(np.count_nonzero(touched == side)) for side in SIDES}
    if any(counts.values()):
        return max(counts, key=lambda side: counts[side])
    present = [side for side in SIDES if (lungs.labels == side).any()]
    gaps = {s: distance_mm(region, lungs.labels == s, spacing_zyx_mm=lungs.grid.spacing_zyx_mm) for s in present}
    nearest = min(gaps, key=lambda side: gaps[side])
    if gaps[nearest] > rule.near_lung_mm:
        raise LungsNotFound(
            f"The tumour lies {gaps[nearest]:.0f} mm from the nearest aerated lung, farther than "
            f"{rule.near_lung_mm:.0f} mm, so it belongs to neither lung."
        )
    return nearest


def _height(centroid: Point, lung: Mask) -> dict[str, object]:
    """Give how high in its lung the tumour lies, and whether the scan cuts the lung off."""
    slices = np.flatnonzero(lung.any(axis=(1, 2)))
    low, high = int(slices[0]), int(slices[-1])
    fraction = float(np.clip((centroid[0] - low) / max(1, high - low), 0, 1))
    third = next(name for edge, name in _THIRDS if fraction <= edge)
    ends = {"foot": low == 0, "head": high == lung.shape[0] - 1}
    return {
        "height_fraction": round(fraction, 3),
        "height_third": f"{third} third of the lung's height in the scan, not a lobe",
        "lung_cut_off_at": [name for name, cut in ends.items() if cut],
    }


def _provenance(lungs: Lungs, rule: LocationRule) -> dict[str, object]:
    settings: dict[str, Any] = settings_document(lungs.settings)
    return {
        "method": METHOD,
        "rule": asdict(rule),
        "lungs": settings,
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
    }

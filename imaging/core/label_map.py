"""Regions of NIfTI and NRRD label files: named, placed exactly, and told from grey values.

3D Slicer's segmentations (``.seg.nrrd``) name their segments in the header, keep overlapping ones in layers, and cover only
the part of the image that holds them; dcmqi writes only the slices that hold something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.core.corrections import AS_SCANNED, DrawnOn
from imaging.core.errors import EmptyMask, GridMismatch, MaskRefused
from imaging.core.geometry import GRID_TOLERANCE_MM, Grid, TumorMask
from imaging.core.mask_checks import require_filled_through
from imaging.core.nifti import Labels, header_precision_mm, read_label_layers
from imaging.core.orientation import in_lps_order
from imaging.core.regions import NamedMask

#: More values than this are looked at: are they labels, or grey?
_FEW_LABELS = 8
#: Share of neighbouring voxels inside that bear one label; regions are whole, grey values are not.
_WHOLE_REGIONS = 0.5
_SEGMENT_KEY = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer)")


@dataclass(frozen=True)
class _Segment:
    name: str
    value: int
    layer: int = 0


@dataclass(frozen=True, eq=False)
class LabelMap:
    """The regions of a label file on the grid of an image.

    Parameters
    ----------
    names : mapping of int to str
        Number → name of each region. The number is the label's value, or counts the segments where several layers
        use a value twice.
    """

    names: dict[int, str]
    _layers: tuple[Labels, ...]
    _segments: Mapping[int, _Segment]
    _single: bool
    _grid: Grid

    def region(self, number: int) -> NamedMask:
        """Return one region.

        Raises
        ------
        EmptyMask
            If the header names it and no voxel bears its label.
        GridMismatch
            If slices are left out at regular distances.
        """
        segment = self._segments[number]
        layer = self._layers[segment.layer]
        array = layer != 0 if self._single else layer == segment.value
        if not array.any():
            raise EmptyMask(f"Region {segment.name!r} has no voxel.")
        notes = require_filled_through(array, name=segment.name)
        return NamedMask(segment.name, number, "mask", TumorMask(array, self._grid), notes=notes)


def read_label_map(path: Path, grid: Grid, *, drawn_on: DrawnOn = AS_SCANNED) -> LabelMap:
    """Read a NIfTI or NRRD label file onto the grid of an image.

    Axes are flipped and exchanged, and parts of the image are placed, where that is exact; nothing is interpolated.

    Parameters
    ----------
    path : Path
        The file.
    grid : Grid
        Of the image, in LPS order.
    drawn_on : DrawnOn
        Of an image that was corrected. On a straightened one a part is not placed: a label file of the tilted slices
        would look like one.

    Raises
    ------
    GridMismatch
        If its voxels are not those of the image or a part of it.
    EmptyMask
        If no voxel is labelled.
    MaskRefused
        If its values are grey values, or fractions.
    UnreadableFile
        If it is damaged.
    """
    layers, own, header = read_label_layers(path)
    described = _described(header)
    if not any(layer.any() for layer in layers):
        raise EmptyMask("The mask is empty: no voxel is inside it.")
    if not described:
        for layer in layers:
            _require_regions(layer)
    placed = tuple(
        _on_grid(layer, own, grid, precision_mm=header_precision_mm(path), whole=drawn_on.leaning is not None)
        for layer in layers
    )
    segments, single = _segments(placed, described, stem=_stem(path))
    return LabelMap({n: segment.name for n, segment in segments.items()}, placed, segments, single, grid)


def read_labels_only(path: Path) -> list[Labels]:
    """Read the layers of a label file without placing them, refused where they hold grey values.

    Raises
    ------
    MaskRefused, UnreadableFile
        As for `read_label_map`.
    """
    layers, _grid, _header = read_label_layers(path)
    for layer in layers:
        _require_regions(layer)
    return layers


def _described(header: Mapping[str, str]) -> list[_Segment]:
    """Return the segments that the header of a ``.seg.nrrd`` names, in their order."""
    found: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        if match := _SEGMENT_KEY.fullmatch(key):
            found.setdefault(int(match[1]), {})[match[2]] = value.strip()
    return [
        _Segment(
            one.get("Name") or f"Segment {index + 1}",
            _whole(one.get("LabelValue", "1")),
            _whole(one.get("Layer", "0")),
        )
        for index, one in sorted(found.items())
    ]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise MaskRefused("The segmentation's header is damaged: a label or layer is no number.") from None


def _segments(
    layers: tuple[Labels, ...], described: list[_Segment], *, stem: str
) -> tuple[dict[int, _Segment], bool]:
    """Return number → segment, and whether all that is not zero is the one region."""
    if described:
        known = [segment for segment in described if segment.layer < len(layers)]
        if len(known) < len(described):
            raise MaskRefused(f"The segmentation's header names a layer that the file lacks; it holds {len(layers)}.")
        values = [segment.value for segment in known]
        by_value = len(set(values)) == len(values)
        return {(s.value if by_value else place): s for place, s in enumerate(known, start=1)}, False
    values = [int(value) for value in np.unique(layers[0]) if value]
    if len(layers) > 1:
        raise MaskRefused(f"The file holds {len(layers)} values for each voxel and does not name them: no label map.")
    if len(values) == 1:
        return {1: _Segment(stem, values[0])}, True
    return {value: _Segment(f"{stem} {value}", value) for value in values}, False


def _require_regions(labels: Labels) -> None:
    """Refuse grey values: of an image or a probability, neighbours inside seldom have equal values."""
    values = np.unique(labels)
    if np.count_nonzero(values) <= _FEW_LABELS:
        return
    alike = inside = 0
    for axis in range(3):
        one, other = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        both = (one != 0) & (other != 0)
        inside += int(np.count_nonzero(both))
        alike += int(np.count_nonzero(both & (one == other)))
    if alike < _WHOLE_REGIONS * inside:
        raise MaskRefused(
            f"The mask holds {np.count_nonzero(values)} different values, and only {100 * alike / max(inside, 1):.0f} % of "
            "neighbouring voxels share one: these are grey values, not regions."
        )


def _on_grid(stored: Labels, own: Grid, image: Grid, *, precision_mm: float, whole: bool) -> Labels:
    """Return labels on the grid of an image, of which they may cover a part."""
    labels, grid = in_lps_order(stored, own, precision_mm=precision_mm)
    if grid.matches(image):
        return labels
    offset = None if whole else _offset(grid, image)
    if offset is None:
        raise _not_on(own, image)
    target = np.zeros(image.shape_zyx, dtype=labels.dtype)
    target[tuple(slice(a, a + n) for a, n in zip(offset, labels.shape, strict=True))] = labels
    return target


def _offset(part: Grid, image: Grid) -> list[int] | None:
    """Return the index (z, y, x) at which a grid begins in an image of which it is an exact part, None where it is none."""
    if not np.allclose(part.direction, image.direction, atol=1e-4):
        return None
    corners = np.array([(0, 0, 0), np.array(part.shape_zyx) - 1])
    index = image.index(np.array([part.position(corner) for corner in corners]))
    whole = np.rint(index[0]) + corners
    off_mm = np.abs(index - whole) * np.array(image.spacing_zyx_mm)
    is_within = whole.min() >= 0 and (whole[1] < np.array(image.shape_zyx)).all()
    return whole[0].astype(int).tolist() if is_within and off_mm.max() <= GRID_TOLERANCE_MM else None


def _not_on(own: Grid, image: Grid) -> GridMismatch:
    """Return the refusal of a mask whose voxels are not those of the image: both geometries, and what differs."""
    if own.shape_zyx == image.shape_zyx:
        apart = (
            f"corners lie up to {image.corner_distance_mm(own):.4g} mm apart, at most {GRID_TOLERANCE_MM:g} are taken"
        )
    else:
        apart = "their sizes differ, and its voxels are not those of a part of the image"
    return GridMismatch(
        f"The mask does not lie on the image's grid ({apart}): image {_geometry(image)}; mask {_geometry(own)}."
    )


def _geometry(grid: Grid) -> str:
    axes = " ".join("(" + ", ".join(f"{v:.4g}" for v in axis) + ")" for axis in np.asarray(grid.direction).T + 0.0)
    return f"{grid.describe()}, axes x, y, z along {axes}"


def _stem(path: Path) -> str:
    return re.sub(r"(\.seg)?\.(nii\.gz|nii|nrrd)$", "", path.name, flags=re.IGNORECASE)

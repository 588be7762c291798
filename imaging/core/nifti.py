"""NIfTI and NRRD files, read with SimpleITK as arrays on LPS grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from imaging.core.dataset import reading
from imaging.core.errors import MaskRefused, MissingGeometry, SeriesRefused, UnreadableFile
from imaging.core.filetype import kind_of
from imaging.core.geometry import Grid, Volume, compact_hu, grid_of
from imaging.core.hounsfield import MAXIMUM_VOXELS
from imaging.core.hu_scale import require_hu
from imaging.core.nifti_header import require_one_place, require_perpendicular, require_whole, undue_intercept
from imaging.core.orientation import EXACT_MM, SINGLE_PRECISION_MM, to_lps

# SimpleITK's functions carry no types; the arrays and grids that leave this module do.
_itk: Any = sitk

#: More values than a label map of regions has; beyond it the file is an image, not a mask.
_MAXIMUM_LABELS = 256

#: Layers of segments that overlap.
_MAXIMUM_LAYERS = 64

_READERS = {"nifti": "NiftiImageIO", "nrrd": "NrrdImageIO"}

_NRRD_HEADER_BYTES = 65536

#: Bytes stay bytes: a label map of a whole chest is copied often enough.
Labels = NDArray[np.integer[Any]]


def require_raster_hu(volume: Volume) -> list[str]:
    """Refuse the values of a NIfTI or NRRD file that are no HU; return what a person should know of them.

    Raises
    ------
    NotCT
        As for `imaging.core.hu_scale.require_hu`; such a file does not state its scale.
    """
    return require_hu(volume.array, stated=False, why="The file does not state its modality")


def read_volume_file(path: Path) -> Volume:
    """Read the values of a NIfTI or NRRD file in LPS order; whether they are HU is not asked.

    Raises
    ------
    UnreadableFile
        If the file is damaged or truncated, or keeps its voxels in another file.
    SeriesRefused
        If it is not three-dimensional with one value a voxel.
    """
    array, grid = _read(path, what="The image file")
    if array.dtype not in (np.int16, np.uint8) and not np.isfinite(array).all():
        raise SeriesRefused("The image holds values that are not numbers (NaN or infinite).")
    whole = array.dtype in (np.int16, np.uint8)
    volume = Volume(array.astype(np.int16, copy=False) if whole else compact_hu(array), grid)
    return to_lps(volume, precision_mm=SINGLE_PRECISION_MM if kind_of(path) == "nifti" else EXACT_MM)


def read_grid(path: Path) -> Grid:
    """Return where the voxels of a NIfTI or NRRD file lie, without reading them.

    Raises
    ------
    UnreadableFile, SeriesRefused
        As for the file itself.
    """
    with reading("The file"):
        return _plausible(grid_of(_reader(path, layers=True)))


def read_label_layers(path: Path) -> list[tuple[Labels, Grid, list[int]]]:
    """Read a label map of one or several layers, as 3D Slicer writes segments that overlap.

    Returns
    -------
    list of (ndarray, Grid, list of int)
        For each layer what `read_label_file` returns.

    Raises
    ------
    UnreadableFile, MaskRefused
        As for `read_label_file`.
    """
    array, grid = _read(path, what="The mask file", layers=True)
    stack = np.moveaxis(array, -1, 0) if array.ndim == 4 else array[None]
    found = []
    for layer in stack:
        labels, values = _labels(layer)
        found.append((labels, grid, values))
    return found


def read_label_file(path: Path) -> tuple[Labels, Grid, list[int]]:
    """Read a NIfTI or NRRD label map.

    Returns
    -------
    layers : list of ndarray of uint8 (where the file has bytes) or int32, shape (z, y, x)
        One, unless each voxel holds several values, as 3D Slicer stores segments that overlap.
    grid : Grid
    header : dict of str to str
        What the file's header says beside its geometry.

    Raises
    ------
    UnreadableFile
        If the file is damaged or truncated.
    MaskRefused
        If values are fractional or negative, or too many for a label map.
    """
    array, grid = _read(path, what="The mask file")
    labels, values = _labels(array)
    return labels, grid, values


def _labels(array: NDArray[np.generic]) -> tuple[Labels, list[int]]:
    values = np.unique(array[array != 0])
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise MaskRefused("The mask holds values that are no whole numbers: a label map holds 0, 1, 2 ... only.")
    if values.size > _MAXIMUM_LABELS or (values.size and (values[0] < 0 or values[-1] > np.iinfo(np.int32).max)):
        raise MaskRefused(
            f"The mask holds {values.size} different values from {values[0]:g} to {values[-1]:g}: "
            "this is an image, not a label map."
        )
    labels: Labels = np.ascontiguousarray(array, dtype=np.uint8 if array.dtype == np.uint8 else np.int32)
    return labels, [int(value) for value in values]


def _read(path: Path, *, what: str, layers: bool = False) -> tuple[NDArray[np.generic], Grid]:
    kind = kind_of(path)
    if kind not in _READERS:
        raise UnreadableFile(f"{what} is neither NIfTI nor NRRD: it is truncated, damaged or of another kind.")
    if kind == "nrrd":
        _require_nrrd_fields(path)
    with reading(what):
        if kind == "nifti":
            require_whole(path, what=what)
            require_one_place(path)
        image = _reader(path, layers=layers).Execute()
        array = _itk.GetArrayFromImage(image)
        if kind == "nifti" and (intercept := undue_intercept(path)):
            array = array - np.float64(intercept)
        return array, _plausible(grid_of(image))


def _reader(path: Path, *, layers: bool) -> Any:
    # ITK writes warnings about odd headers straight to the process's error stream.
    _itk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = _itk.ImageFileReader()
    reader.SetImageIO(_READERS[kind_of(path)])
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    _require_volume(reader, layers=layers)
    return reader


def _require_nrrd_fields(path: Path) -> None:
    """Refuse NRRD headers that name another file, which could be any of this computer, or that give no spacing."""
    with path.open("rb") as file:
        header = file.read(_NRRD_HEADER_BYTES).replace(b"\r", b"").split(b"\n\n")[0]
    fields = {line.split(b":")[0].strip().lower().replace(b" ", b"") for line in header.split(b"\n")}
    if b"datafile" in fields:
        raise UnreadableFile(
            "The NRRD file keeps its voxels in another file; only files that hold their own are read."
        )
    if not fields & {b"spacedirections", b"spacings"}:
        raise MissingGeometry("The NRRD file gives neither space directions nor spacings: its voxels have no size.")


def _require_volume(reader: Any, *, layers: bool) -> None:
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    if len(size) != 3 or components > (_MAXIMUM_LAYERS if layers else 1):
        shape = " x ".join(str(n) for n in size)
        raise SeriesRefused(f"The file holds {shape} values with {components} component(s) each, not one volume.")
    if int(np.prod(size, dtype=object)) * components > MAXIMUM_VOXELS:
        raise SeriesRefused("The file claims more voxels than a CT can have.")


def _plausible(grid: Grid) -> Grid:
    numbers = np.array([*grid.spacing_zyx_mm, *grid.origin_lps_mm, *np.ravel(grid.direction)])
    if not np.isfinite(numbers).all() or min(grid.spacing_zyx_mm) <= 0:
        raise MissingGeometry("The file does not say where its voxels lie: spacing, origin or direction is unusable.")
    require_perpendicular(np.asarray(grid.direction))
    return grid

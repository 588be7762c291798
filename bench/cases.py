"""Tumours of three sizes in a CT of a chest's size, written once as files that every reader takes.

The tumour is the GTV of IBSI's CT phantom (whole, or cut by a sphere), the chest its CT, reflected to
512 x 512 x 134 voxels: a real tumour in a volume of realistic size. Its licence forbids to ship it, so
without ../shared a synthetic chest takes its place, and the report says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct, write_seg
from imaging.core.geometry import Grid, Shape, Triple, TumorMask, Volume, to_sitk
from imaging.core.masks import read_mask
from imaging.core.nifti import read_volume_file
from imaging.core.phantom import plan_cohort, render

PHANTOM = Path(__file__).resolve().parents[2] / "shared" / "data" / "ibsi" / "ibsi_1_ct_radiomics_phantom"
CHEST_ZYX: Shape = (134, 512, 512)
SIZES = ("M", "L", "XL")

#: Reflected voxels before the first one of the phantom. 174 columns of 0.977 mm are a whole number of
#: millimetres, so the 1 mm grid falls on the tumour as it does in the phantom itself.
_BEFORE_ZYX = (37, 174, 174)
#: A place at the rim of the GTV where spheres hold 45 and 51 bins of 25 HU: soft tissue and lung.
_CENTRE_ZYX = (35, 95, 100)
_RADII_MM = {"M": 14.45, "L": 24.7}
_SYNTHETIC_RADII_MM = {"M": 14.4, "L": 24.0, "XL": 44.1}
#: Part of the name of the folder; a change of what is written needs another.
_VERSION = 2


@dataclass(frozen=True, eq=False)
class Source:
    """A chest, its tumours by size, and what to say about them."""

    name: str
    volume: Volume
    tumours: dict[str, TumorMask]
    note: str = ""


@dataclass(frozen=True)
class Case:
    """One tumour as files: NRRD, with gzip and without, for readers of rasters, DICOM for readers of scans."""

    size: str
    image: Path
    mask: Path
    plain_image: Path
    plain_mask: Path
    ct: Path
    seg: Path
    rtstruct: Path
    volume_cm3: float

    @property
    def title(self) -> str:
        return f"{self.size} ({self.volume_cm3:.3g} cm³)"


def phantom_source(folder: Path = PHANTOM) -> Source:
    """Give IBSI's CT phantom, reflected to the size of a chest, with its GTV in three sizes."""
    volume = read_volume_file(folder / "nifti" / "image" / "phantom.nii.gz")
    gtv = read_mask(folder / "nifti" / "mask" / "mask.nii.gz", volume).mask
    after = [want - has - pad for want, has, pad in zip(CHEST_ZYX, volume.grid.shape_zyx, _BEFORE_ZYX, strict=True)]
    pads = list(zip(_BEFORE_ZYX, after, strict=True))
    corner = volume.grid.position([-pad for pad in _BEFORE_ZYX]).tolist()
    grid = replace(volume.grid, shape_zyx=CHEST_ZYX, origin_lps_mm=(corner[0], corner[1], corner[2]))
    spheres = {size: gtv.array & _sphere(gtv.grid, _CENTRE_ZYX, radius) for size, radius in _RADII_MM.items()}
    parts = {**spheres, "XL": gtv.array}
    return Source(
        name="phantom",
        volume=Volume(np.pad(volume.array, pads, mode="reflect"), grid),
        tumours={size: TumorMask(np.pad(part, pads), grid) for size, part in parts.items()},
    )


def synthetic_source() -> Source:
    """Give a synthetic chest on as many voxels, with spheres about its tumour's place."""
    phantom = render(plan_cohort(1, seed=1)[0], "pre")
    old = phantom.volume.grid
    zoom = [want / has for want, has in zip(CHEST_ZYX, old.shape_zyx, strict=True)]
    z, y, x = (step / factor for step, factor in zip(old.spacing_zyx_mm, zoom, strict=True))
    spacing: Triple = (z, y, x)
    grid = Grid(CHEST_ZYX, spacing, old.origin_lps_mm, old.direction)
    array = ndimage.zoom(phantom.volume.array, zoom, order=1, grid_mode=True, mode="nearest")
    middle = [m * factor for m, factor in zip(ndimage.center_of_mass(phantom.mask.array), zoom, strict=True)]
    tumours = {size: TumorMask(_sphere(grid, middle, radius), grid) for size, radius in _SYNTHETIC_RADII_MM.items()}
    note = (
        "The phantom of ../shared is absent: spheres in a synthetic chest of 512 x 512 x 134 were measured instead."
    )
    return Source("synthetic", Volume(array.astype(np.int16), grid), tumours, note)


def find_source() -> Source:
    """Give the phantom where it lies beside the repository, else the synthetic chest."""
    return phantom_source() if PHANTOM.is_dir() else synthetic_source()


def write_cases(source: Source, folder: Path) -> dict[str, Case]:
    """Write a source's files into a folder, unless they are there, and give its cases by size."""
    home = folder / f"{source.name}-{_VERSION}"
    done = home / "complete.json"
    cases = {size: _case(home, size, mask) for size, mask in source.tumours.items()}
    if not done.is_file():
        home.mkdir(parents=True, exist_ok=True)
        identity = DicomIdentity("bench", f"ecotone bench/{source.name}", date(2020, 1, 1), "Bench chest", "STANDARD")
        sitk.WriteImage(to_sitk(source.volume), str(home / "image.nrrd"), useCompression=True)
        sitk.WriteImage(to_sitk(source.volume), str(home / "image.plain.nrrd"))
        write_ct(source.volume, home / "ct", identity=identity)
        for size, mask in source.tumours.items():
            sitk.WriteImage(to_sitk(mask), str(cases[size].mask), useCompression=True)
            sitk.WriteImage(to_sitk(mask), str(cases[size].plain_mask))
            write_seg(mask, cases[size].seg, identity=identity)
            write_rtstruct(mask, cases[size].rtstruct, identity=identity)
        done.write_text(json.dumps({size: mask.voxels for size, mask in source.tumours.items()}))
    return cases


def _case(home: Path, size: str, mask: TumorMask) -> Case:
    return Case(
        size=size,
        image=home / "image.nrrd",
        mask=home / f"{size}.nrrd",
        plain_image=home / "image.plain.nrrd",
        plain_mask=home / f"{size}.plain.nrrd",
        ct=home / "ct",
        seg=home / f"{size}.seg.dcm",
        rtstruct=home / f"{size}.rtstruct.dcm",
        volume_cm3=mask.volume_mm3 / 1000,
    )


def _sphere(grid: Grid, centre_zyx: tuple[float, ...] | list[float], radius_mm: float) -> np.ndarray:
    axes = [
        (np.arange(n) - middle) * step
        for n, middle, step in zip(grid.shape_zyx, centre_zyx, grid.spacing_zyx_mm, strict=True)
    ]
    z, y, x = np.ix_(*axes)
    return np.asarray(z**2 + y**2 + x**2 <= radius_mm**2)

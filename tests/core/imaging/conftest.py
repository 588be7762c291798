"""A small CT with a tumour, written as DICOM, and how tests break it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.core.dicom_identity import DicomIdentity
from imaging.core.dicom_write import write_ct, write_rtstruct, write_seg
from imaging.core.geometry import Grid, TumorMask, Volume

GRID = Grid((6, 24, 32), (2.5, 0.8, 0.7), (-12.5, -20.25, -100.0))


@dataclass(frozen=True)
class Chest:
    """A CT series of six slices in ``ct/``, its contours ``rtstruct.dcm`` and its segments ``seg.dcm``."""

    root: Path
    volume: Volume
    mask: TumorMask
    identity: DicomIdentity

    @property
    def slices(self) -> list[Path]:
        """Files of the series, foot to head."""
        return sorted((self.root / "ct").glob("*.dcm"))

    @property
    def rtstruct(self) -> Path:
        return self.root / "rtstruct.dcm"

    @property
    def seg(self) -> Path:
        return self.root / "seg.dcm"


@pytest.fixture(scope="session")
def pristine_chest(tmp_path_factory: pytest.TempPathFactory) -> Chest:
    """Air with a soft-tissue block of 2 x 6 x 8 voxels that holds 40 HU and rises by 1 HU a row."""
    array = np.full(GRID.shape_zyx, -900, dtype=np.int16)
    tumour = np.zeros(GRID.shape_zyx, dtype=bool)
    tumour[2:4, 8:14, 10:18] = True
    rows = np.broadcast_to(np.arange(GRID.shape_zyx[1])[None, :, None], GRID.shape_zyx)
    array[tumour] = 40 + rows[tumour] - 8
    made = Chest(
        root=tmp_path_factory.mktemp("pristine"),
        volume=Volume(array, GRID),
        mask=TumorMask(tumour, GRID),
        identity=DicomIdentity("EC-0001", "chest", date(2024, 2, 29), "Chest", "B31f"),
    )
    write_ct(made.volume, made.root / "ct", identity=made.identity)
    write_rtstruct(made.mask, made.rtstruct, identity=made.identity)
    write_seg(made.mask, made.seg, identity=made.identity)
    return made


@pytest.fixture
def chest(pristine_chest: Chest, tmp_path: Path) -> Chest:
    """A copy of the chest that a test may break."""
    shutil.copytree(pristine_chest.root, tmp_path / "chest")
    return replace(pristine_chest, root=tmp_path / "chest")


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change attributes of a DICOM file in place; None removes one."""

    def change(file: Path, **attributes: object) -> None:
        dataset = pydicom.dcmread(file)
        for keyword, value in attributes.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(file)

    return change

"""One image and one mask, without a database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cohorts.core.csv_writer import write_csv
from cohorts.errors import ServiceError
from imaging.core.case import read_case
from imaging.core.corrections import Corrections
from imaging.core.features import FeatureVector, extract
from imaging.core.geometry import TumorMask, Volume
from imaging.core.provenance import digest_of, traced
from imaging.core.spec import BUILT_IN, ExtractionSpec


@dataclass(frozen=True, eq=False)
class SingleCase:
    """What was read, and what was computed from it."""

    volume: Volume
    mask: TumorMask
    spec: ExtractionSpec
    features: FeatureVector
    corrections: tuple[str, ...] = ()

    @cached_property
    def provenance(self) -> dict[str, object]:
        """Engine, versions, and the digests that a stored feature row has; packing a large CT takes a second."""
        return traced(
            self.features.provenance,
            volume_sha256=digest_of(self.volume),
            mask_sha256=digest_of(self.mask),
            protocol_sha256=self.spec.digest,
        ) | {"corrections": list(self.corrections)}


def case_of(image: Path, mask: Path, *, roi: str | None, protocol_name: str, corrections: Corrections) -> SingleCase:
    """Extract whole-tumour features of one case under a built-in protocol."""
    if protocol_name not in BUILT_IN:
        known = ", ".join(sorted(BUILT_IN))
        raise ServiceError("unknown_setting", f"There is no protocol “{protocol_name}”; there are {known}.")
    read, named = read_case(image, mask_file_of(mask), roi=roi, corrections=corrections)
    spec = BUILT_IN[protocol_name]
    return SingleCase(read.volume, named.mask, spec, extract(read.volume, named.mask, spec), read.sentences)


def mask_file_of(mask: Path) -> Path:
    """Return the mask's file; a folder stands for the only file in it, as exports often have it."""
    if not mask.exists():
        raise ServiceError("unreadable_file", "There is no mask file of this name.")
    if not mask.is_dir():
        return mask
    files = [file for file in mask.iterdir() if file.is_file()]
    if len(files) != 1:
        raise ServiceError("mask_refused", f"The mask's folder holds {len(files)} files; name one of them.")
    return files[0]


def report_of(case: SingleCase) -> dict[str, Any]:
    """Give features and provenance, ready for JSON; an undefined value is null with its reason."""
    undefined = dict(case.features.undefined)
    values = {name: None if name in undefined else value for name, value in case.features.as_dict().items()}
    return {"features": values, "undefined": undefined, "provenance": case.provenance}


def write_features(case: SingleCase, file: Path) -> None:
    """Write one row of features as CSV, Parquet or JSON, by the file's ending."""
    values = case.features.as_dict()
    if file.suffix == ".json":
        file.write_text(json.dumps(report_of(case), indent=2))
    elif file.suffix == ".csv":
        file.write_text(write_csv(values, [tuple(values.values())]))
    elif file.suffix == ".parquet":
        pd.DataFrame([values]).to_parquet(file, index=False)
    else:
        raise ServiceError("unknown_setting", "The file must end with .csv, .parquet or .json.")

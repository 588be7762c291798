"""One image and one mask, without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from cohorts.errors import ServiceError
from imaging.core.features import FeatureVector, extract
from imaging.core.masks import read_mask
from imaging.core.scan import read_image
from imaging.core.spec import BUILT_IN

WRITERS = {".csv": "to_csv", ".parquet": "to_parquet"}


def features_of(image: Path, mask: Path, *, roi: str | None, protocol_name: str) -> FeatureVector:
    """Extract whole-tumour features of one case under a built-in protocol."""
    if protocol_name not in BUILT_IN:
        known = ", ".join(sorted(BUILT_IN))
        raise ServiceError("unknown_setting", f"There is no protocol “{protocol_name}”; there are {known}.")
    volume = read_image(image)
    return extract(volume, read_mask(_mask_file(mask), volume, roi=roi).mask, BUILT_IN[protocol_name])


def _mask_file(mask: Path) -> Path:
    """Give the mask's file; a folder stands for the only file in it, as exports often have it."""
    if not mask.exists():
        raise ServiceError("unreadable_file", "There is no mask file of this name.")
    if not mask.is_dir():
        return mask
    files = [file for file in mask.iterdir() if file.is_file()]
    if len(files) != 1:
        raise ServiceError("mask_refused", f"The mask's folder holds {len(files)} files; name one of them.")
    return files[0]


def report_of(features: FeatureVector) -> dict[str, Any]:
    """Give features and provenance, ready for JSON; an undefined value is null with its reason."""
    values = {name: None if name in features.undefined else value for name, value in features.as_dict().items()}
    return {"features": values, "undefined": dict(features.undefined), "provenance": dict(features.provenance)}


def write_features(features: FeatureVector, file: Path) -> None:
    """Write one row of features as CSV, Parquet or JSON, by the file's ending."""
    if file.suffix == ".json":
        file.write_text(json.dumps(report_of(features), indent=2))
        return
    if file.suffix not in WRITERS:
        raise ServiceError("unknown_setting", "The file must end with .csv, .parquet or .json.")
    getattr(pd.DataFrame([features.as_dict()]), WRITERS[file.suffix])(file, index=False)

"""Results of a table in a folder: all of them or none."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cohorts.errors import ServiceError
from modeling.core.own_table.report import Analysed

REPORT = "result.json"
DIGESTS = "SHA256SUMS"


def require_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, before anything is computed.

    Raises
    ------
    ServiceError
        ``folder_in_use``.
    """
    if folder.exists() and not folder.is_dir():
        raise ServiceError("folder_in_use", f"{folder} is a file.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ServiceError("folder_in_use", f"The folder {folder} is not empty.")


def write_folder(analysed: Analysed, folder: Path, *, overwrite: bool = False) -> list[str]:
    """Write report and files, beside the folder first and under its name at the end; gives their names."""
    require_free(folder, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    files = contents_of(analysed)
    waiting = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        waiting.chmod(0o755)
        for name, data in files.items():
            (waiting / name).parent.mkdir(exist_ok=True)
            (waiting / name).write_bytes(data)
        _put_in_place(waiting, folder)
    except BaseException:
        shutil.rmtree(waiting, ignore_errors=True)
        raise
    return list(files)


def contents_of(analysed: Analysed) -> dict[str, bytes]:
    """Give every file of a result by name, with the digests of all others in the last."""
    report = json.dumps(analysed.report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {REPORT: report.encode(), **dict(sorted(analysed.files.items()))}
    return {**files, DIGESTS: _digests(files)}


def _digests(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()


def _put_in_place(waiting: Path, folder: Path) -> None:
    if not folder.exists():
        waiting.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.rename(old / "folder")
    waiting.rename(folder)
    shutil.rmtree(old)

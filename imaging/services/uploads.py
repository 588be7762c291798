"""The inbox: what waits to be imported, under names that tell nothing.

An import's row names a numbered folder of the inbox, never a path or file name of a person, since those may carry
identity. Uploaded files lie in it; files that are on this machine already are only linked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from cohorts.errors import ServiceError

_LINK = "source"
#: Words that pair images with masks or tell the time; all else of a file's name is dropped.
_WORDS = ("image", "mask", "label", "seg", "roi", "gtv", "pre", "post", "baseline", "followup")


def keep(files: Iterable[UploadedFile[Any]]) -> Path:
    """Write uploaded files to a new folder of the inbox and give it.

    Raises
    ------
    ServiceError
        ``too_large`` if the files exceed the installation's limit.
    """
    files = list(files)
    if sum(file.size or 0 for file in files) > settings.UPLOAD_LIMIT_BYTES:
        limit = settings.UPLOAD_LIMIT_BYTES // 1024**2
        raise ServiceError("too_large", f"The files exceed the limit of {limit} MB for one upload.")
    folder = _new_folder()
    for number, file in enumerate(files, start=1):
        with (folder / _neutral_name(number, file.name or "")).open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
    return folder


def inbox_for(path: Path) -> str:
    """Give the name of the inbox folder for a path: its own if it lies there, else a new one with a link."""
    if path.parent == settings.UPLOAD_DIR:
        return path.name
    folder = _new_folder()
    (folder / _LINK).symlink_to(path.resolve())
    return folder.name


def source_in(inbox: str) -> Path:
    """Give what an inbox folder holds: a linked path, a single archive, or the folder itself.

    Raises
    ------
    ServiceError
        ``nothing_to_import`` if it is gone.
    """
    folder = Path(settings.UPLOAD_DIR) / inbox
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if not entries:
        raise ServiceError("nothing_to_import", "The files are no longer there.")
    alone = entries[0] if len(entries) == 1 else None
    if alone is not None and alone.name == _LINK:
        return alone.resolve()
    return alone if alone is not None and alone.suffix == ".zip" else folder


def discard(inbox: str) -> None:
    """Remove an inbox folder; of a linked path only the link goes."""
    shutil.rmtree(Path(settings.UPLOAD_DIR) / inbox, ignore_errors=True)


def _new_folder() -> Path:
    settings.UPLOAD_DIR.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=settings.UPLOAD_DIR, prefix=""))


def _neutral_name(number: int, name: str) -> str:
    lower = Path(name).name.lower()
    ending = ".nii.gz" if lower.endswith(".nii.gz") else Path(lower).suffix[:8]
    words = [word for word in _WORDS if word in lower.removesuffix(ending)]
    return "_".join([f"{number:06d}", *words]) + ending

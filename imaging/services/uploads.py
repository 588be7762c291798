"""Files that came through the browser, kept until their import is over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from cohorts.errors import ServiceError


def keep(files: Iterable[UploadedFile]) -> Path:
    """Write uploaded files to a private folder and give it; a single zip stays a file in it.

    Names are replaced by numbers, since names may carry identity; endings stay, since they tell the format. Words
    that pair images with masks or tell the time are kept.

    Raises
    ------
    ServiceError
        ``too_large`` if the files exceed the installation's limit.
    """
    files = list(files)
    if sum(file.size or 0 for file in files) > settings.UPLOAD_LIMIT_BYTES:
        limit = settings.UPLOAD_LIMIT_BYTES // 1024**2
        raise ServiceError("too_large", f"The files exceed the limit of {limit} MB for one upload.")
    settings.UPLOAD_DIR.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=settings.UPLOAD_DIR))
    for number, file in enumerate(files, start=1):
        with (folder / _neutral_name(number, file.name or "")).open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
    return folder


_WORDS = ("image", "mask", "label", "seg", "roi", "gtv", "pre", "post", "baseline", "followup")


def _neutral_name(number: int, name: str) -> str:
    lower = Path(name).name.lower()
    ending = ".nii.gz" if lower.endswith(".nii.gz") else Path(lower).suffix[:8]
    words = [word for word in _WORDS if word in lower.removesuffix(ending)]
    return "_".join([f"{number:06d}", *words]) + ending

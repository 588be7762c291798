"""The inbox: what waits to be imported, under names that tell nothing.

An import's row names a numbered folder of the inbox, never a path or file name of a person, since those may carry
identity. Uploaded files lie in it; files that are on this machine already are only linked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from cohorts.errors import ServiceError
from imaging.core.filetype import RASTER_SUFFIXES
from imaging.core.pairing import converter_mark, kind_words, shared_name
from imaging.core.timepoint_words import timepoint_words

_LINK = "source"


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
    folder = new_folder()
    for file, name in zip(files, neutral_names([file.name or "" for file in files]), strict=True):
        with (folder / name).open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
    return folder


def inbox_for(path: Path) -> str:
    """Give the name of the inbox folder for a path: its own if it lies there, else a new one with a link."""
    if path.parent == settings.UPLOAD_DIR:
        return path.name
    folder = new_folder()
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


def new_folder() -> Path:
    """Make an empty folder of the inbox."""
    settings.UPLOAD_DIR.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=settings.UPLOAD_DIR, prefix=""))


def neutral_names(names: Sequence[str]) -> list[str]:
    """Replace file names by numbers, so that what belongs together by name still does.

    Image and mask files that share a name apart from the words that tell them apart share a number; every other
    file has one of its own. Such words and those that tell the time stay; all else is dropped. Where two files of a
    shared name could not be told apart, none of them shares its number: nobody could say which belong together.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        groups[_relation(name) or f"/{place}"].append(place)
    endings = [_ending(name) for name in names]
    found = [""] * len(names)
    number = 0
    for places in groups.values():
        apart = len({endings[place] for place in places}) < len(places)
        for order, place in enumerate(places):
            number += 1 if apart or order == 0 else 0
            found[place] = f"{number:06d}{endings[place]}"
    return found


def _relation(name: str) -> str:
    """Give what a file's name shares with those of its images and masks; "" for all but NIfTI and NRRD."""
    return shared_name(Path(name)) if name.lower().endswith(RASTER_SUFFIXES) else ""


def _ending(name: str) -> str:
    """Give the words of a name that may stay, and its suffix."""
    lower = Path(name).name.lower()
    suffix = ".nii.gz" if lower.endswith(".nii.gz") else Path(lower).suffix[:8]
    words = (*dict.fromkeys(kind_words(Path(lower))), *timepoint_words(lower.removesuffix(suffix)))
    # What a converter added stays last: by it a mended file is told from the one beside it.
    return "".join(f"_{word}" for word in words) + converter_mark(Path(name)) + suffix

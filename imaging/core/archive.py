"""What a person hands over (a folder, a zip or one file) as something that can be walked."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from imaging.core.errors import UnreadableFile, UnsafeArchive

#: An archive may unpack to this much; a chest CT takes about 0.3 GB.
MAXIMUM_ARCHIVE_BYTES = 8 * 2**30
#: An archive may hold this many files; a chest CT has a few hundred to a few thousand.
MAXIMUM_ARCHIVE_FILES = 200_000

_CHUNK_BYTES = 2**20


def open_source(path: Path, *, workdir: Path, limit_bytes: int = MAXIMUM_ARCHIVE_BYTES) -> Path:
    """Make a folder, zip or file ready for `scan`.

    Parameters
    ----------
    path : Path
        A folder (returned as it is), a zip (extracted), or any other file (returned as it is).
    workdir : Path
        Empty folder that receives the content of a zip; created if absent.
    limit_bytes : int
        Largest total size to unpack, counted while unpacking and not as the archive declares it.

    Returns
    -------
    Path
        What to scan.

    Raises
    ------
    UnsafeArchive
        If an entry leaves the archive, is absolute, is a link or a device, appears twice, or the limit
        is exceeded. Nothing outside `workdir` is ever written.
    UnreadableFile
        If the path does not exist, or the zip is damaged or encrypted.
    """
    if not path.exists():
        raise UnreadableFile("There is no such file or folder.")
    if path.is_dir() or not zipfile.is_zipfile(path):
        if path.suffix.lower() == ".zip":
            raise UnreadableFile("The zip archive is truncated or damaged.")
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            _extract(archive, workdir, limit_bytes=limit_bytes)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UnreadableFile(f"The zip archive is damaged or encrypted ({type(error).__name__}).") from None
    return workdir


def _extract(archive: zipfile.ZipFile, workdir: Path, *, limit_bytes: int) -> None:
    entries = archive.infolist()
    if len(entries) > MAXIMUM_ARCHIVE_FILES:
        raise UnsafeArchive(f"The archive holds {len(entries)} files; at most {MAXIMUM_ARCHIVE_FILES} are accepted.")
    # All names are judged before a byte is written.
    targets = [(entry, _target(entry, workdir)) for entry in entries]
    workdir.mkdir(parents=True, exist_ok=True)
    budget = limit_bytes
    for entry, target in targets:
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("xb") as sink:
                budget -= _copy(source, sink, limit_bytes=budget)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise UnsafeArchive("The archive holds two entries of one name.") from None


def _target(entry: zipfile.ZipInfo, workdir: Path) -> Path:
    """Give where an entry is written, or raise when that is not strictly inside the folder."""
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeArchive("The archive holds a link or a device; only files and folders are accepted.")
    # A zip made elsewhere may separate by backslashes; both readings of the name must be harmless.
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    windows = PureWindowsPath(entry.filename)
    if windows.drive or windows.root or PurePosixPath(entry.filename).is_absolute() or ".." in parts:
        raise UnsafeArchive("The archive holds a path that leads out of it (absolute or with '..').")
    if not parts or "\0" in entry.filename:
        raise UnsafeArchive("The archive holds an entry without a usable name.")
    return workdir.joinpath(*parts)


def _copy(source: IO[bytes], sink: IO[bytes], *, limit_bytes: int) -> int:
    written = 0
    while chunk := source.read(_CHUNK_BYTES):
        written += len(chunk)
        if written > limit_bytes:
            raise UnsafeArchive("The archive unpacks to more than the permitted size.")
        sink.write(chunk)
    return written

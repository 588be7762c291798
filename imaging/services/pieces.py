"""One file of an upload on the disk: how much of it is there, and the next piece."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Protocol

from django.conf import settings
from django.utils import timezone

from imaging.models import Upload, UploadedFile

_BLOCK_BYTES = 1024**2


class WrongOffset(Exception):
    """A piece does not begin where the file ends."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected


class Busy(Exception):
    """Another connection is writing this file."""


class WrongChecksum(Exception):
    """A piece came altered; nothing of it was kept."""


class Hash(Protocol):
    """What a checksum is computed with."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def digest(self) -> bytes:
        """Give the checksum."""


def path_of(file: UploadedFile) -> Path:
    """Give where a file of an upload lies."""
    return Path(settings.UPLOAD_DIR) / file.upload.inbox / file.name


def offset_of(file: UploadedFile) -> int:
    """Give how many bytes of a file are safely there."""
    path = path_of(file)
    return min(file.received, path.stat().st_size) if path.exists() else 0


def receive(file: UploadedFile, *, offset: int, stream: IO[bytes], checksum: tuple[Hash, bytes] | None = None) -> int:
    """Append a piece to a file and give how much of it is there now; of a broken connection, what came is kept.

    Raises
    ------
    Busy, WrongOffset, WrongChecksum
        Where nothing was kept.
    """
    with path_of(file).open("ab") as target:
        _hold(target)
        file.refresh_from_db(fields=["received"])
        if offset != (there := offset_of(file)):
            raise WrongOffset(there)
        target.truncate(offset)  # what a killed process wrote and did not count
        try:
            _copy(stream, target, limit=file.size - offset, checksum=checksum)
        except WrongChecksum:
            target.truncate(offset)
            raise
        finally:
            target.flush()
            _count(file, path_of(file).stat().st_size)
    return file.received


def _copy(stream: IO[bytes], target: IO[bytes], *, limit: int, checksum: tuple[Hash, bytes] | None) -> None:
    while limit and (block := stream.read(min(_BLOCK_BYTES, limit))):
        target.write(block)
        limit -= len(block)
        if checksum:
            checksum[0].update(block)
    if checksum and checksum[0].digest() != checksum[1]:
        raise WrongChecksum


def _count(file: UploadedFile, received: int) -> None:
    file.received = received
    UploadedFile.objects.filter(pk=file.pk).update(received=received)
    Upload.objects.filter(pk=file.upload_id).update(touched_at=timezone.now())


def start_over(file: UploadedFile) -> None:
    """Throw away what came of a file.

    Raises
    ------
    Busy
        While a piece of it is being written.
    """
    with path_of(file).open("ab") as target:
        _hold(target)
        target.truncate(0)
        _count(file, 0)


def _hold(target: IO[bytes]) -> None:
    try:
        fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy from None

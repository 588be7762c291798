"""Artefacts by their sha256: the same bytes are stored once, and read bytes are checked."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from django.conf import settings

_DIGEST_BYTES = hashlib.sha256().digest_size


class ArtefactCorrupt(Exception):
    """Stored bytes do not have the digest under which they were stored."""

    code = "artefact_corrupt"

    def __init__(self, sha256: str) -> None:
        self.message = f"The stored file {sha256[:12]}… is missing or was altered."
        super().__init__(self.message)


def put(content: bytes) -> str:
    """Store bytes and give their sha256; a reader never sees half a file."""
    sha256 = hashlib.sha256(content).hexdigest()
    target = path_of(sha256)
    if target.exists():
        return sha256
    _write(target, content)
    return sha256


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    Path(name).replace(target)


def get(sha256: str) -> bytes:
    """Read stored bytes and check their digest.

    Raises
    ------
    ArtefactCorrupt
        If the file is missing or altered.
    """
    content = _read(path_of(sha256))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactCorrupt(sha256)
    return content


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def set_aside(sha256: str) -> None:
    """Move stored bytes out of reach, so that whoever stores them meanwhile writes them anew."""
    with suppress(FileNotFoundError):
        path_of(sha256).replace(_aside(sha256))


def bring_back(sha256: str) -> None:
    """Undo `set_aside`."""
    with suppress(FileNotFoundError):
        _aside(sha256).replace(path_of(sha256))


def remove_aside(sha256: str) -> None:
    """Remove bytes that were set aside."""
    _aside(sha256).unlink(missing_ok=True)


def _aside(sha256: str) -> Path:
    return path_of(sha256).with_suffix(".aside")


def forget() -> None:
    """Remove all that `remember` kept: a key does not tell from whose bytes it was computed."""
    for file in (Path(settings.ARTEFACT_DIR) / "remembered").glob("*/*"):
        file.unlink(missing_ok=True)


def recall(key: str) -> bytes | None:
    """Give what `remember` kept under a key; None where there is nothing, or it was altered.

    What is kept so can be computed again, so nobody needs to know that it is missing.
    """
    content = _read(_remembered(key))
    digest, rest = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return rest if digest and hashlib.sha256(rest).digest() == digest else None


def remember(key: str, content: bytes) -> None:
    """Keep bytes that were computed from what a key (a sha256 of all of it) stands for."""
    _write(_remembered(key), hashlib.sha256(content).digest() + content)


def _remembered(key: str) -> Path:
    return Path(settings.ARTEFACT_DIR) / "remembered" / key[:2] / key


def path_of(sha256: str) -> Path:
    """Give where the bytes of a digest lie."""
    return Path(settings.ARTEFACT_DIR) / sha256[:2] / sha256

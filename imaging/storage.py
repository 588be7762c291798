"""Artefacts by their sha256: the same bytes are stored once, and read bytes are checked."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings


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
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    Path(name).replace(target)
    return sha256


def get(sha256: str) -> bytes:
    """Read stored bytes and check their digest.

    Raises
    ------
    ArtefactCorrupt
        If the file is missing or altered.
    """
    file = path_of(sha256)
    content = file.read_bytes() if file.exists() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactCorrupt(sha256)
    return content


def path_of(sha256: str) -> Path:
    """Give where the bytes of a digest lie."""
    return Path(settings.ARTEFACT_DIR) / sha256[:2] / sha256

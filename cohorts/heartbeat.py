"""Signs of life: each worker touches a file of its own in the data folder, so that a page need not ask the broker.

A question to the broker waits for an answer that may never come; the age of a file is known at once.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

EVERY_SECONDS = 5.0
#: Four beats missed: a machine under load may be late with one, not with four.
_HEARD_SECONDS = 20.0


def beat() -> None:
    """Write that this process works."""
    _folder().mkdir(exist_ok=True)
    _own_file().touch()


def begin() -> None:
    """Write the first sign, and remove those of workers that were killed."""
    beat()
    for file in _folder().iterdir():
        if not _is_fresh(file):
            file.unlink(missing_ok=True)


def end() -> None:
    """Remove the sign of this process."""
    _own_file().unlink(missing_ok=True)


def is_heard() -> bool:
    """Return whether any worker gave a sign within the last seconds."""
    return _folder().is_dir() and any(_is_fresh(file) for file in _folder().iterdir())


def _is_fresh(file: Path) -> bool:
    with suppress(FileNotFoundError):  # its worker ended between listing and looking
        return time.time() - file.stat().st_mtime < _HEARD_SECONDS
    return False


def _own_file() -> Path:
    return _folder() / f"{socket.gethostname()}-{os.getpid()}"


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "workers"

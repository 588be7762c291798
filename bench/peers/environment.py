"""Environments of peers that do not go with ours: made once with venv and pip, beside the cases."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Version = tuple[int, int]

#: Installing may download for minutes, and pictologics compiles for minutes at its first import.
_PATIENCE_S = 1800
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1"
)


class PeerAbsent(Exception):
    """A peer cannot be measured here; the text says why."""


def environment(home: Path, name: str, *, requirements: Sequence[str], oldest: Version, newest: Version) -> Path:
    """Give the Python of a peer's own environment, made at the first call.

    Raises
    ------
    PeerAbsent
        If there is no fitting Python, or pip cannot install the peer.
    """
    digest = hashlib.sha256(json.dumps([*requirements]).encode()).hexdigest()[:8]
    folder = home / "environments" / f"{name}-{digest}"
    python = folder / "bin" / "python"
    if (folder / "complete").is_file():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = home / "environments" / f"{name}.log"
    _logged([find_python(oldest, newest), "-m", "venv", "--clear", str(folder)], log, "its environment was not made")
    # pip builds nothing but pure Python: a peer without a wheel for this machine is skipped, not compiled.
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        requirements[0].partition("==")[0],
    ]
    _logged([*pip, *requirements], log, "pip did not install it")
    (folder / "complete").touch()
    return python


def run(python: Path, script: Path, *arguments: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a script of ours under a peer's Python, one thread, and read the JSON that it prints.

    Raises
    ------
    PeerAbsent
        If it fails.
    """
    log = python.parents[2] / f"{script.stem}.log"
    variables = os.environ | _ONE_THREAD | (extra or {})
    found = _logged([str(python), str(script), *arguments], log, "it failed", variables=variables)
    answer: dict[str, Any] = json.loads(found.splitlines()[-1])
    return answer


def find_python(oldest: Version, newest: Version) -> str:
    """Give a Python of a version in a range (both included): ours, one on PATH, pyenv's or uv's."""
    for candidate in _candidates(oldest, newest):
        if oldest <= _version(candidate) <= newest:
            return candidate
    raise PeerAbsent(f"no Python {oldest[0]}.{oldest[1]} or newer")


def _candidates(oldest: Version, newest: Version) -> Iterator[str]:
    yield sys.executable
    minors = range(newest[1], oldest[1] - 1, -1)
    yield from filter(None, (shutil.which(f"python3.{minor}") for minor in minors))
    if pyenv := shutil.which("pyenv"):
        # pyenv's own python3.x on PATH refuse to start unless the version is switched on.
        root = _output([pyenv, "root"])
        yield from (
            str(path) for minor in minors for path in sorted(Path(root).glob(f"versions/3.{minor}.*/bin/python3"))
        )
    if uv := shutil.which("uv"):
        yield _output([uv, "python", "find", "--no-python-downloads", f">=3.{oldest[1]},<3.{newest[1] + 1}"])


def _version(python: str) -> Version:
    major, _, minor = _output([python, "-c", "import sys; print(*sys.version_info[:2])"]).partition(" ")
    return (int(major), int(minor)) if minor else (0, 0)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _logged(command: list[str], log: Path, failure: str, *, variables: dict[str, str] | None = None) -> str:
    """Run a command and give what it prints; its errors go to a log, since they hold paths and addresses."""
    with log.open("w") as errors:
        try:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=_PATIENCE_S,
                check=True,
                env=variables,
            )
        except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise PeerAbsent(f"{failure} ({log.name} in the folder of --data says why)") from error
    return done.stdout

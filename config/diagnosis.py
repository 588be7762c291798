"""What an installation needs, looked at one by one."""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from cohorts.services.onboarding import is_empty, setup_code
from cohorts.workers import broker_answers, redis_binary, start_command, workers_answer
from config.staticfiles import BROWSER_LIBRARIES

_LIBRARIES = (
    "django",
    "celery",
    "redis",
    "pydicom",
    "highdicom",
    "SimpleITK",
    "pyradiomics",
    "numpy",
    "scikit-learn",
    "skops",
)
_MINIMUM_FREE_GB = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what to do if it is wrong."""

    name: str
    verdict: Literal["ok", "warning", "problem"]
    found: str
    remedy: str = ""


def diagnose() -> list[Finding]:
    """Look at everything; a check that fails unexpectedly becomes a problem of its own."""
    return [_guarded(check) for check in CHECKS]


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        return Finding(check.__name__, "problem", f"the check itself failed: {type(error).__name__}")


def python() -> Finding:
    """Look at the Python version."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Finding("Python", "ok", found)
    return Finding("Python", "problem", found, "Use Python 3.11: pyradiomics 3.0.1 does not build on 3.12 and later.")


def compiler() -> Finding:
    """Look for a C compiler, which pyradiomics needs when it is installed."""
    if found := shutil.which("cc") or shutil.which("gcc"):
        return Finding("C compiler", "ok", found)
    return Finding("C compiler", "warning", "none", "Only needed to install: apt-get install gcc python3-dev")


def libraries() -> Finding:
    """Look at the libraries' versions."""
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            return Finding("Libraries", "problem", f"{name} is missing", "Run make install.")
    return Finding("Libraries", "ok", ", ".join(versions))


def radiomics() -> Finding:
    """Try whether pyradiomics' compiled part works with this numpy."""
    try:
        importlib.import_module("imaging.core.features")
    except ImportError:
        return Finding(
            "pyradiomics", "problem", "its compiled part does not load", "Remove .venv and run make install."
        )
    return Finding("pyradiomics", "ok", "its compiled part works")


def browser_libraries() -> Finding:
    """Look for the browser libraries that npm installs."""
    root = settings.BASE_DIR / "node_modules"
    missing = [name for name in BROWSER_LIBRARIES.values() if not (root / name).is_file()]
    if missing:
        return Finding("Browser libraries", "problem", f"{len(missing)} missing", "Run make install.")
    return Finding("Browser libraries", "ok", f"{len(BROWSER_LIBRARIES)} files")


def database() -> Finding:
    """Look whether the database answers and has its tables."""
    kind = connection.vendor
    try:
        pending = MigrationExecutor(connection).migration_plan(
            MigrationExecutor(connection).loader.graph.leaf_nodes()
        )
    except DatabaseError:
        return Finding(
            "Database", "problem", f"{kind} does not answer", "Check DATABASE_URL and that the server runs."
        )
    if pending:
        return Finding("Database", "warning", f"{kind}, {len(pending)} migrations to apply", "Run manage.py migrate.")
    return Finding("Database", "ok", kind)


def people() -> Finding:
    """Look whether anybody can log in; if nobody can, tell the code that sets the site up."""
    try:
        if is_empty():
            remedy = f"Open the site and enter the setup code {setup_code()}."
            return Finding("People", "warning", "nobody can log in yet", remedy)
    except DatabaseError:
        return Finding("People", "warning", "the database has no tables yet", "Run manage.py migrate.")
    return Finding("People", "ok", "at least one can log in")


def broker() -> Finding:
    """Look whether a broker runs, or could be started."""
    if broker_answers():
        return Finding("Broker", "ok", "answers")
    if not settings.BROKER_IS_EMBEDDED:
        return Finding("Broker", "problem", "does not answer", "Start the Redis that CELERY_BROKER_URL names.")
    if binary := redis_binary():
        return Finding("Broker", "ok", f"not running now; {binary} is started when needed")
    return Finding("Broker", "problem", "no redis-server", "Run make install, or apt-get install redis-server.")


def workers() -> Finding:
    """Look whether workers run."""
    if workers_answer():
        return Finding("Workers", "ok", "answer")
    remedy = f"Start them: {start_command()}. Until then imports and other work wait."
    return Finding("Workers", "warning", "no worker is running", remedy)


def disk() -> Finding:
    """Look at the space left for data."""
    free_gb = shutil.disk_usage(settings.DATA_DIR).free / 1024**3
    verdict: Literal["ok", "warning"] = "ok" if free_gb >= _MINIMUM_FREE_GB else "warning"
    remedy = "" if verdict == "ok" else f"Free some space: a study of 394 patients takes about {_MINIMUM_FREE_GB} GB."
    return Finding("Disk", verdict, f"{free_gb:.1f} GB free for data", remedy)


def browser() -> Finding:
    """Look for the browser that browser tests drive."""
    if found := shutil.which("chromium") or shutil.which("google-chrome"):
        return Finding("Chromium", "ok", found)
    return Finding("Chromium", "warning", "none", "Only browser tests need it: apt-get install chromium")


CHECKS = (python, compiler, libraries, radiomics, browser_libraries, database, people, broker, workers, disk, browser)

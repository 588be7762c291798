"""How long the server takes for each page, and how many queries, at cohorts of three sizes.

Requests go through the whole application (sessions, permissions, templates) in this process; what a network
and a browser add is not counted. Nothing is cached between requests but what the application itself keeps.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from bench.timing import now

SIZES = (50, 500, 5_000)
HEADER = ("page", *(f"{name}, {size:,}" for size in SIZES for name in ("p50 ms", "p95 ms", "queries")))
_FIRST = 2
#: Page → its address; CODE is the cohort, PATIENT one of its patients.
PAGES = {
    "cohort": "/cohorts/CODE/",
    "cohort, filtered": "/cohorts/CODE/?response=mpr&centre=C1&age_min=50&has=features_pre",
    "panel: participants": "/cohorts/CODE/panels/participants/",
    "panel: baseline": "/cohorts/CODE/panels/baseline/",
    "panel: imaging": "/cohorts/CODE/panels/imaging/",
    "panel: models": "/cohorts/CODE/panels/models/",
    "panel: agreement": "/cohorts/CODE/agreement/",
    "list of cohorts": "/cohorts/",
    "patients": "/cohorts/CODE/patients/",
    "patients, filtered": "/cohorts/CODE/patients/?lacks=pathology&exclusion=none",
    "completeness": "/cohorts/CODE/completeness/",
    "history": "/cohorts/CODE/history/",
    "jobs": "/cohorts/CODE/jobs/",
    "subsets": "/cohorts/CODE/subsets/",
    "my day": "/cohorts/day/",
    "queries": "/cohorts/CODE/queries/",
    "patient": "/cohorts/CODE/patients/PATIENT/",
    "patient: panel of scans": "/cohorts/CODE/patients/PATIENT/panels/imaging/",
    "history of a patient": "/cohorts/CODE/patients/PATIENT/history/",
}


@dataclass(frozen=True)
class Page:
    """What one page cost at one size."""

    name: str
    patients: int
    p50_ms: float
    p95_ms: float
    queries: int


def pages(*, repeats: int = 20, sizes: tuple[int, ...] = SIZES, say: Callable[[str], None] = print) -> list[Page]:
    """Measure every page at every size, in a data folder of its own that is removed afterwards."""
    found = []
    with _installation():
        from bench.crowd import crowd  # Django must be set up before

        cohorts = {}
        for size in sizes:
            say(f"cohort of {size} patients")
            cohorts[size] = crowd(f"crowd-{size}", patients=size)
        for size, cohort in cohorts.items():
            for name, address in PAGES.items():
                found.append(_page(name, address, cohort, size, repeats))
    return found


@contextmanager
def _installation() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ECOTONE_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": ""}
        import django
        from django.core.management import call_command
        from django.test.utils import override_settings

        django.setup()
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        default = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
        with override_settings(
            STORAGES={"default": default, "staticfiles": plain},
            ARTEFACT_DIR=Path(folder) / "artefacts",
            ALLOWED_HOSTS=["*"],
        ):
            call_command("migrate", verbosity=0)
            yield


def _page(name: str, address: str, cohort: Any, size: int, repeats: int) -> Page:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from cohorts.models import User

    client = Client()
    client.force_login(User.objects.get(username=f"{cohort.code}-administrator"))
    url = address.replace("CODE", cohort.code).replace("PATIENT", f"P-{size // 2:05d}")
    for _ in range(_FIRST):  # templates are read and compiled once in the life of a server
        status = client.get(url).status_code
        if status != 200:
            raise RuntimeError(f"{url} answered {status}")
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
        queries = len(connection.queries)
    queries -= captured.initial_queries
    seconds = []
    for _ in range(repeats):
        start = now()
        client.get(url)
        seconds.append(now() - start)
    p50, p95 = (1000 * float(value) for value in np.percentile(seconds, [50, 95]))
    return Page(name, size, p50, p95, queries)


def lines(found: list[Page]) -> list[tuple[str, ...]]:
    """Give a line for each page, sizes side by side."""
    by_page: dict[str, list[Page]] = {}
    for page in found:
        by_page.setdefault(page.name, []).append(page)
    return [
        (name, *(cell for p in rows for cell in (f"{p.p50_ms:.0f}", f"{p.p95_ms:.0f}", str(p.queries))))
        for name, rows in by_page.items()
    ]


def page_table(found: list[Page]) -> Table:
    """Give the table for a terminal."""
    table = Table(*HEADER)
    for line in lines(found):
        table.add_row(*line)
    return table


def page_markdown(found: list[Page]) -> str:
    """Give the table for a page of the documentation."""
    rows = [HEADER, ("---",) * len(HEADER), *lines(found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)

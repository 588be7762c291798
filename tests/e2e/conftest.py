"""The whole product as a person meets it: `manage.py demo` with real processes, and a headless Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(os.environ.get("ECOTONE_SCREENSHOTS", ROOT / "test-results" / "screenshots"))
PATIENTS = 32  # the training centre then has five patients of each class to learn from
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",  # Chromium refuses its sandbox to root, as which CI runs
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
]
_START_SECONDS = 120
#: A refused form or page answers 4xx by design; a panel that still loads is given up when the page is left.
_EXPECTED = ("the server responded with a status of 4", "htmx:afterRequest", "htmx:sendAbort")
expect.set_options(timeout=20_000)


@dataclass
class Site:
    """A served demonstration."""

    address: str
    data_dir: Path
    process: subprocess.Popen[str]
    environment: dict[str, str] = field(repr=False)

    def password(self, name: str) -> str:
        """Give a demo person's password."""
        file = self.data_dir / "demo" / "logins.json"
        return str(json.loads(file.read_text())[name])

    def children(self) -> set[int]:
        """Give the processes that the demonstration started and that live."""
        listing = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [(int(pid), int(parent), state) for pid, parent, state in map(str.split, listing.splitlines())]
        found, frontier = set(), {self.process.pid}
        while frontier:
            frontier = {
                pid for pid, parent, state in rows if parent in frontier and not state.startswith("Z")
            } - found
            found |= frontier
        return found


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An installation of its own: data folder and database."""
    data_dir = tmp_path_factory.mktemp("site")
    values = {**os.environ, "ECOTONE_DATA_DIR": str(data_dir), "ECOTONE_JOB_LEASE_SECONDS": "20"}
    if broker := os.environ.get("CELERY_BROKER_URL"):
        values["CELERY_BROKER_URL"] = f"{broker}?virtual_host=7"  # its own part of a shared Redis
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield values
        return
    parts = urlsplit(url)
    name = "ecotone_e2e"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
    yield {**values, "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}"))}


@pytest.fixture(scope="session")
def finished_demo(environment: dict[str, str]) -> dict[str, object]:
    """The demonstration's pipeline, run to its end by `demo --no-serve`."""
    command = [sys.executable, "manage.py", "demo", "--patients", str(PATIENTS), "--no-serve", "--json"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    logs = "".join(f.read_text()[-2000:] for f in Path(environment["ECOTONE_DATA_DIR"], "logs").glob("worker.log"))
    assert run.returncode == 0, f"{run.stdout[-1500:]}\n{run.stderr[-3000:]}\n{logs}"
    report: dict[str, object] = json.loads(run.stdout[run.stdout.index("{") :])
    return report


@pytest.fixture(scope="session")
def site(finished_demo: dict[str, object], environment: dict[str, str]) -> Iterator[Site]:
    """The served demonstration, started a second time on the same data and stopped by Ctrl-C."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "demo", "--patients", str(PATIENTS), "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    served = Site(f"http://127.0.0.1:{port}", Path(environment["ECOTONE_DATA_DIR"]), process, environment)
    _wait_until_served(served)
    children = served.children()
    yield served
    assert len(children) >= 4, "redis or its client, worker, beat and web are expected"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert [pid for pid in children if _lives(pid)] == [], "Ctrl-C left processes running"


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait_until_served(site: Site) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert site.process.poll() is None, site.process.stdout.read() if site.process.stdout else ""
        try:
            with urlopen(f"{site.address}/health/", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"The site was not served within {_START_SECONDS} s.")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; browser tests skip with a reason where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """One person at one browser window."""

    page: Page
    site: Site
    complaints: list[str]

    def log_in(self, name: str) -> None:
        """Log in as one of the demonstration's people."""
        self.go("/login/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(self.site.password(name))
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page).not_to_have_url(re.compile("/login/"))

    def go(self, path: str) -> None:
        """Open a page of the site."""
        self.page.goto(self.site.address + path)

    def picture(self, name: str) -> None:
        """Keep a screenshot of the whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@contextmanager
def _window(chromium: Browser, site: Site) -> Iterator[Visitor]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in _EXPECTED):
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Visitor(page, site, complaints)
    context.close()
    assert complaints == []


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[Visitor]:
    """A fresh window; any error in its console fails the test."""
    with _window(chromium, site) as opened:
        yield opened


@pytest.fixture
def colleague(chromium: Browser, site: Site) -> Iterator[Visitor]:
    """A second person at a window of their own, at the same time."""
    with _window(chromium, site) as opened:
        yield opened

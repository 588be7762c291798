"""`manage.py serve`: from an empty folder to the first import with real processes, and Ctrl-C leaves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import ROOT, Installation
from tests.scans import small_scan, write_scan
from tests.served import Browser, Terminal, free_port

pytestmark = pytest.mark.processes
PASSWORD = "wisp-Orchard-71"


def socket_of(folder: Path) -> Path:
    instance = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"ecotone-{os.getuid()}-{instance}" / "redis.sock"


def lives(pid: int) -> bool:
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip()[:1] not in {"", "Z"}


def set_up(browser: Browser, code: str) -> None:
    browser.post("/welcome/", code=code)
    browser.post("/welcome/", full_name="Wang Fang", username="wang", password=PASSWORD)
    browser.post("/welcome/", name="Own study", is_synthetic="")
    browser.post("/welcome/", name_1="First hospital", trains="1")


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What was seen: serve, set up, import, serve twice, Ctrl-C, queue without workers, serve again."""
    installation, files = Installation(tmp_path_factory.mktemp("own")), tmp_path_factory.mktemp("scans")
    port, seen = free_port(), {"folder": installation.folder}
    terminal = Terminal.serving(installation, port)
    try:
        seen["first"], browser = terminal.report, Browser(terminal.report["address"])
        set_up(browser, terminal.report["setup_code"])
        archive = shutil.make_archive(
            str(files / "one"), "zip", write_scan(files / "one", small_scan(0), code="RAW-1")
        )
        browser.post("/cohorts/own-study/import/", file=Path(archive), timepoint="pre")
        seen["imported"] = browser.wait_for('data-state="done"')
        seen["second"] = installation.manage("serve", "--port", str(port), "--json")
        seen["family"] = terminal.family()
        seen["exit code"] = terminal.interrupt()
        seen["survivors"] = [pid for pid in seen["family"] if lives(pid)]
        seen["socket is left"] = socket_of(installation.folder).exists()
        folder = write_scan(files / "two", small_scan(1), code="RAW-2")
        seen["alone"] = installation.drive("tests.drivers.queued_alone", str(folder))
        terminal = Terminal.serving(installation, port)
        seen["again"] = terminal.report
        browser.get(seen["alone"]["path"])
        seen["resumed"] = browser.wait_for('data-state="done"', seconds=40)
        yield seen
    finally:
        terminal.interrupt()


def test_a_scan_is_imported_by_the_workers_of_the_command_after_four_answers(evening: dict[str, Any]) -> None:
    assert evening["first"]["workers"] == "started"
    assert f"{small_scan(0).mask.voxels:,}" in evening["imported"]
    assert "GTV-1" in evening["imported"]
    assert "No worker is running" not in evening["imported"]


def test_a_second_server_of_the_same_data_names_the_first(evening: dict[str, Any]) -> None:
    error = json.loads(evening["second"].stdout)["error"]
    assert (evening["second"].returncode, error["code"]) == (1, "already_served")
    assert evening["first"]["address"] in error["message"]
    assert "Ctrl-C" in error["remedy"]


def test_ctrl_c_ends_every_process_and_takes_the_socket_away(evening: dict[str, Any]) -> None:
    assert len(evening["family"]) >= 6, "itself, broker, worker, beat, the web server, and what they started"
    assert evening["exit code"] == 0
    assert evening["survivors"] == []
    assert evening["socket is left"] is False


def test_without_workers_the_page_of_a_job_and_the_doctor_say_so_with_the_command(evening: dict[str, Any]) -> None:
    assert "No worker is running" in evening["alone"]["page"]
    assert "make serve" in evening["alone"]["page"]
    found = evening["alone"]["doctor"]
    assert (found["verdict"], found["found"]) == ("warning", "no worker is running")
    assert "make serve" in found["remedy"]


def test_a_second_start_goes_on_with_the_data_and_asks_for_no_code(evening: dict[str, Any]) -> None:
    assert evening["again"]["setup_code"] is None
    assert 'data-state="done"' in evening["resumed"], "what waited was sent to the new broker at once"
    assert f"{small_scan(1).mask.voxels:,}" in evening["resumed"]


def test_the_setup_code_is_in_no_file_that_others_can_read(evening: dict[str, Any]) -> None:
    code = evening["first"]["setup_code"]
    holding = [f for f in (evening["folder"] / "logs").iterdir() if code in f.read_text()]
    assert [file.name for file in holding if file.stat().st_mode & 0o077] == []


def test_a_port_that_is_taken_is_named_with_another(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = Installation(tmp_path).manage("serve", "--port", str(port), "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (1, "port_in_use")
    assert f"Port {port} is in use" in error["message"]
    assert "make serve PORT=" in error["message"]


def test_what_a_killed_command_started_ends_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.drivers.killed_server"]
    environment = Installation(tmp_path).environment
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        started = int(killed.stdout.readline())
        assert lives(started)
        killed.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while lives(started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lives(started)

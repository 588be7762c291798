"""A served installation as a person meets it: a terminal, and a browser without JavaScript."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from tests.installation import ROOT, Installation

_BOUNDARY = "--------a-boundary-of-the-tests"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Terminal:
    """`manage.py serve` as it runs, and what it printed when it was ready."""

    process: subprocess.Popen[str]
    report: dict[str, Any]

    @classmethod
    def serving(cls, installation: Installation, port: int) -> Terminal:
        """Start it, and wait until it says that it serves."""
        command = [sys.executable, "manage.py", "serve", "--port", str(port), "--json"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=installation.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stdout is not None
        printed = ""
        while not printed.endswith("}\n"):
            line = process.stdout.readline()
            assert line, f"it ended: {printed}"
            printed += line
        return cls(process, json.loads(printed))

    def family(self) -> set[int]:
        """Return the processes that it started and that live, with what those started."""
        listing = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [(int(pid), int(parent), state) for pid, parent, state in map(str.split, listing.splitlines())]
        found, frontier = set(), {self.process.pid}
        while frontier:
            frontier = {pid for pid, parent, state in rows if parent in frontier and state[0] != "Z"} - found
            found |= frontier
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C and give the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@dataclass
class Browser:
    """Reads pages and sends forms, with cookies and the forms' token."""

    address: str
    cookies: CookieJar = field(default_factory=CookieJar)
    page: str = ""
    location: str = ""

    def _open(self, request: Request) -> str:
        opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.cookies))
        try:
            with opener.open(request, timeout=60) as answer:
                self.location, self.page = answer.geturl(), answer.read().decode()
        except HTTPError as error:
            raise AssertionError(f"{request.full_url}: {error.code}") from None
        return self.page

    def get(self, path: str) -> str:
        """Open a page."""
        return self._open(Request(urljoin(self.address, path)))

    def post(self, path: str, *, file: Path | None = None, **values: str) -> str:
        """Send a form, with a file in its field ``files``, and follow where it leads."""
        self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert token, self.page[:500]
        values["csrfmiddlewaretoken"] = token[1]
        body, kind = _multipart(values, file) if file else (urlencode(values).encode(), "x-www-form-urlencoded")
        headers = {"Content-Type": kind if file else f"application/{kind}", "Referer": urljoin(self.address, path)}
        return self._open(Request(urljoin(self.address, path), data=body, headers=headers))

    def wait_for(self, text: str, *, seconds: float = 60) -> str:
        """Load the page again until it shows a text."""
        deadline = time.monotonic() + seconds
        while text not in self.page:
            assert time.monotonic() < deadline, re.sub(r"<[^>]+>", " ", self.page)[-3000:]
            time.sleep(0.2)
            self.get(self.location)
        return self.page


def _multipart(values: dict[str, str], file: Path) -> tuple[bytes, str]:
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n'
    parts += [f"{head}Content-Type: application/zip\r\n\r\n".encode(), file.read_bytes()]
    return b"".join([*parts, f"\r\n--{_BOUNDARY}--\r\n".encode()]), f"multipart/form-data; boundary={_BOUNDARY}"

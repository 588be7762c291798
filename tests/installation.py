"""An installation of its own in a temporary folder: its files, its SQLite database, its embedded broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Installation:
    """Runs programs that see nothing of the test's own database."""

    folder: Path
    lease_seconds: int = 3

    @property
    def environment(self) -> dict[str, str]:
        outer = {"DATABASE_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE"}
        kept = {name: value for name, value in os.environ.items() if name not in outer}
        return kept | {
            "ECOTONE_DATA_DIR": str(self.folder),
            "ECOTONE_JOB_LEASE_SECONDS": str(self.lease_seconds),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(ROOT),
        }

    def run(self, *command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run ``python`` with arguments and give its output, whatever its exit code."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product."""
        return self.run("manage.py", *arguments)

    def drive(self, module: str, *arguments: str) -> dict[str, Any]:
        """Run one of the tests' own programs and give the JSON that it prints last."""
        done = self.run("-m", module, *arguments)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return report

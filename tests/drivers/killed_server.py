"""Starts a process as the product starts its own, tells its number, and waits to be killed."""

from __future__ import annotations

import sys
import time

import django

django.setup()

from cohorts.workers import running_process  # noqa: E402


def main() -> None:
    with running_process([sys.executable, "-c", "import time; time.sleep(60)"], "sleeper") as process:
        print(process.pid, flush=True)
        time.sleep(60)


if __name__ == "__main__":
    main()

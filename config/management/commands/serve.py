from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from cohorts import jobs
from cohorts.models import User
from cohorts.services.onboarding import is_empty, setup_code
from cohorts.terminal import EcotoneCommand
from cohorts.workers import require_own_broker, running_workers
from config import serving
from config.diagnosis import browser_libraries

#: After a demonstration people can log in, so no setup code opens the site, but none of them may make a study.
_NOBODY_BEGINS = (
    "\n  Nobody here may make a study. Make somebody who may: .venv/bin/python manage.py createsuperuser"
    "\n  (or serve a data folder of your study's own: ECOTONE_DATA_DIR=FOLDER make serve)"
)


class Command(EcotoneCommand):
    help = "Serve the site for one's own data, with broker, workers and beat where none run. Ctrl-C stops everything."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--port", type=int, default=8000, metavar="P")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        with serving.until_interrupted(), ExitStack() as stack:
            stack.enter_context(serving.sole_server(port, target="serve"))
            require_own_broker()
            self._warn_of_missing_libraries()
            serving.prepare()
            processes = stack.enter_context(running_workers(beat=True))
            if processes:
                jobs.send_waiting()
            site = stack.enter_context(serving.running_site(port))
            self._announce(port, started=bool(processes), as_json=options["as_json"])
            serving.watch_over([*processes, site])

    def _warn_of_missing_libraries(self) -> None:
        found = browser_libraries()
        if found.remedy:
            self.stderr.write(f"{found.name}: {found.found}. {found.remedy}")

    def _announce(self, port: int, *, started: bool, as_json: bool) -> None:
        code = setup_code() if is_empty() else None
        if as_json:
            workers = "started" if started else "found"
            self.print_json({"address": serving.address_of(port), "setup_code": code, "workers": workers})
        else:
            self.stdout.write(f"\n  Ecotone: {serving.address_of(port)}   (research use only)")
            self.stdout.write(f"  data:    {settings.DATA_DIR}")
            if not started:
                self.stdout.write("  workers: those that run already; they stay when this site stops.")
            if code:
                self.stdout.write(f"\n  Nobody can log in yet. Open the address and enter this setup code: {code}")
            elif not User.objects.filter(is_superuser=True, is_active=True).exists():
                self.stdout.write(_NOBODY_BEGINS)
            self.stdout.write("\n  Ctrl-C stops everything." if started else "\n  Ctrl-C stops the site.")
        self.stdout.flush()

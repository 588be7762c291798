from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from cohorts.terminal import EcotoneCommand
from config.diagnosis import diagnose


class Command(EcotoneCommand):
    help = "Check Python, compiler, broker, database, disk and versions; say what is wrong and how to mend it."
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        findings = diagnose()
        if options["as_json"]:
            self.print_json({"checks": [finding.__dict__ for finding in findings]})
        else:
            for finding in findings:
                mark = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}[finding.verdict]
                self.stdout.write(f"{mark}  {finding.name:<20} {finding.found}")
                if finding.remedy:
                    self.stdout.write(f"         {'':<20} → {finding.remedy}")
        problems = sum(finding.verdict == "problem" for finding in findings)
        if problems:
            raise CommandError(f"{problems} problems.")

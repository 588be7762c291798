from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import validate_slug

from cohorts.models import Cohort, User
from cohorts.services.cohorts import create_cohort
from cohorts.terminal import EcotoneCommand


class Command(EcotoneCommand):
    help = "Make a cohort with its centres. The first centre is where models learn."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("code", help="Short name, used in addresses and commands.")
        parser.add_argument("--name", help="Name for people; default: the code.")
        parser.add_argument("--centre", action="append", metavar="CODE:NAME", help="A centre; repeat for more.")
        parser.add_argument("--administrator", metavar="USER", help="Who administers it.")

    def handle(self, *args: Any, **options: Any) -> None:
        code = options["code"]
        centres = dict(_centre(text) for text in options["centre"] or ["A:Centre A"])
        for slug in (code, *centres):
            try:
                validate_slug(slug)
            except ValidationError:
                raise CommandError(f"“{slug}” is no code: use letters, digits, '-' and '_'.") from None
        if Cohort.objects.filter(code=code).exists():
            raise CommandError(f"There is a cohort “{code}” already.")
        actor = None
        if name := options["administrator"]:
            actor = User.objects.filter(username=name).first()
            if actor is None:
                raise CommandError(f"There is no user “{name}”. Make one with `manage.py createsuperuser`.")
        cohort = create_cohort(code, name=options["name"] or code, centres=centres, actor=actor)
        report = {"code": cohort.code, "name": cohort.name, "centres": centres}
        if options["as_json"]:
            self.print_json(report)
        else:
            self.stdout.write(f"Made cohort {cohort.code} with {', '.join(centres.values())}.")


def _centre(text: str) -> tuple[str, str]:
    code, _, name = text.partition(":")
    return code.strip(), name.strip() or code.strip()

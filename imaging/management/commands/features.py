from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from cohorts.terminal import EcotoneCommand
from imaging.management.corrections import add_corrections, corrections_of
from imaging.services.protocols import DEFAULT_PROTOCOL
from imaging.services.single_case import case_of, report_of, write_features


class Command(EcotoneCommand):
    help = "Extract the whole-tumour features of one image and one mask, without the database."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("image", type=Path, help="DICOM folder, NIfTI or NRRD.")
        parser.add_argument("mask", type=Path, help="NIfTI, NRRD, DICOM SEG or RTSTRUCT.")
        parser.add_argument("--roi", metavar="NAME", help="Region, where the mask file holds several.")
        parser.add_argument("--protocol", default=DEFAULT_PROTOCOL, metavar="NAME")
        add_corrections(parser)
        parser.add_argument("--out", type=Path, metavar="FILE", help="Write to .csv, .parquet or .json.")

    def handle(self, *args: Any, **options: Any) -> None:
        case = case_of(
            options["image"],
            options["mask"],
            roi=options["roi"],
            protocol_name=options["protocol"],
            corrections=corrections_of(options),
        )
        if options["out"]:
            write_features(case, options["out"])
        if options["as_json"]:
            self.print_json(report_of(case))
        elif not options["out"]:
            for name, value in case.features.as_dict().items():
                self.stdout.write(f"{name} {case.features.undefined.get(name) or repr(value)}")

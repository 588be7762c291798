from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from cohorts.terminal import EcotoneCommand
from imaging.services.voxel_maps import CLASSES, maps_of, write_maps


class Command(EcotoneCommand):
    help = (
        "Map first-order and co-occurrence features around each voxel of one tumour, without the database, "
        "and write one NRRD file a map."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("image", type=Path, help="DICOM folder, NIfTI or NRRD.")
        parser.add_argument("mask", type=Path, help="NIfTI, NRRD, DICOM SEG or RTSTRUCT.")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="Folder for the maps.")
        parser.add_argument("--roi", metavar="NAME", help="Region, where the mask file holds several.")
        parser.add_argument(
            "--class",
            action="append",
            default=[],
            dest="kinds",
            metavar="NAME",
            help=f"{' or '.join(CLASSES)}; both without it.",
        )
        parser.add_argument(
            "--feature",
            action="extend",
            nargs="+",
            default=[],
            dest="features",
            metavar="NAME",
            help="As Entropy or Contrast; all without it.",
        )
        parser.add_argument("--spacing-mm", type=float, default=1.0, metavar="MM", help="Voxels of the maps.")

    def handle(self, *args: Any, **options: Any) -> None:
        case = maps_of(
            options["image"],
            options["mask"],
            roi=options["roi"],
            kinds=options["kinds"],
            features=options["features"],
            spacing_mm=options["spacing_mm"],
        )
        report = write_maps(case, options["out"])
        if options["as_json"]:
            self.print_json(report)
            return
        for row in report["maps"]:
            self.stdout.write(f"{row['file']} mean {row['mean']} undefined in {row['undefined_voxels']} voxels")
        if touched := report["provenance"]["padding_voxels"]:
            self.stdout.write(f"Resampling reaches {touched} voxels of padding around the tumour.")

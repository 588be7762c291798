from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.terminal import EcotoneCommand, cohort_named, progress_bar
from imaging.selectors import patients_in_other_order
from imaging.services.verification import Comparison, verify


class Command(EcotoneCommand):
    help = (
        "Compute the stored features, supervoxels and habitat maps of a cohort again from the stored scans, "
        "and say whether each is equal to the byte."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--limit", type=int, metavar="N", help="At most so many tumour masks.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be at least 1.")
        found: list[Comparison] = []
        with progress_bar() as progress:
            bar = progress.add_task("Computing again", total=None, note="")
            for comparison in verify(cohort, limit=options["limit"]):
                found.append(comparison)
                progress.update(bar, completed=len(found), note=comparison.patient)
        other = patients_in_other_order(cohort)
        different = [comparison for comparison in found if not comparison.equal]
        if options["as_json"]:
            results = [asdict(comparison) for comparison in found]
            self.print_json({"compared": len(found), "results": results, "other_voxel_order": other})
        else:
            self.stdout.write(
                f"{len(found)} results computed again, {len(found) - len(different)} equal to the byte."
            )
            for row in different:
                self.stdout.write(f"  {row.patient} {row.timepoint}, {row.result}, {row.protocol}: {row.detail}.")
            if other:
                self.stdout.write(
                    f"Scans of {len(other)} patients were stored in another order of voxels, before all scans were turned into "
                    f"one order: {', '.join(other)}. Import them again and extract their features to compare them with others."
                )
        if different:
            raise CommandError(f"{len(different)} of {len(found)} results are not what is computed now.")

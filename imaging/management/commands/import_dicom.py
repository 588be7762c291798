from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts import jobs
from cohorts.errors import ServiceError
from cohorts.models import Centre, Job
from cohorts.terminal import EcotoneCommand, cohort_named, progress_bar
from imaging.core.scan import as_json, open_source, scan
from imaging.management.corrections import add_corrections, corrections_of
from imaging.services import ingest
from imaging.services.placing import ImportOptions
from imaging.services.uploads import inbox_for


class Command(EcotoneCommand):
    help = "Import CT series with tumour masks: DICOM with RTSTRUCT or SEG, or NIfTI/NRRD pairs. Identity is removed."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", type=Path, metavar="PATH", help="A folder, a zip or a file.")
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--patient", default="", metavar="CODE", help="Pseudonym; default: found or made.")
        parser.add_argument("--timepoint", choices=["pre", "post", "auto"], default="auto")
        parser.add_argument("--centre", default="", metavar="CODE", help="Centre of patients that are new.")
        parser.add_argument(
            "--roi", default="", metavar="NAME", help="The tumour's region; default: found by its name."
        )
        parser.add_argument(
            "--same-person",
            default="",
            metavar="REASON",
            help="The files are of one person, although they state different ones: why.",
        )
        add_corrections(parser)
        parser.add_argument("--dry-run", action="store_true", help="Print the verdicts; write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"].resolve()
        if not path.exists():
            raise CommandError("There is no such file or folder.")
        report = self._scan(path, options) if options["dry_run"] else self._import(path, options)
        if options["as_json"]:
            self.print_json(report)
        else:
            self._print(report)
        rows = [*report["series"], *report["segmentations"]]
        if not rows:
            raise CommandError("There is neither an image nor a mask in it.")
        refused = sum(row["verdict"] == "refused" for row in rows)
        if not any(row["verdict"] == "accepted" for row in report["series"]):
            raise CommandError(f"No scan in it can be imported; {refused} refused.")
        if refused:
            raise CommandError(f"{refused} refused.")

    def _scan(self, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as workdir, progress_bar() as progress:
            bar = progress.add_task("Looking at the files", total=None, note="")
            found = scan(
                open_source(path, workdir=Path(workdir)),
                roi=options["roi"] or None,
                corrections=corrections_of(options),
                on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )
            return {**as_json(found), "ignored": found.ignored}

    def _import(self, path: Path, options: dict[str, Any]) -> dict[str, Any]:
        cohort = cohort_named(options["cohort"])
        centre = options["centre"]
        if centre and not Centre.objects.filter(cohort=cohort, code=centre).exists():
            known = ", ".join(cohort.centres.values_list("code", flat=True))
            raise CommandError(f"The cohort has no centre “{centre}”; it has {known}.")
        wishes = ImportOptions(
            patient_code=options["patient"],
            timepoint=options["timepoint"],
            centre_code=centre,
            roi=options["roi"],
            correct_tilt=options["correct_tilt"],
            repeated=options["repeated"],
            without_localizers=options["without_localizers"],
            same_person=options["same_person"],
            match_by_geometry=options["match_by_geometry"],
        )
        # The command does the work itself, so no worker is needed; the job is there for its page and history.
        job = Job.objects.create(
            kind=Job.Kind.IMPORT,
            cohort=cohort,
            parameters={"inbox": inbox_for(path), "options": wishes.__dict__},
        )
        jobs.execute(job.pk, ingest.run)
        job.refresh_from_db()
        if job.state != Job.State.DONE and not job.result:
            raise ServiceError(job.error_code, job.error)
        report: dict[str, Any] = job.result
        return report

    def _print(self, report: dict[str, Any]) -> None:
        for row in report["series"]:
            size = "x".join(map(str, row["shape_zyx"] or [])) or "-"
            self.stdout.write(
                f"{_verdict(row):<12} {row['modality'] or '-':<4} {size:<14} {row['path']}  {_why(row)}"
            )
        for row in report["segmentations"]:
            size = f"{row['voxels']} voxels, {row['volume_mm3'] / 1000:.3g} mL" if row["voxels"] is not None else "-"
            self.stdout.write(f"{_verdict(row):<12} {row['kind']:<8} {row['name']}: {size}  {_why(row)}")
        for row in report.get("imported", []):
            mask = f"{row['segmentation']}, {row['voxels']} voxels" if row["segmentation"] else "no tumour mask"
            note = f" ({row['note']})" if row["note"] else ""
            self.stdout.write(f"imported     {row['patient']} {row['timepoint']}{note}: {mask}")


def _verdict(row: dict[str, Any]) -> str:
    return str(row["verdict"]).replace("_", " ")


def _why(row: dict[str, Any]) -> str:
    if row["verdict"] != "accepted":
        return f"[{row['code']}] {row['reason']}"
    return " ".join([*row.get("corrections", []), *row["notes"]])

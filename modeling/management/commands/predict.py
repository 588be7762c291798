from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts.models import Job, Patient
from cohorts.terminal import EcotoneCommand, cohort_named, require_done, watch
from cohorts.workers import require_workers, running_workers
from modeling.models import Prediction
from modeling.services.prediction import enqueue_prediction


class Command(EcotoneCommand):
    help = "Predict patients with the models in use. Research use only."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--cohort", required=True, metavar="CODE")
        parser.add_argument("--patient", metavar="CODE", help="Default: every patient.")
        parser.add_argument("--wait", action="store_true", help="Show progress; starts workers if none run.")

    def handle(self, *args: Any, **options: Any) -> None:
        cohort = cohort_named(options["cohort"])
        patient = None
        if code := options["patient"]:
            patient = Patient.objects.filter(cohort=cohort, code=code).select_related("centre").first()
            if patient is None:
                raise CommandError(f"The cohort has no patient “{code}”.")
        if options["wait"]:
            with running_workers():
                job = require_done(watch(enqueue_prediction(cohort, user=None, patient=patient), label="Predicting"))
        else:
            require_workers()
            job = enqueue_prediction(cohort, user=None, patient=patient)
        self._report(job, options)

    def _report(self, job: Job, options: dict[str, Any]) -> None:
        rows = Prediction.objects.filter(patient__cohort=job.cohort, created_at__gte=job.created_at)
        found = [
            {
                "patient": row.patient.code,
                "model": row.model_version.name,
                "version": row.model_version.version,
                "probability": row.probability,
                "threshold": row.threshold,
                "standing": row.standing,
            }
            for row in rows.select_related("patient", "model_version").order_by("pk")
        ]
        if options["as_json"]:
            self.print_json({"job": str(job.reference), "state": job.state, "predictions": found})
        else:
            self.stdout.write(f"{len(found)} predictions. Research use only." if found else f"{job} is queued.")

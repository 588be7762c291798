"""Queues an import where no worker runs, looks at the page of the job as its person does, and asks the doctor."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import django

django.setup()

from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from cohorts.models import Cohort, Job, User  # noqa: E402
from config.diagnosis import workers  # noqa: E402
from imaging.services.ingest import enqueue_import  # noqa: E402
from imaging.services.placing import ImportOptions  # noqa: E402


def main(folder: str) -> None:
    person = User.objects.get()
    job = enqueue_import(Cohort.objects.get(), path=Path(folder), options=ImportOptions(), user=person)
    # As if its message had gone to the broker that Ctrl-C ended: nobody would miss it for ten minutes.
    Job.objects.update(enqueued_at=timezone.now())
    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    page = client.get(job.get_absolute_url()).content.decode()
    print(json.dumps({"page": page, "path": job.get_absolute_url(), "doctor": workers().__dict__}))


if __name__ == "__main__":
    main(sys.argv[1])

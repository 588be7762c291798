"""The Celery application. Start workers with ``celery -A config.celery worker``."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, bootsteps

from cohorts import heartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# One process per core: libraries that thread on their own would only fight over cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(variable, "1")

app = Celery("ecotone")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class SignOfLife(bootsteps.StartStopStep):
    """Lets pages know that a worker runs, for as long as it does."""

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        """Beat at once, and again every few seconds."""
        heartbeat.begin()
        self.timer = parent.timer.call_repeatedly(heartbeat.EVERY_SECONDS, heartbeat.beat)

    def stop(self, parent: Any) -> None:
        """Take the sign away: what still runs here holds its lease, and nothing new is begun."""
        self.timer.cancel()
        heartbeat.end()


app.steps["worker"].add(SignOfLife)

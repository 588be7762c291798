"""The Celery application. Start workers with ``celery -A config.celery worker``."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# One process per core: libraries that thread on their own would only fight over cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(variable, "1")

app = Celery("ecotone")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

#!/bin/sh
# healthcheck.sh web|worker|beat: exit 0 if the container does its work.
set -eu

case "$1" in
  web)  # The header is what the TLS proxy would set; without HTTPS nobody reads it.
    exec python -c "
from urllib.request import Request, urlopen
urlopen(Request('http://localhost:8000/health/', headers={'X-Forwarded-Proto': 'https'}), timeout=5)
"
    ;;
  worker)
    exec python -m celery -A config.celery inspect ping --destination "celery@$(hostname)" --timeout 10
    ;;
  beat)  # It writes down every three minutes when it last sent what.
    exec python manage.py shell --verbosity 0 --command "
from datetime import timedelta
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
recently = timezone.now() - timedelta(minutes=10)
raise SystemExit(not PeriodicTask.objects.filter(task='cohorts.tasks.reap', last_run_at__gte=recently).exists())
"
    ;;
  *)
    echo "unknown role $1" >&2
    exit 1
    ;;
esac

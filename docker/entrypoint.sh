#!/bin/sh
# entrypoint.sh web|worker|beat, or any other command.
# Only web migrates and collects static files, so that containers that start together do not do it twice.
set -eu

case "${1:-web}" in
  web)
    python manage.py migrate --noinput
    python manage.py collectstatic --noinput --verbosity 0
    exec python -m gunicorn config.wsgi:application --bind 0.0.0.0:8000 \
      --workers "${WEB_PROCESSES:-2}" --threads 4 --worker-tmp-dir /dev/shm
    ;;
  worker)
    exec python -m celery -A config.celery worker --loglevel warning \
      --concurrency "${WORKER_PROCESSES:-2}" --without-gossip --without-mingle
    ;;
  beat)
    exec python -m celery -A config.celery beat --loglevel warning --pidfile ""
    ;;
  *)
    exec "$@"
    ;;
esac

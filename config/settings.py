"""Settings of an installation: read from the environment, documented in ``docs/settings.md``.

Science is not a setting: bin widths, thresholds and recipes live in versioned protocols and recipes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF

from config.database import database_from_url
from config.env import env_bool, env_int, env_list, env_secret

django_stubs_ext.monkeypatch()  # lets forms name their model's type, as in ModelForm[Patient]

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("ECOTONE_DATA_DIR", BASE_DIR / "var")).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env_bool("ECOTONE_DEBUG", default=False)
SECRET_KEY = env_secret("ECOTONE_SECRET_KEY", DATA_DIR / "secret.key")
ALLOWED_HOSTS = env_list("ECOTONE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("ECOTONE_TRUSTED_ORIGINS", "")

# Keys the removal of identity: UIDs, pseudonyms and date shifts follow from it. Losing it means that a
# patient's later scan can no longer be joined to the first; back it up with the database.
DEIDENTIFICATION_KEY = env_secret("ECOTONE_DEIDENTIFICATION_KEY", DATA_DIR / "deidentification.key").encode()

ARTEFACT_DIR = DATA_DIR / "artefacts"
UPLOAD_DIR = DATA_DIR / "uploads"
UPLOAD_LIMIT_BYTES = env_int("ECOTONE_UPLOAD_LIMIT_MB", 4096) * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR)
DATA_UPLOAD_MAX_NUMBER_FILES = 20_000

INSTALLED_APPS = [
    "config",
    "cohorts",
    "imaging",
    "modeling",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_celery_beat",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "cohorts.middleware.PreferencesMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "cohorts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {
    "default": database_from_url(os.environ.get("DATABASE_URL", ""), default_file=DATA_DIR / "ecotone.sqlite3")
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / app / "locale" for app in ("cohorts", "imaging", "modeling")]
TIME_ZONE = os.environ.get("ECOTONE_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.staticfiles.BrowserLibraryFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.staticfiles.HashedStaticFilesStorage"},
}

# The embedded broker: a private Redis on a unix socket, at a short path because sockets allow 107 characters.
_INSTANCE = hashlib.sha256(str(DATA_DIR).encode()).hexdigest()[:12]
EMBEDDED_REDIS_DIR = Path(tempfile.gettempdir()) / f"ecotone-{os.getuid()}-{_INSTANCE}"
EMBEDDED_REDIS_SOCKET = EMBEDDED_REDIS_DIR / "redis.sock"
BROKER_IS_EMBEDDED = not os.environ.get("CELERY_BROKER_URL")

JOB_LEASE_SECONDS = env_int("ECOTONE_JOB_LEASE_SECONDS", 60)
JOB_MAX_ATTEMPTS = 3
JOB_TIME_LIMIT_SECONDS = env_int("ECOTONE_JOB_TIME_LIMIT_SECONDS", 6 * 3600)

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or f"redis+socket://{EMBEDDED_REDIS_SOCKET}"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Must exceed the longest task, or a task runs twice; leases bring a dead worker's case back sooner.
    "visibility_timeout": JOB_TIME_LIMIT_SECONDS + 600,
    "socket_connect_timeout": 3,
}
CELERY_TASK_TIME_LIMIT = JOB_TIME_LIMIT_SECONDS
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE = {
    "bring back dead workers' jobs": {"task": "cohorts.tasks.reap", "schedule": 15.0},
    "remove forgotten uploads": {"task": "imaging.tasks.discard_forgotten_uploads", "schedule": 6 * 3600.0},
    "remove bytes of removed records": {"task": "imaging.tasks.remove_discarded_artefacts", "schedule": 60.0},
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

CSRF_FAILURE_VIEW = "cohorts.views.errors.forged"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env_bool("ECOTONE_HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "script-src": [SELF],
        # Vega sets styles on the elements that it makes.
        "style-src": [SELF, "'unsafe-inline'"],
        "connect-src": [SELF],
        "worker-src": [NONE],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "config.logs.PlacesFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    # A refused page (4xx) is no event for the log of the installation.
    "loggers": {"django.request": {"level": "ERROR"}},
    "root": {"handlers": ["console"], "level": os.environ.get("ECOTONE_LOG_LEVEL", "WARNING")},
}

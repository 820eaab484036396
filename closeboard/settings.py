"""All settings of Django and Celery, and ours, made from the environment (`closeboard.environment`)."""

from __future__ import annotations

import math
import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from closeboard import logs
from closeboard.environment import (
    broker_url,
    database_settings,
    ehlo_name,
    host_list,
    mail_oauth_settings,
    mail_settings,
    read_environment,
)
from closeboard.schedule import beat_schedule

BASE_DIR = Path(__file__).resolve().parent.parent
env = read_environment()

# --- the site -----------------------------------------------------------------------------------------------------
DEBUG = env.debug
# Commands need no key of their own; web processes must share one, which `check --deploy` requires.
SECRET_KEY = env.secret_key or secrets.token_urlsafe(48)
SECRET_KEY_IS_OURS = bool(env.secret_key)
ENCRYPTION_KEYS = env.encryption_keys
ALLOWED_HOSTS = [host.strip() for host in env.allowed_hosts.split(",") if host.strip()]
PUBLIC_BASE_URL = env.public_base_url.rstrip("/")
ERP_ALLOWED_HOSTS = tuple(host.strip() for host in env.erp_allowed_hosts.split(",") if host.strip())
TASK_LINK_HOSTS = host_list("task_link_hosts", env.task_link_hosts)
ROOT_URLCONF = "closeboard.urls"
ASGI_APPLICATION = "closeboard.asgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "csp",
    "closeboard",
    "infra",
    "entities",
    "periods",
    "worklist",
    "insight",
    "connectors",
    "alerts",
    "board",
]
# What board rows carry besides their period (periods.snapshot.annotations).
ROW_ANNOTATIONS = [
    "periods.snapshot.remark_annotation.RemarkAnnotation",
    "worklist.blocker_annotation.BlockerAnnotation",
    "worklist.task_annotation.TaskAnnotation",
    "alerts.routing.silence_annotation.SilenceAnnotation",
]
# What a group file holds besides groups, entities, policies and people (periods.group_file.added_sections).
GROUP_FILE_SECTIONS = [
    "worklist.group_file.profile_section.PROFILE",
    "worklist.group_file.blockers_section.BLOCKERS",
    "worklist.group_file.task_people_section.TASK_ROLES",
    "worklist.group_file.task_people_section.ABSENCES",
    "worklist.group_file.tasks_section.TASKS",
    "worklist.group_file.closing_rates_section.CLOSING_RATES",
]
# The kinds of channel, by the word that rows store; destinations are listed in this order.
CHANNEL_KINDS = {
    "email": "alerts.channels.email.channel.EMAIL",
    "teams": "alerts.channels.teams.channel.TEAMS",
    "slack": "alerts.channels.slack.channel.SLACK",
    "webhook": "alerts.channels.webhook.channel.WEBHOOK",
}
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "board.web.audit_origin.AuditOriginMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["board.templatetags.closeboard"],
        },
    }
]

# --- storage ------------------------------------------------------------------------------------------------------
DATABASES = {"default": database_settings(env.database_url, pool=env.database_pool)}
REDIS_URL = env.redis_url
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
# In PostgreSQL: one indexed read, and the board answers signed-in people while Redis is away (05-reliability B5).
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# In a signed cookie: reading a message deletes it, and viewing a page must write nothing to the database.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "entities.Person"
AUTHENTICATION_BACKENDS = ["board.door.DoorBackend"]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/start/"  # the view that the person chose, else the board
LOGOUT_REDIRECT_URL = "/login/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# --- time and language --------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-gb"

# --- static files -------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without a collected manifest (demo, tests) files are served from their source folders.
WHITENOISE_USE_FINDERS = True
# Not yet collected is fine.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
# Files that people upload; no address serves this folder, only views that check who asks.
MEDIA_ROOT = Path(env.media_root) if env.media_root else BASE_DIR / "media"
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if (STATIC_ROOT / "staticfiles.json").exists()
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- browser security ---------------------------------------------------------------------------------------------
SECURE = urlsplit(PUBLIC_BASE_URL).scheme == "https"
SESSION_COOKIE_NAME = "__Host-cb_session" if SECURE else "cb_session"
CSRF_FAILURE_VIEW = "board.web.error_pages.form_refused"
CSRF_COOKIE_NAME = "__Host-cb_csrf" if SECURE else "cb_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 24 * 3600
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL] if SECURE else []
SECURE_SSL_REDIRECT = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- logs -----------------------------------------------------------------------------------------------------------
LOGGING = logs.LOGGING
AUDIT_RETENTION_DAYS = env.audit_retention_days

# --- mail -----------------------------------------------------------------------------------------------------------
MAILS_LEAVE = bool(env.mail_url)
MAILS_A_MINUTE = env.mails_a_minute
WEBHOOK_ALLOWED_HOSTS = host_list("webhook_allowed_hosts", env.webhook_allowed_hosts)
MAIL_EHLO_NAME = ehlo_name(env.mail_ehlo_name, PUBLIC_BASE_URL)
DEFAULT_FROM_EMAIL = env.mail_from
EMAIL_TIMEOUT = 30  # seconds for each reply of the server; a lease is ten times as long
globals().update(mail_settings(env.mail_url) | mail_oauth_settings(env))

# --- retention ------------------------------------------------------------------------------------------------------
PACK_READS_AFTER = timedelta(days=env.pack_reads_after_days)
KEEP_NOTICES = timedelta(days=math.ceil(365.25 * env.keep_notices_years))

# --- workers ------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = broker_url(REDIS_URL)
SYNC_LOOK_SECONDS = env.sync_look_seconds
CELERY_BEAT_SCHEDULE = beat_schedule(SYNC_LOOK_SECONDS)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "sync"  # connectors.* and periods.*
CELERY_TASK_ROUTES = {
    "alerts.*": {"queue": "alerts"},
    "infra.*": {"queue": "alerts"},  # no long read is ahead of it there
    "board.*": {"queue": "exports"},
}
CELERY_TASK_ACKS_LATE = False  # a lost nudge is found again in PostgreSQL; a redelivered one would run twice
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 600_000  # KiB, about twice what the largest read takes (B11)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: a worker that gave up would have to be noticed first
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a full Redis refuses commands; that must not end the worker (B7)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,  # longer than any task may run
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "health_check_interval": 25,
}
CELERY_TIMEZONE = "UTC"

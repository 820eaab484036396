"""All settings, read from the environment; a missing or bad one raises one sentence with the variable to set."""

from __future__ import annotations

import math
import re
import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import psycopg.conninfo
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings

from closeboard import logs
from closeboard.schedule import beat_schedule
from infra.audit import checked_retention
from infra.hosts import HostAllowlist, ip_literal

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """The environment variables that may be set; a field's description is part of its error message."""

    database_url: str = Field(
        description="the PostgreSQL to use, for example postgresql://closeboard@/closeboard?host=/run/postgresql"
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="the Redis or Valkey to use, redis://host:6379/0"
    )
    secret_key: str = Field(
        "", description="a long random text that signs sessions; the same in every process"
    )
    encryption_keys: str = Field(
        "", description="the key ring for stored secrets: name:key,name:key (`manage.py make_key` prints one)"
    )
    debug: bool = Field(False, description="true or false; never true where others can reach the server")
    allowed_hosts: str = Field(
        "localhost,127.0.0.1,[::1]", description="host names that people use, with commas"
    )
    public_base_url: str = Field(
        "http://localhost:8000", description="the address that links in mails start with"
    )
    erp_allowed_hosts: str = Field(
        "login.microsoftonline.com,api.businesscentral.dynamics.com,*.dynamics.com",
        description="ERP and token hosts that may be contacted, with commas; *.suffix allows the hosts below it",
    )
    mail_url: str = Field(
        "",
        description="the mail server, smtp://user:password@host:587 (smtps:// for TLS from the start, plain+smtp:// "
        "without any), or file:///folder to write mails instead; nothing is sent without it",
    )
    mail_from: str = Field(
        "Closeboard <closeboard@localhost>", description="the sender of mails, Name <name@host>"
    )
    mail_ehlo_name: str = Field(
        "",
        description="the name that Closeboard gives itself to the mail server (EHLO), a full host name or [address]; "
        "the host of PUBLIC_BASE_URL without it",
    )
    mail_oauth_tenant: str = Field(
        "",
        description="the Entra tenant (its id or domain) whose tokens sign in to the mail server named by MAIL_URL, "
        "instead of a password: smtp://mailbox@host:587",
    )
    mail_oauth_client_id: str = Field("", description="the id of the application in Entra that may send mail")
    mail_oauth_client_secret: str = Field(
        "", repr=False, description="the value of a client secret of that application"
    )
    mail_oauth_authority: str = Field(
        "https://login.microsoftonline.com",
        description="where tokens come from; its host must be one of ERP_ALLOWED_HOSTS",
    )
    mail_oauth_scope: str = Field(
        "https://outlook.office365.com/.default", description="what the token is for"
    )
    mails_a_minute: int = Field(
        30, ge=0, description="how many mails the server may be given in a minute, 0 for as many as there are"
    )
    webhook_allowed_hosts: str = Field(
        "",
        description="hosts that signed webhooks may be sent to, with commas; *.suffix allows the hosts below it; "
        "Teams and Slack need no entry",
    )
    database_pool: bool = Field(
        False, description="true in the web process: keep a pool of database connections"
    )
    audit_retention_days: Annotated[int, AfterValidator(checked_retention)] = Field(
        0,
        ge=0,
        description="days after which audit events are dropped, 400 at least; 0 to keep them for ever",
    )
    sync_look_seconds: int = Field(
        60, ge=5, le=300, description="how often to look for due connections, 5 to 300"
    )
    pack_reads_after_days: int = Field(
        90, ge=7, le=3650, description="after how many days reads are packed, 7 to 3650"
    )
    keep_notices_years: int = Field(
        7, ge=1, le=100, description="how many years notices and their messages are kept, 1 to 100"
    )


def _read_environment() -> Environment:
    try:
        return Environment()  # type: ignore[call-arg]  # the values come from the environment
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        description = Environment.model_fields[name].description
        raise ImproperlyConfigured(
            f"Set {name.upper()} in the environment: {description} ({problem['msg']})."
        ) from None


def _database(url: str, *, pool: bool) -> dict[str, Any]:
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ImproperlyConfigured(f"Set DATABASE_URL to a PostgreSQL address: {error}".strip()) from None
    keys = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    database: dict[str, Any] = {
        keys[key]: str(value) for key, value in parts.items() if key in keys and value
    }
    if not database.get("NAME"):
        raise ImproperlyConfigured(
            "Set DATABASE_URL with the name of a database: postgresql://user@host/NAME."
        )
    options: dict[str, Any] = {key: value for key, value in parts.items() if key not in keys}
    if pool:
        options["pool"] = {"min_size": 1, "max_size": 10, "timeout": 10}
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **database}


def _broker(url: str) -> str:
    # Celery has its own URL scheme for a unix socket.
    if url.startswith("unix://"):
        return url.replace("unix:", "redis+socket:", 1).replace("db=", "virtual_host=", 1)
    return url


def _mail(url: str) -> dict[str, Any]:
    """Django's mail settings for MAIL_URL."""
    parts = urlsplit(url)
    match parts.scheme:
        case "":
            return {}
        case "file":
            return {
                "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
                "EMAIL_FILE_PATH": unquote(parts.path),
            }
        case "smtp" | "smtps" | "plain+smtp" if parts.hostname:
            return {
                "EMAIL_BACKEND": "alerts.channels.email.transport.SmtpBackend",
                "EMAIL_HOST": parts.hostname,
                "EMAIL_PORT": parts.port or {"smtp": 587, "smtps": 465, "plain+smtp": 25}[parts.scheme],
                "EMAIL_HOST_USER": unquote(parts.username or ""),
                "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
                "EMAIL_USE_TLS": parts.scheme == "smtp",
                "EMAIL_USE_SSL": parts.scheme == "smtps",
            }
    raise ImproperlyConfigured(
        f"Set MAIL_URL in the environment: {Environment.model_fields['mail_url'].description}."
    )


def _mail_oauth(environment: Environment) -> dict[str, str]:
    """The settings of a sign-in to the mail server by token; raises ImproperlyConfigured where one is missing."""
    names = [name for name in Environment.model_fields if name.startswith("mail_oauth_")]
    values = {name.upper(): str(getattr(environment, name)) for name in names}
    missing = [name for name in names if not values[name.upper()]]
    if values["MAIL_OAUTH_TENANT"] or values["MAIL_OAUTH_CLIENT_ID"] or values["MAIL_OAUTH_CLIENT_SECRET"]:
        if missing:
            description = Environment.model_fields[missing[0]].description
            raise ImproperlyConfigured(f"Set {missing[0].upper()} in the environment: {description}.")
        parts = urlsplit(environment.mail_url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.username or parts.password:
            raise ImproperlyConfigured(
                "Set MAIL_URL to the mailbox that MAIL_OAUTH_TENANT signs in to and its server, with TLS and without "
                "a password: smtp://alerts%40example.com@smtp.office365.com:587."
            )
    return values


def _ehlo_name(name: str, base_url: str) -> str:
    """The EHLO name: a host name in ASCII, or an address in brackets (RFC 5321, 4.1.3)."""
    text = name.strip() or urlsplit(base_url).hostname or "localhost"
    address = ip_literal(text.strip("[]").removeprefix("IPv6:"))
    if address is not None:
        return f"[{'IPv6:' if address.version == 6 else ''}{address}]"
    try:
        host = text.encode("idna").decode()
    except UnicodeError:
        host = ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", host):
        description = Environment.model_fields["mail_ehlo_name"].description
        raise ImproperlyConfigured(f"Set MAIL_EHLO_NAME in the environment: {description} ({text!r}).")
    return host


def _hosts(name: str, text: str) -> tuple[str, ...]:
    """The hosts of a comma-separated setting; raises ImproperlyConfigured for an invalid one."""
    hosts = tuple(host.strip() for host in text.split(",") if host.strip())
    try:
        HostAllowlist(hosts)
    except ValueError as error:
        description = Environment.model_fields[name].description
        raise ImproperlyConfigured(
            f"Set {name.upper()} in the environment: {description} ({error})."
        ) from None
    return hosts


env = _read_environment()

# --- the site -----------------------------------------------------------------------------------------------------
DEBUG = env.debug
# Commands need no key of their own; web processes must share one, which `check --deploy` requires.
SECRET_KEY = env.secret_key or secrets.token_urlsafe(48)
SECRET_KEY_IS_OURS = bool(env.secret_key)
ENCRYPTION_KEYS = env.encryption_keys
ALLOWED_HOSTS = [host.strip() for host in env.allowed_hosts.split(",") if host.strip()]
PUBLIC_BASE_URL = env.public_base_url.rstrip("/")
ERP_ALLOWED_HOSTS = tuple(host.strip() for host in env.erp_allowed_hosts.split(",") if host.strip())
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
    "connectors",
    "alerts",
    "board",
]
# What board rows carry besides their period (periods.snapshot.annotations).
ROW_ANNOTATIONS = [
    "periods.snapshot.remark_annotation.RemarkAnnotation",
    "alerts.routing.silence_annotation.SilenceAnnotation",
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
DATABASES = {"default": _database(env.database_url, pool=env.database_pool)}
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
WEBHOOK_ALLOWED_HOSTS = _hosts("webhook_allowed_hosts", env.webhook_allowed_hosts)
MAIL_EHLO_NAME = _ehlo_name(env.mail_ehlo_name, PUBLIC_BASE_URL)
DEFAULT_FROM_EMAIL = env.mail_from
EMAIL_TIMEOUT = 30  # seconds for each reply of the server; a lease is ten times as long
globals().update(_mail(env.mail_url) | _mail_oauth(env))

# --- retention ------------------------------------------------------------------------------------------------------
PACK_READS_AFTER = timedelta(days=env.pack_reads_after_days)
KEEP_NOTICES = timedelta(days=math.ceil(365.25 * env.keep_notices_years))

# --- workers ------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = _broker(REDIS_URL)
SYNC_LOOK_SECONDS = env.sync_look_seconds
CELERY_BEAT_SCHEDULE = beat_schedule(sync_look_seconds=env.sync_look_seconds)
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

"""Reads the environment; a missing or bad variable raises one sentence that names the variable to set."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import psycopg.conninfo
from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings

from infra.audit import checked_retention
from infra.hosts import HostAllowlist, ip_literal


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
    task_link_hosts: str = Field(
        "",
        description="hosts that links of close tasks may lead to besides those of ERP_ALLOWED_HOSTS, with commas; "
        "*.suffix allows the hosts below it",
    )
    media_root: str = Field(
        "",
        description="the folder of the files that support close tasks, which is backed up; the folder media of the "
        "program without it",
    )


def read_environment() -> Environment:
    """The environment variables; raises ImproperlyConfigured for one that is missing or bad."""
    try:
        return Environment()  # type: ignore[call-arg]  # the values come from the environment
    except ValidationError as error:
        problem = error.errors()[0]
        raise _bad(str(problem["loc"][0]), problem["msg"]) from None


def _bad(name: str, why: str = "") -> ImproperlyConfigured:
    """The error for a variable that is missing, or bad for a reason."""
    description = Environment.model_fields[name].description
    reason = f" ({why})" if why else ""
    return ImproperlyConfigured(f"Set {name.upper()} in the environment: {description}{reason}.")


def database_settings(url: str, *, pool: bool) -> dict[str, Any]:
    """Django's settings of the database for DATABASE_URL; raises ImproperlyConfigured for a bad one."""
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


def broker_url(url: str) -> str:
    """The URL of the broker for REDIS_URL."""
    # Celery has its own URL scheme for a unix socket.
    if url.startswith("unix://"):
        return url.replace("unix:", "redis+socket:", 1).replace("db=", "virtual_host=", 1)
    return url


def mail_settings(url: str) -> dict[str, Any]:
    """Django's settings of mail for MAIL_URL; raises ImproperlyConfigured for a bad one."""
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
    raise _bad("mail_url")


def mail_oauth_settings(environment: Environment) -> dict[str, str]:
    """The settings of a sign-in to the mail server by token; raises ImproperlyConfigured where one is missing."""
    names = [name for name in Environment.model_fields if name.startswith("mail_oauth_")]
    values = {name.upper(): str(getattr(environment, name)) for name in names}
    missing = [name for name in names if not values[name.upper()]]
    if values["MAIL_OAUTH_TENANT"] or values["MAIL_OAUTH_CLIENT_ID"] or values["MAIL_OAUTH_CLIENT_SECRET"]:
        if missing:
            raise _bad(missing[0])
        parts = urlsplit(environment.mail_url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.username or parts.password:
            raise ImproperlyConfigured(
                "Set MAIL_URL to the mailbox that MAIL_OAUTH_TENANT signs in to and its server, with TLS and without "
                "a password: smtp://alerts%40example.com@smtp.office365.com:587."
            )
    return values


def ehlo_name(name: str, base_url: str) -> str:
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
        raise _bad("mail_ehlo_name", repr(text))
    return host


def host_list(name: str, text: str) -> tuple[str, ...]:
    """The hosts of a comma-separated setting; raises ImproperlyConfigured for an invalid one."""
    hosts = tuple(host.strip() for host in text.split(",") if host.strip())
    try:
        HostAllowlist(hosts)
    except ValueError as error:
        raise _bad(name, str(error)) from None
    return hosts

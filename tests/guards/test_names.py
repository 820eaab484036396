"""Names that something outside the code holds are those in tests/golden/names, and what they name exists."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import pytest
from celery.app.utils import find_app
from django.conf import settings
from django.core.management import get_commands
from django.utils.module_loading import import_string

import alerts.evaluate.overdue
import alerts.mail.unsubscribe_links
import alerts.outbox.queue
import alerts.outbox.restore_guard
import alerts.routing.settings_updates
import periods.deadline_setting
import periods.remarks
from closeboard import settings as production
from closeboard.celery import app
from closeboard.environment import Environment
from entities.models import Person
from tests.golden_files import assert_golden
from tests.guards import external_names

DOTTED = sorted({path for paths in external_names.dotted_settings().values() for path in paths})


def _assert_names(file: str, lines: Iterable[str]) -> None:
    assert_golden(f"names/{file}", "".join(f"{line}\n" for line in lines))


def test_tasks_and_their_queues() -> None:
    """Messages in flight name them, and workers of another version read them."""
    _assert_names("tasks.txt", external_names.tasks(app))


def test_entries_of_the_beat_schedule() -> None:
    _assert_names("beat.txt", external_names.beat(app))
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_commands_and_their_options() -> None:
    _assert_names("commands.txt", external_names.commands())


def test_addresses() -> None:
    """Mails, bookmarks and saved views hold the addresses; templates hold their names."""
    _assert_names("urls.txt", external_names.urls())


def test_settings_that_the_environment_gives() -> None:
    _assert_names("environment.txt", sorted(name.upper() for name in Environment.model_fields))


def test_dotted_paths_in_the_settings() -> None:
    blocks = external_names.dotted_settings()
    blocks["INSTALLED_APPS"] = list(settings.INSTALLED_APPS)
    _assert_names("settings.txt", ("\n  ".join([name, *paths]) for name, paths in blocks.items()))


@pytest.mark.parametrize("path", DOTTED)
def test_each_dotted_path_in_the_settings_leads_somewhere(path: str) -> None:
    try:
        importlib.import_module(path)
    except ModuleNotFoundError:
        if path != settings.AUTH_USER_MODEL:
            assert import_string(path)


def test_no_path_that_django_imports_is_overlooked() -> None:
    here: Any = production  # tests may choose a faster hasher
    (template,) = here.TEMPLATES
    backends = [each["BACKEND"] for each in (template, *here.STORAGES.values(), *here.CACHES.values())]
    chosen = {
        *(*here.MIDDLEWARE, *here.AUTHENTICATION_BACKENDS, *here.PASSWORD_HASHERS, here.AUTH_USER_MODEL),
        *(here.SESSION_ENGINE, here.MESSAGE_STORAGE, here.ROOT_URLCONF, here.ASGI_APPLICATION, *backends),
        *(*template["OPTIONS"]["context_processors"], *template["OPTIONS"]["builtins"]),
        *(each["NAME"] for each in here.AUTH_PASSWORD_VALIDATORS),
        *(each["ENGINE"] for each in here.DATABASES.values()),
    }
    assert chosen <= set(DOTTED)


def test_names_of_ours_in_migrations() -> None:
    """A database of any earlier version runs them, so what they import stays where it is."""
    _assert_names("migrations.txt", external_names.names_in_migrations())


def test_words_that_rows_hold() -> None:
    _assert_names("words.txt", external_names.stored_words())


def test_what_processes_and_sent_mails_share() -> None:
    """Locks hold between an old process and a new one; a salt that changed would break the links of sent mails."""
    shared = {
        "lock of evaluators": alerts.evaluate.overdue._EVALUATOR_LOCK,
        "lock of those who count mails": alerts.outbox.queue._MAIL_RATE_LOCK,
        "lock of those who look for a destination": alerts.outbox.queue._POST_RATE_LOCK,
        "lock of writers of deadlines": periods.deadline_setting.LOCK,
        "lock of writers of remarks, beside the period": periods.remarks._LOCK,
        "salt of links that unsubscribe": alerts.mail.unsubscribe_links._SALT,
        "salt of links that restore preferences": alerts.routing.preferences._signer(
            Person(email="x@y")
        ).salt,
        "Redis key of the newest message": alerts.outbox.restore_guard._key("x"),
        "session cookie": settings.SESSION_COOKIE_NAME,
        "CSRF cookie": settings.CSRF_COOKIE_NAME,
    }
    _assert_names("shared.txt", (f"{what}: {name}" for what, name in shared.items()))


def test_sessions_name_the_backend_by_its_path() -> None:
    """A session row of before a refactoring signs its person in only while its backend is found there."""
    assert settings.AUTHENTICATION_BACKENDS == ["board.door.DoorBackend"]
    assert import_string("board.door.DoorBackend")().get_user


def test_what_the_documents_run_exists() -> None:
    """Units and scripts run what docs/operations.md, the README and the Makefile name."""
    run = external_names.run_by_documents()
    assert {"-m closeboard.serve", "-m closeboard.up", "manage.py migrate", "manage.py mails"} <= run
    for each in sorted(run):
        kind, name = each.split()
        if kind == "-m":
            assert callable(importlib.import_module(name).main), each
        else:
            assert name in get_commands(), each
    assert find_app("closeboard") is app  # as `celery -A closeboard` does


def test_the_server_finds_the_application() -> None:
    assert import_string(settings.ASGI_APPLICATION)

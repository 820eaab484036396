"""Runs management commands, as acts of the operating-system user who gives them."""

from __future__ import annotations

import getpass
import os
import pwd
from collections.abc import Sequence
from datetime import UTC, datetime

from django.core.management import execute_from_command_line

from infra.audit.origin import Actor, Origin, set_process_origin


def operator() -> Actor:
    """The operating-system user of this process, and who became that user by sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs under a number
        name = f"user {os.getuid()}"
    behind = os.environ.get("SUDO_USER", "")
    return Actor("operator", f"{behind} as {name}" if behind else name)


def run_command(argv: Sequence[str]) -> None:
    """Run a command; of Django's own, those that change a person or the schema leave their event here."""
    set_process_origin(Origin("command", operator))
    began = datetime.now(UTC)
    execute_from_command_line(list(argv))
    match argv[1:]:
        case ["migrate", *words]:
            _record_migrations(began, words)
        case ["changepassword", *words]:
            _record_password(words)


def _record_migrations(began: datetime, words: Sequence[str]) -> None:
    from django.db import connection  # noqa: PLC0415 - the command has set Django up
    from django.db.migrations.recorder import MigrationRecorder  # noqa: PLC0415

    from entities.audit_trail import Verb, record_act  # noqa: PLC0415
    from infra.audit.recording import INSTALLATION  # noqa: PLC0415

    if "infra_auditevent" not in connection.introspection.table_names():
        return
    migrations = MigrationRecorder.Migration.objects.filter(applied__gte=began).order_by("pk")
    applied = [f"{migration.app}.{migration.name}" for migration in migrations]
    target = [word for word in words if not word.startswith("-")]  # an earlier one takes migrations back
    if applied or target:
        record_act(Verb.MIGRATED, INSTALLATION, after={"applied": applied, "target": target})


def _record_password(words: Sequence[str]) -> None:
    from entities.audit_trail import Verb, person_object, record_act  # noqa: PLC0415
    from entities.models import Person  # noqa: PLC0415

    names = [word for word in words if not word.startswith("-")] or [getpass.getuser()]
    for person in Person.objects.filter(email=names[0].strip().lower()):
        record_act(Verb.PASSWORD_CHANGED, person_object(person), after={"password": "changed"})

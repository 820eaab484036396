"""Commands act as the user of the operating system, tasks as the program."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest
from django.core.management import call_command

from closeboard.celery import AuditedTask, app
from closeboard.command_line import _record_password, operator
from entities.audit_trail import Verb, record_act
from entities.models import Person
from infra.audit.origin import current_origin
from infra.audit.recording import INSTALLATION
from infra.models import AuditEvent
from tests.closeboard.processes import PROJECT


def test_the_operator_is_the_user_of_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    name = pwd.getpwuid(os.getuid()).pw_name
    assert (operator().kind, operator().label, operator().id) == ("operator", name, None)
    monkeypatch.setenv("SUDO_USER", "anna")
    assert operator().label == f"anna as {name}"


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert operator().label == "user 4000000000"


@pytest.mark.django_db
def test_a_task_acts_as_the_program() -> None:
    @app.task(name="tests.act")
    def act() -> None:
        record_act(Verb.SENDING_HELD, INSTALLATION)

    try:
        act()
    finally:
        app.tasks.unregister("tests.act")
    event = AuditEvent.objects.get()
    assert (event.through, event.actor_kind, event.actor) == ("task", "system", "Closeboard")
    assert current_origin().through == "program"
    assert isinstance(act, AuditedTask)


@pytest.mark.django_db
def test_a_superuser_made_by_a_command_is_an_event() -> None:
    call_command("createsuperuser", "--no-input", email="sue.root@meridian.test", name="Sue Root")
    event = AuditEvent.objects.get()
    assert (event.verb, event.object) == ("person.added", "Sue Root")
    assert event.after is not None
    assert event.after["superuser"] is True


@pytest.mark.django_db
def test_a_password_changed_by_a_command_is_an_event() -> None:
    """`changepassword` itself asks at a terminal."""
    Person.objects.create_user("rosa.bell@meridian.test", None, name="Rosa Bell")
    _record_password(["--database=default", "Rosa.Bell@meridian.test"])
    _record_password(["nobody@meridian.test"])
    event = AuditEvent.objects.get()
    assert (event.verb, event.object, event.after) == (
        *("person.password_changed", "Rosa Bell"),
        {"password": "changed"},
    )


@pytest.mark.slow
def test_migrations_leave_an_event_of_the_operator(live_stack_env: dict[str, str]) -> None:
    for words in (["infra", "0001"], [], [], ["--check"]):  # the third has nothing to apply
        command = [sys.executable, "manage.py", "migrate", *words]
        subprocess.run(command, cwd=PROJECT, env=live_stack_env, check=True, capture_output=True, timeout=120)
    events = list(AuditEvent.objects.order_by("pk"))
    assert [event.after for event in events] == [
        {"applied": [], "target": ["infra", "0001"]},
        {"applied": ["infra.0002_audit_stays", "infra.0003_audit_by_scope"], "target": []},
    ]
    assert {(event.verb, event.through, event.actor_kind) for event in events} == {
        ("installation.migrated", "command", "operator")
    }

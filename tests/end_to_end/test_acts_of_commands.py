"""Each management command leaves its events in the audit log, or stands in a list of those that change nothing."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands

from entities.models import Person, WorkCalendar
from infra.audit.origin import Actor, Origin, acting
from infra.models import AuditEvent
from simulator.run import Running
from tests.guards.external_names import OURS
from tests.periods.group_file.sample_group_file import MERIDIAN, load
from tests.worklist.work_files import RUNS, csv_file
from tests.worklist.work_files import run as run_of_close

WITHOUT_AN_EVENT = {
    "explain_alerts": "reads only",
    "forecast": "reads only",
    "make_key": "prints a random key",
    "prove_alerts": "reads only",
    "prove_audit": "adds seals, which are no acts",
    "scoreboard": "reads only",
}
ANNA = Origin("command", lambda: Actor("operator", "anna"))
REMOVED_PORT = "http://127.0.0.1:9"  # nothing listens there


def run(*words: str, **options: Any) -> list[tuple[str, str, str]]:
    """The events that a command leaves: verb, kind and id of the object."""
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with acting(ANNA):
        call_command(*words, stdout=StringIO(), stderr=StringIO(), **options)
    events = AuditEvent.objects.filter(pk__gt=newest).order_by("pk")
    assert {(event.through, event.actor_kind, event.actor) for event in events} <= {
        ("command", "operator", "anna")
    }
    return [(event.verb, event.object_kind, event.object_id) for event in events]


def evaluate() -> None:
    assert run("evaluate", "--as-of", "2026-06-02T12:00:00Z") == [("alerts.evaluated", "installation", "")]


def load_demo() -> None:
    """Without its simulator it has loaded the group, and made one person a superuser."""
    with pytest.raises(CommandError, match="does not answer"):
        run("load_demo", simulator=REMOVED_PORT)
    verbs = list(AuditEvent.objects.order_by("-pk").values_list("verb", flat=True)[:3])
    assert verbs == ["demo.loaded", "person.changed", "group_file.loaded"]


def load_group() -> None:
    assert run("load_group", "demo/worked_example.yaml") == []  # it is loaded already
    Person.objects.filter(email__startswith="sanne").update(name="Another")
    ((changed, kind, _), loaded) = run("load_group", "demo/worked_example.yaml")
    assert (changed, kind) == ("person.changed", "person")
    assert loaded == ("group_file.loaded", "installation", "")


def mails() -> None:
    assert run("mails", "show") == []
    for verb, event in (("hold", "held"), ("release", "released"), ("retry", "retried")):
        assert run("mails", verb) == [(f"sending.{event}", "installation", "")]


def sync() -> None:
    read = run("sync", "--as-of", "2026-06-01T12:00:00Z")
    assert {(verb, kind) for verb, kind, _ in read} == {("connection.read", "connection")}


def retain() -> None:
    """Nothing is old enough; what deletes notices leaves an event (tests/alerts/test_notice_retention.py)."""
    assert run("retain") == []


def adopt_tasks() -> None:
    calendar = WorkCalendar.objects.order_by("code")[0].code
    published = run("adopt_tasks", "MERIDIAN", calendar=calendar)
    assert {verb for verb, _, _ in published} == {"task_template.adopted", "task_template.published"}
    assert run("adopt_tasks", "MERIDIAN", calendar=calendar) == []


def import_work() -> None:
    """A run that was not read before changes one entity; to try it changes nothing."""
    file = csv_file(RUNS, run_of_close("2026-04-30", "2026-05-05 18:05"))
    with TemporaryDirectory() as folder:
        path = Path(folder) / file.name
        path.write_bytes(file.content)
        by = Person.objects.filter(memberships__role="finance").order_by("email")[0].email
        assert run("import_work", str(path), by=by, dry_run=True) == []
        assert run("import_work", str(path), by=by) == [("work.by_file", "entity", "NLDT")]


COMMANDS: dict[str, Callable[[], None]] = {
    "sync": sync,  # in this order: the demo's readings are of other connections
    "evaluate": evaluate,
    "load_group": load_group,
    "mails": mails,
    "adopt_tasks": adopt_tasks,
    "import_work": import_work,
    "load_demo": load_demo,
    "retain": retain,
}


def test_every_command_is_here() -> None:
    ours = {name for name, app in get_commands().items() if app in OURS}
    assert sorted(ours) == sorted(COMMANDS.keys() | WITHOUT_AN_EVENT.keys())


@pytest.mark.django_db
def test_each_command_leaves_its_events(loaded_group: Running) -> None:
    for command in COMMANDS.values():
        command()
    for name, words in (
        ("explain_alerts", ("NLDT",)),
        ("forecast", ()),
        ("make_key", ()),
        ("prove_alerts", ()),
        ("scoreboard", ()),
    ):
        assert name in WITHOUT_AN_EVENT
        assert run(name, *words) == []


@pytest.mark.django_db
class TestGroupFile:
    def test_a_new_row_is_an_event_with_its_values_and_no_secret(self, tmp_path: Path) -> None:
        load(tmp_path, MERIDIAN)
        events = {(event.verb, event.object_id): event for event in AuditEvent.objects.order_by("pk")}
        assert list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True)) == [
            *(
                "group.added",
                "group.added",
                "group.added",
                "calendar.added",
                "connection.added",
                "person.added",
            ),
            *(
                "entity.added",
                "role.given",
                "role.given",
                "policy.published",
                "deadline.agreed",
                "group_file.loaded",
            ),
        ]
        connection = events["connection.added", "meridian-finops"]
        assert connection.after is not None
        assert connection.after["secret"] == "changed"
        everything = "".join(str((event.before, event.after, event.reason)) for event in events.values())
        assert "ssh-its-a-secret" not in everything
        assert "pass-not-to-be-told" not in everything
        entity = events["entity.added", "UKHC"]
        assert entity.scope == "MERIDIAN/UK/"
        assert entity.after is not None
        assert {key: entity.after[key] for key in ("group", "calendar", "owner", "connection")} == {
            "group": "UK",
            "calendar": "ENGLAND",
            "owner": "amira.hale@meridian.example",
            "connection": "meridian-finops",
        }

    def test_a_change_is_an_event_with_the_values_before_and_after(self, tmp_path: Path) -> None:
        load(tmp_path, MERIDIAN)
        newest = AuditEvent.objects.latest("pk").pk
        text = MERIDIAN.replace("group: UK\n    calendar", "group: EUROPE\n    calendar")
        text = text.replace("rule: 6th working day", "rule: 5th working day").replace(
            "2026-06-11", "2026-06-12"
        )
        load(
            tmp_path,
            text.replace("secret: ssh-its", "secret: new-its").replace("name: UK HoldCo", "name: UK Hold"),
        )
        events = {event.verb: event for event in AuditEvent.objects.filter(pk__gt=newest)}
        entity = events["entity.changed"]
        assert (entity.before, entity.after) == (
            {"group": "UK", "name": "UK HoldCo"},
            {"group": "EUROPE", "name": "UK Hold"},
        )
        assert entity.scope == "MERIDIAN/EUROPE/"
        secret = events["connection.changed"]
        assert (secret.before, secret.after) == ({"secret": None}, {"secret": "changed"})
        policy = events["policy.published"]
        assert policy.before == {"version": 1, "rule": "6th working day"}
        assert policy.after == {"version": 2, "rule": "5th working day"}
        agreed = events["deadline.agreed"]
        assert (agreed.before, agreed.after) == ({"due_on": "2026-06-11"}, {"due_on": "2026-06-12"})

    def test_a_group_that_moves_gives_those_below_their_new_scope(self, tmp_path: Path) -> None:
        load(tmp_path, MERIDIAN)
        below = "      - {code: UK, name: United Kingdom}\n      - {code: EUROPE, name: Continental Europe}\n"
        moved = "      - {code: EUROPE, name: Europe, groups: [{code: UK, name: United Kingdom}]}\n"
        text = MERIDIAN.replace(below, moved).replace("name: UK HoldCo", "name: UK Hold")
        load(tmp_path, text)
        assert AuditEvent.objects.get(verb="entity.changed").scope == "MERIDIAN/EUROPE/UK/"
        assert AuditEvent.objects.get(verb="group.changed", object_id="UK").after == {"parent": "EUROPE"}

    def test_a_dry_run_and_a_refused_file_leave_no_event(self, tmp_path: Path) -> None:
        load(tmp_path, MERIDIAN, "--dry-run")
        with pytest.raises(CommandError):
            load(tmp_path, MERIDIAN.replace("country: GB\n", "country: XX\n"))
        assert AuditEvent.objects.count() == 0

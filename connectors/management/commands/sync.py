"""`manage.py sync`: reads connections now, or as of a moment; does the same as the task, without Redis."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from closing.calendar.instants import parse_instant
from connectors.registry import work_turns
from connectors.sync import sync_connection
from connectors.work_sync import sync_work
from entities.audit_trail import Verb, connection_object, record_act
from entities.models import Connection
from infra.ticks import database_clock
from periods.models import ReadAttempt, SyncAttempt
from periods.recording.attempts import OutOfOrderRead


class Command(BaseCommand):
    """Reads the named connections, or all that are not paused, one after the other."""

    help = "Read the ERPs now and record the states. Exit code 1 when a connection could not be read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="connections to read; all unless named")
        parser.add_argument(
            "--as-of", type=parse_instant, help="the moment the reading speaks for, like 2026-06-12T12:00:00Z"
        )

        parser.add_argument(
            "--work", action="store_true", help="read what is in the way of the close as well"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wall_clock = database_clock()
        as_of = options["as_of"] or wall_clock
        failed = []
        for connection in _connections_to_read(options["names"]):
            record_act(Verb.CONNECTION_READ, connection_object(connection), after={"as_of": as_of})
            try:
                result = sync_connection(connection, as_of, wall_clock=wall_clock)
            except OutOfOrderRead as refused:
                failed.append(connection.name)
                self.stderr.write(f"{connection.name}: {refused}.")
                continue
            self.stdout.write(_line(result.connection, result.attempt, result.changes))
            was_read = result.attempt is not None and result.attempt.outcome in SyncAttempt.READ_OUTCOMES
            if was_read and options["work"]:
                was_read = self._read_work(connection, as_of)
            if not was_read:
                failed.append(connection.name)
        if failed:
            raise CommandError(
                f"Not read: {', '.join(failed)}. The states shown are those of the last good read."
            )

    def _read_work(self, connection: Connection, as_of: datetime) -> bool:
        """Read every turn of the connection's unfinished work; False at the first that could not be read."""
        for _ in range(work_turns().get(connection.kind, 0)):
            try:
                result = sync_work(connection, as_of)
            except OutOfOrderRead as refused:
                self.stderr.write(f"{connection.name}, unfinished work: {refused}.")
                return False
            self.stdout.write(_line(f"{connection.name}, unfinished work", result.attempt, result.changes))
            if result.attempt is None or result.attempt.outcome not in SyncAttempt.READ_OUTCOMES:
                return False
        return True


def _connections_to_read(names: list[str]) -> list[Connection]:
    if not names:
        connections = list(Connection.objects.filter(paused=False).order_by("name"))
        if not connections:
            raise CommandError(
                "There is no connection to read; describe one in a group file and run load_group."
            )
        return connections
    connections = list(Connection.objects.filter(name__in=names).order_by("name"))
    unknown = set(names) - {connection.name for connection in connections}
    if unknown:
        existing = ", ".join(Connection.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise CommandError(f"No connection is called {', '.join(sorted(unknown))}. There are: {existing}.")
    return connections


def _line(name: str, attempt: ReadAttempt | None, changes: int) -> str:
    if attempt is None:
        return f"{name}: another process is reading it; nothing was done."
    line = f"{name}: {attempt.get_outcome_display().lower()}"
    if attempt.outcome in SyncAttempt.READ_OUTCOMES:
        line += f", {attempt.rows} rows in {attempt.pages} pages, {_count(changes, 'change')}"
    return f"{line}. {attempt.words}".rstrip()


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"

"""`manage.py evaluate`: write the overdue flags of now, or of a moment, as the task does, without notices."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from alerts.evaluate.overdue import evaluate_overdue
from closing.calendar.instants import parse_instant
from entities.audit_trail import Verb, record_act
from infra.audit.recording import INSTALLATION
from infra.ticks import database_clock
from periods.recording.attempts import OutOfOrderRead


class Command(BaseCommand):
    """Writes overdue flags and updates overruns; writes nothing when nothing changed."""

    help = "Evaluate which periods are overdue; the notices are raised by the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of", type=parse_instant, help="the moment to judge at, like 2026-06-12T12:00:00Z"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = options["as_of"] or database_clock()
        try:
            with transaction.atomic():
                done = evaluate_overdue(as_of)
                record_act(Verb.EVALUATED, INSTALLATION, after={"as_of": as_of, "flags": done.flags})
        except OutOfOrderRead as error:
            raise CommandError(f"{error}.") from None
        self.stdout.write(
            f"{done.flags} flags written; overruns: {done.opened} opened ({done.reopened} after a reopening), "
            f"{done.crossed} alerting, {done.ended} ended."
        )

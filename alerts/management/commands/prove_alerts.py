"""`manage.py prove_alerts`: check that the alerts which the history requires exist and were delivered."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.reconciliation import reconcile
from closing.calendar.instants import parse_instant
from closing.calendar.months import parse_month
from infra.ticks import database_clock


class Command(BaseCommand):
    """Lists every difference; exit code 1 where there is one."""

    help = "Prove from the history that every alert that was due exists and has reached somebody."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", help="one reporting month, for example 2026-05; default: all")
        parser.add_argument(
            "--as-of", type=parse_instant, help="the moment to prove, like 2026-06-12T12:00:00Z"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = reconcile(options["as_of"] or database_clock(), _month(options["month"]))
        for mismatch in report.differences:
            self.stdout.write(mismatch.describe())
        self.stdout.write(
            f"{report.periods:,} periods looked at, {report.expected:,} alerts had to exist: "
            + (f"{len(report.differences):,} differences." if report.differences else "all of them do.")
        )
        if report.differences:
            sys.exit(1)


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return parse_month(text)
    except ValueError as error:
        raise CommandError(f"{error}.") from None

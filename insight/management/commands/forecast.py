"""`manage.py forecast`: prints when the open entities of a month, and the group, are likely to close."""

from __future__ import annotations

import json
from datetime import UTC, date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from closing.calendar.instants import parse_instant
from closing.calendar.months import active_month, parse_month
from entities.models import Group, LegalEntity
from insight.forecast_output import forecast_json, forecast_lines
from insight.month_forecasts import forecast_of


class Command(BaseCommand):
    """Reads only; with `--as-of` the forecast as it would have been made then."""

    help = "Print the forecast of a month: likely dates of each open entity and of the group."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--month", help="the reporting month, for example 2026-05; default: the latest that has ended"
        )
        parser.add_argument("--as-of", type=parse_instant, help="a moment such as 2026-06-03T12:00:00Z")
        parser.add_argument(
            "--group", help="code of a group: only its entities and those of the groups below"
        )
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = options["as_of"] or timezone.now()
        month = _month(options["month"]) if options["month"] else active_month(as_of.astimezone(UTC).date())
        entities = LegalEntity.objects.all()
        if options["group"]:
            group = Group.objects.filter(code=options["group"]).first()
            if group is None:
                raise CommandError(f"There is no group {options['group']}.")
            entities = entities.filter(group__path__startswith=group.path)
        forecast = forecast_of(entities, month, as_of, visible=lambda: None)
        if options["format"] == "json":
            text = json.dumps(forecast_json(forecast, month, as_of), indent=2, ensure_ascii=False)
        else:
            text = "\n".join(forecast_lines(forecast))
        self.stdout.write(text)


def _month(text: str) -> date:
    try:
        return parse_month(text)
    except ValueError as error:
        raise CommandError(f"--month: {error}") from None

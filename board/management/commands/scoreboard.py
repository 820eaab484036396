"""Command that prints the scoreboard of all entities for an operator."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from board.scoreboard.serializers import as_json, as_table, board_csv_lines
from closing.calendar.instants import parse_instant
from closing.calendar.months import active_month, parse_month
from entities.models import Group, LegalEntity
from periods.snapshot.builder import take_snapshot


class Command(BaseCommand):
    """Prints one month of all entities, as of now or as known at an instant."""

    help = "Print the scoreboard: who has closed, who has not, and by how much they are late."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--month", help="the reporting month, for example 2026-05; default: the latest that has ended"
        )
        parser.add_argument(
            "--as-of",
            type=parse_instant,
            help="a moment such as 2026-06-12T12:00:00Z: the board as it was known then",
        )
        parser.add_argument("--format", choices=["table", "json", "csv"], default="table")
        parser.add_argument(
            "--group", help="code of a group: only its entities and those of the groups below"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = options["as_of"] or timezone.now()
        month = _month(options["month"]) if options["month"] else active_month(as_of.astimezone(UTC).date())
        board = take_snapshot(_entities(options["group"]), month, as_of, visible=lambda: None)
        match options["format"]:
            case "json":
                text = json.dumps(as_json(board), indent=2, ensure_ascii=False) + "\n"
            case "csv":
                text = "".join(board_csv_lines(board))
            case _:
                width = shutil.get_terminal_size((110, 24)).columns
                text = as_table(
                    board, width, colour=self._colour(options), unicode=_supports_unicode(self.stdout)
                )
        self.stdout.write(_encodable(text, self.stdout), ending="")

    def _colour(self, options: dict[str, Any]) -> bool:
        if options["no_color"] or os.environ.get("NO_COLOR"):
            return False
        return bool(options["force_color"] or (hasattr(self.stdout, "isatty") and self.stdout.isatty()))


def _month(text: str) -> date:
    try:
        return parse_month(text)
    except ValueError as error:
        raise CommandError(f"--month: {error}") from None


def _entities(group: str | None) -> Any:
    if group is None:
        return LegalEntity.objects.all()
    path = Group.objects.filter(code=group).values_list("path", flat=True).first()
    if path is None:
        codes = ", ".join(Group.objects.order_by("path").values_list("code", flat=True)[:20])
        raise CommandError(f'--group: no group has the code "{group}" (groups: {codes or "none"})')
    return LegalEntity.objects.filter(group__path__startswith=path)


def _encoding(out: Any) -> str:
    return getattr(getattr(out, "_out", out), "encoding", None) or sys.getdefaultencoding()


def _supports_unicode(out: Any) -> bool:
    try:
        "✓‖○·…".encode(_encoding(out))
    except UnicodeEncodeError:
        return False
    return True


def _encodable(text: str, out: Any) -> str:
    """Replaces characters that the output cannot encode by question marks, so that no name makes the command fail."""
    encoding = _encoding(out)
    return text.encode(encoding, errors="replace").decode(encoding)

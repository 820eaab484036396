"""`manage.py make_key`: a new entry for ENCRYPTION_KEYS."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from infra.secrets import make_key


class Command(BaseCommand):
    """Prints a name and a new random key, to put first in ENCRYPTION_KEYS, before the older ones."""

    help = "Print a new entry for ENCRYPTION_KEYS: put it first, keep the older ones behind it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="what to call the key; by default after today's date")

    def handle(self, *args: Any, name: str | None, **options: Any) -> None:
        name = name or f"k{datetime.now(UTC):%Y%m%d}"
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
            raise CommandError("Name the key with letters, digits, - and _ only.")
        self.stdout.write(make_key(name))

"""`manage.py retain`: pack old reads and delete old notices and sessions now, as the workers do each day."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from alerts.notice_retention import count_old_notices, delete_old_notices
from infra.batched_deletes import delete_expired_sessions
from infra.ticks import database_clock
from periods.packing import count_packable, pack_attempts


class Command(BaseCommand):
    """Prints what it has packed and deleted; with --dry-run what it would look at."""

    help = "Pack old reads, and delete old notices with their messages and sessions that have ended."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = database_clock()
        if options["dry_run"]:
            reads = count_packable(as_of, keep=settings.PACK_READS_AFTER)
            notices = count_old_notices(as_of, keep=settings.KEEP_NOTICES)
            self.stdout.write(f"{reads:,} reads may be packed, {notices:,} notices would be deleted.")
            return
        reads = pack_attempts(as_of, keep=settings.PACK_READS_AFTER)
        notices = delete_old_notices(as_of, keep=settings.KEEP_NOTICES)
        sessions = delete_expired_sessions(as_of)
        self.stdout.write(f"{reads:,} reads packed; {notices:,} notices and {sessions:,} sessions deleted.")

"""`manage.py load_group FILE.yaml`: writes the contents of a group file to the database."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from periods.group_file.diff import GroupFileDiff
from periods.group_file.loading import load_group
from periods.group_file.tree import InvalidGroupFile


class Command(BaseCommand):
    """Loads a group file and prints what it changed; a bad file changes nothing."""

    help = (
        "Load groups, entities, calendars, policies, connections and people from a file (docs/group-file.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the group file, YAML in UTF-8")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change and change nothing"
        )

    def handle(self, *args: Any, file: str, dry_run: bool, **options: Any) -> None:
        try:
            text = Path(file).read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise CommandError(f"{file}: line {line}: this is not text in UTF-8.") from None
        try:
            diff = load_group(text, as_of=datetime.now(UTC), environ=os.environ, dry_run=dry_run)
        except InvalidGroupFile as error:
            count = len(error.problems)
            listed = "\n".join(f"{file}: {problem}" for problem in error.problems)
            raise CommandError(
                f"{listed}\n{count} {'problem' if count == 1 else 'problems'}; nothing was changed."
            ) from None
        except ImproperlyConfigured as error:
            raise CommandError(f"{error} Nothing was changed.") from None
        self._print(diff, dry_run)

    def _print(self, diff: GroupFileDiff, dry_run: bool) -> None:
        for line in diff.lines:
            self.stdout.write(line)
        if diff.has_changes:
            counts = f"{diff.added} added, {diff.changed} changed, {diff.unchanged} unchanged"
            self.stdout.write(f"{counts}." + (" Dry run: nothing was written." if dry_run else ""))
        else:
            self.stdout.write("Nothing to change.")
        for note in diff.notes:
            self.stdout.write(note)
        if diff.not_in_file:
            self.stdout.write(f"Not in the file, unchanged: {', '.join(diff.not_in_file)}.")

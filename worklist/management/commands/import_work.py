"""`manage.py import_work FILE --by PERSON`: saves unfinished work and inventory runs from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from closing.blockers.work_rows import CellProblem
from entities.models import Person
from infra.ticks import database_clock
from worklist.recording.file_scope import PlannedRow
from worklist.recording.work_file import (
    ImportPlan,
    SentFile,
    WorkFileRefused,
    import_work,
    plan_import,
    read_sent_file,
)


class Command(BaseCommand):
    """Prints what each row changes; a bad row changes nothing unless only the good rows are to be saved."""

    help = (
        "Save unfinished work, inventory runs, intercompany positions and closing rates from a workbook or CSV"
        " (docs/work-files.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the workbook (.xlsx) or CSV in UTF-8")
        parser.add_argument("--by", required=True, help="the mail address of the person who states this")
        parser.add_argument("--good-rows", action="store_true", help="save the rows that can be taken")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change and change nothing"
        )

    def handle(self, *args: Any, file: str, by: str, good_rows: bool, dry_run: bool, **options: Any) -> None:
        person = Person.objects.filter(email=by.strip().lower(), is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody who is active has the mail address {by}.")
        try:
            sent = SentFile(Path(file).name, Path(file).read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        as_of = database_clock()
        try:
            plan = plan_import(person, read_sent_file(sent), as_of)
            self._print(plan)
            if dry_run:
                self.stdout.write("Dry run: nothing was saved.")
                return
            result = import_work(person, sent, as_of, good_rows=good_rows)
        except WorkFileRefused as error:
            raise CommandError(f"{error} Nothing was saved.") from None
        left_out = f", {plan.bad_rows:,} not saved" if result.problems else ""
        self.stdout.write(f"{result.rows:,} rows saved{left_out}; {result.changes:,} facts changed.")

    def _print(self, plan: ImportPlan) -> None:
        for line in plan.lines:
            self.stdout.write(_line(line))
        for problem in plan.problems:
            self.stdout.write(_problem(problem))


def _line(line: PlannedRow) -> str:
    place = f"{line.sheet}, row {line.line}" if line.line is not None else line.sheet
    before = f"{line.before} > " if line.before and line.before != line.after else ""
    note = f" ({line.note})" if line.note else ""
    return f"{place}: {line.holder}: {line.subject}: {before}{line.after}: {line.effect}{note}"


def _problem(problem: CellProblem) -> str:
    column = f", {problem.column}" if problem.column else ""
    return f"{problem.sheet}, row {problem.line}{column}: {problem.words}"

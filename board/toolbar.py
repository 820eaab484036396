"""The form above a screen that is no board of rows: filters, chips, grouping and moment, each a link or a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from board import words
from board.asked import Asked
from board.controls import Pick, filters
from board.narrow import Chip, chips
from board.question import Question
from board.rows import Reader
from closing.scoreboard import Row, Scoreboard
from entities.models import Person

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Toolbar:
    """What the templates _moment.html and _narrow.html show; `kept` and `hidden` are fields a form carries along."""

    path: str
    question: Question
    chips: Sequence[tuple[Chip, str]]
    first: Sequence[Pick]
    more: Sequence[Pick]
    used: int
    hidden: Pairs
    clear: str
    now: str
    days: Pairs
    kept: Pairs
    at: str
    newest: str


def toolbar(asked: Asked, board: Scoreboard, path: str, own: Pairs = ()) -> Toolbar:
    """The toolbar of a screen at an address; `own` are the screen's own parameters, which every link keeps.

    `board` is what the person may see before any filter.
    """
    question = asked.question
    found = filters(board, question)
    there = asked.now.astimezone(asked.reader.zone)
    days = [there.date() - timedelta(days=back) for back in range(1, 8)]
    return Toolbar(
        path=path,
        question=question,
        chips=[(chip, address(path, question.but(show=chip.show), own)) for chip in chips(board, question)],
        first=found.first,
        more=found.more,
        used=found.used,
        hidden=[*Question(month=question.month, at=question.at, show=question.show).pairs(), *own],
        clear=address(path, Question(month=question.month, at=question.at, by=question.by), own),
        now=address(path, question.but(at=None), own),
        days=[
            (
                ("yesterday, " if day == days[0] else "") + words.short_day(day),
                address(path, question.but(at=day), own),
            )
            for day in days
        ],
        kept=[*question.but(at=None).pairs(), *own],
        at=_local(asked),
        newest=f"{there:%Y-%m-%dT%H:%M}",
    )


def address(path: str, question: Question, own: Pairs = ()) -> str:
    """A path with a question and a screen's own parameters behind it."""
    query = urlencode([*question.pairs(), *own])
    return f"{path}?{query}" if query else path


def nobody(person: Person, visible: int, when: str) -> tuple[str, str]:
    """Why there is no entity to show for `when` ("May 2026"), and the next step."""
    if visible:
        active = f"None of your {visible} entities was" if visible > 1 else "Your entity was not"
        return f"Nobody closes {when}", f"{active} active in that time."
    if person.is_superuser:
        return (
            "There are no entities yet",
            "Describe your group in a file and load it: manage.py load_group FILE.yaml",
        )
    return "You have no entities yet", "Ask an administrator to give you a role for a group or an entity."


def notes(board: Scoreboard, reader: Reader) -> list[str]:
    """What the figures of a screen count, and whose times are shown."""
    rows = list(board.rows)
    said = [f"{note}."] if (note := words.on_hold_note(rows)) else []
    units = {row.standing.unit for row in rows}
    short = sorted(f"{words.days(0, unit)[1:]} = {words.days_in_words(0, unit)[2:]}" for unit in units)
    said += [f"{', '.join(short)}."] if short else []
    return [*said, f"Times are {reader.zone_name} time; each deadline ends in its entity’s own zone."]


def how_old(row: Row, reader: Reader, as_of: datetime) -> str:
    """ "as of 09:12" for a row that is not fresh; "" for one that is."""
    if row.fresh:
        return ""
    if row.missing_since is not None:
        return f"missing since {words.clock(row.missing_since, reader.zone, as_of)}"
    return (
        f"as of {words.clock(row.read_at, reader.zone, as_of)}" if row.read_at is not None else "never read"
    )


def _local(asked: Asked) -> str:
    """The moment asked for, as a field for local times takes it; a day stands for its last minute."""
    at = asked.question.at
    if at is None:
        return ""
    shown = (
        at.astimezone(asked.reader.zone) if isinstance(at, datetime) else datetime.combine(at, time(23, 59))
    )
    return f"{shown:%Y-%m-%dT%H:%M}"

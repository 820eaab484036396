"""The form above a screen that is no board of rows: filters, chips, grouping and moment, each a link or a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import Moments, Pairs, SelectField, build_url, filter_form, moments
from board.web.filters import Chip, chips
from board.web.readers import Reader
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from entities.models import Person


@dataclass(frozen=True, slots=True)
class Toolbar:
    """What the templates _moment.html and _narrow.html show; `hidden` are fields that the form carries along."""

    path: str
    query: BoardQuery
    chips: Sequence[tuple[Chip, str]]
    first: Sequence[SelectField]
    more: Sequence[SelectField]
    used: int
    hidden: Pairs
    clear: str
    moments: Moments


def toolbar(asked: BoardRequest, board: Scoreboard, path: str, own: Pairs = ()) -> Toolbar:
    """The toolbar of a screen at an address; `own` are the screen's own parameters, which every link keeps.

    `board` is what the person may see before any filter.
    """
    question = asked.query
    found = filter_form(board, question)
    return Toolbar(
        path=path,
        query=question,
        chips=[
            (chip, build_url(path, question.replace(show=chip.show), own)) for chip in chips(board, question)
        ],
        first=found.first,
        more=found.more,
        used=found.used,
        hidden=[*BoardQuery(month=question.month, at=question.at, show=question.show).pairs(), *own],
        clear=build_url(path, BoardQuery(month=question.month, at=question.at, by=question.by), own),
        moments=moments(path, question, asked.reader, asked.now, own),
    )


def no_entities_message(person: Person, visible: int, when: str) -> tuple[str, str]:
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


def footnotes(board: Scoreboard, reader: Reader) -> list[str]:
    """What the figures of a screen count, and whose times are shown."""
    rows = list(board.rows)
    said = [f"{note}."] if (note := labels.on_hold_note(rows)) else []
    units = {row.standing.unit for row in rows}
    short = sorted(map(labels.unit_explained, units))
    said += [f"{', '.join(short)}."] if short else []
    return [*said, f"Times are {reader.zone_name} time; each deadline ends in its entity’s own zone."]


def staleness_note(row: Row, reader: Reader, as_of: datetime) -> str:
    """ "as of 09:12" for a row that is not fresh; "" for one that is."""
    if row.fresh:
        return ""
    if row.missing_since is not None:
        return f"missing since {labels.clock(row.missing_since, reader.zone, as_of)}"
    return (
        f"as of {labels.clock(row.read_at, reader.zone, as_of)}" if row.read_at is not None else "never read"
    )

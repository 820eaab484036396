"""The form above a screen other than the board: filters, chips, grouping and moment, as links or fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import FilterForm, Moments, Pairs, build_url, filter_form, moments
from board.web.filters import Chip, chips
from board.web.readers import Reader
from closing.calendar.date_phrases import month_and_year
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row


@dataclass(frozen=True, slots=True)
class Toolbar:
    """The values of the templates _as_of_menu.html and _filter_bar.html."""

    path: str
    query: BoardQuery
    chips: Sequence[tuple[Chip, str]]
    filters: FilterForm
    moments: Moments


def toolbar(board_request: BoardRequest, board: Scoreboard, path: str, own: Pairs = ()) -> Toolbar:
    """The toolbar of the screen at `path`; `own` are the screen's own parameters, which every link keeps.

    `board` holds every row that the person may see, before any filter.
    """
    query = board_request.query
    return Toolbar(
        path=path,
        query=query,
        chips=[(chip, build_url(path, query.replace(show=chip.show), own)) for chip in chips(board, query)],
        filters=filter_form(board, query, path, own),
        moments=moments(path, query, board_request.reader, board_request.now, own),
    )


def no_entities_message(board_request: BoardRequest, when: str = "", span: str = "time") -> tuple[str, str]:
    """The reason why there is no entity to show for `when`, by default the month, and the next step."""
    when = when or month_and_year(board_request.month)
    visible = board_request.entities().count()
    if visible:
        active = f"None of your {visible} entities was" if visible > 1 else "Your entity was not"
        return f"Nobody closes {when}", f"{active} active in that {span}."
    if board_request.person.is_superuser:
        return (
            "There are no entities yet",
            "Describe your group in a file and load it: manage.py load_group FILE.yaml",
        )
    return "You have no entities yet", "Ask an administrator to give you a role for a group or an entity."


def footnotes(board: Scoreboard, reader: Reader, levels: str = "") -> list[str]:
    """Notes on how a screen counts, with `levels` after the units of lateness, and on the zone of its times."""
    notes = [f"{note}."] if (note := labels.on_hold_note(board.rows)) else []
    units = {row.standing.unit for row in board.rows}
    explained = sorted(map(labels.unit_explained, units))
    notes += [f"{', '.join(explained)}.{levels}"] if explained else []
    return [*notes, f"Times are {reader.zone_name} time; each deadline ends in its entity’s own zone."]


def staleness_note(row: Row, reader: Reader, as_of: datetime) -> str:
    """ "not read since 09:12" for a row that is not fresh; "" for one that is."""
    if row.fresh:
        return ""
    if row.missing_since is not None:
        return f"missing since {labels.clock(row.missing_since, reader.zone, as_of)}"
    return (
        f"not read since {labels.clock(row.read_at, reader.zone, as_of)}"
        if row.read_at is not None
        else "never read"
    )

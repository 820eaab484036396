"""The head of an entity's page: its state, its months, what is running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse

from board.entity.deputy import may_appoint_deputy
from board.entity.native_facts import erp_link
from board.entity.page_data import PageData
from board.web import labels
from board.web.board_query import FIRST_MONTH, BoardQuery
from board.web.board_request import BoardRequest
from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import month_of, next_month, previous_month
from closing.scoreboard.row import Row


@dataclass(frozen=True, slots=True)
class EntityHeader:
    """Who the entity is, and the ways from here."""

    name: str
    code: str
    group: str
    group_url: str
    board_url: str
    sub: Sequence[str]
    owner: str
    owner_email: str
    mailto: str
    deputy: str
    deputy_url: str  # where another is named; "" for who may not
    state: str
    kind: str  # of the state's chip
    notes: Sequence[str]
    reopened: bool
    stale: bool
    erp_url: str
    month: str
    previous: tuple[str, str] | None  # (address, month in words)
    next: tuple[str, str] | None
    latest: tuple[str, str] | None


def entity_header(known: PageData, path: str) -> EntityHeader:
    entity, asked, row = known.entity, known.asked, known.row
    seen = BoardQuery(month=asked.query.month, at=asked.query.at)
    connection, owner, deputy = entity.connection, entity.owner, entity.deputy
    sub = [entity.code, entity.country]
    sub.append(
        f"{connection.get_kind_display()} “{connection.name}”" if connection else "not connected to an ERP"
    )
    sub.append(f"{entity.calendar.name} calendar")
    notes: list[str] = []
    if row is not None:
        notes = _state_notes(row, asked)
    return EntityHeader(
        name=entity.name,
        code=entity.code,
        group=entity.group.name,
        group_url=seen.url("/", group=entity.group.code),
        board_url=seen.url("/"),
        sub=sub,
        owner=(owner.name or owner.email) if owner else "",
        owner_email=owner.email if owner else "",
        mailto=f"mailto:{owner.email}" if owner else "",
        deputy=(deputy.name or deputy.email) if deputy else "",
        deputy_url=reverse("deputy", args=[entity.code]) if may_appoint_deputy(asked.person, entity) else "",
        state=labels.STATE_LABELS[row.state] if row is not None else "",
        kind=row.state.value if row is not None else "",
        notes=notes,
        reopened=row is not None and labels.is_reopened(row),
        stale=row is not None and not row.fresh,
        erp_url=erp_link(connection, entity.erp_id),
        month=month_and_year(asked.month),
        previous=_month_link(asked, path, previous_month(asked.month)) if asked.month > FIRST_MONTH else None,
        next=_month_link(asked, path, next_month(asked.month)) if asked.month < _running(asked) else None,
        latest=(asked.query.url(path, month=None), month_and_year(asked.latest_month))
        if asked.month != asked.latest_month
        else None,
    )


def _month_link(asked: BoardRequest, path: str, month: date) -> tuple[str, str]:
    return asked.query.url(path, month=month), month_and_year(month)


def _running(asked: BoardRequest) -> date:
    return month_of(asked.as_of.astimezone(asked.reader.zone).date())


def _state_notes(row: Row, asked: BoardRequest) -> list[str]:
    zone, as_of = asked.reader.zone, asked.as_of
    notes = []
    if row.missing_since is not None:
        notes.append(f"missing from the ERP’s answer since {labels.clock(row.missing_since, zone, as_of)}")
    elif row.read_at is None:
        notes.append("never read")
    elif not row.fresh:
        notes.append(f"as of {labels.clock(row.read_at, zone, as_of)}, {labels.age(row.read_at, as_of)} old")
    elif row.standing.unconfirmed:
        notes.append("unconfirmed")
    if row.on_hold_counts and row.state.value == "on_hold":
        notes.append("counts as closed")
    return notes

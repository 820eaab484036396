"""Builds the head of an entity's page: name, state, owner and links to other months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from board.entity.page_data import PageData
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import month_links
from board.web.readers import administers
from closing.calendar.date_phrases import month_and_year
from closing.scoreboard.row import Row
from connectors.registry import erp_link
from entities.models import LegalEntity


@dataclass(frozen=True, slots=True)
class EntityHeader:
    """The entity with its state, and the links of the head."""

    entity: LegalEntity
    group_url: str
    board_url: str
    sub: Sequence[str]
    owner: str
    deputy: str
    deputy_url: str  # the form for the deputy; "" for people who may not use it
    state: str
    kind: str  # of the state's chip
    notes: Sequence[str]
    reopened: str
    stale: bool
    erp_url: str
    month: str
    links: Mapping[str, tuple[str, str] | None]  # see `month_links`


def entity_header(data: PageData, path: str) -> EntityHeader:
    entity, board_request, row = data.entity, data.board_request, data.row
    view_query = BoardQuery(month=board_request.query.month, at=board_request.query.at)
    connection, owner, deputy = entity.connection, entity.owner, entity.deputy
    subtitle = [entity.code, entity.country]
    subtitle.append(
        f"{connection.kind_label} “{connection.name}”" if connection else "not connected to an ERP"
    )
    subtitle.append(f"{entity.calendar.name} calendar")
    return EntityHeader(
        entity=entity,
        group_url=view_query.url("/", group=entity.group.code),
        board_url=view_query.url("/"),
        sub=subtitle,
        owner=(owner.name or owner.email) if owner else "",
        deputy=(deputy.name or deputy.email) if deputy else "",
        deputy_url=reverse("deputy", args=[entity.code]) if administers(board_request.person, entity) else "",
        state=labels.state_label(row) if row is not None else "",
        kind=row.state.value if row is not None else "",
        notes=_state_notes(row, board_request) if row is not None else [],
        reopened=labels.reopened_label(row) if row is not None else "",
        stale=row is not None and not row.fresh,
        erp_url=erp_link(connection, entity.erp_id),
        month=month_and_year(board_request.month),
        links=month_links(board_request, lambda month: board_request.query.url(path, month=month)),
    )


def _state_notes(row: Row, board_request: BoardRequest) -> list[str]:
    zone, as_of = board_request.reader.zone, board_request.as_of
    notes = []
    if row.missing_since is not None:
        notes.append(f"missing from the ERP’s answer since {labels.clock(row.missing_since, zone, as_of)}")
    elif row.read_at is None:
        notes.append("never read")
    elif not row.fresh:
        notes.append(
            f"not read since {labels.clock(row.read_at, zone, as_of)}, {labels.age(row.read_at, as_of)}"
        )
    elif row.standing.unconfirmed:
        notes.append("by its last known state")
    if row.on_hold_counts and row.state.value == "on_hold":
        notes.append("counts as closed")
    return notes

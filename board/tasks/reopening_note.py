"""Shows a reopening beside an entity's tasks: the ERP's evidence, its approval, the way to a second round."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from board.tasks.task_lines import MonthTasks
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import build_url
from closing.calendar.date_phrases import full_date, month_and_year
from closing.close_tasks.second_rounds import codes_to_repeat
from closing.scoreboard.row import Row
from entities.access import writable_entities
from entities.models import LegalEntity
from periods.models import StateChange


@dataclass(frozen=True, slots=True)
class ReopeningNote:
    """`seen` is the ERP's evidence, `approved` an earlier approval; `url` the form, "" for who may not write.

    `asks`: the period is open again and sign-offs from before still stand.
    """

    seen: str
    approved: str
    url: str
    asks: bool


def reopening_note(
    entity: LegalEntity, board_request: BoardRequest, month: MonthTasks
) -> ReopeningNote | None:
    """The note of an entity's month; None where there is nothing to show or do."""
    own = [month.records[task.pk] for task in month.tasks if task.entity_id == entity.pk]
    if not own:
        return None
    seen = evidence(entity, board_request)
    lapsed = max((record.lapsed_on for record in own if record.lapsed_on is not None), default=None)
    approved = "" if lapsed is None else f"Period reopened on {full_date(lapsed)}"
    url = ""
    stands = bool(codes_to_repeat(own))
    if (
        stands
        and not board_request.past
        and writable_entities(board_request.person).filter(pk=entity.pk).exists()
    ):
        url = build_url(reverse("task_reopening", args=[entity.code]), BoardQuery(month=board_request.month))
    if not (seen or approved or url):
        return None
    return ReopeningNote(seen, approved, url, bool(seen) and stands)


def evidence(entity: LegalEntity, board_request: BoardRequest) -> str:
    """The ERP's evidence that the period of a month was reopened, as a sentence; "" for none."""
    row = _row(entity, board_request)
    if row is None or not labels.is_reopened(row) or row.period_id is None:
        return ""
    changes = StateChange.objects.filter(
        period=row.period_id,
        previous_state__in=["closed", "on_hold"],
        state__in=["open", "on_hold"],
        seen_at__lte=board_request.as_of,
    )
    seen_at = changes.order_by("-seen_at", "-pk").values_list("seen_at", flat=True).first()
    when = "" if seen_at is None else f", seen {board_request.clock(seen_at)}"
    again = "closed again" if row.counts_as_closed else "open again"
    return f"The ERP shows that {month_and_year(board_request.month)} was reopened{when}; it is {again}."


def _row(entity: LegalEntity, board_request: BoardRequest) -> Row | None:
    return next((row for row in board_request.board().rows if row.entity_id == entity.pk), None)

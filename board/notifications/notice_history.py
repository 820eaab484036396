"""Telling one person what was told: notices with their messages, as much of them as the person may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from alerts.models import DeliveryLine, Notice
from board.notifications.notice_list import administered_entity_ids, delivery_lines_by_notice, visible_notices
from board.notifications.notice_phrasing import NoticeSummary, summarize_notice
from board.web.board_request import BoardRequest
from closing.judging.notice_rules import NoticeKind
from closing.scoreboard.row import Row


@dataclass(frozen=True)
class NoticeSummarizer:
    """Tells notices to one person: the lines of each, and the entities that they administer."""

    board_request: BoardRequest
    lines: Mapping[int, Sequence[DeliveryLine]]
    administered: set[int]

    def summarize(self, notice: Notice, row: Row | None, entity_id: int) -> NoticeSummary:
        """One notice in words; `row` is its entity as it stands now, None where it does not count any more."""
        return summarize_notice(
            notice,
            self.lines.get(notice.pk, ()),
            self.board_request.reader,
            self.board_request.as_of,
            past=self.board_request.past,
            unit=row.standing.unit if row is not None else None,
            to_administrators=entity_id in self.administered,
        )


def notices_of_period(
    asked: BoardRequest, entity_id: int, period_id: int | None, row: Row | None
) -> list[NoticeSummary]:
    """Everything that was told of one period up to the moment asked for, newest first; for the entity's page.

    Of the daily reminders that it is late only the newest.
    """
    if period_id is None:
        return []
    own = visible_notices(asked).filter(period=period_id).select_related("policy_version__policy", "period")
    newest = own.filter(kind=NoticeKind.LATE.value).values("pk")[:1]
    notices = list(own.exclude(~Q(pk__in=newest), kind=NoticeKind.LATE.value))
    lines = delivery_lines_by_notice(notices) if notices else {}
    teller = NoticeSummarizer(asked, lines, administered_entity_ids(asked, lines, [entity_id]))
    return [teller.summarize(each, row, entity_id) for each in notices]

"""Summarizes notices and their messages for one person, as far as the person may read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from alerts.models import DeliveryLine, Notice
from alerts.notices.notice_specs import kinds_where
from board.notifications.notice_list import administered_entity_ids, delivery_lines_by_notice, visible_notices
from board.notifications.notice_phrasing import NoticeSummary, ReadingsByNotice, summarize_notice
from board.web.board_request import BoardRequest
from closing.scoreboard.row import Row


@dataclass(frozen=True)
class NoticeSummarizer:
    """Summarizes notices for one person: `lines` by notice id, and the ids of entities they administer."""

    board_request: BoardRequest
    lines: Mapping[int, Sequence[DeliveryLine]]
    administered: set[int]
    readings: ReadingsByNotice = field(default_factory=dict)

    def summarize(self, notice: Notice, row: Row | None, entity_id: int) -> NoticeSummary:
        """The summary of one notice; `row` is its entity's current row, None if it does not count any more."""
        return summarize_notice(
            notice,
            self.lines.get(notice.pk, ()),
            self.board_request,
            unit=row.standing.unit if row is not None else None,
            to_administrators=entity_id in self.administered,
            readings=self.readings.get(notice.pk, ()),
        )


def notices_of_period(
    board_request: BoardRequest, entity_id: int, period_id: int | None, row: Row | None
) -> list[NoticeSummary]:
    """The notices of one period up to the moment of the request, newest first; for the entity's page.

    Of a kind that repeats each day, only the newest is included.
    """
    if period_id is None:
        return []
    visible = (
        visible_notices(board_request)
        .filter(period=period_id)
        .select_related("policy_version__policy", "period")
    )
    repeating = kinds_where(lambda spec: spec.cadence.repeats)
    newest = visible.filter(kind__in=repeating).order_by("kind", "-raised_at", "-pk").distinct("kind")
    notices = list(visible.exclude(~Q(pk__in=newest.values("pk")), kind__in=repeating))
    lines = delivery_lines_by_notice(notices) if notices else {}
    summarizer = NoticeSummarizer(
        board_request, lines, administered_entity_ids(board_request, lines, [entity_id])
    )
    return [summarizer.summarize(notice, row, entity_id) for notice in notices]

"""Telling one person what was told: notices with their messages, as much of them as the person may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from alerts.models import DeliveryLine, Notice
from board.notifications.notice_list import administered, lines_of, visible_notices
from board.notifications.notice_phrasing import Told, told
from board.web.board_request import Asked
from closing.judging.notices import NoticeKind
from closing.scoreboard.row import Row


@dataclass(frozen=True)
class Teller:
    """Tells notices to one person: the lines of each, and the entities that they administer."""

    asked: Asked
    lines: Mapping[int, Sequence[DeliveryLine]]
    administered: set[int]

    def notice(self, notice: Notice, row: Row | None, entity_id: int) -> Told:
        """One notice in words; `row` is its entity as it stands now, None where it does not count any more."""
        return told(
            notice,
            self.lines.get(notice.pk, ()),
            self.asked.reader,
            self.asked.as_of,
            past=self.asked.past,
            unit=row.standing.unit if row is not None else None,
            to_administrators=entity_id in self.administered,
        )


def told_of_period(asked: Asked, entity_id: int, period_id: int | None, row: Row | None) -> list[Told]:
    """Everything that was told of one period up to the moment asked for, newest first; for the entity's page.

    Of the daily reminders that it is late only the newest.
    """
    if period_id is None:
        return []
    own = visible_notices(asked).filter(period=period_id).select_related("policy_version__policy", "period")
    newest = own.filter(kind=NoticeKind.LATE.value).values("pk")[:1]
    notices = list(own.exclude(~Q(pk__in=newest), kind=NoticeKind.LATE.value))
    lines = lines_of(notices) if notices else {}
    teller = Teller(asked, lines, administered(asked, lines, [entity_id]))
    return [teller.notice(each, row, entity_id) for each in notices]

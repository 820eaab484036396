"""What a mail tells of, put together: each entity's month a case, and events, in sections, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from alerts.models import Notice
from alerts.sanitize import one_line
from closing import phrasing
from closing.judging.notice_rules import NoticeKind
from closing.judging.standing import Level
from closing.scoreboard.row import Row

SHORT_NAME = 60  # letters of a name in a header


@dataclass(frozen=True, slots=True)
class EntityNotice:
    """One notice to tell of, with the row of its entity as the board has it at this moment, and its month."""

    notice: Notice
    row: Row
    month: date

    @property
    def rows(self) -> Sequence[Row]:
        return (self.row,)


@dataclass(frozen=True, slots=True)
class MultiEntityNotice:
    """A notice of a connection or of a group's month, with the rows of it that its reader may see; never none.

    Of a connection these are the ones that are not read.
    """

    notice: Notice
    rows: Sequence[Row]
    month: date


DeliverableNotice = EntityNotice | MultiEntityNotice


class SectionKind(StrEnum):
    """The sections of a mail, the worst first."""

    PAST = "past"  # alerts and steps of an escalation
    UNCONFIRMED = "unconfirmed"
    REOPENED = "reopened"
    REFUSED = "refused"
    STALE = "stale"
    NO_DEADLINE = "no_deadline"
    LATE = "late"
    DUE_SOON = "due_soon"
    CLEARED = "cleared"
    EASED = "eased"  # was past the line when the notice was raised, and is not by what is agreed now
    GROUP_CLOSED = "group_closed"


@dataclass(frozen=True, slots=True)
class EntityMonth:
    """One entity's month with every notice of it in this mail."""

    row: Row
    month: date
    notices: Sequence[Notice]

    @property
    def name(self) -> str:
        return one_line(self.row.name) or self.row.code

    @property
    def short_name(self) -> str:
        """For a subject, of which a phone shows some sixty letters."""
        return one_line(self.row.name, SHORT_NAME) or self.row.code

    @property
    def step(self) -> int:
        """The highest step of an escalation that it tells of; 0 for none."""
        return max((each.step for each in self.notices if each.kind == NoticeKind.ESCALATION), default=0)

    @property
    def section_kind(self) -> SectionKind:
        """Where it belongs as the row stands now, which the notice of a while ago cannot tell."""
        kinds = {NoticeKind(each.kind) for each in self.notices}
        sure, standing = phrasing.is_confirmed(self.row), self.row.standing
        if standing.alerting and (kinds & _OF_WHAT_IS_LATE or (sure and NoticeKind.UNCONFIRMED in kinds)):
            return SectionKind.PAST
        if NoticeKind.UNCONFIRMED in kinds and not sure:
            return SectionKind.UNCONFIRMED
        if NoticeKind.REOPENED in kinds:
            return SectionKind.REOPENED
        if NoticeKind.NO_DEADLINE in kinds and self.row.deadline is None:
            return SectionKind.NO_DEADLINE
        if kinds & {NoticeKind.LATE, NoticeKind.DUE_SOON} and standing.level in {Level.LATE, Level.ALERTING}:
            return SectionKind.LATE
        if NoticeKind.DUE_SOON in kinds:
            return SectionKind.DUE_SOON
        return SectionKind.CLEARED if kinds == {NoticeKind.CLEARED} else SectionKind.EASED


_OF_WHAT_IS_LATE = {NoticeKind.ALERT, NoticeKind.ESCALATION, NoticeKind.LATE}
_OF_EVENTS = {
    NoticeKind.REFUSED: SectionKind.REFUSED,
    NoticeKind.STALE: SectionKind.STALE,
    NoticeKind.GROUP_CLOSED: SectionKind.GROUP_CLOSED,
}
EntityMonths = Sequence[EntityMonth]
MultiEntityNotices = Sequence[MultiEntityNotice]


@dataclass(frozen=True, slots=True)
class NoticeSections:
    """The sections of a mail by part, the worst first, none of them empty: cases of entities, and events."""

    entity_months: Mapping[SectionKind, EntityMonths]
    multi_entity_notices: Mapping[SectionKind, MultiEntityNotices]

    @property
    def order(self) -> list[SectionKind]:
        return [
            part for part in SectionKind if part in self.entity_months or part in self.multi_entity_notices
        ]


def group_into_sections(items: Sequence[DeliverableNotice]) -> NoticeSections:
    """The worst section first, and in each of them who is furthest behind first, or began first."""
    together: dict[tuple[str, date], list[EntityNotice]] = {}
    events: dict[SectionKind, list[MultiEntityNotice]] = {}
    for item in items:
        if isinstance(item, MultiEntityNotice):
            events.setdefault(_OF_EVENTS[NoticeKind(item.notice.kind)], []).append(item)
        else:
            together.setdefault((item.row.code, item.month), []).append(item)
    cases = [
        EntityMonth(own[0].row, own[0].month, [each.notice for each in own]) for own in together.values()
    ]
    cases.sort(key=_rank)
    found = {part: [case for case in cases if case.section_kind is part] for part in SectionKind}
    return NoticeSections({part: own for part, own in found.items() if own}, events)


def _rank(case: EntityMonth) -> tuple[int, date, str, str]:
    return -case.row.standing.days_late, case.month, case.row.name.casefold(), case.row.code

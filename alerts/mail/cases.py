"""Groups the notices of a mail into sections, the worst first: entity months, and events of several entities."""

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
    """One notice to report, with the row of its entity as the board has it at this moment, and its month."""

    notice: Notice
    row: Row
    month: date

    @property
    def rows(self) -> Sequence[Row]:
        return (self.row,)


@dataclass(frozen=True, slots=True)
class MultiEntityNotice:
    """A notice of a connection or of a group's month, with those of its rows that the reader may see; never empty.

    Of a connection these are the rows that are not read.
    """

    notice: Notice
    rows: Sequence[Row]
    month: date


DeliverableNotice = EntityNotice | MultiEntityNotice


class SectionKind(StrEnum):
    """The sections of a mail, the worst first."""

    PERMANENT = "permanent"  # a permanent close was undone
    PAST = "past"  # alerts and steps of an escalation
    UNCONFIRMED = "unconfirmed"
    REOPENED = "reopened"
    REFUSED = "refused"
    STALE = "stale"
    NO_DEADLINE = "no_deadline"
    LATE = "late"
    DUE_SOON = "due_soon"
    CLEARED = "cleared"
    EASED = "eased"  # past the line when the notice was raised, and not under the deadline policy of now
    READ_AGAIN = "read_again"
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
        """The highest escalation step among its notices; 0 for none."""
        return max((row.step for row in self.notices if row.kind == NoticeKind.ESCALATION), default=0)

    @property
    def section_kind(self) -> SectionKind:
        """The section by the row's standing now, which may have changed since the notices were raised."""
        kinds = {NoticeKind(notice.kind) for notice in self.notices}
        if NoticeKind.PERMANENT_REOPENED in kinds:
            return SectionKind.PERMANENT
        confirmed, standing = phrasing.is_confirmed(self.row), self.row.standing
        if standing.alerting and (kinds & _LATE_KINDS or (confirmed and NoticeKind.UNCONFIRMED in kinds)):
            return SectionKind.PAST
        if NoticeKind.UNCONFIRMED in kinds and not confirmed:
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


_LATE_KINDS = {NoticeKind.ALERT, NoticeKind.ESCALATION, NoticeKind.LATE}
_EVENT_SECTIONS = {
    NoticeKind.REFUSED: SectionKind.REFUSED,
    NoticeKind.STALE: SectionKind.STALE,
    NoticeKind.READ_AGAIN: SectionKind.READ_AGAIN,
    NoticeKind.GROUP_CLOSED: SectionKind.GROUP_CLOSED,
}
EntityMonths = Sequence[EntityMonth]
MultiEntityNotices = Sequence[MultiEntityNotice]


@dataclass(frozen=True, slots=True)
class NoticeSections:
    """The sections of a mail by kind, the worst first, none of them empty: entity months, and events."""

    entity_months: Mapping[SectionKind, EntityMonths]
    multi_entity_notices: Mapping[SectionKind, MultiEntityNotices]

    @property
    def order(self) -> list[SectionKind]:
        return [
            kind for kind in SectionKind if kind in self.entity_months or kind in self.multi_entity_notices
        ]


def group_into_sections(items: Sequence[DeliverableNotice]) -> NoticeSections:
    """Group notices into sections, the worst first; each lists the furthest behind, or the oldest event, first."""
    by_month: dict[tuple[str, date], list[EntityNotice]] = {}
    events: dict[SectionKind, list[MultiEntityNotice]] = {}
    for item in items:
        if isinstance(item, MultiEntityNotice):
            events.setdefault(_EVENT_SECTIONS[NoticeKind(item.notice.kind)], []).append(item)
        else:
            by_month.setdefault((item.row.code, item.month), []).append(item)
    cases = [
        EntityMonth(own[0].row, own[0].month, [item.notice for item in own]) for own in by_month.values()
    ]
    cases.sort(key=_rank)
    by_kind = {kind: [case for case in cases if case.section_kind is kind] for kind in SectionKind}
    return NoticeSections({kind: own for kind, own in by_kind.items() if own}, events)


def _rank(case: EntityMonth) -> tuple[int, date, str, str]:
    return -case.row.standing.days_late, case.month, case.row.name.casefold(), case.row.code

"""Groups the notices of a mail into sections, the worst first: entity months, and events of several entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from alerts.notices.entity_sections import OTHER
from alerts.notices.entries import DeliverableNotice, EntityMonth, EntityNotice, MultiEntityNotice
from alerts.notices.event_sections import OTHER_EVENTS
from alerts.notices.notice_specs import spec_of
from alerts.notices.spec import SectionSpec

MonthSections = Mapping[SectionSpec[EntityMonth], Sequence[EntityMonth]]
EventSections = Mapping[SectionSpec[MultiEntityNotice], Sequence[MultiEntityNotice]]


def group_into_sections(items: Sequence[DeliverableNotice]) -> tuple[MonthSections, EventSections]:
    """Group notices into sections, the worst first; each lists the furthest behind, or the oldest event, first."""
    by_month: dict[tuple[str, date], list[EntityNotice]] = {}
    events: dict[SectionSpec[MultiEntityNotice], list[MultiEntityNotice]] = {}
    for item in items:
        if isinstance(item, MultiEntityNotice):
            events.setdefault(spec_of(item.notice.kind).event_section or OTHER_EVENTS, []).append(item)
        else:
            by_month.setdefault((item.row.code, item.month), []).append(item)
    months: dict[SectionSpec[EntityMonth], list[EntityMonth]] = {}
    for month in sorted(map(_entity_month, by_month.values()), key=_rank):
        months.setdefault(_section(month), []).append(month)
    return {spec: months[spec] for spec in sorted(months, key=lambda spec: spec.rank)}, events


def _entity_month(own: Sequence[EntityNotice]) -> EntityMonth:
    notices = [item.notice for item in own]
    steps = [notice.step for notice in notices if spec_of(notice.kind).escalates]
    return EntityMonth(own[0].row, own[0].month, notices, max(steps, default=0))


def _section(month: EntityMonth) -> SectionSpec[EntityMonth]:
    """The worst section of its notices by the row's standing now; of good news only where there is nothing else."""
    specs = [spec_of(notice.kind) for notice in month.notices]
    specs = [spec for spec in specs if not spec.informational] or specs
    sections = [spec.month_section(month.row) if spec.month_section else OTHER for spec in specs]
    return min(sections, key=lambda section: section.rank)


def _rank(month: EntityMonth) -> tuple[int, date, str, str]:
    return -month.row.standing.days_late, month.month, month.row.name.casefold(), month.row.code

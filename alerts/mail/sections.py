"""Builds the content of a mail once: text and HTML are both rendered from it, so that they cannot differ.

Text from users and ERPs (names, reasons, error texts) has gone through `one_line`, and the HTML template
escapes all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from posixpath import basename, commonpath
from textwrap import wrap
from typing import NamedTuple
from urllib.parse import urlencode

from alerts.mail.rows import MessageContext, MessageRow, TextLink, entity_row, multi_entity_row
from alerts.notices.entity_sections import OTHER
from alerts.notices.entries import (
    SHORT_NAME,
    DeliverableNotice,
    EntityMonth,
    EntityMonths,
    EntityNotice,
    MultiEntityNotice,
)
from alerts.notices.event_sections import OTHER_EVENTS
from alerts.notices.notice_specs import spec_of
from alerts.notices.spec import Entry, SectionSpec
from alerts.sanitize import one_line
from closing.calendar.date_phrases import month_and_year, weekday_and_date
from closing.scoreboard.row import Row

MAX_ROWS = 50  # rows of one mail in full; mailboxes cut off mails above 100 KB
MIN_ROWS_A_SECTION = 5  # of these rows for each section, however long the sections before it are
MONTHS_LINKED = 3
_WIDE = 76  # columns of plain text


@dataclass(frozen=True, slots=True)
class MessageSection:
    """One section of a message: a heading (where there are several), a sentence, rows, and links to all of them.

    Links to many rows come before them, so that nobody has to scroll to the end; a link to a single row comes after.
    `omitted` is the number of rows beyond those shown.
    """

    heading: str
    note: str
    links: Sequence[TextLink]
    rows: Sequence[MessageRow]
    more: TextLink | None
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class MessageContent:
    """The content of a whole message; its subject is its heading as well."""

    subject: str
    sections: Sequence[MessageSection]
    as_of: str
    why: str
    home: TextLink
    preferences_link: TextLink | None = None
    mandatory_note: str = ""  # why the reader cannot switch it off


def build_content(items: Sequence[DeliverableNotice], context: MessageContext) -> MessageContent:
    """The content of a message about these items; `items` is not empty."""
    month_sections, event_sections = _group_into_sections(items)
    alone = len(month_sections) + len(event_sections) == 1
    reserved = [min(len(cases), MIN_ROWS_A_SECTION) for cases in month_sections.values()]
    room, parts = MAX_ROWS, []
    for number, (spec, cases) in enumerate(month_sections.items(), start=1):
        shown = min(len(cases), room - sum(reserved[number:]))
        room -= shown
        rows, links = [entity_row(case, context) for case in cases[:shown]], _links(spec, cases, context)
        parts.append(_part(spec, cases, rows, links, context, alone=alone))
    for event_spec, events in event_sections.items():
        rows = [multi_entity_row(event, context) for event in events]
        parts.append(_part(event_spec, events, rows, [], context, alone=alone))
    parts.sort(key=lambda part: part.rank)
    subject = "; ".join([parts[0].subject, *(part.counted for part in parts[1:])])
    return content_of_sections(subject, [part.section for part in parts], context)


def content_of_sentence(
    subject: str, sentence: str, context: MessageContext, links: Sequence[TextLink] = ()
) -> MessageContent:
    """The content of a message about no entity."""
    section = MessageSection(heading="", note=sentence, links=links, rows=[], more=None)
    return content_of_sections(subject, [section], context)


def content_of_sections(
    subject: str, sections: Sequence[MessageSection], context: MessageContext
) -> MessageContent:
    """The content of a message with these sections."""
    now = context.as_of.astimezone(context.zone)
    return MessageContent(
        subject=subject,
        sections=sections,
        as_of=f"As of {weekday_and_date(now.date())}, {now:%H:%M} {context.zone_name} time.",
        why=context.why,
        home=TextLink("Closeboard", f"{context.base_url}/"),
    )


def _group_into_sections(
    items: Sequence[DeliverableNotice],
) -> tuple[
    Mapping[SectionSpec[EntityMonth], Sequence[EntityMonth]],
    Mapping[SectionSpec[MultiEntityNotice], Sequence[MultiEntityNotice]],
]:
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


def render_text(content: MessageContent) -> str:
    """The content as plain text; text from users and ERPs never stands at the beginning of a line."""
    lines = [content.subject, ""]
    for section in content.sections:
        if section.heading:
            lines += [section.heading, "=" * min(len(section.heading), _WIDE)]
        lines += [*_wrapped(section.note), *map(_link, section.links), ""]
        for row in section.rows:
            lines += _row(row)
        lines += [_link(section.more), ""] if section.more is not None else []
    lines += [content.as_of, *_wrapped(content.why), *_wrapped(content.mandatory_note)]
    lines += [_link(link) for link in (content.preferences_link, content.home) if link is not None]
    return "\n".join([*lines, ""])


def _row(row: MessageRow) -> list[str]:
    lines = [f"* {row.title.text}", *([f"  {row.title.url}"] if row.title.url else [])]
    lines += _wrapped(f"{row.subtitle} · {row.state} · {row.lateness}", "  ")
    for detail in row.details:
        mail = detail.mail.text if detail.mail is not None else ""
        lines += _wrapped(" ".join(filter(None, [f"{detail.name}:", detail.text, mail])), "  ")
    return [*lines, ""]


def _wrapped(text: str, indent: str = "") -> list[str]:
    """The text in lines that no mail program breaks; lines after the first are indented further."""
    return wrap(
        text,
        _WIDE,
        initial_indent=indent,
        subsequent_indent=indent * 3,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _link(link: TextLink) -> str:
    return f"{link.text}: {link.url}"


class _Part(NamedTuple):
    """A section of a message with its rank, and its words in the subject as the worst section and behind one."""

    rank: int
    subject: str
    counted: str
    section: MessageSection


def _part(
    spec: SectionSpec[Entry],
    entries: Sequence[Entry],
    rows: list[MessageRow],
    links: list[TextLink],
    context: MessageContext,
    *,
    alone: bool,
) -> _Part:
    heading, omitted, one = spec.heading(entries), len(entries) - len(rows), len(entries) == 1
    more = TextLink(f"and {omitted} more", links[0].url) if omitted else None
    if alone and one:
        page = rows[0].title
        rows = [replace(rows[0], title=TextLink(page.text, ""))]  # the one link of the mail leads there
        more = TextLink(f"See {one_line(page.text, SHORT_NAME)} in Closeboard", page.url)
    section = MessageSection("" if alone else heading, spec.note(entries), links, rows, more, omitted)
    subject = spec.one(entries[0], context.when) if one else spec.many(entries, heading, context.when)
    return _Part(spec.rank, subject, spec.counted(entries), section)


def _links(spec: SectionSpec[EntityMonth], cases: EntityMonths, context: MessageContext) -> list[TextLink]:
    """Links to the board of each month in the section; none for a single row, whose title is a link."""
    if len(cases) == 1:
        return []
    months = sorted({case.month for case in cases}, reverse=True)
    links = [
        TextLink(
            f"See them on the board of {month_and_year(month)}",
            _board_url(spec, month, [case.row for case in cases if case.month == month], context),
        )
        for month in months[:MONTHS_LINKED]
    ]
    if spec.report is not None:
        text, path = spec.report
        links.insert(0 if len(months) > 1 else 1, TextLink(text, f"{context.base_url}{path}"))
    return links


def _board_url(
    spec: SectionSpec[EntityMonth], month: date, rows: Sequence[Row], context: MessageContext
) -> str:
    """The address of a board that shows these rows, and as few others as its filters allow."""
    query = {"month": f"{month:%Y-%m}", **spec.board_filter(rows)}
    # The codes of the groups above all of them, from the root.
    if common := commonpath([context.entity(row).path for row in rows]):
        query["group"] = basename(common)
    owners = {row.owner for row in rows}
    if len(owners) == 1 and (owner := owners.pop()) and owner == one_line(owner, 200):
        query["owner"] = owner
    return f"{context.base_url}/?{urlencode(query)}"

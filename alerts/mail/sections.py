"""The words of a mail, prepared once: text and HTML are both made of them, so that they cannot tell different things.

Everything that others wrote (names, reasons, what the ERP said) has gone through `one_line`, and the HTML template
escapes all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from textwrap import wrap
from urllib.parse import urlencode

from alerts.mail import events as mail_events
from alerts.mail.cases import (
    DeliverableNotice,
    EntityMonths,
    MultiEntityNotices,
    SectionKind,
    group_into_sections,
)
from alerts.mail.rows import MessageContext, MessageRow, TextLink, entity_row
from alerts.mail.subject import heading, note, subject
from alerts.sanitize import one_line
from closing.calendar.date_phrases import month_and_year, weekday_and_date
from closing.scoreboard.row import Row

MAX_ROWS = 50  # rows of one mail told in full; mailboxes cut off what is longer than 100 KB
MIN_ROWS_A_SECTION = 5  # of them for each section, however long those before it are
MONTHS_LINKED = 3
_WIDE = 76  # columns of plain text


@dataclass(frozen=True, slots=True)
class MessageSection:
    """What belongs together: a heading, where there are several, a sentence, rows, and where to see all of them.

    Links to many rows come before them, so that nobody has to scroll to the end; that to a single one comes behind.
    `left` is how many rows there are beyond those told.
    """

    heading: str
    note: str
    links: Sequence[TextLink]
    rows: Sequence[MessageRow]
    more: TextLink | None
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A whole mail in words; its subject is its heading as well."""

    subject: str
    sections: Sequence[MessageSection]
    as_of: str
    why: str
    home: TextLink
    preferences_link: TextLink | None = None  # where its reader says what they get
    mandatory_note: str = ""  # why they cannot switch it off


def build_content(items: Sequence[DeliverableNotice], known: MessageContext) -> MessageContent:
    """Everything that a mail says of these; `items` is not empty."""
    parts = group_into_sections(items)
    alone = len(parts.order) == 1
    kept = [min(len(cases), MIN_ROWS_A_SECTION) for cases in parts.entity_months.values()]
    room, found = MAX_ROWS, {}
    for place, (part, cases) in enumerate(parts.entity_months.items(), start=1):
        shown = min(len(cases), room - sum(kept[place:]))
        room -= shown
        found[part] = _section(part, cases, shown, known, alone=alone)
    for part, events in parts.multi_entity_notices.items():
        found[part] = _of_events(part, events, known, alone=alone)
    sections = [found[part] for part in parts.order]
    there = known.as_of.astimezone(known.zone)
    return MessageContent(
        subject=subject(parts, known.when),
        sections=sections,
        as_of=f"As of {weekday_and_date(there.date())}, {there:%H:%M} {known.zone_name} time.",
        why=known.why,
        home=TextLink("Closeboard", f"{known.base_url}/"),
    )


def render_text(said: MessageContent) -> str:
    """The mail as plain text; what others wrote stands behind our own words on a line, never at its beginning."""
    lines = [said.subject, ""]
    for section in said.sections:
        if section.heading:
            lines += [section.heading, "=" * min(len(section.heading), _WIDE)]
        lines += [*_wrapped(section.note), *map(_link, section.links), ""]
        for row in section.rows:
            lines += _row(row)
        lines += [_link(section.more), ""] if section.more is not None else []
    lines += [said.as_of, *_wrapped(said.why), *_wrapped(said.mandatory_note)]
    lines += [_link(each) for each in (said.preferences_link, said.home) if each is not None]
    return "\n".join([*lines, ""])


def _row(row: MessageRow) -> list[str]:
    lines = [f"* {row.title.text}", *([f"  {row.title.url}"] if row.title.url else [])]
    late = " ".join(filter(None, [row.late, row.unit]))
    lines += _wrapped(f"{row.subtitle} · {row.state} · {late}", "  ")
    for fact in row.details:
        mail = fact.mail.text if fact.mail is not None else ""
        lines += _wrapped(" ".join(filter(None, [f"{fact.name}:", fact.text, mail])), "  ")
    return [*lines, ""]


def _wrapped(text: str, indent: str = "") -> list[str]:
    """The text in lines that no mail program breaks; those after the first stand further in."""
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


def _section(
    part: SectionKind, cases: EntityMonths, shown: int, known: MessageContext, *, alone: bool
) -> MessageSection:
    links, rows = _links(part, cases, known), [entity_row(case, known) for case in cases[:shown]]
    left = len(cases) - shown
    if alone and len(cases) == 1:
        page = rows[0].title
        rows = [replace(rows[0], title=TextLink(page.text, ""))]  # the one link of the mail leads there
        more: TextLink | None = TextLink(f"See {cases[0].short_name} in Closeboard", page.url)
    else:
        more = TextLink(f"and {left} more", links[0].url) if left else None
    return MessageSection(
        heading="" if alone else heading(part, cases),
        note=note(part, cases),
        links=links,
        rows=rows,
        more=more,
        omitted=left,
    )


def _of_events(
    part: SectionKind, events: MultiEntityNotices, known: MessageContext, *, alone: bool
) -> MessageSection:
    rows = [mail_events.multi_entity_row(event, known) for event in events]
    more = None
    if alone and len(rows) == 1:
        title = rows[0].title
        rows = [replace(rows[0], title=TextLink(title.text, ""))]  # the one link of the mail leads there
        more = TextLink(f"See {title.text} in Closeboard", title.url)
    return MessageSection(
        heading="" if alone else mail_events.heading(part, events),
        note=mail_events.note(part, events),
        links=[],
        rows=rows,
        more=more,
    )


def _links(part: SectionKind, cases: EntityMonths, known: MessageContext) -> list[TextLink]:
    """The board with what the section lists, a month each; none for a single row, whose name leads to it."""
    if len(cases) == 1:
        return []
    months = sorted({case.month for case in cases}, reverse=True)
    links = [
        TextLink(
            f"See them on the board of {month_and_year(month)}",
            _board(part, month, [case.row for case in cases if case.month == month], known),
        )
        for month in months[:MONTHS_LINKED]
    ]
    if part is SectionKind.PAST:
        everybody = TextLink("See all who are past the alert line", f"{known.base_url}/past-deadline/")
        links.insert(0 if len(months) > 1 else 1, everybody)
    return links


def _board(part: SectionKind, month: date, rows: Sequence[Row], known: MessageContext) -> str:
    """The address of a board that shows these rows and as few others as its filters can tell apart."""
    asked = {"month": f"{month:%Y-%m}"} | _filter(part, rows)
    common = ""
    for level in zip(*(known.groups.get(row.entity_id, ()) for row in rows), strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    if common:
        asked["group"] = common
    owners = {row.owner for row in rows}
    if len(owners) == 1 and (owner := owners.pop()) and owner == one_line(owner, 200):
        asked["owner"] = owner
    return f"{known.base_url}/?{urlencode(asked)}"


def _filter(part: SectionKind, rows: Sequence[Row]) -> dict[str, str]:
    match part:
        case SectionKind.PAST:
            return {"show": "alerting"}
        case SectionKind.UNCONFIRMED if not any(row.fresh for row in rows):
            return {"show": "stale"}
        case SectionKind.REOPENED:
            return {"show": "outstanding"}
        case SectionKind.LATE:
            return {"show": "late"}
    levels = {row.standing.level.value for row in rows}
    states = {row.state.value for row in rows}
    if len(levels) == 1:
        return {"level": levels.pop()}
    return {"state": states.pop()} if len(states) == 1 else {}

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
from alerts.mail.cases import Cases, Events, Part, Tellable, parts_of
from alerts.mail.rows import Known, Link, Told, told
from alerts.mail.subject import heading, note, subject
from alerts.sanitize import one_line
from closing.calendar.days import month_and_year, weekday_and_date
from closing.scoreboard.row import Row

SHOWN = 50  # rows of one mail told in full; mailboxes cut off what is longer than 100 KB
KEPT = 5  # of them for each section, however long those before it are
MONTHS_LINKED = 3
_WIDE = 76  # columns of plain text


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs together: a heading, where there are several, a sentence, rows, and where to see all of them.

    Links to many rows come before them, so that nobody has to scroll to the end; that to a single one comes behind.
    `left` is how many rows there are beyond those told.
    """

    heading: str
    note: str
    links: Sequence[Link]
    rows: Sequence[Told]
    more: Link | None
    left: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole mail in words; its subject is its heading as well."""

    subject: str
    sections: Sequence[Section]
    as_of: str
    why: str
    home: Link
    choose: Link | None = None  # where its reader says what they get
    promised: str = ""  # why they cannot switch it off


def letter(items: Sequence[Tellable], known: Known) -> Letter:
    """Everything that a mail says of these; `items` is not empty."""
    parts = parts_of(items)
    alone = len(parts.order) == 1
    kept = [min(len(cases), KEPT) for cases in parts.cases.values()]
    room, found = SHOWN, {}
    for place, (part, cases) in enumerate(parts.cases.items(), start=1):
        shown = min(len(cases), room - sum(kept[place:]))
        room -= shown
        found[part] = _section(part, cases, shown, known, alone=alone)
    for part, events in parts.events.items():
        found[part] = _of_events(part, events, known, alone=alone)
    sections = [found[part] for part in parts.order]
    there = known.as_of.astimezone(known.zone)
    return Letter(
        subject=subject(parts, known.when),
        sections=sections,
        as_of=f"As of {weekday_and_date(there.date())}, {there:%H:%M} {known.zone_name} time.",
        why=known.why,
        home=Link("Closeboard", f"{known.base_url}/"),
    )


def as_text(said: Letter) -> str:
    """The mail as plain text; what others wrote stands behind our own words on a line, never at its beginning."""
    lines = [said.subject, ""]
    for section in said.sections:
        if section.heading:
            lines += [section.heading, "=" * min(len(section.heading), _WIDE)]
        lines += [*_wrapped(section.note), *map(_link, section.links), ""]
        for row in section.rows:
            lines += _row(row)
        lines += [_link(section.more), ""] if section.more is not None else []
    lines += [said.as_of, *_wrapped(said.why), *_wrapped(said.promised)]
    lines += [_link(each) for each in (said.choose, said.home) if each is not None]
    return "\n".join([*lines, ""])


def _row(row: Told) -> list[str]:
    lines = [f"* {row.title.text}", *([f"  {row.title.url}"] if row.title.url else [])]
    late = " ".join(filter(None, [row.late, row.unit]))
    lines += _wrapped(f"{row.place} · {row.state} · {late}", "  ")
    for fact in row.facts:
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


def _link(link: Link) -> str:
    return f"{link.text}: {link.url}"


def _section(part: Part, cases: Cases, shown: int, known: Known, *, alone: bool) -> Section:
    links, rows = _links(part, cases, known), [told(case, known) for case in cases[:shown]]
    left = len(cases) - shown
    if alone and len(cases) == 1:
        page = rows[0].title
        rows = [replace(rows[0], title=Link(page.text, ""))]  # the one link of the mail leads there
        more: Link | None = Link(f"See {cases[0].short_name} in Closeboard", page.url)
    else:
        more = Link(f"and {left} more", links[0].url) if left else None
    return Section(
        heading="" if alone else heading(part, cases),
        note=note(part, cases),
        links=links,
        rows=rows,
        more=more,
        left=left,
    )


def _of_events(part: Part, events: Events, known: Known, *, alone: bool) -> Section:
    rows = [mail_events.told(event, known) for event in events]
    more = None
    if alone and len(rows) == 1:
        title = rows[0].title
        rows = [replace(rows[0], title=Link(title.text, ""))]  # the one link of the mail leads there
        more = Link(f"See {title.text} in Closeboard", title.url)
    return Section(
        heading="" if alone else mail_events.heading(part, events),
        note=mail_events.note(part, events),
        links=[],
        rows=rows,
        more=more,
    )


def _links(part: Part, cases: Cases, known: Known) -> list[Link]:
    """The board with what the section lists, a month each; none for a single row, whose name leads to it."""
    if len(cases) == 1:
        return []
    months = sorted({case.month for case in cases}, reverse=True)
    links = [
        Link(
            f"See them on the board of {month_and_year(month)}",
            _board(part, month, [case.row for case in cases if case.month == month], known),
        )
        for month in months[:MONTHS_LINKED]
    ]
    if part is Part.PAST:
        everybody = Link("See all who are past the alert line", f"{known.base_url}/past-deadline/")
        links.insert(0 if len(months) > 1 else 1, everybody)
    return links


def _board(part: Part, month: date, rows: Sequence[Row], known: Known) -> str:
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


def _filter(part: Part, rows: Sequence[Row]) -> dict[str, str]:
    match part:
        case Part.PAST:
            return {"show": "alerting"}
        case Part.UNCONFIRMED if not any(row.fresh for row in rows):
            return {"show": "stale"}
        case Part.REOPENED:
            return {"show": "outstanding"}
        case Part.LATE:
            return {"show": "late"}
    levels = {row.standing.level.value for row in rows}
    states = {row.state.value for row in rows}
    if len(levels) == 1:
        return {"level": levels.pop()}
    return {"state": states.pop()} if len(states) == 1 else {}

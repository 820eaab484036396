"""Writes the subjects, headings and rows of a mail about connections and group closes."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from alerts.mail.cases import SHORT_NAME, MultiEntityNotice, MultiEntityNotices, SectionKind
from alerts.mail.rows import MAX_TEXT_LENGTH, MessageContext, MessageDetail, MessageRow, TextLink
from alerts.sanitize import one_line
from closing import phrasing
from closing.calendar.date_phrases import month_and_year
from closing.judging.group_close import closed_before_month_end, last_to_close
from closing.judging.notice_rules import NoticeKind, NoticeReason
from closing.judging.standing import Level
from closing.phrasing import MomentFormatter

_MOST_NAMES = 10  # entities of one event
_NAMES_IN_SUBJECT = 2


def subject(kind: SectionKind, events: MultiEntityNotices, when: MomentFormatter) -> str:
    """One event as a sentence, many as a count and the first of them."""
    event = events[0]
    name = _name(event)
    match kind:
        case SectionKind.GROUP_CLOSED:
            confirmed = all(phrasing.is_confirmed(row) for row in event.rows if not row.not_due)
            sentence = f"{name} {'has' if confirmed else 'had'} closed {month_and_year(event.month)}"
            sentence += "" if confirmed else " when last read"
            if len(events) == 1:
                return ", ".join(filter(None, [sentence, _took(event)]))
            return f"{heading(kind, events)}, {_months(events) if _groups(events) == 1 else name}"
        case SectionKind.READ_AGAIN:
            return f"{name} is read again" if len(events) == 1 else heading(kind, events)
        case SectionKind.REFUSED:
            refused = f", access refused by {name}" if len(events) == 1 else ", access refused"
            return f"{_unread(events)}{refused}"
        case _:
            return _unread(events, _since(event, when) if len(events) == 1 else "")


def heading(kind: SectionKind, events: MultiEntityNotices) -> str:
    """The heading of a section: "access refused by 2 connections"."""
    one = len(events) == 1
    match kind:
        case SectionKind.GROUP_CLOSED:
            if (groups := _groups(events)) > 1:
                return f"{groups} groups have closed"
            return f"{_name(events[0])} has closed {_months(events) if one else f'{len(events)} months'}"
        case SectionKind.READ_AGAIN:
            return "1 connection is read again" if one else f"{len(events)} connections are read again"
        case SectionKind.REFUSED:
            return f"Access refused by {'1 connection' if one else f'{len(events)} connections'}"
        case _:
            read = "partly read" if all(map(_is_partly_read, events)) else "not read"
            return f"1 connection {read}" if one else f"{len(events)} connections {read}"


def note(kind: SectionKind, events: MultiEntityNotices) -> str:
    """The meaning of the section, and what to do about it."""
    match kind:
        case SectionKind.GROUP_CLOSED if not all(
            phrasing.is_confirmed(row) for event in events for row in event.rows if not row.not_due
        ):
            return "Every entity counted as closed when last read; some of them have not been read since."
        case SectionKind.GROUP_CLOSED if any(row.not_due for event in events for row in event.rows):
            return "Every entity of the group with something due counts as closed."
        case SectionKind.GROUP_CLOSED:
            return "Every entity of the group counts as closed."
        case SectionKind.READ_AGAIN:
            return "The trouble that you were notified of has ended: the board shows what the ERP says now."
        case SectionKind.REFUSED:
            return (
                "The board shows what was last read. Ask an administrator to renew the access of Closeboard"
                " to the ERP."
            )
        case _:
            return "The board shows what was last read; an entity may have closed since."


def multi_entity_row(event: MultiEntityNotice, context: MessageContext) -> MessageRow:
    """The row of one event with all its details."""
    if NoticeKind(event.notice.kind) is NoticeKind.GROUP_CLOSED:
        return _close_row(event, context)
    return _outage_row(event, context)


def _close_row(event: MultiEntityNotice, context: MessageContext) -> MessageRow:
    code = event.notice.group.code if event.notice.group is not None else ""
    query = urlencode({"month": f"{event.month:%Y-%m}", "group": code})
    due = [row for row in event.rows if not row.not_due]
    late = [row for row in due if row.standing.level is Level.CLOSED_LATE]
    not_due = f" {len(event.rows) - len(due)} not due." if len(due) < len(event.rows) else ""
    last = last_to_close(event.rows)
    confirmed = all(phrasing.is_confirmed(row) for row in event.rows)
    return MessageRow(
        title=TextLink(_name(event), f"{context.base_url}/?{query}"),
        subtitle=f"{one_line(code, 40)}, {month_and_year(event.month)}",
        state="Closed" if confirmed else "Closed when last read",
        kind="closed" if confirmed else "unknown",
        late=_working_days_number(event),
        unit=_working_days(event),
        tone="none",
        details=[
            MessageDetail("Entities", f"{len(due)}, {_on_time(len(due), len(late))}.{not_due}"),
            *([MessageDetail("Last to close", one_line(last.name))] if last is not None else []),
        ],
    )


def _on_time(count: int, late: int) -> str:
    if not late:
        return "none of them late"
    return f"{late} of them late" if late < count else "all of them late"


def _outage_row(event: MultiEntityNotice, context: MessageContext) -> MessageRow:
    kind = NoticeKind(event.notice.kind)
    refused, ended = kind is NoticeKind.REFUSED, kind is NoticeKind.READ_AGAIN
    names = sorted(one_line(row.name) or row.code for row in event.rows)
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    errors = sorted({one_line(row.read_error, MAX_TEXT_LENGTH) for row in event.rows if row.read_error})
    read = [row.read_at for row in event.rows if row.read_at is not None]
    name = _name(event)
    query = {"erp": name} if refused or ended else {"erp": name, "show": "stale"}
    return MessageRow(
        title=TextLink(name, f"{context.base_url}/?{urlencode(query)}"),
        subtitle="ERP connection",
        state=_outage_state(event, kind),
        kind="closed" if ended else "unknown",
        late=str(len(event.rows)),
        unit="entity" if len(event.rows) == 1 else "entities",
        tone="none" if ended else "late",
        details=[
            MessageDetail("Last read", context.when(min(read)) if read else "Never read."),
            MessageDetail("Entities", listed),
            *(MessageDetail("ERP’s answer", error) for error in errors[:3]),
        ],
    )


def _outage_state(event: MultiEntityNotice, kind: NoticeKind) -> str:
    match kind:
        case NoticeKind.READ_AGAIN:
            return "Read again"
        case NoticeKind.REFUSED:
            return "Access refused"
        case _:
            return "Partly read" if _is_partly_read(event) else "Not read"


def _is_partly_read(event: MultiEntityNotice) -> bool:
    """Whether the connection read other entities when the notice was raised."""
    return event.notice.reason == NoticeReason.PARTLY_READ.value


def _name(event: MultiEntityNotice) -> str:
    if event.notice.connection is not None:
        return one_line(event.notice.connection.name, SHORT_NAME)
    return one_line(event.notice.group.name, SHORT_NAME) if event.notice.group is not None else ""


def _groups(events: MultiEntityNotices) -> int:
    """How many groups have closed: the months of one group are one."""
    return len({event.notice.group_id for event in events})


def _months(events: MultiEntityNotices) -> str:
    """ "April 2026 and May 2026", or the first and the last of many."""
    months = sorted({event.month for event in events})
    first, last = month_and_year(months[0]), month_and_year(months[-1])
    if len(months) == 1:
        return first
    return f"{first} {'and' if len(months) == 2 else 'to'} {last}"


def _took(event: MultiEntityNotice) -> str:
    return " ".join(filter(None, [_working_days_number(event), _working_days(event)]))


def _closed_on(event: MultiEntityNotice) -> date | None:
    last = last_to_close(event.rows)
    return last.standing.last_closed_on if last is not None else None


def _working_days_number(event: MultiEntityNotice) -> str:
    return str(event.notice.days_late or "") if _closed_on(event) is not None else ""


def _working_days(event: MultiEntityNotice) -> str:
    closed_on = _closed_on(event)
    if closed_on is None:
        return ""
    match event.notice.days_late:
        case 0 if closed_before_month_end(event.month, closed_on):
            return "before the month had ended"
        case 0:
            return "before the first working day after the end of the month"
        case 1:
            return "working day after the end of the month"
        case _:
            return "working days after the end of the month"


def _unread(events: MultiEntityNotices, since: str = "") -> str:
    """ "2 entities cannot be read: US Holdings LLC, México SA", or "not read since" and the last reading."""
    names = sorted({one_line(row.name, SHORT_NAME) or row.code for event in events for row in event.rows})
    count = len({row.code for event in events for row in event.rows})
    entities = "1 entity" if count == 1 else f"{count} entities"
    more = f" and {len(names) - _NAMES_IN_SUBJECT} more" if len(names) > _NAMES_IN_SUBJECT else ""
    listed = ", ".join(names[:_NAMES_IN_SUBJECT]) + more
    return f"{entities} {f'not read{since}' if since else 'cannot be read'}: {listed}"


def _since(event: MultiEntityNotice, when: MomentFormatter) -> str:
    read = [row.read_at for row in event.rows if row.read_at is not None]
    return f" since {when(min(read))}" if read else ""

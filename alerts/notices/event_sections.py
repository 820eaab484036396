"""The sections of a message about connections and group closes: its part of the subject, heading and sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from alerts.notices.entries import SHORT_NAME, MultiEntityNotice, MultiEntityNotices
from alerts.notices.spec import SectionSpec, shows
from alerts.sanitize import one_line
from closing import phrasing
from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import month_end
from closing.judging.group_close import last_to_close
from closing.judging.notice_rules import NoticeReason
from closing.phrasing import MomentFormatter

_NAMES_IN_SUBJECT = 2


# --- phrases of events ----------------------------------------------------------------------------------------------


def event_name(event: MultiEntityNotice) -> str:
    """The name of the connection or of the group."""
    if event.notice.connection is not None:
        return one_line(event.notice.connection.name, SHORT_NAME)
    return one_line(event.notice.group.name, SHORT_NAME) if event.notice.group is not None else ""


def is_partly_read(event: MultiEntityNotice) -> bool:
    """Whether the connection read other entities when the notice was raised."""
    return event.notice.reason == NoticeReason.PARTLY_READ.value


def working_days_number(event: MultiEntityNotice) -> str:
    """The working days that a group took to close, as a number; "" for none, and where the date is not known."""
    return str(event.notice.days_late or "") if _closed_on(event) is not None else ""


def working_days_unit(event: MultiEntityNotice) -> str:
    """The words after `working_days_number`; "" where the date of the close is not known."""
    closed_on = _closed_on(event)
    if closed_on is None:
        return ""
    if event.notice.days_late:
        days = "day" if event.notice.days_late == 1 else "days"
        return f"working {days} after the end of the month"
    if closed_on <= month_end(event.month):
        return "before the month had ended"
    return "before the first working day after the end of the month"


def _closed_on(event: MultiEntityNotice) -> date | None:
    last = last_to_close(event.rows)
    return last.standing.last_closed_on if last is not None else None


def _connections(events: MultiEntityNotices) -> str:
    return "1 connection" if len(events) == 1 else f"{len(events)} connections"


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


def _all_confirmed(events: MultiEntityNotices) -> bool:
    return all(phrasing.is_confirmed(row) for event in events for row in event.rows if not row.not_due)


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


# --- group closes ---------------------------------------------------------------------------------------------------


def _group_closed(event: MultiEntityNotice, when: MomentFormatter) -> str:
    has, as_read = ("has", "") if _all_confirmed([event]) else ("had", " when last read")
    took = " ".join(filter(None, [working_days_number(event), working_days_unit(event)]))
    closed = f"{event_name(event)} {has} closed {month_and_year(event.month)}{as_read}"
    return f"{closed}, {took}" if took else closed


def _groups_closed(events: MultiEntityNotices) -> str:
    if (groups := _groups(events)) > 1:
        return f"{groups} groups have closed"
    months = _months(events) if len(events) == 1 else f"{len(events)} months"
    return f"{event_name(events[0])} has closed {months}"


def _group_note(events: MultiEntityNotices) -> str:
    if not _all_confirmed(events):
        return "Every entity counted as closed when last read; some of them have not been read since."
    due = " with something due" if any(row.not_due for event in events for row in event.rows) else ""
    return f"Every entity of the group{due} counts as closed."


# --- the sections ---------------------------------------------------------------------------------------------------


def event_section(
    rank: int, heading: Callable[[MultiEntityNotices], str], **texts: Any
) -> SectionSpec[MultiEntityNotice]:
    """A section of connections or groups, which its heading counts; `texts` as in SectionSpec."""
    return SectionSpec(
        rank=rank, heading=heading, counted=heading, **{"board_filter": lambda rows: {}, **texts}
    )


REFUSED = event_section(
    50,
    lambda events: f"Access refused by {_connections(events)}",
    note=lambda events: (
        "The board shows what was last read. Ask an administrator to renew the access of Closeboard to the ERP."
    ),
    one=lambda event, when: f"{_unread([event])}, access refused by {event_name(event)}",
    many=lambda events, heading, when: f"{_unread(events)}, access refused",
)
STALE = event_section(
    60,
    lambda events: (
        f"{_connections(events)} {'partly read' if all(map(is_partly_read, events)) else 'not read'}"
    ),
    note=lambda events: "The board shows what was last read; an entity may have closed since.",
    one=lambda event, when: _unread([event], _since(event, when)),
    many=lambda events, heading, when: _unread(events),
    board_filter=shows("stale"),
)
OTHER_EVENTS = event_section(  # of kinds that this version does not know
    65,
    lambda events: f"{len(events)} other {'notification' if len(events) == 1 else 'notifications'}",
    note=lambda events: "See the board in Closeboard.",
    one=lambda event, when: f"{event_name(event)}: {event.notice.kind.replace('_', ' ')}",
)
READ_AGAIN = event_section(
    120,
    lambda events: f"{_connections(events)} {'is' if len(events) == 1 else 'are'} read again",
    note=lambda events: (
        "The trouble that you were notified of has ended: the board shows what the ERP says now."
    ),
    one=lambda event, when: f"{event_name(event)} is read again",
)
GROUP_CLOSED = event_section(
    130,
    _groups_closed,
    note=_group_note,
    one=_group_closed,
    many=lambda events, heading, when: (
        f"{heading}, {_months(events) if _groups(events) == 1 else event_name(events[0])}"
    ),
)

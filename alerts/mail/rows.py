"""Writes the rows of a mail: an entity's month with its lateness, state and details, an outage, a group's close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from alerts.notices.entries import EntityMonth, MultiEntityNotice
from alerts.notices.event_sections import event_name, is_partly_read, working_days_number, working_days_unit
from alerts.notices.notice_specs import spec_of
from alerts.sanitize import one_line
from closing import phrasing
from closing.blockers.row_blockers import blockers_phrase
from closing.calendar.date_phrases import day_and_month, month_and_year, weekday_and_date
from closing.judging.group_close import last_to_close
from closing.judging.notice_rules import ESCALATE_AFTER
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

MAX_TEXT_LENGTH = 300  # letters of a text that a person or an ERP wrote
_MOST_NAMES = 10  # entities of one event


class EntityLookup(NamedTuple):
    """An entity's owner, the path of its group, the owner's deputy, and the days late of each escalation step."""

    owner: int | None
    owner_name: str
    owner_email: str
    path: str
    deputy: int | None = None
    steps: Sequence[int] = ESCALATE_AFTER


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The data that the text needs beside the items: the reader's zone, the reason they receive it, and the moment.

    `reopened_at` holds when each reopening was seen, by notice.
    """

    as_of: datetime
    zone: ZoneInfo
    zone_name: str
    base_url: str
    why: str
    entities: Mapping[int, EntityLookup] = field(default_factory=dict)
    reopened_at: Mapping[int, datetime] = field(default_factory=dict)

    def entity(self, row: Row) -> EntityLookup:
        """The data of a row's entity; of one that was not looked up those of the row."""
        return self.entities.get(row.entity_id) or EntityLookup(None, row.owner, "", "")

    def when(self, moment: datetime) -> str:
        """A moment in the reader's zone, with its day: a mail may be read on a later one."""
        return phrasing.day_and_clock(moment, self.zone, self.as_of)


@dataclass(frozen=True, slots=True)
class TextLink:
    """A text with a link; with an empty address it is plain text."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """One detail of a row: its name, its text, and an address to write to."""

    name: str
    text: str
    mail: TextLink | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row as text. `tone` colours its lateness and `kind` its state; neither adds to the text."""

    title: TextLink
    subtitle: str
    state: str
    kind: str
    late: str
    unit: str
    tone: str
    details: Sequence[MessageDetail]

    @property
    def lateness(self) -> str:
        """Its days late: "+6 calendar days late"; empty where it has none."""
        return " ".join(filter(None, [self.late, self.unit]))


def entity_row(case: EntityMonth, context: MessageContext) -> MessageRow:
    """The row of one entity's month with all its details; empty details are left out."""
    row = case.row
    late, unit = _lateness(row)
    tone = "was" if row.counts_as_closed else "alert" if row.standing.alerting else "late" if late else "none"
    url = f"{context.base_url}/entities/{quote(row.code, safe='')}/?month={case.month:%Y-%m}"
    return MessageRow(
        title=TextLink(case.name, url),
        subtitle=f"{one_line(row.code, 40)}, {month_and_year(case.month)}",
        state=_state(row, context),
        kind=row.state.value if phrasing.is_confirmed(row) else "unknown",
        late=late,
        unit=unit,
        tone=tone,
        details=[detail for detail in _details(case, context) if detail.text or detail.mail],
    )


def _state(row: Row, context: MessageContext) -> str:
    """The state in words, and since when it is not read."""
    state = phrasing.state_label(row)
    if row.state is PeriodState.ON_HOLD and row.counts_as_closed:
        state += ", counts as closed"
    if row.missing_since is not None:
        return f"{state}, missing since {context.when(row.missing_since)}"
    if row.read_at is not None and not row.fresh:
        return f"{state}, not read since {context.when(row.read_at)}"
    if row.read_at is None:
        return f"{state}, never read"
    return f"{state}, by its last known state" if row.standing.unconfirmed else state


def _lateness(row: Row) -> tuple[str, str]:
    """The number and its unit: "+6", "calendar days late"; of an unconfirmed row as it was when last read."""
    standing = row.standing
    suffix = (
        "" if row.counts_as_closed or phrasing.is_confirmed(row) or row.read_at is None else " when last read"
    )
    match standing.level:
        case Level.LATE | Level.ALERTING | Level.CLOSED_LATE if standing.days_late:
            unit = phrasing.unit_in_words(standing.days_late, standing.unit)
            return f"+{standing.days_late}", f"{unit} late{suffix}"
        case Level.NOT_DUE | Level.DUE_TODAY if row.deadline is not None and (standing.due_in or 0) < 0:
            return "", f"was due {phrasing.short_day(row.deadline.due_on)}"
        case Level.NOT_DUE if standing.due_in == 0:
            return "", f"due today{suffix}"
        case Level.NOT_DUE if standing.due_in:
            return "", f"due in {standing.due_in} {'day' if standing.due_in == 1 else 'days'}{suffix}"
        case Level.LATE | Level.ALERTING if suffix:
            return "", f"past its cut-off{suffix}"
        case Level.CLOSED_DATE_UNKNOWN if standing.closed_between is not None:
            return "", "perhaps on time"
        case level:
            return "", f"{_LEVELS_WITHOUT_NUMBER[level]}{suffix}"


_LEVELS_WITHOUT_NUMBER = {
    Level.NOT_DUE: "not due",
    Level.DUE_TODAY: "due today",
    Level.LATE: "late today",
    Level.ALERTING: "late today",
    Level.CLOSED_ON_TIME: "closed on time",
    Level.CLOSED_LATE: "closed after the cut-off",
    Level.CLOSED_DATE_UNKNOWN: "closed, date unknown",
    Level.NO_DEADLINE: "no deadline set",
    Level.UNKNOWN: "unknown",
}


def _details(case: EntityMonth, context: MessageContext) -> list[MessageDetail]:
    row, closed = case.row, case.row.counts_as_closed
    return [
        MessageDetail("Reading", _unconfirmed(row, context)),
        MessageDetail("Escalation", _escalation(case, context)),
        MessageDetail("Reopened", "" if closed else _reopened(case, context)),
        MessageDetail("Closed", _closed(row) if closed else ""),
        MessageDetail("Deadline", _deadline(row)),
        MessageDetail("In the way", "" if closed else one_line(_in_the_way(row, context), MAX_TEXT_LENGTH)),
        MessageDetail("Reason", _reason(row, context)),
        MessageDetail("Expected close", "" if closed else _expected_close(row, context)),
        MessageDetail("Taken over", "" if closed else _acknowledged(row, context)),
        _owner(row, context),
    ]


def _in_the_way(row: Row, context: MessageContext) -> str:
    return ". ".join(filter(None, [phrasing.state_because(row), blockers_phrase(row, context.when)]))


def _unconfirmed(row: Row, context: MessageContext) -> str:
    if phrasing.is_confirmed(row):
        return ""
    if row.missing_since is not None:
        sentence = f"The ERP has not listed it since {context.when(row.missing_since)}."
    elif row.read_at is None:
        sentence = "Never read."
    elif not row.fresh:
        age = phrasing.age(row.read_at, context.as_of)
        sentence = f"Last read {context.when(row.read_at)}, {age} before this mail."
    else:
        sentence = "The ERP’s answer is missing or not understood: days late follow the last known state."
    return f"{sentence} {one_line(row.read_error, MAX_TEXT_LENGTH)}".rstrip()


def _escalation(case: EntityMonth, context: MessageContext) -> str:
    """The step reached, by the group's steps of now; a step that no longer exists has its number only."""
    if not case.step:
        return ""
    steps = context.entity(case.row).steps
    if case.step > len(steps):
        return f"Step {case.step}."
    days = phrasing.days_in_words(steps[case.step - 1], case.row.standing.unit)
    return f"Step {case.step} of {len(steps)}, due at {days} late."


def _reopened(case: EntityMonth, context: MessageContext) -> str:
    if not case.row.standing.reopened:
        return ""
    seen = [context.reopened_at[row.pk] for row in case.notices if row.pk in context.reopened_at]
    when = f"Seen {context.when(max(seen))}. " if seen else ""
    day = case.row.standing.first_closed_on
    return f"{when}It was closed{f' on {weekday_and_date(day)}' if day is not None else ''}."


def _closed(row: Row) -> str:
    """The date of the first close, and of the last one where the first was undone."""
    standing = row.standing
    if standing.closed_between is not None:
        first = phrasing.between(*standing.closed_between).capitalize()
    elif standing.first_closed_on is None:
        first = "Date unknown"
    else:
        first = f"Seen on {weekday_and_date(standing.first_closed_on)}"
    last = standing.last_closed_on
    if standing.reopened and last is not None and last != standing.first_closed_on:
        return f"{first}, reopened, closed again on {day_and_month(last)}."
    return f"{first}."


def _deadline(row: Row) -> str:
    deadline = row.deadline
    if deadline is None:
        return "No deadline set."
    day = weekday_and_date(deadline.due_on)
    explanation = deadline.explanation.replace(f": {day}", "", 1)  # the day is in front already
    label = "" if explanation.startswith(deadline.label) else f", {deadline.label}"
    return one_line(
        f"{day}{label}. {explanation[:1].upper()}{explanation[1:]}".removesuffix(". "), 2 * MAX_TEXT_LENGTH
    )


def _reason(row: Row, context: MessageContext) -> str:
    """The overdue reason; that there is none matters only while it is late."""
    late = row.standing.level in {Level.LATE, Level.ALERTING} and not row.counts_as_closed
    return (
        one_line(phrasing.overdue_reason_text(row, context.when), MAX_TEXT_LENGTH)
        if late or row.remarks.reason
        else ""
    )


def _expected_close(row: Row, context: MessageContext) -> str:
    """The expected close without the word that the detail's name says already."""
    text = phrasing.expected_close_text(row, context.as_of)
    return one_line(text.removeprefix("Was expected on ").removeprefix("Expected "), MAX_TEXT_LENGTH)


def _acknowledged(row: Row, context: MessageContext) -> str:
    by, text = phrasing.acknowledgement_text(row, context.when), row.remarks.acknowledged_text
    return one_line(f"By {by}: “{text}”" if text else f"By {by}", MAX_TEXT_LENGTH) if by else ""


def _owner(row: Row, context: MessageContext) -> MessageDetail:
    entity = context.entity(row)
    name, email = one_line(entity.owner_name), one_line(entity.owner_email, 254)
    if not name and not email:
        return MessageDetail("Owner", "No owner.")
    if not email:
        return MessageDetail("Owner", name)
    return MessageDetail(
        "Owner", f"{name}," if name else "", TextLink(email, f"mailto:{quote(email, safe='@')}")
    )


# --- events of several entities -------------------------------------------------------------------------------------


def multi_entity_row(event: MultiEntityNotice, context: MessageContext) -> MessageRow:
    """The row of one event with all its details."""
    return _outage_row(event, context) if event.notice.group is None else _close_row(event, context)


def _close_row(event: MultiEntityNotice, context: MessageContext) -> MessageRow:
    code = event.notice.group.code if event.notice.group is not None else ""
    query = urlencode({"month": f"{event.month:%Y-%m}", "group": code})
    due = [row for row in event.rows if not row.not_due]
    late = [row for row in due if row.standing.level is Level.CLOSED_LATE]
    not_due = f" {len(event.rows) - len(due)} not due." if len(due) < len(event.rows) else ""
    last = last_to_close(event.rows)
    confirmed = all(phrasing.is_confirmed(row) for row in event.rows)
    return MessageRow(
        title=TextLink(event_name(event), f"{context.base_url}/?{query}"),
        subtitle=f"{one_line(code, 40)}, {month_and_year(event.month)}",
        state="Closed" if confirmed else "Closed when last read",
        kind="closed" if confirmed else "unknown",
        late=working_days_number(event),
        unit=working_days_unit(event),
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
    spec, name = spec_of(event.notice.kind), event_name(event)
    names = sorted(one_line(row.name) or row.code for row in event.rows)
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    errors = sorted({one_line(row.read_error, MAX_TEXT_LENGTH) for row in event.rows if row.read_error})
    read = [row.read_at for row in event.rows if row.read_at is not None]
    shown = spec.event_section.board_filter(event.rows) if spec.event_section else {}
    return MessageRow(
        title=TextLink(name, f"{context.base_url}/?{urlencode({'erp': name, **shown})}"),
        subtitle="ERP connection",
        state="Partly read" if is_partly_read(event) else spec.state or spec.label,
        kind="closed" if spec.ends else "unknown",
        late=str(len(event.rows)),
        unit="entity" if len(event.rows) == 1 else "entities",
        tone="none" if spec.ends else "late",
        details=[
            MessageDetail("Last read", context.when(min(read)) if read else "Never read."),
            MessageDetail("Entities", listed),
            *(MessageDetail("ERP’s answer", error) for error in errors[:3]),
        ],
    )

"""One entity's month in the words of a mail: how late, its state, and each thing that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerts.mail.cases import EntityMonth
from alerts.sanitize import one_line
from closing import phrasing
from closing.calendar.date_phrases import day_and_month, month_and_year, weekday_and_date
from closing.judging.notice_rules import ESCALATE_AFTER
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

LONGEST_WORDS = 300  # letters of what somebody wrote


@dataclass(frozen=True, slots=True)
class OwnerContact:
    """Who answers for an entity, and how to reach them."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What the words need beside the items: the reader's zone and why they are told, and the moment of all of it.

    `owners`, `groups` (codes from the root down) and `steps` (days late of each) are by entity; `undone` holds by
    notice of a reopening when it was seen.
    """

    as_of: datetime
    zone: ZoneInfo
    zone_name: str
    base_url: str
    why: str
    owners: Mapping[int, OwnerContact] = field(default_factory=dict)
    groups: Mapping[int, Sequence[str]] = field(default_factory=dict)
    reopened_at: Mapping[int, datetime] = field(default_factory=dict)
    steps: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def when(self, moment: datetime) -> str:
        """A moment in the reader's zone, with its day: a mail is read on another one."""
        return phrasing.day_and_clock(moment, self.zone, self.as_of)


@dataclass(frozen=True, slots=True)
class TextLink:
    """Words that lead somewhere; with an empty address they lead nowhere."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """One thing known of a row: what it is called, what it is, and an address to write to."""

    name: str
    text: str
    mail: TextLink | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row in words. `tone` colours its lateness and `kind` its state; neither says what the words do not."""

    title: TextLink
    subtitle: str
    state: str
    kind: str
    late: str
    unit: str
    tone: str
    details: Sequence[MessageDetail]


def entity_row(case: EntityMonth, known: MessageContext) -> MessageRow:
    """A row with all that is known of it; a fact that there is nothing to say of is left out."""
    row = case.row
    late, unit = _lateness(row)
    tone = "was" if row.counts_as_closed else "alert" if row.standing.alerting else "late" if late else "none"
    url = f"{known.base_url}/entities/{quote(row.code, safe='')}/?month={case.month:%Y-%m}"
    return MessageRow(
        title=TextLink(case.name, url),
        subtitle=f"{one_line(row.code, 40)}, {month_and_year(case.month)}",
        state=_state(row, known),
        kind=row.state.value if phrasing.is_confirmed(row) else "unknown",
        late=late,
        unit=unit,
        tone=tone,
        details=[fact for fact in _facts(case, known) if fact.text or fact.mail],
    )


def _state(row: Row, known: MessageContext) -> str:
    """The state in words; one that cannot be confirmed says so."""
    state = phrasing.STATE_LABELS[row.state]
    if row.state is PeriodState.ON_HOLD and row.counts_as_closed:
        state += ", counts as closed"
    if row.missing_since is not None:
        return f"{state}, missing since {known.when(row.missing_since)}"
    if row.read_at is not None and not row.fresh:
        return f"{state} as of {known.when(row.read_at)}"
    return f"{state}, unconfirmed" if row.standing.unconfirmed else state


def _lateness(row: Row) -> tuple[str, str]:
    """The number and what it counts: "+6", "calendar days late"; of what is unconfirmed, as it was when last read."""
    standing = row.standing
    last = (
        "" if row.counts_as_closed or phrasing.is_confirmed(row) or row.read_at is None else " when last read"
    )
    match standing.level:
        case Level.LATE | Level.ALERTING | Level.CLOSED_LATE if standing.days_late:
            unit = phrasing.unit_in_words(standing.days_late, standing.unit)
            return f"+{standing.days_late}", f"{unit} late{last}"
        case Level.NOT_DUE if standing.due_in:
            return "", f"due in {standing.due_in} {'day' if standing.due_in == 1 else 'days'}{last}"
        case level:
            return "", f"{_WITHOUT_NUMBER[level]}{last}"


_WITHOUT_NUMBER = {
    Level.NOT_DUE: "not due",
    Level.DUE_TODAY: "due today",
    Level.LATE: "late today",
    Level.ALERTING: "late today",
    Level.CLOSED_ON_TIME: "closed on time",
    Level.CLOSED_LATE: "closed after the cut-off",
    Level.CLOSED_DATE_UNKNOWN: "on time?",
    Level.NO_DEADLINE: "no deadline set",
    Level.UNKNOWN: "not known",
}


def _facts(case: EntityMonth, known: MessageContext) -> list[MessageDetail]:
    row, closed = case.row, case.row.counts_as_closed
    return [
        MessageDetail("Unconfirmed", _unconfirmed(row, known)),
        MessageDetail("Escalation", _escalation(case, known)),
        MessageDetail("Opened again", "" if closed else _reopened(case, known)),
        MessageDetail("Closed", _closed(row) if closed else ""),
        MessageDetail("Deadline", _deadline(row)),
        MessageDetail("In the way", "" if closed else one_line(phrasing.state_because(row), LONGEST_WORDS)),
        MessageDetail("Reason", _reason(row, known)),
        MessageDetail(
            "Expected",
            "" if closed else one_line(phrasing.expected_close_text(row, known.as_of), LONGEST_WORDS),
        ),
        MessageDetail("Acknowledged", "" if closed else _acknowledged(row, known)),
        _owner(row, known),
    ]


def _unconfirmed(row: Row, known: MessageContext) -> str:
    if phrasing.is_confirmed(row):
        return ""
    if row.missing_since is not None:
        said = f"The ERP has not listed it since {known.when(row.missing_since)}."
    elif row.read_at is None:
        said = "It was never read."
    elif not row.fresh:
        said = (
            f"Last read {known.when(row.read_at)}, {phrasing.age(row.read_at, known.as_of)} before this mail."
        )
    else:
        said = "What the ERP says now is not understood; it is judged as it was before."
    return f"{said} {one_line(row.read_error, LONGEST_WORDS)}".rstrip()


def _escalation(case: EntityMonth, known: MessageContext) -> str:
    """The step that was reached, as the group's steps are now; a step that is agreed no more has its number only."""
    if not case.step:
        return ""
    steps = known.steps.get(case.row.entity_id, ESCALATE_AFTER)
    if case.step > len(steps):
        return f"Step {case.step}."
    days = phrasing.days_in_words(steps[case.step - 1], case.row.standing.unit)
    return f"Step {case.step} of {len(steps)}, due at {days} late."


def _reopened(case: EntityMonth, known: MessageContext) -> str:
    if not case.row.standing.reopened:
        return ""
    seen = [known.reopened_at[each.pk] for each in case.notices if each.pk in known.reopened_at]
    when = f"Seen {known.when(max(seen))}. " if seen else ""
    on = case.row.standing.first_closed_on
    return f"{when}It had been closed{f' on {weekday_and_date(on)}' if on is not None else ''}."


def _closed(row: Row) -> str:
    """When the first close was seen, and the last one where it was undone in between."""
    standing = row.standing
    if standing.closed_between is not None:
        first = f"Some time {phrasing.between(*standing.closed_between)}"
    elif standing.first_closed_on is None:
        first = "On a day that nobody knows"
    else:
        first = f"Seen on {weekday_and_date(standing.first_closed_on)}"
    last = standing.last_closed_on
    if standing.reopened and last is not None and last != standing.first_closed_on:
        return f"{first}, opened again, closed again on {day_and_month(last)}."
    return f"{first}."


def _deadline(row: Row) -> str:
    deadline = row.deadline
    if deadline is None:
        return "None set."
    day = weekday_and_date(deadline.due_on)
    how = deadline.explanation.replace(f": {day}", "", 1)  # it is in front already
    label = "" if how.startswith(deadline.label) else f", {deadline.label}"
    return one_line(f"{day}{label}. {how[:1].upper()}{how[1:]}".removesuffix(". "), 2 * LONGEST_WORDS)


def _reason(row: Row, known: MessageContext) -> str:
    """Why it is late as its people say; that they have said nothing matters only while it is late."""
    late = row.standing.level in {Level.LATE, Level.ALERTING} and not row.counts_as_closed
    return (
        one_line(phrasing.overdue_reason_text(row, known.when), LONGEST_WORDS)
        if late or row.remarks.reason
        else ""
    )


def _acknowledged(row: Row, known: MessageContext) -> str:
    by, text = phrasing.acknowledgement_text(row, known.when), row.remarks.acknowledged_text
    return one_line(f"By {by}: “{text}”" if text else f"By {by}", LONGEST_WORDS) if by else ""


def _owner(row: Row, known: MessageContext) -> MessageDetail:
    owner = known.owners.get(row.entity_id, OwnerContact(row.owner, ""))
    name, email = one_line(owner.name), one_line(owner.email, 254)
    if not name and not email:
        return MessageDetail("Owner", "Nobody owns it.")
    if not email:
        return MessageDetail("Owner", name)
    return MessageDetail(
        "Owner", f"{name}," if name else "", TextLink(email, f"mailto:{quote(email, safe='@')}")
    )

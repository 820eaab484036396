"""Writes the subject of a mail, and the heading and the sentence of each section."""

from __future__ import annotations

from alerts.mail import events
from alerts.mail.cases import EntityMonth, EntityMonths, NoticeSections, SectionKind
from closing import phrasing
from closing.calendar.date_phrases import month_and_year
from closing.judging.standing import LatenessUnit, Level
from closing.judging.states import PeriodState
from closing.phrasing import MomentFormatter
from closing.scoreboard.row import Row

_SHORT_PHRASES = {
    SectionKind.PERMANENT: "reopened after a permanent close",
    SectionKind.PAST: "alerting",
    SectionKind.UNCONFIRMED: "cannot be read",
    SectionKind.REOPENED: "reopened",
    SectionKind.NO_DEADLINE: "with no deadline set",
    SectionKind.LATE: "overdue",
    SectionKind.DUE_SOON: "due soon",
    SectionKind.CLEARED: "closed",
    SectionKind.EASED: "no longer alerting",
}


_NAMED_STATES = frozenset({PeriodState.OPEN, PeriodState.ON_HOLD})


def subject(sections: NoticeSections, when: MomentFormatter) -> str:
    """The worst section with its count and first entity, the others as counts; a single item as a sentence."""
    worst, *others = sections.order
    return "; ".join([_first(worst, sections, when), *(_short_count(kind, sections) for kind in others)])


def _first(kind: SectionKind, sections: NoticeSections, when: MomentFormatter) -> str:
    if kind in sections.multi_entity_notices:
        return events.subject(kind, sections.multi_entity_notices[kind], when)
    cases = sections.entity_months[kind]
    return _about_one(kind, cases[0], when) if len(cases) == 1 else _about_many(kind, cases, when)


def _short_count(kind: SectionKind, sections: NoticeSections) -> str:
    if kind in sections.multi_entity_notices:
        return events.heading(kind, sections.multi_entity_notices[kind])
    cases = sections.entity_months[kind]
    return f"{_entity_count(cases)} {_SHORT_PHRASES[kind]}{_unconfirmed_count(kind, cases)}"


def heading(kind: SectionKind, cases: EntityMonths) -> str:
    """The heading of a section: "3 entities are more than 5 days late (1 as last read)"."""
    return f"{_counted_entities(cases)} {_phrase(kind, cases)}{_unconfirmed_count(kind, cases)}"


def _phrase(kind: SectionKind, cases: EntityMonths) -> str:
    if kind is not SectionKind.PAST:
        return _SHORT_PHRASES[kind]
    verb, lines = "is" if _entity_count(cases) == 1 else "are", _alert_lines(cases)
    if len(lines) > 1:
        return f"{verb} alerting"
    ((days, unit),) = lines
    return f"{verb} more than {_in_days(days, unit)} late"


def _unconfirmed_count(kind: SectionKind, cases: EntityMonths) -> str:
    """How many of the entities counted are as last read: a count must not present them as a fact."""
    unconfirmed = _entity_count([case for case in cases if not phrasing.is_confirmed(case.row)])
    if kind is SectionKind.UNCONFIRMED or not unconfirmed:
        return ""
    return " (as last read)" if unconfirmed == _entity_count(cases) else f" ({unconfirmed} as last read)"


def note(kind: SectionKind, cases: EntityMonths) -> str:
    """The meaning of the section, in a sentence that is true of each of its rows."""
    one = len(cases) == 1
    confirmed = all(phrasing.is_confirmed(case.row) for case in cases)
    it = "It" if one else "Each"
    match kind:
        case SectionKind.PERMANENT:
            return (
                f"{it} was permanently closed and has been reopened since. {phrasing.NOT_ALLOWED}:"
                " find out who changed the period, and why."
            )
        case SectionKind.PAST:
            return f"{it} is {_past_phrase(cases)} and {_still_open(cases, confirmed=confirmed)}."
        case SectionKind.UNCONFIRMED:
            unread = sum(case.row.read_at is None for case in cases)
            if unread:
                read = (
                    "was never read"
                    if unread == len(cases)
                    else "was not closed when last read, or never read"
                )
                return f"{it} {read}. By today’s date it is {_past_phrase(cases)}, unless it has closed."
            return (
                f"{it} was not closed when last read and cannot be read now. By today’s date it is"
                f" {_past_phrase(cases)}, unless it has closed since."
            )
        case SectionKind.REOPENED:
            return f"{it} was closed and has been reopened{'' if confirmed else ', as last read'}."
        case SectionKind.NO_DEADLINE:
            return (
                f"{it} has no deadline set although the month has ended, and cannot become late."
                " An administrator sets one with a policy."
            )
        case SectionKind.LATE:
            return f"{it} is overdue and {_still_open(cases, confirmed=confirmed)}."
        case SectionKind.DUE_SOON:
            return f"{it} is not closed yet{'' if confirmed else ', as last read'}."
        case SectionKind.CLEARED:
            if not all(case.row.counts_as_closed for case in cases):
                return f"{it} has closed a period of the month."
            return f"{it} counts as closed now." if confirmed else f"{it} counted as closed when last read."
        case SectionKind.EASED:
            return f"{it} is still not closed, but by the deadline and the policy of now it no longer alerts."
    raise ValueError(f"{kind} is a section of events")


def _about_one(kind: SectionKind, case: EntityMonth, when: MomentFormatter) -> str:
    row, name, month = case.row, case.short_name, month_and_year(case.month)
    match kind:
        case SectionKind.PERMANENT:
            times = phrasing.reopened_times(row) if row.standing.permanent_reopenings else "reopened"
            return f"{name}: {month} was permanently closed and has been {times}"
        case SectionKind.PAST:
            step = f"Escalation, step {case.step}: " if case.step else ""
            if phrasing.is_confirmed(row):
                return f"{step}{name} is {_days(row)} late for {month}"
            return f"{step}{name} was {_days(row)} late for {month} when last read"
        case SectionKind.UNCONFIRMED:
            return f"{name} cannot be read for {month}: {_last_known(row, when)}"
        case SectionKind.REOPENED:
            return f"{name}: {month} was reopened"
        case SectionKind.NO_DEADLINE:
            return f"{name} has no deadline set for {month}"
        case SectionKind.LATE:
            late = f"is {_days(row)} late" if row.standing.days_late else "is late today"
            return f"{name} {late if phrasing.is_confirmed(row) else 'was late when last read'} for {month}"
        case SectionKind.DUE_SOON:
            return f"{name} {'was' if _has_passed(row) else 'is'} due {_due(row)} for {month}"
        case SectionKind.CLEARED:
            return _cleared(row, name, month)
        case SectionKind.EASED:
            return f"{name} no longer alerts for {month}"
    raise ValueError(f"{kind} is a section of events")


def _about_many(kind: SectionKind, cases: EntityMonths, when: MomentFormatter) -> str:
    row, name = cases[0].row, cases[0].short_name
    match kind:
        case SectionKind.PAST:
            step = "Escalation: " if all(case.step for case in cases) else ""
            return f"{step}{heading(kind, cases)}, {name} by {_by(cases)}"
        case SectionKind.UNCONFIRMED:
            return f"{heading(kind, cases)}, {name} {_last_known(row, when)}"
        case SectionKind.REOPENED | SectionKind.PERMANENT:
            return f"{heading(kind, cases)}, {name} for {month_and_year(cases[0].month)}"
        case SectionKind.LATE:
            return f"{heading(kind, cases)}, {name} by {_days(row)}"
        case SectionKind.DUE_SOON:
            return f"{heading(kind, cases)}, {name} {_due(row)}"
        case SectionKind.CLEARED:
            late = f", {name} {_days(row)} late" if row.standing.days_late else ""
            return f"{heading(kind, cases)}{late}"
        case _:
            return heading(kind, cases)


def _cleared(row: Row, name: str, month: str) -> str:
    if (
        not row.counts_as_closed
    ):  # a month may hold two periods (01-domain 1.1): the row is about the other one
        return f"{name} has closed one of its periods of {month}"
    late = row.standing.days_late if row.standing.level is Level.CLOSED_LATE else 0
    has = "has" if phrasing.is_confirmed(row) else "had"
    closed = f"put {month} on hold" if row.state is PeriodState.ON_HOLD else f"closed {month}"
    again = " again" if row.standing.reopened else ""
    sentence = f"{name} {has} {closed}{again}{'' if phrasing.is_confirmed(row) else ' when last read'}"
    return f"{sentence}, {_days(row)} late" if late else sentence


def _has_passed(row: Row) -> bool:
    return row.standing.due_in is not None and row.standing.due_in < 0


def _due(row: Row) -> str:
    """ "today", "in 2 days", or "on Tue 9 Jun" once it has passed since the last reading."""
    if row.deadline is not None and _has_passed(row):
        return f"on {phrasing.short_day(row.deadline.due_on)}"
    if row.standing.level is Level.DUE_TODAY or not row.standing.due_in:
        return "today"
    return f"in {row.standing.due_in} {'day' if row.standing.due_in == 1 else 'days'}"


def _last_known(row: Row, when: MomentFormatter) -> str:
    state = phrasing.state_label(row)
    if row.missing_since is not None:
        return f"{state} until the ERP stopped listing it, {when(row.missing_since)}"
    return f"{state} when last read, {when(row.read_at)}" if row.read_at is not None else "never read"


def _entity_count(cases: EntityMonths) -> int:
    return len({case.row.code for case in cases})


def _counted_entities(cases: EntityMonths) -> str:
    count = _entity_count(cases)
    return f"{count} {'entity' if count == 1 else 'entities'}"


def _days(row: Row) -> str:
    """The days late, "6 days" or "6 working days": a subject has no room for more."""
    return _in_days(row.standing.days_late, row.standing.unit)


def _in_days(count: int, unit: LatenessUnit) -> str:
    if unit is LatenessUnit.WORKING_DAYS:
        return phrasing.days_in_words(count, unit)
    return f"{count} {'day' if count == 1 else 'days'}"


def _alert_lines(cases: EntityMonths) -> set[tuple[int, LatenessUnit]]:
    return {(case.row.alert_after_days, case.row.standing.unit) for case in cases}


def _by(cases: EntityMonths) -> str:
    """The days late of the first case: the number alone where the heading has just named its unit."""
    row = cases[0].row
    return str(row.standing.days_late) if len(_alert_lines(cases)) == 1 else _days(row)


def _still_open(cases: EntityMonths, *, confirmed: bool) -> str:
    """ "still On hold in the ERP", "still not closed in the ERP" of several; or "was ... when last read"."""
    states = {phrasing.state_label(case.row) for case in cases}
    state = states.pop() if len(states) == 1 and cases[0].row.state in _NAMED_STATES else "not closed"
    return f"still {state} in the ERP" if confirmed else f"was {state} when last read"


def _past_phrase(cases: EntityMonths) -> str:
    lines = _alert_lines(cases)
    if len(lines) > 1:
        return "alerting"
    ((days, unit),) = lines
    return f"more than {phrasing.days_in_words(days, unit)} late"

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
    SectionKind.UNCONFIRMED: "cannot be confirmed",
    SectionKind.REOPENED: "opened again",
    SectionKind.NO_DEADLINE: "without a deadline",
    SectionKind.LATE: "late",
    SectionKind.DUE_SOON: "due soon",
    SectionKind.CLEARED: "closed",
    SectionKind.EASED: "not past the line any more",
}


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
    """The heading of a section: "3 entities past the 5-day line (1 unconfirmed)"."""
    phrase = f"past {_alert_line(cases)}" if kind is SectionKind.PAST else _SHORT_PHRASES[kind]
    return f"{_counted_entities(cases)} {phrase}{_unconfirmed_count(kind, cases)}"


def _unconfirmed_count(kind: SectionKind, cases: EntityMonths) -> str:
    """How many of the entities counted are unconfirmed: a count must not present them as a fact."""
    unconfirmed = _entity_count([case for case in cases if not phrasing.is_confirmed(case.row)])
    if kind is SectionKind.UNCONFIRMED or not unconfirmed:
        return ""
    return " (unconfirmed)" if unconfirmed == _entity_count(cases) else f" ({unconfirmed} unconfirmed)"


def note(kind: SectionKind, cases: EntityMonths) -> str:
    """The meaning of the section, in a sentence that is true of each of its rows."""
    one = len(cases) == 1
    confirmed = all(phrasing.is_confirmed(case.row) for case in cases)
    it = "It" if one else "Each"
    match kind:
        case SectionKind.PAST:
            read = "was read not to be closed" if confirmed else "was not closed when last read"
            return f"{it} is {_past_phrase(cases)} and {read}."
        case SectionKind.UNCONFIRMED:
            return (
                f"{it} was not closed when last read, cannot be read now, and would be past its alert line by"
                " today’s date. Nobody can tell whether it has closed since."
            )
        case SectionKind.REOPENED:
            return f"{it} had been closed, and is not any more{'' if confirmed else ', as last read'}."
        case SectionKind.NO_DEADLINE:
            return f"{it} has ended, and nobody has set a deadline for it, so nobody can tell whether it is late."
        case SectionKind.LATE:
            read = "was read not to be closed" if confirmed else "was not closed when last read"
            return f"{it} is past its deadline and {read}."
        case SectionKind.DUE_SOON:
            return f"{it} is not closed yet{'' if confirmed else ', as last read'}."
        case SectionKind.CLEARED:
            if not all(case.row.counts_as_closed for case in cases):
                return f"{it} has closed a period of the month."
            return f"{it} counts as closed now." if confirmed else f"{it} counted as closed when last read."
        case SectionKind.EASED:
            return f"{it} is still not closed, but by what is agreed now it is not past its alert line."
    raise ValueError(f"{kind} is a section of events")


def _about_one(kind: SectionKind, case: EntityMonth, when: MomentFormatter) -> str:
    row, name, month = case.row, case.short_name, month_and_year(case.month)
    match kind:
        case SectionKind.PAST:
            step = f"Escalation, step {case.step}: " if case.step else ""
            if phrasing.is_confirmed(row):
                return f"{step}{name} is {_days(row)} past its deadline for {month}"
            return f"{step}{name} was {_days(row)} past its deadline for {month} when last read"
        case SectionKind.UNCONFIRMED:
            return f"{name} cannot be confirmed for {month}: {_last_known(row, when)}"
        case SectionKind.REOPENED:
            return f"{name}: {month} was opened again"
        case SectionKind.NO_DEADLINE:
            return f"{name} has no deadline for {month}"
        case SectionKind.LATE:
            late = f"is {_days(row)} late" if row.standing.days_late else "is late today"
            return f"{name} {late if phrasing.is_confirmed(row) else 'was late when last read'} for {month}"
        case SectionKind.DUE_SOON:
            return f"{name} {'was' if _has_passed(row) else 'is'} due {_due(row)} for {month}"
        case SectionKind.CLEARED:
            return _cleared(row, name, month)
        case SectionKind.EASED:
            return f"{name} is not past its alert line for {month} any more"
    raise ValueError(f"{kind} is a section of events")


def _about_many(kind: SectionKind, cases: EntityMonths, when: MomentFormatter) -> str:
    row, name = cases[0].row, cases[0].short_name
    match kind:
        case SectionKind.PAST:
            step = "Escalation: " if all(case.step for case in cases) else ""
            by = phrasing.days(row.standing.days_late, row.standing.unit)
            return f"{step}{heading(kind, cases)}, {name} +{by}"
        case SectionKind.UNCONFIRMED:
            return f"{heading(kind, cases)}, {name} {_last_known(row, when)}"
        case SectionKind.REOPENED:
            return f"{heading(kind, cases)}, {name} for {month_and_year(cases[0].month)}"
        case SectionKind.LATE:
            return (
                f"{heading(kind, cases)}, {name} +{phrasing.days(row.standing.days_late, row.standing.unit)}"
            )
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
        return f"not listed by the ERP since {when(row.missing_since)}, then {state}"
    return f"last read {when(row.read_at)}, then {state}" if row.read_at is not None else "never read"


def _entity_count(cases: EntityMonths) -> int:
    return len({case.row.code for case in cases})


def _counted_entities(cases: EntityMonths) -> str:
    count = _entity_count(cases)
    return f"{count} {'entity' if count == 1 else 'entities'}"


def _days(row: Row) -> str:
    """The days late, "6 days" or "6 working days": a subject has no room for more."""
    count, unit = row.standing.days_late, row.standing.unit
    if unit is LatenessUnit.WORKING_DAYS:
        return phrasing.days_in_words(count, unit)
    return f"{count} {'day' if count == 1 else 'days'}"


def _alert_lines(cases: EntityMonths) -> set[tuple[int, LatenessUnit]]:
    return {(case.row.alert_after_days, case.row.standing.unit) for case in cases}


def _alert_line(cases: EntityMonths) -> str:
    """The alert line: "the 5-day line" where it is the same for all of them."""
    lines = _alert_lines(cases)
    if len(lines) > 1:
        return "their alert line"
    ((days, unit),) = lines
    return f"the {days}-{'working-' if unit is LatenessUnit.WORKING_DAYS else ''}day line"


def _past_phrase(cases: EntityMonths) -> str:
    lines = _alert_lines(cases)
    if len(lines) > 1:
        return "past its alert line"
    ((days, unit),) = lines
    return f"more than {phrasing.days_in_words(days, unit)} past its deadline"

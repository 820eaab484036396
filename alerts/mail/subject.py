"""What a mail says in one sentence: its subject, and the heading and the sentence of each section."""

from __future__ import annotations

from alerts.mail import events
from alerts.mail.cases import EntityMonth, EntityMonths, NoticeSections, SectionKind
from closing import phrasing
from closing.calendar.date_phrases import month_and_year
from closing.judging.standing import LatenessUnit, Level
from closing.judging.states import PeriodState
from closing.phrasing import MomentFormatter
from closing.scoreboard.row import Row

_SHORT = {
    SectionKind.UNCONFIRMED: "cannot be confirmed",
    SectionKind.REOPENED: "opened again",
    SectionKind.NO_DEADLINE: "without a deadline",
    SectionKind.LATE: "late",
    SectionKind.DUE_SOON: "due soon",
    SectionKind.CLEARED: "closed",
    SectionKind.EASED: "not past the line any more",
}


def subject(parts: NoticeSections, when: MomentFormatter) -> str:
    """The count and the worst, whatever else there is as counts; a mail of one thing is told in a sentence."""
    worst, *others = parts.order
    return "; ".join([_first(worst, parts, when), *(_further(part, parts) for part in others)])


def _first(part: SectionKind, parts: NoticeSections, when: MomentFormatter) -> str:
    if part in parts.multi_entity_notices:
        return events.subject(part, parts.multi_entity_notices[part], when)
    cases = parts.entity_months[part]
    return _about_one(part, cases[0], when) if len(cases) == 1 else _about_many(part, cases, when)


def _further(part: SectionKind, parts: NoticeSections) -> str:
    if part in parts.multi_entity_notices:
        return events.heading(part, parts.multi_entity_notices[part])
    cases = parts.entity_months[part]
    return f"{_entities(cases)} {_SHORT[part]}{_unsure(part, cases)}"


def heading(part: SectionKind, cases: EntityMonths) -> str:
    """ "3 entities past the 5-day line (1 unconfirmed)"."""
    what = f"past {_line_of(cases)}" if part is SectionKind.PAST else _SHORT[part]
    return f"{_count(cases)} {what}{_unsure(part, cases)}"


def _unsure(part: SectionKind, cases: EntityMonths) -> str:
    """How many of those counted nobody can confirm: a count must not tell them as a fact."""
    unsure = _entities([case for case in cases if not phrasing.is_confirmed(case.row)])
    if part is SectionKind.UNCONFIRMED or not unsure:
        return ""
    return " (unconfirmed)" if unsure == _entities(cases) else f" ({unsure} unconfirmed)"


def note(part: SectionKind, cases: EntityMonths) -> str:
    """What the section means, in a sentence that holds for each of its rows."""
    one = len(cases) == 1
    sure = all(phrasing.is_confirmed(case.row) for case in cases)
    it = "It" if one else "Each"
    match part:
        case SectionKind.PAST:
            read = "was read not to be closed" if sure else "was not closed when last read"
            return f"{it} is {_past(cases)} and {read}."
        case SectionKind.UNCONFIRMED:
            return (
                f"{it} was not closed when last read, cannot be read now, and would be past its alert line by"
                " today’s date. Nobody can tell whether it has closed since."
            )
        case SectionKind.REOPENED:
            return f"{it} had been closed, and is not any more{'' if sure else ', as last read'}."
        case SectionKind.NO_DEADLINE:
            return f"{it} has ended, and nobody has set a deadline for it, so nobody can tell whether it is late."
        case SectionKind.LATE:
            read = "was read not to be closed" if sure else "was not closed when last read"
            return f"{it} is past its deadline and {read}."
        case SectionKind.DUE_SOON:
            return f"{it} is not closed yet{'' if sure else ', as last read'}."
        case SectionKind.CLEARED:
            if not all(case.row.counts_as_closed for case in cases):
                return f"{it} has closed a period of the month."
            return f"{it} counts as closed now." if sure else f"{it} counted as closed when last read."
        case SectionKind.EASED:
            return f"{it} is still not closed, but by what is agreed now it is not past its alert line."
    raise ValueError(f"{part} is a section of events")


def _about_one(part: SectionKind, case: EntityMonth, when: MomentFormatter) -> str:
    row, name, month = case.row, case.short_name, month_and_year(case.month)
    match part:
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
            return f"{name} is due {_due(row)} for {month}"
        case SectionKind.CLEARED:
            return _cleared(row, name, month)
        case SectionKind.EASED:
            return f"{name} is not past its alert line for {month} any more"
    raise ValueError(f"{part} is a section of events")


def _about_many(part: SectionKind, cases: EntityMonths, when: MomentFormatter) -> str:
    row, name = cases[0].row, cases[0].short_name
    match part:
        case SectionKind.PAST:
            step = "Escalation: " if all(case.step for case in cases) else ""
            by = phrasing.days(row.standing.days_late, row.standing.unit)
            return f"{step}{heading(part, cases)}, {name} +{by}"
        case SectionKind.UNCONFIRMED:
            return f"{heading(part, cases)}, {name} {_last_known(row, when)}"
        case SectionKind.REOPENED:
            return f"{heading(part, cases)}, {name} for {month_and_year(cases[0].month)}"
        case SectionKind.LATE:
            return (
                f"{heading(part, cases)}, {name} +{phrasing.days(row.standing.days_late, row.standing.unit)}"
            )
        case SectionKind.DUE_SOON:
            return f"{heading(part, cases)}, {name} {_due(row)}"
        case SectionKind.CLEARED:
            late = f", {name} {_days(row)} late" if row.standing.days_late else ""
            return f"{heading(part, cases)}{late}"
        case _:
            return heading(part, cases)


def _cleared(row: Row, name: str, month: str) -> str:
    if (
        not row.counts_as_closed
    ):  # a month may hold two periods (01-domain 1.1), and the row tells of the other one
        return f"{name} has closed one of its periods of {month}"
    late = row.standing.days_late if row.standing.level is Level.CLOSED_LATE else 0
    has = "has" if phrasing.is_confirmed(row) else "had"
    closed = f"put {month} on hold" if row.state is PeriodState.ON_HOLD else f"closed {month}"
    again = " again" if row.standing.reopened else ""
    told = f"{name} {has} {closed}{again}{'' if phrasing.is_confirmed(row) else ' when last read'}"
    return f"{told}, {_days(row)} late" if late else told


def _due(row: Row) -> str:
    """ "today", or "in 2 days"."""
    if row.standing.level is Level.DUE_TODAY or not row.standing.due_in:
        return "today"
    return f"in {row.standing.due_in} {'day' if row.standing.due_in == 1 else 'days'}"


def _last_known(row: Row, when: MomentFormatter) -> str:
    state = phrasing.STATE_LABELS[row.state]
    if row.missing_since is not None:
        return f"not listed by the ERP since {when(row.missing_since)}, then {state}"
    return f"last read {when(row.read_at)}, then {state}" if row.read_at is not None else "never read"


def _entities(cases: EntityMonths) -> int:
    return len({case.row.code for case in cases})


def _count(cases: EntityMonths) -> str:
    count = _entities(cases)
    return f"{count} {'entity' if count == 1 else 'entities'}"


def _days(row: Row) -> str:
    """ "6 days", or "6 working days": a subject has no room for more."""
    count, unit = row.standing.days_late, row.standing.unit
    if unit is LatenessUnit.WORKING_DAYS:
        return phrasing.days_in_words(count, unit)
    return f"{count} {'day' if count == 1 else 'days'}"


def _lines(cases: EntityMonths) -> set[tuple[int, LatenessUnit]]:
    return {(case.row.alert_after_days, case.row.standing.unit) for case in cases}


def _line_of(cases: EntityMonths) -> str:
    """ "the 5-day line" where it is the same for all of them."""
    lines = _lines(cases)
    if len(lines) > 1:
        return "their alert line"
    ((days, unit),) = lines
    return f"the {days}-{'working-' if unit is LatenessUnit.WORKING_DAYS else ''}day line"


def _past(cases: EntityMonths) -> str:
    lines = _lines(cases)
    if len(lines) > 1:
        return "past its alert line"
    ((days, unit),) = lines
    return f"more than {phrasing.days_in_words(days, unit)} past its deadline"

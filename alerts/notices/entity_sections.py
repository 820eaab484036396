"""The sections of a message about the months of entities: its part of the subject, heading and sentence of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alerts.notices.entries import EntityMonth, EntityMonths
from alerts.notices.spec import SectionSpec, common_standing, shows
from closing import phrasing
from closing.calendar.date_phrases import month_and_year
from closing.judging.standing import LatenessUnit, Level
from closing.judging.states import PeriodState
from closing.phrasing import MomentFormatter
from closing.scoreboard.row import Row

_NAMED_STATES = frozenset({PeriodState.OPEN, PeriodState.ON_HOLD})


def entity_section(
    rank: int,
    phrase: str,
    phrase_of: Callable[[EntityMonths], str] | None = None,
    *,
    qualified: bool = True,
    **texts: Any,
) -> SectionSpec[EntityMonth]:
    """A section whose entities a phrase counts: "3 entities due soon (1 as last read)"; `texts` as in SectionSpec.

    `phrase_of` words the phrase of the heading by its entries. `qualified`: how many of them are as last read.
    """

    def counted(cases: EntityMonths, noun: str = "", words: str = phrase) -> str:
        return f"{_entity_count(cases)}{noun} {words}{_unconfirmed_count(cases) if qualified else ''}"

    def heading(cases: EntityMonths) -> str:
        noun = " entity" if _entity_count(cases) == 1 else " entities"
        return counted(cases, noun, phrase if phrase_of is None else phrase_of(cases))

    return SectionSpec(rank=rank, heading=heading, counted=counted, **texts)


# --- phrases of entity months ---------------------------------------------------------------------------------------


def _unconfirmed_count(cases: EntityMonths) -> str:
    """How many of the entities counted are as last read: a count must not present them as a fact."""
    unconfirmed = _entity_count([case for case in cases if not phrasing.is_confirmed(case.row)])
    if not unconfirmed:
        return ""
    return " (as last read)" if unconfirmed == _entity_count(cases) else f" ({unconfirmed} as last read)"


def _entity_count(cases: EntityMonths) -> int:
    return len({case.row.code for case in cases})


def _it(cases: EntityMonths) -> str:
    return "It" if len(cases) == 1 else "Each"


def _month(case: EntityMonth) -> str:
    return month_and_year(case.month)


def _with_first_month(cases: EntityMonths, heading: str, when: MomentFormatter) -> str:
    return f"{heading}, {cases[0].short_name} for {_month(cases[0])}"


def _all_confirmed(cases: EntityMonths) -> bool:
    return all(phrasing.is_confirmed(case.row) for case in cases)


def _as_last_read(cases: EntityMonths) -> str:
    return "" if _all_confirmed(cases) else ", as last read"


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


def _more_than(
    cases: EntityMonths, in_words: Callable[[int, LatenessUnit], str] = phrasing.days_in_words
) -> str:
    """ "more than 5 days late", or "alerting" where their alert lines differ."""
    lines = _alert_lines(cases)
    if len(lines) > 1:
        return "alerting"
    ((days, unit),) = lines
    return f"more than {in_words(days, unit)} late"


def _still_open(cases: EntityMonths) -> str:
    """ "still On hold in the ERP", "still not closed in the ERP" of several; or "was ... when last read"."""
    states = {phrasing.state_label(case.row) for case in cases}
    state = states.pop() if len(states) == 1 and cases[0].row.state in _NAMED_STATES else "not closed"
    return f"still {state} in the ERP" if _all_confirmed(cases) else f"was {state} when last read"


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


# --- sentences ------------------------------------------------------------------------------------------------------


def _permanent(case: EntityMonth, when: MomentFormatter) -> str:
    times = phrasing.reopened_times(case.row) if case.row.standing.permanent_reopenings else "reopened"
    return f"{case.short_name}: {_month(case)} was permanently closed and has been {times}"


def _past(case: EntityMonth, when: MomentFormatter) -> str:
    step = f"Escalation, step {case.step}: " if case.step else ""
    if phrasing.is_confirmed(case.row):
        return f"{step}{case.short_name} is {_days(case.row)} late for {_month(case)}"
    return f"{step}{case.short_name} was {_days(case.row)} late for {_month(case)} when last read"


def _unconfirmed_note(cases: EntityMonths) -> str:
    unread = sum(case.row.read_at is None for case in cases)
    if not unread:
        return (
            f"{_it(cases)} was not closed when last read and cannot be read now. By today’s date it is"
            f" {_more_than(cases)}, unless it has closed since."
        )
    read = "was never read" if unread == len(cases) else "was not closed when last read, or never read"
    return f"{_it(cases)} {read}. By today’s date it is {_more_than(cases)}, unless it has closed."


def _late(case: EntityMonth, when: MomentFormatter) -> str:
    late = f"is {_days(case.row)} late" if case.row.standing.days_late else "is late today"
    late = late if phrasing.is_confirmed(case.row) else "was late when last read"
    return f"{case.short_name} {late} for {_month(case)}"


def _cleared(case: EntityMonth, when: MomentFormatter) -> str:
    row, name, month = case.row, case.short_name, _month(case)
    # A month may hold two periods (01-domain 1.1): the row is about the other one.
    if not row.counts_as_closed:
        return f"{name} has closed one of its periods of {month}"
    late = row.standing.days_late if row.standing.level is Level.CLOSED_LATE else 0
    has = "has" if phrasing.is_confirmed(row) else "had"
    closed = f"put {month} on hold" if row.state is PeriodState.ON_HOLD else f"closed {month}"
    again = " again" if row.standing.reopened else ""
    sentence = f"{name} {has} {closed}{again}{'' if phrasing.is_confirmed(row) else ' when last read'}"
    return f"{sentence}, {_days(row)} late" if late else sentence


def _many_cleared(cases: EntityMonths, heading: str, when: MomentFormatter) -> str:
    row = cases[0].row
    return f"{heading}, {cases[0].short_name} {_days(row)} late" if row.standing.days_late else heading


def _cleared_note(cases: EntityMonths) -> str:
    if not all(case.row.counts_as_closed for case in cases):
        return f"{_it(cases)} has closed a period of the month."
    return f"{_it(cases)} {'counts as closed now' if _all_confirmed(cases) else 'counted as closed when last read'}."


def _kinds_in_words(cases: EntityMonths) -> str:
    return ", ".join(sorted({each.kind.replace("_", " ") for case in cases for each in case.notices}))


# --- the sections ---------------------------------------------------------------------------------------------------

PERMANENT = entity_section(
    10,
    "reopened after a permanent close",
    one=_permanent,
    many=_with_first_month,
    note=lambda cases: (
        f"{_it(cases)} was permanently closed and has been reopened since. {phrasing.NOT_ALLOWED}:"
        " find out who changed the period, and why."
    ),
    board_filter=lambda rows: {},
)
PAST = entity_section(
    20,
    "alerting",
    lambda cases: f"{'is' if _entity_count(cases) == 1 else 'are'} {_more_than(cases, _in_days)}",
    one=_past,
    many=lambda cases, heading, when: (
        ("Escalation: " if all(case.step for case in cases) else "")
        + f"{heading}, {cases[0].short_name} by {_by(cases)}"
    ),
    note=lambda cases: f"{_it(cases)} is {_more_than(cases)} and {_still_open(cases)}.",
    board_filter=shows("alerting"),
    report=("See every entity that is alerting", "/past-deadline/"),
)
UNCONFIRMED = entity_section(
    30,
    "cannot be read",
    qualified=False,
    one=lambda case, when: (
        f"{case.short_name} cannot be read for {_month(case)}: {_last_known(case.row, when)}"
    ),
    many=lambda cases, heading, when: f"{heading}, {cases[0].short_name} {_last_known(cases[0].row, when)}",
    note=_unconfirmed_note,
    board_filter=lambda rows: common_standing(rows) if any(row.fresh for row in rows) else {"show": "stale"},
)
REOPENED = entity_section(
    40,
    "reopened",
    one=lambda case, when: f"{case.short_name}: {_month(case)} was reopened",
    many=_with_first_month,
    note=lambda cases: f"{_it(cases)} was closed and has been reopened{_as_last_read(cases)}.",
    board_filter=shows("outstanding"),
)
NO_DEADLINE = entity_section(
    70,
    "with no deadline set",
    one=lambda case, when: f"{case.short_name} has no deadline set for {_month(case)}",
    note=lambda cases: (
        f"{_it(cases)} has no deadline set although the month has ended, and cannot become late."
        " An administrator sets one with a policy."
    ),
)
LATE = entity_section(
    80,
    "overdue",
    one=_late,
    many=lambda cases, heading, when: f"{heading}, {cases[0].short_name} by {_days(cases[0].row)}",
    note=lambda cases: f"{_it(cases)} is overdue and {_still_open(cases)}.",
    board_filter=shows("late"),
)
DUE_SOON = entity_section(
    90,
    "due soon",
    one=lambda case, when: (
        f"{case.short_name} {'was' if _has_passed(case.row) else 'is'} due {_due(case.row)} for {_month(case)}"
    ),
    many=lambda cases, heading, when: f"{heading}, {cases[0].short_name} {_due(cases[0].row)}",
    note=lambda cases: f"{_it(cases)} is not closed yet{_as_last_read(cases)}.",
)
OTHER = entity_section(  # of kinds that this version does not know
    95,
    "with another notification",
    one=lambda case, when: f"{case.short_name}: {_kinds_in_words([case])} for {_month(case)}",
    many=lambda cases, heading, when: f"{heading}: {_kinds_in_words(cases)}",
    note=lambda cases: f"See {'its page' if len(cases) == 1 else 'their pages'} in Closeboard.",
)
CLEARED = entity_section(100, "closed", one=_cleared, many=_many_cleared, note=_cleared_note)
EASED = entity_section(  # alerting when the notice was raised, and not under the deadline policy of now
    110,
    "no longer alerting",
    one=lambda case, when: f"{case.short_name} no longer alerts for {_month(case)}",
    note=lambda cases: (
        f"{_it(cases)} is still not closed, but by the deadline and the policy of now it no longer alerts."
    ),
)

"""Builds the deadline card: the standing in a sentence, and the deadline counted day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from board.entity.closes import typical_close
from board.entity.page_data import PageData
from board.entity.standing_sentence import Pieces, days_phrase, side_notes, standing_sentence
from board.web import labels
from board.web.readers import Reader
from closing.calendar.date_phrases import (
    full_date,
    short_month,
    weekday_and_date,
    weekday_and_day,
    weekday_name,
)
from closing.calendar.deadlines import city
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.timeline import TimelineDay, timeline
from closing.scoreboard.row import Row
from periods.models import PolicyVersion
from periods.snapshot.period_history import DeadlineVersion, PeriodDetail

MAX_STRIP_DAYS = 45  # days shown before the middle is folded
_HEAD, _TAIL = 28, 10  # days shown at the start and at the end of a folded strip
_EXPECTED_CLOSE_RANGE = timedelta(days=14)  # an expected close is shown up to this long after the last day


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day of the strip; `kind` lists its classes, `spoken_text` is its text for screen readers.

    A cell without a weekday stands for the folded days. `month` is set where the strip or a month begins.
    """

    kind: str
    month: str
    weekday: str
    number: str
    below: str
    spoken_text: str


@dataclass(frozen=True, slots=True)
class DeadlineCard:
    """The standing in a sentence, side notes, the strip of days, and the source of the deadline."""

    sentence: Pieces
    side_notes: Sequence[str]
    strip: Sequence[DayCell]
    first_column: int  # weekday of the first day: 1 (Monday) to 7
    off: str  # names of the days off
    explanation: str
    source: str
    unit: str


def deadline_card(data: PageData, period: PeriodDetail) -> DeadlineCard:
    """The card of the shown period of a page."""
    row, as_of, calendar = data.row, data.board_request.as_of, data.calendar
    assert row is not None
    assert row.span is not None
    today = local_date(as_of, zone_named(row.zone))
    shown = _days_shown(row, today)
    version = period.deadlines[-1] if period.deadlines else None
    # The rule that gave this deadline may count from another number than the policy in force.
    rule = version.policy_version if version is not None else None
    by_workdays = rule is not None and rule.rule == PolicyVersion.Rule.WORKDAY
    first_is = data.first_is if rule is None or not by_workdays or rule.first_is is None else rule.first_is
    changes = [entry.change for entry in period.changes]
    days = timeline(row, shown, calendar, today=today, first_is=first_is, changes=changes)
    return DeadlineCard(
        sentence=standing_sentence(row, as_of),
        side_notes=side_notes(row, as_of, data.policy.judging, calendar, typical_close(data)),
        strip=_fold([_cell(day, row, today) for day in days]),
        first_column=shown[0].isoweekday() if shown else 1,
        off=_days_off_text(days, calendar),
        explanation=_explanation(row),
        source=_source(version, data.board_request.reader) if version is not None else "",
        unit=f"+n counts {labels.unit_in_words(0, row.standing.unit)}",
    )


def _days_shown(row: Row, today: date) -> list[date]:
    """The days after period end up to the later of the deadline and today, or the close of a closed period."""
    assert row.span is not None
    standing = row.standing
    ends = [row.deadline.due_on] if row.deadline is not None else []
    if row.counts_as_closed:
        between = standing.closed_between
        closed_on = standing.last_closed_on or standing.first_closed_on or (between[1] if between else None)
        ends += [closed_on] if closed_on is not None else []
    else:
        ends.append(today)
    last = max(ends, default=row.span.last)
    expected = row.remarks.expected_on
    if not row.counts_as_closed and expected is not None and last < expected <= last + _EXPECTED_CLOSE_RANGE:
        last = expected
    return [row.span.last + timedelta(days=n) for n in range(1, (last - row.span.last).days + 1)]


def _cell(day: TimelineDay, row: Row, today: date) -> DayCell:
    kinds, phrases = [], [weekday_and_date(day.on)]
    if day.off_reason:
        kinds.append("off")
        phrases.append(day.off_reason)
    if day.number is not None:
        phrases.append(f"working day {day.number}")
    below = "·" if day.number is None else f"WD{day.number}" if day.due else str(day.number)
    if day.late:
        kinds.append("over" if day.alerting else "late")
        below = f"+{day.late}"
        over = ", alerting" if day.alerting else ""
        phrases.append(f"{days_phrase(day.late, row.standing.unit)} late{over}")
    elif not day.confirmed and not day.in_future:
        kinds.append("unsure")
        below = "?" if row.deadline is None or day.on > row.deadline.due_on else below
        phrases.append("unknown")
    if day.due:
        kinds.append("due")
        if not below.startswith("WD"):
            below = "due" if below == "·" else f"{below} due"
        phrases.append("due")
    if day.closes or day.maybe_closed:
        kinds.append("closed" if day.closes else "perhaps")
        below = ("due, " if day.due else "") + ("closed" if day.closes else "closed?")
        phrases.append("closed" if day.closes else "perhaps closed")
    if day.reopens:
        kinds.append("reopens")
        below = "re\u00adopened"  # may break there in a narrow cell
        phrases.append("seen reopened")
    if day.expected:
        kinds.append("expected")
        below = "ex\u00adpected"
        phrases.append("expected to close")
    if day.on == today:
        kinds.append("today")
        phrases.append("today")
    elif day.in_future:
        kinds.append("ahead")
    first = row.span is not None and (day.on - row.span.last).days == 1
    month = short_month(day.on) if first or day.on.day == 1 else ""
    return DayCell(
        " ".join(f"is-{kind}" for kind in kinds),
        month,
        weekday_name(day.on),
        str(day.on.day),
        below,
        ", ".join(phrases),
    )


def _days_off_text(days: Sequence[TimelineDay], calendar: WorkdayCalendar) -> str:
    """The names of the days off, and the years that the calendar does not cover."""
    named = [
        f"{weekday_and_day(day.on)} {day.off_reason}" for day in days if day.off_reason not in ("", "weekend")
    ]
    text = f"Not worked: {'; '.join(named)}." if named else ""
    covers = calendar.covered_years
    missing = sorted({day.on.year for day in days if covers is not None and day.on.year not in covers})
    if missing:
        years = " and ".join(map(str, missing))
        text += f" The {calendar.name} calendar has no holidays for {years}: only weekends are days off."
    return text.strip()


def _explanation(row: Row) -> str:
    if row.deadline is None:
        return ""
    text = row.deadline.explanation
    return f"{text[:1].upper()}{text[1:]}. {_deadline_end(row)}"


def _fold(cells: list[DayCell]) -> list[DayCell]:
    if len(cells) <= MAX_STRIP_DAYS:
        return cells
    hidden = len(cells) - _HEAD - _TAIL
    gap = DayCell("is-gap", "", "", f"{hidden}", "days", f"{hidden} more days")
    return [*cells[:_HEAD], gap, *cells[-_TAIL:]]


def _deadline_end(row: Row) -> str:
    deadline = row.deadline
    assert deadline is not None
    end = f"at {deadline.cut_off:%H:%M}" if deadline.cut_off is not None else "at the end of the day"
    return f"It ends {end} in {city(deadline.zone)}."


def _source(deadline: DeadlineVersion, reader: Reader) -> str:
    """The source of the deadline; policies loaded from a file have no author."""
    if deadline.agreed is not None:  # the explanation has the author and the reason
        return f"Entered on {_date_text(deadline.agreed.set_at, reader)}"
    version = deadline.policy_version
    assert version is not None  # deadline_by_policy_or_agreement
    by = f" by {version.set_by.name or version.set_by.email}" if version.set_by else ""
    on = _date_text(version.set_at, reader)
    return f"Policy “{version.policy.name}”, version {version.number}, set{by} on {on}"


def _date_text(moment: datetime, reader: Reader) -> str:
    return full_date(moment.astimezone(reader.zone).date())

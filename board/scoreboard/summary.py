"""Builds the board's summary in the reader's language and zone: verdict, bar, tiles, notes, next deadlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from board.scoreboard.table_sections import common_group
from board.web import labels
from board.web.readers import Reader
from board.web.toolbar import footnotes
from closing.calendar.date_phrases import month_and_year
from closing.calendar.deadlines import ordinal
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import month_end
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.risk import at_risk, next_deadlines
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import HeadlineRole, headline_parts
from closing.scoreboard.row import NOT_DUE, Row

_TONES = {HeadlineRole.WHO: "strong", HeadlineRole.HOW_LATE: "alert", HeadlineRole.OTHER: ""}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bar of states; `share` is in percent, at least 1."""

    kind: str
    count: int
    word: str
    share: int


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure with its label, a note beside it and a tone."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class BoardSummary:
    """The values that the template shows above and below the rows."""

    month_key: str
    month: str
    tone: str
    verdict: str
    detail: Sequence[tuple[str, str]]
    scope: str
    moment: str
    moment_iso: str
    zone: str
    zone_key: str
    rule: str
    freshness: str
    confirmed: bool
    notes: Sequence[str]
    banner: str
    segments: Sequence[Segment]
    tiles: Sequence[Tile]
    warnings: Sequence[str]

    @property
    def title(self) -> str:
        return f"{self.verdict} · {self.month}"

    @property
    def segments_in_words(self) -> str:
        return ", ".join(f"{segment.count} {segment.word}" for segment in self.segments)


def board_summary(
    board: Scoreboard, reader: Reader, *, past: bool = False, cause: str | None = None
) -> BoardSummary:
    """Everything above and below the rows of the board; `cause` is what late entities share, if it is known."""
    parts = headline_parts(board, cause)
    stale = sum(not row.fresh for row in board.rows)
    return BoardSummary(
        month_key=f"{board.month:%Y-%m}",
        month=month_and_year(board.month),
        tone=_tone(board),
        verdict=parts.verdict,
        detail=[(_TONES[role], text) for role, text in parts.detail] or [("", _all_confirmed(board))],
        scope=_scope(board),
        moment=labels.moment_in_full(board.as_of, reader.zone),
        moment_iso=labels.iso(board.as_of) or "",
        zone=reader.zone_name,
        zone_key=reader.zone.key,
        rule=_rules(board.rows),
        freshness=_freshness(board, stale),
        confirmed=bool(board.rows) and not stale,
        notes=_notes(board, reader),
        banner=_banner(board, reader, past=past),
        segments=_segments(board),
        tiles=_tiles(board, reader),
        warnings=[_warning(warning.text, warning.since, board.as_of, reader) for warning in board.warnings],
    )


def _tone(board: Scoreboard) -> str:
    if board.closed:
        return "closed"
    if board.closed is None:
        return "open" if board.counts.not_due == len(board.rows) > 0 else "unsure"
    return "alert" if board.counts.alerting else "open"


def _all_confirmed(board: Scoreboard) -> str:
    if not board.closed:
        return ""
    entities = board.counts.entities - board.counts.not_due
    many = f"{entities} {'entity' if entities == 1 else 'entities'}"
    return f"{many} closed{' or on hold' if board.counts.closed_by_policy else ''} and confirmed. Nothing left to do."


def _scope(board: Scoreboard) -> str:
    """The name of the smallest group that holds every row."""
    top = common_group(board.groups, {row.group for row in board.rows})
    names = {node.code: node.name for node in board.groups}
    return names.get(top, "All groups") if board.rows else ""


def _rules(rows: Sequence[Row]) -> str:
    names = Counter(row.deadline.label for row in rows if row.deadline is not None and row.deadline.label)
    if not names:
        return ""
    if len(names) == 1 and names.total() == len(rows):
        return f"deadline {_rule(next(iter(names)))}"
    shown = []
    for position, (name, count) in enumerate(names.most_common(3)):
        entities = "" if position else " entity" if count == 1 else " entities"
        shown.append(f"{_rule(name, in_full=not position)} ({count}{entities})")
    return "deadlines " + ", ".join(shown) + (" …" if len(names) > 3 else "")


def _rule(label: str, *, in_full: bool = True) -> str:
    """ "6th working day" of WD6, "9th" after another; any other label as it is."""
    number = label.removeprefix("WD")
    if number == label or not number.isdecimal():
        return label
    return f"{ordinal(int(number))} working day" if in_full else ordinal(int(number))


def _freshness(board: Scoreboard, stale: int) -> str:
    reads = [row.read_at for row in board.rows if row.read_at is not None]
    if not reads:
        return "Nothing read yet" if board.rows else ""
    if stale:
        return f"{stale} of {len(board.rows)} not read"
    oldest = labels.age(min(reads), board.as_of)
    return "All read just now" if oldest == "now" else f"All read within {oldest}"


def _notes(board: Scoreboard, reader: Reader) -> list[str]:
    if not board.rows:
        return []
    return footnotes(
        board,
        reader,
        " Watch is overdue up to the alert line (the tick in a bar),"
        f" Alerting is {labels.alert_line(board.rows)} late.",
    )


def _banner(board: Scoreboard, reader: Reader, *, past: bool) -> str:
    """The problem of the whole board and the next step; "" if there is none."""
    rows = board.rows
    if not rows:
        return ""
    reads = [row.read_at for row in rows if row.read_at is not None]
    errors = sorted({row.read_error for row in rows if row.read_error})
    hint = f" {' '.join(errors[:3])}" if errors else ""
    if not reads and past:
        return "Nothing had been read by then."
    if not reads:
        return f"Nothing has been read yet. The first reading appears here by itself when it is in.{hint}"
    if not any(row.fresh for row in rows):
        last = labels.clock(max(reads), reader.zone, board.as_of)
        return f"Nothing has been read since {last}: everything below is as of then or before.{hint}"
    if all(row.span is None and not row.not_due for row in rows):
        return f"The ERP lists no periods for {month_and_year(board.month)}, so there is nothing to judge."
    return ""


def _warning(text: str, since: datetime | None, as_of: datetime, reader: Reader) -> str:
    return text if since is None else f"{text} since {labels.clock(since, reader.zone, as_of)}"


# --- the bar and the tiles ----------------------------------------------------------------------------------------

_SEGMENTS = (
    ("closed", "closed"),
    ("on_hold", "on hold"),
    ("open", "open"),
    ("unknown", "unknown"),
    ("stale", "not read"),
    ("not_started", "not started"),
    (NOT_DUE, "not due"),
)


def _segment_kind(row: Row) -> str:
    if row.not_due:
        return NOT_DUE
    if row.state is PeriodState.UNKNOWN:
        return "unknown"
    return row.state.value if row.fresh else "stale"


def _segments(board: Scoreboard) -> list[Segment]:
    """The states of fresh rows, and all stale rows as a segment of their own, never in the colour of closed."""
    counts = Counter(map(_segment_kind, board.rows))
    total = len(board.rows)
    return [
        Segment(
            "not_started" if kind == NOT_DUE else kind,
            counts[kind],
            word,
            max(1, round(100 * counts[kind] / total)),
        )
        for kind, word in _SEGMENTS
        if counts[kind]
    ]


def _tiles(board: Scoreboard, reader: Reader) -> list[Tile]:
    counts = board.counts
    alerting, watch = "Alerting", "Watch"
    if board.rows:
        alerting += f", {labels.alert_line(board.rows)}"
    if len(limits := {row.alert_after_days for row in board.rows}) == 1 and (limit := limits.pop()) > 1:
        watch += f", 1 to {limit} days"
    return [
        Tile(alerting, str(counts.alerting), tone="alert" if counts.alerting else ""),
        Tile(watch, str(counts.late), tone="late" if counts.late else ""),
        _next_deadline(board.rows),
        _on_time(board.rows),
        _since_month_end(board, reader),
    ]


def _next_deadline(rows: Sequence[Row]) -> Tile:
    upcoming = [
        (row.standing.due_in, row.deadline.due_on, row.name)
        for row in rows
        if row.standing.due_in is not None and row.deadline is not None and not row.counts_as_closed
    ]
    passed = sum(due_in < 0 for due_in, _, _ in upcoming)
    upcoming = [(due_in, due_on, name) for due_in, due_on, name in upcoming if due_in >= 0]
    if not upcoming and passed:
        return Tile("Next deadline", "none ahead", f"{passed} not read since theirs")
    if not upcoming:
        missing = sum(row.deadline is None and not row.not_due for row in rows)
        return Tile("Next deadline", "none ahead", f"{missing} with no deadline set" if missing else "")
    first = min(due_on for _, due_on, _ in upcoming)
    names = [name for _, due_on, name in upcoming if due_on == first]
    due_in = min(days for days, due_on, _ in upcoming if due_on == first)
    when = "today" if due_in == 0 else f"in {due_in}d"
    entity = names[0] if len(names) == 1 else f"{len(names)} entities"
    return Tile("Next deadline", labels.short_day(first), f"{when}, {entity}", "late" if due_in == 0 else "")


def _on_time(rows: Sequence[Row]) -> Tile:
    """First closes on time among those due so far; a row still open past its deadline is due and missed (1.7)."""
    levels = Counter(row.standing.first_close_level for row in rows)
    missed = sum(row.standing.first_close_level is None and row.standing.overdue for row in rows)
    on_time = levels[Level.CLOSED_ON_TIME]
    due = on_time + levels[Level.CLOSED_LATE] + missed
    perhaps = sum(row.standing.closed_between is not None for row in rows)
    undated = levels[Level.CLOSED_DATE_UNKNOWN] - perhaps
    parts = ((perhaps, "perhaps on time"), (undated, "closed, date unknown"))
    note = ", ".join(f"{count} {name}" for count, name in parts if count)
    if not due:
        return Tile("Closed on time so far", "–", note or "none due yet")
    return Tile("Closed on time so far", f"{on_time} of {due}", note or "due")


def _since_month_end(board: Scoreboard, reader: Reader) -> Tile:
    """Counted on the reader's day; to the end of a running month where it comes last, as the headline does."""
    end = month_end(board.month)
    days = (board.as_of.astimezone(reader.zone).date() - end).days
    if days <= 0 and board.rows:
        days = min((local_date(board.as_of, zone_named(row.zone)) - end).days for row in board.rows)
    dues = [row.deadline.due_on for row in board.rows if row.deadline is not None]
    note = f"last deadline {labels.short_day(max(dues))}" if dues else ""
    count = f"{abs(days)} {'day' if abs(days) == 1 else 'days'}"
    return Tile("Since month end", count, note) if days > 0 else Tile("To month end", count, note)


# --- the next deadlines -------------------------------------------------------------------------------------------

_MAX_DEADLINES = 3  # the calendar page lists all
_MAX_NAMES = 3  # entities that are named for one deadline
Calendars = Callable[[], Mapping[int, WorkdayCalendar]]


@dataclass(frozen=True, slots=True)
class UpcomingDeadline:
    """One deadline: its day, the days until then, its entities, and how many of them are at risk."""

    day: str
    when: str
    who: str
    at_risk: str


def upcoming_deadlines(board: Scoreboard, calendars: Calendars) -> list[UpcomingDeadline]:
    """The next deadlines; none if an entity is late, which then holds the group up, or if all are closed."""
    if any(row.standing.overdue for row in board.rows):
        return []
    dates = next_deadlines(board.rows)[:_MAX_DEADLINES]
    work_calendars = calendars() if dates else {}
    return [
        UpcomingDeadline(labels.short_day(day), _when(rows), _who(rows), _risk(rows, board, work_calendars))
        for day, rows in dates
    ]


def _when(rows: list[Row]) -> str:
    due_in = min(row.standing.due_in or 0 for row in rows)
    if due_in < 0:  # only of readings that are older than the deadline
        return "not read since"
    return "today" if not due_in else f"in {due_in}d"


def _who(rows: list[Row]) -> str:
    names = [row.name for row in rows[:_MAX_NAMES]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _risk(rows: list[Row], board: Scoreboard, calendars: Mapping[int, WorkdayCalendar]) -> str:
    count = sum(
        at_risk(row, calendar, local_date(board.as_of, zone_named(row.zone)))
        for row in rows
        if row.calendar_id is not None and (calendar := calendars.get(row.calendar_id)) is not None
    )
    return f"{count} at risk: due within 2 working days and not closed" if count else ""

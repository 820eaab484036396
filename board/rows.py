"""The table of the board: groups with their roll-up, and each row cell by cell in the reader's words and zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from board import words
from closing.deadlines import city
from closing.scoreboard import GroupNode, Row, Scoreboard, furthest_behind, roll_up
from closing.standing import Level
from closing.states import PeriodState

_LONG = 60  # letters of a because beyond which the second half folds away
_BAR = 120  # width of the bar against the deadline, in its own units
_LATE = {Level.LATE, Level.ALERTING}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: the zone of the times shown, and what to call it."""

    zone: ZoneInfo
    zone_name: str

    @classmethod
    def in_zone(cls, name: str) -> Reader:
        """A reader in a zone; in UTC when the name is no zone."""
        return cls(*words.reader_zone(name))


@dataclass(frozen=True, slots=True)
class Bar:
    """Days late as a length, with the alert line at a tick half way."""

    width: int
    tick: int
    tone: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table, cell by cell."""

    row: Row
    kind: str  # closed, on_hold, open, unknown, not_started: what the chip looks like
    state: str
    state_notes: Sequence[str]
    reopened: bool
    due: str
    due_label: str
    due_words: str
    against: words.Against
    heard: str  # the same in full words, for who listens
    bar: Bar | None
    because: str
    because_more: str
    initials: str
    age: str
    read_at: str
    read_in_full: str


@dataclass(frozen=True, slots=True)
class Section:
    """A group's heading with its roll-up, and the rows that belong to it directly."""

    code: str
    name: str
    depth: int
    closed: int
    entities: int
    note: str
    behind: str
    tone: str
    lines: Sequence[Line]


def _above(groups: Sequence[GroupNode], code: str) -> list[str]:
    """A group and those above it, the root first; a ring of groups (bad data) is cut where it closes."""
    parents = {node.code: node.parent for node in groups}
    line: list[str] = []
    while code and code not in line:
        line.append(code)
        code = parents.get(code, "")
    return line[::-1]


def common_group(board: Scoreboard) -> str:
    lines = [_above(board.groups, code) for code in {row.group for row in board.rows}]
    common = ""
    for level in zip(*lines, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common


def sections(board: Scoreboard, reader: Reader) -> list[Section]:
    """Groups from the top, those further behind first; a group with one group below it and no rows is named in it."""
    if not board.rows:
        return []
    boards = roll_up(board)
    names = {node.code: node.name for node in board.groups}
    children: dict[str, list[str]] = {}
    for row in board.rows:  # furthest behind first, so groups come in the order of their worst
        line = _above(board.groups, row.group)
        for parent, child in zip(["", *line], line, strict=False):
            if child not in (known := children.setdefault(parent, [])):
                known.append(child)
    direct: dict[str, list[Line]] = {}
    for row in board.rows:
        direct.setdefault(row.group, []).append(_line(row, board.as_of, reader))

    def walk(code: str, depth: int, prefix: str) -> Iterator[Section]:
        below, lines = children.get(code, []), direct.get(code, [])
        name = prefix + names.get(code, code)
        if not lines and len(below) == 1:
            yield from walk(below[0], depth, f"{name} › ")
            return
        yield _section(code, name, depth, boards[code], lines)
        for child in below:
            yield from walk(child, depth + 1, "")

    top = common_group(board)
    if top and not direct.get(top):  # the heading of the page is the heading of this group
        return [section for child in children[top] for section in walk(child, 0, "")]
    return [section for root in ([top] if top else children[""]) for section in walk(root, 0, "")]


def _section(code: str, name: str, depth: int, board: Scoreboard, lines: Sequence[Line]) -> Section:
    closed = sum(row.fresh and row.counts_as_closed for row in board.rows)
    behind = furthest_behind(board.rows)
    stale = sum(not row.fresh for row in board.rows)
    held = board.counts.closed_by_policy
    notes = [f"{held} on hold counted as closed"] if held else []
    notes += [f"{stale} not confirmed"] if stale else []
    return Section(
        code=code,
        name=name,
        depth=min(depth, 4),
        closed=closed,
        entities=len(board.rows),
        note=", ".join(notes),
        behind=f"furthest behind {words.furthest(behind)}" if behind is not None else "",
        tone="alert" if behind is not None and behind.standing.alerting else "late",
        lines=lines,
    )


def _line(row: Row, as_of: datetime, reader: Reader) -> Line:
    said = words.against(row, as_of)
    because, more = _split(row.because)
    if row.trouble and row.read_at is None:
        because, more = row.trouble, ""  # says more than "no data yet", and names the next step
    elif row.trouble and not row.fresh:
        more = f"{more}. {row.trouble}".lstrip(". ")
    deadline = row.deadline
    return Line(
        row=row,
        kind=row.state.value,
        state=words.STATES[row.state],
        state_notes=_state_notes(row, as_of, reader),
        reopened=words.reopened(row),
        due=words.short_day(deadline.due_on) if deadline is not None else "",
        due_label=deadline.label if deadline is not None else "",
        due_words=f"{deadline.explanation}. {_ends(row)}" if deadline is not None else "",
        against=said,
        heard=_heard(row),
        bar=_bar(row),
        because=because,
        because_more=more,
        initials=words.initials(row.owner),
        age=words.age(row.read_at, as_of) if row.read_at is not None else "never",
        read_at=words.iso(row.read_at) or "",
        read_in_full=words.moment_in_full(row.read_at, reader.zone) if row.read_at is not None else "",
    )


def _state_notes(row: Row, as_of: datetime, reader: Reader) -> list[str]:
    notes = []
    if row.missing_since is not None:
        notes.append(f"missing since {words.clock(row.missing_since, reader.zone, as_of)}")
    elif row.read_at is not None and not row.fresh:
        notes.append(f"as of {words.clock(row.read_at, reader.zone, as_of)}")
    elif row.standing.unconfirmed:
        notes.append("unconfirmed")
    if row.state is PeriodState.ON_HOLD and row.counts_as_closed:
        notes.append("counts as closed")
    return notes


def _ends(row: Row) -> str:
    deadline = row.deadline
    assert deadline is not None
    end = f"at {deadline.cut_off:%H:%M}" if deadline.cut_off is not None else "with the day"
    return f"It ends {end} in {city(deadline.zone)}."


def _heard(row: Row) -> str:
    standing = row.standing
    if standing.level not in _LATE or not standing.days_late:
        return ""
    over = "over" if standing.alerting else "not over"
    late = words.days_in_words(standing.days_late, standing.unit)
    return f"{late} late, {over} the alert line of {row.alert_after_days}"


def _bar(row: Row) -> Bar | None:
    standing = row.standing
    if standing.level not in _LATE:
        return None
    full = 2 * max(row.alert_after_days, 1)
    width = min(_BAR, round(_BAR * standing.days_late / full))
    return Bar(max(width, 3), _BAR * row.alert_after_days // full, "alert" if standing.alerting else "late")


def _split(because: str) -> tuple[str, str]:
    """A long because in its first half, always shown, and the rest, folded away."""
    if len(because) <= _LONG:
        return because, ""
    short, colon, more = because.partition(": ")
    return (short, more) if colon and len(short) <= _LONG else (because, "")

"""What has changed since a moment of the past, told honestly (04-screens, moment switch)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.deadlines import Deadline
from closing.judging.standing import JudgingPolicy, Level, ObservedChange
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.board_diff import CONFIDENCE_KINDS, BoardDiff, ChangeKind, RowChange, diff_boards
from closing.scoreboard.row import Row, ranked
from tests.closing.core_builders import (
    CLOSED,
    DEFAULT,
    EU_DTC,
    GROUPS,
    NOT_STARTED,
    ON_HOLD,
    ON_HOLD_COUNTS,
    OPEN,
    UK_HOLDCO,
    UK_RETAIL,
    UNKNOWN,
    US_RETAIL,
    Entity,
    board,
    change_seen,
    deadline_on,
    row,
    utc,
    worked_example,
)

THEN, NOW = "2026-06-09 12:00", "2026-06-16 12:00"


def told(entity: Entity, story: list[ObservedChange], as_of: str, **other: Any) -> Row:
    """The row at a moment, with what had been seen by then."""
    by = other.pop("deadline", deadline_on("2026-06-09", entity.zone))
    known = [change for change in story if change.seen_at <= utc(as_of)]
    since = next((change for change in reversed(known) if change.state is not UNKNOWN), None)
    spell = {"seen_between": (since.previous_read_at, since.seen_at)} if since else {"span": None}
    return row(entity, known, by, as_of, **{**spell, **other})


def between(
    story: list[ObservedChange],
    then: dict[str, Any] | None = None,
    now: dict[str, Any] | None = None,
    *,
    moments: tuple[str, str] = (THEN, NOW),
    **both: Any,
) -> list[tuple[ChangeKind, str]]:
    """The differences of one entity whose story is told at two moments."""
    boards = [
        board(told(EU_DTC, story, at, **{**both, **(other or {})}), as_of=at)
        for at, other in zip(moments, (then, now), strict=True)
    ]
    found = diff_boards(*boards)
    assert {(each.code, each.name) for each in found.items} <= {("NLDT", "EU DTC BV")}
    return [(each.kind, each.words) for each in found.items]


FIRST = change_seen(OPEN, "2026-06-01 09:00")


# --- the story of the worked example


def test_the_worked_example_from_the_8th_to_the_15th() -> None:
    found = diff_boards(worked_example("2026-06-08 16:00"), worked_example("2026-06-15 12:00"))
    assert [(each.code, each.kind, each.words) for each in found.items] == [
        ("UKRT", ChangeKind.CLOSED, "closed on 8 June, on time"),
        ("USRT", ChangeKind.ON_HOLD, "on hold, it was open"),
        ("NLDT", ChangeKind.OVER_THE_LINE, "6 days late, alerting"),
        ("USRT", ChangeKind.LATE, "4 days late"),
    ]
    assert found.summary == "since then: 1 closed, 1 put on hold, 1 now alerting, 1 now overdue"
    assert (found.then, found.now) == (utc("2026-06-08 16:00"), utc("2026-06-15 12:00"))


def test_nothing_has_changed() -> None:
    found = diff_boards(worked_example("2026-06-12 12:00"), worked_example("2026-06-12 13:00"))
    assert not found
    assert found.summary == "nothing has changed since"


def test_what_cannot_be_confirmed_is_never_told_as_unchanged() -> None:
    then, now = (told(EU_DTC, [FIRST], at, fresh=False) for at in ("2026-06-09 12:00", "2026-06-09 13:00"))
    found = diff_boards(board(then, as_of="2026-06-09 12:00"), board(now, as_of="2026-06-09 13:00"))
    assert not found
    assert found.summary == "no change seen since, 1 not read"


def test_what_is_only_stale_now_has_not_changed() -> None:
    closed = [FIRST, change_seen(CLOSED, "2026-06-05 18:00", after="2026-06-05 12:00")]
    read_at = utc("2026-06-15 09:12")
    then, now = told(EU_DTC, closed, THEN), told(EU_DTC, closed, NOW, fresh=False, read_at=read_at)
    found = diff_boards(board(then, as_of=THEN), board(now, as_of=NOW))
    assert list(found.items) == [
        RowChange(
            "NLDT",
            "EU DTC BV",
            ChangeKind.STALE,
            "closed when last read, not read since",
            seen_at=read_at,
        )
    ]
    assert found.summary == "since then: no change seen, 1 no longer read"


def test_a_month_is_compared_with_itself_only() -> None:
    may = worked_example()
    april = Scoreboard(date(2026, 4, 1), may.as_of, may.rows, GROUPS)
    with pytest.raises(ValueError, match="2026-04 and 2026-05 cannot be compared"):
        diff_boards(april, may)


# --- every kind in its words


def test_closed_late_reopened_and_closed_again() -> None:
    closed = change_seen(CLOSED, "2026-06-11 12:00", after="2026-06-11 11:00")
    opened = change_seen(OPEN, "2026-06-12 12:00", after="2026-06-12 11:00")
    again = change_seen(CLOSED, "2026-06-15 12:00", after="2026-06-15 11:00")
    assert between([FIRST, closed]) == [(ChangeKind.CLOSED, "closed on 11 June, 2 days late")]
    assert between([FIRST, closed, opened]) == [
        (ChangeKind.REOPENED, "closed and reopened in between, open now"),
        (ChangeKind.OVER_THE_LINE, "7 days late, alerting"),
    ]
    after_close = ("2026-06-11 18:00", NOW)
    assert between([FIRST, closed, opened], moments=after_close) == [
        (ChangeKind.REOPENED, "reopened, open now"),
        (ChangeKind.OVER_THE_LINE, "7 days late, alerting"),
    ]
    assert between([FIRST, closed, opened, again], moments=after_close) == [
        (ChangeKind.CLOSED_AGAIN, "reopened, and closed again on 15 June")
    ]
    # Open both times, though it had been closed and reopened before and went on hold for an hour in between.
    spell = [change_seen(ON_HOLD, "2026-06-13 12:00"), change_seen(OPEN, "2026-06-13 13:00")]
    reopened = [FIRST, closed, opened, *spell]
    assert between(reopened, moments=("2026-06-12 18:00", "2026-06-13 18:00")) == [
        (ChangeKind.OPENED, "open again, it had changed in between")
    ]


def test_a_close_between_two_reads_on_both_sides_of_the_deadline() -> None:
    closed = change_seen(CLOSED, "2026-06-11 12:00", after="2026-06-08 12:00")
    assert between([FIRST, closed], moments=("2026-06-08 12:00", NOW)) == [
        (ChangeKind.CLOSED, "closed between 8 June and 11 June")
    ]


def test_a_close_after_the_cut_off_of_its_day() -> None:
    at_noon = replace(deadline_on("2026-06-09", EU_DTC.zone), cut_off=utc("2026-06-09 12:00").time())
    closed = change_seen(CLOSED, "2026-06-09 16:00", after="2026-06-09 15:00")
    moments = ("2026-06-09 08:00", "2026-06-09 18:00")
    assert between([FIRST, closed], moments=moments, deadline=at_noon) == [
        (ChangeKind.CLOSED, "closed on 9 June, after the cut-off")
    ]
    assert between([FIRST], moments=moments, deadline=at_noon) == [
        (ChangeKind.LATE, "overdue, past its cut-off")
    ]


def test_a_window_that_had_not_reached_a_new_period_was_no_close() -> None:
    before = change_seen(CLOSED, "2026-05-02 12:00")
    reached = change_seen(OPEN, "2026-05-20 12:00", after="2026-05-20 11:00")
    assert between([before, reached], moments=("2026-05-10 12:00", "2026-05-21 12:00")) == [
        (ChangeKind.OPENED, "open, it was closed")
    ]


def test_on_hold_that_counts_as_closed_says_so() -> None:
    held = change_seen(ON_HOLD, "2026-06-09 16:00", after="2026-06-09 15:00")
    assert between([FIRST, held], policy=ON_HOLD_COUNTS) == [
        (ChangeKind.CLOSED, "on hold, which counts as closed, on 9 June, on time")
    ]
    closed = change_seen(CLOSED, "2026-06-12 16:00", after="2026-06-12 15:00")
    later = ("2026-06-10 12:00", NOW)
    assert between([FIRST, held, closed], moments=later, policy=ON_HOLD_COUNTS) == [
        (ChangeKind.CLOSED, "closed, it was on hold")
    ]


def test_a_policy_that_changes_what_counts() -> None:
    held = change_seen(ON_HOLD, "2026-06-05 16:00", after="2026-06-05 15:00")
    assert between([FIRST, held], then={"policy": DEFAULT}, now={"policy": ON_HOLD_COUNTS}) == [
        (ChangeKind.POLICY, "on hold, which counts as closed by policy")
    ]
    assert between([FIRST, held], then={"policy": ON_HOLD_COUNTS}, now={"policy": DEFAULT})[0] == (
        ChangeKind.POLICY,
        "on hold, which no longer counts as closed by policy",
    )


def test_another_deadline() -> None:
    later = deadline_on("2026-06-19", EU_DTC.zone)
    moved = [(ChangeKind.DEADLINE, "deadline Fri 19 June, it was Tue 9 June")]
    assert between([FIRST], now={"deadline": later}) == moved
    assert between([FIRST], now={"deadline": later}, moments=("2026-06-12 12:00", NOW)) == [
        (ChangeKind.LESS_LATE, "not overdue any more"),
        *moved,
    ]
    assert between([FIRST], now={"policy": JudgingPolicy(10)}, moments=("2026-06-15 12:00", NOW)) == [
        (ChangeKind.LESS_LATE, "not alerting any more")
    ]
    assert between([FIRST], then={"deadline": None}) == [
        (ChangeKind.OVER_THE_LINE, "7 days late, alerting"),
        (ChangeKind.DEADLINE, "deadline set: Tue 9 June"),
    ]
    assert between([FIRST], now={"deadline": None}) == [(ChangeKind.DEADLINE, "no deadline set any more")]
    worded = replace(deadline_on("2026-06-09", EU_DTC.zone), explanation="in other words")
    assert not between([FIRST], now={"deadline": worded}, moments=(THEN, "2026-06-09 13:00"))
    there = deadline_on("2026-06-19", "Europe/London")
    assert between([FIRST], then={"deadline": later}, now={"deadline": there}) == [
        (ChangeKind.DEADLINE, "deadline Fri 19 June in London, it was Fri 19 June in Amsterdam")
    ]


def test_another_period_of_the_month_brings_its_own_deadline() -> None:
    """Of two periods in a month the one that holds the entity up is shown: that is no change of either."""
    assert not between(
        [FIRST],
        then={"period_id": 1},
        now={"period_id": 2, "deadline": deadline_on("2026-06-19"), "seen_between": (None, utc(THEN))},
    )


def test_not_known_any_more_is_neither_open_nor_closed() -> None:
    lost = change_seen(UNKNOWN, "2026-06-10 12:00", after="2026-06-10 11:00")
    assert between([FIRST, lost]) == [
        (ChangeKind.LATE, "1 day late when last read"),
        (ChangeKind.UNKNOWN, "unknown now, not closed before"),
    ]
    closed = change_seen(CLOSED, "2026-06-09 18:00", after="2026-06-09 17:00")
    # Not "1 closed": nobody knows whether it still is.
    assert between([FIRST, closed, lost]) == [(ChangeKind.UNKNOWN, "unknown now, closed before")]


def test_known_again() -> None:
    lost = change_seen(UNKNOWN, "2026-06-08 12:00", after="2026-06-08 11:00")
    back = change_seen(OPEN, "2026-06-10 12:00", after="2026-06-10 11:00")
    assert (ChangeKind.KNOWN, "no longer unknown: open") in between([FIRST, lost, back])
    closed = change_seen(CLOSED, "2026-06-10 12:00", after="2026-06-10 11:00")
    # Somewhere in the dark spell, hence between the reads around it.
    assert between([FIRST, lost, closed]) == [(ChangeKind.CLOSED, "closed between 8 June and 10 June")]
    was_closed = change_seen(CLOSED, "2026-06-05 12:00", after="2026-06-05 11:00")
    assert between([FIRST, was_closed, lost, back])[0] == (ChangeKind.REOPENED, "reopened, open now")
    assert between([FIRST, was_closed, lost, closed]) == [(ChangeKind.KNOWN, "no longer unknown: closed")]
    again = change_seen(CLOSED, "2026-06-11 12:00", after="2026-06-11 11:00")
    assert between([FIRST, was_closed, lost, back, again]) == [
        (ChangeKind.CLOSED_AGAIN, "reopened, and closed again on 11 June")
    ]


def test_what_was_closed_at_our_first_look_has_not_closed_since() -> None:
    moments = ("2026-06-01 08:00", NOW)
    assert between([change_seen(CLOSED, "2026-06-09 18:00")], moments=moments) == [
        (ChangeKind.KNOWN, "no longer unknown: closed")
    ]
    closed = change_seen(CLOSED, "2026-06-09 18:00", after="2026-06-09 17:00")
    assert between([FIRST, closed], moments=moments) == [(ChangeKind.CLOSED, "closed on 9 June, on time")]


def test_late_at_our_first_look_is_late_since_only_if_it_was_not_due_then() -> None:
    looked = change_seen(OPEN, "2026-06-12 09:00")
    assert between([looked], moments=("2026-06-08 08:00", NOW)) == [
        (ChangeKind.OVER_THE_LINE, "7 days late, alerting"),
        (ChangeKind.KNOWN, "no longer unknown: open"),
    ]
    assert between([looked], moments=("2026-06-11 08:00", NOW)) == [
        (ChangeKind.KNOWN, "no longer unknown: open")
    ]


def test_missing_and_listed_again() -> None:
    gone = utc("2026-06-09 11:00")
    moments = (THEN, "2026-06-09 13:00")
    assert between([FIRST], now={"missing_since": gone}, moments=moments) == [
        (ChangeKind.MISSING, "the ERP no longer lists it")
    ]
    assert between([FIRST], then={"missing_since": gone}, moments=moments) == [
        (ChangeKind.LISTED, "the ERP lists it again")
    ]


def test_confirmed_again() -> None:
    moments = (THEN, "2026-06-09 13:00")
    assert between([FIRST], then={"fresh": False}, moments=moments) == [
        (ChangeKind.CONFIRMED, "open, read again")
    ]


def test_who_appears_and_who_vanishes() -> None:
    uk, eu = told(UK_HOLDCO, [FIRST], THEN), told(EU_DTC, [FIRST], THEN)
    found = diff_boards(board(uk), board(eu))
    assert [(each.code, each.kind, each.words) for each in found.items] == [
        ("NLDT", ChangeKind.APPEARED, "new on the board: open"),
        ("UKHC", ChangeKind.VANISHED, "not on the board any more"),
    ]
    assert found.summary == "since then: 1 new, 1 gone from the board"


# --- properties

MOMENTS = st.datetimes(
    datetime(2026, 4, 20),  # noqa: DTZ001 (hypothesis wants naive bounds)
    datetime(2026, 7, 20),  # noqa: DTZ001
    timezones=st.just(UTC),
)
STATES = st.sampled_from([OPEN, ON_HOLD, CLOSED, UNKNOWN, NOT_STARTED])
DEADLINES = st.builds(
    Deadline,
    st.dates(date(2026, 6, 1), date(2026, 6, 30)),
    st.just("Europe/Amsterdam"),
    st.none() | st.times(),
)
POLICIES = st.builds(JudgingPolicy, st.integers(0, 8), on_hold_counts_as_closed=st.booleans())
WHO = (UK_HOLDCO, UK_RETAIL, US_RETAIL, EU_DTC)


@st.composite
def two_boards(draw: st.DrawFn) -> tuple[Scoreboard, Scoreboard]:
    """A board at two moments, later second: any story, deadline, policy, age and company of entities."""
    moments = sorted((draw(MOMENTS), draw(MOMENTS)))
    rows: tuple[list[Row], list[Row]] = ([], [])
    for entity in WHO:
        times = sorted(draw(st.lists(MOMENTS, max_size=6, unique=True)))
        story = [ObservedChange(draw(STATES), at, times[n - 1] if n else None) for n, at in enumerate(times)]
        for at, side in zip(moments, rows, strict=True):
            if draw(st.integers(0, 9)):
                known = [change for change in story if change.seen_at <= at]
                read = known[-1].seen_at if known else None
                other: dict[str, Any] = {
                    "fresh": read is not None and draw(st.booleans()),
                    "read_at": read,
                    "missing_since": draw(st.sampled_from([None, read])),
                    "policy": draw(POLICIES),
                    "deadline": draw(st.none() | DEADLINES),
                }
                side.append(told(entity, story, at.isoformat(), **other))
    then, now = (
        Scoreboard(date(2026, 5, 1), at, ranked(side), GROUPS) for at, side in zip(moments, rows, strict=True)
    )
    return then, now


def kinds(found: BoardDiff) -> dict[str, set[ChangeKind]]:
    by_code: dict[str, set[ChangeKind]] = {}
    for each in found.items:
        by_code.setdefault(each.code, set()).add(each.kind)
    return by_code


@given(two_boards())
def test_a_board_does_not_differ_from_itself(boards: tuple[Scoreboard, Scoreboard]) -> None:
    for each in boards:
        assert not diff_boards(each, each)


@given(two_boards())
def test_the_numbers_are_those_of_the_lists(boards: tuple[Scoreboard, Scoreboard]) -> None:
    found = diff_boards(*boards)
    assert found.counts == Counter(each.kind for each in found.items)
    assert len({(each.code, each.kind) for each in found.items}) == len(found.items)
    assert all(each.words and each.name for each in found.items)
    numbers = [int(word) for word in found.summary.replace(",", "").split() if word.isdigit()]
    assert sum(numbers) == len(found.items) or (not found and numbers == [found.unconfirmed_rows])
    assert ("nothing has changed" in found.summary) <= (not found and not found.unconfirmed_rows)


@given(two_boards())
def test_whatever_differs_is_told(boards: tuple[Scoreboard, Scoreboard]) -> None:
    """An entity of which nothing is told says the same at both moments."""
    then, now = ({each.code: each for each in side.rows} for side in boards)
    found = kinds(diff_boards(*boards))
    assert found.keys() <= then.keys() | now.keys()
    late = {Level.LATE, Level.ALERTING}
    for code in then.keys() | now.keys():
        one, other = then.get(code), now.get(code)
        if one is None or other is None:
            assert found[code] == {ChangeKind.VANISHED if other is None else ChangeKind.APPEARED}
            continue
        if not found.get(code, set()) - CONFIDENCE_KINDS:
            assert one.state is other.state
            assert one.standing.closed == other.standing.closed
            assert (one.missing_since is None) == (other.missing_since is None)
            if not other.standing.closed:
                assert (one.standing.level in late) == (other.standing.level in late)
                assert one.standing.alerting == other.standing.alerting
        if code not in found:
            assert one.fresh == other.fresh or one.read_at is None


@given(two_boards())
def test_looking_back_tells_the_opposite(boards: tuple[Scoreboard, Scoreboard]) -> None:
    forth, back = kinds(diff_boards(*boards)), kinds(diff_boards(*boards[::-1]))

    def who(found: dict[str, set[ChangeKind]], kind: ChangeKind) -> set[str]:
        return {code for code, those in found.items() if kind in those}

    assert who(forth, ChangeKind.DEADLINE) == who(back, ChangeKind.DEADLINE)
    for one, opposite in (
        (ChangeKind.APPEARED, ChangeKind.VANISHED),
        (ChangeKind.MISSING, ChangeKind.LISTED),
        (ChangeKind.STALE, ChangeKind.CONFIRMED),
        (ChangeKind.POLICY, ChangeKind.POLICY),
    ):
        assert who(forth, one) == who(back, opposite)
        assert who(forth, opposite) == who(back, one)


@given(two_boards())
def test_closed_is_only_told_of_what_is_closed(boards: tuple[Scoreboard, Scoreboard]) -> None:
    now = {each.code: each for each in boards[1].rows}
    for each in diff_boards(*boards).items:
        shown = now.get(each.code)
        if each.kind in {ChangeKind.CLOSED, ChangeKind.CLOSED_AGAIN}:
            assert shown is not None
            assert shown.counts_as_closed
            assert shown.state is not UNKNOWN
        elif each.kind in {ChangeKind.REOPENED, ChangeKind.OVER_THE_LINE, ChangeKind.LATE}:
            assert shown is not None
            assert not shown.standing.closed
        elif each.kind is ChangeKind.STALE:
            assert shown is not None
            assert not shown.fresh


@given(st.timedeltas(timedelta(0), timedelta(days=40)))
def test_the_worked_example_never_changes_its_mind(later: timedelta) -> None:
    """Nothing that closed on the way is told as reopened, whatever the second moment."""
    moment = utc("2026-06-05 18:00") + later
    found = diff_boards(worked_example("2026-06-05 18:00"), worked_example(moment.isoformat()))
    assert not {ChangeKind.REOPENED, ChangeKind.LESS_LATE, ChangeKind.DEADLINE, ChangeKind.KNOWN} & set(
        found.counts
    )
    assert found.counts.get(ChangeKind.CLOSED, 0) == (moment >= utc("2026-06-08 18:00"))

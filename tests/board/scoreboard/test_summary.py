"""What the board's page says: words, roll-ups and the states that are designed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from board.scoreboard.row_cells import RowCells, row_cells
from board.scoreboard.screen import BoardScreen, read_cell
from board.scoreboard.summary import BoardSummary, board_summary
from board.scoreboard.table_sections import BoardSection, Folds, sections
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import resolve_request
from board.web.controls import month_links
from board.web.readers import Reader
from closing.calendar.deadlines import Deadline
from closing.judging.standing import JudgingPolicy, LatenessUnit
from closing.scoreboard.board import BoardWarning, GroupNode, Scoreboard, board_fingerprint
from closing.scoreboard.row import Row
from entities.models import Person
from tests.builders import (
    CLOSED,
    FROM_JUNE,
    NO_LIMITS,
    NOT_UNDERSTOOD,
    ON_HOLD,
    OPEN,
    RESTRICTED,
    WORKED_EXAMPLE_AT,
    reads_until_close,
    row,
    scoreboard_of,
    utc,
    worked_example,
)
from tests.golden_files import assert_golden
from tests.sample_entities import AMERICAS, EUROPE, MERIDIAN, NLDT, UK, UKHC, UKRT, USRT

LONDON = Reader.in_zone("Europe/London")
ON_TIME = reads_until_close(UKHC, CLOSED, "2026-06-05 16:00")


def shown(scoreboard: Scoreboard, reader: Reader = LONDON) -> BoardSummary:
    return board_summary(scoreboard, reader)


def lines(scoreboard: Scoreboard) -> list[RowCells]:
    return [row_cells(each, scoreboard.as_of, LONDON, "") for each in scoreboard.rows]


def parts(scoreboard: Scoreboard) -> list[BoardSection]:
    return sections(scoreboard, "group")


def tile(of: BoardSummary, label: str) -> str:
    return next(f"{each.value} {each.note}".strip() for each in of.tiles if each.label.startswith(label))


def test_the_worked_example_as_a_fragment() -> None:
    of = BoardScreen(worked_example(), BoardQuery(), LONDON)
    assert_golden("worked_example.html", f"{of.verdict()}{of.chip_row()}{of.rows(Folds())}")


def test_the_answer_comes_first() -> None:
    of = shown(worked_example())
    assert of.title == "Not closed: 2 of 4 outstanding · May 2026"
    assert of.detail == [
        ("strong", "EU DTC BV"),
        ("", " holds the group up, "),
        ("alert", "3 days past"),
        ("", " its 9 June deadline."),
    ]
    assert (of.scope, of.moment, of.zone) == ("Meridian Group", "Fri 12 June 2026, 13:00", "London")
    assert of.rule == "deadlines 6th working day (3 entities), agreed (1)"


def test_the_tiles_of_the_worked_example() -> None:
    of = shown(worked_example())
    assert tile(of, "Alerting, more than 5 days") == "0"
    assert tile(of, "Watch, 1 to 5 days") == "2"
    assert tile(of, "Next deadline") == "none ahead"
    assert tile(of, "Closed on time so far") == "2 of 4 due"
    assert tile(of, "Since month end") == "12 days last deadline Thu 11 Jun"


def test_the_next_deadline_is_that_of_who_is_still_open() -> None:
    at = utc("2026-06-08 12:00")
    of = shown(
        scoreboard_of(
            [row(who, ("2026-06-08 11:58", OPEN), as_of=at) for who in (UKHC, UKRT, USRT)], as_of=at
        )
    )
    assert tile(of, "Next deadline") == "Tue 9 Jun in 1d, 2 entities"
    assert tile(of, "Closed on time so far") == "– none due yet"
    today = utc("2026-06-11 12:00")
    of = shown(scoreboard_of([row(USRT, ("2026-06-11 11:58", OPEN), as_of=today)], as_of=today))
    assert tile(of, "Next deadline") == "Thu 11 Jun today, US Retail Inc"


def test_what_is_stale_is_never_shown_as_closed() -> None:
    stale = row(UKHC, *ON_TIME, read_at="2026-06-12 09:12")
    both = scoreboard_of([stale, row(UKRT, *ON_TIME)])
    of = shown(both)
    assert [(part.kind, part.count) for part in of.segments] == [("closed", 1), ("stale", 1)]
    assert of.segments_in_words == "1 closed, 1 not read"
    assert of.tone == "unsure"
    (section,) = parts(both)
    assert (section.closed, section.entities, section.note) == (2, 2, "1 not read")
    assert section.closed_phrase == "closed when last read"
    one = next(each for each in lines(both) if each.row.code == "UKHC")
    assert one.state_notes == ["not read since 10:12"]
    assert not of.confirmed


def test_a_board_without_any_fresh_reading_says_so_once() -> None:
    rows = [
        row(who, *ON_TIME, read_at="2026-06-11 08:00", trouble="The ERP does not answer.")
        for who in (UKHC, UKRT)
    ]
    of = shown(scoreboard_of(rows))
    assert of.banner == (
        "Nothing has been read since Thu 11 Jun 09:00: everything below is as of then or before."
        " The ERP does not answer."
    )
    assert [part.kind for part in of.segments] == ["stale"]


def test_before_the_first_reading() -> None:
    both = scoreboard_of([row(UKHC), row(UKRT)])
    of = shown(both)
    assert of.banner.startswith("Nothing has been read yet. The first reading appears here by itself")
    # And nothing will appear.
    assert board_summary(both, LONDON, past=True).banner == "Nothing had been read by then."
    assert of.freshness == "Nothing read yet"
    assert "never" in read_cell(both.rows[0], WORKED_EXAMPLE_AT, LONDON)


def test_what_keeps_a_company_from_being_read_stands_where_its_reason_would() -> None:
    (one,) = lines(scoreboard_of([row(UKHC, trouble="The application may not read this company.")]))
    assert (one.because, one.because_more) == ("The application may not read this company.", "")


def test_a_month_of_which_the_erp_lists_no_period() -> None:
    nothing = replace(row(UKHC, ("2026-06-12 11:58", NOT_UNDERSTOOD)), span=None, deadline=None)
    assert (
        shown(scoreboard_of([nothing])).banner
        == "The ERP lists no periods for May 2026, so there is nothing to judge."
    )


def test_a_closed_group_is_a_success() -> None:
    of = shown(
        scoreboard_of([row(UKHC, *ON_TIME), row(UKRT, *reads_until_close(UKRT, CLOSED, "2026-06-08 15:00"))])
    )
    assert of.tone == "closed"
    assert of.verdict == "Group closed on 8 June, 1 day early"
    assert of.detail == [("", "2 entities closed and confirmed. Nothing left to do.")]


def test_on_hold_counting_as_closed_is_printed_wherever_a_number_depends_on_it() -> None:
    policy = JudgingPolicy(on_hold_counts_as_closed=True)
    counting = worked_example(policy=policy)
    of = shown(counting)
    assert of.verdict == "Not closed: 1 of 4 outstanding (1 on hold counted as closed)"
    assert of.notes[0] == "On hold counts as closed."
    americas = next(each for each in parts(counting) if each.key == "AMERICAS")
    assert (americas.closed, americas.note) == (1, "1 on hold counted as closed")
    (held,) = [each for each in lines(counting) if each.row.group == "AMERICAS"]
    assert held.state_notes == ["counts as closed"]
    mixed = scoreboard_of(
        [row(UKHC, *ON_TIME), row(USRT, *reads_until_close(USRT, ON_HOLD, "2026-06-10 19:00"), policy=policy)]
    )
    assert shown(mixed).notes[0] == "On hold counts as closed for 1 of 2."
    assert not any("On hold" in note for note in shown(worked_example()).notes)


def test_groups_come_in_the_order_of_their_worst() -> None:
    found = parts(worked_example())
    assert [(each.name, each.closed, each.entities, each.behind) for each in found] == [
        ("Continental Europe", 0, 1, "furthest behind +3d"),
        ("Americas", 0, 1, "furthest behind +1d"),
        ("United Kingdom", 2, 2, ""),
    ]


def test_a_deep_tree_rolls_up_and_names_a_lone_child_in_its_parent() -> None:
    benelux, dutch = GroupNode("BENELUX", "Benelux", "EUROPE"), GroupNode("DUTCH", "Netherlands", "BENELUX")
    rows = [
        replace(row(NLDT, ("2026-06-01 12:00", OPEN)), group="DUTCH"),
        replace(row(UKHC, *ON_TIME), group="EUROPE"),
        row(USRT, *reads_until_close(USRT, ON_HOLD, "2026-06-10 19:00")),
    ]
    found = parts(scoreboard_of(rows, groups=(MERIDIAN, UK, EUROPE, AMERICAS, benelux, dutch)))
    assert [(each.name, each.depth, each.entities, len(each.rows)) for each in found] == [
        ("Continental Europe", 0, 2, 1),
        ("Benelux › Netherlands", 1, 1, 1),
        ("Americas", 0, 1, 1),
    ]


def test_who_sees_one_group_sees_its_name() -> None:
    both = scoreboard_of([row(UKHC, *ON_TIME), row(UKRT, *ON_TIME)])
    assert shown(both).scope == "United Kingdom"
    assert [each.name for each in parts(both)] == ["United Kingdom"]


def test_groups_in_a_ring_do_no_harm() -> None:
    ring = (GroupNode("UK", "United Kingdom", "EUROPE"), GroupNode("EUROPE", "Continental Europe", "UK"))
    found = parts(scoreboard_of([row(UKHC, *ON_TIME)], groups=ring))
    assert sum(len(each.rows) for each in found) == 1


def test_the_bar_has_its_tick_at_the_alert_line() -> None:
    def bar(at: str, **more: JudgingPolicy) -> tuple[int, int, str]:
        moment = utc(at)
        one = row(NLDT, (at, OPEN), as_of=moment, read_at=at, **more)  # type: ignore[arg-type]
        found = lines(scoreboard_of([one], as_of=moment))[0].bar
        assert found is not None
        return found.width, found.tick, found.tone

    assert bar("2026-06-12 12:00") == (36, 60, "late")
    assert bar("2026-06-14 12:00") == (60, 60, "late")
    assert bar("2026-06-15 12:00") == (72, 60, "alert")
    assert bar("2026-07-30 12:00") == (120, 60, "alert")
    assert bar("2026-06-12 12:00", policy=JudgingPolicy(alert_after_days=0)) == (120, 0, "alert")


WORDS = [
    (row(NLDT, ("2026-06-01 12:00", OPEN)), "+3d late", "", "late"),
    (row(NLDT, ("2026-06-01 12:00", OPEN), read_at="2026-06-11 12:00"), "+2d late", "when last read", "late"),
    (row(UKHC, *ON_TIME), "on time", "closed 5 Jun", "ok"),
    (
        row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-10 16:00")),
        "closed 1d late",
        "closed 10 Jun",
        "was",
    ),
    (
        row(UKHC, ("2026-06-12 11:00", CLOSED)),
        "closed, date unknown",
        "already closed when first read",
        "unsure",
    ),
    (
        row(UKHC, ("2026-06-08 12:00", OPEN), ("2026-06-11 12:00", CLOSED)),
        "perhaps on time",
        "closed between 8 and 11 June",
        "unsure",
    ),
    (row(UKHC, ("2026-06-12 11:00", OPEN), due=None), "no deadline set", "", "none"),
    (row(UKHC, *ON_TIME, due=None), "no deadline set", "closed 5 Jun", "none"),
    (row(UKHC, ("2026-06-12 11:00", NOT_UNDERSTOOD)), "unknown", "", "unsure"),
    (row(UKHC, trouble="No access to this company."), "unknown", "", "unsure"),
]


@pytest.mark.parametrize(("one", "text", "detail", "tone"), WORDS)
def test_against_the_deadline(one: Row, text: str, detail: str, tone: str) -> None:
    assert labels.deadline_status(one, WORKED_EXAMPLE_AT) == labels.DeadlineStatus(text, detail, tone)


def test_words_before_the_deadline_and_on_its_day() -> None:
    def said(at: str, due: Deadline | str | None = "agreed") -> labels.DeadlineStatus:
        moment = utc(at)
        return labels.deadline_status(row(NLDT, (at, OPEN), as_of=moment, read_at=at, due=due), moment)

    assert said("2026-05-20 12:00") == labels.DeadlineStatus("not ended", "ends 31 May", "due")
    assert said("2026-06-07 12:00") == labels.DeadlineStatus("due in 2d", "", "due")
    assert said("2026-06-09 12:00") == labels.DeadlineStatus("due today", "", "today")
    at_six = Deadline(date(2026, 6, 9), "Europe/Amsterdam", time(18))
    assert said("2026-06-09 12:00", at_six) == labels.DeadlineStatus(
        "due today", "by 18:00 Amsterdam", "today"
    )
    assert said("2026-06-09 17:00", at_six) == labels.DeadlineStatus(
        "late today", "by 18:00 Amsterdam", "late"
    )


def test_working_days_are_printed_as_such() -> None:
    late = row(NLDT, ("2026-06-01 12:00", OPEN))
    in_working_days = replace(late, standing=replace(late.standing, unit=LatenessUnit.WORKING_DAYS))
    both = scoreboard_of([in_working_days, row(UKHC, *ON_TIME)])
    of = shown(both)
    assert lines(both)[0].deadline_status.text == "+3wd late"
    assert parts(both)[0].behind == "furthest behind +3wd"
    assert of.notes[0].startswith("d = calendar days, wd = working days.")


def test_a_reopened_period_wears_a_badge_also_once_it_is_closed_again() -> None:
    reads = (
        ("2026-06-01 12:00", NO_LIMITS),
        ("2026-06-08 12:00", FROM_JUNE),
        ("2026-06-12 10:00", NO_LIMITS),
    )
    assert lines(scoreboard_of([row(NLDT, *reads)]))[0].reopened == "reopened"
    again = row(NLDT, *reads, ("2026-06-12 11:00", FROM_JUNE))
    (closed,) = lines(scoreboard_of([again]))
    assert closed.reopened == "reopened"
    assert closed.deadline_status.detail == "closed 8 Jun, again 12 Jun"


def test_a_long_because_folds() -> None:
    (long,) = lines(scoreboard_of([row(NLDT, ("2026-06-01 12:00", RESTRICTED))]))
    assert long.because == "two modules restricted"
    assert long.because_more == "Ledger only for user group FINCLOSE, Vendor for nobody"
    (short,) = lines(scoreboard_of([row(NLDT, ("2026-06-01 12:00", FROM_JUNE))]))
    assert (short.because, short.because_more) == ("posting allowed only from 1 June 2026", "")


def test_a_missing_entity_says_since_when() -> None:
    gone = row(
        NLDT, ("2026-06-01 12:00", OPEN), read_at="2026-06-12 09:12", missing_since=utc("2026-06-12 09:12")
    )
    assert lines(scoreboard_of([gone]))[0].state_notes == ["missing since 10:12"]


def test_warnings_stand_with_their_moment() -> None:
    warning = BoardWarning("reopened", "NLDT", "EU DTC BV, March 2026, open again", utc("2026-06-11 14:30"))
    of = shown(scoreboard_of([row(NLDT, ("2026-06-01 12:00", OPEN))], warnings=[warning]))
    assert of.warnings == ["EU DTC BV, March 2026, open again since Thu 11 Jun 15:30"]


def test_months_on_either_side() -> None:
    def links(**params: str) -> dict[str, tuple[str, str] | None]:
        request = resolve_request(Person(zone="Europe/London"), params, WORKED_EXAMPLE_AT)
        return month_links(request, str)

    assert links() == {
        "previous": ("2026-04-01", "April 2026"),
        "next": ("2026-06-01", "June 2026"),
        "latest": None,
    }
    running = links(month="2026-06")
    assert (running["next"], running["latest"]) == (None, ("None", "May 2026"))
    assert links(month="1990-01")["previous"] is None


def test_a_tag_names_what_is_said_to_whom_and_in_which_minute() -> None:
    def tag(seconds: int = 0, zone: str = "Europe/London", **asked: str) -> str:
        moment = datetime(2026, 6, 12, 12, 0, seconds, tzinfo=UTC)
        board = replace(worked_example(), as_of=moment)
        query = BoardQuery(**asked)  # type: ignore[arg-type]
        return BoardScreen(board, query, Reader.in_zone(zone), version=board_fingerprint(board)).etag

    assert tag() == tag(59)
    assert len({tag(), tag(60 - 1, q="uk"), tag(zone="America/New_York"), tag(show="late")}) == 4
    news = worked_example(nldt=reads_until_close(NLDT, CLOSED, "2026-06-12 11:00"))
    assert board_fingerprint(news) != board_fingerprint(worked_example())


@pytest.mark.parametrize(
    ("zone", "called"), [("America/New_York", "New York"), ("Mars/Olympus", "UTC"), ("", "UTC")]
)
def test_a_zone_that_is_none_becomes_utc(zone: str, called: str) -> None:
    assert Reader.in_zone(zone).zone_name == called


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-06-12 11:59", "1 min"),
        ("2026-06-12 12:00", "now"),
        ("2026-06-12 09:00", "3 h"),
        ("2026-06-11 09:00", "27 h"),
        ("2026-06-01 12:00", "11 days"),
    ],
)
def test_ages(since: str, text: str) -> None:
    assert labels.age(utc(since), WORKED_EXAMPLE_AT) == text


def test_moments_name_their_day_when_it_is_not_today() -> None:
    zone = LONDON.zone
    assert labels.clock(utc("2026-06-12 08:12"), zone, WORKED_EXAMPLE_AT) == "09:12"
    assert labels.clock(utc("2026-06-09 08:12"), zone, WORKED_EXAMPLE_AT) == "Tue 9 Jun 09:12"
    assert labels.clock(utc("2025-12-30 09:12"), zone, WORKED_EXAMPLE_AT) == "Tue 30 Dec 2025 09:12"
    assert labels.between(date(2026, 5, 30), date(2026, 6, 2)) == "between 30 May and 2 June"

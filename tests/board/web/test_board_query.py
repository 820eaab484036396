"""What an address asks: every parameter, its default, its words, and what is said of one that means nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.web.board_query import (
    GROUPINGS,
    ORDERS,
    SHOW_FILTERS,
    BoardQuery,
    InvalidQuery,
    moment_of,
    parse_query,
)
from closing.calendar.instants import zone_named
from closing.judging.standing import Level
from closing.judging.states import PeriodState

LONDON = zone_named("Europe/London")
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).map(str.strip)
months = st.dates(date(1990, 1, 1), date(2100, 12, 1)).map(lambda day: day.replace(day=1))
minutes = st.datetimes(datetime(1990, 1, 2), datetime(2100, 11, 30)).map(  # noqa: DTZ001 - given a zone below
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)
questions = st.builds(
    BoardQuery,
    month=st.none() | months,
    at=st.none() | st.dates(date(1990, 1, 1), date(2100, 12, 1)) | minutes,
    q=texts,
    show=st.sampled_from(list(SHOW_FILTERS)),
    state=st.sampled_from(["", *(state.value for state in PeriodState)]),
    level=st.sampled_from(["", *(level.value for level in Level)]),
    group=texts,
    country=texts,
    erp=texts,
    owner=texts,
    by=st.sampled_from(list(GROUPINGS)),
    sort=st.sampled_from(list(ORDERS)),
)


@given(questions)
def test_an_address_says_exactly_what_was_asked(question: BoardQuery) -> None:
    told = dict(parse_qsl(question.querystring(), keep_blank_values=True))
    assert parse_query(told, LONDON) == question


def test_who_asks_for_nothing_gets_a_bare_address() -> None:
    assert BoardQuery().url("/") == "/"
    assert BoardQuery().querystring() == ""
    assert parse_query({"utm": "x", "show": "", "q": "  "}, LONDON) == BoardQuery()


def test_parameters_stand_in_one_order_whatever_order_they_came_in() -> None:
    one = parse_query({"by": "none", "q": "uk", "month": "2026-05"}, LONDON)
    assert one.url("/") == "/?month=2026-05&q=uk&by=none"
    assert one.url("/", q="", month=None) == "/?by=none"


def test_a_day_means_its_end_and_an_instant_the_readers_zone() -> None:
    day = parse_query({"at": "2026-06-11"}, LONDON).at
    assert day == date(2026, 6, 11)
    assert moment_of(day, LONDON) == datetime(2026, 6, 11, 23, tzinfo=UTC)
    instant = parse_query({"at": "2026-06-11T14:30"}, LONDON).at
    assert isinstance(instant, datetime)
    assert moment_of(instant, LONDON) == datetime(2026, 6, 11, 13, 30, tzinfo=UTC)
    assert parse_query({"at": "2026-06-11T14:30+02:00"}, LONDON).at == datetime(
        2026, 6, 11, 12, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("month", "May", "A month is written like 2026-05."),
        ("month", "", "A month is written like 2026-05."),
        ("at", "yesterday", "A moment is written like 2026-06-11"),
        ("at", "2026-02-30", "No such moment"),
        ("at", "0001-01-01", "outside of what can be known"),
        ("show", "everything", "there are all, outstanding, late, alerting, stale"),
        ("state", "shut", "there are open, on_hold, closed"),
        ("level", "very late", "There is no level"),
        ("by", "mood", "There is no grouping “mood”"),
        ("sort", "luck", "There is no order “luck”"),
        ("q", "x" * 201, "longer than 200 letters"),
    ],
)
def test_what_means_nothing_is_refused_in_words(name: str, value: str, told: str) -> None:
    with pytest.raises(InvalidQuery, match=told):
        parse_query({name: value}, LONDON)


def test_what_narrows_is_told_from_what_arranges() -> None:
    assert not BoardQuery(month=date(2026, 5, 1), by="erp", sort="name").is_filtered
    assert BoardQuery(show="late").is_filtered
    assert BoardQuery(q="uk", by="owner").filters == BoardQuery(q="uk")

"""Recording what a read brought: once, in order, in full, and never a guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.readings import GapReason, PeriodType, ReadGap, ReadResult
from closing.judging.states import PeriodState
from entities.models import Connection, LegalEntity
from periods.models import (
    FiscalPeriod,
    NativeFacts,
    News,
    PeriodDeadline,
    ReadSpan,
    StateChange,
    SyncAttempt,
    SyncGap,
)
from periods.recording.attempts import AttemptResult, Outcome, OutOfOrderRead, begin_attempt, finish_attempt
from periods.recording.store import LeaseLost
from periods.snapshot.builder import take_snapshot
from periods.snapshot.freshness import freshness
from tests.builders import CLOSED, MAY, NOT_UNDERSTOOD, ON_HOLD, OPEN, RESTRICTED, utc
from tests.hypothesis_profiles import examples
from tests.periods.recorded_reads import (
    APRIL_DAYS,
    LEASE,
    begin,
    connect_four_entities,
    facts_of_all,
    read,
    read_result,
    reading,
    record,
)

pytestmark = pytest.mark.django_db


def may(code: str) -> FiscalPeriod:
    return FiscalPeriod.objects.get(entity__code=code, reporting_month=MAY, type="operating")


def story(code: str) -> list[str]:
    return list(StateChange.objects.filter(period=may(code)).order_by("id").values_list("state", flat=True))


def test_the_first_read_makes_periods_states_deadlines_and_says_it_had_never_looked() -> None:
    source, _ = connect_four_entities()
    recorded = read(source, "2026-06-01 12:00", facts_of_all())
    assert (recorded.changes, FiscalPeriod.objects.count(), recorded.gaps) == (8, 8, 0)
    change = StateChange.objects.get(period=may("UKHC"))
    assert (change.state, change.previous_state, change.previous_read_at) == ("open", None, None)
    assert change.seen_at == utc("2026-06-01 12:00")
    assert PeriodDeadline.objects.get(period=may("UKHC")).due_on.isoformat() == "2026-06-09"
    assert SyncAttempt.objects.get().outcome == "ok"


def test_reading_the_same_again_writes_no_period_and_no_history() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-01 12:00", facts_of_all())
    before = [
        list(model.objects.order_by("pk").values_list("pk", flat=True))
        for model in (StateChange, PeriodDeadline, ReadSpan, NativeFacts)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM periods_fiscalperiod ORDER BY id")
        rows = cursor.fetchall()
    recorded = read(source, "2026-06-01 12:05", facts_of_all())
    assert (recorded.changes, FiscalPeriod.objects.count()) == (0, 8)
    after = [
        list(model.objects.order_by("pk").values_list("pk", flat=True))
        for model in (StateChange, PeriodDeadline, ReadSpan, NativeFacts)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM periods_fiscalperiod ORDER BY id")
        assert cursor.fetchall() == rows  # not even rewritten
    assert after == before


def test_a_close_is_seen_between_two_reads() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-05 16:30", facts_of_all())
    read(source, "2026-06-05 16:45", facts_of_all(UKHC=CLOSED))
    change = StateChange.objects.filter(period=may("UKHC")).latest("id")
    assert (change.previous_state, change.state) == ("open", "closed")
    assert (change.previous_read_at, change.seen_at) == (utc("2026-06-05 16:30"), utc("2026-06-05 16:45"))


def test_native_facts_that_change_without_the_state_are_history_too() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-01 12:00", facts_of_all())
    read(source, "2026-06-02 16:45", facts_of_all(NLDT=RESTRICTED))
    assert story("NLDT") == ["open", "open"]
    assert "FINCLOSE" in may("NLDT").because


def test_a_gap_keeps_the_last_state_and_only_ages() -> None:
    source, entities = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())
    others = dict.fromkeys(("UKHC", "UKRT", "USRT"), CLOSED)
    gap = ReadGap("nldt", GapReason.NO_ACCESS, "no access to this company")
    recorded = read(source, "2026-06-08 12:05", read_result(others, gap))
    assert recorded.gaps == 1
    assert story("NLDT") == ["open"]
    assert SyncAttempt.objects.latest("id").outcome == "partial"
    assert SyncGap.objects.get().entity == entities["NLDT"]
    span = ReadSpan.objects.get(entity=entities["NLDT"])
    assert span.last_read_at == utc("2026-06-08 12:00")


def test_a_company_of_which_nothing_is_said_is_a_gap_not_fine() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())
    recorded = read(source, "2026-06-08 12:05", dict.fromkeys(("UKHC", "UKRT", "USRT"), CLOSED))
    assert recorded.gaps == 1
    assert SyncGap.objects.get().reason == "empty"
    assert story("NLDT") == ["open"]


def test_e16_a_company_whose_periods_vanish_is_a_gap_but_one_that_never_had_any_is_read() -> None:
    source, _ = connect_four_entities()
    window = PostingWindowFacts(date(2026, 5, 1), None)
    ours = PostingWindowFacts(date(2026, 5, 1), None, assumed_end=True)
    read(source, "2026-06-08 12:00", facts_of_all() | {"NLDT": window, "UKHC": ours})
    assert SyncGap.objects.count() == 0
    bare = ReadResult(tuple(reading(code, ours) for code in facts_of_all()), pages=1)
    recorded = read(source, "2026-06-08 12:05", bare)
    assert {gap.entity.code: gap.reason for gap in SyncGap.objects.all()} == {"NLDT": "empty"}
    assert (recorded.gaps, story("NLDT")) == (1, ["open"])


def test_a_period_that_leaves_the_answer_becomes_unknown_and_comes_back() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all(UKHC=CLOSED))
    only_april = ReadResult(tuple(reading(code, CLOSED, APRIL_DAYS) for code in facts_of_all()), pages=1)
    read(source, "2026-06-08 12:05", only_april)
    assert may("UKHC").state == PeriodState.UNKNOWN.value
    read(source, "2026-06-08 12:10", facts_of_all(UKHC=CLOSED))
    assert story("UKHC") == ["closed", "unknown", "closed"]
    back = StateChange.objects.filter(period=may("UKHC")).latest("id")
    assert back.previous_state == "closed"  # the last known one: coming back is no reopening


def test_words_that_nobody_understands_are_kept_and_read_as_unknown() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all(NLDT=NOT_UNDERSTOOD))
    period = may("NLDT")
    assert period.state == "unknown"
    assert period.facts is not None
    assert period.facts.body["status"] == "Frozen"


def test_two_periods_of_the_same_days_stand_side_by_side() -> None:
    source, _ = connect_four_entities()
    brought = read_result(facts_of_all())
    closing = reading("UKHC", OPEN, type=PeriodType.CLOSING)
    read(source, "2026-06-08 12:00", ReadResult((*brought.readings, closing), pages=1))
    assert FiscalPeriod.objects.filter(entity__code="UKHC", reporting_month=MAY).count() == 2
    assert not PeriodDeadline.objects.filter(period__type="closing").exists()


def test_an_identity_is_pinned_at_the_first_read_and_kept() -> None:
    source, entities = connect_four_entities()
    brought = read_result(facts_of_all())
    named = replace(brought, identities={"ukhc": "guid-1"})
    read(source, "2026-06-08 12:00", named)
    again = replace(brought, identities={"ukhc": "guid-2"})
    read(source, "2026-06-08 12:05", again)
    assert LegalEntity.objects.get(pk=entities["UKHC"].pk).erp_identity == "guid-1"


def test_only_one_attempt_at_a_time_and_never_backwards() -> None:
    source, _ = connect_four_entities()
    attempt = begin(source, "2026-06-08 12:00")
    assert begin_attempt(source.pk, utc("2026-06-08 12:01"), lease=LEASE) is None
    record(attempt, read_result(facts_of_all()))
    with pytest.raises(OutOfOrderRead, match="already read for 2026-06-08 12:00:00 UTC"):
        begin_attempt(source.pk, utc("2026-06-08 11:59"), lease=LEASE)


def test_a_read_dated_ahead_of_the_clock_blocks_no_order_and_history_stays_in_order() -> None:
    """Another machine was ten minutes ahead and saw a close; our next read sees that it was undone."""
    source, entities = connect_four_entities()
    now = timezone.now()
    ahead = now + timedelta(minutes=10)
    read(source, now - timedelta(minutes=5), facts_of_all())
    read(source, ahead, facts_of_all(UKHC=CLOSED))
    read(source, now, facts_of_all())
    assert story("UKHC") == ["open", "closed", "open"]
    in_order = StateChange.objects.filter(period=may("UKHC")).order_by("seen_at", "id")
    assert list(in_order.values_list("state", flat=True)) == story("UKHC")
    [row] = take_snapshot(LegalEntity.objects.filter(code="UKHC"), MAY, ahead + timedelta(minutes=1)).rows
    assert row.state is PeriodState.OPEN
    standing = freshness([entities["UKHC"].pk], now + timedelta(minutes=2))[entities["UKHC"].pk]
    assert (standing.fresh, standing.read_at) == (True, now)


def test_e18_an_attempt_that_lost_its_lease_stores_nothing() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())
    slow = begin_attempt(source.pk, utc("2026-06-08 12:05"), lease=timedelta(seconds=-1))
    assert slow is not None
    newer = begin(source, "2026-06-08 12:10")
    assert SyncAttempt.objects.get(pk=slow.pk).outcome == "abandoned"
    record(newer, read_result(facts_of_all(UKHC=CLOSED)))
    with pytest.raises(LeaseLost):
        record(slow, read_result(facts_of_all(UKHC=ON_HOLD)))
    assert story("UKHC") == ["open", "closed"]
    assert not finish_attempt(slow.pk, AttemptResult(Outcome.OK, utc("2026-06-08 12:11")))


@examples(60)
@given(st.permutations(range(4)), st.lists(st.sampled_from([OPEN, ON_HOLD, CLOSED]), min_size=4, max_size=4))
def test_e18_whatever_the_order_of_finishing_the_newest_start_wins(order: list[int], said: list) -> None:  # type: ignore[type-arg]
    with transaction.atomic():
        source, _ = connect_four_entities()
        begun = []
        for minute in range(4):
            # each lease has run out when the next one starts, as after a long pause
            attempt = begin_attempt(
                source.pk, utc(f"2026-06-08 12:0{minute}"), lease=timedelta(seconds=-1 if minute < 3 else 60)
            )
            assert attempt is not None
            begun.append(attempt)
        won = []
        for position in order:
            try:
                record(begun[position], read_result(facts_of_all(UKHC=said[position])))
                won.append(position)
            except LeaseLost:
                pass
        assert won == [3]
        assert story("UKHC") == [
            {id(OPEN): "open", id(ON_HOLD): "on_hold", id(CLOSED): "closed"}[id(said[3])]
        ]
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE periods_statechange SET state = 'closed'",
        "DELETE FROM periods_statechange",
        "TRUNCATE periods_statechange CASCADE",
        "SET LOCAL session_replication_role = replica; DELETE FROM periods_statechange",
    ],
)
def test_history_refuses_to_be_edited_even_by_raw_sql(statement: str) -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE would stumble over pending checks first
        with pytest.raises(Error, match="never updated or deleted"), transaction.atomic():
            cursor.execute(statement)
    assert StateChange.objects.count() == 8


def test_the_statements_of_a_read_do_not_grow_with_the_periods() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())
    attempt = begin(source, "2026-06-08 12:05")
    with CaptureQueriesContext(connection) as few:
        record(attempt, read_result(facts_of_all(UKHC=CLOSED)))
    attempt = begin(source, "2026-06-08 12:10")
    with CaptureQueriesContext(connection) as many:
        record(
            attempt, read_result(facts_of_all(UKHC=OPEN, UKRT=CLOSED, USRT=CLOSED, NLDT=CLOSED), april=OPEN)
        )
    assert len(many) <= len(few)


def _first_read(source: Connection, codes: list[str], at: str) -> tuple[list[str], int]:
    """The statements of a first read of these new companies, and how many rows of news it writes."""
    like = LegalEntity.objects.get(code="UKHC")
    LegalEntity.objects.filter(connection=source).update(connection=None)
    for code in codes:
        LegalEntity.objects.create(
            code=code,
            name=code,
            country=like.country,
            zone=like.zone,
            group=like.group,
            calendar=like.calendar,
            connection=source,
            erp_id=code.lower(),
        )
    said = read_result(dict.fromkeys(codes, OPEN))
    identities = {code.lower(): f"guid-{code}" for code in codes}
    gaps = tuple(ReadGap(code.lower(), GapReason.NO_ACCESS, "No access.") for code in codes[::3])
    attempt, before = begin(source, at), News.objects.count()
    with CaptureQueriesContext(connection) as ran:
        record(attempt, replace(said, identities=identities, gaps=gaps))
    pinned = LegalEntity.objects.filter(code__in=codes).values_list("erp_identity", flat=True)
    assert set(pinned) == {f"guid-{code}" for code in codes}
    return [query["sql"] for query in ran], News.objects.count() - before


def test_neither_statements_nor_news_of_a_first_read_grow_with_the_entities() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())  # so that the facts are stored already
    few, few_news = _first_read(source, [f"F{n}" for n in range(3)], "2026-06-08 12:05")
    many, many_news = _first_read(source, [f"M{n}" for n in range(60)], "2026-06-08 12:10")
    assert len(many) == len(few), "\n".join(sql[:120] for sql in many)
    assert many_news == few_news

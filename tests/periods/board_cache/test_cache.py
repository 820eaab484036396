"""A kept board says what one made anew says, whatever has happened since and in whatever order it was heard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django.plugin import DjangoDbBlocker

from board.scoreboard.screen import BoardScreen
from board.scoreboard.table_sections import Folds
from board.web.board_query import BoardQuery
from board.web.readers import Reader
from closing.facts.readings import GapReason
from closing.judging.states import PeriodState
from closing.scoreboard.board import Scoreboard, board_fingerprint, with_as_of
from closing.scoreboard.row import Row
from entities.models import LegalEntity, Person
from periods.board_cache.cache import BoardCache
from periods.board_cache.cached_board import VisibleBoard, track_record_length
from periods.board_cache.change_feed import changes_since
from periods.models import News
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY, OPEN
from tests.company_lock import company_lock_facts
from tests.company_lock.company_lock_facts import CompanyLockFacts, LockException
from tests.periods.events import APRIL, FACTS, GROUPS, ChangingGroup, own_copy
from tests.periods.snapshot import imbalance_annotation

LONDON = Reader.in_zone("Europe/London")
CODES = ("UKHC", "UKRT", "USRT", "NLDT", "UKWS", "IEOP", "DEVT", "FRSA")
code = st.sampled_from(CODES)
some = st.sampled_from
names = some(("Alpha Ltd", "Omega BV", "Ümlaut & Söhne", "<b>Bold</b>"))
# Locked, but for exceptions that end by the clock: an hour after the group begins in London, and the next day.
LOCKS = tuple(
    CompanyLockFacts(date(2026, 5, 31), (LockException("AP team", date(2026, 4, 1), until),))
    for until in (datetime(2026, 6, 8, 11, 0), datetime(2026, 6, 9, 17, 0))  # noqa: DTZ001 - wall times
)
PASS = some((1, 30, 300, 901, 3600, 6 * 3600, 13 * 3600, 26 * 3600, 5 * 24 * 3600))


def told_by(
    keeper: BoardCache, month: date, world: ChangingGroup, ids: frozenset[int] | None
) -> VisibleBoard:
    """What a door does: hear what is new, then ask for the board."""
    keeper.apply_changes(*changes_since(keeper.snapshot_token))
    return keeper.board(month, world.now).visible_board(ids)


def made_anew(month: date, world: ChangingGroup, ids: frozenset[int] | None) -> Scoreboard:
    everybody = LegalEntity.objects.all()
    track = track_record_length(everybody.count())
    some_of_them = everybody if ids is None else everybody.filter(pk__in=ids)
    return take_snapshot(some_of_them, month, world.now, track=track)


def rows_as_shown(board: Scoreboard, world: ChangingGroup, kept: VisibleBoard | None = None) -> str:
    return BoardScreen(with_as_of(board, world.now), BoardQuery(), LONDON, kept).rows(Folds())


def assert_the_same(
    keeper: BoardCache,
    world: ChangingGroup,
    ids: frozenset[int] | None = None,
    months: Sequence[date] = (MAY, APRIL),
) -> None:
    for month in months:
        scope, anew = told_by(keeper, month, world, ids), made_anew(month, world, ids)
        kept = scope.board
        assert [row.code for row in kept.rows] == [row.code for row in anew.rows]
        for mine, theirs in zip(kept.rows, anew.rows, strict=True):
            assert mine == theirs
        assert list(kept.groups) == list(anew.groups)
        assert list(kept.warnings) == list(anew.warnings)
        assert (kept.counts, kept.closed) == (anew.counts, anew.closed)
        assert scope.version == board_fingerprint(anew)
        assert rows_as_shown(kept, world, scope) == rows_as_shown(anew, world)


class KeptBoards(RuleBasedStateMachine):
    """One keeper that looks after everything that happens, and one that sleeps in between."""

    template: str

    @initialize()
    def begin(self) -> None:
        self.copy = own_copy(self.template)
        self.copy.__enter__()
        self.annotation = imbalance_annotation.installed()
        self.annotation.__enter__()
        self.lock_kind = company_lock_facts.registered()
        self.lock_kind.__enter__()
        self.world = ChangingGroup()
        self.awake, self.sleepy = BoardCache(), BoardCache()
        self.ids = frozenset(
            LegalEntity.objects.filter(code__in=["UKHC", "NLDT", "DEVT"]).values_list("pk", flat=True)
        )
        assert_the_same(self.sleepy, self.world)

    def teardown(self) -> None:
        if hasattr(self, "copy"):
            self.lock_kind.__exit__(None, None, None)
            self.annotation.__exit__(None, None, None)
            self.copy.__exit__(None, None, None)

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def whoever_is_awake_is_right(self) -> None:
        assert_the_same(self.awake, self.world)
        assert_the_same(self.awake, self.world, self.ids, [MAY])

    @rule()
    def wake(self) -> None:
        assert_the_same(self.sleepy, self.world)

    # --- time and reads -------------------------------------------------------------------------------------------

    @rule(seconds=PASS)
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(seconds=PASS, of=code, facts=some((*FACTS, *LOCKS)), month=some((MAY, MAY, APRIL)))
    def read(self, seconds: int, of: str, facts: Any, month: date) -> None:
        self.world.pass_time(seconds)
        self.world.read({of: facts}, month)

    @rule(of=code, facts=some(FACTS), ahead=some((1, 3, 20, 50)))
    def read_by_a_worker_whose_clock_is_ahead(self, of: str, facts: Any, ahead: int) -> None:
        self.world.pass_time(60)
        self.world.read({of: facts}, ahead=ahead)

    @rule(of=code, also=code, reason=some((GapReason.MISSING, GapReason.NO_ACCESS, GapReason.EMPTY)))
    def read_in_part(self, of: str, also: str, reason: GapReason) -> None:
        self.world.pass_time(300)
        self.world.read({}, unread={of: reason, also: GapReason.NO_ACCESS})

    @rule()
    def all_close(self) -> None:
        self.world.pass_time(300)
        self.world.read(dict.fromkeys(CODES, FACTS[2]))

    @rule(words=some(("The ERP does not answer.", "Too many requests.")))
    def fail(self, words: str) -> None:
        self.world.pass_time(30)
        self.world.fail(words)

    @rule()
    def give_up(self) -> None:
        self.world.pass_time(30)
        self.world.begin_and_leave()

    # --- what is agreed and said ----------------------------------------------------------------------------------

    @rule(
        of=some(("", "", "NLDT", "UKHC")),
        n=some((3, 5, 6, 9)),
        line=st.none() | some((0, 2, 5)),
        on_hold=st.none() | st.booleans(),
        unit=some((None, "working_days", "calendar_days")),
        reason=st.none() | st.booleans(),
        cut_off=some((None, time(17, 0))),
    )
    def agree_policy(
        self,
        of: str,
        n: int,
        line: int | None,
        on_hold: bool | None,
        unit: str | None,
        reason: bool | None,
        cut_off: time | None,
    ) -> None:
        self.world.pass_time(5)
        self.world.agree_policy(
            of,
            rule="workday",
            n=n,
            first_is=1,
            cut_off=cut_off,
            alert_after_days=line,
            on_hold_counts_as_closed=on_hold,
            lateness_unit=unit,
            overdue_reason_required=reason,
        )

    @rule(of=code, days=st.integers(-3, 9), cut_off=some((None, time(12, 30))))
    def agree_date(self, of: str, days: int, cut_off: time | None) -> None:
        self.world.pass_time(5)
        self.world.agree_date(of, days, cut_off)

    @rule(of=code)
    def day_off(self, of: str) -> None:
        self.world.pass_time(5)
        self.world.day_off(of)

    @rule(
        who=st.integers(0, 1),
        of=code,
        verb=some(("note", "reason", "expect", "acknowledge", "edit", "withdraw")),
    )
    def speak(self, who: int, of: str, verb: str) -> None:
        self.world.pass_time(5)
        self.world.speak(who, of, verb)

    @rule(who=st.integers(0, 1), of=code, group=st.booleans(), days=some((0, 1, 9)))
    def silence(self, who: int, of: str, group: bool, days: int) -> None:
        self.world.pass_time(5)
        self.world.silence(who, of, group=group, days=days)

    @rule(who=st.integers(0, 1))
    def lift_silences(self, who: int) -> None:
        self.world.pass_time(5)
        self.world.lift_silences(who)

    # --- an annotation that changes often -------------------------------------------------------------------------

    @rule(of=code, other=code, amount=st.integers(1, 3), ahead=some((-60, 0, 20, 3600)), seconds=PASS)
    def find_imbalance(self, of: str, other: str, amount: int, ahead: int, seconds: int) -> None:
        self.world.imbalance(of, other, amount, ahead, seconds)

    @rule()
    def read_imbalances_again(self) -> None:
        imbalance_annotation.read_again(self.world.now)

    @rule(of=code)
    def settle(self, of: str) -> None:
        imbalance_annotation.settle(self.world.group.entities[of].pk)

    # --- who is who -----------------------------------------------------------------------------------------------

    @rule(of=code, name=names)
    def rename_entity(self, of: str, name: str) -> None:
        self.world.rename_entity(of, name)

    @rule(who=st.integers(0, 1), name=some(("Rosa Bell-Kerr", "", "Uma R.")))
    def rename_speaker(self, who: int, name: str) -> None:
        self.world.rename_speaker(who, name)

    @rule(of=code, name=some(("Amira Hale-Stone", "Sanne de W.")))
    def rename_owner(self, of: str, name: str) -> None:
        self.world.rename_owner(of, name)

    @rule(of=code, who=some((0, 1, None)))
    def give_away(self, of: str, who: int | None) -> None:
        self.world.give_away(of, who)

    @rule(of=code, group=some(GROUPS))
    def move(self, of: str, group: str) -> None:
        self.world.move(of, group)

    @rule(of=some(GROUPS[1:]), name=some(("Renamed", "Other name")), parent=some(GROUPS))
    def place(self, of: str, name: str, parent: str) -> None:
        self.world.place(of, name, parent)

    @rule(of=code, on=st.booleans())
    def switch(self, of: str, on: bool) -> None:
        self.world.switch(of, on=on)

    @rule(of=code, where=some(("first", "first", "other", "none")))
    def connect(self, of: str, where: str) -> None:
        self.world.connect(of, where)

    @rule(minutes=some((10, 15, 600)))
    def stale_after(self, minutes: int) -> None:
        self.world.stale_after(minutes)

    @rule(number=st.integers(1, 2), on=st.booleans())
    def found_or_dissolve(self, number: int, on: bool) -> None:
        if on:
            self.world.found(number)
        else:
            self.world.dissolve(number)


def row_of(keeper: BoardCache, code: str, world: ChangingGroup) -> Row:
    scope = told_by(keeper, MAY, world, None)
    return next(row for row in scope.board.rows if row.code == code)


def test_two_who_begin_at_once_miss_nothing_of_what_comes_between(changing_group: ChangingGroup) -> None:
    """Both ask while nothing is kept; the slower one's snapshot has seen a change of which nobody was told."""
    keeper = BoardCache()
    slow = keeper.snapshot_token
    assert_the_same(keeper, changing_group)
    changing_group.rename_entity("NLDT", "Changed between")
    keeper.apply_changes(*changes_since(slow))
    assert_the_same(keeper, changing_group)
    assert row_of(keeper, "NLDT", changing_group).name == "Changed between"


def test_who_was_slower_takes_nothing_back(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    assert_the_same(keeper, changing_group)
    slow = changes_since(keeper.snapshot_token)
    changing_group.rename_entity("NLDT", "Heard by the faster one")
    assert_the_same(keeper, changing_group)
    keeper.apply_changes(*slow)
    changing_group.rename_entity("UKHC", "Next")
    assert_the_same(keeper, changing_group)


@pytest.mark.parametrize("ahead", [0.5, 3, 59])
def test_what_a_worker_whose_clock_is_ahead_has_read_is_shown_when_our_clock_is_there(
    ahead: float, changing_group: ChangingGroup
) -> None:
    keeper = BoardCache()
    assert_the_same(keeper, changing_group)
    changing_group.pass_time(60)
    changing_group.read({"NLDT": CLOSED}, ahead=ahead)
    assert_the_same(keeper, changing_group)
    assert row_of(keeper, "NLDT", changing_group).state is PeriodState.OPEN
    changing_group.pass_time(ahead)
    assert_the_same(keeper, changing_group)
    assert row_of(keeper, "NLDT", changing_group).state is PeriodState.CLOSED


def test_remarks_and_policies_may_be_dated_ahead_too(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    here = changing_group.now
    assert_the_same(keeper, changing_group)
    changing_group.pass_time(20)
    changing_group.agree_policy("NLDT", rule="workday", n=1, first_is=1, overdue_reason_required=True)
    changing_group.pass_time(20)
    changing_group.speak(0, "NLDT", "note")
    changing_group.now = here
    assert_the_same(keeper, changing_group)
    for _ in range(5):
        changing_group.pass_time(10)
        assert_the_same(keeper, changing_group)
    assert row_of(keeper, "NLDT", changing_group).remarks.notes == 1


def test_a_company_that_comes_back_is_shown_as_it_is_now(changing_group: ChangingGroup) -> None:
    """It is gone while the board is made anew for another reason; what was made of its row is not shown again."""
    keeper = BoardCache()
    assert_the_same(keeper, changing_group)
    changing_group.switch("NLDT", on=False)
    assert_the_same(keeper, changing_group)
    changing_group.agree_policy("", rule="workday", n=6, first_is=0)
    assert_the_same(keeper, changing_group)
    changing_group.rename_entity("NLDT", "Back again BV")
    changing_group.switch("NLDT", on=True)
    assert_the_same(keeper, changing_group)


def test_whoever_said_something_is_named_as_they_are_called_now(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    changing_group.pass_time(3 * 24 * 3600)
    changing_group.read({})
    changing_group.speak(1, "NLDT", "acknowledge")
    assert row_of(keeper, "NLDT", changing_group).remarks.acknowledged_by == "Uma Reyes"
    changing_group.rename_speaker(1, "Uma Reyes-Holt")
    assert row_of(keeper, "NLDT", changing_group).remarks.acknowledged_by == "Uma Reyes-Holt"
    Person.objects.filter(pk=changing_group.speakers[1].pk).update(name="", email="uma@holt.test")
    assert row_of(keeper, "NLDT", changing_group).remarks.acknowledged_by == "uma@holt.test"
    assert_the_same(keeper, changing_group)


def test_warnings_come_in_the_order_of_a_board_made_at_once(changing_group: ChangingGroup) -> None:
    """Two processes that heard of the same in another order agree on what it says."""
    keeper = BoardCache()
    for code in ("UKHC", "DEVT", "NLDT"):
        changing_group.pass_time(60)
        changing_group.read({code: OPEN}, APRIL)
        assert_the_same(keeper, changing_group)
    assert [each.entity for each in told_by(keeper, MAY, changing_group, None).board.warnings] == [
        "DEVT",
        "NLDT",
        "UKHC",
    ]
    changing_group.rename_entity("DEVT", "Vertrieb SE")
    assert_the_same(keeper, changing_group)


def test_a_database_that_fails_in_between_costs_nothing_but_the_answer(
    changing_group: ChangingGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was heard when the reading failed is not taken for seen."""
    keeper = BoardCache()
    assert_the_same(keeper, changing_group)
    changing_group.pass_time(60)
    changing_group.read({"NLDT": CLOSED})

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("the session was terminated")

    with monkeypatch.context() as patch:
        patch.setattr("periods.snapshot.builder.take_unredacted", broken)
        with pytest.raises(OperationalError):
            told_by(keeper, MAY, changing_group, None)
    assert_the_same(keeper, changing_group)
    assert row_of(keeper, "NLDT", changing_group).state is PeriodState.CLOSED


def test_a_month_that_was_put_away_comes_back_right(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    assert_the_same(keeper, changing_group)
    for month in range(1, 5):
        told_by(keeper, date(2025, month, 1), changing_group, None)
    changing_group.pass_time(60)
    changing_group.read({"NLDT": CLOSED})
    assert_the_same(keeper, changing_group)


def test_a_process_that_heard_nothing_for_hours_looks_up_access_anew(
    changing_group: ChangingGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """News is deleted after a day: who was idle for longer must not show by an access of before."""
    keeper, idle = BoardCache(), [0.0]
    monkeypatch.setattr("periods.board_cache.cache.monotonic", lambda: monotonic() + idle[0])
    told_by(keeper, MAY, changing_group, None)
    assert keeper.visible_entities("UK", lambda: [1, 2]) == {1, 2}
    changing_group.rename_entity("NLDT", "Moved while nobody listened")
    with transaction.atomic():
        News.objects.all().delete()
    idle[0] = 25 * 3600
    keeper.apply_changes(*changes_since(keeper.snapshot_token))
    assert keeper.visible_entities("UK", lambda: [1]) == {1}
    rows = keeper.board(MAY, changing_group.now).visible_board(None).board.rows
    assert "Moved while nobody listened" in [row.name for row in rows]


def test_a_board_that_nobody_looked_at_for_hours_is_made_anew(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    before = told_by(keeper, MAY, changing_group, None).cached_board
    changing_group.pass_time(7 * 3600)
    after = told_by(keeper, MAY, changing_group, None).cached_board
    assert after.generation != before.generation
    assert_the_same(keeper, changing_group)


def test_nothing_new_costs_one_statement_and_keeps_the_very_board(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    before = told_by(keeper, MAY, changing_group, None)
    changing_group.pass_time(30)
    with CaptureQueriesContext(connection) as asked:
        after = told_by(keeper, MAY, changing_group, None)
    assert len(asked) == 1
    assert after is before


def test_news_that_change_nothing_on_the_board_are_no_new_board(changing_group: ChangingGroup) -> None:
    keeper = BoardCache()
    before = told_by(keeper, MAY, changing_group, None)
    changing_group.rename_entity("UKHC", "UK HoldCo")
    changing_group.group.connection.save()
    after = told_by(keeper, MAY, changing_group, None)
    assert (after.version, after.cached_board.generation) == (before.version, before.cached_board.generation)
    changing_group.pass_time(60)
    changing_group.read({})
    younger = told_by(keeper, MAY, changing_group, None)
    assert younger.version == before.version
    assert younger.cached_board.generation != before.cached_board.generation
    assert younger.board.rows[0].read_at == changing_group.now


def play(template: str, examples: int, steps: int) -> None:
    machine = type("KeptBoards", (KeptBoards,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_happens_a_kept_board_is_one_made_anew(
    migrated_database: str, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        play(migrated_database, examples=40, steps=30)

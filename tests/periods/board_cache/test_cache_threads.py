"""A keeper among threads: who reads one month waits for no other, and nothing that was heard meanwhile is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import partial
from threading import Event
from typing import Any, TypeVar

import pytest
from django.db import OperationalError

from entities.models import LegalEntity
from periods.board_cache.cache import MAX_CACHED_MONTHS, BoardCache
from periods.board_cache.cached_board import (
    MAX_FRAGMENT_SETS,
    MAX_VISIBLE_BOARDS,
    CachedBoard,
    track_record_length,
)
from periods.board_cache.change_feed import changes_since
from periods.deadline_setting import set_deadlines
from periods.models import DeadlinePolicy, PolicyVersion
from periods.snapshot.builder import UnredactedBoards, take_snapshot, take_unredacted
from tests.builders import MAY
from tests.periods.board_cache.test_cache import assert_the_same, told_by
from tests.periods.events import APRIL, ChangingGroup
from tests.threads import PATIENCE, at_once, eager_threads, own_connections

T = TypeVar("T")


class Held:
    """The first read of a month by another thread, held back when it has read the tables and kept nothing yet."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.has_read, self.go_on = Event(), Event()
        self._threads = threads

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Run work in another thread."""

        def run() -> T:
            with own_connections():
                return work()

        return self._threads.submit(run)

    def meanwhile(self, work: Callable[[], T]) -> T:
        """Run work in another thread while the read is held back; fails where it waits for that."""
        assert self.has_read.wait(PATIENCE)
        return self.begin(work).result(PATIENCE / 2)


@contextmanager
def held_back(month: date) -> Iterator[Held]:
    """Hold back the first read of this month until the block ends or is told to `go_on`."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as threads:
        held = Held(threads)

        def slowly(entities: Any, months: Any, *args: Any, **more: Any) -> UnredactedBoards:
            found = take_unredacted(entities, months, *args, **more)
            if months[0] == month and not held.has_read.is_set():
                held.has_read.set()
                assert held.go_on.wait(PATIENCE)
            return found

        patch.setattr("periods.snapshot.builder.take_unredacted", slowly)
        try:
            yield held
        finally:
            held.go_on.set()


def named(kept: CachedBoard, world: ChangingGroup, code: str) -> str:
    return kept.rows[world.group.entities[code].pk].name


def test_who_reads_one_month_waits_for_no_other(shared_group: ChangingGroup) -> None:
    keeper = BoardCache()
    told_by(keeper, MAY, shared_group, None)
    with held_back(APRIL) as held:
        april = held.begin(partial(told_by, keeper, APRIL, shared_group, None))
        assert held.has_read.wait(PATIENCE)
        shared_group.rename_entity("NLDT", "Renamed meanwhile")
        may = held.meanwhile(partial(told_by, keeper, MAY, shared_group, None))
        assert named(may.cached_board, shared_group, "NLDT") == "Renamed meanwhile"
        assert held.meanwhile(lambda: keeper.visible_entities("UK", lambda: [1])) == {1}
        assert not april.done()
        held.go_on.set()
        april.result(PATIENCE)
    assert_the_same(keeper, shared_group)


def test_news_heard_while_a_month_is_first_read_is_applied_to_it(shared_group: ChangingGroup) -> None:
    """Somebody who wants the same month waits, and sees what they have written."""
    keeper = BoardCache()
    with held_back(APRIL) as held:
        april = held.begin(partial(told_by, keeper, APRIL, shared_group, None))
        assert held.has_read.wait(PATIENCE)
        shared_group.rename_entity("UKHC", "Heard while April was read")
        held.meanwhile(lambda: keeper.apply_changes(*changes_since(keeper.snapshot_token)))
        after = held.begin(partial(keeper.board, APRIL, shared_group.now))
        held.go_on.set()
        assert named(after.result(PATIENCE), shared_group, "UKHC") == "Heard while April was read"
        april.result(PATIENCE)
    assert_the_same(keeper, shared_group)


def _forget(keeper: BoardCache, world: ChangingGroup) -> None:
    keeper.clear()


def _read_other_months(keeper: BoardCache, world: ChangingGroup) -> None:
    for month in range(1, MAX_CACHED_MONTHS + 1):
        keeper.board(date(2025, month, 1), world.now)


@pytest.mark.parametrize("put_away", [_forget, _read_other_months])
def test_a_month_put_away_while_it_is_read_is_not_kept(
    put_away: Callable[[BoardCache, ChangingGroup], None], shared_group: ChangingGroup
) -> None:
    """It no longer collects news, so what was read may be old; who read it has heard of nothing newer."""
    keeper = BoardCache()
    with held_back(APRIL) as held:
        april = held.begin(partial(told_by, keeper, APRIL, shared_group, None))
        held.meanwhile(partial(put_away, keeper, shared_group))
        name = f"Changed after {put_away.__name__}"
        shared_group.rename_entity("USRT", name)
        held.meanwhile(partial(told_by, keeper, MAY, shared_group, None))  # hears of it, or begins after it
        held.go_on.set()
        april.result(PATIENCE)
    assert named(told_by(keeper, APRIL, shared_group, None).cached_board, shared_group, "USRT") == name
    assert_the_same(keeper, shared_group)


def test_a_read_that_fails_costs_no_other_month_its_board(
    shared_group: ChangingGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = BoardCache()
    assert_the_same(keeper, shared_group)
    before = told_by(keeper, MAY, shared_group, None).cached_board
    shared_group.speak(0, "IEOP", "note")  # about May

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("the session was terminated")

    with monkeypatch.context() as patch:
        patch.setattr("periods.board_cache.board_draft.load_annotations", broken)
        with pytest.raises(OperationalError):
            told_by(keeper, APRIL, shared_group, None)
    after = told_by(keeper, MAY, shared_group, None).cached_board
    assert after.fragment_sets is before.fragment_sets  # what was rendered of the rows serves on
    assert_the_same(keeper, shared_group)


def test_who_asked_when_nothing_was_kept_sees_their_own_writes(shared_group: ChangingGroup) -> None:
    """Another thread keeps boards between the question and the answer, which tells of no news."""
    keeper = BoardCache()
    nothing = keeper.snapshot_token
    told_by(keeper, MAY, shared_group, None)
    shared_group.rename_entity("DEVT", "Written by the slower one")
    keeper.apply_changes(*changes_since(nothing))
    assert named(keeper.board(MAY, shared_group.now), shared_group, "DEVT") == "Written by the slower one"


def test_a_place_that_moves_while_it_is_looked_up_is_looked_up_again(shared_group: ChangingGroup) -> None:
    keeper, entity = BoardCache(), shared_group.group.entities["FRSA"]
    keeper.apply_changes(*changes_since(keeper.snapshot_token))

    def look_up() -> list[int]:
        return list(LegalEntity.objects.filter(group__code="UK").values_list("pk", flat=True))

    def overtaken() -> list[int]:
        before = look_up()
        shared_group.move("FRSA", "UK")
        keeper.apply_changes(*changes_since(keeper.snapshot_token))
        return before

    assert entity.pk not in keeper.visible_entities("UK", overtaken)
    assert entity.pk in keeper.visible_entities("UK", look_up)


def test_an_access_looked_up_while_all_is_forgotten_is_not_kept(shared_group: ChangingGroup) -> None:
    keeper = BoardCache()
    keeper.apply_changes(*changes_since(keeper.snapshot_token))

    def overtaken() -> list[int]:
        keeper.clear()
        keeper.apply_changes(*changes_since(keeper.snapshot_token))  # begins after whatever has changed
        return [1]

    assert keeper.visible_entities("UK", overtaken) == {1}
    assert keeper.visible_entities("UK", lambda: [2]) == {2}
    keeper.clear()
    assert keeper.visible_entities("UK", lambda: [3]) == {3}  # nobody hears of what changes from now on
    assert keeper.visible_entities("UK", lambda: [4]) == {4}


def test_who_looks_up_an_access_holds_up_nobody(shared_group: ChangingGroup) -> None:
    keeper, looking, go_on = BoardCache(), Event(), Event()
    told_by(keeper, MAY, shared_group, None)

    def slowly() -> list[int]:
        looking.set()
        assert go_on.wait(PATIENCE)
        return [1]

    with ThreadPoolExecutor(2) as threads:
        held = Held(threads)
        held.has_read = looking
        slow = held.begin(partial(keeper.visible_entities, "UK", slowly))
        try:
            held.meanwhile(partial(told_by, keeper, MAY, shared_group, None))
        finally:
            go_on.set()
        assert slow.result(PATIENCE) == {1}


def test_threads_that_show_successive_boards_share_what_was_made_of_them(shared_group: ChangingGroup) -> None:
    """A board and the next share fragments and scopes; either may put away what the other one looks for."""
    keeper = BoardCache()
    first = told_by(keeper, MAY, shared_group, None).cached_board
    shared_group.group.connection.save()  # news that change nothing on the board
    keeper.apply_changes(*changes_since(keeper.snapshot_token))
    second = keeper.board(MAY, shared_group.now)
    assert first is not second
    assert first.fragment_sets is second.fragment_sets
    assert first.visible_boards is second.visible_boards
    seen_by = [frozenset({-number}) for number in range(1, MAX_VISIBLE_BOARDS + 8)]

    def show(kept: CachedBoard) -> None:
        for turn in range(4_000):
            kept.fragments(("row", turn % (MAX_FRAGMENT_SETS + 3)))
            if turn % 10 == 0:
                assert kept.visible_board(seen_by[turn // 10 % len(seen_by)]).board.rows == []

    with eager_threads():
        at_once(*[partial(show, kept) for kept in (first, second) * 4])
    assert (len(first.fragment_sets), len(first.visible_boards)) == (MAX_FRAGMENT_SETS, MAX_VISIBLE_BOARDS)


def _agree(world: ChangingGroup, number: int) -> None:
    """A policy version in the same words, which is news of everybody all the same."""
    PolicyVersion.objects.create(
        policy=DeadlinePolicy.objects.get(code="GROUP-CLOSE"),
        number=number,
        rule="workday",
        n=6,
        first_is=0,
        set_at=world.now,
    )


def test_threads_that_write_hear_and_read_see_their_own_writes_in_every_month(
    shared_group: ChangingGroup,
) -> None:
    """Each writes of its own entities; the keeper's rows of those are what the tables say, at any moment."""
    keeper = BoardCache()
    track = track_record_length(LegalEntity.objects.count())
    _agree(shared_group, 100)
    set_deadlines(None, shared_group.now)
    changes: list[dict[str, object]] = [
        {"name": "Once"},
        {"owner": shared_group.speakers[0]},
        {"active_to": date(2026, 4, 30)},
        {"connection": None},
        {"name": "Twice"},
        {"owner": None},
        {"active_to": None},
        {"connection": shared_group.group.connection},
    ]

    def work(*codes: str) -> None:
        for change in changes * 2:
            for code, month in zip(codes, (MAY, APRIL), strict=True):
                own = LegalEntity.objects.filter(code=code)
                own.update(**change)
                rows = told_by(keeper, month, shared_group, None).board.rows
                anew = take_snapshot(own, month, shared_group.now, track=track).rows
                assert [row for row in rows if row.code == code] == list(anew)

    def unsettle() -> None:
        """News of everybody, more months than are kept, and a keeper that forgets."""
        for turn in range(1, 7):
            _agree(shared_group, 100 + turn)
            keeper.board(date(2025, turn, 1), shared_group.now)
            if turn == 4:
                keeper.clear()

    with eager_threads():
        at_once(partial(work, "UKHC", "UKRT"), partial(work, "USRT", "NLDT"), unsettle)
    assert_the_same(keeper, shared_group)

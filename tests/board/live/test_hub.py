"""The hub's promises that no browser can be made to keep: who is told, in which order, and when a stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction

from board.live import browser_connection
from board.live import hub as stream
from board.live.browser_connection import Stream
from board.live.hub import Hub, SharedScreen, authorize_stream
from entities.access import access_fingerprints
from entities.models import Group, LegalEntity, Membership, Person
from periods.board_cache.cache import BOARD_CACHE
from tests.builders import CLOSED, ON_HOLD, OPEN, WORKED_EXAMPLE_AT, utc
from tests.db_builders import SampleGroup, save_person

WORKED = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}


def session() -> str:
    store = SessionStore()
    store.create()
    return str(store.session_key)


def opened(somebody: Person, key: str | None = None) -> tuple[SharedScreen, Stream]:
    opening = authorize_stream(somebody.pk, key or session(), {})
    assert opening is not None
    return opening


class Listener:
    """A stream that somebody reads (or not, when `slow`), and all that it has told so far."""

    def __init__(self, opening: tuple[SharedScreen, Stream], *, slow: bool = False) -> None:
        self.told = b""
        self.ended = False
        self.left = asyncio.Event()
        self._screen, self._stream = opening
        self._slow = slow

    async def listen(self) -> None:
        self._stream.send = self._send
        hub = Hub.for_running_loop()
        await hub.hold(await hub.shared_screen(self._screen), self._stream, self._receive)

    async def _send(self, message: Mapping[str, Any]) -> None:
        if self._slow and self.told:
            await self.left.wait()
        self.told += message["body"]
        if not message["more_body"]:
            self.ended = True
            self.left.set()

    async def _receive(self) -> dict[str, str]:
        await self.left.wait()
        return {"type": "http.disconnect"}


def hear(story: Callable[[Callable[..., Awaitable[Any]]], Awaitable[None]]) -> None:
    """Play a story beside a hub; what it does to the database it does in a thread, through what it is given."""

    async def play() -> None:
        try:
            await story(stream.in_thread)
        finally:
            Hub.for_running_loop().end()

    asyncio.run(play())


async def until(true: Callable[[], object], what: str) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"not within ten seconds: {what}")


def test_whoever_was_shut_out_before_a_change_is_not_told_of_it(live_meridian: SampleGroup) -> None:
    """Both are heard in the same look, the loss of the role first committed: not one byte about the entity."""

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        uma = await in_thread(lambda: save_person("uma@meridian.test", "Uma", group="EUROPE"))
        stays, goes = [Listener(await in_thread(lambda who=who: opened(who))) for who in (rosa, uma)]
        tasks = [asyncio.create_task(each.listen()) for each in (stays, goes)]
        await until(lambda: stays.told and goes.told, "both are greeted")
        before = goes.told

        @transaction.atomic
        def both() -> None:
            Membership.objects.filter(person=uma).delete()
            live_meridian.read(WORKED_EXAMPLE_AT, WORKED | {"NLDT": CLOSED})

        await in_thread(both)
        await until(lambda: b"row-NLDT" in stays.told, "who may see it is told")
        await until(lambda: goes.ended, "who may not is let go")
        assert b"NLDT" not in goes.told.removeprefix(before)
        assert not stays.ended
        Hub.for_running_loop().end()
        await asyncio.gather(*tasks)

    hear(story)


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_taken_away_while_a_stream_opens_ends_it(
    when: str, live_meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request has read the memberships already; the stream must not outlive them for all that."""
    real = access_fingerprints

    def take_away() -> None:
        LegalEntity.objects.filter(code="NLDT").update(group=Group.objects.get(code="UK"))

    def meanwhile(people: Any) -> Any:
        monkeypatch.setattr(stream, "access_fingerprints", real)
        if when == "before":
            take_away()
        found = real(people)
        if when == "after":
            take_away()
        return found

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        uma = await in_thread(lambda: save_person("uma@meridian.test", "Uma", group="EUROPE"))
        await in_thread(lambda: opened(uma))  # so that what she may see is known already
        monkeypatch.setattr(stream, "access_fingerprints", meanwhile)
        listener = Listener(await in_thread(lambda: opened(uma)))
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.told, "she is greeted")
        await in_thread(lambda: live_meridian.read(WORKED_EXAMPLE_AT, WORKED | {"NLDT": CLOSED}))
        if when == "after":
            await until(lambda: listener.ended, "her access is not what it was")
        else:
            await asyncio.sleep(0.5)
        assert b"EU DTC" not in listener.told
        Hub.for_running_loop().end()
        await task

    hear(story)


def test_a_stream_ends_with_its_session_and_with_its_person(
    live_meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ACCESS_CHECK_SECONDS", 0.1)
    assert stream.POLL_SECONDS + 15.0 + stream.RETRY_MILLISECONDS[1] / 1000 < 60  # 05-reliability 4.9

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        tom = await in_thread(lambda: save_person("tom@meridian.test", "Tom"))
        keys = [await in_thread(session) for _ in range(3)]
        people = [rosa, rosa, tom]
        all_of_them = [
            Listener(await in_thread(lambda who=who, key=key: opened(who, key)))
            for who, key in zip(people, keys, strict=True)
        ]
        tasks = [asyncio.create_task(each.listen()) for each in all_of_them]
        await until(lambda: all(each.told for each in all_of_them), "all are greeted")
        await in_thread(lambda: SessionStore(keys[0]).delete())
        await until(lambda: all_of_them[0].ended, "the session is over")
        assert not all_of_them[1].ended
        await in_thread(lambda: Person.objects.filter(pk=tom.pk).update(is_active=False))
        await until(lambda: all_of_them[2].ended, "Tom is switched off")
        assert not all_of_them[1].ended
        assert await in_thread(lambda: authorize_stream(tom.pk, keys[2], {})) is None
        await in_thread(lambda: Person.objects.filter(pk=rosa.pk).update(password="another"))
        await until(lambda: all_of_them[1].ended, "a changed password ends every session")
        await asyncio.gather(*tasks)
        assert Hub.for_running_loop().streams == []

    hear(story)


def test_a_browser_that_reads_too_slowly_is_let_go_and_nobody_waits_for_it(
    live_meridian: SampleGroup,
) -> None:
    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        one, other = [await in_thread(lambda: opened(rosa)) for _ in range(2)]
        slow, quick = Listener(one, slow=True), Listener(other)
        tasks = [asyncio.create_task(each.listen()) for each in (slow, quick)]
        await until(lambda: slow.told and quick.told, "both are greeted")
        greeting = slow.told
        for number in range(browser_connection.MAX_QUEUED_MESSAGES + 2):  # one of them is on its way already
            for each in (one, other):
                each[1].put(b"%d," % number)
        assert one[1].ended
        assert not other[1].ended
        assert quick.told.endswith(b"%d," % (browser_connection.MAX_QUEUED_MESSAGES + 1))
        assert slow.told == greeting
        slow.left.set()
        await tasks[0]
        assert Hub.for_running_loop().streams == [other[1]]
        quick.left.set()
        await tasks[1]
        assert Hub.for_running_loop().streams == []

    hear(story)


@pytest.mark.parametrize("step", [pytest.param(4, marks=pytest.mark.slow), 20])
def test_nothing_listens_any_more_once_the_last_browser_has_left(
    live_meridian: SampleGroup, step: int
) -> None:
    """Whenever it leaves: a cancellation that comes while Redis is being connected was lost, one time in twenty."""

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        for turn in range(0, 120, step):
            listener = Listener(await in_thread(lambda: opened(rosa)))
            listening = asyncio.create_task(listener.listen())
            while not listener.told:
                await asyncio.sleep(0)
            for _ in range(turn):  # further into the connection each time
                await asyncio.sleep(0)
            listener.left.set()
            await listening
            await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "all tasks have ended")

    hear(story)


def test_nobody_is_let_in_while_the_server_goes_down(live_meridian: SampleGroup) -> None:
    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        listener = Listener(await in_thread(lambda: opened(rosa)))
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.told, "she is greeted")
        Hub.end_all()
        await task
        assert listener.ended
        late = Listener(await in_thread(lambda: opened(rosa)))
        await late.listen()
        assert late.told == b""

    hear(story)


def test_a_look_that_fails_loses_nothing(live_meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away between hearing and reading; the next look tells it."""
    real = access_fingerprints
    failed: list[int] = []

    def once(people: Any) -> Any:
        if not failed:
            failed.append(1)
            raise OSError("the session was terminated")
        return real(people)

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        listener = Listener(await in_thread(lambda: opened(rosa)))
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.told, "she is greeted")
        monkeypatch.setattr(stream, "access_fingerprints", once)

        def change() -> None:
            LegalEntity.objects.filter(code="NLDT").update(name="Renamed BV")

        await in_thread(change)
        await until(lambda: b"Renamed BV" in listener.told, "the change is told after all")
        assert failed
        Hub.for_running_loop().end()
        await task

    hear(story)


def test_a_board_that_was_put_away_hides_no_change(live_meridian: SampleGroup) -> None:
    """Counts of what a row has said begin anew with the board; a browser must be told all the same."""

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        rosa = await in_thread(save_person)
        listener = Listener(await in_thread(lambda: opened(rosa)))
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.told, "she is greeted")

        def change() -> None:
            with BOARD_CACHE._lock:  # so that nobody looks in between
                BOARD_CACHE.clear()
                live_meridian.read(WORKED_EXAMPLE_AT, WORKED | {"NLDT": CLOSED})

        await in_thread(change)
        await until(lambda: b"1 of 4 outstanding" in listener.told, "the verdict is told")
        assert b"place what:row-NLDT" in listener.told
        assert b"place what:row-UKHC" not in listener.told
        Hub.for_running_loop().end()
        await task

    hear(story)


def test_the_readers_midnight_is_told_where_no_row_says_anything_else(
    live_meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board counts days since the month's end, and "not read since 12:58" was yesterday."""
    evening, night = utc("2026-06-12 22:58"), utc("2026-06-12 23:01")

    async def story(in_thread: Callable[..., Awaitable[Any]]) -> None:
        monkeypatch.setattr("board.web.board_request.now", lambda: evening)
        rosa = await in_thread(save_person)
        opening = await in_thread(lambda: opened(rosa))
        first = await in_thread(lambda: opening[0].state)
        assert "12 days" in first.parts["verdict"]
        listener = Listener(opening)
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.told, "she is greeted")
        monkeypatch.setattr("board.web.board_request.now", lambda: night)
        await until(lambda: b"13 days" in listener.told, "it is Saturday")
        assert b"not read since Fri 12 Jun 12:58" in listener.told
        assert first.version.encode() + b":" in listener.told
        Hub.for_running_loop().end()
        await task

    hear(story)

"""The live stream: one hub for each process hears what is new, and tells every open browser that may see it.

Browsers that ask the same question and see the same entities share a view: what they must be told is made once.
Django judges who may listen; then the request is let go of, and what stays of a stream is a few small objects.
Redis only says that there is something to look for; what it loses, the hub finds by itself within seconds
(`POLL_SECONDS`). A stream is bound to one person, session and access; when any of them changes it ends, and the
browser is judged anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar
from weakref import WeakKeyDictionary

import redis.asyncio
import structlog
from django.conf import settings
from django.db import DatabaseError, connections

from board.door import DoorBackend, visible_ids
from board.live.browser_connection import Receive, Stream
from board.live.screen_diff import ScreenState, diff_event, heartbeat, screen_state
from board.scoreboard.screen import BoardScreen, calendars_of, version_of
from board.web import board_request as door
from board.web import labels
from board.web.board_request import BoardRequest, resolve_request
from closing.calendar.months import active_month
from closing.scoreboard.board import with_as_of
from entities.access import access_fingerprints, open_sessions
from periods.board_cache.cache import BOARD_CACHE
from periods.board_cache.change_feed import WAKEUP_CHANNEL, changes_since

HEARTBEAT_SECONDS = 20.0  # seconds between heartbeats; a browser that misses two says so
POLL_SECONDS = 5.0  # seconds after which the hub looks for news although nobody nudged it
DEBOUNCE_SECONDS = 0.03  # seconds after a look in which a burst of nudges becomes the next one
ACCESS_CHECK_SECONDS = (
    15.0  # seconds between looks at whether everybody may still see what they see (05-reliability 4.9: 60)
)
RETRY_MILLISECONDS = (1000, 5000)  # milliseconds, at random: browsers do not come back all at once

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(eq=False)
class SharedScreen:
    """What several streams show alike: a question, asked by people of one zone who see the same entities."""

    key: object
    board_request: BoardRequest
    ids: frozenset[int] | None
    state: ScreenState
    streams: set[Stream] = field(default_factory=set)


class Hub:
    """All streams of one event loop."""

    _of: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()

    @classmethod
    def for_running_loop(cls) -> Hub:
        """The hub of the running loop, made when first asked for."""
        loop = asyncio.get_running_loop()
        if (hub := cls._of.get(loop)) is None:
            hub = cls._of[loop] = cls(loop)
        return hub

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._views: dict[object, SharedScreen] = {}
        self._making = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._access_news = -1
        self._looked_at = loop.time()  # when it was last known that nothing is new but what was told
        self.ending = False

    @property
    def streams(self) -> list[Stream]:
        """Every open stream."""
        return [stream for view in self._views.values() for stream in view.streams]

    async def shared_screen(self, opening: StreamOpening) -> SharedScreen:
        """The view that a browser shares or is the first of; its screen is made once, however many come at once."""
        async with self._making:
            if (view := self._views.get(opening.key)) is None:
                first = await in_thread(lambda: opening.first_state)
                view = SharedScreen(opening.key, opening.board_request, opening.ids, first)
            return self._views.setdefault(view.key, view)

    async def hold(self, view: SharedScreen, stream: Stream, receive: Receive) -> None:
        """Keep a stream open, from the greeting until the browser leaves or the stream is ended."""
        view = self._views.setdefault(view.key, view)
        view.streams.add(stream)
        try:
            if self.ending:
                stream.put(None)
            else:
                # The browser compares the version with its page’s: whatever came between is fetched, not missed.
                stream.put(heartbeat(view.state.version, _now(), retry=random.randint(*RETRY_MILLISECONDS)))  # noqa: S311 - no secret
                self._start()
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            stream.close()
            view.streams.discard(stream)
            if not view.streams and self._views.get(view.key) is view:
                del self._views[view.key]
            if not self._views:
                self._stop()

    def end(self) -> None:
        """End every stream, and take no more: the server is going down."""
        self.ending = True
        for stream in self.streams:
            stream.put(None)
        self._stop()

    @classmethod
    def end_all(cls) -> None:
        """End the streams of every loop; may be called from a signal handler or another thread."""
        for loop, hub in list(cls._of.items()):
            with contextlib.suppress(RuntimeError):  # a loop that is closed has no streams
                loop.call_soon_threadsafe(hub.end)

    def _start(self) -> None:
        if not self._tasks:
            self._looked_at = self._loop.time()
            work = (self._hear, self._tell, self._beat, self._guard)
            self._tasks = [self._loop.create_task(_for_ever(each)) for each in work]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    # --- what the tasks do ------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Wait for nudges from Redis; while it is away `_tell` looks by itself."""
        async with (
            redis.asyncio.from_url(
                settings.REDIS_URL, socket_connect_timeout=3, health_check_interval=25
            ) as server,
            server.pubsub() as hearing,
        ):
            await hearing.subscribe(WAKEUP_CHANNEL)
            async for _ in hearing.listen():
                self._nudged.set()

    async def _tell(self) -> None:
        """Look for what is new, and tell every view what has changed for it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudged.wait(), POLL_SECONDS)
        self._nudged.clear()
        for view in [view for view in self._views.values() if not view.streams]:
            del self._views[view.key]  # its browsers left before they were held
        views = list(self._views.values())
        begun = self._loop.time()
        found = await in_thread(lambda: _looked(views))
        if BOARD_CACHE.access_revision != self._access_news:
            await self._check_access()  # first: whoever was shut out before a change is not told of it
        for view, after in found:
            data = diff_event(view.state, after)
            view.state = after
            if data is not None:
                for stream in list(view.streams):
                    stream.put(data)
        self._looked_at = begun
        await asyncio.sleep(DEBOUNCE_SECONDS)

    async def _beat(self) -> None:
        """Say that all is told; whoever cannot look into the database says nothing, and browsers say that (70 s)."""
        await asyncio.sleep(HEARTBEAT_SECONDS)
        if self._loop.time() - self._looked_at > 2 * POLL_SECONDS:
            return
        now = _now()
        for view in list(self._views.values()):
            data = heartbeat(view.state.version, now)
            for stream in list(view.streams):
                stream.put(data)

    async def _guard(self) -> None:
        await asyncio.sleep(ACCESS_CHECK_SECONDS)
        await self._check_access()

    async def _check_access(self) -> None:
        """End the streams of everybody whose access, session or account is not what it was when they opened."""
        heard = BOARD_CACHE.access_revision
        streams = self.streams
        people = {stream.person_id for stream in streams}
        keys = {stream.session_key for stream in streams}
        held, known = await in_thread(lambda: (access_fingerprints(people), open_sessions(keys)))
        for stream in streams:
            access = held.get(stream.person_id)
            if (
                access is None
                or not access.active
                or access.fingerprint != stream.fingerprint
                or stream.session_key not in known
            ):
                stream.put(None)
        self._access_news = heard


@dataclass(frozen=True)
class StreamOpening:
    """What was found at the door for a browser that wants to listen."""

    key: object
    board_request: BoardRequest
    ids: frozenset[int] | None
    stream: Stream

    @cached_property
    def first_state(self) -> ScreenState:
        """The first screen; asked for only where nobody shares the view yet."""
        return screen_state(_screen(self.board_request, self.ids))


def authorize_stream(person_id: int, session_key: str, told: dict[str, str]) -> StreamOpening | None:
    """Judge who wants to listen to what; None for who may not any more. Raises InvalidQuery.

    The access is read before what it lets them see: whatever changes in between is found by the next look at it.
    """
    access = access_fingerprints([person_id]).get(person_id)
    person = DoorBackend().get_user(person_id)
    if access is None or person is None:
        return None
    asked = resolve_request(person, told, door.now())
    ids = visible_ids(person)
    question = asked.query.replace(month=asked.month if asked.query.month is not None else None)
    key = (ids, asked.reader.zone_name, question.querystring())
    return StreamOpening(key, asked, ids, Stream(person.pk, session_key, access.fingerprint))


def _screen(asked: BoardRequest, ids: frozenset[int] | None) -> BoardScreen:
    scope = BOARD_CACHE.board(asked.month, asked.as_of).visible_board(ids)
    board = with_as_of(scope.board, asked.as_of)
    version = version_of(scope, asked.as_of, asked.reader)
    return BoardScreen(
        board,
        asked.query,
        asked.reader,
        scope.cached_board,
        version,
        calendars_of(board),
        scope.render_cache,
    )


def _looked(views: list[SharedScreen]) -> list[tuple[SharedScreen, ScreenState]]:
    """The next screen of every view for which something is new."""
    as_of = door.now()
    BOARD_CACHE.apply_changes(*changes_since(BOARD_CACHE.snapshot_token))
    found = []
    for view in views:
        asked = view.board_request
        month = asked.query.month or active_month(as_of.astimezone(asked.reader.zone).date())
        before = view.state.screen
        assert before.cached_board is not None
        kept = BOARD_CACHE.board(month, as_of)
        same_day = before.day == as_of.astimezone(asked.reader.zone).date()
        if same_day and (kept.month, kept.generation) == (
            before.cached_board.month,
            before.cached_board.generation,
        ):
            continue
        now = BoardRequest(asked.person, asked.reader, asked.query, as_of, as_of, month, month)
        found.append((view, screen_state(_screen(now, view.ids))))
    if found:
        # Whoever lost access before what was just read must not be told of it.
        BOARD_CACHE.apply_changes(*changes_since(BOARD_CACHE.snapshot_token))
    return found


async def in_thread(work: Callable[[], T]) -> T:
    """Run work with the database in a thread, and hand its connection back at once: a stream holds none."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Do work again and again; a fault of the database or of Redis is waited out, any other one is logged."""
    while True:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except (DatabaseError, redis.RedisError, OSError) as wrong:
            log.warning("live stream waits", work=work.__name__, why=str(wrong))
            await asyncio.sleep(1)
        except Exception:
            log.exception("live stream failed", work=work.__name__)
            await asyncio.sleep(1)


def _now() -> str:
    return labels.iso(door.now()) or ""

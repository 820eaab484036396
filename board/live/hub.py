"""The live stream: one hub per process reads new changes and sends them to every browser that may see them.

Browsers with the same query and the same visible entities share a screen: its changes are rendered once.
Django authorizes a stream; then the request is released, and a stream keeps only a few small objects.
Redis only signals that there may be changes; if it loses a signal, the hub finds them by polling within seconds
(`POLL_SECONDS`). A stream is bound to one person, session and access; when any of them changes, it ends, and the
browser is authorized anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
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
from board.live.task_stream import TasksState, TasksWatch, tasks_event
from board.scoreboard.screen import live_screen
from board.tasks.visible_groups import visible_groups
from board.web import board_request as clock
from board.web import labels
from board.web.board_request import BoardRequest, resolve_request
from closing.calendar.months import active_month
from entities.access import access_fingerprints, open_sessions
from periods.board_cache.cache import BOARD_CACHE
from periods.board_cache.change_feed import WAKEUP_CHANNEL, changes_since
from worklist.task_store.task_versions import newest_task_rows

HEARTBEAT_SECONDS = 20.0  # seconds between heartbeats; a browser that misses two shows that it is not live
POLL_SECONDS = 5.0  # seconds after which the hub looks for changes without a signal
LISTEN_SECONDS = 20.0  # seconds after which waiting for a signal begins anew
DEBOUNCE_SECONDS = 0.03  # seconds in which a burst of signals is gathered into one look
ACCESS_CHECK_SECONDS = 15.0  # seconds between checks of every stream's access (05-reliability 4.9: 60)
RETRY_MILLISECONDS = (1000, 5000)  # milliseconds, at random, so that browsers do not reconnect all at once

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(eq=False)
class SharedScreen:
    """The screen that several streams share: one query of people in one zone who may see the same entities."""

    key: object
    board_request: BoardRequest
    ids: frozenset[int] | None
    streams: set[Stream] = field(default_factory=set)
    tasks: TasksWatch | None = None  # of pages of close tasks; boards have none

    @cached_property
    def state(self) -> ScreenState | TasksState:
        """What its browsers show; first built only if no other stream shares it."""
        if self.tasks is not None:
            return self.tasks.state(self.board_request.now)
        return _screen_state(self.board_request, self.ids)


class Hub:
    """All streams of one event loop."""

    _of: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()

    @classmethod
    def for_running_loop(cls) -> Hub:
        """The hub of the running loop, created on first use."""
        loop = asyncio.get_running_loop()
        if (hub := cls._of.get(loop)) is None:
            hub = cls._of[loop] = cls(loop)
        return hub

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._screens: dict[object, SharedScreen] = {}
        self._creation_lock = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._access_revision = -1
        self._checked_at = loop.time()  # when the last completed look for changes began
        self.ending = False

    @property
    def streams(self) -> list[Stream]:
        """Every open stream."""
        return [stream for screen in self._screens.values() for stream in screen.streams]

    async def shared_screen(self, screen: SharedScreen) -> SharedScreen:
        """The screen of a browser, shared or new; it is built once, however many browsers connect at once."""
        async with self._creation_lock:
            if screen.key not in self._screens:
                await in_thread(lambda: screen.state)
            return self._screens.setdefault(screen.key, screen)

    async def hold(self, screen: SharedScreen, stream: Stream, receive: Receive) -> None:
        """Keeps a stream open from its first heartbeat until the browser leaves or the stream is ended."""
        screen = self._screens.setdefault(screen.key, screen)
        screen.streams.add(stream)
        try:
            if self.ending:
                stream.put(None)
            else:
                # The browser compares the version with its page’s and fetches changes made in between.
                stream.put(heartbeat(screen.state.version, _now(), retry=random.randint(*RETRY_MILLISECONDS)))  # noqa: S311 - no secret
                self._start()
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            stream.close()
            screen.streams.discard(stream)
            if not screen.streams and self._screens.get(screen.key) is screen:
                del self._screens[screen.key]
            if not self._screens:
                self._stop()

    def end(self) -> None:
        """Ends every stream and accepts no more: the server is shutting down."""
        self.ending = True
        for stream in self.streams:
            stream.put(None)
        self._stop()

    @classmethod
    def end_all(cls) -> None:
        """Ends the streams of every loop; may be called from a signal handler or another thread."""
        for loop, hub in list(cls._of.items()):
            with contextlib.suppress(RuntimeError):  # a closed loop has no streams
                loop.call_soon_threadsafe(hub.end)

    def _start(self) -> None:
        if not self._tasks:
            self._checked_at = self._loop.time()
            jobs = (self._hear, self._tell, self._beat, self._guard)
            self._tasks = [self._loop.create_task(_repeat(job)) for job in jobs]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    # --- the tasks --------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Waits for signals from Redis; while Redis is away, `_tell` polls."""
        async with (
            redis.asyncio.from_url(
                settings.REDIS_URL, socket_connect_timeout=3, health_check_interval=25
            ) as server,
            server.pubsub() as pubsub,
        ):
            await pubsub.subscribe(WAKEUP_CHANNEL)
            while not _is_cancelled():
                # The first message confirms the subscription: what changed before it is looked for as well.
                if await pubsub.get_message(timeout=LISTEN_SECONDS) is not None:
                    self._nudged.set()

    async def _tell(self) -> None:
        """Looks for changes and sends every screen's changes to its streams."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudged.wait(), POLL_SECONDS)
        self._nudged.clear()
        for screen in [screen for screen in self._screens.values() if not screen.streams]:
            del self._screens[screen.key]  # its browsers left before `hold`
        screens = list(self._screens.values())
        started_at = self._loop.time()
        changed = await in_thread(lambda: _changed_screens(screens))
        if BOARD_CACHE.access_revision != self._access_revision:
            # First, so that a person who lost access before a change does not get it.
            await self._check_access()
        for screen, state in changed:
            data = _event(screen.state, state)
            screen.state = state
            if data is not None:
                for stream in list(screen.streams):
                    stream.put(data)
        self._checked_at = started_at
        await asyncio.sleep(DEBOUNCE_SECONDS)

    async def _beat(self) -> None:
        """Sends heartbeats, but none while the database cannot be read; browsers then show that (70 s)."""
        await asyncio.sleep(HEARTBEAT_SECONDS)
        if self._loop.time() - self._checked_at > 2 * POLL_SECONDS:
            return
        now = _now()
        for screen in list(self._screens.values()):
            data = heartbeat(screen.state.version, now)
            for stream in list(screen.streams):
                stream.put(data)

    async def _guard(self) -> None:
        await asyncio.sleep(ACCESS_CHECK_SECONDS)
        await self._check_access()

    async def _check_access(self) -> None:
        """Ends the streams of people whose access, session or account has changed since they opened them."""
        revision = BOARD_CACHE.access_revision
        streams = self.streams
        people = {stream.person_id for stream in streams}
        keys = {stream.session_key for stream in streams}
        accesses, sessions = await in_thread(lambda: (access_fingerprints(people), open_sessions(keys)))
        for stream in streams:
            if accesses.get(stream.person_id) != stream.fingerprint or stream.session_key not in sessions:
                stream.put(None)
        self._access_revision = revision


def authorize_stream(
    person_id: int, session_key: str, params: dict[str, str]
) -> tuple[SharedScreen, Stream] | None:
    """A person's stream, and its screen where no other shares it; None if they may not sign in. Raises InvalidQuery.

    The access is read before the visible entities, so that the next check finds a change in between.
    """
    fingerprint = access_fingerprints([person_id]).get(person_id)
    person = DoorBackend().get_user(person_id)
    if fingerprint is None or person is None:
        return None
    stream = Stream(person.pk, session_key, fingerprint)
    if "tasks" in params:
        board_request = resolve_request(person, {"month": params["tasks"]}, clock.now())
        tasks = TasksWatch(board_request.month, visible_ids(person), visible_groups(person))
        return SharedScreen(tasks.key, board_request, tasks.entities, tasks=tasks), stream
    board_request = resolve_request(person, params, clock.now())
    ids = visible_ids(person)
    query = board_request.query.replace(
        month=board_request.month if board_request.query.month is not None else None
    )
    key = (ids, board_request.reader.zone_name, query.querystring())
    return SharedScreen(key, board_request, ids), stream


def _screen_state(board_request: BoardRequest, ids: frozenset[int] | None) -> ScreenState:
    cached = BOARD_CACHE.board(board_request.month, board_request.as_of)
    return screen_state(live_screen(board_request, cached.visible_board(ids)))


def _event(before: ScreenState | TasksState, after: ScreenState | TasksState) -> bytes | None:
    if isinstance(before, ScreenState) and isinstance(after, ScreenState):
        return diff_event(before, after)
    return tasks_event()


def _changed_screens(screens: list[SharedScreen]) -> list[tuple[SharedScreen, ScreenState | TasksState]]:
    """The next state of every screen that may have changed."""
    as_of = clock.now()
    BOARD_CACHE.apply_changes(*changes_since(BOARD_CACHE.snapshot_token))
    changed: list[tuple[SharedScreen, ScreenState | TasksState]] = [*_changed_tasks(screens, as_of)]
    for shared in screens:
        board_request, state = shared.board_request, shared.state
        if isinstance(state, TasksState):
            continue
        month = board_request.query.month or active_month(as_of.astimezone(board_request.reader.zone).date())
        before = state.screen
        assert before.visible_board is not None
        shown = before.visible_board.cached_board
        cached = BOARD_CACHE.board(month, as_of)
        same_day = before.day == as_of.astimezone(board_request.reader.zone).date()
        if same_day and (cached.month, cached.generation) == (shown.month, shown.generation):
            continue
        now = replace(board_request, now=as_of, as_of=as_of, month=month, latest_month=month)
        changed.append((shared, _screen_state(now, shared.ids)))
    if changed:
        # Finds people who lost access before the changes just read: they must not get them.
        BOARD_CACHE.apply_changes(*changes_since(BOARD_CACHE.snapshot_token))
    return changed


def _changed_tasks(screens: list[SharedScreen], as_of: datetime) -> list[tuple[SharedScreen, TasksState]]:
    """The next state of the pages of close tasks that have changed; one statement where there are any pages."""
    watched = [(shared, shared.tasks) for shared in screens if shared.tasks is not None]
    newest = newest_task_rows() if watched else ()
    changed = []
    for shared, tasks in watched:
        assert isinstance(shared.state, TasksState)
        if (state := tasks.next_state(shared.state, newest, as_of)) is not None:
            changed.append((shared, state))
    return changed


async def in_thread(work: Callable[[], T]) -> T:
    """Runs database work in a thread and closes its connection at once: a stream holds none."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def _repeat(work: Callable[[], Awaitable[None]]) -> None:
    """Repeats work forever; waits out errors of the database and of Redis, and logs any other exception."""
    while not _is_cancelled():
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except (DatabaseError, redis.RedisError, OSError) as error:
            log.warning("live stream waits", work=work.__name__, why=str(error))
            await asyncio.sleep(1)
        except Exception:
            log.exception("live stream failed", work=work.__name__)
            await asyncio.sleep(1)


def _is_cancelled() -> bool:
    """Whether the running task was cancelled: `asyncio.wait_for`, here and in redis, may lose that on Python 3.11."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _now() -> str:
    return labels.iso(clock.now()) or ""

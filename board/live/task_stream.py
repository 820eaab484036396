"""The live stream of the pages of close tasks: their version, and the event that lets a browser fetch its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from board.live.screen_diff import event
from worklist.task_store.task_versions import tasks_version

SETTLE_TIME = timedelta(seconds=10)  # for a transaction that began before a newer row was seen
SWEEP_TIME = timedelta(seconds=60)  # tasks become due without any row


@dataclass(frozen=True, slots=True)
class TasksState:
    """The version of the tasks that browsers show."""

    version: str


@dataclass(slots=True)
class TasksWatch:
    """Looks for changes of the tasks of a month that the same people see; cheap while nothing is written."""

    month: date
    entities: frozenset[int] | None
    groups: frozenset[int]
    newest: tuple[int | None, ...] = ()
    changed_at: datetime | None = None
    looked_at: datetime | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What browsers share that see the same."""
        return ("tasks", self.month, self.entities, self.groups)

    def state(self, now: datetime) -> TasksState:
        """The version of now; one statement."""
        self.looked_at = now
        return TasksState(tasks_version(self.month, self.entities, self.groups, now))

    def next_state(
        self, before: TasksState, newest: tuple[int | None, ...], now: datetime
    ) -> TasksState | None:
        """The state where it differs from the one before; `newest` are the newest rows of all tasks."""
        if newest != self.newest:
            self.newest, self.changed_at = newest, now
        unsettled = self.changed_at is not None and now - self.changed_at < SETTLE_TIME
        recent = self.looked_at is not None and now - self.looked_at < SWEEP_TIME
        if recent and not unsettled:
            return None
        state = self.state(now)
        return state if state != before else None


def tasks_event() -> bytes:
    """The event after which a browser fetches its page of tasks; its data is announced."""
    return event("refetch", "The tasks have changed.")

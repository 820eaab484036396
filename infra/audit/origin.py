"""Where the acts of a process or a request come from: a page, a command, a task, a link in a mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person by their id and name, the operating-system user of a command, or the program itself."""

    kind: str  # person, operator, system
    label: str
    id: int | None = None


SYSTEM = Actor("system", "Closeboard")


@dataclass(frozen=True, slots=True)
class Origin:
    """The door that an act comes through; `actor` and `at` are those of an act whose writer names no others.

    `actor` is called for the first act only: most requests change nothing.
    """

    through: str  # page, link, command, task, program
    actor: Callable[[], Actor] = lambda: SYSTEM
    at: datetime | None = None
    request_id: str = ""
    address: str = ""


_process_origin = Origin("program")
_current: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def set_process_origin(origin: Origin) -> None:
    """Set the origin of all acts of this process that have no other; called once, when it starts."""
    global _process_origin  # noqa: PLW0603 - set once, at start
    _process_origin = origin


def current_origin() -> Origin:
    """The origin of the request or task that runs, else of the process."""
    return _current.get() or _process_origin


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """Give all acts within the block this origin."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)

"""How the unfinished work of an entity is read: the newest attempts, what they came to, and reading it again."""

from __future__ import annotations

from dataclasses import dataclass

from board.entity_work.entity_in_month import EntityInMonth
from connectors.registry import work_turns
from periods.models import ReadAttempt
from worklist.models import WorkAttempt
from worklist.period_work import newest_work_attempts

_LOOKED_AT = 12
_GOOD = ReadAttempt.READ_OUTCOMES
_FAILED = {
    ReadAttempt.Outcome.UNAVAILABLE: "the ERP did not answer",
    ReadAttempt.Outcome.REFUSED: "the ERP refused access",
    ReadAttempt.Outcome.MISREAD: "the answer was not understood",
    ReadAttempt.Outcome.ABANDONED: "the reading stopped half way",
}


@dataclass(frozen=True, slots=True)
class WorkReadStatus:
    """What the section says of reading: since when one runs, how the last ended, and whether a person may ask.

    `why_nothing` explains why no work is known, with the next step.
    """

    running: str
    last: str
    trouble: str
    why_nothing: str
    may_ask: bool


def work_reading(data: EntityInMonth) -> WorkReadStatus:
    """The reading of an entity's work, in one query; none for an entity without a connection."""
    connection, request = data.entity.connection, data.board_request
    if connection is None:
        return WorkReadStatus(
            "", "", "", "it is not connected to an ERP. Connect it in the group file.", may_ask=False
        )
    attempts = newest_work_attempts(connection.pk, request.as_of, newest=_LOOKED_AT)
    newest = attempts[0] if attempts else None
    good = next((one for one in attempts if one.outcome in _GOOD), None)
    states = data.attempts[0] if data.attempts else None
    running = newest if newest is not None and newest.outcome == ReadAttempt.Outcome.RUNNING else None
    reads_states = states is not None and states.outcome == ReadAttempt.Outcome.RUNNING
    since = (
        running.started_at if running is not None else states.started_at if states and reads_states else None
    )
    readable = connection.kind in work_turns()
    return WorkReadStatus(
        running=f"Reading now, since {request.clock(since)}"
        if since is not None and not request.past
        else "",
        last=f"Last read {request.clock(good.started_at)}" if good is not None else "",
        trouble=_trouble(newest, data),
        why_nothing=_why_nothing(data, newest, good, readable=readable),
        may_ask=data.writes and not request.past and not connection.paused,
    )


def _trouble(newest: WorkAttempt | None, data: EntityInMonth) -> str:
    """The failure of the newest attempt, which concerns the whole connection; empty for a good one."""
    if newest is None or newest.outcome in {*_GOOD, ReadAttempt.Outcome.RUNNING}:
        return ""
    clock = data.board_request.clock(newest.started_at)
    retry = newest.retry_at
    again = (
        f" Tried again from {data.board_request.clock(retry)}."
        if retry is not None and retry > data.board_request.as_of
        else ""
    )
    words = newest.words or f"{failure_phrase(newest)}."
    return f"The reading of {clock} brought nothing: {words}{again}"


def failure_phrase(attempt: WorkAttempt) -> str:
    """How an attempt failed, in a few words."""
    return _FAILED.get(ReadAttempt.Outcome(attempt.outcome), "it failed")


def _why_nothing(
    data: EntityInMonth, newest: WorkAttempt | None, good: WorkAttempt | None, *, readable: bool
) -> str:
    connection = data.entity.connection
    assert connection is not None  # the caller has looked
    name = f"{connection.kind_label} “{connection.name}”"
    if not readable:
        return f"{connection.kind_label} shows none. Send it by file."
    if connection.paused:
        return f"the connection {name} is paused. Resume it in the group file."
    if newest is None:
        return f"{name} has not been read for it yet. The first reading follows the reading of its periods."
    if good is None:
        clock = data.board_request.clock(newest.started_at)
        return f"{failure_phrase(newest)} at {clock}. It is tried again by itself."
    read = data.board_request.clock(good.started_at)
    return (
        f"{name} was read {read}, without anything about this period. Work is read for the last 13 months; older"
        " months are looked up in the ERP."
    )

"""Decides, when a message is sent, whether it goes, and which of its lines are still true and visible to its reader.

`LINE_CHECKS` is the whole rule: each check names the reason to leave a line out, or None, and the first reason wins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from alerts.channels.delivery_errors import DeliveryFailure, PermanentFailure
from alerts.models import Delivery, DeliveryLine, Destination, LineReason, MessageReason, Notice, Outage
from alerts.notices.entries import DeliverableNotice, EntityNotice, MultiEntityNotice
from alerts.notices.notice_specs import spec_of
from alerts.outbox.queue import MAX_ATTEMPTS, Claim
from alerts.outbox.send_context import SendContext
from alerts.routing.notice_scope import RowKey
from alerts.routing.recipients import destination_administrators
from alerts.routing.rerouting import is_silenced
from closing.judging.notification_schedule import Cadence
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row
from periods.models import FiscalPeriod
from worklist.task_store.task_reminders import TaskReminder, task_reminder


@dataclass(frozen=True, slots=True)
class LineContext:
    """The data that the checks of one line look at.

    `rows`: the rows of its notice that its reader may see; `outage_over`: the notice is about an outage of a
    connection, which has ended.
    """

    rows: Sequence[Row]
    outage_over: bool


LineCheck = Callable[[DeliveryLine, LineContext], LineReason | None]


class RelevantLines(NamedTuple):
    """The notices of a message to deliver, the reason of each line that is left out by its id, and their moment."""

    items: list[DeliverableNotice]
    left_out: dict[int, LineReason]
    as_of: datetime


def relevant_items(delivery: Delivery, context: SendContext) -> RelevantLines:
    """Check every line of a message against the board that its reader may see."""
    lines, row_keys = list(delivery.lines.all()), context.row_keys(delivery)
    rows, as_of = context.rows(frozenset().union(*row_keys.values()), delivery.destination or delivery.person)
    ended_outages = notices_of_ended_outages([line.notice for line in lines])
    relevant = RelevantLines([], {}, as_of)
    for line in lines:
        keys = row_keys[line.notice_id]
        line_context = context_of_line(line, keys, rows, ended_outages)
        reason = reason_to_leave_out(line, line_context)
        if reason is None:
            relevant.items.append(_deliverable(line.notice, keys, line_context))
        else:
            relevant.left_out[line.pk] = reason
    return relevant


def context_of_line(
    line: DeliveryLine, keys: Collection[RowKey], rows: Mapping[RowKey, Row], ended_outages: Set[int]
) -> LineContext:
    """The context of a line about the rows `keys`, of which `rows` holds those that its reader may see."""
    visible_rows = [rows[key] for key in sorted(keys) if key in rows]
    return LineContext(visible_rows, outage_over=line.notice_id in ended_outages)


def reason_to_leave_out(line: DeliveryLine, context: LineContext) -> LineReason | None:
    """The first reason that a check gives; None for a line that is sent."""
    return next(filter(None, (check(line, context) for check in LINE_CHECKS)), None)


def visible(line: DeliveryLine, context: LineContext) -> LineReason | None:
    """A reader must see a row of the notice; a destination the whole group, as half a group's close is no news."""
    group, destination = line.notice.group, line.destination
    whole = group is None or destination is None or group.path.startswith(destination.group.path)
    return None if context.rows and whole else not_visible_reason(destination)


def not_silenced(line: DeliveryLine, context: LineContext) -> LineReason | None:
    """A notice whose visible entities are all silenced waits for the end of the silences."""
    entities = {row.entity_id for row in context.rows}
    silenced = {row.entity_id for row in context.rows if row.silence is not None}
    return LineReason.SILENCED if is_silenced(line.notice, entities, silenced) else None


def still_true(line: DeliveryLine, context: LineContext) -> LineReason | None:
    """What a notice says must hold now, by the specification of its kind."""
    notice, over = line.notice, context.outage_over
    if notice.period is not None:
        over = _counts_as_closed(notice.period, context.rows[0])
    return spec_of(notice.kind).outdated(notice, _reported_rows(notice, context), over)


LINE_CHECKS: tuple[LineCheck, ...] = (visible, not_silenced, still_true)


def not_visible_reason(destination: Destination | None) -> LineReason:
    """Why nothing is visible to a person (None) or to a destination."""
    if destination is None:
        return LineReason.NOT_VISIBLE
    if destination.removed_at is not None:
        return LineReason.DESTINATION_REMOVED
    return LineReason.OUTSIDE_GROUP if destination.enabled else LineReason.DESTINATION_DISABLED


def notices_of_ended_outages(notices: Sequence[Notice]) -> set[int]:
    """The ids of the connection notices whose outage has ended."""
    of_connections = [notice for notice in notices if notice.connection_id is not None]
    if not of_connections:
        return set()
    ongoing = set(Outage.objects.filter(closed_at=None).values_list("connection", "kind", "episode"))
    return {row.pk for row in of_connections if (row.connection_id, row.kind, row.episode) not in ongoing}


def _counts_as_closed(period: FiscalPeriod, row: Row) -> bool:
    """Whether the period of a notice counts as closed; the row may show another period that delays the entity."""
    if row.period_id in (None, period.pk):
        return row.counts_as_closed
    return period.state == PeriodState.CLOSED.value or (
        period.state == PeriodState.ON_HOLD.value and row.on_hold_counts
    )


def _reported_rows(notice: Notice, context: LineContext) -> Sequence[Row]:
    """The rows that a notice reports: of an outage those that are not read, of a connection those not silenced."""
    audible = [row for row in context.rows if row.silence is None or notice.connection_id is None]
    return [row for row in audible if spec_of(notice.kind).reports(row)]


def _deliverable(notice: Notice, keys: Collection[RowKey], context: LineContext) -> DeliverableNotice:
    if notice.period is not None:
        return EntityNotice(notice, context.rows[0], notice.period.reporting_month)
    return MultiEntityNotice(notice, _reported_rows(notice, context), min(month for _, month in keys))


# --- the gates that a message passes; the first that stops it decides how it ends -----------------------------------


@dataclass
class OutgoingMessage:
    """A claimed message; its lines are checked once, when the first gate looks at them."""

    claim: Claim
    delivery: Delivery
    context: SendContext

    @cached_property
    def lines(self) -> RelevantLines:
        """The lines to deliver, and those to leave out."""
        return relevant_items(self.delivery, self.context)

    @cached_property
    def tasks(self) -> TaskReminder | None:
        """The close tasks of a person's daily digest that are due now."""
        person = self.delivery.recipient
        if person is None or self.delivery.trouble is not None or self.delivery.rhythm != Cadence.DAILY:
            return None
        return task_reminder(person, self.context.now())


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nothing of the message is needed any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """The message waits a minute; this attempt does not count."""

    reason: str


Stop = Cancel | Postpone | DeliveryFailure  # `alerts.outbox.refusals` decides what a failure means
Gate = Callable[[OutgoingMessage], Stop | None]  # None: the message goes on


def not_poison(message: OutgoingMessage) -> Stop | None:
    """A message that ended so many senders fails before anything else is done with it."""
    poison = message.claim.abandoned >= MAX_ATTEMPTS
    return PermanentFailure(MessageReason.SENDERS_DIED) if poison else None


def trouble_lasts(message: OutgoingMessage) -> Stop | None:
    """A message about a channel's trouble is sent while the trouble lasts, to those who may still hear of it."""
    trouble, destination = message.delivery.trouble, message.delivery.destination
    if trouble is None:
        return None
    if trouble.ended_at is not None:
        return Cancel(MessageReason.TROUBLE_OVER)
    if destination is not None:
        return None if destination.enabled else Cancel(not_visible_reason(destination))
    if trouble.destination is None or not trouble.destination.enabled:
        return Cancel(LineReason.DESTINATION_DISABLED)
    may_see = message.delivery.person in destination_administrators(trouble.destination)
    return None if may_see else Cancel(LineReason.NOT_VISIBLE)


def something_left(message: OutgoingMessage) -> Stop | None:
    """A message is cancelled, with the reasons of all its lines, where every line is left out and no task is due."""
    if message.delivery.trouble is not None or message.lines.items or message.tasks is not None:
        return None
    reasons = set(message.lines.left_out.values())
    digest = message.delivery.rhythm == Cadence.DAILY
    nothing = MessageReason.NO_TASK_DUE if digest else MessageReason.LINES_MOVED
    return Cancel("; ".join(sorted(reasons)) or nothing)


def read_since_restart(message: OutgoingMessage) -> Stop | None:
    """A notice that rests on a reading from before a restart waits, as its entity may have closed (2I)."""
    outdated = any(
        item.notice.fresh and not spec_of(item.notice.kind).ends and not all(row.fresh for row in item.rows)
        for item in message.lines.items
    )
    return (
        Postpone(MessageReason.AWAITS_READING) if outdated and message.context.recently_restarted() else None
    )


def has_address(message: OutgoingMessage) -> Stop | None:
    """A person without a mail address fails the message, so that its notices go to administrators."""
    person = message.delivery.recipient
    missing = person is not None and "@" not in person.email
    return PermanentFailure(MessageReason.NO_ADDRESS) if missing else None


GATES: tuple[Gate, ...] = (not_poison, trouble_lasts, something_left, read_since_restart, has_address)

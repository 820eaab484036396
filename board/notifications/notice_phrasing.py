"""Phrases a notice: its reason, the facts recorded with it, and the state of its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.models import Delivery, DeliveryLine, Notice
from alerts.notices.notice_specs import spec_of
from alerts.reason_words import reason_words
from board.web import labels
from board.web.board_request import BoardRequest
from closing.judging.notice_rules import NoticeReason
from closing.judging.notification_schedule import Cadence
from closing.judging.standing import LatenessUnit
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

DeliveryState = Delivery.State

_NO_RECIPIENT_DETAIL = "No owner, finance staff or administrator has a role for it. Give somebody one."
_TONE_ORDER = ("alert", "waits", "ok", "quiet")  # messages that need action come first
_DIGESTS = {Cadence.DAILY.value: "daily", Cadence.WEEKLY.value: "weekly"}
_LONG_WAIT = timedelta(minutes=15)  # longer than the pause between two messages
# The names of a connection's entities and their last readings when a notice was raised, by the notice's id.
Readings = Sequence[tuple[str, datetime | None]]
ReadingsByNotice = Mapping[int, Readings]
_MAX_NAMES = 4  # people shown at once; the others are folded


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """The recipients whose messages about one notice have the same state; `tone` is ok, waits, quiet or alert.

    `rest` are those beyond the first few. `detail` holds the next try, and the server's reply for people who may
    read it.
    """

    icon: str
    text: str
    tone: str
    to: Sequence[str] = ()
    rest: Sequence[str] = ()
    detail: str = ""
    reason: str = ""  # why it was not sent, shown after the names


@dataclass(frozen=True, slots=True)
class NoticeSummary:
    """One notice: kind, time, reason, the facts recorded when it was raised, and its messages."""

    kind: str
    icon: str
    tone: str
    when: str
    iso: str
    reason: str
    recorded_facts: Sequence[str]
    messages: Sequence[DeliverySummary]


@dataclass(frozen=True)
class NoticeSummarizer:
    """Summarizes notices for one person, with their messages as of the moment of the request.

    `lines`, whose deliveries and recipients must be loaded, and `readings` are by notice id. A mail server's reply is
    included for the `administered` entities only, as it may hold addresses.
    """

    board_request: BoardRequest
    lines: Mapping[int, Sequence[DeliveryLine]]
    administered: set[int]
    readings: ReadingsByNotice

    def summarize(self, notice: Notice, row: Row | None, entity_id: int) -> NoticeSummary:
        """The summary of a notice with its policy version; `row` is its entity's, None if it does not count any more.

        Lateness has the unit of the policy version, or where that has none the current one of the entity.
        """
        spec, board_request, version = spec_of(notice.kind), self.board_request, notice.policy_version
        unit = row.standing.unit if row is not None else None
        if version is not None and version.lateness_unit:
            unit = LatenessUnit(version.lateness_unit)
        readings = self.readings.get(notice.pk, ())
        return NoticeSummary(
            kind=f"{spec.label}, step {notice.step}" if spec.escalates else spec.label,
            icon=spec.icon,
            tone=spec.tone,
            when=board_request.clock(notice.raised_at),
            iso=labels.iso(notice.raised_at) or "",
            reason=_reason(notice, board_request, unit),
            recorded_facts=_recorded_facts(notice, board_request, unit, readings),
            messages=self._messages(notice, to_administrators=entity_id in self.administered),
        )

    def _messages(self, notice: Notice, *, to_administrators: bool) -> list[DeliverySummary]:
        board_request = self.board_request
        recipients: dict[DeliverySummary, list[str]] = {}
        for line in self.lines.get(notice.pk, ()):
            if not board_request.past or line.delivery.made_at <= board_request.as_of:
                message = _message(notice, line, board_request, to_administrators=to_administrators)
                recipients.setdefault(message, []).append(line.delivery.to)
        if not recipients:
            if unsent := spec_of(notice.kind).unsent:
                return [DeliverySummary("info", unsent, "quiet")]
            return [DeliverySummary("warning", "Nobody to notify", "alert", detail=_NO_RECIPIENT_DETAIL)]
        summaries = []
        for message, people in sorted(recipients.items(), key=lambda item: _TONE_ORDER.index(item[0].tone)):
            names = sorted(people, key=str.casefold)
            shown = names if len(names) <= _MAX_NAMES + 1 else names[:_MAX_NAMES]
            summaries.append(replace(message, to=shown, rest=names[len(shown) :]))
        return summaries


def _reason(notice: Notice, board_request: BoardRequest, unit: LatenessUnit | None) -> str:
    """ "6 calendar days late, confirmed by the ERP at 19:46"; other reasons as they are worded for all notices."""
    days = labels.days_in_words(notice.days_late, unit or LatenessUnit.CALENDAR_DAYS)
    match notice.reason:
        case NoticeReason.PAST_THE_LINE | NoticeReason.STILL_LATE if notice.days_late and notice.read_at:
            return f"{days} late, confirmed by the ERP at {board_request.clock(notice.read_at)}"
        case NoticeReason.PAST_A_STEP if notice.days_late:
            return f"{days} late: escalated, step {notice.step}"
    words = reason_words(notice.reason)
    return words[:1].upper() + words[1:]


def _recorded_facts(
    notice: Notice, board_request: BoardRequest, unit: LatenessUnit | None, readings: Readings
) -> list[str]:
    """The facts when the notice was raised: state, days late, deadline, reading, policy."""
    if notice.month is not None:
        days = f"{notice.days_late} working {'day' if notice.days_late == 1 else 'days'}"
        return [f"{days} after the end of the month" if notice.days_late else "before the month had ended"]
    if notice.connection_id is not None:
        return _connection_facts(notice, readings, board_request)
    version = notice.policy_version
    facts = [labels.STATE_LABELS[PeriodState(notice.state)]]
    if notice.days_late:
        days = f"{notice.days_late} {'day' if notice.days_late == 1 else 'days'}"
        facts.append(f"{labels.days_in_words(notice.days_late, unit) if unit else days} late")
    facts.append(f"deadline {labels.short_day(notice.due_on)}" if notice.due_on else "no deadline set")
    if notice.read_at is None:
        facts.append("never read")
    else:
        read_text = board_request.clock(notice.read_at)
        facts.append(f"read {read_text}" if notice.fresh else f"not read since {read_text}")
    if version is not None:
        facts.append(f"policy “{version.policy.name}”, version {version.number}")
    elif notice.due_on is not None:
        facts.append("a date agreed by hand")
    return facts


def _connection_facts(notice: Notice, readings: Readings, board_request: BoardRequest) -> list[str]:
    """When a connection was last read; where only some of its entities lag behind, when each of these was."""

    def read(moment: datetime | None) -> str:
        return "never read" if moment is None else f"last read {board_request.clock(moment)}"

    newest = max((moment for _, moment in readings if moment is not None), default=None)
    if newest is None:
        return [read(notice.read_at)]
    behind = [(name, moment) for name, moment in readings if moment is None or moment < newest]
    if notice.read_at is not None:  # each had been read; what has not came to the connection later
        behind = [(name, moment) for name, moment in behind if moment is not None]
    more = len(behind) - _MAX_NAMES
    facts = [f"{name} {read(moment)}" for name, moment in behind[:_MAX_NAMES]]
    facts += [f"{more} more"] if more > 0 else []
    return facts or ["some entities never read" if notice.read_at is None else read(notice.read_at)]


def _message(
    notice: Notice, line: DeliveryLine, board_request: BoardRequest, *, to_administrators: bool
) -> DeliverySummary:
    delivery, ended = line.delivery, line.delivery.ended_at
    past, as_of = board_request.past, board_request.as_of
    state = DeliveryState(delivery.state)
    if past and (ended is None or ended > as_of):
        state = DeliveryState.WAITING
    reply = delivery.words if to_administrators and not past else ""
    if state is DeliveryState.CANCELLED or (line.left_out and state is DeliveryState.SENT):
        reason = f": {reason_words(line.left_out)}" if line.left_out else ""
        return DeliverySummary("not_started", "Not sent", "quiet", reason=reason)
    if state is DeliveryState.SENT and ended is not None:
        return DeliverySummary("closed", f"Sent {board_request.clock(ended)}", "ok")
    if state is DeliveryState.PARKED:
        detail = reply if to_administrators else "An administrator can see why."
        return DeliverySummary("warning", DeliveryState.PARKED.label, "alert", detail=detail)
    if state is DeliveryState.SENDING:
        return DeliverySummary("mail", DeliveryState.SENDING.label, "waits")
    if not past and not delivery.attempts and delivery.due_at > as_of:
        due = board_request.clock(delivery.due_at)
        if (name := _DIGESTS.get(delivery.rhythm)) is not None:
            return DeliverySummary("mail", f"In the {name} digest of {due}", "quiet")
        if delivery.due_at > as_of + _LONG_WAIT:
            return DeliverySummary("stale", f"Waits until {due}: quiet hours or days off", "waits")
    since = board_request.clock(notice.raised_at)
    tried = ""
    if delivery.attempts and not past:
        times = "once" if delivery.attempts == 1 else f"{delivery.attempts} times"
        tried = f"Tried {times}, next try {board_request.clock(delivery.due_at)}."
    detail = " ".join(filter(None, [tried, reply]))
    return DeliverySummary("stale", f"Waiting since {since}", "waits", detail=detail)

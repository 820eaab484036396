"""What was told, in words: each notice with its reason, what was known then, and what became of its messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.models import Delivery, DeliveryLine, Notice
from board.web import labels
from board.web.readers import Reader
from closing.judging.notice_rules import INFORMATIONAL_KINDS, NoticeKind
from closing.judging.notification_schedule import Cadence
from closing.judging.standing import LatenessUnit
from closing.judging.states import PeriodState

DeliveryState = Delivery.State

NOTICE_KIND_LABELS = {
    NoticeKind.ALERT: "Alert",
    NoticeKind.ESCALATION: "Escalation",
    NoticeKind.UNCONFIRMED: "Cannot be confirmed",
    NoticeKind.REOPENED: "Reopened",
    NoticeKind.CLEARED: "Cleared",
    NoticeKind.DUE_SOON: "Due soon",
    NoticeKind.LATE: "Late",
    NoticeKind.NO_DEADLINE: "No deadline",
    NoticeKind.STALE: "No reading",
    NoticeKind.REFUSED: "Connection refused",
    NoticeKind.GROUP_CLOSED: "Group closed",
}
_ICONS = {
    NoticeKind.ALERT: "warning",
    NoticeKind.ESCALATION: "warning",
    NoticeKind.UNCONFIRMED: "unknown",
    NoticeKind.REOPENED: "reopened",
    NoticeKind.CLEARED: "closed",
    NoticeKind.DUE_SOON: "open",
    NoticeKind.LATE: "warning",
    NoticeKind.NO_DEADLINE: "warning",
    NoticeKind.STALE: "stale",
    NoticeKind.REFUSED: "warning",
    NoticeKind.GROUP_CLOSED: "closed",
}
_TONES = {
    NoticeKind.ALERT: "alert",
    NoticeKind.ESCALATION: "alert",
    NoticeKind.UNCONFIRMED: "unsure",
    NoticeKind.REOPENED: "alert",
    NoticeKind.CLEARED: "ok",
    NoticeKind.DUE_SOON: "quiet",
    NoticeKind.LATE: "alert",
    NoticeKind.NO_DEADLINE: "alert",
    NoticeKind.STALE: "unsure",
    NoticeKind.REFUSED: "alert",
    NoticeKind.GROUP_CLOSED: "ok",
}
NOBODY = "Nobody to notify"
_WHY_NOBODY = "No owner, finance staff or administrator has a role for it. Give somebody one."
_FIRST = ("alert", "waits", "ok", "quiet")  # whoever has to do something about it reads that first
_DIGESTS = {Cadence.DAILY.value: "daily", Cadence.WEEKLY.value: "weekly"}
_A_WHILE = timedelta(minutes=15)  # longer than a message waits because another has just gone
_NAMED = 4  # people that are named at once; the others fold away


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """People whose messages about one notice stand alike; `tone` is ok, waits, quiet or alert.

    `rest` are those beyond the first few. `detail` says more: the next try, and what the server said for whom may
    read that.
    """

    icon: str
    text: str
    tone: str
    to: Sequence[str] = ()
    rest: Sequence[str] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NoticeSummary:
    """One notice: what it was, when, why, what was known when it was decided, and its messages."""

    kind: str
    icon: str
    tone: str
    when: str
    iso: str
    reason: str
    recorded_facts: Sequence[str]
    messages: Sequence[DeliverySummary]


def summarize_notice(
    notice: Notice,
    lines: Iterable[DeliveryLine],
    reader: Reader,
    as_of: datetime,
    *,
    past: bool = False,
    unit: LatenessUnit | None = None,
    to_administrators: bool = False,
) -> NoticeSummary:
    """A notice in the reader's words; it comes with its policy version, each line with its delivery and recipient.

    `past`: messages stand as they stood at `as_of`. `unit` is what the entity's lateness counts now, for notices
    whose policy version does not say. What a mail server said is told `to_administrators` only, as it may hold
    addresses.
    """
    kind = NoticeKind(notice.kind)
    name = NOTICE_KIND_LABELS[kind] + (f", step {notice.step}" if kind is NoticeKind.ESCALATION else "")
    return NoticeSummary(
        kind=name,
        icon=_ICONS[kind],
        tone=_TONES[kind],
        when=labels.clock(notice.raised_at, reader.zone, as_of),
        iso=labels.iso(notice.raised_at) or "",
        reason=notice.reason[:1].upper() + notice.reason[1:],
        recorded_facts=_known(notice, reader, as_of, unit),
        messages=_messages(notice, lines, reader, as_of, past=past, to_administrators=to_administrators),
    )


def _known(notice: Notice, reader: Reader, as_of: datetime, unit: LatenessUnit | None) -> list[str]:
    """What was known when it was decided: state, days late, deadline, reading, policy."""
    if notice.month is not None:
        days = f"{notice.days_late} working {'day' if notice.days_late == 1 else 'days'}"
        return [f"{days} after the end of the month" if notice.days_late else "before the month had ended"]
    if notice.connection_id is not None:
        return [
            "never read"
            if notice.read_at is None
            else f"last read {labels.clock(notice.read_at, reader.zone, as_of)}"
        ]
    version = notice.policy_version
    counts = LatenessUnit(version.lateness_unit) if version is not None and version.lateness_unit else unit
    known = [labels.STATE_LABELS[PeriodState(notice.state)]]
    if notice.days_late:
        days = f"{notice.days_late} {'day' if notice.days_late == 1 else 'days'}"
        known.append(f"{labels.days_in_words(notice.days_late, counts) if counts else days} late")
    known.append(f"deadline {labels.short_day(notice.due_on)}" if notice.due_on else "no deadline set")
    if notice.read_at is None:
        known.append("never read")
    else:
        read = labels.clock(notice.read_at, reader.zone, as_of)
        known.append(f"read {read}, fresh" if notice.fresh else f"last read {read}, stale")
    if version is not None:
        known.append(f"policy “{version.policy.name}”, version {version.number}")
    elif notice.due_on is not None:
        known.append("a date agreed by hand")
    return known


def _messages(
    notice: Notice,
    lines: Iterable[DeliveryLine],
    reader: Reader,
    as_of: datetime,
    *,
    past: bool,
    to_administrators: bool,
) -> list[DeliverySummary]:
    alike: dict[DeliverySummary, list[str]] = {}
    for line in lines:
        if not past or line.delivery.made_at <= as_of:
            message = _message(notice, line, reader, as_of, past=past, to_administrators=to_administrators)
            alike.setdefault(message, []).append(line.delivery.to)
    if not alike:
        if notice.kind == NoticeKind.CLEARED.value:
            return [
                DeliverySummary("info", "Nobody had been told that it was late, so nobody is told", "quiet")
            ]
        if notice.kind in INFORMATIONAL_KINDS:
            return [
                DeliverySummary("info", "Nobody has a role for the group itself, so nobody is told", "quiet")
            ]
        return [DeliverySummary("warning", NOBODY, "alert", detail=_WHY_NOBODY)]
    found = []
    for message, people in sorted(alike.items(), key=lambda each: _FIRST.index(each[0].tone)):
        names = sorted(people, key=str.casefold)
        shown = names if len(names) <= _NAMED + 1 else names[:_NAMED]
        found.append(
            DeliverySummary(
                message.icon, message.text, message.tone, shown, names[len(shown) :], message.detail
            )
        )
    return found


def _message(
    notice: Notice,
    line: DeliveryLine,
    reader: Reader,
    as_of: datetime,
    *,
    past: bool,
    to_administrators: bool,
) -> DeliverySummary:
    delivery = line.delivery
    ended = delivery.ended_at
    state = DeliveryState(delivery.state)
    if past and (ended is None or ended > as_of):
        state = DeliveryState.WAITING
    said = delivery.words if to_administrators and not past else ""
    if state is DeliveryState.CANCELLED or (line.left_out and state is DeliveryState.SENT):
        why = f": {line.left_out}" if line.left_out else ""
        return DeliverySummary("not_started", f"{DeliveryState.CANCELLED.label}{why}", "quiet")
    if state is DeliveryState.SENT and ended is not None:
        return DeliverySummary("closed", f"Sent {labels.clock(ended, reader.zone, as_of)}", "ok")
    if state is DeliveryState.PARKED:
        detail = said if to_administrators else "An administrator can see why."
        return DeliverySummary("warning", DeliveryState.PARKED.label, "alert", detail=detail)
    if state is DeliveryState.SENDING:
        return DeliverySummary("mail", DeliveryState.SENDING.label, "waits")
    if not past and not delivery.attempts and delivery.due_at > as_of:
        comes = labels.clock(delivery.due_at, reader.zone, as_of)
        if (name := _DIGESTS.get(delivery.rhythm)) is not None:
            return DeliverySummary("mail", f"In the {name} digest of {comes}", "quiet")
        if delivery.due_at > as_of + _A_WHILE:
            return DeliverySummary("stale", f"Waits until {comes}, as its reader rests", "waits")
    since = labels.clock(notice.raised_at, reader.zone, as_of)
    tried = "" if past else _tried(delivery, reader, as_of)
    detail = " ".join(filter(None, [tried, said]))
    return DeliverySummary("stale", f"Waiting since {since}", "waits", detail=detail)


def _tried(delivery: Delivery, reader: Reader, as_of: datetime) -> str:
    if not delivery.attempts:
        return ""
    times = "once" if delivery.attempts == 1 else f"{delivery.attempts} times"
    return f"Tried {times}, next try {labels.clock(delivery.due_at, reader.zone, as_of)}."

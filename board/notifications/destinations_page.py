"""Builds the destinations page: each destination's notices and health, and its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from alerts.channels.kinds import destination_kinds, signs_posts
from alerts.models import Channel, Delivery, Destination, Trouble
from alerts.notices.notice_specs import spec_of
from alerts.outbox.stats import ChannelStats, channel_stats
from board.notifications.forms import DestinationForm
from board.notifications.notice_phrasing import DeliveryState
from board.web import labels
from board.web.board_request import BoardRequest


@dataclass(frozen=True, slots=True)
class DestinationHealth:
    """The health of a destination: a text with its icon and tone, and details."""

    icon: str
    text: str
    tone: str
    details: Sequence[str]


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """One destination of the list."""

    uid: str
    name: str
    kind: str
    group: str
    host: str
    kinds: str
    enabled: bool
    signed: bool
    waiting: int
    health: DestinationHealth


def destination_lines(
    board_request: BoardRequest, destinations: Sequence[Destination]
) -> list[DestinationLine]:
    """The destinations with their health, in four queries whatever their number."""
    stats_by_channel, sent = channel_stats(), _sent_posts(destinations)
    channels = {item.name: item for item in Channel.objects.all()}
    troubles = {
        item.channel: item for item in Trouble.objects.filter(destination__in=destinations, ended_at=None)
    }
    held = any(item.held for item in channels.values())
    destination_lines = []
    for destination in destinations:
        stats = stats_by_channel.get(destination.channel, ChannelStats(destination.channel))
        health = _health(
            board_request,
            destination,
            stats,
            channels.get(destination.channel),
            troubles.get(destination.channel),
            sent.get(destination.pk),
            held=held,
        )
        destination_lines.append(
            DestinationLine(
                uid=str(destination.uid),
                name=destination.name,
                kind=destination.get_kind_display(),
                group=destination.group.name,
                host=f"{destination.host}/…",
                kinds=", ".join(spec_of(item).label for item in destination.kinds),
                enabled=destination.enabled,
                signed=signs_posts(destination),
                waiting=stats.waiting,
                health=health,
            )
        )
    return destination_lines


def _sent_posts(destinations: Sequence[Destination]) -> dict[int, Mapping[str, object]]:
    sent = Delivery.objects.filter(destination__in=destinations, state=DeliveryState.SENT).order_by()
    totals = sent.values("destination").annotate(
        last=Max("ended_at"), count=Count("pk", filter=Q(trouble=None))
    )
    return {total["destination"]: total for total in totals}


def _health(
    board_request: BoardRequest,
    destination: Destination,
    stats: ChannelStats,
    channel: Channel | None,
    trouble: Trouble | None,
    sent: Mapping[str, object] | None,
    *,
    held: bool,
) -> DestinationHealth:
    zone, now = board_request.reader.zone, board_request.now

    def clock(moment: object) -> str:
        return labels.clock(moment, zone, now)  # type: ignore[arg-type]

    last = f"Last post delivered {clock(sent['last'])}." if sent else "Nothing posted yet."
    waiting_text = (
        f"{stats.waiting} {'message waits' if stats.waiting == 1 else 'messages wait'}."
        if stats.waiting
        else ""
    )
    parked = (
        f"{stats.failed} {'message' if stats.failed == 1 else 'messages'} cannot be sent."
        if stats.failed
        else ""
    )
    if not destination.enabled:
        return DestinationHealth("not_started", "Switched off", "quiet", [last, *filter(None, [parked])])
    if held:
        return DestinationHealth(
            "warning", "Sending is on hold", "waits", [*filter(None, [waiting_text, parked]), last]
        )
    if channel is not None and channel.words:
        text = "Refuses the posts" if trouble is not None and trouble.refused else "Cannot be reached"
        since = f"Since {clock(trouble.began_at)}." if trouble is not None else ""
        until = channel.paused_until
        retry_text = (
            f"Tried again at {clock(until)}."
            if until is not None and until > now
            else "Tried again in a moment."
        )
        reply = f"{channel.words.rstrip('.')}."
        more = (
            " ".join(filter(None, [since, retry_text])),
            " ".join(filter(None, [waiting_text, parked, last])),
        )
        return DestinationHealth("warning", text, "alert", [reply, *more])
    if parked:
        return DestinationHealth(
            "warning", "Some posts were refused", "alert", [parked, *filter(None, [waiting_text]), last]
        )
    if not sent:
        return DestinationHealth("info", "Not tried yet", "quiet", [last, *filter(None, [waiting_text])])
    return DestinationHealth("closed", "Works", "ok", [last, *filter(None, [waiting_text])])


def destination_form_context(form: DestinationForm) -> dict[str, object]:
    """The form with a help text for each of its channels and kinds of notice."""
    channels = form["kind"] if form.destination is None else ()
    return {
        "form": form,
        "channels": [(option, destination_kinds()[option.data["value"]].help) for option in channels],
        "kinds": [(option, spec_of(option.data["value"]).post_help) for option in form["kinds"]],
    }

"""The destinations of the groups that somebody administers, in words: what goes there, and whether it arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from alerts.models import Channel, Delivery, Destination, Trouble
from alerts.outbox.stats import ChannelStats, channel_stats
from board.notifications.notice_phrasing import NOTICE_KIND_LABELS, DeliveryState
from board.web import labels
from board.web.board_request import BoardRequest
from closing.judging.notice_rules import NoticeKind
from entities.models import Group

DEFAULT_KINDS = (
    *(
        NoticeKind.ALERT,
        NoticeKind.ESCALATION,
        NoticeKind.UNCONFIRMED,
        NoticeKind.REOPENED,
        NoticeKind.CLEARED,
    ),
    *(NoticeKind.STALE, NoticeKind.REFUSED, NoticeKind.GROUP_CLOSED),
)
_ABOUT = {
    NoticeKind.ALERT: "past the alert line",
    NoticeKind.ESCALATION: "still not closed at a later step",
    NoticeKind.UNCONFIRMED: "past the line, and cannot be read",
    NoticeKind.REOPENED: "was closed, and is not any more",
    NoticeKind.CLEARED: "closed after it was posted as late",
    NoticeKind.DUE_SOON: "the deadline is near",
    NoticeKind.LATE: "each day that an entity is late",
    NoticeKind.NO_DEADLINE: "ended, and nobody has set one",
    NoticeKind.STALE: "nothing was read from an ERP for long",
    NoticeKind.REFUSED: "an ERP turns us away",
    NoticeKind.GROUP_CLOSED: "all of a group has closed",
}
_HELP = {
    Destination.Kind.TEAMS: (
        "In Teams, open the channel’s Workflows, choose “Send webhook alerts to a channel”, and paste the address"
        " that it gives. It ends in logic.azure.com or environment.api.powerplatform.com."
    ),
    Destination.Kind.SLACK: (
        "In Slack, add an incoming webhook to an app, choose the channel, and paste the address. It begins with"
        " https://hooks.slack.com/services/."
    ),
    Destination.Kind.WEBHOOK: (
        "Any program of yours that takes JSON over https, at a host that whoever runs Closeboard has allowed. Each"
        " request is signed."
    ),
}


@dataclass(frozen=True, slots=True)
class DestinationHealth:
    """Whether posts arrive: a word with its icon and tone, and sentences that say more."""

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


@dataclass(frozen=True, slots=True)
class DestinationForm:
    """The form of one destination, as typed, with what is wrong with each field. The address is never in it."""

    values: Mapping[str, str]
    kinds: Sequence[tuple[str, str, str, bool]]
    channel_options: Sequence[tuple[str, str, str, bool]]
    groups: Sequence[tuple[str, str, bool]]
    problems: Mapping[str, str]
    destination: Destination | None


def lines(asked: BoardRequest, places: Sequence[Destination]) -> list[DestinationLine]:
    """The destinations with their health; the same four queries whatever their number."""
    known, sent = channel_stats(), _sent(places)
    channels = {each.name: each for each in Channel.objects.all()}
    troubles = {each.channel: each for each in Trouble.objects.filter(destination__in=places, ended_at=None)}
    held = any(each.held for each in channels.values())
    found = []
    for place in places:
        way = known.get(place.channel, ChannelStats(place.channel))
        health = _health(
            asked,
            place,
            way,
            channels.get(place.channel),
            troubles.get(place.channel),
            sent.get(place.pk),
            held=held,
        )
        found.append(
            DestinationLine(
                uid=str(place.uid),
                name=place.name,
                kind=place.get_kind_display(),
                group=place.group.name,
                host=f"{place.host}/…",
                kinds=", ".join(NOTICE_KIND_LABELS[NoticeKind(each)] for each in place.kinds),
                enabled=place.enabled,
                signed=place.kind == Destination.Kind.WEBHOOK,
                waiting=way.waiting,
                health=health,
            )
        )
    return found


def _sent(places: Sequence[Destination]) -> dict[int, Mapping[str, object]]:
    taken = Delivery.objects.filter(destination__in=places, state=DeliveryState.SENT).order_by()
    counted = taken.values("destination").annotate(
        last=Max("ended_at"), count=Count("pk", filter=Q(trouble=None))
    )
    return {each["destination"]: each for each in counted}


def _health(
    asked: BoardRequest,
    place: Destination,
    way: ChannelStats,
    channel: Channel | None,
    trouble: Trouble | None,
    sent: Mapping[str, object] | None,
    *,
    held: bool,
) -> DestinationHealth:
    zone, now = asked.reader.zone, asked.now

    def clock(moment: object) -> str:
        return labels.clock(moment, zone, now)  # type: ignore[arg-type]

    last = f"Last post taken {clock(sent['last'])}." if sent else "Nothing has been posted there yet."
    waits = (
        f"{way.waiting} {'message waits' if way.waiting == 1 else 'messages wait'}." if way.waiting else ""
    )
    parked = (
        f"{way.failed} {'message' if way.failed == 1 else 'messages'} cannot be sent." if way.failed else ""
    )
    if not place.enabled:
        return DestinationHealth("not_started", "Switched off", "quiet", [last, *filter(None, [parked])])
    if held:
        return DestinationHealth(
            "warning", "Sending is on hold", "waits", [*filter(None, [waits, parked]), last]
        )
    if channel is not None and channel.words:
        text = "Refuses our posts" if trouble is not None and trouble.refused else "Does not take posts now"
        since = f"So since {clock(trouble.began_at)}." if trouble is not None else ""
        until = channel.paused_until
        again = (
            f"Tried again at {clock(until)}."
            if until is not None and until > now
            else "Tried again in a moment."
        )
        said = f"{channel.words.rstrip('.')}."
        more = " ".join(filter(None, [since, again])), " ".join(filter(None, [waits, parked, last]))
        return DestinationHealth("warning", text, "alert", [said, *more])
    if parked:
        return DestinationHealth(
            "warning", "Some posts were refused", "alert", [parked, *filter(None, [waits]), last]
        )
    if not sent:
        return DestinationHealth("info", "Not tried yet", "quiet", [last, *filter(None, [waits])])
    return DestinationHealth("closed", "Works", "ok", [last, *filter(None, [waits])])


def form(
    values: Mapping[str, str],
    kinds: Sequence[str],
    groups: Sequence[Group],
    problems: Mapping[str, str],
    place: Destination | None = None,
) -> DestinationForm:
    """The form of a destination that is to be made, or of `place`."""
    kind = place.kind if place is not None else values.get("kind", "")
    return DestinationForm(
        values=values,
        kinds=[
            (each.value, NOTICE_KIND_LABELS[each], _ABOUT[each], each.value in kinds) for each in NoticeKind
        ],
        channel_options=[
            (each.value, each.label, _HELP[each], each.value == kind) for each in Destination.Kind
        ],
        groups=[
            (each.code, _indented(each, groups), each.code == values.get("group", "")) for each in groups
        ],
        problems=problems,
        destination=place,
    )


def _indented(group: Group, groups: Sequence[Group]) -> str:
    top = min(each.path.count("/") for each in groups)
    return "\u2003" * (group.path.count("/") - top) + group.name

"""The destinations: their list with the health of each, and the forms that add, edit, test, switch and remove one.

The views give 404 to people who do not administer the group. URLs and secrets are never shown again: a new secret is
only on the page that answers the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from uuid import UUID, uuid4

import structlog
from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts.channels.delivery_errors import DeliveryFailure, TemporaryFailure
from alerts.channels.destinations import (
    add_destination,
    remove_destination,
    rotate_secret,
    set_destination_enabled,
    update_destination,
)
from alerts.channels.kinds import destination_kind, destination_kinds, signs_posts
from alerts.channels.state import ChannelStats, channel_stats
from alerts.mail.compose import build_test_post
from alerts.models import Channel, Delivery, Destination, Trouble
from alerts.notices.notice_specs import spec_of
from board.notifications.forms import DestinationForm
from board.notifications.send_test_mail import may_send_now
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import SeeOther, SwitchForm, bind_errors, form_status, posted
from board.web.labels import counted
from board.web.readers import View
from entities.access import administered_groups
from entities.models import Group
from infra.secrets import SecretUnreadable

TEST_POST_INTERVAL = 10  # seconds between two test posts to one destination

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """One destination of the list, and its health: a text with its icon and tone, and details."""

    destination: Destination
    kinds: str
    signed: bool
    waiting: int
    icon: str
    text: str
    tone: str
    details: Sequence[str]


def _for_administrators(view: View) -> View:
    """Requires that the person administers a group; passes those groups, and the destination of the URL."""

    @board_view
    @wraps(view)
    def wrapper(request: HttpRequest, board_request: BoardRequest, uid: UUID | None = None) -> HttpResponse:
        board_request = resolve_request(board_request.person, {}, board_request.now)
        groups = list(administered_groups(board_request.person))
        if not groups:
            raise Http404
        if uid is None:
            return view(request, board_request, groups)
        destination = _destinations(groups).filter(uid=uid).first()
        if destination is None:
            raise Http404
        return view(request, board_request, groups, destination)

    return wrapper


def _destinations(groups: Sequence[Group]):  # type: ignore[no-untyped-def]
    destinations = Destination.objects.filter(group__in=groups, removed_at=None)
    return destinations.select_related("group", "made_by").order_by("group__path", "name")


@require_safe
@_for_administrators
def destination_list(
    request: HttpRequest, board_request: BoardRequest, groups: Sequence[Group]
) -> HttpResponse:
    """Every destination of the groups that the person administers, with its health."""
    context = {
        **board_request.layout("alerts"),
        "lines": _destination_lines(board_request, list(_destinations(groups))),
        "zone": board_request.reader.zone_name,
    }
    return render(request, "board/notifications/destinations.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@_for_administrators
def destination_add(
    request: HttpRequest, board_request: BoardRequest, groups: Sequence[Group]
) -> HttpResponse:
    """The form of a new destination; a POST creates it, and shows the secret of a webhook once."""
    form = DestinationForm(groups, posted(request))
    if form.is_valid():
        with bind_errors(form):
            added, secret = add_destination(form.spec(), board_request.person, board_request.now)
            if secret:
                return _secret_page(request, board_request, added, secret, new=True)
            messages.success(
                request, f"“{added.name}” was added. Send a test post to see whether it arrives."
            )
            return SeeOther(reverse("destinations"))
    return _form_page(request, board_request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@_for_administrators
def destination_edit(
    request: HttpRequest, board_request: BoardRequest, groups: Sequence[Group], destination: Destination
) -> HttpResponse:
    """The form of one destination; an empty URL leaves the stored one."""
    form = DestinationForm(groups, posted(request), destination)
    if form.is_valid():
        with bind_errors(form):
            update_destination(destination, form.spec())
            messages.success(request, f"“{destination.name}” was saved.")
            return SeeOther(reverse("destinations"))
    if form.is_bound:
        destination.refresh_from_db()
    return _form_page(request, board_request, form)


@require_POST
@_for_administrators
def destination_send_test(
    request: HttpRequest, board_request: BoardRequest, _: Sequence[Group], destination: Destination
) -> HttpResponse:
    """Sends a test post at once and shows the result."""
    too_soon = f"“{destination.name}” has just received one. Try again in {TEST_POST_INTERVAL} seconds."
    key = f"trial-post-{destination.pk}"
    if may_send_now(request, key, TEST_POST_INTERVAL, verb="posted", too_soon=too_soon):
        _send_test(request, board_request, destination)
    return SeeOther(reverse("destinations"))


@require_POST
@_for_administrators
def destination_switch(
    request: HttpRequest, board_request: BoardRequest, _: Sequence[Group], destination: Destination
) -> HttpResponse:
    """Switches a destination off or on."""
    on = SwitchForm(request.POST).says_yes()
    set_destination_enabled(destination, on=on)
    result = "was switched on" if on else "was switched off; its waiting posts are not sent"
    messages.success(request, f"“{destination.name}” {result}.")
    return SeeOther(reverse("destinations"))


@require_POST
@_for_administrators
def destination_remove(
    request: HttpRequest, board_request: BoardRequest, _: Sequence[Group], destination: Destination
) -> HttpResponse:
    """Removes a destination for good, after the form's confirmation."""
    remove_destination(destination, board_request.now)
    messages.success(request, f"“{destination.name}” was removed, and its address deleted.")
    return SeeOther(reverse("destinations"))


@require_POST
@_for_administrators
def destination_rotate_secret(
    request: HttpRequest, board_request: BoardRequest, _: Sequence[Group], destination: Destination
) -> HttpResponse:
    """Creates a new secret for a webhook and shows it once."""
    if not signs_posts(destination):
        raise Http404
    try:
        secret = rotate_secret(destination)
    except SecretUnreadable as error:
        messages.error(request, str(error))
        return SeeOther(reverse("destinations"))
    return _secret_page(request, board_request, destination, secret, new=False)


def _secret_page(
    request: HttpRequest, board_request: BoardRequest, destination: Destination, secret: str, *, new: bool
) -> HttpResponse:
    context = {
        "place": destination,
        "secret": secret,
        "new": new,
        **board_request.layout("alerts"),
    }
    return render(request, "board/notifications/destination_secret.html", context)


def _form_page(request: HttpRequest, board_request: BoardRequest, form: DestinationForm) -> HttpResponse:
    """The form with a help text for each of its channels and kinds of notice."""
    channels = form["kind"] if form.destination is None else ()
    context = {
        **board_request.layout("alerts"),
        "form": form,
        "channels": [(option, destination_kinds()[option.data["value"]].help) for option in channels],
        "kinds": [(option, spec_of(option.data["value"]).post_help) for option in form["kinds"]],
    }
    return render(request, "board/notifications/destination_form.html", context, status=form_status(form))


def _send_test(request: HttpRequest, board_request: BoardRequest, destination: Destination) -> None:
    content = build_test_post(
        destination, board_request.person.name or board_request.person.email, board_request.now
    )
    try:
        kind = destination_kind(destination)
        post = kind.render(destination, f"msg_{uuid4().hex}", content, [], board_request.now)
        kind.post(destination, post)
    except TemporaryFailure as error:
        messages.error(request, f"“{destination.name}” did not accept the post just now. {error}")
    except DeliveryFailure as error:
        messages.error(request, f"“{destination.name}” refused the post. {error}")
    else:
        messages.success(request, f"Test post delivered to “{destination.name}”.{kind.test_hint}")
        return
    log.warning("test post not taken", destination=destination.pk)


# --- health -------------------------------------------------------------------------------------------------------


def _destination_lines(
    board_request: BoardRequest, destinations: Sequence[Destination]
) -> list[DestinationLine]:
    """The destinations with their health, in four queries whatever their number."""
    stats_by_channel, sent = channel_stats(), _last_posts(destinations)
    channels = {item.name: item for item in Channel.objects.all()}
    troubles = {
        item.channel: item for item in Trouble.objects.filter(destination__in=destinations, ended_at=None)
    }
    held = any(item.held for item in channels.values())
    lines = []
    for destination in destinations:
        stats = stats_by_channel.get(destination.channel, ChannelStats(destination.channel))
        icon, text, tone, details = _health(
            board_request,
            destination,
            stats,
            channels.get(destination.channel),
            troubles.get(destination.channel),
            sent.get(destination.pk),
            held=held,
        )
        lines.append(
            DestinationLine(
                destination,
                kinds=", ".join(spec_of(item).label for item in destination.kinds),
                signed=signs_posts(destination),
                waiting=stats.waiting,
                icon=icon,
                text=text,
                tone=tone,
                details=list(filter(None, details)),
            )
        )
    return lines


def _last_posts(destinations: Sequence[Destination]) -> dict[int, datetime]:
    """When each destination accepted its last post, by its id."""
    sent = Delivery.objects.filter(destination__in=destinations, state=Delivery.State.SENT).order_by()
    return dict(sent.values_list("destination").annotate(Max("ended_at")))


def _health(
    board_request: BoardRequest,
    destination: Destination,
    stats: ChannelStats,
    channel: Channel | None,
    trouble: Trouble | None,
    sent: datetime | None,
    *,
    held: bool,
) -> tuple[str, str, str, Sequence[str]]:
    """Icon, text, tone and details, some of them empty; `sent` is the moment of the last post."""
    last = f"Last post delivered {board_request.clock(sent)}." if sent else "Nothing posted yet."
    waiting = counted(stats.waiting, "message waits.", "messages wait.")
    parked = counted(stats.failed, "message cannot be sent.", "messages cannot be sent.")
    if not destination.enabled:
        return "not_started", "Switched off", "quiet", [last, parked]
    if held:
        return "warning", "Sending is on hold", "waits", [waiting, parked, last]
    if channel is not None and channel.words:
        text = "Refuses the posts" if trouble is not None and trouble.refused else "Cannot be reached"
        since = f"Since {board_request.clock(trouble.began_at)}." if trouble is not None else ""
        until = channel.paused_until
        again = board_request.clock(until) if until is not None and until > board_request.now else ""
        retry = f"Tried again at {again}." if again else "Tried again in a moment."
        reply = f"{channel.words.rstrip('.')}."
        more = [" ".join(filter(None, texts)) for texts in ((since, retry), (waiting, parked, last))]
        return "warning", text, "alert", [reply, *more]
    if parked:
        return "warning", "Some posts were refused", "alert", [parked, waiting, last]
    if not sent:
        return "info", "Not tried yet", "quiet", [last, waiting]
    return "closed", "Works", "ok", [last, waiting]

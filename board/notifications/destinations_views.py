"""Destinations of alerts: the list, adding and changing one, a test post, switching, removing, another secret.

They exist for those who administer the group, and for nobody else. What is typed as an address or made as a secret is
never shown again: a new secret is on the page that answers the form, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from uuid import UUID, uuid4

import structlog
from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from redis import RedisError

from alerts.channels.delivery_errors import ChannelMisconfigured, PermanentFailure, TemporaryFailure
from alerts.channels.destinations import (
    DestinationSpec,
    InvalidDestination,
    add_destination,
    remove_destination,
    rotate_secret,
    set_destination_enabled,
    update_destination,
)
from alerts.channels.post_transport import send_post
from alerts.channels.posts import build_test_post, render_post
from alerts.models import Destination
from board.notifications.destinations_page import DEFAULT_KINDS, form, lines
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.layout import layout_context
from board.web.redirects import SeeOther
from entities.access import administered_groups
from entities.models import Group
from infra.secrets import SecretUnreadable

TEST_POST_INTERVAL = 10  # seconds between two test posts to one destination

log = structlog.get_logger(__name__)
View = Callable[..., HttpResponse]


def _administering(view: View) -> View:
    """Lets in who administers a group, with those groups; and finds the destination that the address names."""

    @board_view
    @wraps(view)
    def door(request: HttpRequest, asked: BoardRequest, uid: UUID | None = None) -> HttpResponse:
        asked = resolve_request(asked.person, {}, asked.now)
        groups = list(administered_groups(asked.person))
        if not groups:
            raise Http404
        if uid is None:
            return view(request, asked, groups)
        places = _places(groups).filter(uid=uid)
        place = places.first()
        if place is None:
            raise Http404
        return view(request, asked, groups, place)

    return door


def _places(groups: Sequence[Group]):  # type: ignore[no-untyped-def]
    found = Destination.objects.filter(group__in=groups, removed_at=None)
    return found.select_related("group", "made_by").order_by("group__path", "name")


@require_safe
@_administering
def destination_list(request: HttpRequest, asked: BoardRequest, groups: Sequence[Group]) -> HttpResponse:
    """Every destination of the groups that the person administers, with its health."""
    told = {
        **layout_context(asked.person, "alerts", asked.board()),
        "lines": lines(asked, list(_places(groups))),
    }
    told["zone"] = asked.reader.zone_name
    return render(request, "board/notifications/destinations.html", told)


@require_http_methods(["GET", "HEAD", "POST"])
@_administering
def destination_add(request: HttpRequest, asked: BoardRequest, groups: Sequence[Group]) -> HttpResponse:
    """The form of a new destination; a POST makes it, and shows the secret of a webhook once."""
    if request.method != "POST":
        values = {"kind": Destination.Kind.TEAMS.value, "group": groups[0].code}
        return _form(request, asked, groups, values, [each.value for each in DEFAULT_KINDS], {})
    wanted = _wanted(request, groups)
    try:
        place, secret = add_destination(wanted, asked.person, asked.now)
    except InvalidDestination as refused:
        return _form(request, asked, groups, _typed(request), wanted.kinds, refused.problems, status=422)
    if secret:
        return _shown_once(request, asked, place, secret, new=True)
    messages.success(request, f"“{place.name}” is there. Send a test post to see whether it arrives.")
    return SeeOther(reverse("destinations"))


@require_http_methods(["GET", "HEAD", "POST"])
@_administering
def destination_edit(
    request: HttpRequest, asked: BoardRequest, groups: Sequence[Group], place: Destination
) -> HttpResponse:
    """The form of one destination; an address that is left empty stays as it is."""
    if request.method != "POST":
        values = {"name": place.name, "group": place.group.code}
        return _form(request, asked, groups, values, place.kinds, {}, place)
    wanted = _wanted(request, groups, place.kind)
    try:
        update_destination(place, wanted)
    except InvalidDestination as refused:
        place.refresh_from_db()
        return _form(
            request, asked, groups, _typed(request), wanted.kinds, refused.problems, place, status=422
        )
    messages.success(request, f"“{place.name}” is kept as you have changed it.")
    return SeeOther(reverse("destinations"))


@require_POST
@_administering
def destination_send_test(
    request: HttpRequest, asked: BoardRequest, _: Sequence[Group], place: Destination
) -> HttpResponse:
    """Post a test at once and say what was answered."""
    if _may_now(request, place):
        _try(request, asked, place)
    return SeeOther(reverse("destinations"))


@require_POST
@_administering
def destination_switch(
    request: HttpRequest, asked: BoardRequest, _: Sequence[Group], place: Destination
) -> HttpResponse:
    """Switch a destination off or on."""
    on = request.POST.get("on") == "yes"
    set_destination_enabled(place, on=on)
    done = "is switched on" if on else "is switched off, and what waits for it is not posted any more"
    messages.success(request, f"“{place.name}” {done}.")
    return SeeOther(reverse("destinations"))


@require_POST
@_administering
def destination_remove(
    request: HttpRequest, asked: BoardRequest, _: Sequence[Group], place: Destination
) -> HttpResponse:
    """Remove a destination for good; the form has asked whether that is meant."""
    remove_destination(place, asked.now)
    messages.success(request, f"“{place.name}” is removed, and its address is forgotten.")
    return SeeOther(reverse("destinations"))


@require_POST
@_administering
def destination_rotate_secret(
    request: HttpRequest, asked: BoardRequest, _: Sequence[Group], place: Destination
) -> HttpResponse:
    """Make another secret for a webhook and show it once."""
    if place.kind != Destination.Kind.WEBHOOK:
        raise Http404
    try:
        secret = rotate_secret(place)
    except SecretUnreadable as wrong:
        messages.error(request, str(wrong))
        return SeeOther(reverse("destinations"))
    return _shown_once(request, asked, place, secret, new=False)


def _shown_once(
    request: HttpRequest, asked: BoardRequest, place: Destination, secret: str, *, new: bool
) -> HttpResponse:
    told = {
        "place": place,
        "secret": secret,
        "new": new,
        **layout_context(asked.person, "alerts", asked.board()),
    }
    return render(request, "board/notifications/destination_secret.html", told)


def _wanted(request: HttpRequest, groups: Sequence[Group], kind: str = "") -> DestinationSpec:
    posted = request.POST
    return DestinationSpec(
        name=posted.get("name", ""),
        kind=kind or posted.get("kind", ""),
        group=next((each for each in groups if each.code == posted.get("group")), None),
        kinds=posted.getlist("kinds"),
        url=posted.get("url", "").strip(),
    )


def _typed(request: HttpRequest) -> Mapping[str, str]:
    """What was typed, without the address: it has to be pasted again, as it may be shown to nobody."""
    return {name: request.POST.get(name, "") for name in ("name", "kind", "group")}


def _form(
    request: HttpRequest,
    asked: BoardRequest,
    groups: Sequence[Group],
    values: Mapping[str, str],
    kinds: Sequence[str],
    problems: Mapping[str, str],
    place: Destination | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    told = {
        **layout_context(asked.person, "alerts", asked.board()),
        "form": form(values, kinds, groups, problems, place),
        "typed_url": bool(request.POST.get("url")),
    }
    return render(request, "board/notifications/destination_form.html", told, status=status)


def _may_now(request: HttpRequest, place: Destination) -> bool:
    try:
        if cache.add(f"trial-post-{place.pk}", 1, TEST_POST_INTERVAL):
            return True
    except RedisError:
        messages.error(request, "Redis does not answer, so nothing was posted. Try again in a minute.")
        return False
    messages.warning(request, f"“{place.name}” has just had one. Try again in {TEST_POST_INTERVAL} seconds.")
    return False


def _try(request: HttpRequest, asked: BoardRequest, place: Destination) -> None:
    said = build_test_post(place, asked.person.name or asked.person.email, asked.now)
    try:
        send_post(place, render_post(place, f"msg_{uuid4().hex}", said, [], asked.now))
    except ChannelMisconfigured as wrong:
        messages.error(request, f"“{place.name}” does not want our posts. {wrong}")
    except PermanentFailure as wrong:
        messages.error(request, f"“{place.name}” cannot use what we post. {wrong}")
    except TemporaryFailure as wrong:
        messages.error(request, f"“{place.name}” could not take it just now. {wrong}")
    else:
        arrives = " Look whether it has arrived." if place.kind == Destination.Kind.TEAMS else ""
        messages.success(request, f"“{place.name}” has taken a test post.{arrives}")
        return
    log.warning("test post not taken", destination=place.pk)

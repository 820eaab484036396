"""The page of a mail's unsubscribe link: opening it changes nothing, one click unsubscribes."""

from __future__ import annotations

from dataclasses import replace

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts.mail.unsubscribe_links import InvalidUnsubscribeLink, read_unsubscribe_token
from alerts.notices.notice_specs import SPECS, spec_of
from alerts.routing.preferences import NotificationPreferences, load_preferences
from alerts.routing.settings_updates import unsubscribe, update_preferences
from board.notifications.forms import UndoForm
from closing.judging.notification_schedule import Cadence, effective_cadence
from infra.audit.origin import acting, current_origin


@csrf_exempt  # a mail program has neither a session nor our token; the signed URL is enough
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Asks on GET, unsubscribes on POST; a POST with `undo` restores the cadences before."""
    try:
        person, kinds = read_unsubscribe_token(token)
    except InvalidUnsubscribeLink:
        return _page(request, {"state": "unknown"}, status=404)
    ordered = [kind for kind in dict.fromkeys([*SPECS, *sorted(kinds)]) if kind in kinds]
    context: dict[str, object] = {"kinds": [spec_of(kind).label for kind in ordered]}
    if request.method != "POST":
        chosen = load_preferences(person).cadences
        cadences = {effective_cadence(spec_of(kind).cadence, chosen.get(kind)) for kind in kinds}
        off = cadences <= {Cadence.NEVER}
        return _page(request, {**context, "state": "off" if off else "asked"})
    form = UndoForm(request.POST)
    form.full_clean()
    undo = form.cleaned_data["undo"]
    try:
        before = NotificationPreferences.from_token(undo, person) if undo else None
    except signing.BadSignature:
        return _page(request, {"state": "unknown"}, status=404)
    with acting(replace(current_origin(), through="link")):
        if before is not None:
            current = load_preferences(person)
            restored = {kind: before.cadences.get(kind, spec_of(kind).cadence.default) for kind in kinds}
            update_preferences(person, replace(current, cadences={**current.cadences, **restored}), now())
            return _page(request, {**context, "state": "undone"})
        previous = unsubscribe(person, kinds, now())
    was_on = any(previous.cadences.get(kind) is not Cadence.NEVER for kind in kinds)
    return _page(request, {**context, "state": "done", "undo": previous.token(person) if was_on else ""})


def _page(request: HttpRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    response = render(request, "board/notifications/unsubscribe.html", {"undo": "", **context}, status=status)
    response["Cache-Control"] = "no-store"
    return response

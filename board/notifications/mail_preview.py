"""The mails of a demo or a trial: written to a folder instead of sent, and read here by superusers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import cast

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from board.web import labels
from board.web.layout import layout_context
from board.web.readers import Reader, signed_in
from entities.models import Person

SHOWN = 100
_FOLDER_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
# What that backend writes after each mail; a text may have such a line too, but no header behind it.
_BETWEEN = re.compile(rb"^-{79}\r?\n(?=Content-Type: |\s*\Z)", re.M)
# A foreign document: nothing of it runs, loads or is sent anywhere, and it has no origin.
_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": ["data:"],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox", "allow-top-navigation-by-user-activation"],
}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the folder; `html_url` is empty where it has no HTML part."""

    key: str
    subject: str
    to: str
    sent: str
    iso: str
    text: str
    html_url: str


def mail_folder() -> Path | None:
    """Where mails are written instead of sent; None where they are sent."""
    if settings.EMAIL_BACKEND != _FOLDER_BACKEND:
        return None
    return Path(settings.EMAIL_FILE_PATH)  # type: ignore[misc]  # Django's stubs leave it out


@require_safe
@signed_in
def sent_mails(request: HttpRequest) -> HttpResponse:
    """The mails in the folder, newest first."""
    person, where = _door(request)
    reader = Reader.in_zone(person.zone)
    found = [_mail(key, message, reader) for key, message in _newest(where, SHOWN + 1)]
    told = {"mails": found[:SHOWN], "more": len(found) > SHOWN, "shown": SHOWN, "zone": reader.zone_name}
    return render(
        request, "board/notifications/mail_preview.html", {**told, **layout_context(person, "alerts")}
    )


@require_safe
@signed_in  # type: ignore[arg-type]  # the stubs of csp know only views without arguments
@csp(_POLICY)  # type: ignore[arg-type]
def sent_mail_html(request: HttpRequest, key: str) -> HttpResponse:
    """The HTML part of one mail as a page of its own, as a mail program would show it."""
    _, where = _door(request)
    for name, message in _newest(where):
        if name == key:
            html = _part(message, "html")
            if html:
                return HttpResponse(html)
    raise Http404


def _door(request: HttpRequest) -> tuple[Person, Path]:
    """The person and the folder; to everybody but superusers it is not there."""
    person, where = cast("Person", request.user), mail_folder()
    if where is None or not person.is_superuser:
        raise Http404
    return person, where


def _newest(where: Path, most: int | None = None) -> Iterator[tuple[str, EmailMessage]]:
    """The mails with a key each, newest first; a file holds those that one connection sent, oldest first."""
    given = 0
    files = sorted(
        where.glob("*.log"), key=lambda file: (file.name[:15], file.stat().st_mtime_ns), reverse=True
    )
    for file in files:
        parts = [part for part in _BETWEEN.split(file.read_bytes()) if part.strip()]
        for number in range(len(parts), 0, -1):
            if most is not None and given >= most:
                return
            given += 1
            yield (
                f"{file.stem}-{number}",
                message_from_bytes(parts[number - 1], policy=policy.default),
            )


def _mail(key: str, message: EmailMessage, reader: Reader) -> Mail:
    sent, iso = "", ""
    try:
        at = parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        pass
    else:
        sent, iso = labels.clock(at, reader.zone, now()), labels.iso(at) or ""
    return Mail(
        key=key,
        subject=str(message["Subject"] or "(no subject)"),
        to=str(message["To"] or ""),
        sent=sent,
        iso=iso,
        text=_part(message, "plain"),
        html_url=reverse("sent_mail_html", args=[key]) if message.get_body(("html",)) is not None else "",
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""

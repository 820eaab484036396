"""Shows superusers the mails of a demo, which are written to a folder instead of sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import islice
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
# The line that this backend writes after each mail; in a text such a line has no header after it.
_SEPARATOR = re.compile(rb"^-{79}\r?\n(?=Content-Type: |\s*\Z)", re.M)
# A foreign document: it may not run, load or send anything, and it has no origin.
_CONTENT_SECURITY_POLICY = {
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
    """One mail of the folder; `html_url` is "" if it has no HTML part."""

    key: str
    subject: str
    to: str
    sent: str
    iso: str
    text: str
    html_url: str


def mail_folder() -> Path | None:
    """The folder to which mails are written instead of sent; None if they are sent."""
    if settings.EMAIL_BACKEND != _FOLDER_BACKEND:
        return None
    return Path(settings.EMAIL_FILE_PATH)  # type: ignore[misc]  # Django's stubs leave it out


@require_safe
@signed_in
def sent_mails(request: HttpRequest) -> HttpResponse:
    """The mails in the folder, newest first."""
    person, folder = _person_and_folder(request)
    reader = Reader.in_zone(person.zone)
    mails = [_mail(key, message, reader) for key, message in islice(_newest_mails(folder), SHOWN + 1)]
    context = {"mails": mails[:SHOWN], "more": len(mails) > SHOWN, "shown": SHOWN, "zone": reader.zone_name}
    return render(
        request, "board/notifications/mail_preview.html", {**context, **layout_context(person, "alerts")}
    )


@require_safe
@signed_in  # type: ignore[arg-type]  # the stubs of csp know only views without arguments
@csp(_CONTENT_SECURITY_POLICY)  # type: ignore[arg-type]
def sent_mail_html(request: HttpRequest, key: str) -> HttpResponse:
    """The HTML part of one mail as a page, as a mail program would show it."""
    _, folder = _person_and_folder(request)
    for name, message in _newest_mails(folder):
        if name == key:
            html = _part(message, "html")
            if html:
                return HttpResponse(html)
    raise Http404


def _person_and_folder(request: HttpRequest) -> tuple[Person, Path]:
    """The person and the folder; 404 for everybody but superusers."""
    person, folder = cast("Person", request.user), mail_folder()
    if folder is None or not person.is_superuser:
        raise Http404
    return person, folder


def _newest_mails(folder: Path) -> Iterator[tuple[str, EmailMessage]]:
    """The mails with their keys, newest first; a file holds the mails of one connection, oldest first."""
    files = sorted(
        folder.glob("*.log"), key=lambda file: (file.name[:15], file.stat().st_mtime_ns), reverse=True
    )
    for file in files:
        parts = [part for part in _SEPARATOR.split(file.read_bytes()) if part.strip()]
        for number in range(len(parts), 0, -1):
            message = message_from_bytes(parts[number - 1], policy=policy.default)
            yield f"{file.stem}-{number}", message


def _mail(key: str, message: EmailMessage, reader: Reader) -> Mail:
    sent_at = message["Date"].datetime if message["Date"] is not None else None
    return Mail(
        key=key,
        subject=str(message["Subject"] or "(no subject)"),
        to=str(message["To"] or ""),
        sent=labels.clock(sent_at, reader.zone, now()) if sent_at is not None else "",
        iso=labels.iso(sent_at) or "",
        text=_part(message, "plain"),
        html_url=reverse("sent_mail_html", args=[key]) if message.get_body(("html",)) is not None else "",
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""

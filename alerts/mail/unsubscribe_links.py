"""The link by which somebody switches off what a mail told them, without signing in (RFC 2369, RFC 8058)."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.core import signing

from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import MANDATORY_KINDS
from entities.models import Person

_SALT = "alerts.unsubscribe"
# Seconds: mails are kept, and a link in one of them should do what it says.
TOKEN_MAX_AGE = 2 * 365 * 24 * 3600


class InvalidUnsubscribeLink(Exception):
    """The link was not made by us, is too old, or its person is gone; which of these is nobody's business."""


def unsubscribe_token(person: Person, kinds: Collection[NoticeKind]) -> str:
    """A signed text that stands for this person and these kinds; it holds no secret."""
    return signing.dumps([person.pk, sorted(kind.value for kind in kinds)], salt=_SALT)


def read_unsubscribe_token(token: str) -> tuple[Person, frozenset[NoticeKind]]:
    """Whom and what a token stands for, without what may not be switched off; raises InvalidUnsubscribeLink."""
    try:
        pk, kinds = signing.loads(token, salt=_SALT, max_age=TOKEN_MAX_AGE)
        person = Person.objects.filter(pk=pk, is_active=True).first()
        found = frozenset(map(NoticeKind, kinds)) - MANDATORY_KINDS
    except (signing.BadSignature, ValueError, TypeError):
        raise InvalidUnsubscribeLink from None
    if person is None or not found:
        raise InvalidUnsubscribeLink
    return person, found


def unsubscribe_headers(person: Person, kinds: Collection[NoticeKind]) -> dict[str, str]:
    """The headers by which mail programs offer to switch these kinds off; none where one of them is promised.

    One click is offered over https only, as RFC 8058 has it.
    """
    if not kinds or not MANDATORY_KINDS.isdisjoint(kinds):
        return {}
    url = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/alerts/unsubscribe/{unsubscribe_token(person, kinds)}/"
    headers = {"List-Unsubscribe": f"<{url}>"}
    if url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers

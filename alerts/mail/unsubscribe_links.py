"""The links that switch off the kinds of notices in a mail without signing in (RFC 2369, RFC 8058)."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.core import signing

from alerts.notices.notice_specs import spec_of
from entities.models import Person

_SALT = "alerts.unsubscribe"
# Seconds: people keep mails, and their links should keep working.
TOKEN_MAX_AGE = 2 * 365 * 24 * 3600


class InvalidUnsubscribeLink(Exception):
    """The link was not made by us, is too old, or its person is gone; the error does not say which."""


def unsubscribe_token(person: Person, kinds: Collection[str]) -> str:
    """A signed token of this person and these kinds; it holds no secret."""
    return signing.dumps([person.pk, sorted(kinds)], salt=_SALT)


def read_unsubscribe_token(token: str) -> tuple[Person, frozenset[str]]:
    """The person and the kinds of a token, without mandatory kinds; raises InvalidUnsubscribeLink."""
    try:
        pk, kinds = signing.loads(token, salt=_SALT, max_age=TOKEN_MAX_AGE)
        person = Person.objects.filter(pk=pk, is_active=True).first()
        optional = frozenset(kind for kind in kinds if not spec_of(kind).cadence.mandatory)
    except (signing.BadSignature, ValueError, TypeError):
        raise InvalidUnsubscribeLink from None
    if person is None or not optional:
        raise InvalidUnsubscribeLink
    return person, optional


def unsubscribe_headers(person: Person, kinds: Collection[str]) -> dict[str, str]:
    """The headers by which mail programs offer to switch these kinds off; none where one of them is mandatory.

    One click is offered over https only, as RFC 8058 requires.
    """
    if not kinds or any(spec_of(kind).cadence.mandatory for kind in kinds):
        return {}
    url = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/alerts/unsubscribe/{unsubscribe_token(person, kinds)}/"
    headers = {"List-Unsubscribe": f"<{url}>"}
    if url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers

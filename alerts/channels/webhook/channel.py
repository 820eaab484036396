"""Signed webhooks: notices as JSON, with the headers of Standard Webhooks.

The signature is an HMAC-SHA256 over "id.timestamp.body". The id stays the same on every try of a message, so that a
program can detect copies. docs/operations.md describes each field; a field that changes its meaning or
is removed raises VERSION, a new one does not.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings

from alerts.channels.delivery_errors import ChannelMisconfigured
from alerts.channels.kinds import DestinationKind
from alerts.channels.post_transport import Post
from alerts.mail.sections import MessageContent
from alerts.models import Destination, Notice
from alerts.notices.entries import DeliverableNotice, EntityNotice, MultiEntityNotice
from alerts.reason_words import reason_words
from alerts.sanitize import one_line
from closing import phrasing
from closing.blockers.row_blockers import blockers_json
from closing.judging.group_close import last_to_close
from closing.scoreboard.row import Row
from infra.secrets import SecretUnreadable

VERSION = 1
PREFIX = "whsec_"
KEY_BYTES = 32
_LONGEST_WORDS = 300
Json = dict[str, Any]


def new_secret() -> str:
    """A new signing key in the format of Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def signature_headers(message_id: str, moment: datetime, body: bytes, keys: str) -> dict[str, str]:
    """The signature headers; `keys` holds one or more keys separated by blanks, each of which signs."""
    timestamp = str(int(moment.timestamp()))
    content = b".".join([message_id.encode(), timestamp.encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(key, content) for key in keys.split()),
    }


def _signature(key: str, content: bytes) -> str:
    digest = hmac.digest(base64.b64decode(key.removeprefix(PREFIX)), content, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def webhook_body(
    message_id: str,
    destination: Destination,
    content: MessageContent,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
) -> bytes:
    """The body of the request; without items it reports a channel's trouble, or is a test."""
    data: Json = {
        "version": VERSION,
        "summary": content.subject,
        "why": content.why,
        "group": {"code": destination.group.code, "name": one_line(destination.group.name)},
        "url": content.home.url,
        "notices": [_event(item) if isinstance(item, MultiEntityNotice) else _item(item) for item in items],
    }
    if not items:
        data["text"] = " ".join(section.note for section in content.sections)
    payload = {
        "id": message_id,
        "type": "closeboard.notices" if items else "closeboard.message",
        "timestamp": _moment(as_of),
        "data": data,
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _item(item: EntityNotice) -> Json:
    return _notice(item.notice) | {"month": f"{item.month:%Y-%m}", "entity": _entity(item.row, item.month)}


def _event(event: MultiEntityNotice) -> Json:
    fields = _notice(event.notice) | {
        "month": f"{event.month:%Y-%m}",
        "entities": [_entity(row, event.month) for row in event.rows],
    }
    if event.notice.connection is not None:
        return fields | {"connection": one_line(event.notice.connection.name)}
    if event.notice.group is not None:
        group = {"code": event.notice.group.code, "name": one_line(event.notice.group.name)}
        days = event.notice.days_late if last_to_close(event.rows) is not None else None
        return fields | {"closed_group": group, "working_days_to_close": days}
    return fields


def _notice(notice: Notice) -> Json:
    return {
        "id": notice.pk,
        "kind": notice.kind,
        "step": notice.step or None,
        "reason": reason_words(notice.reason),
        "raised_at": _moment(notice.raised_at),
    }


def _entity(row: Row, month: date) -> Json:
    deadline, remarks, standing = row.deadline, row.remarks, row.standing
    return {
        "code": row.code,
        "name": one_line(row.name),
        "country": row.country,
        "owner": one_line(row.owner) or None,
        "state": row.state_key,
        "confirmed": phrasing.is_confirmed(row),
        "counts_as_closed": row.counts_as_closed,
        "read_at": _moment(row.read_at) if row.read_at is not None else None,
        "level": standing.level.value,
        "days_late": standing.days_late,
        "days_count": standing.unit.value,
        "alert_after_days": row.alert_after_days,
        "deadline": deadline.due_on.isoformat() if deadline is not None else None,
        "in_the_way": one_line(phrasing.in_the_way(row), _LONGEST_WORDS) or None,
        "blockers": blockers_json(row),
        "reason_given": remarks.reason_code or None,
        "expected_on": remarks.expected_on.isoformat() if remarks.expected_on is not None else None,
        "url": f"{settings.PUBLIC_BASE_URL}/entities/{quote(row.code, safe='')}/?month={month:%Y-%m}",
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _render(
    destination: Destination,
    message_id: str,
    content: MessageContent,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
) -> Post:
    body = webhook_body(message_id, destination, content, items, as_of)
    try:
        return Post(body, signature_headers(message_id, as_of, body, destination.secret))
    except SecretUnreadable:
        raise ChannelMisconfigured(
            "Its secret cannot be read any more: the key it was stored with is gone."
        ) from None


WEBHOOK = DestinationKind(
    label="Signed webhook",
    help=(
        "A program that accepts JSON over https, at a host that the operator of Closeboard allows. Each request"
        " is signed."
    ),
    foreign_host=lambda host: (
        f"{host} is not an allowed host of signed webhooks. The operator of Closeboard lists them in"
        " WEBHOOK_ALLOWED_HOSTS."
    ),
    render=_render,
    new_secret=new_secret,
)

"""A fifth kind of channel, which only its tests install: short signed pages, whose server refuses with status 200."""

from __future__ import annotations

import json

from alerts.channels.delivery_errors import DeliveryFailure, TemporaryFailure
from alerts.channels.kinds import DestinationKind
from alerts.channels.post_transport import Post, answer_failure
from infra.hosts import UrlParts
from infra.outbound.session import OutboundResponse


def _failure(target: UrlParts, answer: OutboundResponse) -> DeliveryFailure | None:
    if "x-busy" in answer.headers:
        return TemporaryFailure("The pager is busy.")
    return answer_failure(target, answer)


PAGER = DestinationKind(
    label="Pager",
    help="Paste the address that your pager company gave you.",
    hosts=("page.pager.test",),
    foreign_host=lambda host: f"{host} is no pager company.",
    address_problem=lambda target: "" if target.path.startswith("/page/") else "It has no /page/ in it.",
    render=lambda destination, message_id, content, _items, _as_of: Post(
        json.dumps({"page": content.subject}).encode(), {"X-Key": destination.secret, "X-Id": message_id}
    ),
    failure=_failure,
    new_secret=lambda: "pager-key-1",
    test_hint=" Listen for the beep.",
)

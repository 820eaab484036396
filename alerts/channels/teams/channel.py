"""Teams: the adaptive card of a message, in the envelope of a workflow (“Send webhook alerts to a channel”).

Text from users and ERPs stands in text runs, which interpret no markdown, with its markup neutralized besides. It
can make no mention: a mention needs an entity of its own in the card, and this card has none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from alerts.channels.chat_sections import (
    PostSize,
    fit_to_size,
    post_details,
    post_sections,
    remainder_text,
)
from alerts.channels.kinds import DestinationKind
from alerts.channels.post_transport import Post
from alerts.mail.rows import MessageRow, TextLink
from alerts.mail.sections import MessageContent, MessageSection
from alerts.sanitize import cut, neutralize_markup
from infra.hosts import UrlParts

# The workflow sets the card into the message as a string, and encodes that as JSON once more: quotes and backslashes
# are escaped twice. 24,453 bytes posted were counted as 28,897 (MicrosoftDocs/msteams-docs, issue 11274). Which
# encoder it uses is not known, so the one that escapes most is taken: .NET's writes all of these as \u0022.
_ESCAPED = "<>&'+`"
MOST_BYTES = (
    27_500  # so counted: Teams allows 28,672 for all properties of a message, of which the card is one
)
_LONGEST_SUBJECT = 300
_LONGEST_FOOT = 400
_TONES = {"alert": "attention", "late": "warning", "was": "default", "none": "default"}
_RETIRED_HOSTS = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
Element = dict[str, Any]


def teams_body(content: MessageContent) -> bytes:
    """The body of the request."""
    return fit_to_size(lambda size: _message(content, size), counted_bytes, MOST_BYTES)


def counted_bytes(message: Element) -> int:
    """The most bytes that Teams may count for a message, whatever letters are in it."""
    card = json.dumps(message, separators=(",", ":"))
    return len(card) + 5 * card.count('"') + card.count("\\") + 6 * sum(map(card.count, _ESCAPED))


def _message(content: MessageContent, size: PostSize) -> Element:
    body = [
        _text([_run(cut(content.subject, _LONGEST_SUBJECT), size="Medium", weight="Bolder")]),
        *(
            element
            for section in post_sections(content, size)
            for element in _section_elements(section, size.detail)
        ),
        _text(
            [_run(cut(f"{content.as_of} {content.why}", _LONGEST_FOOT), size="Small", isSubtle=True)],
            separator=True,
            spacing="Medium",
        ),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": neutralize_markup(cut(content.subject, _LONGEST_SUBJECT)),
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [{**_open(content.home.url), "title": "Open Closeboard"}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _section_elements(section: MessageSection, longest_detail: int) -> list[Element]:
    elements = []
    if section.heading:
        elements.append(_text([_run(section.heading, weight="Bolder")], separator=True, spacing="Medium"))
    elements.append(_text([_run(section.note, isSubtle=True)], spacing="Small"))
    elements += [_row(row, longest_detail) for row in section.rows]
    last = [_linked(link) for link in section.links]
    if section.omitted:
        last.insert(0, _run(remainder_text(section)))
    if last:
        between = [run for link in last for run in (_run(" · "), link)]
        elements.append(_text(between[1:], spacing="Medium"))
    return elements


def _row(row: MessageRow, longest_detail: int) -> Element:
    title = _linked(row.title, weight="Bolder") if row.title.url else _run(row.title.text, weight="Bolder")
    where = [_run(f"{row.subtitle} · {row.state}", isSubtle=True)]
    if row.lateness:
        where.append(_run(" · ", isSubtle=True))
        where.append(_run(row.lateness, weight="Bolder", color=_TONES.get(row.tone, "default")))
    items = [_text([title]), _text(where, spacing="None")]
    items += [
        _text([_run(f"{detail.name}: ", isSubtle=True), _run(detail.text)], spacing="None")
        for detail in post_details(row, longest_detail)
    ]
    return {"type": "Container", "spacing": "Medium", "items": items}


def _text(inlines: Sequence[Element], **properties: Any) -> Element:
    return {"type": "RichTextBlock", "inlines": list(inlines), **properties}


def _run(text: str, **properties: Any) -> Element:
    return {"type": "TextRun", "text": neutralize_markup(text), **properties}


def _linked(link: TextLink, **properties: Any) -> Element:
    return _run(link.text, **properties) | {"selectAction": _open(link.url)}


def _open(url: str) -> Element:
    return {"type": "Action.OpenUrl", "url": url}


def _foreign_host(host: str) -> str:
    if any(host == old or host.endswith(f".{old}") for old in _RETIRED_HOSTS):
        return (
            "This is the address of an Office 365 connector, and Microsoft has retired those. In Teams, open"
            " Workflows, choose “Send webhook alerts to a channel”, and paste the address that it gives."
        )
    return (
        f"{host} is not where Teams workflows are. Their addresses end in logic.azure.com or"
        " environment.api.powerplatform.com."
    )


def _address_problem(target: UrlParts) -> str:
    if not target.path.partition("?")[2] and target.scheme == "https":
        return "The end of the address is missing: paste all of it, with what follows the “?”."
    return ""


TEAMS = DestinationKind(
    label="Microsoft Teams",
    help=(
        "In Teams, open the channel’s Workflows, choose “Send webhook alerts to a channel”, and paste the address"
        " that it gives. It ends in logic.azure.com or environment.api.powerplatform.com."
    ),
    hosts=("*.logic.azure.com", "*.environment.api.powerplatform.com"),
    foreign_host=_foreign_host,
    address_problem=_address_problem,
    render=lambda _destination, _id, content, _items, _as_of: Post(teams_body(content)),
    test_hint=" Check that it has arrived.",
)

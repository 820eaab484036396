"""A letter as an adaptive card in the envelope that a Teams workflow takes (“Send webhook alerts to a channel”).

All that others wrote stands in text runs, which know no markdown, and is defused besides; there are no mentions, as
those need an entity of their own in the card, and this card has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from alerts.channels.chat_sections import (
    PostSection,
    fit_to_size,
    lateness,
    post_details,
    post_sections,
    remainder_text,
)
from alerts.mail.rows import MessageRow, TextLink
from alerts.mail.sections import MessageContent
from alerts.sanitize import neutralize_markup

MOST_BYTES = 24_000  # Teams refuses more than about 28 kB (05-reliability G4)
_TONES = {"alert": "attention", "late": "warning", "was": "default", "none": "default"}
Element = dict[str, Any]


def teams_body(said: MessageContent) -> bytes:
    """The request's body."""
    return fit_to_size(lambda rows: json.dumps(_message(said, rows), ensure_ascii=False).encode(), MOST_BYTES)


def _message(said: MessageContent, rows: int) -> Element:
    body = [
        _text([_run(said.subject, size="Medium", weight="Bolder")]),
        *(each for piece in post_sections(said, rows) for each in _piece(piece)),
        _text(
            [_run(f"{said.as_of} {said.why}", size="Small", isSubtle=True)], separator=True, spacing="Medium"
        ),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": neutralize_markup(said.subject),
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [_open(TextLink("Open Closeboard", said.home.url))],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _piece(piece: PostSection) -> list[Element]:
    found = []
    if piece.heading:
        found.append(_text([_run(piece.heading, weight="Bolder")], separator=True, spacing="Medium"))
    found.append(_text([_run(piece.note, isSubtle=True)], spacing="Small"))
    found += [_row(row) for row in piece.rows]
    last = [_linked(link) for link in piece.links]
    if piece.omitted:
        last.insert(0, _run(remainder_text(piece)))
    if last:
        between = [run for each in last for run in (_run(" · "), each)]
        found.append(_text(between[1:], spacing="Medium"))
    return found


def _row(row: MessageRow) -> Element:
    late = lateness(row)
    title = _linked(row.title, weight="Bolder") if row.title.url else _run(row.title.text, weight="Bolder")
    where = [_run(f"{row.subtitle} · {row.state}", isSubtle=True)]
    if late:
        where.append(_run(" · ", isSubtle=True))
        where.append(_run(late, weight="Bolder", color=_TONES.get(row.tone, "default")))
    items = [_text([title]), _text(where, spacing="None")]
    items += [
        _text([_run(f"{fact.name}: ", isSubtle=True), _run(fact.text)], spacing="None")
        for fact in post_details(row)
    ]
    return {"type": "Container", "spacing": "Medium", "items": items}


def _text(inlines: Sequence[Element], **more: Any) -> Element:
    return {"type": "RichTextBlock", "inlines": list(inlines), **more}


def _run(text: str, **more: Any) -> Element:
    return {"type": "TextRun", "text": neutralize_markup(text), **more}


def _linked(link: TextLink, **more: Any) -> Element:
    return _run(link.text, **more) | {"selectAction": _open(TextLink("", link.url))}


def _open(link: TextLink) -> Mapping[str, str]:
    titled = {"title": link.text} if link.text else {}
    return {"type": "Action.OpenUrl", "url": link.url, **titled}

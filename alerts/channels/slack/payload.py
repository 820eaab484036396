"""A letter as the blocks that a Slack incoming webhook takes, with the same in plain text for notifications.

Slack reads `&`, `<` and `>` as its own; all that others wrote is written with their entities, and defused besides.
"""

from __future__ import annotations

import json
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

MOST_BYTES = (
    12_000  # Slack refuses somewhat above 11,000 letters in all blocks, and says nowhere how it counts
)
LONGEST_TITLE, LONGEST_TEXT = 150, 3_000  # letters of a header and of a section
LONGEST_FALLBACK = 1_000
Block = dict[str, Any]


def slack_body(said: MessageContent) -> bytes:
    """The request's body."""
    return fit_to_size(lambda rows: json.dumps(_message(said, rows), ensure_ascii=False).encode(), MOST_BYTES)


def _message(said: MessageContent, rows: int) -> Block:
    title = _safe(said.subject)
    blocks: list[Block] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(title, LONGEST_TITLE), "emoji": False},
        },
        *(each for piece in post_sections(said, rows) for each in _piece(piece)),
        {
            "type": "context",
            "elements": [_markup(_cut(f"{_safe(said.as_of)} {_safe(said.why)}", LONGEST_TEXT))],
        },
    ]
    return {
        "text": _cut(_safe(said.subject), LONGEST_FALLBACK),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _piece(piece: PostSection) -> list[Block]:
    found: list[Block] = []
    head = f"*{_safe(piece.heading)}*\n{_safe(piece.note)}" if piece.heading else _safe(piece.note)
    found.append(_section(head))
    found += [_section(_row(row)) for row in piece.rows]
    last = [*filter(None, [_safe(remainder_text(piece))]), *map(_link, piece.links)]
    if last:
        found.append(_section(" · ".join(last)))
    return found


def _row(row: MessageRow) -> str:
    title = _link(row.title) if row.title.url else _safe(row.title.text)
    late = lateness(row)
    where = f"{_safe(row.subtitle)} · {_safe(row.state)}" + (f" · *{_safe(late)}*" if late else "")
    facts = [f"{_safe(fact.name)}: {_safe(fact.text)}" for fact in post_details(row)]
    return "\n".join([f"*{title}*", where, *facts])


def _link(link: TextLink) -> str:
    url = link.url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{url}|{_safe(link.text).replace('|', '¦')}>"


def _safe(text: str) -> str:
    return neutralize_markup(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> Block:
    return {"type": "section", "text": _markup(text)}


def _markup(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _cut(text: str, longest: int) -> str:
    """The text cut where no entity is halved."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 1]
    begun = kept.rfind("&", len(kept) - 5)
    if begun >= 0 and ";" not in kept[begun:]:
        kept = kept[:begun]
    return f"{kept.rstrip()}…"

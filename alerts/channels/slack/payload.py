"""Builds the blocks of a message for a Slack incoming webhook, with its subject as plain text for notifications.

Slack interprets `&`, `<` and `>`: text from users and ERPs has them as HTML entities, and its markup neutralized.
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

MOST_BYTES = 12_000  # Slack refuses more than about 11,000 letters in all blocks, counted in an unknown way
LONGEST_TITLE, LONGEST_TEXT = 150, 3_000  # letters of a header and of a section
LONGEST_FALLBACK = 1_000
Block = dict[str, Any]


def slack_body(content: MessageContent) -> bytes:
    """The body of the request."""
    return fit_to_size(
        lambda rows: json.dumps(_message(content, rows), ensure_ascii=False).encode(), MOST_BYTES
    )


def _message(content: MessageContent, rows: int) -> Block:
    title = _safe(content.subject)
    blocks: list[Block] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(title, LONGEST_TITLE), "emoji": False},
        },
        *(block for section in post_sections(content, rows) for block in _section_blocks(section)),
        {
            "type": "context",
            "elements": [_markup(_cut(f"{_safe(content.as_of)} {_safe(content.why)}", LONGEST_TEXT))],
        },
    ]
    return {
        "text": _cut(_safe(content.subject), LONGEST_FALLBACK),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section_blocks(section: PostSection) -> list[Block]:
    blocks: list[Block] = []
    head = f"*{_safe(section.heading)}*\n{_safe(section.note)}" if section.heading else _safe(section.note)
    blocks.append(_section(head))
    blocks += [_section(_row(row)) for row in section.rows]
    last = [*filter(None, [_safe(remainder_text(section))]), *map(_link, section.links)]
    if last:
        blocks.append(_section(" · ".join(last)))
    return blocks


def _row(row: MessageRow) -> str:
    title = _link(row.title) if row.title.url else _safe(row.title.text)
    late = lateness(row)
    where = f"{_safe(row.subtitle)} · {_safe(row.state)}" + (f" · *{_safe(late)}*" if late else "")
    details = [f"{_safe(detail.name)}: {_safe(detail.text)}" for detail in post_details(row)]
    return "\n".join([f"*{title}*", where, *details])


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
    """The text cut to `longest` letters, without cutting an HTML entity in two."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 1]
    entity_start = kept.rfind("&", len(kept) - 5)
    if entity_start >= 0 and ";" not in kept[entity_start:]:
        kept = kept[:entity_start]
    return f"{kept.rstrip()}…"

"""Builds the blocks of a message for a Slack incoming webhook, with its subject as plain text for notifications.

Slack interprets `&`, `<` and `>`: text from users and ERPs has them as HTML entities, and its markup neutralized.
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
from alerts.sanitize import neutralize_markup
from infra.hosts import UrlParts

MOST_BYTES = (
    12_000  # of JSON in ASCII; Slack refuses about 11,000 letters in all blocks, counted in an unknown way
)
LONGEST_TITLE, LONGEST_TEXT = 150, 3_000  # letters of a header and of a section
LONGEST_FALLBACK = 300
LONGEST_FOOT = 400
LONGEST_LINK = 2_000
Block = dict[str, Any]


def slack_body(content: MessageContent) -> bytes:
    """The body of the request."""
    return fit_to_size(lambda size: _message(content, size), lambda made: len(json.dumps(made)), MOST_BYTES)


def _message(content: MessageContent, size: PostSize) -> Block:
    title = _safe(content.subject)
    blocks: list[Block] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(title, LONGEST_TITLE), "emoji": False},
        },
        *(
            block
            for section in post_sections(content, size)
            for block in _section_blocks(section, size.detail)
        ),
        {
            "type": "context",
            "elements": [_markup(_cut(f"{_safe(content.as_of)} {_safe(content.why)}", LONGEST_FOOT))],
        },
    ]
    return {
        "text": _cut(_safe(content.subject), LONGEST_FALLBACK),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section_blocks(section: MessageSection, longest_detail: int) -> list[Block]:
    blocks: list[Block] = []
    heading = f"*{_cut(_safe(section.heading), LONGEST_TITLE)}*" if section.heading else ""
    blocks.append(_section(_fitting("\n", [heading, _cut(_safe(section.note), LONGEST_TEXT // 2)])))
    blocks += [_section(_row(row, longest_detail)) for row in section.rows]
    if last := _fitting(" · ", [_safe(remainder_text(section)), *map(_link, section.links)]):
        blocks.append(_section(last))
    return blocks


def _row(row: MessageRow, longest_detail: int) -> str:
    link = _link(row.title) if row.title.url else ""
    title = link if 0 < len(link) <= LONGEST_LINK else _cut(_safe(row.title.text), LONGEST_LINK)
    late = f" · *{_safe(row.lateness)}*" if row.lateness else ""
    where = f"{_safe(row.subtitle)} · {_safe(row.state)}{late}"
    details = [f"{_safe(detail.name)}: {_safe(detail.text)}" for detail in post_details(row, longest_detail)]
    return _fitting("\n", [f"*{title}*", where, *details])


def _fitting(between: str, parts: Sequence[str]) -> str:
    """The parts that fit into one block, from the first on: a cut part could end within a link or an entity."""
    text = ""
    for part in filter(None, parts):
        longer = f"{text}{between}{part}" if text else part
        text = longer if len(longer) <= LONGEST_TEXT else text
    return text


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


def _address_problem(target: UrlParts) -> str:
    if target.path.startswith("/services/"):
        return ""
    return "A Slack webhook is written https://hooks.slack.com/services/ and three more parts."


SLACK = DestinationKind(
    label="Slack",
    help=(
        "In Slack, add an incoming webhook to an app, choose the channel, and paste the address. It begins with"
        " https://hooks.slack.com/services/."
    ),
    hosts=("hooks.slack.com",),
    foreign_host=lambda host: (
        f"{host} is not where Slack takes posts. Its webhooks begin with https://hooks.slack.com/services/."
    ),
    address_problem=_address_problem,
    render=lambda _destination, _id, content, _items, _as_of: Post(slack_body(content)),
)

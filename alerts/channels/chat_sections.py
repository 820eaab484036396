"""Cuts a message's content to chat size: the first rows of each section, shortened, and the number left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from alerts.mail.rows import MessageDetail, MessageRow
from alerts.mail.sections import MessageContent, MessageSection
from alerts.sanitize import cut

_DETAILS = (
    *("Reading", "Reopened", "Closed", "Deadline", "In the way", "Reason", "Expected close", "Owner"),
    *("Last read", "Entities", "Last to close", "ERP’s answer"),
)
LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class PostSize:
    """How much of a message a post shows: rows together, letters of each detail, and whether sections at all."""

    rows: int
    detail: int = LONGEST_DETAIL
    sections: bool = True


# From the most to the least; the board shows all. The last always fits: it is the subject and a link.
POST_SIZES = (
    *(PostSize(rows) for rows in (10, 8, 6, 4, 2, 1)),
    PostSize(1, detail=60),
    PostSize(0),
    PostSize(0, sections=False),
)


def post_sections(content: MessageContent, size: PostSize) -> list[MessageSection]:
    """The sections with at most `size.rows` rows together, but at least one row each if any."""
    sections, room = [], size.rows
    for number, section in enumerate(content.sections if size.sections else (), start=1):
        after = len(content.sections) - number
        shown = max(min(len(section.rows), room - after), min(len(section.rows), 1)) if size.rows else 0
        room -= shown
        omitted = len(section.rows) - shown + section.omitted
        links = [*section.links]
        if section.more is not None and not section.omitted:  # else the links before lead to the omitted rows
            links.append(section.more)
        sections.append(replace(section, links=links, rows=section.rows[:shown], more=None, omitted=omitted))
    return sections


def post_details(row: MessageRow, longest: int = LONGEST_DETAIL) -> list[MessageDetail]:
    """The details of a row that a post shows: what delays it, and its owner by name, not by address."""
    details = []
    for detail in row.details:
        if detail.name in _DETAILS and detail.text:
            text = detail.text.replace("before this mail.", "before this post.")
            text = text.rstrip(",") if detail.name == "Owner" else text
            details.append(MessageDetail(detail.name, cut(text, longest)))
    return details


def remainder_text(section: MessageSection) -> str:
    """The number of rows left out: "and 288 more", or "288 in all" where none is shown; empty for none."""
    if not section.omitted:
        return ""
    return f"and {section.omitted} more" if section.rows else f"{section.omitted} in all"


def fit_to_size(
    make: Callable[[PostSize], dict[str, Any]], count: Callable[[dict[str, Any]], int], most: int
) -> bytes:
    """The body that `make` builds, as large as the receiver takes: `count` counts it as the receiver does."""
    for size in POST_SIZES:
        message = make(size)
        if count(message) <= most:
            break
    return json.dumps(message, ensure_ascii=False).encode()

"""Cuts a message's content to chat size: the first rows of each section, shortened, and the number left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.mail.rows import MessageDetail, MessageRow, TextLink
from alerts.mail.sections import MessageContent, MessageSection

ROW_LIMITS = (10, 8, 6, 4, 2, 1)  # of a post, as many as there is room for; the board shows all
_ENTITY_DETAILS = ("Reading", "Reopened", "Closed", "Deadline", "In the way", "Reason", "Expected close")
_EVENT_DETAILS = ("Last read", "Entities", "Last to close", "ERP’s answer")
LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class PostSection:
    """One section of a post: its heading, sentence and links, the rows shown, and the number left out."""

    heading: str
    note: str
    links: Sequence[TextLink]
    rows: Sequence[MessageRow]
    omitted: int


def post_sections(content: MessageContent, most: int) -> list[PostSection]:
    """The sections with at most `most` rows together, but at least one row each."""
    sections, room = [], most
    for number, section in enumerate(content.sections, start=1):
        after = len(content.sections) - number
        shown = max(min(len(section.rows), room - after), min(len(section.rows), 1))
        room -= shown
        sections.append(_cut_section(section, shown))
    return sections


def _cut_section(section: MessageSection, shown: int) -> PostSection:
    omitted = len(section.rows) - shown + section.omitted
    links = [*section.links]
    if section.more is not None and not section.omitted:  # else the links before lead to the omitted rows
        links.append(section.more)
    return PostSection(section.heading, section.note, links, section.rows[:shown], omitted)


def post_details(row: MessageRow) -> list[MessageDetail]:
    """The details of a row that a post shows: what delays it, and its owner by name, not by address."""
    names = (*_ENTITY_DETAILS, *_EVENT_DETAILS)
    shown = [detail for detail in row.details if detail.name in names and detail.text]
    owner = [
        MessageDetail("Owner", detail.text.rstrip(","))
        for detail in row.details
        if detail.name == "Owner" and detail.text
    ]
    return [
        MessageDetail(detail.name, _short(detail.text.replace("before this mail.", "before this post.")))
        for detail in (*shown, *owner)
    ]


def lateness(row: MessageRow) -> str:
    """The days late of a row: "+6 calendar days late"; empty where it has none."""
    return " ".join(filter(None, [row.late, row.unit]))


def remainder_text(section: PostSection) -> str:
    """The number of rows left out: "and 288 more"; empty where there are none."""
    return f"and {section.omitted} more" if section.omitted else ""


def fit_to_size(make: Callable[[int], bytes], most: int) -> bytes:
    """The body that `make` builds from as many rows as fit into `most` bytes; from one row where none fit."""
    for rows in ROW_LIMITS:
        body = make(rows)
        if len(body) <= most:
            break
    return body


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1].rstrip() + "…"

"""A letter cut to what a chat can show: the first rows of each section in few words, and how many more there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.mail.rows import MessageDetail, MessageRow, TextLink
from alerts.mail.sections import MessageContent, MessageSection

ROW_LIMITS = (10, 8, 6, 4, 2, 1)  # of a post, as many as there is room for; the board shows all
_TOLD = ("Unconfirmed", "Opened again", "Closed", "Deadline", "In the way", "Reason", "Expected")
_TOLD_OF_EVENTS = ("Last read", "Entities", "Last to close", "What was said")
LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class PostSection:
    """One section of a post: its heading, sentence and links, the rows that are told, and how many are not."""

    heading: str
    note: str
    links: Sequence[TextLink]
    rows: Sequence[MessageRow]
    omitted: int


def post_sections(said: MessageContent, most: int) -> list[PostSection]:
    """The sections with `most` rows of all together, each with one at least."""
    found, room = [], most
    for place, section in enumerate(said.sections, start=1):
        after = len(said.sections) - place
        shown = max(min(len(section.rows), room - after), min(len(section.rows), 1))
        room -= shown
        found.append(_piece(section, shown))
    return found


def _piece(section: MessageSection, shown: int) -> PostSection:
    left = len(section.rows) - shown + section.omitted
    links = [*section.links]
    if (
        section.more is not None and not section.omitted
    ):  # where there are more, the links before lead to them
        links.append(section.more)
    return PostSection(section.heading, section.note, links, section.rows[:shown], left)


def post_details(row: MessageRow) -> list[MessageDetail]:
    """What a chat is told of a row: what holds it up, and who answers for it, by name and not by address."""
    wanted = [fact for fact in row.details if fact.name in (*_TOLD, *_TOLD_OF_EVENTS) and fact.text]
    owner = [
        MessageDetail("Owner", fact.text.rstrip(","))
        for fact in row.details
        if fact.name == "Owner" and fact.text
    ]
    return [
        MessageDetail(fact.name, _short(fact.text.replace("before this mail.", "before this post.")))
        for fact in (*wanted, *owner)
    ]


def lateness(row: MessageRow) -> str:
    """ "+6 calendar days late"."""
    return " ".join(filter(None, [row.late, row.unit]))


def remainder_text(piece: PostSection) -> str:
    """ "and 288 more"; empty where all is told."""
    return f"and {piece.omitted} more" if piece.omitted else ""


def fit_to_size(make: Callable[[int], bytes], most: int) -> bytes:
    """What `make` brings of as many rows as keep it within `most` bytes; of one row where none do."""
    for rows in ROW_LIMITS:
        body = make(rows)
        if len(body) <= most:
            break
    return body


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1].rstrip() + "…"

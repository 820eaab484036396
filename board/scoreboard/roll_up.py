"""What is in the way of the entities under a heading: the sums of its roll-up, each a link to its rows."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.html import escape
from django.utils.safestring import SafeString

from board.scoreboard.table_sections import BoardSection
from board.web.blockers_cell import WARNING_ICON, unsure_mark
from board.web.board_query import BoardQuery
from closing.blockers.rollup import SHOWN_ON_BOARD, BlockerSum, sums_in_the_way, unsure_sums
from closing.blockers.row_blockers import NOT_READABLE


def roll_up_blockers(section: BoardSection, query: BoardQuery) -> SafeString:
    """The first two sums, how many follow and one grey mark, which open to all; "" where nothing is known.

    Each leads to the rows that it adds up, whatever the board's own filters.
    """
    lines, unsure = sums_in_the_way(section.blockers), unsure_sums(section.blockers)
    if not lines and not unsure:
        return SafeString("")
    url_of = _links(section, query)
    key, more = escape(section.key), len(lines) - SHOWN_ON_BOARD
    marks = [_mark(each) for each in lines[:SHOWN_ON_BOARD]]
    marks += [f'<span class="blocker more">+{more}</span>'] if more > 0 else []
    marks += [unsure_mark(sum(len(found) for _, found in unsure), quiet=True)] if unsure else []
    opened = [_item(_tone(each), each.in_full, url_of(each.kind.value)) for each in lines]
    opened += [_item("unsure", phrase, url_of(NOT_READABLE)) for phrase, _ in unsure]
    return SafeString(
        f'<details class="explained blockers" name="explained" id="work-{key}"><summary id="work-of-{key}">'
        f'<span class="unseen">In the way of {escape(section.name)}: </span>{" ".join(marks)}</summary>'
        f"<ul>{''.join(opened)}</ul></details>"
    )


def _links(section: BoardSection, query: BoardQuery) -> Callable[[str], str]:
    """The address of the rows of a heading that a kind is in the way of; "" for a heading of rows without a name."""
    value = section.key
    if query.by != "group":
        value = section.rows[0].connection if query.by == "erp" else section.rows[0].owner
    view = BoardQuery(month=query.month, at=query.at, by=query.by, sort=query.sort)
    return lambda blocked: view.url("/", blocked=blocked, **{query.by: value}) if value else ""


def _mark(each: BlockerSum) -> str:
    icon = WARNING_ICON if each.warnings else ""
    aged = " aged-fact" if each.aged else ""
    return f'<span class="blocker {_tone(each)}{aged}">{icon}{escape(each.phrase)}</span>'


def _item(tone: str, phrase: str, url: str) -> str:
    text = f'<a href="{escape(url)}">{escape(phrase)}</a>' if url else escape(phrase)
    return f'<li class="{tone}">{text}</li>'


def _tone(each: BlockerSum) -> str:
    return "warning" if each.warnings else "note"

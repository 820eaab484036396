"""What is in the way of a row's close, as the cell of a row shows it: two blockers, "+3", and one grey mark.

The cell is built as text: a template for each row would cost more than all other cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import escape
from django.utils.safestring import SafeString

from board.web.labels import clock
from board.web.readers import Reader
from closing.blockers.rollup import SHOWN_ON_BOARD
from closing.blockers.row_blockers import BLOCKERS, DatedBlocker, unsure_phrases
from closing.blockers.weighing import BlockerLevel
from closing.scoreboard.row import Row, is_closed


@dataclass(frozen=True, slots=True)
class WorkInShort:
    """What is in the way in one line: a phrase and its tone (warning, note, unsure)."""

    phrase: str = ""
    tone: str = "note"


WARNING_ICON = '<svg class="icon" aria-hidden="true"><use href="#icon-warning"/></svg>'
UNSURE_ICON = '<svg class="icon" aria-hidden="true"><use href="#icon-unknown"/></svg>'
_NOTHING = SafeString("")


def blockers_cell(row: Row, as_of: datetime, reader: Reader) -> SafeString:
    """The cell of a row, which opens to all of its blockers in full; "" where nothing is in the way or unsure."""
    value = row.get(BLOCKERS)
    if value is None:
        return _NOTHING
    lines, unsure = value.on_board
    if not lines and not unsure:
        return _NOTHING
    code, more = escape(row.code), len(lines) - SHOWN_ON_BOARD
    marks = [_mark(dated) for dated in lines[:SHOWN_ON_BOARD]]
    marks += [f'<span class="blocker more">+{more}</span>'] if more > 0 else []
    marks += [unsure_mark(len(unsure), quiet=is_closed(row))] if unsure else []
    opened = [
        _item(_tone(dated), dated.blocker.because, _origin(dated) + _aged([dated], as_of, reader))
        for dated in lines
    ]
    opened += [
        _item("unsure", phrase, _aged(found, as_of, reader)) for phrase, found in unsure_phrases(unsure)
    ]
    return SafeString(
        f'<details class="explained blockers" name="explained" id="blockers-{code}">'
        f'<summary id="blockers-of-{code}"><span class="unseen">In the way: </span>{" ".join(marks)}</summary>'
        f"<ul>{''.join(opened)}</ul></details>"
    )


def work_in_short(row: Row) -> WorkInShort:
    """What is in the way of a row as a screen without menus shows it: "61 lines not posted, +3, 1 not readable".

    A closed row says nothing of what is not readable, which is on its page.
    """
    value = row.get(BLOCKERS)
    if value is None:
        return WorkInShort()
    lines, unsure = value.on_board
    shown = [dated.blocker.short for dated in lines[:1]]
    shown += [f"+{len(lines) - 1}"] if len(lines) > 1 else []
    shown += [f"{len(unsure)} not readable"] if unsure and not is_closed(row) else []
    return WorkInShort(", ".join(shown), _tone(lines[0]) if lines else "unsure")


def unsure_mark(count: int, *, quiet: bool = False) -> str:
    """The one grey mark for so many kinds that are not readable in full; a quiet one has its words out of sight."""
    seen = "" if quiet else f"{count} not readable"
    unseen = f"{count} not readable in full" if quiet else " in full"
    look = "blocker unsure quiet" if quiet else "blocker unsure"
    return f'<span class="{look}">{UNSURE_ICON}{seen}<span class="unseen">{unseen}</span></span>'


def _mark(dated: DatedBlocker) -> str:
    tone = _tone(dated)
    icon = WARNING_ICON if tone == "warning" else ""
    aged = "" if dated.fresh else " aged-fact"
    return f'<span class="blocker {tone}{aged}">{icon}{escape(dated.blocker.short)}</span>'


def _item(tone: str, phrase: str, notes: str) -> str:
    return f'<li class="{tone}">{escape(phrase)}{notes}</li>'


def _tone(dated: DatedBlocker) -> str:
    return "warning" if dated.blocker.level is BlockerLevel.WARNING else "note"


def _aged(found: Sequence[DatedBlocker], as_of: datetime, reader: Reader) -> str:
    """Since when the oldest of them was not read again, in small; "" for fresh ones."""
    read_at = min(_stale_moments(found), default=None)
    return "" if read_at is None else f" <small>not read since {clock(read_at, reader.zone, as_of)}</small>"


def _origin(dated: DatedBlocker) -> str:
    """Who stated it in a file, and when, in small; "" for what an ERP shows."""
    return f" <small>{escape(dated.source)}</small>" if dated.source else ""


def _stale_moments(found: Iterable[DatedBlocker]) -> list[datetime]:
    return [dated.read_at for dated in found if not dated.fresh]

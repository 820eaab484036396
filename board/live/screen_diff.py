"""What a browser that already shows a board must be told to show the next one: pure functions of two screens.

A message is HTML for htmx: each part says what it replaces. Rows are swapped with the style `place` (live.js), which
changes a row where it stands and moves it where it belongs, so that focus, selection and open menus survive.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import escape

from board.scoreboard.screen import BoardScreen, reading_times
from board.web import labels
from board.web.controls import filter_form
from closing.scoreboard.row import Row

MAX_PUSHED_ROWS = 60  # changed rows that are worth pushing; for more every browser fetches its own page anew
_NAMED = 3  # rows that the announcement names


@dataclass(frozen=True)
class TablePosition:
    """One line of the table: a heading or a row, with the keys of the headings it stands under, the nearest last."""

    id: str
    under: tuple[str, ...]


@dataclass(frozen=True)
class ScreenState:
    """All that a browser shows of one screen, ready to be compared with the next."""

    frame: object  # what stands on the page and is in none of the parts
    version: str
    title: str
    parts: Mapping[str, str]  # html by the id of the element that it is
    sums: Mapping[str, str]  # what stands behind the name in each heading, by key
    positions: Sequence[TablePosition]
    row_digests: Mapping[str, str]  # for each row on the screen, a hash of what it says
    readings: Mapping[int, tuple[str, str]]
    rows: Mapping[str, Row]
    screen: BoardScreen


def screen_state(screen: BoardScreen) -> ScreenState:
    """Everything of a live screen that may change."""
    assert screen.cached_board is not None
    places: list[TablePosition] = []
    rows: dict[str, Row] = {}
    for section in screen.sections:
        if section.name:
            places.append(TablePosition(f"group-{section.key}", section.above))
        under = (*section.above, section.key) if section.name else section.above
        for row in section.rows:
            key = f"row-{row.code}"
            rows[key] = row
            places.append(TablePosition(key, under))
    page = screen.page
    headings = {(section.key, section.name, section.above) for section in screen.sections if section.name}
    # Else the table has no column for the months before.
    tracked = any(row.track_record for row in screen.unfiltered.rows)
    picks = screen.once("picks", lambda: _picks(screen))
    return ScreenState(
        frame=(page.month_key, headings, bool(rows), tracked, page.scope, page.rule, page.notes),
        version=screen.version,
        title=f"{page.title} · Closeboard",
        parts={
            "verdict": screen.verdict(),
            "ahead": screen.upcoming(),
            "warnings": screen.warnings(),
            "chips": screen.chip_row(),
            "freshness": screen.freshness(),
            "count-past_deadline": screen.badge(),
            **picks,
        },
        sums={section.key: screen.sums(section) for section in screen.sections if section.name},
        positions=places,
        # Not the counts in `kept.words`: they begin anew when a board was put away meanwhile.
        row_digests={key: screen.cached_board.row_fingerprint(row) for key, row in rows.items()},
        readings=reading_times(screen.unfiltered.rows),
        rows=rows,
        screen=screen,
    )


def _picks(screen: BoardScreen) -> dict[str, str]:
    """The fields of the form that offer what the rows have: a new owner or country is found in them."""
    found = filter_form(screen.unfiltered, screen.query)
    return {f"pick-{pick.name}": screen.select_field(pick) for pick in (*found.first, *found.more)}


def diff_event(before: ScreenState, after: ScreenState) -> bytes | None:
    """The event that takes a browser from one screen to the other; None where it would change nothing.

    An event `refetch` where telling each change would cost more than a page (another month, other headings, many
    rows) or where something has changed that is in no part: the rule in the head, the notes below the table. Its data
    is what to announce once the page is there.
    """
    again = after.readings != before.readings
    if before.version == after.version:
        return _event(_readings(after.readings), f"{after.version}:{after.version}") if again else None
    moved = _moved(before.positions, after.positions)
    said = [key for key, words_said in after.row_digests.items() if before.row_digests.get(key) != words_said]
    dated = _dated_anew(before, after)
    text = announcement([after.rows[key] for key in said], after.screen.unfiltered.as_of)
    if before.screen.unfiltered.month != after.screen.unfiltered.month:
        text = f"The board shows {after.screen.page.month} now."
    if before.frame != after.frame or len(said) + len(moved) + len(dated) > MAX_PUSHED_ROWS:
        return event("refetch", " ".join(text.split()))  # no name may end the line, and the event with it
    html = [f"<title>{escape(after.title)}</title>"]
    for key, part in after.parts.items():
        if before.parts.get(key) != part:
            html.append(_partial(key, part))
    gone = before.row_digests.keys() - after.row_digests.keys()
    html += [f'<hx-partial hx-target="#{key}" hx-swap="delete"></hx-partial>' for key in sorted(gone)]
    html += _placed(after, moved, [*said, *dated])
    for key, part in after.sums.items():
        if before.sums[key] != part:
            html.append(_partial(f"sum-{key}", part))
    if again:
        html.append(_readings(after.readings))
    if text:
        html.append(_partial("announced", escape(text), "innerHTML"))
    return _event("".join(html), f"{before.version}:{after.version}")


def _dated_anew(before: ScreenState, after: ScreenState) -> list[str]:
    """Rows that say the same on another day: after midnight "as of 23:50" is "as of Thu 11 Jun 23:50"."""
    if before.screen.day == after.screen.day:
        return []
    return [
        key
        for key, row in after.rows.items()
        if not row.fresh and before.row_digests.get(key) == after.row_digests[key]
    ]


def _placed(after: ScreenState, moved: set[str], said: Sequence[str]) -> list[str]:
    """Rows that say something new, and whatever stands elsewhere now, in the order of the table."""
    wanted = moved | set(said)
    html = []
    before: TablePosition | None = None
    for place in after.positions:
        if place.id in wanted:
            style = f"place what:{place.id}"
            if place.id in moved:
                # The line before may be folded away: then the nearest heading that is on the page will do.
                line = [before.id, *(f"group-{key}" for key in reversed(before.under))] if before else []
                style += f" after:{'|'.join(line) or 'top'}"
                if place.under:
                    style += f" in:group-{place.under[-1]}"
            row = after.rows.get(place.id)
            content = after.screen.row(row) if row is not None and place.id in said else ""
            html.append(f'<hx-partial hx-target="#rows" hx-swap="{style}">{content}</hx-partial>')
        before = place
    return html


def _moved(before: Sequence[TablePosition], after: Sequence[TablePosition]) -> set[str]:
    """The fewest lines to move, or put in, so that one order becomes the other."""
    where = {place.id: at for at, place in enumerate(before)}
    under = {place.id: place.under for place in before}
    kept = [place for place in after if place.id in where and under[place.id] == place.under]
    stay = _longest_rise([where[place.id] for place in kept])
    return {place.id for place in after} - {kept[at].id for at in stay}


def _longest_rise(numbers: Sequence[int]) -> list[int]:
    """The positions of a longest rising run within numbers that differ from each other."""
    ends: list[int] = []  # the smallest number that a run of each length ends with
    places: list[int] = []
    came: list[int] = []
    for at, number in enumerate(numbers):
        length = bisect_left(ends, number)
        if length == len(ends):
            ends.append(number)
            places.append(at)
        else:
            ends[length] = number
            places[length] = at
        came.append(places[length - 1] if length else -1)
    run: list[int] = []
    at = places[-1] if places else -1
    while at >= 0:
        run.append(at)
        at = came[at]
    return run[::-1]


def announcement(rows: Sequence[Row], as_of: datetime) -> str:
    """One polite sentence about rows that changed, for whoever hears the page; empty for none."""
    if not rows:
        return ""
    if len(rows) > _NAMED:
        return (
            f"{len(rows)} entities have changed: {', '.join(row.name for row in rows[:_NAMED])} and others."
        )
    return " ".join(f"{row.name}: {_told(row, as_of)}." for row in rows)


def _told(row: Row, as_of: datetime) -> str:
    state, text = labels.STATE_LABELS[row.state].lower(), labels.deadline_status(row, as_of).text
    told = text if text.startswith(state) else f"{state}, {text}"
    return told if row.fresh else f"{told}, not confirmed"


def _partial(key: str, html: str, style: str = "outerMorph") -> str:
    return f'<hx-partial hx-target="#{key}" hx-swap="{style}">{html}</hx-partial>'


def _readings(found: Mapping[int, tuple[str, str]]) -> str:
    items = "".join(
        f'<li data-connection="{key}" data-read-at="{read_at}" data-stale-at="{stale_at}"></li>'
        for key, (read_at, stale_at) in found.items()
    )
    return _partial("readings", items, "innerHTML")


def _event(html: str, key: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"id: {key}\n{data}\n".encode()


def event(name: str, data: str, **fields: object) -> bytes:
    """A named event, which live.js hears; other `fields` (retry) go along."""
    more = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return f"{more}event: {name}\ndata: {data}\n\n".encode()


def heartbeat(version: str, now: str, **fields: object) -> bytes:
    """The heartbeat: which version a browser should show by now, and the server's time."""
    return event("beat", json.dumps({"version": version, "now": now}), **fields)

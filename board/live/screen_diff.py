"""Computes the event that turns one screen in a browser into the next: pure functions of two screens.

An event is HTML for htmx: each part names its target. Rows are swapped with the style `place` (live.js), which
changes a row in place and moves it to its new position, so that focus, selection and open menus survive.
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
from closing.scoreboard.row import Row

MAX_PUSHED_ROWS = 60  # changed rows that are pushed; for more, every browser fetches its page anew
_MAX_NAMES = 3  # rows that the announcement names


@dataclass(frozen=True)
class TablePosition:
    """One line of the table: a heading or a row, with the keys of its parent headings, the nearest last."""

    id: str
    under: tuple[str, ...]


@dataclass(frozen=True)
class ScreenState:
    """The content of one screen in a browser, for the comparison with the next."""

    frame: object  # content of the page that is in no part
    version: str
    title: str
    parts: Mapping[str, str]  # HTML by element id
    sums: Mapping[str, str]  # the roll-up of each heading, by key
    positions: Sequence[TablePosition]
    row_digests: Mapping[str, str]  # a hash of each row's content
    readings: Mapping[int, tuple[str, str]]
    rows: Mapping[str, Row]
    screen: BoardScreen


def screen_state(screen: BoardScreen) -> ScreenState:
    """The state of a live screen."""
    assert screen.visible_board is not None
    positions: list[TablePosition] = []
    rows: dict[str, Row] = {}
    for section in screen.sections:
        if section.name:
            positions.append(TablePosition(f"group-{section.key}", section.above))
        parents = (*section.above, section.key) if section.name else section.above
        for row in section.rows:
            key = f"row-{row.code}"
            rows[key] = row
            positions.append(TablePosition(key, parents))
    page = screen.page
    headings = {(section.key, section.name, section.above) for section in screen.sections if section.name}
    # Otherwise the table has no column for the track record.
    tracked = any(row.track_record for row in screen.unfiltered.rows)
    fields = screen.select_fields()  # "Blocked by" is offered while something is in the way
    return ScreenState(
        frame=(
            page.month_key,
            headings,
            bool(rows),
            tracked,
            page.scope,
            page.rule,
            page.notes,
            fields.keys(),
        ),
        version=screen.version,
        title=f"{page.title} · Closeboard",
        parts={
            "verdict": screen.verdict(),
            "ahead": screen.upcoming(),
            "warnings": screen.warnings(),
            "chips": screen.chip_row(),
            "freshness": screen.freshness(),
            **screen.nav_counts(),
            **fields,
        },
        sums={section.key: screen.sums(section) for section in screen.sections if section.name},
        positions=positions,
        # Not the revisions of the cached board: they restart when a board was evicted meanwhile.
        row_digests={key: screen.visible_board.row_fingerprint(row) for key, row in rows.items()},
        readings=reading_times(screen.unfiltered.rows),
        rows=rows,
        screen=screen,
    )


def diff_event(before: ScreenState, after: ScreenState) -> bytes | None:
    """The event that turns one screen into the other; None if nothing differs.

    It is an event `refetch` if the changes would cost more than a page (another month, other headings, many
    rows) or if content in no part has changed: the rule in the head, the notes below the table. Its data
    is the announcement to make once the page is there.
    """
    reread = after.readings != before.readings
    if before.version == after.version:
        return _event(_readings(after.readings), f"{after.version}:{after.version}") if reread else None
    moved = _lines_to_move(before.positions, after.positions)
    changed = [key for key, digest in after.row_digests.items() if before.row_digests.get(key) != digest]
    redated = _redated_rows(before, after)
    text = announcement([after.rows[key] for key in changed], after.screen.unfiltered.as_of)
    if before.screen.unfiltered.month != after.screen.unfiltered.month:
        text = f"The board shows {after.screen.page.month} now."
    if before.frame != after.frame or len(changed) + len(moved) + len(redated) > MAX_PUSHED_ROWS:
        return event("refetch", " ".join(text.split()))  # a line break in a name would end the event
    html = [f"<title>{escape(after.title)}</title>"]
    for key, part in after.parts.items():
        if before.parts.get(key) != part:
            html.append(_partial(key, part))
    gone = before.row_digests.keys() - after.row_digests.keys()
    html += [f'<hx-partial hx-target="#{key}" hx-swap="delete"></hx-partial>' for key in sorted(gone)]
    html += _row_partials(after, moved, [*changed, *redated])
    for key, part in after.sums.items():
        if before.sums[key] != part:
            html.append(_partial(f"sum-{key}", part))
    if reread:
        html.append(_readings(after.readings))
    if text:
        html.append(_partial("announced", escape(text), "innerHTML"))
    return _event("".join(html), f"{before.version}:{after.version}")


def _redated_rows(before: ScreenState, after: ScreenState) -> list[str]:
    """Unchanged rows whose dates read differently today: "as of 23:50" is "as of Thu 11 Jun 23:50" after midnight."""
    if before.screen.day == after.screen.day:
        return []
    return [
        key
        for key, row in after.rows.items()
        if not row.fresh and before.row_digests.get(key) == after.row_digests[key]
    ]


def _row_partials(after: ScreenState, moved: set[str], changed: Sequence[str]) -> list[str]:
    """Partials for changed rows and for moved lines, in the order of the table."""
    shown = moved | set(changed)
    html = []
    before: TablePosition | None = None
    for position in after.positions:
        if position.id in shown:
            style = f"place what:{position.id}"
            if position.id in moved:
                # The line before may be folded: then the nearest heading on the page is used.
                line = [before.id, *(f"group-{key}" for key in reversed(before.under))] if before else []
                style += f" after:{'|'.join(line) or 'top'}"
                if position.under:
                    style += f" in:group-{position.under[-1]}"
            row = after.rows.get(position.id)
            content = after.screen.row(row) if row is not None and position.id in changed else ""
            html.append(f'<hx-partial hx-target="#rows" hx-swap="{style}">{content}</hx-partial>')
        before = position
    return html


def _lines_to_move(before: Sequence[TablePosition], after: Sequence[TablePosition]) -> set[str]:
    """Ids of the fewest lines to move or insert to turn one order into the other."""
    old_index = {line.id: index for index, line in enumerate(before)}
    under = {line.id: line.under for line in before}
    kept = [line for line in after if line.id in old_index and under[line.id] == line.under]
    stay = _longest_rising_run([old_index[line.id] for line in kept])
    return {line.id for line in after} - {kept[index].id for index in stay}


def _longest_rising_run(numbers: Sequence[int]) -> list[int]:
    """The indexes of a longest increasing subsequence of distinct numbers."""
    ends: list[int] = []  # by length: the smallest last number of a run
    indexes: list[int] = []
    previous: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        if length == len(ends):
            ends.append(number)
            indexes.append(index)
        else:
            ends[length] = number
            indexes[length] = index
        previous.append(indexes[length - 1] if length else -1)
    run: list[int] = []
    index = indexes[-1] if indexes else -1
    while index >= 0:
        run.append(index)
        index = previous[index]
    return run[::-1]


def announcement(rows: Sequence[Row], as_of: datetime) -> str:
    """The announcement of changed rows for screen readers; "" for none."""
    if not rows:
        return ""
    if len(rows) > _MAX_NAMES:
        return f"{len(rows)} entities have changed: {', '.join(row.name for row in rows[:_MAX_NAMES])} and others."
    return " ".join(f"{row.name}: {_row_status(row, as_of)}." for row in rows)


def _row_status(row: Row, as_of: datetime) -> str:
    state, text = labels.state_label(row).lower(), labels.deadline_status(row, as_of).text
    status = text if text.startswith(state) else f"{state}, {text}"
    return status if row.fresh else f"{status}, not read lately"


def _partial(key: str, html: str, style: str = "outerMorph") -> str:
    return f'<hx-partial hx-target="#{key}" hx-swap="{style}">{html}</hx-partial>'


def _readings(readings: Mapping[int, tuple[str, str]]) -> str:
    items = "".join(
        f'<li data-connection="{key}" data-read-at="{read_at}" data-stale-at="{stale_at}"></li>'
        for key, (read_at, stale_at) in readings.items()
    )
    return _partial("readings", items, "innerHTML")


def _event(html: str, key: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"id: {key}\n{data}\n".encode()


def event(name: str, data: str, **fields: object) -> bytes:
    """A named event for live.js, with further SSE `fields` such as retry."""
    more = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return f"{more}event: {name}\ndata: {data}\n\n".encode()


def heartbeat(version: str, now: str, **fields: object) -> bytes:
    """The heartbeat: the version that a browser should show, and the server's time."""
    return event("beat", json.dumps({"version": version, "now": now}), **fields)

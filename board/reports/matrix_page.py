"""The matrix as a page: each cell a letter with few words, and the same in full for who hears it or asks for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.matrix import ClosedFraction, Matrix, MatrixRow, MatrixSection, matrix
from board.reports.report_page import render_report
from board.scoreboard.summary import board_summary
from board.scoreboard.table_sections import FOLD_THRESHOLD
from board.web import labels
from board.web.board_query import FIRST_MONTH, BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url, no_match_message
from board.web.params import WINDOW_LENGTHS, MatrixWindow
from board.web.toolbar import footnotes, no_entities_message, staleness_note, toolbar
from closing.calendar.date_phrases import month_and_year, short_month
from closing.calendar.months import previous_month
from closing.judging.on_time import ON_TIME_TARGET_PERCENT, OnTimeRate
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

LETTERS = {
    PeriodState.CLOSED: "C",
    PeriodState.ON_HOLD: "H",
    PeriodState.OPEN: "O",
    PeriodState.UNKNOWN: "?",
    PeriodState.NOT_STARTED: "N",
}
_SHORT = {
    "closed, date unknown": "no date",
    "no deadline set": "no deadline",
    "late today": "late",
    "closed after the cut-off": "late",
    "not known": "unknown",
}
_LATE = {Level.LATE, Level.ALERTING}
_PERCENT = "\u00a0%"  # does not leave its number at the end of a line
_FILES = (("CSV, a line for each period", "export_matrix_csv"), ("Excel", "export_matrix_xlsx"))


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One period in a few letters; `looks` are class names: a tone, then what else is the matter."""

    url: str
    css_classes: str
    letter: str
    text: str
    full: str
    reopened: bool  # reopened, be it closed again or not
    current: bool  # of the month that is being closed


@dataclass(frozen=True, slots=True)
class MatrixTableRow:
    """One line of the table; a None cell stands for a month in which the entity did not close."""

    code: str
    name: str
    url: str
    age: str
    stale: bool
    cells: Sequence[MatrixCell | None]


@dataclass(frozen=True, slots=True)
class FractionCell:
    """A fraction closed with its tone, and in full words."""

    text: str
    tone: str
    full: str


@dataclass(frozen=True, slots=True)
class MatrixTableSection:
    """A heading of the table with its lines; `turn` is where a tap on it leads, "" where all are loaded."""

    key: str
    name: str
    depth: int
    shares: Sequence[FractionCell]
    lines: Sequence[MatrixTableRow]
    held: int
    open: bool
    toggle_url: str
    left: str


@require_safe
@board_view
def matrix_page(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Entities by reporting months, with everything that shapes it in the address."""
    window = MatrixWindow.of(request.GET)
    data = matrix(asked, window)
    path = reverse("matrix")
    own = _own(window)
    question, board = asked.query, data.board
    answer = board_summary(board, asked.reader, past=asked.past)
    visible = data.entities or bool(board.rows)
    empty = (
        None if visible else no_entities_message(asked.person, asked.entities().count(), _span(data.months))
    )
    told = {
        "title": empty[0] if empty else f"{_span(data.months)} · Matrix",
        "heading": _span(data.months),
        "turned": "Months shown",
        "links": _links(asked, data, window, path),
        "spans": [
            (span, build_url(path, question, _own(window, months=span)), span == window.months)
            for span in WINDOW_LENGTHS
        ],
        "sums": _sums(data),
        "rate": _rate(data.on_time),
        "left_out": _left_out(data.on_time),
        "page": answer,
        "notes": footnotes(board, asked.reader),
        "bar": toolbar(asked, board, path, own),
        "exports": [(label, build_url(reverse(name), question, own)) for label, name in _FILES],
        "months": [_month(month, asked) for month in data.months],
        "parts": [_part(section, data, asked, window, path) for section in data.sections],
        "total": [_share(each, month) for each, month in zip(data.total, data.months, strict=True)],
        "whole": data.all_loaded,
        "many": FOLD_THRESHOLD,
        "legend": _legend(data),
        "none": no_match_message(board, question),
        "empty": empty,
    }
    return render_report(
        request, asked, "matrix", board, told, own=own, kept=_own(MatrixWindow(window.months))
    )


# --- above the table ----------------------------------------------------------------------------------------------


def _span(months: Sequence[date]) -> str:
    """ "June 2025 – May 2026"."""
    return f"{month_and_year(months[0])} – {month_and_year(months[-1])}"


def _month(month: date, asked: BoardRequest) -> tuple[str, str, str, bool]:
    """A month above its column: "May 26", in full, its board at the same moment, and whether it is being closed."""
    board = BoardQuery(month=month, at=asked.query.at).url(reverse("scoreboard"))
    return (
        f"{short_month(month)} {month.year % 100:02}",
        month_and_year(month),
        board,
        month == asked.latest_month,
    )


def _own(window: MatrixWindow, **changes: object) -> list[tuple[str, str]]:
    """The matrix's own parameters, without what has its default."""
    months = changes.get("months", window.months)
    opened = changes.get("opened", window.opened)
    assert isinstance(opened, tuple)
    return [
        *([("months", str(months))] if months != MatrixWindow().months else []),
        *(("open", key) for key in opened),
    ]


def _links(
    asked: BoardRequest, data: Matrix, window: MatrixWindow, path: str
) -> dict[str, tuple[str, str] | None]:
    """The windows before and after, and the latest one: each an address and its name, None where there is none."""
    own = _own(window)

    def to(month: date) -> tuple[str, str]:
        asked_for = None if month == asked.latest_month else month
        last = _later(month, 1 - len(data.months))
        return build_url(path, asked.query.replace(month=asked_for), own), _span([last, month])

    first = data.months[0]
    after = min(_later(asked.month, len(data.months)), asked.latest_month)
    return {
        "previous": to(previous_month(first)) if first > FIRST_MONTH else None,
        "next": to(after) if asked.month < asked.latest_month else None,
        "latest": to(asked.latest_month) if asked.month != asked.latest_month else None,
    }


def _later(month: date, count: int) -> date:
    """The month so many months later, or earlier below 0."""
    number = month.year * 12 + month.month - 1 + count
    return max(date(number // 12, number % 12 + 1, 1), FIRST_MONTH)


def _sums(data: Matrix) -> list[str]:
    everyone = "1 entity" if data.entities == 1 else f"{data.entities:,} entities"
    said = [f"{everyone} × {len(data.months)} months"]
    if data.reopened:
        said.append(f"{data.reopened} reopened")
    return said


def _rate(found: OnTimeRate | None) -> tuple[str, str]:
    """The on-time rate of all that was due in the window, and what is the matter with it."""
    if found is None:
        return f"on-time rate: counted for {FOLD_THRESHOLD} entities or fewer", ""
    if found.permille is None:
        return "no deadline has passed", ""
    rate = f"on time {found.permille / 10:.1f}".removesuffix(".0") + _PERCENT
    return (
        f"{rate} of {found.due:,} due",
        f"below {ON_TIME_TARGET_PERCENT}{_PERCENT}" if found.below_target else "",
    )


def _left_out(found: OnTimeRate | None) -> str:
    """What the rate leaves out, counted: nobody shall take a part for the whole."""
    if found is None or not found.excluded:
        return ""
    parts = (
        (found.perhaps_on_time, "perhaps on time"),
        (found.date_unknown, "date unknown"),
        (found.unknown, "not known"),
        (found.no_deadline, "without a deadline"),
    )
    return "left out: " + ", ".join(f"{count:,} {name}" for count, name in parts if count)


def _legend(data: Matrix) -> list[tuple[str, str, str]]:
    lines = {row.alert_after_days for row in data.board.rows}
    over = f"more than {next(iter(lines))} days" if len(lines) == 1 else "over the alert line"
    return [
        ("ok", "C", "closed on time"),
        ("late", "C", "closed late"),
        ("alert", "C", f"closed {over} late"),
        ("undated", "C", "closed, date unknown"),
        ("due on_hold", "H", "on hold"),
        ("due", "O", "open"),
        ("unknown", "?", "unknown"),
        ("due again", "O", "reopened"),
        ("ok stale", "C", "not confirmed"),
    ]


# --- the table ----------------------------------------------------------------------------------------------------


def _part(
    section: MatrixSection, data: Matrix, asked: BoardRequest, window: MatrixWindow, path: str
) -> MatrixTableSection:
    turn = ""
    if not data.all_loaded and section.held:
        others = tuple(key for key in window.opened if key != section.key)
        opened = others if section.open else (*others, section.key)
        turn = build_url(path, asked.query, _own(window, opened=opened)) + f"#part-{section.key}"
    left = ""
    if section.left:
        left = (
            f"{section.left:,} more: no more than {FOLD_THRESHOLD} entities are shown at once."
            " Filter, or fold a heading."
        )
    return MatrixTableSection(
        section.key,
        section.name,
        section.depth,
        [_share(each, month) for each, month in zip(section.fractions, data.months, strict=True)],
        [_shown(line, data, asked) for line in section.lines],
        section.held,
        section.open,
        turn,
        left,
    )


def _share(each: ClosedFraction, month: date) -> FractionCell:
    if not each.entities:
        return FractionCell("–", "", f"{month_and_year(month)}: nobody closes")
    said = [f"{month_and_year(month)}: {each.closed:,} of {each.entities:,} closed and confirmed"]
    said += [f"{each.unconfirmed:,} not confirmed"] if each.unconfirmed else []
    said += [f"{each.late:,} late"] if each.late else []
    if each.alerting:
        tone = "alert"
    elif each.late:
        tone = "late"
    else:
        tone = "full" if each.closed == each.entities else "short"
    return FractionCell(f"{each.closed:,}/{each.entities:,}", tone, ", ".join(said))


def _shown(line: MatrixRow, data: Matrix, asked: BoardRequest) -> MatrixTableRow:
    home = reverse("entity", args=[line.entity.code])
    at = asked.query.at
    cells = [
        None
        if row is None
        else cell(row, month, asked, f"{home}?{BoardQuery(month=month, at=at).querystring()}")
        for row, month in zip(line.rows, data.months, strict=True)
    ]
    newest = line.newest
    return MatrixTableRow(
        line.entity.code,
        line.entity.name,
        f"{home}?{BoardQuery(month=asked.month, at=at).querystring()}",
        staleness_note(newest, asked.reader, asked.as_of) if newest is not None else "",
        newest is not None and not newest.fresh,
        cells,
    )


def cell(row: Row, month: date, asked: BoardRequest, url: str) -> MatrixCell:
    """One period as a cell: the letter of its state, how it stands against its deadline, and both in full."""
    looks = [tone_of(row, asked)]
    looks += [row.state.value] if row.state in (PeriodState.ON_HOLD, PeriodState.UNKNOWN) else []
    looks += ["again"] if labels.is_reopened(row) else []
    looks += [] if row.fresh else ["stale"]
    return MatrixCell(
        url,
        " ".join(looks),
        LETTERS[row.state],
        _text(row, asked),
        _full(row, month, asked),
        reopened=row.standing.reopened,
        current=month == asked.latest_month,
    )


def tone_of(row: Row, asked: BoardRequest) -> str:
    """ok, late, alert, due, today, undated, none, idle (not ended) or unsure: the colour of a cell."""
    standing = row.standing
    match standing.level:
        case Level.CLOSED_ON_TIME:
            return "ok"
        case Level.CLOSED_LATE:
            return "alert" if standing.days_late > row.alert_after_days else "late"
        case Level.CLOSED_DATE_UNKNOWN:
            return "undated"
        case Level.NO_DEADLINE:
            return "none"
        case Level.UNKNOWN:
            return "unsure"
        case Level.NOT_DUE if labels.deadline_status(row, asked.as_of).text == "not ended":
            return "idle"
    return labels.deadline_status(row, asked.as_of).tone


def _text(row: Row, asked: BoardRequest) -> str:
    """ "on time", "+3d", "due in 2d": as much as fits into a cell."""
    standing = row.standing
    if standing.days_late:
        return f"+{labels.days(standing.days_late, standing.unit)}"
    said = labels.deadline_status(row, asked.as_of)
    if row.span is None:
        return "no data" if row.read_at is None else "no period"
    if standing.level is Level.UNKNOWN and said.detail:
        return said.detail
    if standing.level is Level.NO_DEADLINE and standing.closed:
        return "closed"
    return _SHORT.get(said.text, said.text)


def _full(row: Row, month: date, asked: BoardRequest) -> str:
    said = labels.deadline_status(row, asked.as_of)
    standing = row.standing
    text = said.text
    if standing.days_late:
        text = f"{labels.days_in_words(standing.days_late, standing.unit)} late"
        if standing.level in _LATE:
            text += (
                f", {'over' if standing.alerting else 'not over'} the alert line of {row.alert_after_days}"
            )
    if row.span is None:
        text = row.because
    parts = [labels.STATE_LABELS[row.state], text, said.detail]
    parts += ["reopened"] if labels.is_reopened(row) else []
    parts += ["counts as closed"] if row.state is PeriodState.ON_HOLD and row.counts_as_closed else []
    if row.fresh and standing.unconfirmed:
        parts.append("unconfirmed")
    parts.append(staleness_note(row, asked.reader, asked.as_of))
    return f"{row.name}, {month_and_year(month)}: " + ", ".join(filter(None, parts))

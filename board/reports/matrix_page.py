"""The matrix page: each cell a letter with a short text, and a full text for screen readers and tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.matrix import ClosedFraction, Matrix, MatrixEntity, MatrixRow, MatrixSection, matrix
from board.reports.report_page import omitted_message, render_report, toggled
from board.scoreboard.table_sections import FOLD_THRESHOLD
from board.web import labels
from board.web.board_query import FIRST_MONTH, BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url, no_match_message
from board.web.params import WINDOW_LENGTHS, MatrixWindow
from board.web.toolbar import footnotes, no_entities_message, staleness_note, toolbar
from closing.blockers.row_blockers import blockers_phrase
from closing.calendar.date_phrases import month_and_year, short_month
from closing.calendar.months import previous_month
from closing.judging.on_time import FRACTIONS_BELOW, ON_TIME_TARGET_PERCENT, OnTimeRate
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
_SHORT = {"late today": "late", "closed after the cut-off": "late", "nothing due": "not due"}
_IDLE = {"not ended", "nothing due"}
_PERCENT = "\u00a0%"  # non-breaking: stays on the line of its number
_FILES = (("CSV, a line for each period", "export_matrix_csv"), ("Excel", "export_matrix_xlsx"))


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One period in a few letters; `css_classes` are a tone, then further marks."""

    url: str
    css_classes: str
    letter: str
    text: str
    full: str
    reopened: bool  # reopened, whether closed again or not
    current: bool  # of the latest month


@dataclass(frozen=True, slots=True)
class MatrixTableRow:
    """One line of the table; a None cell stands for a month in which the entity did not close."""

    entity: MatrixEntity
    url: str
    age: str
    stale: bool
    cells: Sequence[MatrixCell | None]


@dataclass(frozen=True, slots=True)
class FractionCell:
    """A fraction closed with its tone and its full text."""

    text: str
    tone: str
    full: str


@dataclass(frozen=True, slots=True)
class MatrixTableSection:
    """A heading of the table with its lines; `toggle_url` opens or folds it, "" where all are loaded."""

    section: MatrixSection
    shares: Sequence[FractionCell]
    lines: Sequence[MatrixTableRow]
    toggle_url: str
    left: str


@require_safe
@board_view
def matrix_page(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Entities by reporting months, shaped by the parameters of the URL alone."""
    window = MatrixWindow.of(request.GET)
    data = matrix(board_request, window)
    path = reverse("matrix")
    own = _own_params(window)
    query, board = board_request.query, data.board
    empty = None
    if not data.entities and not board.rows:
        empty = no_entities_message(board_request, _span(data.months))
    context = {
        "title": empty[0] if empty else f"{_span(data.months)} · Matrix",
        "heading": _span(data.months),
        "turned": "Months shown",
        "links": _links(board_request, data, window, path),
        "spans": [
            (
                length,
                build_url(path, query, _own_params(replace(window, months=length))),
                length == window.months,
            )
            for length in WINDOW_LENGTHS
        ],
        "sums": _counts(data),
        "rate": _on_time_text(data.on_time),
        "left_out": labels.excluded_closes(data.on_time) if data.on_time is not None else "",
        "notes": footnotes(board, board_request.reader),
        "bar": toolbar(board_request, board, path, own),
        "exports": [(label, build_url(reverse(name), query, own)) for label, name in _FILES],
        "months": [_month(month, board_request) for month in data.months],
        "parts": [_table_section(section, data, board_request, window, path) for section in data.sections],
        "total": [_fraction_cell(item, month) for item, month in zip(data.total, data.months, strict=True)],
        "whole": data.all_loaded,
        "many": FOLD_THRESHOLD,
        "legend": _legend(data),
        "none": no_match_message(board, query),
        "empty": empty,
    }
    return render_report(
        request,
        board_request,
        "matrix",
        board,
        context,
        own=own,
        kept=_own_params(MatrixWindow(window.months)),
    )


# --- above the table ----------------------------------------------------------------------------------------------


def _span(months: Sequence[date]) -> str:
    """ "June 2025 – May 2026"."""
    return f"{month_and_year(months[0])} – {month_and_year(months[-1])}"


def _month(month: date, board_request: BoardRequest) -> tuple[str, str, str, bool]:
    """The heading of a month: "May 26", its full name, the URL of its board, and whether it is the latest."""
    board = BoardQuery(month=month, at=board_request.query.at).url(reverse("scoreboard"))
    return (
        f"{short_month(month)} {month.year % 100:02}",
        month_and_year(month),
        board,
        month == board_request.latest_month,
    )


def _own_params(window: MatrixWindow) -> list[tuple[str, str]]:
    """The matrix's own parameters, without those at their default."""
    months = [("months", str(window.months))] if window.months != MatrixWindow().months else []
    return [*months, *(("open", key) for key in window.opened)]


def _links(
    board_request: BoardRequest, data: Matrix, window: MatrixWindow, path: str
) -> dict[str, tuple[str, str] | None]:
    """The previous, the next and the latest window, each as (URL, name) or None."""
    own = _own_params(window)

    def link_to(month: date) -> tuple[str, str]:
        query_month = None if month == board_request.latest_month else month
        start = _add_months(month, 1 - len(data.months))
        return build_url(path, board_request.query.replace(month=query_month), own), _span([start, month])

    first = data.months[0]
    following = min(_add_months(board_request.month, len(data.months)), board_request.latest_month)
    return {
        "previous": link_to(previous_month(first)) if first > FIRST_MONTH else None,
        "next": link_to(following) if board_request.month < board_request.latest_month else None,
        "latest": link_to(board_request.latest_month)
        if board_request.month != board_request.latest_month
        else None,
    }


def _add_months(month: date, count: int) -> date:
    """The month `count` months later, or earlier if negative."""
    number = month.year * 12 + month.month - 1 + count
    return max(date(number // 12, number % 12 + 1, 1), FIRST_MONTH)


def _counts(data: Matrix) -> list[str]:
    entities = "1 entity" if data.entities == 1 else f"{data.entities:,} entities"
    counts = [f"{entities} × {len(data.months)} months"]
    if data.reopened:
        counts.append(f"{data.reopened} reopened")
    rows = (row for line in data.lines for row in line.rows if row is not None)
    return counts + labels.extended_deadlines(rows)


def _on_time_text(rate_data: OnTimeRate | None) -> tuple[str, str]:
    """The on-time rate of all periods due in the window, and a warning or ""."""
    if rate_data is None:
        return f"on-time rate: counted for {FOLD_THRESHOLD} entities or fewer", ""
    if rate_data.permille is None:
        return "no deadline has passed", ""
    if rate_data.due < FRACTIONS_BELOW:
        rate = f"{rate_data.on_time} of {rate_data.due} due were on time"
    else:
        percent = f"{rate_data.permille / 10:.1f}".removesuffix(".0") + _PERCENT
        rate = f"on time {percent} of {rate_data.due:,} due"
    return (
        rate,
        f"below {ON_TIME_TARGET_PERCENT}{_PERCENT}" if rate_data.below_target else "",
    )


def _legend(data: Matrix) -> list[tuple[str, str, str]]:
    limit = labels.alert_line(data.board.rows)
    return [
        ("ok", "C", "closed on time"),
        ("late", "C", "closed late"),
        ("alert", "C", f"closed {limit} late"),
        ("undated", "C", "closed, date unknown"),
        ("due on_hold", "H", "on hold"),
        ("due", "O", "open"),
        ("unknown", "?", "unknown"),
        ("due again", "O", "reopened"),
        ("ok stale", "C", "not read"),
        *([("idle", "–", "not due")] if any(row.not_due for row in data.board.rows) else []),
    ]


# --- the table ----------------------------------------------------------------------------------------------------


def _table_section(
    section: MatrixSection, data: Matrix, board_request: BoardRequest, window: MatrixWindow, path: str
) -> MatrixTableSection:
    toggle_url = ""
    if not data.all_loaded and section.held:
        own = _own_params(replace(window, opened=toggled(window.opened, section.key)))
        toggle_url = build_url(path, board_request.query, own) + f"#part-{section.key}"
    return MatrixTableSection(
        section,
        [_fraction_cell(item, month) for item, month in zip(section.fractions, data.months, strict=True)],
        [_table_row(line, data, board_request) for line in section.lines],
        toggle_url,
        omitted_message(section.left),
    )


def _fraction_cell(closed: ClosedFraction, month: date) -> FractionCell:
    if not closed.entities:
        why = f"{closed.not_due:,} not due" if closed.not_due else "no active entity"
        return FractionCell("–", "", f"{month_and_year(month)}: {why}")
    phrases = [f"{month_and_year(month)}: {closed.closed:,} of {closed.entities:,} closed"]
    phrases[0] += " when last read" if closed.unconfirmed and closed.closed else ""
    phrases += [f"{closed.unconfirmed:,} not read"] if closed.unconfirmed else []
    phrases += [f"{closed.late:,} late"] if closed.late else []
    phrases += [f"{closed.not_due:,} not due"] if closed.not_due else []
    if closed.alerting:
        tone = "alert"
    elif closed.late:
        tone = "late"
    elif closed.closed < closed.entities:
        tone = "short"
    else:
        tone = "unsure" if closed.unconfirmed else "full"
    return FractionCell(f"{closed.closed:,}/{closed.entities:,}", tone, ", ".join(phrases))


def _table_row(line: MatrixRow, data: Matrix, board_request: BoardRequest) -> MatrixTableRow:
    url = reverse("entity", args=[line.entity.code])
    at = board_request.query.at
    cells = [
        None
        if row is None
        else matrix_cell(row, month, board_request, f"{url}?{BoardQuery(month=month, at=at).querystring()}")
        for row, month in zip(line.rows, data.months, strict=True)
    ]
    newest = line.newest
    return MatrixTableRow(
        line.entity,
        f"{url}?{BoardQuery(month=board_request.month, at=at).querystring()}",
        staleness_note(newest, board_request.reader, board_request.as_of) if newest is not None else "",
        newest is not None and not newest.fresh,
        cells,
    )


def matrix_cell(row: Row, month: date, board_request: BoardRequest, url: str) -> MatrixCell:
    """The cell of one period: the letter of its state, its deadline status, and both as a full text."""
    status = labels.deadline_status(row, board_request.as_of, board_request.reader.zone)
    classes = [_tone(row, status)]
    classes += [row.state.value] if row.state in (PeriodState.ON_HOLD, PeriodState.UNKNOWN) else []
    classes += ["again"] if labels.is_open_again(row) else []
    classes += [] if row.fresh else ["stale"]
    return MatrixCell(
        url,
        " ".join(classes),
        "–" if row.not_due else LETTERS[row.state],
        _text(row, status),
        _full(row, month, status, board_request),
        reopened=labels.is_reopened(row),
        current=month == board_request.latest_month,
    )


def _tone(row: Row, status: labels.DeadlineStatus) -> str:
    """The tone of a cell: ok, late, alert, due, today, undated, none, idle (not ended) or unsure."""
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
        case Level.NOT_DUE if status.text in _IDLE:
            return "idle"
    return status.tone


def _text(row: Row, status: labels.DeadlineStatus) -> str:
    """The short text of a cell: "on time", "+3d", "due in 2d"."""
    standing = row.standing
    if standing.days_late:
        return f"+{labels.days(standing.days_late, standing.unit)}"
    if row.span is None and not row.not_due:
        return "never read" if row.read_at is None else "no period"
    if standing.level is Level.UNKNOWN and status.detail:
        return status.detail
    if standing.level is Level.NO_DEADLINE and standing.closed:
        return "closed"
    if status.text.startswith("was due"):
        return "was due"
    return _SHORT.get(status.text, status.text).removeprefix("closed, ")


def _full(row: Row, month: date, status: labels.DeadlineStatus, board_request: BoardRequest) -> str:
    standing = row.standing
    text = status.text
    if standing.days_late:
        text = f"{labels.days_in_words(standing.days_late, standing.unit)} late"
        if standing.overdue:
            text += f", {labels.against_alert_line(row)}"
    if row.span is None:
        text = row.because
    state = labels.state_label(row)
    parts = [state, text.removeprefix(f"{state.lower()}, "), status.detail]
    parts.append(labels.reopened_label(row))
    parts += ["counts as closed"] if row.state is PeriodState.ON_HOLD and row.counts_as_closed else []
    if row.fresh and standing.unconfirmed:
        parts.append("by its last known state")
    parts.append(staleness_note(row, board_request.reader, board_request.as_of))
    work = blockers_phrase(row, lambda at: labels.clock(at, board_request.reader.zone, board_request.as_of))
    in_the_way = f". In the way: {work}" if work else ""
    return f"{row.name}, {month_and_year(month)}: {', '.join(filter(None, parts))}{in_the_way}"

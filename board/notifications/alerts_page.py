"""The alerts page: open alerts and the history of notices with their messages, below a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from alerts.models import Notice, ProofRun
from alerts.notices.notice_specs import SPECS
from alerts.reason_words import reason_words
from board.notifications.alerts_summary import alerts_summary, nothing_yet_message
from board.notifications.mail_preview import mail_folder
from board.notifications.notice_list import filtered_notices, notice_summarizer, visible_notices
from board.notifications.notice_phrasing import NoticeSummarizer, NoticeSummary
from board.notifications.open_alerts import OpenAlert, open_alerts
from board.reports.overdue_queue import QueueDetails, queue_details
from board.reports.report_page import render_report
from board.scoreboard.row_cells import RowCells, row_cells
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import ALL, FilterForm, build_url, page_number, pagination, select_field
from board.web.params import EVERY_KIND, MESSAGE_FILTERS, NoticeFilter
from board.web.query_phrasing import describe_filters
from board.web.readers import administers_a_group, may_send_test
from board.web.toolbar import Toolbar, no_entities_message, toolbar
from closing.calendar.date_phrases import month_and_year
from closing.judging.notice_rules import NoticeReason
from closing.judging.risk import OverdueEntity
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row

PAGE_SIZE = 50  # notices on a page, and episodes above them
_FILTER_NAMES = ("group", "country", "erp", "owner")


@dataclass(frozen=True, slots=True)
class OpenAlertItem:
    """One open episode: entity, month, lateness, and its notices."""

    key: str
    month: str
    line: RowCells
    late: str
    unit: str
    read_when: str  # "when last read" or "never read"; "" if confirmed
    since: str
    notices: Sequence[NoticeSummary]
    no_notice_reason: str  # "" if there is a notice


@dataclass(frozen=True, slots=True)
class NoticeHistoryEntry:
    """One notice of the history."""

    name: str
    month: str
    url: str
    notice: NoticeSummary


@require_safe
@board_view
def alerts(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The open alerts, and every notice with its messages, newest first."""
    filters = NoticeFilter.of(request.GET, board_request.query)
    board_request = replace(
        board_request, query=board_request.query.replace(month=None), month=board_request.latest_month
    )
    path, query, open_list = reverse("alerts"), board_request.query, open_alerts(board_request)
    board = open_list.queue.board
    filtered = filtered_notices(board_request, filters, board)
    count = filtered.count()
    pages = max(1, -(-count // PAGE_SIZE))
    number = page_number(request.GET.get("page", ""), pages)
    notices = list(filtered[(number - 1) * PAGE_SIZE : number * PAGE_SIZE])
    shown = open_list.open[:PAGE_SIZE]
    ids = {item.period.entity_id for item in notices if item.period is not None}
    ids |= {item.row.entity_id for item in shown}
    open_notices = [notice for item in shown for notice in item.notices]
    summarizer = notice_summarizer(board_request, [*notices, *open_notices], ids)
    rows = {row.entity_id: row for row in board.rows}
    details = queue_details(board_request, [OverdueEntity([(item.month, item.row)]) for item in shown])
    only = _describe_query(query, filters, board)
    summary = alerts_summary(board_request, open_list)
    has_notices = bool(count) or (bool(only) and visible_notices(board_request).exists())
    empty = None
    if not (board.rows or open_list.open or has_notices):
        empty = no_entities_message(board_request)
    context = {
        "title": empty[0] if empty else f"{summary.text} · Alerts",
        "bar": _bar(board_request, board, filters, path),
        "empty": empty,
        "answer": summary,
        "items": [_item(item, details, summarizer) for item in shown],
        "left": len(open_list.open) - len(shown),
        "past_deadline": reverse("past_deadline"),
        "history": [_history_entry(item, rows, summarizer) for item in notices],
        "ever": has_notices,
        "nothing_yet": nothing_yet_message(open_list),
        "only": only,
        "turn": pagination(build_url(path, query, filters.pairs()), number, pages),
        "written": mail_folder() is not None,
        "sent_mails": reverse("sent_mails") if board_request.person.is_superuser and mail_folder() else "",
        "proof": _proof_summary(board_request),
        "try_url": _test_url(board_request),
        "try_to": board_request.person.email,
        "arranging": _settings_links(board_request),
    }
    own = [*filters.pairs(), *([("page", str(number))] if number > 1 else [])]
    return render_report(request, board_request, "alerts", board, context, own=own, kept=filters.pairs())


def _proof_summary(board_request: BoardRequest) -> tuple[str, Sequence[str]] | None:
    """The result of the latest nightly proof: a sentence and each difference; None unless the person sees all."""
    runs = ProofRun.objects.filter(as_of__lte=board_request.as_of)
    newest = runs.first() if board_request.person.is_superuser else None
    if newest is None:
        return None
    run_at = board_request.clock(newest.as_of)
    expected = "1 alert" if newest.expected == 1 else f"{newest.expected:,} alerts"
    count = len(newest.differences)
    result = f"{count:,} {'difference' if count == 1 else 'differences'}" if count else "no differences"
    return f"Checked at {run_at}: the history requires {expected}; {result}.", newest.differences


def _test_url(board_request: BoardRequest) -> str:
    """The URL that sends a test message; "" for people who may not send one, and while no mail leaves."""
    allowed = settings.MAILS_LEAVE and not board_request.past and may_send_test(board_request.person)
    return reverse("trial_message") if allowed else ""


def _settings_links(board_request: BoardRequest) -> list[tuple[str, str]]:
    """The notification settings pages that the person may use, as (label, URL)."""
    links = [("Notifications", reverse("subscriptions")), ("Silences", reverse("silences"))]
    if administers_a_group(board_request.person):
        links += [("Alert rules", reverse("alert_rules")), ("Destinations", reverse("destinations"))]
    return links


# --- the toolbar above the history ----------------------------------------------------------------------------------


def _bar(board_request: BoardRequest, board: Scoreboard, filters: NoticeFilter, path: str) -> Toolbar:
    """The toolbar with the filters of notices."""
    query, bar = board_request.query, toolbar(board_request, board, path, filters.pairs())
    selects = [*bar.filters.first, *bar.filters.more]
    month = f"{filters.month:%Y-%m}" if filters.month else ""
    form = FilterForm(
        hidden=BoardQuery(at=query.at).pairs(),
        first=[
            select_field("kind", "Kind", [("", "All but reminders"), *_kind_labels().items()], filters.kind),
            select_field("message", "Message", [ALL, *MESSAGE_FILTERS.items()], filters.message),
            select_field("for", "Month", [ALL, *_month_options(board_request)], month),
        ],
        more=[select for select in selects if select.name in _FILTER_NAMES],
        used=sum(bool(getattr(query, name)) for name in _FILTER_NAMES),
        clear=build_url(path, BoardQuery(at=query.at)),
    )
    return replace(bar, chips=[], filters=form)


def _kind_labels() -> dict[str, str]:
    return {EVERY_KIND: "All"} | {kind: spec.label for kind, spec in SPECS.items()}


def _month_options(board_request: BoardRequest) -> list[tuple[str, str]]:
    months = visible_notices(board_request).exclude(period=None).order_by("-period__reporting_month")
    return [
        (f"{month:%Y-%m}", month_and_year(month))
        for month in months.values_list("period__reporting_month", flat=True).distinct()
    ]


def _describe_query(query: BoardQuery, filters: NoticeFilter, board: Scoreboard) -> list[str]:
    notice_params = [
        ("Kind", _kind_labels().get(filters.kind, "")),
        ("Message", MESSAGE_FILTERS.get(filters.message, "")),
        ("Month", month_and_year(filters.month) if filters.month else ""),
    ]
    board_filters = BoardQuery(
        q=query.q, group=query.group, country=query.country, erp=query.erp, owner=query.owner
    )
    return [
        *(f"{label}: {text}" for label, text in notice_params if text),
        *describe_filters(board_filters, board.groups),
    ]


# --- one episode, one notice ----------------------------------------------------------------------------------------


def _history_entry(
    notice: Notice, rows: Mapping[int, Row], summarizer: NoticeSummarizer
) -> NoticeHistoryEntry:
    at, entity_id = summarizer.board_request.query.at, 0
    if notice.group is not None and notice.month is not None:
        name, about = notice.group.name, month_and_year(notice.month)
        url = BoardQuery(month=notice.month, group=notice.group.code, at=at).url(reverse("scoreboard"))
    elif notice.connection is not None:
        name, about = notice.connection.name, "connection"
        url = BoardQuery(erp=name, at=at).url(reverse("scoreboard"))
    elif notice.period is not None:
        entity, month = notice.period.entity, notice.period.reporting_month
        name, about, entity_id = entity.name, month_and_year(month), entity.pk
        url = BoardQuery(month=month, at=at).url(reverse("entity", args=[entity.code]))
    else:
        raise ValueError(f"notice {notice.pk} is about nothing")
    return NoticeHistoryEntry(name, about, url, summarizer.summarize(notice, rows.get(entity_id), entity_id))


def _item(alert: OpenAlert, details: QueueDetails, summarizer: NoticeSummarizer) -> OpenAlertItem:
    row, board_request = alert.row, summarizer.board_request
    standing = row.standing
    query = BoardQuery(month=alert.month, at=board_request.query.at).querystring()
    since = details.since(row)
    limit = "alerting" if alert.row.standing.alerting else "not alerting"
    return OpenAlertItem(
        key=f"{row.code}-{alert.month:%Y-%m}",
        month=month_and_year(alert.month),
        line=row_cells(row, board_request.as_of, board_request.reader, query),
        late=f"+{labels.days(standing.days_late, standing.unit)}" if standing.days_late else "",
        unit=f"{labels.days_in_words(standing.days_late, standing.unit)} late" if standing.days_late else "",
        read_when=labels.read_when(row),
        since=f"{limit} since {labels.short_day(since)}" if since is not None else limit,
        notices=[summarizer.summarize(notice, row, row.entity_id) for notice in alert.notices],
        no_notice_reason="" if alert.notices else _no_notice_reason(alert, past=board_request.past),
    )


def _no_notice_reason(alert: OpenAlert, *, past: bool) -> str:
    """The reason why an alerting entity has no notice."""
    if not alert.read_before_deadline:
        if alert.row.read_at is None:
            return "No alert: its deadline had passed before the entity was added."
        return f"No alert: {reason_words(NoticeReason.DEADLINE_BEFORE_FIRST_READ)}."
    if past:
        return "No alert had been sent."
    if alert.row.silence is not None:
        return f"No alert yet: {reason_words(NoticeReason.SILENCED)}."
    if not alert.row.fresh or alert.row.standing.unconfirmed:
        return f"No alert yet: it {reason_words(NoticeReason.NOT_CONFIRMED)}."
    return "The alert goes out within a minute."

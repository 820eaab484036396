"""Alerts: what has been told and whether it left, with the sentence on top that says what there is to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from alerts.models import Notice, ProofRun
from board.notifications.alerts_summary import alerts_summary, nothing_yet_message
from board.notifications.mail_preview import mail_folder
from board.notifications.notice_history import NoticeSummarizer
from board.notifications.notice_list import (
    administered_entity_ids,
    delivery_lines_by_notice,
    filtered_notices,
    visible_notices,
)
from board.notifications.notice_phrasing import NOTICE_KIND_LABELS, NoticeSummary
from board.notifications.open_alerts import OpenAlert, open_alerts
from board.reports.overdue_queue import QueueDetails as KnownOfRows
from board.reports.overdue_queue import queue_details
from board.reports.report_page import render_report
from board.scoreboard.row_cells import RowCells, row_cells
from board.scoreboard.summary import board_summary
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import SelectField, build_url, page_number, pagination
from board.web.params import EVERY_KIND, MESSAGE_FILTERS, NoticeFilter
from board.web.query_phrasing import describe_filters
from board.web.readers import administers_a_group, may_send_test
from board.web.toolbar import Toolbar, no_entities_message, toolbar
from closing.calendar.date_phrases import month_and_year
from closing.judging.alerting_queue import AlertingEntity
from closing.judging.notice_rules import NoticeReason
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row

PAGE_SIZE = 50  # notices on a page, and episodes above them
_PICKED = ("group", "country", "erp", "owner")
_KINDS = {EVERY_KIND: "All", **{kind.value: name for kind, name in NOTICE_KIND_LABELS.items()}}


@dataclass(frozen=True, slots=True)
class OpenAlertItem:
    """One episode that is open: whose, of which month, how late, and everything that was told of it."""

    key: str
    name: str
    code: str
    month: str
    line: RowCells
    late: str
    unit: str
    confirmed: bool
    since: str
    notices: Sequence[NoticeSummary]
    no_notice_reason: str  # why nobody was told of it; empty where somebody was


@dataclass(frozen=True, slots=True)
class NoticeHistoryEntry:
    """One notice of the history."""

    name: str
    month: str
    url: str
    notice: NoticeSummary


@require_safe
@board_view
def alerts(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Who is past the line and was told, and every notice with its messages, newest first."""
    sought = NoticeFilter.of(request.GET, asked.query)
    asked = replace(asked, query=asked.query.replace(month=None), month=asked.latest_month)
    path, question, found = reverse("alerts"), asked.query, open_alerts(asked)
    board = found.board
    wanted = filtered_notices(asked, sought, board)
    count = wanted.count()
    pages = max(1, -(-count // PAGE_SIZE))
    number = page_number(request.GET.get("page", ""), pages)
    notices = list(wanted[(number - 1) * PAGE_SIZE : number * PAGE_SIZE])
    shown = found.open[:PAGE_SIZE]
    lines = delivery_lines_by_notice([*notices, *(notice for each in shown for notice in each.notices)])
    ids = {each.period.entity_id for each in notices if each.period is not None}
    ids |= {each.row.entity_id for each in shown}
    teller = NoticeSummarizer(asked, lines, administered_entity_ids(asked, lines, ids))
    rows = {row.entity_id: row for row in board.rows}
    of_rows = queue_details(asked, [AlertingEntity([(each.month, each.row)]) for each in shown])
    only = _only(question, sought, board)
    answer = alerts_summary(asked, found)
    ever = bool(count) or (bool(only) and visible_notices(asked).exists())
    empty = None
    if not (board.rows or found.open or ever):
        empty = no_entities_message(asked.person, asked.entities().count(), month_and_year(asked.month))
    told_all = {
        "title": empty[0] if empty else f"{answer.text} · Alerts",
        "page": board_summary(board, asked.reader, past=asked.past),
        "bar": _bar(asked, board, sought, path),
        "empty": empty,
        "answer": answer,
        "items": [_item(each, of_rows, teller) for each in shown],
        "left": len(found.open) - len(shown),
        "past_deadline": reverse("past_deadline"),
        "history": [_entry(each, rows, teller) for each in notices],
        "ever": ever,
        "nothing_yet": nothing_yet_message(found),
        "only": only,
        "clear": build_url(path, BoardQuery(at=question.at)),
        "count": count,
        "turn": pagination(build_url(path, question, sought.pairs()), number, pages),
        "written": mail_folder() is not None,
        "sent_mails": reverse("sent_mails") if asked.person.is_superuser and mail_folder() else "",
        "proof": _proof(asked),
        "try_url": _try_url(asked),
        "try_to": asked.person.email,
        "arranging": _arranging(asked),
    }
    own = [*sought.pairs(), *([("page", str(number))] if number > 1 else [])]
    return render_report(request, asked, "alerts", board, told_all, own=own, kept=sought.pairs())


def _proof(asked: BoardRequest) -> tuple[str, Sequence[str]] | None:
    """What the last nightly proof found, for who sees every entity: one sentence, and each difference."""
    newest = ProofRun.objects.filter(as_of__lte=asked.as_of).first() if asked.person.is_superuser else None
    if newest is None:
        return None
    at = labels.clock(newest.as_of, asked.reader.zone, asked.as_of)
    had = "1 alert had" if newest.expected == 1 else f"{newest.expected:,} alerts had"
    found = len(newest.differences)
    said = (
        f"{found:,} {'is' if found == 1 else 'are'} not as the history says" if found else "all is as it says"
    )
    return f"At {at} the history was read anew: {had} to exist, and {said}.", newest.differences


def _try_url(asked: BoardRequest) -> str:
    """Where a test message is asked for; empty for who may not, and while no mail leaves."""
    may = settings.MAILS_LEAVE and not asked.past and may_send_test(asked.person)
    return reverse("trial_message") if may else ""


def _arranging(asked: BoardRequest) -> list[tuple[str, str]]:
    """The pages on which the person may arrange what is told, and where they are."""
    found = [("What you get", reverse("subscriptions")), ("Silences", reverse("silences"))]
    if administers_a_group(asked.person):
        found += [("Rules", reverse("alert_rules")), ("Destinations", reverse("destinations"))]
    return found


# --- the toolbar above the history ----------------------------------------------------------------------------------


def _bar(asked: BoardRequest, board: Scoreboard, sought: NoticeFilter, path: str) -> Toolbar:
    """The toolbar with what notices can be narrowed by."""
    question, bar = asked.query, toolbar(asked, board, path, sought.pairs())
    return replace(
        bar,
        chips=[],
        first=[
            _pick("kind", "Kind", list(_KINDS.items()), sought.kind, usual="All but reminders"),
            _pick("message", "Message", list(MESSAGE_FILTERS.items()), sought.message),
            _pick("for", "Month", _months(asked), f"{sought.month:%Y-%m}" if sought.month else ""),
        ],
        more=[pick for pick in (*bar.first, *bar.more) if pick.name in _PICKED],
        used=sum(bool(getattr(question, name)) for name in _PICKED),
        hidden=BoardQuery(at=question.at).pairs(),
        clear=build_url(path, BoardQuery(at=question.at)),
    )


def _pick(
    name: str, label: str, options: Sequence[tuple[str, str]], chosen: str, usual: str = "All"
) -> SelectField:
    every = [("", usual), *options]
    if chosen not in dict(every):
        every.append((chosen, chosen))
    return SelectField(name, label, [(value, text, value == chosen) for value, text in every])


def _months(asked: BoardRequest) -> list[tuple[str, str]]:
    months = visible_notices(asked).exclude(period=None).order_by("-period__reporting_month")
    return [
        (f"{month:%Y-%m}", month_and_year(month))
        for month in months.values_list("period__reporting_month", flat=True).distinct()
    ]


def _only(question: BoardQuery, sought: NoticeFilter, board: Scoreboard) -> list[str]:
    own = [
        ("Kind", _KINDS.get(sought.kind, "")),
        ("Message", MESSAGE_FILTERS.get(sought.message, "")),
        ("Month", month_and_year(sought.month) if sought.month else ""),
    ]
    asked_for = BoardQuery(
        q=question.q, group=question.group, country=question.country, erp=question.erp, owner=question.owner
    )
    return [*(f"{label}: {text}" for label, text in own if text), *describe_filters(asked_for, board.groups)]


# --- the sentence on top --------------------------------------------------------------------------------------------


# --- one episode, one notice ----------------------------------------------------------------------------------------


def _entry(notice: Notice, rows: Mapping[int, Row], teller: NoticeSummarizer) -> NoticeHistoryEntry:
    asked = teller.board_request
    if notice.group is not None and notice.month is not None:
        board = BoardQuery(month=notice.month, group=notice.group.code, at=asked.query.at)
        url = board.url(reverse("scoreboard"))
        return NoticeHistoryEntry(
            notice.group.name, month_and_year(notice.month), url, teller.summarize(notice, None, 0)
        )
    if notice.connection is not None:
        name = notice.connection.name
        url = BoardQuery(erp=name, at=asked.query.at).url(reverse("scoreboard"))
        return NoticeHistoryEntry(name, "connection", url, teller.summarize(notice, None, 0))
    if notice.period is None:
        raise ValueError(f"notice {notice.pk} is about nothing")
    entity = notice.period.entity
    month = notice.period.reporting_month
    return NoticeHistoryEntry(
        entity.name,
        month_and_year(month),
        _url(entity.code, month, teller.board_request),
        teller.summarize(notice, rows.get(entity.pk), entity.pk),
    )


def _item(each: OpenAlert, of_rows: KnownOfRows, teller: NoticeSummarizer) -> OpenAlertItem:
    row, asked = each.row, teller.board_request
    standing = row.standing
    query = BoardQuery(month=each.month, at=asked.query.at).querystring()
    since = of_rows.since(row)
    line_of = f"over the {row.alert_after_days}-day line" if each.alerting else "not over the alert line"
    return OpenAlertItem(
        key=f"{row.code}-{each.month:%Y-%m}",
        name=row.name,
        code=row.code,
        month=month_and_year(each.month),
        line=row_cells(row, asked.as_of, asked.reader, query),
        late=f"+{labels.days(standing.days_late, standing.unit)}" if standing.days_late else "",
        unit=f"{labels.days_in_words(standing.days_late, standing.unit)} late" if standing.days_late else "",
        confirmed=row.fresh and not standing.unconfirmed,
        since=f"{line_of} since {labels.short_day(since)}" if since is not None else line_of,
        notices=[teller.summarize(notice, row, row.entity_id) for notice in each.notices],
        no_notice_reason="" if each.notices else _untold(each, asked.as_of, past=asked.past),
    )


def _untold(each: OpenAlert, as_of: datetime, *, past: bool) -> str:
    """Why nobody was told of an entity that is past its line."""
    if not each.read_before_deadline:
        why = NoticeReason.DEADLINE_BEFORE_FIRST_READ.value
        return f"Nobody is told of it: {why}."
    if past:
        return "Nobody had been told of it."
    if each.row.silence is not None:
        return f"Nobody has been told of it yet: it {NoticeReason.SILENCED.value}."
    if not each.row.fresh or each.row.standing.unconfirmed:
        return f"Nobody has been told of it yet: it {NoticeReason.NOT_CONFIRMED.value}."
    return "Nobody has been told of it yet: that is decided anew each minute."


def _url(code: str, month: date, asked: BoardRequest) -> str:
    return BoardQuery(month=month, at=asked.query.at).url(reverse("entity", args=[code]))

"""The baselines of the board: a constant answer, a bare fetch of its rows, and the same page in plain Django."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine, Template
from django.utils import timezone

from closing.calendar.months import parse_month
from entities.models import LegalEntity, Person
from periods.board_cache.cache import BOARD_CACHE
from periods.models import FiscalPeriod, PeriodDeadline, StateChange, SyncAttempt

_WHOLE_ROWS = """
    SELECT e.id, e.code, e.name, e.country, e.zone, g.code, c.name, o.name, p.id, p.name, p.first_day, p.last_day,
           p.state, p.because, d.due_on, d.zone, d.cut_off, d.label, d.explanation, s.state, s.seen_at,
           s.previous_read_at
    FROM entities_legalentity e
    JOIN entities_group g ON g.id = e.group_id
    JOIN periods_fiscalperiod p ON p.entity_id = e.id AND p.reporting_month = %s AND p.type = 'operating'
    LEFT JOIN periods_perioddeadline d ON d.period_id = p.id AND d.current
    LEFT JOIN entities_connection c ON c.id = e.connection_id
    LEFT JOIN entities_person o ON o.id = e.owner_id
    LEFT JOIN LATERAL (SELECT state, seen_at, previous_read_at FROM periods_statechange
                       WHERE period_id = p.id ORDER BY seen_at DESC LIMIT 1) s ON true
"""


def constant(request: HttpRequest) -> HttpResponse:
    """The same answer every time, through the same server and middleware; `status` and `bytes` set it."""
    return HttpResponse(_body(int(request.GET.get("bytes", 0))), status=int(request.GET.get("status", 200)))


def fetched(request: HttpRequest) -> HttpResponse:
    """Fetch the data of every row with psycopg alone, without a user, then answer with so many bytes."""
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    cursor.execute(_WHOLE_ROWS, [parse_month(request.GET["month"])])
    rows = cursor.fetchall()
    cursor.close()
    answer = constant(request)
    answer["Rows"] = str(len(rows))
    return answer


@login_required
def naive(request: HttpRequest) -> HttpResponse:
    """The board as usually written with Django: model objects, prefetches, and one template with a loop.

    It has one rule (days past a date), no freshness by company, no policies, and roll-ups only by counting.
    """
    month, now = parse_month(request.GET["month"]), timezone.now()
    person = cast("Person", request.user)
    periods = list(
        FiscalPeriod.objects.filter(
            reporting_month=month, type="operating", entity__in=LegalEntity.objects.visible_to(person)
        )
        .select_related("entity__group", "entity__owner", "entity__connection", "facts")
        .prefetch_related(
            Prefetch("deadlines", PeriodDeadline.objects.filter(current=True)),
            Prefetch("changes", StateChange.objects.order_by("seen_at")),
        )
    )
    last = SyncAttempt.objects.filter(outcome="ok").latest("started_at")
    rows: list[dict[str, Any]] = []
    for period in periods:
        closed = period.state == "closed"
        due = next(iter(period.deadlines.all()), None)
        closes = [change.seen_at for change in period.changes.all() if change.state == "closed"]
        day = closes[0].date() if closed and closes else now.date()
        late = max(0, (day - due.due_on).days) if due is not None else 0
        rows.append({"period": period, "due": due, "late": late, "closed": closed, "day": day})
    rows.sort(key=lambda row: (row["closed"], -row["late"], row["period"].entity.name))
    told = {
        "month": month,
        "person": person,
        "rows": rows,
        "read_at": last.started_at,
        "minutes": int((now - last.started_at).total_seconds() // 60),
        "closed": sum(row["closed"] for row in rows),
    }
    return HttpResponse(_template().render(Context(told)))


def forget(request: HttpRequest) -> HttpResponse:
    """Clear this process's cached boards and rows, as after a restart."""
    BOARD_CACHE.clear()
    return HttpResponse()


@cache
def _body(size: int) -> bytes:
    return b"x" * size


@cache
def _template() -> Template:
    return Engine.get_default().from_string(Path(__file__).with_name("naive.html").read_text())

"""What a big group must not be told: what was late before we looked, and what closed while nothing was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pytest
from django.core import mail

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, Notice
from alerts.outbox.sending import send_due_mails
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, previous_month
from closing.facts.base import NativePeriodFacts
from closing.facts.readings import PeriodReading, PeriodType, ReadResult
from periods.models import FiscalPeriod, SyncAttempt
from periods.recording.attempts import AttemptResult, begin_attempt
from periods.recording.store import record_readings
from tests.alerts.evaluations import OF_ALERTS, save_evaluation_span
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
ENTITIES = 300
MONTHS = 36
CODES = [f"E{number:03}" for number in range(1, ENTITIES + 1)]
NEWEST = date(2026, 5, 1)
MINUTE = timedelta(minutes=1)


def months_before(count: int) -> list[DateSpan]:
    found, month = [], NEWEST
    for _ in range(count):
        found.append(DateSpan(month, month_end(month)))
        month = previous_month(month)
    return found


def read_all(
    group: SampleGroup, at: datetime, spans: list[DateSpan], facts: Mapping[str, NativePeriodFacts]
) -> None:
    """One good reading of the whole connection."""
    attempt = begin_attempt(group.connection.pk, at, lease=timedelta(minutes=5))
    assert attempt is not None
    readings = tuple(
        PeriodReading(
            erp_id=group.entities[code].erp_id,
            erp_key=f"Fiscal|{span.last.year}|{span.last.month}",
            calendar="Fiscal",
            year=str(span.last.year),
            name=f"Period {span.last.month}",
            span=span,
            type=PeriodType.OPERATING,
            facts=said,
        )
        for code, said in facts.items()
        for span in spans
    )
    whole = DateSpan(spans[-1].first, spans[0].last)
    record_readings(
        attempt,
        ReadResult(readings, ()),
        whole,
        AttemptResult(SyncAttempt.Outcome.OK, at, rows=len(readings)),
    )


def evaluated(at: datetime) -> Counter[str]:
    """What one evaluation raised, by kind."""
    save_evaluation_span(at, hours=0)
    return Counter(run_evaluation(at).notices)


@pytest.mark.timeout(300)
def test_a12_the_first_reading_of_36_months_of_300_entities_sends_nothing(large_group: SampleGroup) -> None:
    """10,800 periods, half of them never closed: no notice, no message, then or on the days after."""
    first = utc("2026-06-20 12:00")
    save_evaluation_span(first - MINUTE)
    said = {code: OPEN if number % 2 else CLOSED for number, code in enumerate(CODES)}
    read_all(large_group, first, months_before(MONTHS), said)
    assert FiscalPeriod.objects.count() == ENTITIES * MONTHS
    for day in range(3):
        at = first + timedelta(days=day)
        save_evaluation_span(at)
        if day:
            read_all(large_group, at, months_before(MONTHS), said)
        assert evaluated(at) == {}
    assert Notice.objects.count() == Delivery.objects.count() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("asked_again", [False, True], ids=["we were away", "the ERP was away"])
def test_200_that_closed_during_six_dark_hours_are_not_called_late(
    large_group: SampleGroup, asked_again: bool
) -> None:
    """On the night to +6 of 300 entities nothing is read for six hours, and 200 of them close.

    Where it was we who were away, nothing at all is told before the first reading; where it was the ERP, that it is
    not read is told. Either way 100 alerts follow, in one mail to each, and no word of lateness about the others.
    """
    start = utc("2026-06-01 12:00")
    save_evaluation_span(start)
    span = months_before(1)
    read_all(large_group, start, span, dict.fromkeys(CODES, OPEN))
    evening = utc("2026-06-14 20:00")
    save_evaluation_span(evening)
    read_all(large_group, evening, span, dict.fromkeys(CODES, OPEN))
    evaluated(evening)
    Delivery.objects.all().update(state="sent", ended_at=evening)  # reminders of before

    closed, still_open = set(CODES[:200]), set(CODES[200:])
    back = evening + timedelta(hours=6)
    if asked_again:
        for quarter in range(1, 24):
            at = evening + timedelta(minutes=15 * quarter)
            save_evaluation_span(at, hours=1)
            found = evaluated(at)
            assert not set(found) - {"stale", "unconfirmed"}, found
            send_due_mails(at)
        assert not [each for each in mail.outbox if "more than 5 days late" in each.subject]
    told_before = len(mail.outbox)
    assert evaluated(back) == {}  # the newest reading is of yesterday evening
    send_due_mails(back)
    assert len(mail.outbox) == told_before

    reading = back + MINUTE
    read_all(
        large_group,
        reading,
        span,
        dict.fromkeys(sorted(closed), CLOSED) | dict.fromkeys(sorted(still_open), OPEN),
    )
    for minute in range(1, 6):
        evaluated(back + minute * MINUTE)
    alerts = Notice.objects.filter(kind="alert").values_list("period__entity__code", flat=True)
    assert set(alerts) == still_open
    send_due_mails(back + 6 * MINUTE)
    new = [each for each in mail.outbox[told_before:] if "more than 5 days late" in each.subject]
    for each in new:  # the alert, and the digest of the day
        assert each.subject.removeprefix("Daily digest: ").startswith(
            "100 entities are more than 5 days late"
        )
        assert not {code for code in closed if f"Entity {code}" in str(each.body)}
    alerted = {each.to[0] for each in new if not each.subject.startswith("Daily digest")}
    assert alerted == {"Rosa <rosa@meridian.test>", "Sanne de Wit <sanne.de.wit@meridian.test>"}
    of_alerts = Notice.objects.filter(kind__in=OF_ALERTS, period__entity__code__in=closed)
    assert set(of_alerts.values_list("kind", flat=True)) <= {"unconfirmed"}

"""An entity that was never read has a deadline, becomes late by the clock, and alerts (01-domain 1.4)."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluate.overdue import evaluate_overdue
from alerts.mail.compose import compose_mail
from alerts.models import Delivery, OverdueFlag, Overrun
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext, load_messages
from alerts.reconciliation import reconcile
from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from entities.models import Connection, LegalEntity, Person
from periods.deadline_setting import set_deadlines
from periods.expected_periods import never_read_entities
from periods.group_file.loading import load_group
from periods.models import FiscalPeriod
from periods.snapshot.builder import take_snapshot
from tests.alerts.evaluations import evaluate_and_list_notices, save_evaluation_span
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup
from tests.hypothesis_profiles import examples

pytestmark = pytest.mark.django_db
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
MAY_DAYS = DateSpan(MAY, date(2026, 5, 31))
GROUP = """\
groups:
  - {code: MERIDIAN, name: Meridian Group}
calendars:
  - {code: ENGLAND, name: England, country: GB, subdivision: ENG}
connections:
  - name: meridian-prod
    kind: finops
    base_url: http://127.0.0.1:9100
    tenant: meridian
    client_id: simulator
    secret: ssh
people:
  - {email: rosa@meridian.test, name: Rosa Bell, roles: [{role: finance, group: MERIDIAN}]}
entities:
  - &one
    code: UKRT
    name: UK Retail Ltd
    country: GB
    zone: Europe/London
    group: MERIDIAN
    calendar: ENGLAND
    connection: meridian-prod
    erp_id: ukrt
"""
POLICY = """\
policies:
  - {group: MERIDIAN, rule: WD6}
"""


def loaded(at: str, text: str = GROUP + POLICY) -> SampleGroup:
    """Load the group file at a moment."""
    load_group(text.replace("&one\n    ", ""), as_of=utc(at), environ={})
    entities = {one.code: one for one in LegalEntity.objects.all()}
    return SampleGroup(Connection.objects.get(), entities)


def notices(at: str) -> list[str]:
    """The notices of an evaluation, after two hours of evaluations without a gap."""
    save_evaluation_span(utc(at))
    return evaluate_and_list_notices(utc(at))


def line(client: Client, at: str, month: str = "2026-05") -> dict[str, str]:
    """The entity's line in the board's CSV file, as Rosa gets it, at a past moment in UTC."""
    client.force_login(Person.objects.get())
    answer = client.get("/export/board.csv", {"month": month, "at": f"{at}+00:00"})
    [found] = csv.DictReader(answer.getvalue().decode("utf-8-sig").splitlines())
    return found


def page(client: Client, path: str, at: str, month: str = "2026-05") -> str:
    client.force_login(Person.objects.get())
    answer = client.get(path, {"month": month, "at": f"{at}+00:00"})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def may(facts: NativePeriodFacts) -> dict[str, NativePeriodFacts]:
    return {"UKRT": facts}


def test_it_reads_late_by_the_month_and_alerts_once(client: Client) -> None:
    loaded("2026-06-01 09:00")
    row = line(client, "2026-06-05T12:00")
    assert (row["due_on"], row["level"], row["days_late"]) == ("2026-06-08", "unknown", "0")
    assert row["deadline_explanation"] == (
        "6th working day after Sun 31 May 2026, England calendar, working day 1 = Mon 1 June:"
        " Mon 8 June 2026; its period is not known yet"
    )
    assert notices("2026-06-05 12:00") == []
    assert notices("2026-06-13 12:00") == []  # five days late
    assert notices("2026-06-14 12:00") == ["unconfirmed UKRT"]
    assert notices("2026-06-28 12:00") == []
    row = line(client, "2026-06-28T12:00")
    assert (row["state"], row["level"], row["days_late"]) == ("unknown", "alerting", "20")
    assert (row["read_at"], row["fresh"]) == ("", "false")
    assert reconcile(utc("2026-06-28 12:00")).differences == []
    for path in ("/", "/matrix/", "/calendar/", "/past-deadline/", "/wall/", "/alerts/"):
        text = page(client, path, "2026-06-28T12:00")
        assert "20" in text, path
        assert "never" in text.lower(), path
        footnote = "what was closed when last read"  # of all fractions of the matrix
        assert "when last read" not in text.replace(footnote, ""), path
    assert "Never read, alerting by today’s date" in page(client, "/alerts/", "2026-06-28T12:00")
    text = page(client, "/entities/UKRT/", "2026-06-28T12:00")
    assert "no longer says" not in text
    assert "20 days past its deadline of Mon 8 June, never read" in strip(text)
    assert "its period is not known yet: the deadline is counted from the end of May 2026." in text
    assert "its period is not known yet. It ends" in text  # how the deadline was counted


def test_the_mail_says_never_read(client: Client) -> None:
    loaded("2026-06-01 09:00")
    notices("2026-06-14 12:00")
    subject, body = composed()
    assert "never read" in subject
    assert "was never read. By today’s date it is more than 5" in " ".join(body.split())
    assert "when last read" not in body


def test_the_first_reading_confirms_it(client: Client) -> None:
    group = loaded("2026-06-01 09:00")
    assert notices("2026-06-14 12:00") == ["unconfirmed UKRT"]
    group.read("2026-06-19 11:59", may(OPEN), span=MAY_DAYS)
    assert notices("2026-06-19 12:00") == ["alert UKRT", "escalation UKRT"]
    assert notices("2026-06-19 12:01") == []
    [period] = FiscalPeriod.objects.filter(reporting_month=MAY)
    assert (period.name, period.changes.get().previous_state) == ("Period 5", None)
    row = line(client, "2026-06-19T12:00")
    assert (row["state"], row["level"], row["days_late"]) == ("open", "alerting", "11")
    assert "not known yet" not in row["deadline_explanation"]
    assert reconcile(utc("2026-06-19 12:30")).differences == []
    # The board of a moment before stays as it was.
    before = line(client, "2026-06-14T12:00")
    assert (before["state"], before["level"], before["days_late"]) == ("unknown", "alerting", "6")
    assert "not known yet" in before["deadline_explanation"]


def test_read_closed_it_is_cleared_once_and_counts_neither_way(client: Client) -> None:
    group = loaded("2026-06-01 09:00")
    assert notices("2026-06-14 12:00") == ["unconfirmed UKRT"]
    group.read("2026-06-19 11:59", may(CLOSED), span=MAY_DAYS)
    assert notices("2026-06-19 12:00") == []
    group.read("2026-06-19 12:40", may(CLOSED), span=MAY_DAYS)
    assert notices("2026-06-19 12:40") == ["cleared UKRT"]
    assert line(client, "2026-06-19T12:41")["level"] == "closed_date_unknown"
    assert not Overrun.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize(
    ("last", "due_on", "level"),
    [
        (date(2026, 5, 24), "2026-06-02", "alerting"),  # 4-4-5: due earlier than the month said
        (date(2026, 6, 6), "2026-06-15", "not_due"),  # due later: it was never late
    ],
)
def test_other_dates_take_over_without_a_false_notice(
    client: Client, last: date, due_on: str, level: str
) -> None:
    group = loaded("2026-06-01 09:00")
    assert notices("2026-06-11 12:00") == []  # three days late by the month
    group.read("2026-06-11 12:05", may(OPEN), span=DateSpan(last - timedelta(days=27), last))
    row = line(client, "2026-06-11T12:06")
    assert (row["due_on"], row["level"]) == (due_on, level)
    expected = ["alert UKRT"] if level == "alerting" else []
    assert notices("2026-06-11 12:06") == expected
    assert Overrun.objects.filter(closed_at=None).exists() is (level == "alerting")
    assert FiscalPeriod.objects.filter(reporting_month=MAY).count() == 1
    assert reconcile(utc("2026-06-11 12:20")).differences == []


def test_added_after_its_deadline_it_reads_late_and_tells_nobody(client: Client) -> None:
    group = loaded("2026-06-28 09:00")
    row = line(client, "2026-06-28T12:00")
    assert (row["due_on"], row["level"], row["days_late"]) == ("2026-06-08", "alerting", "20")
    assert notices("2026-06-28 12:00") == []
    assert line(client, "2026-06-28T12:00", "2026-04")["due_on"] == ""  # of months before nothing is claimed
    assert "had passed before" in page(client, "/alerts/", "2026-06-28T12:00")
    group.read("2026-06-28 12:05", may(OPEN), span=MAY_DAYS)
    assert notices("2026-06-28 12:06") == []
    assert reconcile(utc("2026-06-28 13:00")).differences == []


def test_without_a_policy_no_deadline_is_set(client: Client) -> None:
    loaded("2026-06-01 09:00", GROUP)
    assert not FiscalPeriod.objects.exists()
    assert notices("2026-06-28 12:00") == []
    row = line(client, "2026-06-28T12:00")
    assert (row["due_on"], row["level"]) == ("", "unknown")


def test_it_counts_from_the_month_of_its_active_from(client: Client) -> None:
    loaded("2026-06-01 09:00", GROUP + "    active_from: 2026-06-14\n" + POLICY)
    assert (
        FiscalPeriod.objects.order_by("reporting_month").values_list("reporting_month", flat=True)[0] == JUNE
    )
    assert notices("2026-06-28 12:00") == []
    [row] = take_snapshot(LegalEntity.objects.all(), JUNE, utc("2026-07-01 12:00")).rows
    assert row.deadline is not None
    assert row.deadline.due_on == date(2026, 7, 8)
    assert notices("2026-07-14 12:00") == ["unconfirmed UKRT"]


def test_months_are_added_as_they_begin(client: Client) -> None:
    loaded("2026-06-01 09:00")
    set_deadlines(never_read_entities(), utc("2027-03-01 12:00"))
    months = FiscalPeriod.objects.order_by("reporting_month").values_list("reporting_month", flat=True)
    assert (months[0], months[len(months) - 1]) == (MAY, date(2027, 5, 1))
    set_deadlines(never_read_entities(), utc("2027-03-01 13:00"))
    assert len(months.all()) == 8


def test_history_that_is_loaded_afterwards_has_its_own_deadlines(client: Client) -> None:
    """A demo loads the group today, then the readings of the past."""
    group = loaded("2026-06-28 09:00")
    group.read("2026-06-04 12:00", may(OPEN), span=MAY_DAYS)
    group.read("2026-06-09 11:00", may(OPEN), span=MAY_DAYS)
    group.read("2026-06-09 12:00", may(CLOSED), span=MAY_DAYS)
    assert line(client, "2026-06-04T12:00")["due_on"] == "2026-06-08"
    assert line(client, "2026-06-09T12:01")["level"] == "closed_late"
    assert "not known yet" not in line(client, "2026-06-09T12:01")["deadline_explanation"]


def test_a_month_that_the_erp_does_not_list_is_no_longer_expected(client: Client) -> None:
    """A quarterly calendar: its first reading brings no period of May."""
    group = loaded("2026-06-01 09:00")
    assert notices("2026-06-14 12:00") == ["unconfirmed UKRT"]
    group.read("2026-06-19 12:00", may(CLOSED), span=DateSpan(date(2026, 1, 1), date(2026, 3, 31)))
    assert notices("2026-06-19 12:01") == []
    assert not Overrun.objects.filter(closed_at=None).exists()
    row = line(client, "2026-06-19T12:01")
    assert (row["due_on"], row["level"]) == ("", "unknown")
    assert notices("2026-07-20 12:00") == []  # nor June, which was expected as well
    assert reconcile(utc("2026-07-20 12:00")).differences == []


def test_an_agreed_date_needs_no_period_and_moves_no_past(client: Client) -> None:
    loaded("2026-05-20 09:00")
    item = "{{entity: UKRT, month: 2026-05, due_on: {}, reason: a move, agreed_by: rosa@meridian.test}}"
    agreed = f"agreed_dates: [{item}]"
    load_group(agreed.format("2026-06-11"), as_of=utc("2026-05-29 09:00"), environ={})
    assert line(client, "2026-06-12T12:00")["days_late"] == "1"
    load_group(agreed.format("2026-06-30"), as_of=utc("2026-06-12 13:00"), environ={})
    row = line(client, "2026-06-13T12:00")
    assert (row["due_on"], row["days_late"], row["expected_on"]) == ("2026-06-11", "2", "2026-06-30")


@examples(40)
@given(
    hours=st.integers(0, 24 * 45),
    alert_after=st.integers(0, 9),
    unit=st.sampled_from(["calendar", "working"]),
    cut_off=st.sampled_from(["", ", cut_off: 12:00", ", cut_off: 18:30"]),
    zone=st.sampled_from(["Europe/London", "Pacific/Auckland", "America/Los_Angeles"]),
    read=st.booleans(),
)
def test_sql_says_what_judge_says(
    hours: int, alert_after: int, unit: str, cut_off: str, zone: str, read: bool
) -> None:
    with transaction.atomic():
        policy = POLICY.replace("WD6", f"WD6, alert_after_days: {alert_after}, days: {unit}{cut_off}")
        group = loaded("2026-06-01 00:00", (GROUP + policy).replace("Europe/London", zone, 1))
        at = utc("2026-06-01 00:00") + timedelta(hours=hours)
        if read:
            group.read(at, may(OPEN), span=MAY_DAYS)
        evaluate_overdue(at)
        flags = OverdueFlag.objects.values_list("period__reporting_month", "level", "days_late")
        judged = {
            month: (row.standing.level.value, row.standing.days_late)
            for month in (date(2026, 4, 1), MAY, JUNE)
            for row in take_snapshot(LegalEntity.objects.all(), month, at).rows
        }
        found = {month: (level, days) for month, level, days in flags}
        assert {month: judged[month] for month in found} == found
        late = {month for month, (level, _) in judged.items() if level in ("late", "alerting")}
        assert late <= found.keys()
        transaction.set_rollback(True)


def strip(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


def composed() -> tuple[str, str]:
    """Subject and text of the one mail that is due, composed as a sender does."""
    context = SendContext(utc("2026-06-14 12:01"))
    delivery = Delivery.objects.get()
    items, left_out, as_of = relevant_items(load_messages([delivery.pk])[delivery.pk], context)
    assert not left_out
    mail = compose_mail(delivery, items, as_of)
    return str(mail.subject), str(mail.body)

"""A permanently closed period that is seen open again is an anomaly on pages, in files and in a notice of its own."""

from __future__ import annotations

import csv
import io
from html import unescape

import pytest
from django.core import mail
from django.test import Client

from alerts.models import Delivery, DeliveryLine
from alerts.outbox.sending import send_due_mails
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Membership, Person
from tests.alerts.evaluations import read_and_evaluate, save_group_with_recipients, save_member
from tests.builders import CLOSED, FROM_JUNE, NO_LIMITS, NOT_UNDERSTOOD, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
PERMANENT = {NoticeKind.PERMANENT_REOPENED}
TWICE = "reopened 2 times; Finance & Operations should not allow this"


def shown(as_of: str, path: str = "/", who: str = "Samuel") -> str:
    client = Client()
    client.force_login(Person.objects.get(name=who))
    answer = client.get(path, {"month": "2026-05", "at": f"{as_of}Z"})
    assert answer.status_code == 200
    return unescape(b"".join(answer).decode())


def test_the_mark_stays_for_the_month_and_auditors_and_administrators_have_a_notice(
    audited: SampleGroup,
) -> None:
    assert read_and_evaluate(audited, "2026-06-08 12:00", PERMANENT, NLDT=CLOSED) == []
    # On hold, and a moment of not being understood, are no excuse.
    audited.read("2026-06-09 11:00", {"NLDT": NOT_UNDERSTOOD})
    assert read_and_evaluate(audited, "2026-06-09 12:00", PERMANENT, NLDT=ON_HOLD) == ["anomaly NLDT"]
    assert read_and_evaluate(audited, "2026-06-09 12:10", PERMANENT, NLDT=CLOSED) == []
    # Open for ten minutes, after a close of twenty: too short for a reopening, and no less an anomaly.
    assert read_and_evaluate(audited, "2026-06-09 12:31", PERMANENT, NLDT=OPEN) == ["anomaly NLDT"]
    assert read_and_evaluate(audited, "2026-06-09 12:41", PERMANENT, NLDT=CLOSED) == []
    lines = DeliveryLine.objects.filter(notice__kind="anomaly")
    assert set(lines.values_list("recipient__name", flat=True)) == {"Samuel", "Priya"}

    Delivery.objects.exclude(rhythm="at_once").update(due_at=utc("2099-01-01 12:00"))
    send_due_mails(utc("2026-06-09 12:42"))
    (to_samuel,) = [sent for sent in mail.outbox if "samuel" in sent.to[0]]
    assert str(to_samuel.subject).startswith(
        "EU DTC BV: May 2026 was permanently closed and has been reopened 2 times"
    )
    assert "Finance & Operations should not allow this" in " ".join(str(to_samuel.body).split())

    for path in ("/", "/entities/NLDT/", "/matrix/", "/calendar/"):
        assert TWICE in shown("2026-06-09T12:42", path), path
        assert "reopened once; Finance" in shown("2026-06-09T12:11", path), path
        assert "should not allow" not in shown("2026-06-08T12:30", path), path
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(shown("2026-06-09T12:42", "/export/board.csv")))
        if row["code"] == "NLDT"
    ]
    assert (row["state"], row["reopened"], row["permanent_reopenings"]) == ("closed", "true", "2")
    assert "Permanent close undone" in shown("2026-06-09T12:42", "/alerts/", "Priya")


def test_a_period_that_may_be_reopened_is_marked_as_reopened_after_it_closed_again(
    audited: SampleGroup,
) -> None:
    """Business Central reopens by its posting range: no anomaly, and the mark stays all the same."""
    for at, facts in (("2026-06-08", FROM_JUNE), ("2026-06-09", NO_LIMITS), ("2026-06-10", FROM_JUNE)):
        assert read_and_evaluate(audited, f"{at} 12:00", PERMANENT, NLDT=facts) == []
    page = shown("2026-06-10T12:10")
    assert "reopened" in page
    assert "should not allow" not in page


def test_a_close_undone_before_the_period_had_ended_is_no_reopening() -> None:
    """EU DTC BV is in New York, where it is still May."""
    group = save_group_with_recipients(read=False)
    LegalEntity.objects.filter(code="NLDT").update(zone="America/New_York")
    save_member("samuel", Membership.Role.AUDITOR, Group.objects.get(code="MERIDIAN"))
    for at, facts in (("2026-06-01 02:00", CLOSED), ("2026-06-01 03:00", OPEN), ("2026-06-02 12:00", OPEN)):
        assert read_and_evaluate(group, at, PERMANENT, NLDT=facts) == []
    assert "should not allow" not in shown("2026-06-02T12:10")

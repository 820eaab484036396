"""Old notices go with their messages; the proof agrees before, after, and wherever the work is killed."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection as database
from pytest_django.fixtures import Settings

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, DeliveryLine, Notice, NoticeCutoff, Outage, ProofRun, Trouble
from alerts.notice_retention import count_old_notices, delete_old_notices
from alerts.reconciliation import reconcile, reconcile_and_record
from closing.judging.notice_rules import NoticeKind
from infra.batched_deletes import delete_expired_sessions
from infra.models import AuditEvent
from infra.ticks import database_clock
from tests.alerts.evaluations import (
    ALL_CLOSED,
    evaluate_and_list_notices,
    read_and_evaluate,
    save_evaluation_span,
    save_group_with_recipients,
)
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup
from tests.saved_once import saved_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOW = utc("2026-07-10 12:00")
KEEP = 15 * DAY  # until 25 June


def save_alerts() -> SampleGroup:
    """EU DTC BV and UK Retail had alerts on 15 June and closed on the 17th; US Retail has had one since the 19th.

    On 30 June EU DTC BV was reopened, and it is late again.
    """
    group = save_group_with_recipients()
    late = {"NLDT": OPEN, "UKRT": OPEN, "USRT": OPEN}
    closed = {"NLDT": CLOSED, "UKRT": CLOSED, "USRT": OPEN}
    for at, said in (
        ("2026-06-14 12:00", late),
        ("2026-06-15 12:00", late),
        ("2026-06-17 12:00", closed),
        ("2026-06-17 13:00", closed),
        ("2026-06-19 12:00", closed),
        ("2026-06-30 12:00", closed | {"NLDT": OPEN}),
        ("2026-07-10 11:55", closed | {"NLDT": OPEN}),
    ):
        read_and_evaluate(group, at, **said)
        for message in Delivery.objects.filter(state="waiting"):
            Delivery.objects.filter(pk=message.pk).update(state="sent", ended_at=message.made_at)
    return group


def notices() -> set[tuple[str, str, int]]:
    return {
        (notice.kind, notice.period.entity.code if notice.period else "", notice.episode)
        for notice in Notice.objects.select_related("period__entity")
    }


def words(as_of: datetime) -> list[str]:
    return [mismatch.describe() for mismatch in reconcile(as_of).differences]


def test_old_notices_go_with_their_messages() -> None:
    saved_once(save_alerts)
    Trouble.objects.create(
        channel="email", refused=False, words="x", began_at=NOW - 40 * DAY, ended_at=NOW - 39 * DAY
    )
    reconcile_and_record(NOW - 20 * DAY)
    reconcile_and_record(NOW)
    old = count_old_notices(NOW, keep=KEEP)
    assert old > 0
    before, count = notices(), Notice.objects.count()
    assert delete_old_notices(NOW, keep=KEEP, batch=1) == old
    assert Notice.objects.count() == count - old
    assert {("alert", "UKRT", 1), ("cleared", "UKRT", 1)} <= before - notices()
    assert {code for _, code, _ in before - notices()} <= {"UKRT", ""}
    assert not Delivery.objects.filter(lines=None).exists()
    assert not Trouble.objects.exists()
    assert [run.as_of for run in ProofRun.objects.all()] == [NOW]
    database.check_constraints()
    assert delete_old_notices(NOW, keep=KEEP) == 0
    [event] = AuditEvent.objects.filter(verb="alerts.old_notices_deleted")
    assert event.after == {"notices": old, "raised_before": "2026-06-25T00:00:00.000000+00:00"}


@pytest.mark.slow
def test_what_is_not_over_keeps_its_notices_and_brings_none_anew() -> None:
    saved_once(save_alerts)
    delete_old_notices(NOW, keep=KEEP)
    assert ("alert", "USRT", 1) in notices()
    assert evaluate_and_list_notices(NOW, list(NoticeKind)) == []


@pytest.mark.slow
def test_what_is_over_goes_and_is_not_raised_again() -> None:
    group = save_alerts()
    read_and_evaluate(group, "2026-07-10 13:00", **ALL_CLOSED)
    later = utc("2026-07-12 12:00")
    read_and_evaluate(group, later, **ALL_CLOSED)
    at = later + 60 * DAY
    delete_old_notices(at, keep=KEEP)
    assert Notice.objects.count() == 0
    assert (Delivery.objects.count(), DeliveryLine.objects.count()) == (0, 0)
    group.read(at - timedelta(minutes=1), ALL_CLOSED)
    assert evaluate_and_list_notices(at, list(NoticeKind)) == []


def test_the_proof_agrees_before_and_after() -> None:
    saved_once(save_alerts)
    assert words(NOW) == []
    expected = reconcile(NOW).expected
    delete_old_notices(NOW, keep=KEEP)
    assert words(NOW) == []
    assert reconcile(NOW).expected < expected
    # At a moment before the cut-off, and with a setting that keeps more: what was deleted is asked for no more.
    assert words(utc("2026-06-16 12:00")) == []
    delete_old_notices(NOW, keep=40 * DAY)
    assert words(NOW) == []
    assert NoticeCutoff.objects.get().at == utc("2026-06-25 00:00")


@pytest.mark.slow
def test_the_proof_still_misses_an_alert_that_had_to_be_kept() -> None:
    saved_once(save_alerts)
    delete_old_notices(NOW, keep=KEEP)
    kept = Notice.objects.filter(
        kind="alert", period__entity__code="NLDT", raised_at__gte=utc("2026-06-25 00:00")
    )
    assert kept.delete()[0]
    assert any("does not" in text for text in words(NOW))


def test_an_outage_that_goes_on_keeps_its_notice(meridian: SampleGroup) -> None:
    """And the numbers of later ones go on: those of outages, and those of the ends of trouble."""
    connection = meridian.connection
    for episode in (1, 2):
        Outage.objects.create(
            connection=connection,
            kind="stale",
            episode=episode,
            opened_at=NOW - (30 - 5 * episode) * DAY,
            closed_at=NOW - (29 - 5 * episode) * DAY if episode == 1 else None,
        )
        Notice.objects.create(
            kind="stale",
            connection=connection,
            episode=episode,
            reason="x",
            fresh=False,
            raised_at=NOW - (30 - 5 * episode) * DAY,
        )
    assert delete_old_notices(NOW, keep=DAY) == 0
    Outage.objects.update(closed_at=NOW)
    assert delete_old_notices(NOW, keep=DAY) == 2
    save_evaluation_span(NOW + 10 * DAY)
    run_evaluation(NOW + 10 * DAY)
    assert Outage.objects.get(closed_at=None).episode == 3


def test_the_command_counts_and_does(settings: Settings) -> None:
    saved_once(save_alerts)
    now = database_clock()
    settings.KEEP_NOTICES, settings.PACK_READS_AFTER = now - utc("2026-06-25 00:00"), timedelta(days=7)
    Session.objects.create(session_key="old", session_data="", expire_date=now - DAY)
    Session.objects.create(session_key="new", session_data="", expire_date=now + DAY)
    count = Notice.objects.count()
    out = StringIO()
    call_command("retain", "--dry-run", stdout=out)
    assert "reads may be packed" in out.getvalue()
    assert Notice.objects.count() == count
    call_command("retain", stdout=out)
    assert Notice.objects.count() < count
    assert [session.session_key for session in Session.objects.all()] == ["new"]


def test_sessions_that_have_ended_go(db: None) -> None:
    for number in range(3):
        Session.objects.create(
            session_key=f"s{number}", session_data="", expire_date=NOW + (number - 1) * DAY
        )
    assert delete_expired_sessions(NOW) == 1

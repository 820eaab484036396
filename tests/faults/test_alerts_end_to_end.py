"""The promise of the product through its real doors: an ERP, workers that read and send, a mail server.

Only time is helped along: the day on which we began to watch, the agreed date, the half hour that a close must last.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection as database
from django.utils import timezone

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, Notice
from alerts.reconciliation import reconcile
from closing.calendar.instants import local_date, zone_named
from closing.judging.notice_rules import HOLD_DOWN
from entities.models import Group, LegalEntity, Membership, Person
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate
from simulator.run import Running
from tests.alerts.evaluations import OF_ALERTS, save_evaluation_span
from tests.closeboard.processes import poll_until
from tests.faults.smtp_sink import Sink
from tests.faults.stack import Workers, queue_task
from tests.faults.sync_helpers import Fleet, fleet_of, look_until, newest, read_since

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]
NAMES = ("EU DTC BV", "UK HoldCo", "UK Retail Ltd", "US Retail Inc")
Role = Membership.Role


class Story:
    """The group in the ERP and here, and what its people have been sent."""

    def __init__(self, fleet: Fleet, sink: Sink) -> None:
        self.fleet, self.sink = fleet, sink
        self.late = LegalEntity.objects.get(code="E00001")

    def erp_says(self, status: str) -> None:
        """The ERP changes EU DTC BV, and a worker reads it."""
        month = f"{self.fleet.month:%Y-%m}"
        self.fleet.sim.set_states([{"company": "E00001", "period": month, "status": status}])
        before = newest()
        look_until(read_since(before), 60, f"a worker reads that it is {status}")

    def agree(self, days_ago: int) -> None:
        """The group agrees on a new day for EU DTC BV."""
        now = timezone.now()
        AgreedDate.objects.create(
            entity=self.late,
            reporting_month=self.fleet.month,
            due_on=local_date(now, zone_named(self.late.zone)) - timedelta(days=days_ago),
            reason="agreed for this story",
            agreed_by="R. Bell",
            set_at=now,
        )
        set_deadlines([self.late.pk], now)

    def evaluated(self, times: int = 1) -> list[str]:
        """The kinds of alerts that so many evaluations bring; workers are told to send what is not for a digest."""
        before = set(Notice.objects.values_list("pk", flat=True))
        save_evaluation_span(timezone.now(), hours=1)
        for _ in range(times):
            run_evaluation(timezone.now())
        # Five minutes between two mails to one person is what people want, and longer than a test should take.
        at_once = Delivery.objects.filter(state="waiting", rhythm="at_once")
        at_once.update(due_at=timezone.now())
        queue_task("alerts.send")
        new = Notice.objects.exclude(pk__in=before).filter(kind__in=OF_ALERTS)
        return sorted(new.values_list("kind", flat=True))

    def mails(self, count: int) -> dict[str, list[str]]:
        """The subjects that each address has been sent, once so many mails have come."""
        poll_until(lambda: len(self.sink.copies) >= count, 40, f"{count} mails")
        found: dict[str, list[str]] = {}
        for copy in self.sink.copies:
            found.setdefault(copy.recipient, []).append(str(copy.mail["Subject"]))
        assert len(self.sink.copies) == count
        return found


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def story(fleet_sim: Running, live_stack_env: dict[str, str], sink: Sink, tmp_path: Path) -> Story:
    """Four companies, three of them closed; Sanne owns EU DTC BV, Rosa is finance, and two others must not hear."""
    fleet = fleet_of(fleet_sim, len(NAMES), interval=timedelta(seconds=5))
    for number, name in enumerate(NAMES, start=1):
        LegalEntity.objects.filter(code=f"E{number:05}").update(name=name)
    fleet.turn("Closed")
    sanne = Person.objects.create(email="sanne@meridian.test", name="Sanne de Wit")
    LegalEntity.objects.filter(code="E00001").update(owner=sanne, zone=_where_it_is_noon())
    late = LegalEntity.objects.get(code="E00001")
    Membership.objects.create(person=sanne, role=Role.OWNER, entity=late)
    for name, role, place in (
        ("rosa", Role.FINANCE, Group.objects.get(code="MERIDIAN")),
        ("audrey", Role.AUDITOR, Group.objects.get(code="MERIDIAN")),
        ("paul", Role.FINANCE, Group.objects.get(code="AMERICAS")),
    ):
        somebody = Person.objects.create(email=f"{name}@meridian.test", name=name.title())
        Membership.objects.create(person=somebody, role=role, group=place)
    return Story(fleet, sink)


def test_eu_dtc_from_plus_five_to_its_close_and_reopening(
    story: Story, live_stack_env: dict[str, str], tmp_path: Path
) -> None:
    with story.sink, Workers(_with_mail(live_stack_env, story.sink), tmp_path) as workers:
        workers.worker()
        story.erp_says("Open")
        _began_to_watch(days_ago=30)

        story.agree(days_ago=5)
        assert story.evaluated() == []  # +5 is on watch

        story.agree(days_ago=6)
        assert story.evaluated() == ["alert"]
        told = story.mails(2)
        assert set(told) == {"sanne@meridian.test", "rosa@meridian.test"}
        assert all("EU DTC BV" in subject for subjects in told.values() for subject in subjects)
        assert story.evaluated(100) == []

        story.erp_says("Closed")
        assert story.evaluated() == []  # whether it stays closed is not known yet
        _half_an_hour_goes_by()
        assert story.evaluated() == ["cleared"]
        assert {len(subjects) for subjects in story.mails(4).values()} == {2}

        _the_close_was_seen_long_ago()
        story.erp_says("Open")
        assert story.evaluated() == ["alert", "reopened"]
        assert {len(subjects) for subjects in story.mails(6).values()} == {3}
        assert story.evaluated(10) == []

        at_once = Delivery.objects.filter(rhythm="at_once")
        poll_until(lambda: not at_once.exclude(state="sent").exists(), 20, "every message is marked")
        found = reconcile(timezone.now())
        assert [each.describe() for each in found.differences] == []
        assert len(story.sink.ids) == at_once.count() == 6
        assert story.sink.extra == 0


def _where_it_is_noon() -> str:
    """A zone in which the story, which is moved by an hour or two, keeps to one day."""
    return f"Etc/GMT{timezone.now().hour - 12:+d}"


def _with_mail(env: dict[str, str], sink: Sink) -> dict[str, str]:
    return env | {"MAIL_URL": sink.url(), "MAILS_A_MINUTE": "1000", "PATH": os.environ["PATH"]}


def _began_to_watch(*, days_ago: int) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE periods_readspan SET first_read_at = first_read_at - make_interval(days => %s)",
            [days_ago],
        )


def _half_an_hour_goes_by() -> None:
    with database.cursor() as cursor:
        cursor.execute("UPDATE alerts_overdueflag SET since = since - %s::interval", [str(HOLD_DOWN)])
        cursor.execute(
            "UPDATE alerts_overrun SET closed_at = closed_at - %s::interval, opened_at = opened_at - "
            "%s::interval",
            [str(HOLD_DOWN), str(HOLD_DOWN)],
        )


def _the_close_was_seen_long_ago() -> None:
    """Half an hour more has gone by for all that happened; history refuses that, so its triggers are off."""
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE periods_statechange DISABLE TRIGGER USER")
        for table, columns in (
            ("periods_statechange", ("seen_at", "previous_read_at")),
            ("periods_perioddeadline", ("set_at",)),
            ("alerts_notice", ("raised_at",)),
        ):
            moved = ", ".join(f"{column} = {column} - %(ago)s::interval" for column in columns)
            cursor.execute(f"UPDATE {table} SET {moved}", {"ago": str(HOLD_DOWN)})
        cursor.execute("ALTER TABLE periods_statechange ENABLE TRIGGER USER")

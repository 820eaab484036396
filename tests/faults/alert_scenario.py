"""Four companies in an ERP and here, what happens to EU DTC BV, and what its people are sent."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, Notice
from closing.calendar.instants import local_date, zone_named
from entities.models import Group, LegalEntity, Membership, Person
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate, PeriodDeadline
from simulator.run import Running
from tests.alerts.evaluations import OF_ALERTS, save_evaluation_span
from tests.closeboard.processes import poll_until
from tests.faults.smtp_sink import Sink
from tests.faults.stack import queue_task
from tests.faults.sync_helpers import Fleet, fleet_of, look_until, newest, read_since

NAMES = ("EU DTC BV", "UK HoldCo", "UK Retail Ltd", "US Retail Inc")
Role = Membership.Role


class AlertScenario:
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
        """The group has agreed on another day for EU DTC BV, as if from the start: no agreement moves a past."""
        now = timezone.now()
        PeriodDeadline.objects.filter(
            period__entity=self.late, period__reporting_month=self.fleet.month
        ).delete()
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
        assert len(self.sink.copies) == count, found
        return found


def save_alert_scenario(fleet_sim: Running) -> AlertScenario:
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
    return AlertScenario(fleet, Sink())


def _where_it_is_noon() -> str:
    """A zone in which the story, which is moved by an hour or two, keeps to one day."""
    return f"Etc/GMT{timezone.now().hour - 12:+d}"

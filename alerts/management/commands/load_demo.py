"""`manage.py load_demo`: load the demo group, with a history read from the simulator at past moments."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Max

from alerts.evaluate.overdue import evaluate_overdue
from alerts.management.demo_runs import send_demo_runs
from closing.calendar.months import active_month, month_end, previous_month
from closing.facts.base import PeriodState
from connectors.registry import work_turns
from connectors.sync import sync_connection
from connectors.work_sync import sync_work
from entities.audit_trail import Verb, person_object, record_act
from entities.models import Connection, Group, Person
from infra.audit.recording import INSTALLATION
from infra.ticks import database_clock
from periods.models import ConnectionClock, FiscalPeriod
from worklist.models import TaskAdoption, TaskEvent
from worklist.recording.closing_rates import record_rates
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.played_tasks import play_tasks

GROUP_FILE = "demo/group.yaml"
SUPERUSER = "administrator@meridian.example"  # of the whole installation: may read the mails it sends
TOP_GROUP = "MERIDIAN"
RATES = {("GBP", "EUR"): Decimal("1.17"), ("GBP", "USD"): Decimal("1.275")}
RATES_BEFORE = {("GBP", "EUR"): Decimal("1.165"), ("GBP", "USD"): Decimal("1.27")}
CLOSE_DAYS = 16  # days after a month's end on which the demo was "watching"; most closes fall among them
TASKS_BEGIN = timedelta(days=9)  # before period end: within its last ten working days everywhere
READ_AT = time(21, 0)  # UTC: after office hours in Europe, before midnight there


class Command(BaseCommand):
    """Loads the demo group, sets the simulator's clock back, and reads each evening that was not read yet."""

    help = "Load the demo group and read its history from the ERP simulator; a second run goes on from there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--simulator", required=True, metavar="URL", help="address of the running simulator"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        simulator = options["simulator"].rstrip("/")
        os.environ["SIMULATOR_URL"] = simulator
        call_command("load_group", GROUP_FILE, stdout=self.stdout)
        with transaction.atomic():
            for person in Person.objects.filter(email=SUPERUSER, is_superuser=False):
                Person.objects.filter(pk=person.pk).update(is_superuser=True)
                before, after = {"superuser": False}, {"superuser": True}
                record_act(Verb.PERSON_CHANGED, person_object(person), before=before, after=after)
        now = database_clock()
        newest = ConnectionClock.objects.aggregate(at=Max("read_at"))["at"]
        moments = [moment for moment in past_moments(now) if newest is None or moment > newest]
        connections = list(Connection.objects.order_by("name"))
        record_act(Verb.DEMO_LOADED, INSTALLATION, after={"moments": len(moments)})
        for number, moment in enumerate([*moments, now], 1):
            _set_clock(simulator, moment)
            for connection in connections:
                if sync_connection(connection, moment, wall_clock=now).attempt is None:
                    raise CommandError(
                        f"{connection.name} is being read by another process, or one that died within the last"
                        " three minutes; run this again then."
                    )
            evaluate_overdue(moment)
            self.stdout.write(
                f"reading the past: {moment:%a %d %b %Y}, {number} of {len(moments) + 1}", ending="\n"
            )
            self.stdout.flush()
        _set_clock(simulator, None)
        _set_rates(now)
        if send_demo_runs(now) is not None:
            self.stdout.write("sending the inventory runs as a file")
        self._read_work(connections, now)
        if not TaskEvent.objects.exists():
            self._play_tasks(now)

    def _read_work(self, connections: Sequence[Connection], now: datetime) -> None:
        """Read each turn of the unfinished work, so that the first board shows what is in the way."""
        turns = work_turns()
        for connection in connections:
            for _ in range(turns.get(connection.kind, 0)):
                sync_work(connection, now)
        self.stdout.write("reading the unfinished work")

    def _play_tasks(self, now: datetime) -> None:
        """The tasks of the close that runs, from its last days on, as far as they would be by now."""
        month = active_month(now.date())
        begun = datetime.combine(month_end(month) - TASKS_BEGIN, READ_AT, tzinfo=UTC)
        TaskAdoption.objects.update(adopted_at=begun, from_month=month)
        made = generate_tasks(begun).tasks
        closed = FiscalPeriod.objects.filter(reporting_month=month, state__in=[PeriodState.CLOSED.value])
        acts = play_tasks(month, closed.values_list("pk", flat=True), now)
        generate_tasks(now)
        self.stdout.write(f"playing the close: {made} tasks, {acts} acts")


def _set_rates(now: datetime) -> None:
    """The closing rates of the month that closes and of the one before, by which counterparties are compared."""
    month = active_month(now.date())
    group = Group.objects.get(code=TOP_GROUP)
    for of, rates in ((previous_month(month), RATES_BEFORE), (month, RATES)):
        record_rates(group, of, rates, set_at=now, source="demo")


def past_moments(now: datetime) -> list[datetime]:
    """The evenings of the last two month-end closes before `now`, oldest first."""
    active = active_month(now.date())
    days = [
        month_end(month) + timedelta(days=day)
        for month in (previous_month(active), active)
        for day in range(1, CLOSE_DAYS + 1)
    ]
    moments = [datetime.combine(day, READ_AT, tzinfo=UTC) for day in days]
    return [moment for moment in moments if moment < now - timedelta(hours=1)]


def _set_clock(simulator: str, moment: datetime | None) -> None:
    body = json.dumps({"now": moment.isoformat() if moment else None}).encode()
    request = urllib.request.Request(  # noqa: S310 (the simulator that the caller started)
        f"{simulator}/_control/clock", data=body, method="PUT", headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass
    except OSError as error:
        raise CommandError(f"The simulator at {simulator} does not answer: {error}.") from None

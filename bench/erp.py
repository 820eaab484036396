"""An ERP for benchmarks: gives each seeded entity's state of the month, recorded as a worker does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from bench import large_group
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import PeriodReading, PeriodType, ReadResult
from entities.models import Connection
from periods.models import FiscalPeriod
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt
from periods.recording.store import record_readings

SPAN = DateSpan(large_group.NEWEST, month_end(large_group.NEWEST))
_STATUS = {"open": "Open", "on_hold": "OnHold", "closed": "Closed"}


class Erp:
    """The seeded entities, each with the state of the month being closed; at first the states of the seed."""

    def __init__(self) -> None:
        self.connection = Connection.objects.get()
        self.facts = {
            state: FinopsFacts(status, dict.fromkeys(large_group.MODULES, "All"), {})
            for state, status in _STATUS.items()
        }
        known = FiscalPeriod.objects.filter(reporting_month=large_group.NEWEST).order_by("entity__code")
        self.states = dict(known.values_list("entity__erp_id", "state"))

    def turn(self, erp_id: str) -> None:
        """Swap the states: On hold becomes Open from now on, and every other state On hold."""
        self.states[erp_id] = "open" if self.states[erp_id] == "on_hold" else "on_hold"

    def read(self, committed: Callable[[], object] = lambda: None) -> datetime:
        """Record one good reading of the month as of now; `committed` is called on commit, before any nudge."""
        now = timezone.now()
        attempt = begin_attempt(self.connection.pk, now, lease=timedelta(minutes=3))
        assert attempt is not None
        readings = tuple(
            PeriodReading(
                erp_id,
                f"Fiscal|{SPAN.first:%Y}|Period {SPAN.first.month}",
                "Fiscal",
                f"{SPAN.first:%Y}",
                f"Period {SPAN.first.month}",
                SPAN,
                PeriodType.OPERATING,
                self.facts[state],
            )
            for erp_id, state in self.states.items()
        )
        harvest = ReadResult(readings, (), pages=1, rows=len(readings))
        with transaction.atomic():
            transaction.on_commit(committed)  # before the nudge that the recording triggers
            record_readings(attempt, harvest, SPAN, AttemptResult(Outcome.OK, now, rows=len(readings)))
        return now

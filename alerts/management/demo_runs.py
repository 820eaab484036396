"""The inventory runs of the demo group, which no simulated ERP shows: a person sends them as a file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time, timedelta

from closing.blockers.work_sheets import RUNS_SHEET, SHEETS
from closing.calendar.months import active_month, month_end, previous_month
from entities.models import LegalEntity, Person
from worklist.models import InventoryRunFact
from worklist.recording.work_file import ImportResult, SentFile, import_work

SENDER = "finance@meridian.example"
LATE = "NLDT"  # has not closed its inventory through the active month
ON_TIME = ("UKRT", "UKWS", "USRT", "DEVT")
_RUN_AT = time(17, 30)  # UTC
_RUN_AFTER = timedelta(days=4)  # after the end of the month


def send_demo_runs(now: datetime) -> ImportResult | None:
    """Save the runs of the last closes, once; None where the group has none of the entities, or runs already."""
    codes = (
        LegalEntity.objects.filter(code__in=[LATE, *ON_TIME]).order_by("code").values_list("code", flat=True)
    )
    sender = Person.objects.filter(email=SENDER).first()
    if sender is None or not codes or InventoryRunFact.objects.exists():
        return None
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(next(spec.columns for spec in SHEETS if spec.name == RUNS_SHEET))
    active = active_month(now.date())
    months = [previous_month(previous_month(active)), previous_month(active), active]
    for code in codes:
        closed = [month for month in months if _executed(month) <= now and (code != LATE or month != active)]
        writer.writerows(_run(code, month) for month in closed)
    return import_work(sender, SentFile("inventory-runs.csv", text.getvalue().encode()), now, good_rows=False)


def _executed(month: date) -> datetime:
    return datetime.combine(month_end(month) + _RUN_AFTER, _RUN_AT, tzinfo=UTC)


def _run(code: str, month: date) -> list[str]:
    """A close through the end of a month that is done, in the order of the columns."""
    voucher = f"ICL-{code}-{month:%Y%m}"
    executed = _executed(month).isoformat(" ")
    return [code, month_end(month).isoformat(), "closing", "done", executed, "", "0", voucher]

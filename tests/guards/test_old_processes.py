"""The web process and the tasks of an earlier revision, on the schema of this one: an upgrade has both for a while.

It proves that what the earlier code reads and writes here still works on the migrated schema; pages and tasks that it
does not run it says nothing about.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, DeliveryLine, Habits, Notice, Silence
from closeboard.ops.children import spawn, wait_until
from entities.models import Connection, Group, LegalEntity, Person, SavedView, WorkCalendar
from periods.models import ClaimedTick, FiscalPeriod, Remark, SyncAttempt
from periods.remarks import add_note
from simulator.run import Running
from tests.builders import CLOSED, MAY, OPEN
from tests.faults.web_process import Reader, Web
from tests.guards.old_revision import OldRevision

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]
PAGES = (
    *(
        "/?month=2026-05",
        "/?month=2026-05&at=2026-06-11T14:30",
        "/?by=owner",
        "/matrix/",
        "/matrix/?month=2026-05",
    ),
    *("/calendar/?month=2026-05", "/past-deadline/", "/alerts/", "/alerts/?kind=alert", "/alerts/silences/"),
    *("/alerts/subscriptions/", "/alerts/destinations/", "/alerts/destinations/add/", "/alerts/rules/"),
    *("/alerts/rules/EUROPE/", "/views/", "/wall/?month=2026-05", "/readyz"),
    *(f"/entities/{code}/?month=2026-05" for code in ("NLDT", "UKHC", "USRT", "LKTX")),
    *(f"/entities/NLDT/{more}" for more in ("?month=2026-05&history=all", "deputy/")),
    *(f"/export/{name}.csv?month=2026-05" for name in ("board", "past-deadline", "matrix")),
)
TASKS = """
import closeboard.celery
from alerts.tasks import evaluate, post, prove, send
from connectors.tasks import sync_due, sync_one
from entities.models import Connection
from periods.tasks import housekeeping
evaluate()
send()
post()
prove()
sync_due()
sync_one(Connection.objects.get(name="simulated").pk)
housekeeping()
"""


class OldWeb(Web):
    """A web process of the old code."""

    def __init__(self, env: dict[str, str], folder: Path, code: Path) -> None:
        super().__init__(env, folder, "old-web")
        self._code = code

    def __enter__(self) -> Self:
        words = [sys.executable, "-m", "closeboard.serve", "--port", str(self.port)]
        self.child = spawn(self._name, words, log=self._log, env=self._env, cwd=self._code)
        wait_until(self.child, self._answers)
        return self


class Writer(Reader):
    """Somebody who also sends forms."""

    def send(self, path: str, page: str, **data: str) -> None:
        """Send a form that stands on a page; it must be taken."""
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', self.page(page))
        assert token
        status, text = self._ask("POST", path, urlencode({**data, "csrfmiddlewaretoken": token[1]}))
        assert status == 303, f"{path}: {status} {text[:300]}"


def test_an_old_web_process_serves_the_new_schema(old_revision: OldRevision) -> None:
    """It shows what the new code writes, and the new code shows what it writes."""
    group = old_revision.story.group
    with OldWeb(old_revision.env, old_revision.folder, old_revision.code) as web:
        rosa, adam = Writer(web, old_revision.story.finance), Writer(web, old_revision.story.administrator)
        for page in PAGES:
            (adam if page.startswith(("/alerts/", "/entities/NLDT/dep")) else rosa).page(page)
        stream = rosa.listen()

        group.read(timezone.now(), dict.fromkeys(group.entities, OPEN) | {"UKHC": CLOSED, "MXCO": CLOSED})
        assert b"M\xc3\xa9xico SA" in stream.hears(b"row-MXCO")
        assert "MXCO" in rosa.page("/export/board.csv?month=2026-05&state=closed")
        add_note(old_revision.story.finance, "NLDT", MAY, "Written by the new code.", timezone.now())
        assert "Written by the new code." in rosa.page("/entities/NLDT/?month=2026-05")
        run_evaluation(timezone.now())
        # The old revision does not know this kind: docs/operations says which processes are replaced first.
        DeliveryLine.objects.filter(notice__kind="anomaly").delete()
        Notice.objects.filter(kind="anomaly").delete()
        rosa.page("/alerts/?kind=escalation")

        entity = "/entities/NLDT/?month=2026-05"
        remark = {"month": "2026-05", "text": "Written by the old process."}
        rosa.send("/entities/NLDT/remarks/", entity, kind="note", **remark)
        rosa.send("/entities/NLDT/remarks/", entity, kind="acknowledgement", **remark)
        day = f"{timezone.now() + timedelta(days=2):%Y-%m-%d}"
        rosa.send(
            "/alerts/silences/",
            "/alerts/silences/",
            place="entity:ESIB",
            last_day=day,
            reason="By the old process.",
        )
        rosa.send("/views/save/", "/views/", name="Of the old process", screen="board", query="show=late")
        form = {"digest_at": "06:45", "digest_weekday": "2", "kind-late": "weekly"}
        rosa.send("/alerts/subscriptions/", "/alerts/subscriptions/", **form)
        rules = {"due_soon_days": "4", "step-1-days": "8", "step-1-roles": "owner"}
        adam.send("/alerts/rules/UK/", "/alerts/rules/UK/", **rules)

    kinds = {remark.kind for remark in Remark.objects.filter(text="Written by the old process.")}
    assert kinds == {"note", "acknowledgement"}
    assert Silence.objects.filter(reason="By the old process.").exists()
    assert SavedView.objects.filter(name="Of the old process").exists()
    assert f"{Habits.objects.get(person=old_revision.story.finance).digest_at}" == "06:45:00"
    client = Client()
    client.force_login(Person.objects.get(pk=old_revision.story.finance.pk))
    assert "Written by the old process." in client.get("/entities/NLDT/?month=2026-05").content.decode()
    assert "By the old process." in client.get("/alerts/silences/").content.decode()


def test_the_old_tasks_run_on_the_new_schema(old_revision: OldRevision, fleet_simulator: Running) -> None:
    """Evaluating, sending, proving, reading and housekeeping once each, as an old worker does."""
    source = Connection(
        name="simulated",
        kind="finops",
        base_url=fleet_simulator.url,
        authority=fleet_simulator.url,
        tenant="meridian.example",
        client_id="simulator",
    )
    source.secret = "simulator"
    source.save()
    LegalEntity.objects.create(
        code="E00001",
        name="Entity 1",
        country="GB",
        zone="Europe/London",
        group=Group.objects.get(code="UK"),
        calendar=WorkCalendar.objects.get(code="GB"),
        connection=source,
        erp_id="e00001",
    )
    begun = timezone.now()
    words = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", TASKS]
    done = subprocess.run(words, cwd=old_revision.code, env=old_revision.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert SyncAttempt.objects.get(connection=source).outcome in SyncAttempt.READ_OUTCOMES
    assert FiscalPeriod.objects.filter(entity__code="E00001").exists()
    names = {"evaluate", "sync", "prove", "housekeeping"}
    assert set(ClaimedTick.objects.filter(claimed_at__gte=begun).values_list("name", flat=True)) == names
    assert Delivery.objects.filter(
        channel="email", state__in=["sent", "cancelled"], ended_at__gte=begun
    ).exists()
    # The new code goes on from what the old tasks wrote.
    run_evaluation(timezone.now())

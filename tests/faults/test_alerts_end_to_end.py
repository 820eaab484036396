"""The promise of the product through its real doors: an ERP, workers that read and send, a mail server.

Only time is helped along: the day on which we began to watch, the agreed date, the half hour that a close must last.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db import connection as database
from django.utils import timezone

from alerts.models import Delivery
from alerts.reconciliation import reconcile
from closing.judging.notice_rules import HOLD_DOWN
from tests.closeboard.processes import poll_until
from tests.faults.alert_scenario import AlertScenario
from tests.faults.smtp_sink import Sink
from tests.faults.stack import Workers

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]


def test_eu_dtc_from_plus_five_to_its_close_and_reopening(
    alert_scenario: AlertScenario, live_stack_env: dict[str, str], tmp_path: Path
) -> None:
    with alert_scenario.sink, Workers(_with_mail(live_stack_env, alert_scenario.sink), tmp_path) as workers:
        workers.worker()
        alert_scenario.erp_says("Open")
        _began_to_watch(days_ago=30)

        alert_scenario.agree(days_ago=5)
        assert alert_scenario.evaluated() == []  # +5 is on watch

        alert_scenario.agree(days_ago=6)
        assert alert_scenario.evaluated() == ["alert"]
        told = alert_scenario.mails(2)
        assert set(told) == {"sanne@meridian.test", "rosa@meridian.test"}
        assert all("EU DTC BV" in subject for subjects in told.values() for subject in subjects)
        assert alert_scenario.evaluated(100) == []

        alert_scenario.erp_says("Closed")
        assert alert_scenario.evaluated() == []  # whether it stays closed is not known yet
        _half_an_hour_goes_by()
        assert alert_scenario.evaluated() == ["cleared"]
        assert {len(subjects) for subjects in alert_scenario.mails(4).values()} == {2}

        _the_close_was_seen_long_ago()
        alert_scenario.erp_says("Open")
        assert alert_scenario.evaluated() == ["alert", "reopened"]
        told = alert_scenario.mails(7)
        permanent = told.pop("audrey@meridian.test")  # who audits, as Finance & Operations cannot do this
        assert [
            subject.endswith("was permanently closed and has been reopened once") for subject in permanent
        ] == [True]
        assert {len(subjects) for subjects in told.values()} == {3}
        assert alert_scenario.evaluated(10) == []

        at_once = Delivery.objects.filter(rhythm="at_once")
        poll_until(lambda: not at_once.exclude(state="sent").exists(), 20, "every message is marked")
        found = reconcile(timezone.now())
        assert [each.describe() for each in found.differences] == []
        assert len(alert_scenario.sink.ids) == at_once.count() == 7
        assert alert_scenario.sink.extra == 0


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

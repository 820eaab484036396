"""The retention of the audit log: whole seals go, the act is an event, and the proof stays clean."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pydantic import ValidationError
from pytest_django.fixtures import Settings

from closeboard.environment import Environment
from infra.audit import retention
from infra.audit.proof import prove_audit
from infra.audit.recording import Act, AuditedObject, record
from infra.audit.retention import drop_old_events
from infra.audit.sealing import seal_events
from infra.models import AuditEvent, AuditSeal
from infra.tasks import seal_audit
from tests.builders import utc

NOON = utc("2026-06-12 12:00")
DAY = timedelta(days=1)
NLDT = AuditedObject("entity", "NLDT", "EU DTC BV", "MERIDIAN/EUROPE/")


def seal_days(*days: int) -> None:
    """One seal for each pair of events, the second an hour after the first."""
    for day in days:
        moments = (NOON + day * DAY, NOON + day * DAY + timedelta(hours=1))
        record(Act("silence.created", NLDT, at) for at in moments)
        seal_events(NOON)


@pytest.mark.django_db
class TestRetention:
    def test_whole_seals_go_and_the_act_is_an_event(self) -> None:
        seal_days(0, 1, 2)
        assert (
            drop_old_events(NOON + 401 * DAY + timedelta(minutes=30), 400) == 1
        )  # of day 1, one event is younger
        assert AuditEvent.objects.exclude(seal=None).count() == 4
        act = AuditEvent.objects.get(verb="audit.dropped")
        assert act.after == {"first": 1, "last": 1, "events": 2, "older_than_days": 400}
        proof = prove_audit()
        assert (proof.faults, proof.dropped, proof.seals, proof.events) == ([], 1, 3, 4)
        assert drop_old_events(NOON + 401 * DAY, 400) == 0

    def test_the_proof_stays_clean_when_the_act_itself_is_dropped(self) -> None:
        seal_days(0)
        for year in range(1, 5):
            drop_old_events(NOON + year * 500 * DAY, 400)
            seal_events(NOON)
        assert AuditSeal.objects.count() == 5
        assert AuditEvent.objects.filter(verb="audit.dropped").count() == 1  # each drops the act before it
        assert prove_audit().faults == []

    def test_many_seals_go_in_several_transactions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retention, "MOST_SEALS", 2)
        seal_days(*range(5))
        assert drop_old_events(NOON + 900 * DAY, 400) == 5
        assert AuditEvent.objects.filter(verb="audit.dropped").count() == 3
        assert prove_audit().faults == []

    def test_events_that_the_retention_did_not_drop_are_missed(self) -> None:
        seal_days(0, 1, 2)
        drop_old_events(NOON + 400 * DAY + timedelta(hours=2), 400)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL closeboard.audit_retention = 'on'")
            cursor.execute("DELETE FROM infra_auditevent WHERE seal = 2")
            cursor.execute("SET LOCAL closeboard.audit_retention = 'off'")
        assert prove_audit().faults == ["All 2 events of seal 2 are missing."]

    def test_fewer_than_400_days_are_refused_in_words(self) -> None:
        with pytest.raises(ValidationError, match="kept for 400 days at least"):
            Environment(audit_retention_days=399)  # type: ignore[call-arg]  # the others come from the environment
        for days in (-1, 0, 1, 399):
            with pytest.raises(ValueError, match="kept for 400 days at least"):
                drop_old_events(NOON, days)

    def test_the_task_drops_only_where_a_retention_is_set(self, settings: Settings) -> None:
        seal_days(-3000)
        seal_audit()
        assert AuditEvent.objects.count() == 2
        settings.AUDIT_RETENTION_DAYS = 400
        seal_audit()
        act = AuditEvent.objects.get()
        assert (act.verb, act.through, act.actor_kind, act.seal) == ("audit.dropped", "task", "system", None)

    def test_without_the_function_not_even_an_old_event_goes(self) -> None:
        seal_days(0)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            AuditEvent.objects.all().delete()


@pytest.mark.django_db
class TestProveCommand:
    def test_it_seals_and_prints_counts_and_the_newest_seal(self) -> None:
        seal_days(0)
        record([Act("silence.created", NLDT, NOON)])
        out = StringIO()
        call_command("prove_audit", stdout=out)
        head = AuditSeal.objects.get(number=2).digest
        assert out.getvalue() == f"2 seals of 3 events.\nThe newest seal: {head}\nThe chain holds.\n"
        call_command("prove_audit", "--head", head.upper(), stdout=StringIO())

    def test_a_fault_ends_it_with_exit_code_1(self) -> None:
        seal_days(0)
        out = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("prove_audit", "--head", "ab" * 32, stdout=out)
        assert ended.value.code == 1
        assert "No seal has the digest abab" in out.getvalue()
        assert out.getvalue().endswith("\n1 fault.\n")

    def test_a_digest_that_is_none_is_refused(self) -> None:
        with pytest.raises(CommandError, match="64 hexadecimal digits"):
            call_command("prove_audit", "--head", "abc", stdout=StringIO())

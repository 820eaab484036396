"""The audit log: events of the act's own transaction, one chain of seals, and a proof that finds every change."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from infra.audit.canonical import canonical, sha256
from infra.audit.origin import Actor, Origin, acting
from infra.audit.proof import prove_audit
from infra.audit.recording import Act, AuditedObject, event_digest, record
from infra.audit.refused_acts import count_refusal, record_refusals
from infra.audit.sealing import FIRST_PREVIOUS, seal_events
from infra.models import AuditEvent, AuditSeal
from tests.builders import utc

NOON = utc("2026-06-12 12:00")
ROSA = Actor("person", "Rosa Bell", 7)
SEAL_CHANGED = "Seal 2 was changed, or does not follow seal 1."
OTHERS = "The events of seal 2 are not those that were sealed."
NLDT = AuditedObject("entity", "NLDT", "EU DTC BV", "MERIDIAN/EUROPE/")


def act(number: int = 0, **changes: Any) -> Act:
    at = NOON + timedelta(seconds=number)
    fields: dict[str, Any] = {"verb": "silence.created", "target": NLDT, "at": at, "by": ROSA}
    return Act(**{**fields, "after": {"reason": f"strike {number}"}, **changes})


def lines() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("verb", flat=True))


def overwrite(statement: str) -> None:
    """What somebody with every right on the database can do: the triggers are switched off."""
    with connection.cursor() as cursor:
        for table, trigger in (("auditevent", "auditevent_stays"), ("auditseal", "auditseal_stays")):
            cursor.execute(f"ALTER TABLE infra_{table} DISABLE TRIGGER {trigger}")
        cursor.execute(statement)
        for table, trigger in (("auditevent", "auditevent_stays"), ("auditseal", "auditseal_stays")):
            cursor.execute(f"ALTER TABLE infra_{table} ENABLE ALWAYS TRIGGER {trigger}")


@pytest.mark.django_db
class TestEvents:
    def test_an_event_says_who_did_what_through_which_door(self) -> None:
        with acting(Origin("page", request_id="r-1", address="203.0.113.9")):
            record([act(before={"last_day": None}, after={"last_day": date(2026, 6, 18)}, reason="a strike")])
        (event,) = AuditEvent.objects.all()
        assert (event.actor_kind, event.actor_id, event.actor) == ("person", 7, "Rosa Bell")
        assert (event.through, event.request_id, event.address) == ("page", "r-1", "203.0.113.9")
        assert (event.object_kind, event.object_id, event.object, event.scope) == (
            *("entity", "NLDT", "EU DTC BV", "MERIDIAN/EUROPE/"),
        )
        assert (event.before, event.after) == ({"last_day": None}, {"last_day": "2026-06-18"})
        assert event.digest == event_digest(event)

    def test_without_the_act_there_is_no_event_and_without_the_event_no_act(self) -> None:
        with transaction.atomic():
            record([act()])
            transaction.set_rollback(True)
        assert lines() == []
        with pytest.raises(TypeError, match="an audit event cannot hold float"):
            record([act(after={"rate": 0.1})])

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE infra_auditevent SET actor = 'Nobody'",
            "UPDATE infra_auditevent SET seal = 1, reason = 'another'",
            "DELETE FROM infra_auditevent",
            "TRUNCATE infra_auditevent",
            "UPDATE infra_auditseal SET events = 0",
            "DELETE FROM infra_auditseal",
            "TRUNCATE infra_auditseal",
            "SET LOCAL session_replication_role = replica; DELETE FROM infra_auditevent",
            "SET LOCAL closeboard.audit_retention = 'on'; DELETE FROM infra_auditevent WHERE seal IS NULL",
            "UPDATE infra_auditevent SET seal = 5 WHERE seal IS NOT NULL",
        ],
    )
    def test_l1_and_l2_nobody_changes_or_deletes_a_row(self, statement: str) -> None:
        record([act(1)])
        seal_events(NOON)
        record([act(2)])
        with (
            pytest.raises(DatabaseError, match="never changed"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        assert prove_audit().faults == []


@pytest.mark.django_db
class TestChain:
    def test_seals_chain_and_the_proof_counts(self) -> None:
        for batch in range(3):
            record(act(batch * 10 + number) for number in range(4))
            assert seal_events(NOON) == 4
        record([act(99)])
        proof = prove_audit()
        assert (proof.seals, proof.events, proof.unsealed, proof.faults) == (3, 12, 1, [])
        assert proof.head == AuditSeal.objects.get(number=3).digest
        assert AuditSeal.objects.get(number=1).previous == FIRST_PREVIOUS
        assert seal_events(NOON) == 1
        assert seal_events(NOON) == 0

    @pytest.mark.parametrize(
        ("statement", "fault"),
        [
            ("UPDATE infra_auditevent SET actor = 'Nobody' WHERE id = {id}", "Event {id} was changed."),
            ("UPDATE infra_auditevent SET after = '{{}}' WHERE id = {id}", "Event {id} was changed."),
            (
                "UPDATE infra_auditevent SET at = at - interval '1 day' WHERE id = {id}",
                "Event {id} was changed.",
            ),
            ("DELETE FROM infra_auditevent WHERE id = {id}", "Seal 2 has 4 events, and 3 are there."),
            ("DELETE FROM infra_auditevent WHERE seal = 2", "All 4 events of seal 2 are missing."),
            ("DELETE FROM infra_auditseal WHERE number = 2", "Events name seal 2, which does not exist."),
            (
                "UPDATE infra_auditseal SET events = 3 WHERE number = 2",
                "Seal 2 was changed, or does not follow seal 1.",
            ),
            ("UPDATE infra_auditevent SET id = 10000000 WHERE id = {id}", OTHERS),
        ],
    )
    def test_l3_every_change_of_the_owner_of_the_database_is_found(self, statement: str, fault: str) -> None:
        for batch in range(3):
            record(act(batch * 10 + number) for number in range(4))
            seal_events(NOON)
        pk = AuditEvent.objects.filter(seal=2).order_by("id")[1].pk
        overwrite(statement.format(id=pk))
        assert prove_audit().faults[0] == fault.format(id=pk)

    def test_newest_seals_that_were_removed_are_found_by_a_digest_kept_outside(self) -> None:
        for batch in range(2):
            record([act(batch)])
            seal_events(NOON)
        head = prove_audit().head
        overwrite("DELETE FROM infra_auditevent WHERE seal = 2; DELETE FROM infra_auditseal WHERE number = 2")
        assert prove_audit().faults == []
        assert prove_audit(head).faults == [
            f"No seal has the digest {head}: the newest seals were removed or made anew."
        ]


@pytest.mark.django_db
class TestRefusals:
    def test_a_storm_becomes_one_event_for_each_account_and_address(self) -> None:
        for number in range(500):
            with acting(Origin("page", address=f"198.51.100.{number % 2}")):
                count_refusal("sign_in.refused", 7, "Rosa Bell", NOON + timedelta(milliseconds=number))
                count_refusal("sign_in.refused", None, "", NOON)
        assert record_refusals(NOON + timedelta(seconds=30)) == 0
        assert record_refusals(NOON + timedelta(seconds=62)) == 4
        events = AuditEvent.objects.filter(actor_id=7).order_by("id")
        values = [event.after or {} for event in events]
        assert [after["times"] for after in values] == [250, 250]
        assert {after["address"] for after in values} == {"198.51.100.0", "198.51.100.1"}
        assert record_refusals(NOON + timedelta(hours=1)) == 0

    def test_one_that_does_not_pause_is_an_event_after_ten_minutes(self) -> None:
        for minute in range(12):
            count_refusal("sign_in.refused", 7, "Rosa Bell", NOON + timedelta(minutes=minute / 2))
            record_refusals(NOON + timedelta(minutes=minute / 2, seconds=1))
        assert lines() == []
        count_refusal("sign_in.refused", 7, "Rosa Bell", NOON + timedelta(minutes=10))
        assert record_refusals(NOON + timedelta(minutes=10)) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.dates() | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class TestCanonical:
    @given(st.dictionaries(st.text(), VALUES, max_size=4))
    def test_the_order_of_keys_does_not_matter(self, values: dict[str, Any]) -> None:
        assert canonical(values) == canonical(dict(reversed(list(values.items()))))

    def test_equal_text_and_equal_instants_give_equal_bytes(self) -> None:
        assert sha256("Zu\u0308rich") == sha256("Z\u00fcrich")
        assert sha256(NOON) == sha256(datetime.fromisoformat("2026-06-12T14:00:00+02:00"))
        assert (
            canonical({"a": NOON, "b": ("x", 1)}) == b'{"a":"2026-06-12T12:00:00.000000+00:00","b":["x",1]}'
        )


@pytest.mark.slow
@pytest.mark.usefixtures("live_database")
def test_l4_sixteen_writers_never_wait_for_each_other_or_for_the_sealer() -> None:
    """16 writers with 1,000 events each beside a sealer: nothing is lost, and the chain holds."""
    done = threading.Event()
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for number in range(1_000):
                with transaction.atomic():
                    record([act(number, reason=f"writer {writer}")])
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    def seal() -> None:
        try:
            while not done.wait(0.05):
                seal_events(NOON)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(16)]
    sealer = threading.Thread(target=seal)
    began = monotonic()
    for thread in (sealer, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    rate = 16_000 / (monotonic() - began)
    done.set()
    sealer.join()
    seal_events(NOON)
    proof = prove_audit()
    assert not failures
    assert (proof.events, proof.unsealed, proof.faults) == (16_000, 0, [])
    print(f"{rate:,.0f} events a second")  # the figure of 05-reliability L4 is 300

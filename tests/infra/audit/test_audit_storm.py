"""A storm of refused sign-ins and a load of 50,000 events hold up no other writer, and lose and forge no event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from time import monotonic

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.utils.timezone import now

from alerts.channels.destinations import DestinationSpec, add_destination
from alerts.routing.silences import create_silence
from closing.judging.notice_rules import NoticeKind
from entities.audit_trail import entity_object
from entities.models import Group, LegalEntity, Person
from infra.audit.proof import prove_audit
from infra.audit.recording import Act, record
from infra.audit.refused_acts import record_refusals
from infra.audit.sealing import seal_events
from infra.models import AuditEvent, AuditSeal
from periods.group_file.loading import load_group
from periods.remarks import add_note
from tests.builders import MAY, OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import save_person, save_sample_group
from tests.threads import PATIENCE, at_once, own_connections

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("live_database")]
LOAD = 50_000
ADDRESSES, ATTEMPTS = 20, 100  # of each
WRITERS, WRITES = 4, 25  # of each
GROUP_FILE = "entities:\n" + "".join(
    f"  - {{code: X{number}, name: Number {number}, country: GB, zone: Europe/London, group: UK, calendar: GB}}\n"
    for number in range(500)
)
LONGEST_WAIT = "2s"  # for any lock; what it must not wait for is held for the whole test
ENTITIES = ("NLDT", "UKHC", "UKRT", "USRT")


def save_group_and_rosa() -> Person:
    """Finance of the sample group, whose entities were read once."""
    save_sample_group().read("2026-06-12 11:58", dict.fromkeys(ENTITIES, OPEN))
    return save_person()


@contextmanager
def bounded_waits() -> Iterator[None]:
    """In this thread, a wait for a lock is an error after LONGEST_WAIT."""
    with own_connections():
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LONGEST_WAIT}'; SET application_name = 'writer'")
        yield


def lock_wait_of_writers() -> float:
    """The milliseconds for which a writer has been waiting for a lock just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(max(1000 * extract(epoch FROM clock_timestamp() - waitstart)), 0)::float
            FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND application_name = 'writer'
            """
        )
        wait: float = cursor.fetchone()[0]
    return wait


def write_acts(rosa: Person, writer: int, number: int) -> None:
    """What people do meanwhile: a note, a destination and a silence, each in its own transaction."""
    code, name = ENTITIES[writer], f"{writer} {number}"
    add_note(rosa, code, MAY, f"Note {name}", WORKED_EXAMPLE_AT)
    address = f"https://hooks.slack.com/services/T0001/B0001/x{writer}x{number}"
    spec = DestinationSpec(name, "slack", Group.objects.get(code="UK"), [NoticeKind.ALERT], address)
    add_destination(spec, rosa, now())
    entity = LegalEntity.objects.select_related("group").get(code=code)
    create_silence(
        rosa, entity, WORKED_EXAMPLE_AT.date() + timedelta(days=3), f"Reason {name}", WORKED_EXAMPLE_AT
    )


def timed(work: Callable[[], object], spans: list[float]) -> None:
    """Note how long the work took."""
    began = monotonic()
    work()
    spans.append(monotonic() - began)


def test_an_open_transaction_of_50_000_events_holds_up_nobody_and_loses_none() -> None:
    rosa = save_group_and_rosa()
    loaded, release = threading.Event(), threading.Event()
    failures: list[BaseException] = []
    target = entity_object(LegalEntity.objects.select_related("group").get(code="NLDT"))

    def load() -> None:
        try:
            with own_connections(), transaction.atomic():
                load_group(GROUP_FILE, as_of=now(), environ={})
                began = monotonic()
                record(Act("entity.changed", target, now(), after={"name": number}) for number in range(LOAD))
                print(f"{LOAD / (monotonic() - began):,.0f} events a second in one transaction")
                loaded.set()
                assert release.wait(10 * PATIENCE)
        except BaseException as error:
            failures.append(error)
            loaded.set()

    loading = threading.Thread(target=load)
    loading.start()
    assert loaded.wait(10 * PATIENCE)
    spans: list[float] = []
    try:
        with bounded_waits():
            for number in range(WRITES):
                timed(partial(write_acts, rosa, number % WRITERS, number), spans)
                # The ids of the open transaction are lower: a sealer that went by ids would pass them over.
                assert seal_events(now()) >= 3
        assert prove_audit().faults == []
        assert not AuditEvent.objects.filter(verb__startswith="entity.").exists()
    finally:
        release.set()
        loading.join()
    assert not failures
    assert seal_events(now()) == LOAD + 501  # a group file of 500 entities, and that it was loaded
    proof = prove_audit()
    assert (proof.faults, proof.unsealed) == ([], 0)
    assert AuditEvent.objects.filter(verb="entity.changed", seal__isnull=False).count() == LOAD
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('infra_auditevent')")
        print(f"{cursor.fetchone()[0] / AuditEvent.objects.count():,.0f} bytes an event")
    print(f"longest of {len(spans)} groups of three writes: {max(spans) * 1000:.0f} ms")


def test_2_000_refused_sign_ins_hold_up_nobody_and_become_an_event_for_each_address() -> None:
    rosa = save_group_and_rosa()
    done = threading.Event()
    spans: list[float] = []
    waits: list[float] = []

    def attack(attacker: int) -> None:
        """One address after the other, half of the attempts on Rosa's account."""
        with own_connections():
            for address in range(attacker, ADDRESSES, WRITERS):
                browser = Client(REMOTE_ADDR=f"198.51.100.{address}")
                for attempt in range(ATTEMPTS):
                    account = rosa.email if attempt % 2 else f"guess{attempt}@meridian.test"
                    answer = browser.post("/login/", {"username": account, "password": "guess"})
                    assert answer.status_code == 200

    def write(writer: int) -> None:
        with bounded_waits():
            for number in range(WRITES):
                timed(partial(write_acts, rosa, writer, number), spans)

    def seal() -> None:
        """The task, many times a minute; it takes the counters while attempts are added to them."""
        with own_connections():
            while not done.wait(0.02):
                waits.append(lock_wait_of_writers())
                record_refusals(now() + timedelta(minutes=2))
                seal_events(now())

    sealing = threading.Thread(target=seal)
    sealing.start()
    try:
        began = monotonic()
        with ThreadPoolExecutor(2 * WRITERS) as threads:
            works = [threads.submit(work, number) for number in range(WRITERS) for work in (attack, write)]
        for work in works:
            work.result()
        print(
            f"{ADDRESSES * ATTEMPTS / (monotonic() - began):,.0f} refused sign-ins a second beside {WRITERS} writers"
        )
    finally:
        done.set()
        sealing.join()
        connections.close_all()
    record_refusals(now() + timedelta(minutes=2))
    seal_events(now())
    refused = AuditEvent.objects.filter(verb="person.sign_in_refused").values_list("actor_id", "after")
    times = [(actor, (after or {})["address"], (after or {})["times"]) for actor, after in refused]
    assert sum(count for _, _, count in times) == ADDRESSES * ATTEMPTS
    assert {(actor, address) for actor, address, _ in times} == {
        (actor, f"198.51.100.{address}") for address in range(ADDRESSES) for actor in (rosa.pk, None)
    }
    acts = WRITERS * WRITES
    written = AuditEvent.objects.exclude(verb="person.sign_in_refused")
    assert sorted(written.values_list("verb", flat=True)) == sorted(
        ["destination.added"] * acts + ["remark.note_added"] * acts + ["silence.created"] * acts
    )
    proof = prove_audit()
    assert (proof.faults, proof.unsealed) == ([], 0)
    print(f"{len(times)} events of refusals, {AuditSeal.objects.count()} seals")
    print(f"longest wait of a writer for a lock in {len(waits)} looks: {max(waits):.1f} ms")
    print(f"longest of {len(spans)} groups of three writes: {max(spans) * 1000:.0f} ms")


def test_two_sealers_at_once_make_one_chain() -> None:
    save_group_and_rosa()
    target = entity_object(LegalEntity.objects.select_related("group").get(code="NLDT"))

    def write_and_seal() -> None:
        for number in range(50):
            record([Act("silence.created", target, now(), after={"number": number})])
            seal_events(now())

    at_once(*[write_and_seal] * 4)
    seal_events(now())
    proof = prove_audit()
    assert (proof.events, proof.unsealed, proof.faults) == (200, 0, [])

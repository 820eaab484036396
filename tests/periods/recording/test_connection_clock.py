"""The clocks of connections say what their attempts say, and no look-up grows with the years (ADR 0017)."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from django.db import connection as database
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor

from alerts.evaluate.run import run_evaluation
from connectors.pacing import due_connections
from entities.models import Connection
from infra.ticks import database_clock
from periods.board_cache.cache import next_future_dated
from periods.models import ConnectionClock, SyncAttempt
from periods.recording.attempts import (
    AttemptResult,
    Outcome,
    OutOfOrderRead,
    abandon_expired,
    begin_attempt,
    finish_attempt,
)
from periods.snapshot.freshness import freshness
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group

MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=3)


@dataclass(frozen=True)
class Clock:
    """The fields of a ConnectionClock."""

    attempted_at: datetime | None
    running: bool
    retry_at: datetime | None
    failed_in_a_row: int
    read_at: datetime | None


def by_attempts(connection_id: int) -> Clock:
    """The clock as it follows from the attempts, read one by one."""
    attempts = list(SyncAttempt.objects.filter(connection=connection_id).order_by("-pk"))
    failed = 0
    for attempt in attempts:
        if attempt.outcome in SyncAttempt.READ_OUTCOMES or failed == 12:
            break
        failed += attempt.outcome != Outcome.RUNNING
    good = [attempt.started_at for attempt in attempts if attempt.outcome in SyncAttempt.READ_OUTCOMES]
    newest = attempts[0] if attempts else None
    return Clock(
        newest.started_at if newest is not None else None,
        newest is not None and newest.outcome == Outcome.RUNNING,
        newest.retry_at if newest is not None else None,
        failed,
        max(good, default=None),
    )


def kept(connection_id: int) -> Clock:
    """The clock as the table has it; a connection that was never attempted has none."""
    columns = ("attempted_at", "running", "retry_at", "failed_in_a_row", "read_at")
    row = ConnectionClock.objects.filter(pk=connection_id).values_list(*columns).first()
    return Clock(None, False, None, 0, None) if row is None else Clock(*row)


@dataclass
class Story:
    """Random attempts of two connections, in every way in which an attempt is written."""

    chance: random.Random
    group: SampleGroup
    connections: list[Connection]
    now: datetime

    def step(self) -> None:
        self.now += self.chance.choice([-MINUTE, MINUTE, 5 * MINUTE])
        connection = self.chance.choice(self.connections).pk
        self.chance.choice(
            [self.begin, self.begin, self.finish, self.finish, self.read, self.abandon, self.other]
        )(connection)

    def begin(self, connection: int) -> None:
        lease = self.chance.choice([LEASE, -LEASE])
        with suppress(OutOfOrderRead):
            begin_attempt(connection, self.now, lease=lease)

    def finish(self, connection: int) -> None:
        running = SyncAttempt.objects.filter(connection=connection, outcome=Outcome.RUNNING).first()
        if running is not None:
            outcome = self.chance.choice(
                [Outcome.OK, Outcome.PARTIAL, *[Outcome.UNAVAILABLE, Outcome.REFUSED] * 3]
            )
            retry_at = self.chance.choice([None, self.now + 15 * MINUTE])
            finish_attempt(running.pk, AttemptResult(outcome, self.now, words="x", retry_at=retry_at))

    def read(self, connection: int) -> None:
        first = self.group.connection.pk
        if (
            connection == first
            and not SyncAttempt.objects.filter(connection=first, outcome="running").exists()
        ):
            with suppress(OutOfOrderRead):
                self.group.read(
                    self.now, dict.fromkeys(self.group.entities, self.chance.choice([OPEN, CLOSED]))
                )

    def abandon(self, connection: int) -> None:
        abandon_expired(self.now)

    def other(self, connection: int) -> None:
        """What no function of ours does: rows that are moved, made or deleted by SQL."""
        attempts = SyncAttempt.objects.filter(connection=connection)
        match self.chance.randrange(3):
            case 0:
                with database.cursor() as cursor:
                    cursor.execute(
                        "UPDATE periods_syncattempt SET started_at = started_at - interval '1 minute'"
                    )
            case 1:
                done = {"started_at": self.now, "finished_at": self.now, "lease_until": self.now}
                SyncAttempt.objects.bulk_create(
                    SyncAttempt(connection=each, outcome=Outcome.MISREAD, **done) for each in self.connections
                )
            case 2:
                unread = attempts.filter(outcome=Outcome.UNAVAILABLE).order_by("pk")
                SyncAttempt.objects.filter(pk__in=list(unread.values_list("pk", flat=True)[:2])).delete()


def another_connection(name: str = "lowlands") -> Connection:
    return Connection.objects.create(
        name=name, kind="finops", base_url="https://x.test", tenant="t", client_id="x"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_a_clock_says_what_the_attempts_say(seed: int) -> None:
    group = save_sample_group()
    story = Story(
        random.Random(seed), group, [group.connection, another_connection()], utc("2026-06-02 12:00")
    )
    for _ in range(60):
        story.step()
        for connection in story.connections:
            assert kept(connection.pk) == by_attempts(connection.pk)
    assert {each.outcome for each in SyncAttempt.objects.all()} >= {"ok", "misread", "abandoned"}


@pytest.mark.django_db
def test_a_connection_is_deleted_with_its_attempts_and_its_clock() -> None:
    lonely = another_connection()
    attempt = begin_attempt(lonely.pk, utc("2026-06-02 12:00"), lease=LEASE)
    assert attempt is not None
    lonely.delete()
    assert not ConnectionClock.objects.exists()
    database.check_constraints()


# --- work does not grow with the years ----------------------------------------------------------------------------

AS_OF = utc("2026-06-12 12:00")
LOOKS_AT = 250  # attempts: a dozen per connection tell how many failed in a row, the planner peeks at others;
# a walk over the attempts of one connection would look at 4,000, a walk over all at 20,000


def fill(group: SampleGroup, attempts: int) -> list[Connection]:
    """Five connections tried every five minutes; one has failed since its first read, one stopped soon after it."""
    connections = [group.connection, *(another_connection(f"c{number}") for number in range(4))]
    for connection, entity in zip(connections[1:], group.entities.values(), strict=True):
        entity.connection = connection
        entity.save()
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO periods_syncattempt
                (connection_id, started_at, finished_at, lease_until, outcome, pages, rows, changes, words)
            SELECT c.id, at, at, at, CASE WHEN c.id = %(fails)s AND n < %(each)s THEN 'unavailable' ELSE 'ok' END,
                   0, 0, 0, ''
            FROM generate_series(1, %(each)s) n, LATERAL (SELECT %(as_of)s - n * interval '5 min' AS at) moment,
                 entities_connection c
            WHERE c.id <> %(stopped)s OR n > %(each)s - 20
            ORDER BY at
            """,
            {
                "fails": connections[1].pk,
                "stopped": connections[4].pk,
                "each": attempts // len(connections),
                "as_of": AS_OF,
            },
        )
        cursor.execute("ANALYZE periods_syncattempt, periods_connectionclock, entities_connection")
    return connections


def attempts_looked_at(work: Callable[[], object]) -> int:
    """How many attempts PostgreSQL took into its hands for this, those of triggers and dropped ones among them."""
    before = _looked_at()
    work()
    return _looked_at() - before


def _looked_at() -> int:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'periods_syncattempt'"
        )
        return int(cursor.fetchone()[0])


def begin_and_fail(connection: Connection) -> None:
    attempt = begin_attempt(connection.pk, AS_OF, lease=LEASE)
    assert attempt is not None
    assert finish_attempt(attempt.pk, AttemptResult(Outcome.UNAVAILABLE, AS_OF, words="x"))


DOORS: dict[str, Callable[[list[Connection], list[int]], object]] = {
    "look for what is due": lambda connections, entities: due_connections(AS_OF),
    "give up dead attempts": lambda connections, entities: abandon_expired(AS_OF),
    "evaluate and raise": lambda connections, entities: run_evaluation(AS_OF),
    "a board of now": lambda connections, entities: freshness(entities, AS_OF),
    "a board of a past moment": lambda connections, entities: freshness(
        entities, AS_OF - timedelta(hours=10)
    ),
    "what is dated ahead": lambda connections, entities: next_future_dated(AS_OF, date(2026, 5, 1), None),
    "an attempt of one that is read": lambda connections, entities: begin_and_fail(connections[0]),
    "an attempt of one that fails": lambda connections, entities: begin_and_fail(connections[1]),
}


@pytest.mark.django_db
def test_no_look_up_grows_with_the_attempts() -> None:
    group = save_sample_group()
    connections = fill(group, 20_000)
    entities = [entity.pk for entity in group.entities.values()]
    looked_at = {}
    for name, look_up in DOORS.items():
        with transaction.atomic():
            looked_at[name] = attempts_looked_at(partial(look_up, connections, entities))
            transaction.set_rollback(True)
    assert max(looked_at.values()) <= LOOKS_AT, looked_at


@pytest.mark.django_db
def test_a_read_looks_at_no_more_attempts_after_years() -> None:
    """Recording looks for the read before: also where that is long ago, because the connection failed since."""
    group = save_sample_group()
    [_, failing, *_] = fill(group, 20_000)
    entity = next(iter(group.entities.values()))
    assert entity.connection_id == failing.pk
    read = SampleGroup(failing, {entity.code: entity})
    assert attempts_looked_at(lambda: read.read(AS_OF, {entity.code: OPEN})) <= LOOKS_AT
    assert attempts_looked_at(lambda: read.read(AS_OF + MINUTE, {entity.code: CLOSED})) <= LOOKS_AT


# --- the upgrade --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_upgrade_fills_the_clocks_from_the_attempts(live_database: str) -> None:
    group = save_sample_group()
    story = Story(random.Random(7), group, [group.connection, another_connection()], utc("2026-06-02 12:00"))
    never = another_connection("never tried")
    for _ in range(60):
        story.step()
    MigrationExecutor(database).migrate([("periods", "0005_news_of_names")])
    ahead = database_clock() + 10 * MINUTE
    with database.cursor() as cursor:
        for slot in (ahead, ahead - 30 * MINUTE):
            cursor.execute(
                "INSERT INTO periods_claimedtick (name, slot, claimed_at) VALUES ('sync', %(slot)s, %(slot)s)",
                {"slot": slot},
            )
    MigrationExecutor(database).migrate([("periods", "0006_connection_clock")])
    for connection in (*story.connections, never):
        assert kept(connection.pk) == by_attempts(connection.pk)
    with database.cursor() as cursor:
        cursor.execute("SELECT slot FROM periods_claimedtick WHERE name = 'sync'")
        assert cursor.fetchall() == [(ahead - 30 * MINUTE,)]

"""P5: store a sync of every period, 1 % and 100 % changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import count

from django.db import connection, transaction

from bench import large_group
from bench.measure import Contender, Table, alternate
from bench.scratch_databases import database, execute, settle, written
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import PeriodReading, PeriodType, ReadResult
from entities.models import Connection, LegalEntity
from periods.models import FiscalPeriod, SyncAttempt
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt
from periods.recording.store import record_readings

OURS = "periods.recording.store.record_readings"
COPY = "text COPY of the same rows"
BY_HAND = "COPY, UPDATE distinct, INSERT missing"
BULK = "bulk_create(update_conflicts)"
STORED = ("calendar", "year", "name", "first_day", "last_day", "type", "reporting_month", "state", "because")
SPAN = DateSpan(date(2024, 11, 1), date(2026, 10, 31))
STAGED = (
    "entity_id bigint, erp_key text, calendar text, year text, name text, first_day date, last_day date, type text,"
    " reporting_month date, state text, because text, facts_id bigint, erp_changed_at timestamptz"
)
# Facts shared between rows, as a connector does: a few module settings per status.
SOME_FACTS = {
    status: [
        FinopsFacts(
            status,
            dict.fromkeys(large_group.MODULES, "All")
            | {large_group.MODULES[n % 11]: "User" if n % 2 else "All"},
            {large_group.MODULES[n % 11]: f"CLOSE{n}"} if n % 2 else {},
        )
        for n in range(20)
    ]
    for status in ("Open", "Closed")
}


def measure(small: bool) -> Iterator[Table]:
    entities = 500 if small else 5_000
    with database("p5"):
        large_group.seed(entities, months=24)
        for schema in ("peer", "hand"):
            _copy_of_periods(schema)
        for percent in (1, 100):
            yield _table(entities, percent)


def _table(entities: int, percent: int) -> Table:
    readings = [_readings(), _readings(every=100 // percent)]
    table = Table("P5", f"store a sync of {len(readings[0]):,} periods, {percent} % changed")
    ours, peer, hand = _Ours(readings), _Peer(readings), _ByHand(readings)
    for one in (
        ours,
        peer,
        hand,
    ):  # so that the first round of each contender changes the rows that it should
        one.prepare()
        one.run()
    table.figures = alternate(
        [
            Contender(OURS, "ours", ours.run, ours.prepare, note="states, facts, history, coverage, attempt"),
            Contender(COPY, "limit", hand.copy, hand.prepare_copy, note="text made before, no index"),
            Contender(BY_HAND, "limit", hand.run, hand.prepare, note="text made before, no history"),
            Contender(BULK, "baseline", peer.run, peer.prepare, note="objects made before, no history"),
        ]
    )
    copy_goal, bulk_goal = (0.35, 7) if percent == 1 else (0.15, 3.5)
    table.goal("COPY over ours", COPY, OURS, copy_goal, at_most=False)
    table.goal("bulk_create over ours", BULK, OURS, bulk_goal, at_most=False)
    counted = ("periods_fiscalperiod", "periods_statechange", "periods_nativefacts", "periods_readspan")
    ours.prepare()
    before = {name: written(name) for name in counted}
    ours.run()
    rows = ", ".join(f"{name} {written(name) - before[name]}" for name in counted)
    table.remarks.append(f"rows written by ours in one round: {rows}")
    return table


def _readings(every: int = 0) -> tuple[PeriodReading, ...]:
    """The same periods for every entity as `large_group.seed` made; every n-th one has another status."""
    months = sorted(FiscalPeriod.objects.order_by().values_list("first_day", flat=True).distinct())
    found = []
    number = 0
    for erp_id in LegalEntity.objects.order_by("pk").values_list("erp_id", flat=True):
        for first in months:
            number += 1
            other = every and number % every == 0
            year, name = str(first.year), f"Period {first.month}"
            found.append(
                PeriodReading(
                    erp_id,
                    f"Fiscal|{year}|{name}",
                    "Fiscal",
                    year,
                    name,
                    DateSpan(first, month_end(first)),
                    PeriodType.OPERATING,
                    SOME_FACTS["Closed" if other else "Open"][number * 7 % 20],
                )
            )
    return tuple(found)


class _Ours:
    def __init__(self, readings: Sequence[tuple[PeriodReading, ...]]) -> None:
        self.harvests = [ReadResult(one, (), pages=15, rows=len(one)) for one in readings]
        self.turn = count()
        self.attempt: SyncAttempt | None = None

    def prepare(self) -> None:
        execute("SET search_path TO public")
        settle("periods_fiscalperiod", "periods_statechange")
        newest: datetime = SyncAttempt.objects.latest("started_at").started_at
        source = Connection.objects.get()
        self.attempt = begin_attempt(source.pk, newest + timedelta(minutes=5), lease=timedelta(minutes=3))

    def run(self) -> None:
        assert self.attempt is not None
        harvest = self.harvests[next(self.turn) % 2]
        record_readings(self.attempt, harvest, SPAN, AttemptResult(Outcome.OK, self.attempt.started_at))


class _Peer:
    """The usual way to store many rows with Django: one upsert of model objects."""

    def __init__(self, readings: Sequence[tuple[PeriodReading, ...]]) -> None:
        self.objects = [[FiscalPeriod(**row) for row in _rows(one)] for one in readings]
        self.turn = count()

    def prepare(self) -> None:
        execute("SET search_path TO peer, public")
        settle("periods_fiscalperiod")
        for one in (*self.objects[0], *self.objects[1]):
            one.pk = None

    def run(self) -> None:
        FiscalPeriod.objects.bulk_create(
            self.objects[next(self.turn) % 2],
            batch_size=2_000,
            update_conflicts=True,
            unique_fields=["entity", "erp_key"],
            update_fields=[*STORED, "facts"],
        )


class _ByHand:
    """A careful implementation for this one table, with the text of the rows prepared beforehand."""

    def __init__(self, readings: Sequence[tuple[PeriodReading, ...]]) -> None:
        fields = ("entity_id", "erp_key", *STORED, "facts_id")
        self.texts = [
            "".join("\t".join(str(row[field]) for field in fields) + "\t\\N\n" for row in _rows(one))
            for one in readings
        ]
        self.turn = count()
        execute(f"CREATE TEMP TABLE IF NOT EXISTS by_hand ({STAGED})")

    def prepare(self) -> None:
        execute("SET search_path TO hand, public")
        execute("TRUNCATE by_hand")
        settle("periods_fiscalperiod")

    def prepare_copy(self) -> None:
        execute("TRUNCATE by_hand")
        settle()

    def copy(self, text: int = 0) -> None:
        with connection.cursor() as cursor, cursor.copy("COPY by_hand FROM STDIN") as copy:
            copy.write(self.texts[text])

    def run(self) -> None:
        with transaction.atomic():
            self.copy(next(self.turn) % 2)
            execute("ANALYZE by_hand (entity_id, erp_key)")
            columns = ", ".join((*STORED, "facts_id"))
            execute(
                f"""
                UPDATE periods_fiscalperiod p SET ({columns}) = (s.{", s.".join((*STORED, "facts_id"))})
                FROM by_hand s WHERE s.entity_id = p.entity_id AND s.erp_key = p.erp_key
                  AND (p.state, p.facts_id, p.first_day, p.last_day, p.name)
                      IS DISTINCT FROM (s.state, s.facts_id, s.first_day, s.last_day, s.name)
                """
            )
            execute(
                f"""
                INSERT INTO periods_fiscalperiod (entity_id, erp_key, {columns}, month_set_by_hand)
                SELECT entity_id, erp_key, {columns}, false FROM by_hand s
                WHERE NOT EXISTS (SELECT FROM periods_fiscalperiod p
                                  WHERE p.entity_id = s.entity_id AND p.erp_key = s.erp_key)
                """
            )


def _rows(readings: Sequence[PeriodReading]) -> list[dict[str, object]]:
    """The rows for the two other contenders, with states and facts computed beforehand, in their favour."""
    entity_of = dict(LegalEntity.objects.values_list("erp_id", "pk"))
    facts_of = _facts_ids(readings)
    closed = {id(facts) for facts in SOME_FACTS["Closed"]}
    return [
        {
            "entity_id": entity_of[one.erp_id],
            "erp_key": one.erp_key,
            "calendar": one.calendar,
            "year": one.year,
            "name": one.name,
            "first_day": one.span.first,
            "last_day": one.span.last,
            "type": one.type.value,
            "reporting_month": one.span.first,
            "state": "closed" if id(one.facts) in closed else "open",
            "because": "permanently closed" if id(one.facts) in closed else "posting allowed",
            "facts_id": facts_of[id(one.facts)],
        }
        for one in readings
    ]


def _facts_ids(readings: Sequence[PeriodReading]) -> dict[int, int]:
    seeded = large_group.some_facts()
    distinct = {id(one.facts): one.facts for one in readings}
    return {key: seeded[number % len(seeded)] for number, key in enumerate(distinct)}


def _copy_of_periods(schema: str) -> None:
    """A copy of the table of periods with all its rows, indexes and foreign keys, for the other contenders."""
    execute(f"CREATE SCHEMA {schema}")
    execute(f"CREATE TABLE {schema}.periods_fiscalperiod (LIKE public.periods_fiscalperiod INCLUDING ALL)")
    execute(
        f"INSERT INTO {schema}.periods_fiscalperiod OVERRIDING SYSTEM VALUE SELECT * FROM public.periods_fiscalperiod"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'public.periods_fiscalperiod'::regclass AND contype = 'f'"
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {schema}.periods_fiscalperiod ADD CONSTRAINT {name} {definition}")
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{schema}.periods_fiscalperiod', 'id'), max(id))"
            f" FROM {schema}.periods_fiscalperiod"
        )

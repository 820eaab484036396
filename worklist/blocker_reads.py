"""Reads what the blockers of many periods are weighed by, as known at a moment, in one statement."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from closing.blockers.blocker_facts import fresh_until
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.carried import CarriedMark
from closing.blockers.row_blockers import BlockerInputs, DatedFact, RowBlockers
from closing.blockers.work_cadence import CLOSING_INTERVAL, QUIET_INTERVAL
from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, start_of_day, zone_named
from closing.close_tasks.template_cells import stored_check
from closing.facts.base import FACT_KINDS
from entities.models import ancestor_paths
from infra.fast_cursor import fast_cursor
from periods.snapshot.annotations import Loaded
from worklist.recording.fact_rows import fact_from_fields
from worklist.weighing_policies import combined_policy, profile_of

_INTERVALS = (CLOSING_INTERVAL, QUIET_INTERVAL)
# A deadline without its near day: two weekdays before it.
_NEAR_ON = """
    SELECT coalesce(d.near_on, d.due_on - CASE extract(isodow FROM d.due_on) WHEN 1 THEN 4 WHEN 2 THEN 4 WHEN 7 THEN 3
                                          ELSE 2 END)
    FROM periods_perioddeadline d WHERE d.period_id = {period} AND d.set_at <= %(as_of)s
    ORDER BY d.set_at DESC LIMIT 1
"""
# The due date of a task as it was known at a moment.
_DUE_ON = """
    CASE WHEN t.changed_at <= %(as_of)s THEN t.due_on ELSE (coalesce((
        SELECT m.details->'due' FROM worklist_taskevent m
        WHERE m.task_id = t.id AND m.verb = 'moved' AND m.at <= %(as_of)s ORDER BY m.at DESC, m.id DESC LIMIT 1),
        t.as_generated->'due')->>0)::date END
"""
_STATEMENT = f"""
WITH shown AS MATERIALIZED (
    SELECT * FROM unnest(%(periods)s::bigint[], %(entities)s::bigint[]) AS shown(period_id, entity_id)
), held AS (
    SELECT s.period_id AS row_id, r.partner_id AS other_id, r.partner_period_id AS other_period, r.*
    FROM shown s JOIN worklist_blockerreading r ON r.period_id = s.period_id
    UNION ALL
    SELECT s.period_id, r.entity_id, r.period_id, r.*
    FROM shown s JOIN worklist_blockerreading r ON r.partner_period_id = s.period_id
    UNION ALL
    SELECT s.period_id, NULL, NULL, r.*
    FROM shown s JOIN worklist_blockerreading r ON r.entity_id = s.entity_id AND r.period_id IS NULL
    WHERE %(whole)s
), facts AS MATERIALIZED (
    SELECT * FROM held
    WHERE read_at <= %(as_of)s AND (superseded_at IS NULL OR superseded_at > %(as_of)s)
      AND (count IS NULL OR count > 0 OR body ?| ARRAY['at_least', 'apart', 'doubt'] OR %(whole)s
           OR partner_id IS NOT NULL AND body ? 'items')  -- a pair in step has both sides, one that is gone has none
), newest AS MATERIALIZED (
    SELECT DISTINCT ON (a.connection_id, a.turn) a.connection_id, a.turn, a.started_at FROM worklist_workattempt a
    WHERE a.outcome IN ('ok', 'partial') AND a.started_at <= %(as_of)s
      AND a.connection_id IN (SELECT e.connection_id FROM entities_legalentity e
                              WHERE e.id IN (SELECT entity_id FROM facts UNION SELECT partner_id FROM facts))
    ORDER BY a.connection_id, a.turn, a.started_at DESC
)
SELECT CASE WHEN f.period_id IS NULL THEN 'undated' ELSE 'fact' END AS tag, f.row_id AS owner,
       f.kind AS a, f.part AS b, f.currency AS c, f.count::bigint AS n, f.entity_id AS m, f.other_id AS o, f.amount,
       f.source_as_of AS at,
       greatest(f.read_at, least(
           CASE WHEN w.last_read_at <= %(as_of)s THEN w.last_read_at ELSE newest.started_at END,
           CASE WHEN p.last_read_at <= %(as_of)s THEN p.last_read_at ELSE of_partner.started_at END)) AS confirmed,
       CASE WHEN f.other_id IS NOT NULL THEN ({_NEAR_ON.format(period="f.other_period")}) END AS day,
       CASE WHEN %(whole)s
                 OR EXISTS (SELECT FROM worklist_carrieditem i WHERE i.entity_id = f.entity_id AND i.kind = f.kind)
            THEN f.body ELSE f.body - 'ids' END  -- up to 2,000 ids, which only items carried on purpose need
       || jsonb_strip_nulls(jsonb_build_object('source', nullif(f.source, '')))
FROM facts f
LEFT JOIN LATERAL (
    SELECT span.last_read_at, span.connection_id, span.turn FROM worklist_workspan span
    WHERE span.entity_id = f.entity_id AND span.kind = f.kind
      AND span.part = CASE WHEN f.partner_id IS NULL THEN f.part ELSE '' END
      AND span.first_read_at <= %(as_of)s AND f.attempt_id IS NOT NULL
    ORDER BY span.first_read_at DESC LIMIT 1) w ON true
LEFT JOIN newest ON newest.connection_id = w.connection_id AND newest.turn = w.turn
LEFT JOIN LATERAL (  -- two balances are confirmed as often as the one that is read less
    SELECT span.last_read_at, span.connection_id, span.turn FROM worklist_workspan span
    WHERE span.entity_id = f.partner_id AND span.kind = f.kind AND span.part = ''
      AND span.first_read_at <= %(as_of)s AND f.attempt_id IS NOT NULL
    ORDER BY span.first_read_at DESC LIMIT 1) p ON f.partner_id IS NOT NULL
LEFT JOIN newest of_partner ON of_partner.connection_id = p.connection_id AND of_partner.turn = p.turn
UNION ALL
SELECT 'near', s.period_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       ({_NEAR_ON.format(period="s.period_id")}), NULL
FROM shown s WHERE s.period_id IN (SELECT row_id FROM facts)
UNION ALL
SELECT 'mark', f.row_id, i.kind, i.part, i.currency, i.units::bigint, NULL, NULL, i.amount, i.at, NULL, i.until,
       jsonb_build_array(i.item, i.reason, person.name)
FROM facts f
JOIN worklist_carrieditem i ON i.entity_id = f.entity_id AND i.kind = f.kind AND i.part = f.part
    AND i.currency = f.currency AND i.period_id IS NOT DISTINCT FROM f.period_id  -- of counterparties the first's
JOIN entities_person person ON person.id = i.by_id
WHERE i.at <= %(as_of)s AND (i.ended_at IS NULL OR i.ended_at > %(as_of)s)
UNION ALL
SELECT DISTINCT 'due', f.row_id, t.erp_check, t.due_zone, NULL, NULL::bigint, NULL::bigint,
       CASE WHEN t.period_id <> f.row_id THEN f.other_id END, NULL::numeric, NULL::timestamptz, NULL::timestamptz,
       ({_DUE_ON}), NULL::jsonb
FROM facts f JOIN worklist_closetask t ON t.period_id IN (f.row_id, f.other_period)
WHERE t.erp_check <> '' AND t.generated_at <= %(as_of)s
UNION ALL
SELECT 'entity', e.id, e.code, e.name, g.path, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       jsonb_build_array(e.zone, c.kind)
FROM entities_legalentity e JOIN entities_group g ON g.id = e.group_id
LEFT JOIN entities_connection c ON c.id = e.connection_id
WHERE e.id IN (SELECT entity_id FROM shown) OR e.id IN (SELECT other_id FROM facts)
UNION ALL
SELECT * FROM (SELECT DISTINCT ON (p.entity_id) 'profile', p.entity_id, NULL, NULL, NULL, NULL::bigint, NULL::bigint,
       NULL::bigint, NULL::numeric, NULL::timestamptz, NULL::timestamptz, NULL::date, p.body
    FROM worklist_profileversion p WHERE p.entity_id IN (SELECT entity_id FROM shown) AND p.set_at <= %(as_of)s
    ORDER BY p.entity_id, p.set_at DESC) profiles
UNION ALL
SELECT * FROM (SELECT DISTINCT ON (p.group_id, p.entity_id) 'policy', p.entity_id, g.path, NULL, NULL, NULL::bigint,
       NULL::bigint, NULL::bigint, NULL::numeric, NULL::timestamptz, NULL::timestamptz, NULL::date, p.body
    FROM worklist_blockerpolicyversion p LEFT JOIN entities_group g ON g.id = p.group_id WHERE p.set_at <= %(as_of)s
    ORDER BY p.group_id, p.entity_id, p.set_at DESC) policies
"""  # noqa: S608 - words of our own


class _Record(NamedTuple):
    """One row of the statement; `tag` says what the other columns hold."""

    tag: str
    owner: int
    a: str
    b: str
    c: str
    n: int | None
    m: int
    o: int | None
    amount: Decimal | None
    at: datetime | None
    confirmed: datetime
    day: date | None
    json: str | None

    @property
    def body(self) -> Any:
        """The JSON of the record."""
        return None if self.json is None else json.loads(self.json)


class _DueTask(NamedTuple):
    """The due date, zone and ERP check (a cell) of a task; `partner` is the counterparty whose task it is."""

    on: date
    zone: str
    check: str
    partner: int | None


class _Days:
    """The days of one moment in the zones of thousands of tasks, each found once."""

    def __init__(self, as_of: datetime) -> None:
        self.as_of = as_of
        self._today: dict[str, date] = {}
        self._starts: dict[tuple[date, str], datetime] = {}

    def today(self, zone: str) -> date:
        """The local day of the moment."""
        found = self._today.get(zone)
        if found is None:
            found = self._today[zone] = local_date(self.as_of, zone_named(zone))
        return found

    def start(self, day: date, zone: str) -> datetime:
        """The moment at which a local day begins."""
        found = self._starts.get((day, zone))
        if found is None:
            found = self._starts[day, zone] = start_of_day(day, zone_named(zone))
        return found


@dataclass(slots=True)
class _Read:
    """The records of one statement, by what they are of."""

    facts: dict[int, list[DatedFact]] = field(default_factory=lambda: defaultdict(list))
    near: dict[int, date | None] = field(default_factory=dict)
    marks: dict[int, list[tuple[str, str, str | None, CarriedMark]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    due: dict[int, list[_DueTask]] = field(default_factory=lambda: defaultdict(list))
    entities: dict[int, _Record] = field(default_factory=dict)
    profiles: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    of_group: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    of_entity: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def add(self, record: _Record) -> None:
        """Sort one record in."""
        match record.tag:
            case "fact" | "undated":
                body = record.body
                fact = fact_from_fields(
                    (
                        record.m,
                        None if record.tag == "undated" else record.owner,
                        record.a,
                        record.b,
                        record.c,
                    ),
                    count=record.n,
                    amount=record.amount,
                    body=body,
                    source_as_of=record.at,
                    read_at=record.confirmed,
                )
                source = body.get("source", "") if isinstance(body, dict) else ""
                dated = DatedFact(fact, record.confirmed, record.o, record.day, source)
                self.facts[record.owner].append(dated)
            case "near":
                self.near[record.owner] = record.day
            case "mark":
                item, reason, by = record.body
                assert record.n is not None and record.day is not None  # noqa: PT018 - columns that are never null
                mark = CarriedMark(item, record.n, record.amount, record.day, reason, by)
                key = record.a, record.b, record.c or None
                self.marks[record.owner].append((*key, mark))
            case "due" if record.day is not None:
                task = _DueTask(record.day, record.b, record.a, record.o)
                self.due[record.owner].append(task)
            case "entity":
                self.entities[record.owner] = record
            case "profile":
                self.profiles[record.owner] = record.body
            case "policy" if not record.owner:
                self.of_group[record.a] = record.body
            case "policy":
                self.of_entity[record.owner] = record.body


def read_blockers(
    periods: Mapping[int, tuple[int, date]], as_of: datetime, *, whole: bool = False
) -> Loaded[RowBlockers]:
    """The facts of these periods (id: entity, month) with what they are weighed by, and when the clock changes it.

    Only where `whole`, a fact that says "none left" without a doubt is among them, as are work of no period and the
    ids of all items.
    """
    entities = [entity for entity, _ in periods.values()]
    read = _Read()
    with fast_cursor() as cursor:
        cursor.execute(
            _STATEMENT,
            {"periods": list(periods), "entities": entities, "as_of": as_of, "whole": whole},
        )
        for row in cursor.fetchall():
            read.add(_Record._make(row))
    names = {record.a: record.b for record in read.entities.values()}
    days = _Days(as_of)
    values: dict[int, RowBlockers] = {}
    until: dict[int, datetime] = {}
    for period, facts in read.facts.items():
        entity_id = periods[period][0]
        entity = read.entities[entity_id]
        zone, kind = entity.body
        own = read.of_entity.get(entity_id)
        above = [read.of_group[path] for path in ancestor_paths(entity.c) if path in read.of_group]
        inputs = BlockerInputs(
            facts=tuple(facts),
            policy=combined_policy([*above, *([own] if own is not None else [])]),
            profile=profile_of(read.profiles.get(entity_id)),
            source=FACT_KINDS[kind].label if kind in FACT_KINDS else kind or "The source",
            near_on=read.near.get(period),
            marks=tuple(read.marks.get(period, ())),
            due=_due(facts, read.due.get(period, []), days),
            names=names,
        )
        values[period] = RowBlockers(inputs)
        until[period] = _until(facts, zone, read.due.get(period, []), days)
    return Loaded(values, until)


def _due(facts: list[DatedFact], tasks: list[_DueTask], days: _Days) -> frozenset[tuple[BlockerKind, str]]:
    """The kinds and parts of facts whose check's task is due today or past due, of counterparties for either."""
    named: dict[int | None, set[str]] = defaultdict(set)
    for task in tasks:
        if days.today(task.zone) >= task.on:
            named[task.partner].add(task.check)
    if not named:
        return frozenset()
    checks = {partner: [stored_check(cell) for cell in cells] for partner, cells in named.items()}
    return frozenset(
        (dated.fact.kind, dated.fact.part)
        for dated in facts
        for partner in ((None,) if dated.partner is None else (None, dated.partner))
        if any(check.names(dated.fact.kind.value, dated.fact.part) for check in checks.get(partner, ()))
    )


def _until(facts: list[DatedFact], zone: str, tasks: list[_DueTask], days: _Days) -> datetime:
    """The next local midnight, the day of a task, or the moment at which a fact is too old, by either cadence."""
    as_of = days.as_of
    moments = {days.start(days.today(zone) + ONE_DAY, zone)}
    moments.update(days.start(task.on, task.zone) for task in tasks)
    for dated in facts:
        moments.update(fresh_until(dated.fact, dated.read_at, 2 * interval) for interval in _INTERVALS)
    return min(moment for moment in moments if moment > as_of).astimezone(UTC)

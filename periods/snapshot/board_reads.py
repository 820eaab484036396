"""Reads what a board is built from: its entities, groups and periods with their changes, each in one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime

from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.facts.base import NativePeriodFacts, UnreadableFacts, read_stored_facts
from closing.judging.standing import ObservedChange
from closing.judging.states import PeriodState
from closing.scoreboard.board import GroupNode
from entities.models import Group, LegalEntity
from infra.fast_cursor import fast_cursor
from periods.snapshot.covered_months import longer_periods
from periods.vanished import is_vanished

_STATES = {state.value: state for state in PeriodState}


@dataclass(frozen=True, slots=True)
class SnapshotEntity:
    """An entity as a board shows it; `group` is the code of its group, `path` the path of it."""

    id: int
    code: str
    name: str
    country: str
    zone: str
    group: str
    path: str
    owner: str
    calendar_id: int
    connection: str
    connection_id: int | None
    active_from: date | None
    active_to: date | None


@dataclass(slots=True)
class SnapshotPeriod:
    """A period with its deadline, its changes, oldest first, and its newest facts at the moment of the board."""

    id: int
    name: str
    span: DateSpan
    deadline: Deadline | None
    changes: list[ObservedChange] = field(default_factory=list)
    facts: NativePeriodFacts | None = None

    @property
    def vanished(self) -> bool:
        """Whether the ERP no longer lists it."""
        return is_vanished(self.changes[-1].state, self.facts)


# Of the fields that are no columns of their own.
_ENTITY_COLUMNS: dict[str, Combinable] = {
    "group": F("group__code"),
    "path": F("group__path"),
    "owner": Coalesce("owner__name", Value("")),
    "connection": Coalesce("connection__name", Value("")),
}


def read_entities(entities: QuerySet[LegalEntity]) -> list[SnapshotEntity]:
    """The entities by name."""
    columns = (_ENTITY_COLUMNS.get(field.name, field.name) for field in fields(SnapshotEntity))
    return [SnapshotEntity(*row) for row in entities.order_by("name").values_list(*columns)]


def read_groups() -> list[GroupNode]:
    """All groups, each after its parent."""
    rows = Group.objects.order_by("path").values_list("code", "name", "parent__code")
    return [GroupNode(code, name, parent or "") for code, name, parent in rows]


def read_periods(
    ids: list[int], months: Sequence[date], as_of: datetime
) -> tuple[dict[tuple[int, date], list[SnapshotPeriod]], dict[tuple[int, date], SnapshotPeriod]]:
    """Operating periods by entity and month, also longer ones due later, and those that were only expected."""
    periods: dict[tuple[int, date], list[SnapshotPeriod]] = defaultdict(list)
    with fast_cursor() as cursor:
        cursor.execute(
            """
            SELECT p.entity_id, p.reporting_month, p.id, p.name, p.first_day, p.last_day,
                   d.due_on, d.zone, d.cut_off, d.label, d.explanation, d.extended
            FROM periods_fiscalperiod p
            LEFT JOIN LATERAL (SELECT * FROM periods_perioddeadline
                               WHERE period_id = p.id AND set_at <= %(as_of)s ORDER BY set_at DESC LIMIT 1) d ON true
            WHERE p.type = 'operating' AND p.entity_id = ANY(%(ids)s)
              AND p.reporting_month = ANY(%(around)s)
              AND (p.reporting_month = ANY(%(months)s) OR p.last_day - p.first_day >= %(longer)s)
            """,
            {"ids": ids, "months": list(months), "as_of": as_of, **longer_periods(months)},
        )
        for entity_id, month, period_id, name, first, last, *due in cursor.fetchall():
            deadline = Deadline(*due) if due[0] is not None else None
            periods[entity_id, month].append(SnapshotPeriod(period_id, name, DateSpan(first, last), deadline))
        by_id = {period.id: period for own in periods.values() for period in own}
        cursor.execute(
            """
            SELECT c.period_id, c.state, c.seen_at, c.previous_read_at, c.because, c.facts_id
            FROM unnest(%(periods)s::bigint[]) AS shown(id)
            CROSS JOIN LATERAL (SELECT * FROM periods_statechange WHERE period_id = shown.id AND seen_at <= %(as_of)s
                                OFFSET 0) c  -- look-ups by index, however long history is
            ORDER BY c.period_id, c.seen_at, c.id
            """,
            {"periods": list(by_id), "as_of": as_of},
        )
        newest: dict[int, int | None] = {}
        for period_id, state, seen_at, previous_read_at, because, facts_id in cursor.fetchall():
            change = ObservedChange(_STATES[state], seen_at, previous_read_at, because)
            by_id[period_id].changes.append(change)
            newest[period_id] = facts_id
        cursor.execute(
            "SELECT id, body FROM periods_nativefacts WHERE id = ANY(%s)",
            [list({pk for pk in newest.values() if pk})],
        )
        shared = {pk: read_stored_facts(body) for pk, body in cursor.fetchall()}
    for period_id, facts_id in newest.items():
        period = by_id[period_id]
        period.facts = facts = shared[facts_id] if facts_id else None
        if isinstance(facts, UnreadableFacts):
            # Nothing is judged by facts that are not understood here, whatever state was stored with them.
            period.changes = [
                replace(change, state=PeriodState.UNKNOWN, because=facts.reason) for change in period.changes
            ]
    # A period that was first seen after the moment did not exist on any board then.
    seen = {key: [period for period in own if period.changes] for key, own in periods.items()}
    expected = {
        key: period
        for key, own in periods.items()
        for period in own
        if not period.changes and period.deadline is not None
    }
    return seen, expected

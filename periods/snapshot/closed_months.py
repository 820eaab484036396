"""Finds the closed months of each entity in the database, for groups too big to build every row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, zone_named
from closing.judging.states import PeriodState
from infra.fast_cursor import fast_cursor
from periods.policies import effective_policies
from periods.snapshot.freshness import freshness


@dataclass(frozen=True, slots=True)
class ClosedMonths:
    """The months of an entity that met the closed rule when it was last read, and whether that reading is fresh."""

    fresh: bool
    months: frozenset[date]


def closed_months(
    entities: Iterable[tuple[int, str]], months: Sequence[date], as_of: datetime
) -> dict[int, ClosedMonths]:
    """The closed months per entity id, for pairs of entity id and group path; three queries whatever their number.

    It agrees with `counts_as_closed` and `fresh` of the rows of `take_snapshots`: the closed rule of `closing` is
    applied to each state once, and of two periods in one month both must meet it. None is closed before it ended, and
    one that is no longer listed answers only where no other is.
    """
    entities = list(entities)
    policies = effective_policies(entities, as_of=as_of)
    freshness_by_entity = freshness([pk for pk, _ in entities], as_of)
    by_states: dict[str, list[int]] = {}
    for pk, _ in entities:
        judging = policies[pk].judging
        states = ",".join(state.value for state in PeriodState if judging.counts_as_closed(state))
        by_states.setdefault(states, []).append(pk)
    moments = {pk: freshness_by_entity[pk].judged_at(as_of) or as_of for pk, _ in entities}
    closed: dict[int, list[int]] = {}
    with fast_cursor() as cursor:
        cursor.execute(
            """
            SELECT closed.entity_id, entity.zone,
                   array_agg(place) FILTER (WHERE last_day < ended_before),
                   array_agg(place) FILTER (WHERE last_day >= ended_before),
                   array_agg(last_day) FILTER (WHERE last_day >= ended_before)
            FROM (
                SELECT p.entity_id, array_position(%(months)s::date[], p.reporting_month) - 1 AS place,
                       max(p.last_day) FILTER (WHERE NOT (newest.state = 'unknown' AND newest.facts_id IS NULL))
                           AS last_day, shown.ended_before
                FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(ended_before)s::date[])
                     AS shown(entity_id, states, ended_before)
                JOIN periods_fiscalperiod p ON p.entity_id = shown.entity_id
                     AND p.reporting_month = ANY(%(months)s) AND p.type = 'operating'
                CROSS JOIN LATERAL (SELECT state, facts_id FROM periods_statechange
                                    WHERE period_id = p.id AND seen_at <= %(as_of)s
                                    ORDER BY seen_at DESC, id DESC LIMIT 1) newest
                GROUP BY p.entity_id, p.reporting_month, shown.ended_before
                HAVING bool_and(newest.state = ANY(string_to_array(shown.states, ',')))
                       FILTER (WHERE NOT (newest.state = 'unknown' AND newest.facts_id IS NULL))
            ) closed
            JOIN entities_legalentity entity ON entity.id = closed.entity_id
            GROUP BY closed.entity_id, entity.zone
            """,
            {
                "ids": [pk for pks in by_states.values() for pk in pks],
                "states": [states for states, pks in by_states.items() for _ in pks],
                # In every zone; of what ended later each entity's own zone decides.
                "ended_before": [
                    moments[pk].astimezone(UTC).date() - ONE_DAY for pks in by_states.values() for pk in pks
                ],
                "months": list(months),
                "as_of": as_of,
            },
        )
        for pk, zone, ended, unsure, last_days in cursor.fetchall():
            today = local_date(moments[pk], zone_named(zone))
            closed[pk] = ended or []
            if unsure:
                closed[pk] += [at for at, last_day in zip(unsure, last_days, strict=True) if last_day < today]
    return {
        pk: ClosedMonths(freshness_by_entity[pk].fresh, frozenset(months[at] for at in closed.get(pk, ())))
        for pk, _ in entities
    }

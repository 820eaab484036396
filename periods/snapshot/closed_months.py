"""Finds the closed months of each entity in the database, for groups too big to build every row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, zone_named
from closing.judging.states import PeriodState
from infra.fast_cursor import fast_cursor
from periods.policies import effective_policies
from periods.snapshot.covered_months import longer_periods
from periods.snapshot.freshness import freshness
from periods.vanished import VANISHED


@dataclass(frozen=True, slots=True)
class ClosedMonths:
    """The months of an entity that met the closed rule when it was last read, and whether that reading is fresh.

    `not_due` are the months in which none of its periods ends.
    """

    fresh: bool
    months: frozenset[date]
    not_due: frozenset[date] = frozenset()


def closed_months(
    entities: Iterable[tuple[int, str]], months: Sequence[date], as_of: datetime
) -> dict[int, ClosedMonths]:
    """The closed months per entity id, for pairs of entity id and group path; three queries whatever their number.

    It agrees with `counts_as_closed` and `fresh` of the rows of `take_snapshots`: the closed rule of `closing` is
    applied to each state once, and of two periods of one month that have ended both must meet it. Neither a period
    that has not ended nor one that is no longer listed is looked at.
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
    not_due: dict[int, frozenset[date]] = {}
    with fast_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT month.entity_id, entity.zone,
                   array_agg(month.place)
                       FILTER (WHERE month.place IS NOT NULL AND month.sure AND month.unsure_days IS NULL),
                   json_agg(json_build_array(month.place, month.sure, month.unsure_days, month.unsure_closed))
                       FILTER (WHERE month.place IS NOT NULL AND month.unsure_days IS NOT NULL),
                   array_agg(month.place) FILTER (WHERE month.place IS NOT NULL),
                   json_agg(json_build_array(month.begun, month.due)) FILTER (WHERE month.begun IS NOT NULL)
            FROM (
                SELECT p.entity_id, array_position(%(months)s::date[], p.reporting_month) - 1 AS place,
                       p.reporting_month AS due,
                       min((date_trunc('month', p.first_day - 16) + interval '1 month')::date)
                           FILTER (WHERE p.last_day - p.first_day >= %(longer)s) AS begun,
                       bool_and(newest.state = ANY(string_to_array(shown.states, ',')))
                           FILTER (WHERE p.last_day < shown.ended_before) AS sure,
                       array_agg(p.last_day) FILTER (WHERE p.last_day >= shown.ended_before) AS unsure_days,
                       array_agg(newest.state = ANY(string_to_array(shown.states, ',')))
                           FILTER (WHERE p.last_day >= shown.ended_before) AS unsure_closed
                FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(ended_before)s::date[])
                     AS shown(entity_id, states, ended_before)
                JOIN periods_fiscalperiod p ON p.entity_id = shown.entity_id
                     AND p.type = 'operating' AND p.reporting_month = ANY(%(around)s)
                     AND (p.reporting_month = ANY(%(months)s) OR p.last_day - p.first_day >= %(longer)s)
                CROSS JOIN LATERAL (SELECT state, facts_id FROM periods_statechange
                                    WHERE period_id = p.id AND seen_at <= %(as_of)s
                                    ORDER BY seen_at DESC, id DESC LIMIT 1) newest
                WHERE NOT {VANISHED.format("newest")}
                GROUP BY p.entity_id, p.reporting_month
            ) month
            JOIN entities_legalentity entity ON entity.id = month.entity_id
            GROUP BY month.entity_id, entity.zone
            """,  # noqa: S608 - words of our own
            {
                "ids": [pk for pks in by_states.values() for pk in pks],
                "states": [states for states, pks in by_states.items() for _ in pks],
                # In every zone; of what ended later each entity's own zone decides.
                "ended_before": [
                    moments[pk].astimezone(UTC).date() - ONE_DAY for pks in by_states.values() for pk in pks
                ],
                "months": list(months),
                **longer_periods(months),
                "as_of": as_of,
            },
        )
        for pk, zone, ended, unsure, listed, longer in cursor.fetchall():
            if longer:
                spans = [
                    (date.fromisoformat(begun), date.fromisoformat(due)) for begun, due in _parsed(longer)
                ]
                not_due[pk] = frozenset(
                    month
                    for place, month in enumerate(months)
                    if place not in (listed or ()) and any(begun <= month < due for begun, due in spans)
                )
            today = local_date(moments[pk], zone_named(zone)).isoformat()
            closed[pk] = ended or []
            for place, sure, days, closes in _parsed(unsure) or ():
                meets = [sure] if sure is not None else []
                meets += [closed_then for day, closed_then in zip(days, closes, strict=True) if day < today]
                if meets and all(meets):
                    closed[pk].append(place)
    return {
        pk: ClosedMonths(
            freshness_by_entity[pk].fresh,
            frozenset(months[at] for at in closed.get(pk, ())),
            not_due.get(pk, frozenset()),
        )
        for pk, _ in entities
    }


def _parsed(values: Any) -> Any:
    """Django gives json to raw cursors as text."""
    return json.loads(values) if isinstance(values, str) else values

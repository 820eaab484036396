"""Counts and lists the close tasks of a month in SQL, as known at a moment: thousands of rows stay in the database.

The rules are those of `closing.close_tasks`: finished, overdue, due today and blocked; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import Q

from entities.access import groups_with_role
from entities.models import LegalEntity, Person
from infra.fast_cursor import fetch_rows
from worklist.task_store.task_index import WaitingIds

WHICH = ("mine", "today", "overdue", "blocked")
# A task that has changed since the moment is replayed from its events before it (see task_annotation).
_KNOWN = """
WITH known AS MATERIALIZED (
    SELECT t.id, t.entity_id, t.group_id, coalesce(t.entity_id, -t.group_id) AS holder,
           coalesce(t.period_id, 0) AS span, t.code, t.title, t.areas, t.position, t.sign_off, t.depends_on,
           t.due_zone, t.reviewer_role, t.round::int AS round, t.status::text AS status, t.due_on, t.due_at,
           t.owner_id
    FROM worklist_closetask t WHERE t.month = %(month)s AND t.generated_at <= %(as_of)s AND t.changed_at <= %(as_of)s
    UNION ALL
    SELECT t.id, t.entity_id, t.group_id, coalesce(t.entity_id, -t.group_id), coalesce(t.period_id, 0), t.code,
           t.title, t.areas, t.position, t.sign_off, t.depends_on, t.due_zone, t.reviewer_role,
           coalesce(m.round, (t.as_generated->>'round')::int), coalesce(s.status, 'open'),
           (coalesce(m.due, t.as_generated->'due')->>0)::date,
           nullif(coalesce(m.due, t.as_generated->'due')->>1, '')::time,
           coalesce(s.owner_id, (t.as_generated->>'owner')::bigint)
    FROM worklist_closetask t
    CROSS JOIN LATERAL (
        SELECT (array_agg(e.status_after ORDER BY e.at DESC, e.id DESC))[1] AS status,
               (array_agg(e.owner_id ORDER BY e.at DESC, e.id DESC) FILTER (WHERE e.owner_id IS NOT NULL))[1]
                   AS owner_id
        FROM worklist_taskevent e WHERE e.task_id = t.id AND e.at <= %(as_of)s) s
    LEFT JOIN LATERAL (
        SELECT e.details->'due' AS due, (e.details->>'round')::int AS round FROM worklist_taskevent e
        WHERE e.task_id = t.id AND e.verb = 'moved' AND e.at <= %(as_of)s
        ORDER BY e.at DESC, e.id DESC LIMIT 1) m ON true
    WHERE t.month = %(month)s AND t.generated_at <= %(as_of)s AND t.changed_at > %(as_of)s
"""
_JUDGED = """
), judged AS MATERIALIZED (
    SELECT known.*, status IN ('signed_off', 'not_needed') OR (status = 'done' AND NOT sign_off) AS finished,
           lead(round) OVER (PARTITION BY holder, span, code ORDER BY round) AS later_round,
           CASE WHEN due_on IS NOT NULL THEN due_on::timestamp AT TIME ZONE due_zone END AS due_from,
           CASE WHEN due_on IS NOT NULL
                THEN CASE WHEN due_at IS NULL THEN (due_on + 1)::timestamp ELSE due_on + due_at END
                     AT TIME ZONE due_zone END AS due_until
    FROM known
)
"""
# Of its own holder and period a task waits for the newest round up to its own, of others for the newest.
_BLOCKED = """
, unfinished AS MATERIALIZED (SELECT id, holder, entity_id, group_id, span, code, round, later_round FROM judged
                              WHERE NOT finished)
, members AS MATERIALIZED (SELECT * FROM unnest(%(members)s::bigint[], %(groups_of_members)s::bigint[])
                               AS members(entity_id, group_id))
, waits AS MATERIALIZED (
    SELECT j.id, j.holder, j.entity_id, j.span, j.round, j.code AS own_code, d.value->>0 AS code,
           d.value->>1 AS reach,
           coalesce(j.group_id, members.group_id) AS team, j.group_id IS NULL AS of_entity
    FROM judged j LEFT JOIN members ON members.entity_id = j.entity_id, jsonb_array_elements(j.depends_on) d
    WHERE j.later_round IS NULL AND j.status IN ('open', 'returned')
), blocked AS MATERIALIZED (
    SELECT w.id FROM waits w JOIN unfinished u USING (holder, span, code)
    WHERE w.reach = 'same' AND u.id <> w.id AND u.round <= w.round
      AND (u.later_round IS NULL OR u.later_round > w.round)
    UNION
    SELECT w.id FROM waits w
    JOIN (SELECT * FROM unnest(%(ones)s::bigint[], %(others)s::bigint[]) AS pairs(entity_id, other)
          UNION ALL SELECT DISTINCT entity_id, entity_id FROM waits) pairs ON pairs.entity_id = w.entity_id
    JOIN unfinished u ON u.entity_id = pairs.other AND u.code = w.code
    WHERE w.reach = 'partners' AND u.id <> w.id AND u.later_round IS NULL
    UNION
    SELECT w.id FROM waits w
    JOIN (SELECT members.group_id AS team, u.code, count(*) AS left_over
          FROM unfinished u JOIN members USING (entity_id) WHERE u.later_round IS NULL GROUP BY 1, 2) of_all
      USING (team, code)
    WHERE w.reach = 'all' AND left_over > (w.of_entity AND w.own_code = w.code)::int
    UNION
    SELECT w.id FROM waits w JOIN unfinished u ON u.group_id = w.team AND u.code = w.code
    WHERE w.reach = 'group' AND w.of_entity AND u.later_round IS NULL
)
"""
_SHOWN = """
, holders AS MATERIALIZED (
    SELECT id AS holder, true AS of_entity, code, name FROM entities_legalentity WHERE id = ANY(%(entities)s)
    UNION ALL SELECT -id, false, code, name FROM entities_group WHERE id = ANY(%(groups)s)
), chosen AS (
    SELECT j.*, h.of_entity, h.code AS holder_code
    FROM judged j JOIN holders h USING (holder) LEFT JOIN entities_person p ON p.id = j.owner_id
    WHERE j.later_round IS NULL AND (%(area)s = '' OR %(area)s = ANY(j.areas))
      AND (%(holder)s = '' OR h.code = %(holder)s)
      AND (%(owner)s = '' OR coalesce(nullif(p.name, ''), p.email) = %(owner)s)
      AND (%(text)s = '' OR strpos(lower(concat_ws(chr(10), j.title, j.code, h.name, h.code,
                                                   coalesce(nullif(p.name, ''), p.email))), lower(%(text)s)) > 0)
)
"""
_COUNTS = """
SELECT abs(holder), of_entity, name, code, counted.areas, done, total, not_needed, mine, today, overdue, blocked
FROM (SELECT holder, areas,
             count(*) FILTER (WHERE finished AND status <> 'not_needed') AS done,
             count(*) FILTER (WHERE status <> 'not_needed') AS total,
             count(*) FILTER (WHERE status = 'not_needed') AS not_needed,
             count(*) FILTER (WHERE NOT finished AND owner_id = %(person)s) AS mine,
             count(*) FILTER (WHERE NOT finished AND due_from <= %(as_of)s AND due_until > %(as_of)s) AS today,
             count(*) FILTER (WHERE NOT finished AND due_until <= %(as_of)s) AS overdue,
             count(*) FILTER (WHERE id IN (SELECT id FROM blocked)) AS blocked
      FROM chosen GROUP BY holder, areas) counted
JOIN holders USING (holder)
"""
_COUNTS_BY_TASK = """
SELECT code, title, min(due_on), count(*) FILTER (WHERE finished AND status <> 'not_needed'),
       count(*) FILTER (WHERE status <> 'not_needed'), count(*) FILTER (WHERE status = 'not_needed'),
       count(*) FILTER (WHERE NOT finished AND due_until <= %(as_of)s),
       count(*) FILTER (WHERE (id IN (SELECT id FROM blocked)) IS TRUE)
FROM chosen GROUP BY code, title ORDER BY min(position), code, title
"""
_CONDITIONS = {
    "": "true",
    "mine": "NOT finished AND owner_id = %(person)s",
    "today": "NOT finished AND due_from <= %(as_of)s AND due_until > %(as_of)s",
    "overdue": "NOT finished AND due_until <= %(as_of)s",
    "blocked": "(id IN (SELECT id FROM blocked)) IS TRUE",  # hashed: the planner cannot guess the size of blocked
}
_ORDERED = " ORDER BY of_entity DESC, holder_code, span, position, round LIMIT %(limit)s"
_WAITING = """
SELECT id FROM chosen
WHERE NOT finished AND (owner_id = ANY(%(owners)s) OR (status = 'done' AND reviewer_role = ANY(%(roles)s)))
ORDER BY id
"""
_CHOICES = """
)
SELECT d.areas, coalesce(e.code, g.code), coalesce(e.name, g.name), coalesce(nullif(p.name, ''), p.email, '')
FROM (SELECT DISTINCT areas, entity_id, group_id, owner_id FROM known
      WHERE entity_id = ANY(%(entities)s) OR group_id = ANY(%(groups)s)) d
LEFT JOIN entities_legalentity e ON e.id = d.entity_id
LEFT JOIN entities_group g ON g.id = d.group_id
LEFT JOIN entities_person p ON p.id = d.owner_id
"""


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """The tasks of a month that a person sees, as known at a moment, narrowed by what the person chose.

    `entities` and `groups` are the ids that the person sees; see `visible_tasks`. `area`, `holder` (a code), `owner`
    (a name or mail address) and `text` are "" where nothing is chosen.
    """

    person: int
    month: date
    as_of: datetime
    entities: tuple[int, ...]
    groups: tuple[int, ...]
    area: str = ""
    holder: str = ""
    owner: str = ""
    text: str = ""


class TaskCounts(NamedTuple):
    """How many tasks of one holder share these areas, and how many of them are done, overdue and so on."""

    holder_id: int
    of_entity: bool
    name: str
    code: str
    areas: Sequence[str]
    done: int
    total: int
    not_needed: int
    mine: int
    today: int
    overdue: int
    blocked: int


class CountsOfTask(NamedTuple):
    """How many entities have one task, and how many of them have done it; `due_on` is the first due date."""

    code: str
    title: str
    due_on: date | None
    done: int
    total: int
    not_needed: int
    overdue: int
    blocked: int


class TaskChoices(NamedTuple):
    """The areas, holders (code and name) and owners that the tasks of a reader have."""

    areas: frozenset[str]
    holders: frozenset[tuple[str, str]]
    owners: frozenset[str]


def visible_tasks(person: Person, month: date, as_of: datetime) -> TaskSelection:
    """All tasks of a month that a person sees; two queries."""
    entities = LegalEntity.objects.visible_to(person).order_by().values_list("pk", flat=True)
    groups = groups_with_role(person, Q()).order_by().values_list("pk", flat=True)
    return TaskSelection(person.pk, month, as_of, tuple(entities), tuple(groups))


def count_tasks(selection: TaskSelection, waiting: WaitingIds) -> list[TaskCounts]:
    """The newest rounds of a selection, counted by holder and areas; one query, as all that follow."""
    values = {**_values(selection), **_dependencies(waiting)}
    return [TaskCounts(*row) for row in fetch_rows(_KNOWN + _JUDGED + _BLOCKED + _SHOWN + _COUNTS, values)]


def count_by_task(selection: TaskSelection, waiting: WaitingIds) -> list[CountsOfTask]:
    """The newest rounds of a selection, counted by code and title, in the order of their templates."""
    values = {**_values(selection), **_dependencies(waiting)}
    statement = _KNOWN + _JUDGED + _BLOCKED + _SHOWN + _COUNTS_BY_TASK
    return [CountsOfTask(*row) for row in fetch_rows(statement, values)]


def listed_tasks(selection: TaskSelection, waiting: WaitingIds, which: str = "", *, limit: int) -> list[int]:
    """The ids of the first tasks of a selection (`which`: a word of WHICH), by holder, period and position."""
    values = {**_values(selection), "limit": limit}
    parts = [_KNOWN, _JUDGED, _SHOWN]
    if which == "blocked":
        parts.insert(2, _BLOCKED)
        values |= _dependencies(waiting)
    parts += ["SELECT id FROM chosen WHERE ", _CONDITIONS[which], _ORDERED]
    return [pk for (pk,) in fetch_rows("".join(parts), values)]


def tasks_waiting_for(selection: TaskSelection, owners: Collection[int], roles: Collection[str]) -> list[int]:
    """The ids of unfinished tasks that these people own, and of those to be signed off by one of these roles."""
    values = {**_values(selection), "owners": list(owners), "roles": list(roles)}
    return [pk for (pk,) in fetch_rows(_KNOWN + _JUDGED + _SHOWN + _WAITING, values)]


def task_choices(selection: TaskSelection) -> TaskChoices:
    """The areas, holders and owners that may be chosen, whatever is chosen now."""
    rows = fetch_rows(_KNOWN + _CHOICES, _values(selection))
    return TaskChoices(
        frozenset(area for areas, *_ in rows for area in areas),
        frozenset((code, name) for _, code, name, _ in rows),
        frozenset(owner for *_, owner in rows if owner),
    )


def _values(selection: TaskSelection) -> dict[str, Any]:
    values = asdict(selection)
    return {**values, "entities": list(selection.entities), "groups": list(selection.groups)}


def _dependencies(waiting: WaitingIds) -> Mapping[str, Any]:
    """Who waits for whom: the members of groups with tasks, and counterparties both ways."""
    ones, others = [one for one, _ in waiting.pairs], [other for _, other in waiting.pairs]
    return {
        "members": list(waiting.members),
        "groups_of_members": list(waiting.members.values()),
        "ones": ones + others,
        "others": others + ones,
    }

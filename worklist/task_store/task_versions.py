"""The version of the close tasks of a month, by which open pages find out that something has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date, datetime

from infra.fast_cursor import fetch_rows

# Rows that never change are counted: a later commit may have a smaller id than one that was seen. Nothing depends on
# an id that would tell how many other rows there are.
_VERSION = """
WITH shown AS MATERIALIZED (
    SELECT t.id, uid, entity_id, period_id,
           timestamp_hash_extended(changed_at AT TIME ZONE 'UTC', hashtextextended(concat(status, email), 0))
               AS content,
           CASE WHEN due_on IS NOT NULL THEN due_on::timestamp AT TIME ZONE due_zone END AS due_from,
           CASE WHEN due_on IS NOT NULL
                THEN CASE WHEN due_at IS NULL THEN (due_on + 1)::timestamp ELSE due_on + due_at END
                     AT TIME ZONE due_zone END AS due_until
    FROM worklist_closetask t LEFT JOIN entities_person owner ON owner.id = owner_id
    WHERE month = %(month)s
      AND (%(entities)s::bigint[] IS NULL OR entity_id = ANY(%(entities)s) OR group_id = ANY(%(groups)s))
)
SELECT count(*), bit_xor(uuid_hash_extended(uid, content)),
       count(*) FILTER (WHERE due_from <= %(as_of)s), count(*) FILTER (WHERE due_until <= %(as_of)s),
       (SELECT count(*) FROM worklist_taskcomment c WHERE c.task_id IN (SELECT id FROM shown)),
       (SELECT count(*) FROM worklist_tasksupport s WHERE s.task_id IN (SELECT id FROM shown)),
       (SELECT count(*) FROM worklist_tasksupportevent e JOIN worklist_tasksupport s ON s.id = e.support_id
        WHERE s.task_id IN (SELECT id FROM shown)),
       (SELECT count(*) FROM (SELECT DISTINCT period_id FROM shown) p
        CROSS JOIN LATERAL (SELECT 1 FROM worklist_blockerreading b WHERE b.period_id = p.period_id OFFSET 0) r),
       (SELECT sum(1 + (ended_at IS NOT NULL)::int) FROM worklist_carrieditem i
        WHERE i.entity_id IN (SELECT entity_id FROM shown))
FROM shown
"""
_NEWEST = """
SELECT (SELECT max(id) FROM worklist_closetask), (SELECT max(id) FROM worklist_taskevent),
       (SELECT max(id) FROM worklist_taskcomment), (SELECT max(id) FROM worklist_tasksupport),
       (SELECT max(id) FROM worklist_tasksupportevent), (SELECT max(id) FROM worklist_blockerreading)
"""


def tasks_version(
    month: date, entities: Collection[int] | None, groups: Collection[int], as_of: datetime
) -> str:
    """A digest of the tasks of a month, their comments, support and ERP readings, and of what is due by now.

    `entities` and `groups` are those whose tasks count; None for all. One statement.
    """
    values = {
        "month": month,
        "entities": None if entities is None else sorted(entities),
        "groups": sorted(groups),
        "as_of": as_of,
    }
    (row,) = fetch_rows(_VERSION, values)
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]


def newest_task_rows() -> tuple[int | None, ...]:
    """The newest ids of all that a version is made of; one cheap statement."""
    (row,) = fetch_rows(_NEWEST, {})
    return tuple(row)

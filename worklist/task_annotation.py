"""The progress of each period's close tasks, as an annotation of the rows of boards."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from closing.close_tasks.row_tasks import TASKS, RowTasks
from closing.close_tasks.task_progress import TaskProgress
from closing.scoreboard.row import AnnotationKey, Row
from infra.fast_cursor import fetch_rows
from periods.snapshot.annotations import Loaded, SnapshotScope

# Counts and moments by period. A task that has changed since the moment is replayed from its events before it; of
# each task the newest round counts.
_STATEMENT = """
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (t.period_id, t.code) t.period_id, t.sign_off,
           coalesce(past.status, t.status) AS status,
           coalesce(past.due_on, t.due_on) AS due_on,
           CASE WHEN past.due_on IS NULL THEN t.due_at ELSE past.due_at END AS due_at,
           t.due_zone AS zone, past.next_at
    FROM worklist_closetask t
    LEFT JOIN LATERAL (
        SELECT coalesce((array_agg(e.status_after ORDER BY e.at DESC, e.id DESC) FILTER (WHERE e.at <= %(as_of)s))[1],
                        'open') AS status,
               (coalesce(moved.due, t.as_generated->'due')->>0)::date AS due_on,
               nullif(coalesce(moved.due, t.as_generated->'due')->>1, '')::time AS due_at,
               coalesce(moved.round, (t.as_generated->>'round')::int) AS round,
               min(e.at) FILTER (WHERE e.at > %(as_of)s) AS next_at
        FROM worklist_taskevent e
        LEFT JOIN LATERAL (
            SELECT m.details->'due' AS due, (m.details->>'round')::int AS round FROM worklist_taskevent m
            WHERE m.task_id = t.id AND m.verb = 'moved' AND m.at <= %(as_of)s
            ORDER BY m.at DESC, m.id DESC LIMIT 1) moved ON true
        WHERE e.task_id = t.id
        GROUP BY moved.due, moved.round
    ) past ON t.changed_at > %(as_of)s
    WHERE t.period_id = ANY(%(periods)s) AND t.generated_at <= %(as_of)s
    ORDER BY t.period_id, t.code, coalesce(past.round, t.round) DESC
), judged AS (
    SELECT period_id, status, next_at,
           status IN ('signed_off', 'not_needed') OR (status = 'done' AND NOT sign_off) AS finished,
           CASE WHEN due_on IS NOT NULL THEN due_on::timestamp AT TIME ZONE zone END AS due_from,
           CASE WHEN due_on IS NOT NULL
                THEN CASE WHEN due_at IS NULL THEN (due_on + 1)::timestamp ELSE due_on + due_at END AT TIME ZONE zone
                END AS due_until
    FROM known
)
SELECT period_id,
       count(*) FILTER (WHERE finished AND status <> 'not_needed'),
       count(*) FILTER (WHERE status <> 'not_needed'),
       count(*) FILTER (WHERE status = 'not_needed'),
       count(*) FILTER (WHERE NOT finished AND due_until <= %(as_of)s),
       count(*) FILTER (WHERE NOT finished AND due_from <= %(as_of)s AND due_until > %(as_of)s),
       least(min(next_at),
             min(due_from) FILTER (WHERE NOT finished AND due_from > %(as_of)s),
             min(due_until) FILTER (WHERE NOT finished AND due_until > %(as_of)s))
FROM judged GROUP BY period_id
UNION ALL
SELECT period_id, NULL, NULL, NULL, NULL, NULL, min(generated_at) FROM worklist_closetask
WHERE period_id = ANY(%(periods)s) AND generated_at > %(as_of)s GROUP BY period_id
"""


class TaskAnnotation:
    """Tasks hold until an event changes them; the clock makes them due and overdue."""

    key: ClassVar[AnnotationKey[RowTasks]] = TASKS
    per: ClassVar[Literal["period"]] = "period"
    topic: ClassVar[str] = "tasks"
    tables: ClassVar[frozenset[str]] = frozenset({"worklist_closetask", "worklist_taskevent"})
    weighed_by_row: ClassVar[bool] = False

    def load(self, scope: SnapshotScope) -> Loaded[RowTasks]:
        values: dict[int, RowTasks] = {}
        until: dict[int, datetime] = {}
        rows = fetch_rows(_STATEMENT, {"periods": list(scope.periods), "as_of": scope.as_of})
        for period_id, done, total, not_needed, overdue, today, moment in rows:
            if total is not None:
                values[period_id] = RowTasks(TaskProgress(done, total, not_needed), overdue, today)
            if moment is not None:
                until[period_id] = min(moment, until.get(period_id, moment))
        return Loaded(values, until)

    def for_row(self, value: RowTasks, row: Row, as_of: datetime) -> RowTasks:
        return value

    def foreign(self, value: RowTasks) -> frozenset[int]:
        return frozenset()

    def seen_by(self, value: RowTasks, ids: frozenset[int]) -> RowTasks:
        return value

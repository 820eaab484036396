"""Lines that were left out of a message fall due again when they hold again, while their episode runs.

A line that was left out because its entity had closed for two minutes, or because its connection was read once in
between, belongs to a notice that is raised once an episode: no evaluation raises it again.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction

from alerts.models import DeliveryLine, Destination, LineReason
from alerts.notices.notice_specs import SPECS, kinds_where
from alerts.outbox.relevance import context_of_line, notices_of_ended_outages, reason_to_leave_out
from alerts.outbox.send_context import SendContext
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_of, row_keys_by_notice
from alerts.routing.recipients import can_see, load_audiences
from alerts.routing.rerouting import requeue_lines
from entities.models import Person
from infra.fast_cursor import fetch_rows

# Reasons that may no longer hold later. A deadline moved ahead and a person who unsubscribed do not change back.
_REVERSIBLE = [
    reason.value
    for reason in (
        *(LineReason.CLOSED_SINCE, LineReason.CLOSED_NO_MORE, LineReason.NOT_LATE),
        *(LineReason.HAS_A_DEADLINE, LineReason.READ_AGAIN, LineReason.NOT_VISIBLE),
    )
]
_NEWS_LASTS = timedelta(days=10)  # a weekly digest, and the long weekend after it

# The lines whose episode runs as last evaluated. Daily reminders are not among them: the next one replaces them.
_OF_RUNNING_EPISODES = """
WITH running AS (
    SELECT flag.period_id, flag.level,
           coalesce(o.episode, 1 + (SELECT count(*) FROM alerts_overrun past
                                    WHERE past.period_id = flag.period_id)) AS episode
    FROM alerts_overdueflag flag
    LEFT JOIN alerts_overrun o ON o.period_id = flag.period_id AND o.closed_at IS NULL
    WHERE flag.level <> 'closed'),
notice AS (
    SELECT n.id FROM running JOIN alerts_notice n ON n.period_id = running.period_id
    WHERE (n.kind, running.level) IN (SELECT * FROM unnest(%(kinds)s::text[], %(levels)s::text[]))
      AND n.episode IN (0, running.episode)
      AND (n.change_id IS NULL
           OR NOT EXISTS (SELECT FROM alerts_notice later WHERE later.period_id = n.period_id
                          AND later.change_id IS NOT NULL AND later.id > n.id))
    UNION ALL
    SELECT n.id FROM alerts_outage outage
    JOIN alerts_notice n ON n.connection_id = outage.connection_id AND n.kind = outage.kind
                        AND n.episode = outage.episode
    WHERE outage.closed_at IS NULL
    UNION ALL
    SELECT n.id FROM alerts_notice n
    WHERE n.kind = ANY(%(news)s) AND n.connection_id IS NULL AND n.raised_at > %(as_of)s - %(news_lasts)s::interval
      AND NOT EXISTS (SELECT FROM alerts_notice later WHERE later.id > n.id
                      AND (later.period_id = n.period_id
                           OR (later.group_id = n.group_id AND later.month = n.month))))
SELECT line.id FROM notice JOIN alerts_deliveryline line ON line.notice_id = notice.id
WHERE line.left_out = ANY(%(reasons)s)
"""


def requeue_left_out(context: SendContext) -> int:
    """Put each line that holds again into the next message to its reader; returns the number of these messages.

    What it finds is judged by the same rule as what is sent, so that no line is moved to be left out again.
    """
    as_of = context.now()
    ids = _candidates(as_of)
    if not ids:
        return 0
    with transaction.atomic():
        lines = list(
            DeliveryLine.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(pk__in=ids, left_out__in=_REVERSIBLE)
            .select_related(
                *("recipient", "destination__group", "notice__period", "notice__connection", "notice__group")
            )
            .order_by("pk")
        )
        row_keys = row_keys_by_notice(line.notice for line in lines)
        audiences = load_audiences({entity for keys in row_keys.values() for entity, _ in keys})
        by_reader: dict[Person | Destination, list[DeliveryLine]] = defaultdict(list)
        for line in lines:
            reader = line.destination or line.recipient
            # A reader who sees nothing of it costs no look at the boards.
            if reader is not None and any(
                can_see(reader, audiences[pk]) for pk, _ in row_keys[line.notice_id]
            ):
                by_reader[reader].append(line)
        keys = frozenset().union(*(row_keys[line.notice_id] for some in by_reader.values() for line in some))
        ended_outages = notices_of_ended_outages([line.notice for line in lines])
        due = []
        for reader, their_lines in by_reader.items():
            rows, _ = context.rows(keys, reader)
            for line in their_lines:
                line_context = context_of_line(line, row_keys[line.notice_id], rows, ended_outages)
                if reason_to_leave_out(line, line_context) is None:
                    due.append(line)
        return requeue_lines(due, EvaluationContext(as_of, entities_of([line.notice for line in due])))


def _candidates(as_of: datetime) -> list[int]:
    values = {
        "as_of": as_of,
        "news_lasts": _NEWS_LASTS,
        "reasons": _REVERSIBLE,
        "kinds": [kind for kind, spec in SPECS.items() for _ in spec.runs_at],
        "levels": [level.value for spec in SPECS.values() for level in spec.runs_at],
        "news": kinds_where(lambda spec: spec.informational),
    }
    return [pk for (pk,) in fetch_rows(_OF_RUNNING_EPISODES, values)]

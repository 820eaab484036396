"""The scope of notices: an entity's month, all entities that a connection reads, or all entities of a group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from django.db.models import Q

from alerts.models import Notice
from alerts.routing.evaluation_context import EvaluationContext
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import active_month
from entities.models import LegalEntity
from periods.models import FiscalPeriod

RowKey = tuple[int, date]  # an entity and a reporting month
RowKeysByNotice = Mapping[int, frozenset[RowKey]]  # the rows that each notice is about, by its id


def row_keys_by_notice(notices: Iterable[Notice]) -> dict[int, frozenset[RowKey]]:
    """The keys of the rows that each notice is about, by notice id: of its period, its connection or its group.

    Those of a connection are of the month that was being closed when the notice was raised, by the latest local day
    among its entities. One query at most; the periods and groups of the notices must be loaded.
    """
    keys: dict[int, frozenset[RowKey]] = {}
    events: dict[int, Notice] = {}
    for notice in notices:
        if notice.period is not None:
            keys[notice.pk] = frozenset([(notice.period.entity_id, notice.period.reporting_month)])
        else:
            events[notice.pk] = notice
    if not events:
        return keys
    entities = LegalEntity.objects.filter(entities_of(events.values()))
    rows = list(entities.values_list("pk", "group__path", "connection", "zone"))
    zones: dict[int | None, dict[int, ZoneInfo]] = defaultdict(dict)  # of each connection's entities
    for pk, _, connection, zone in rows:
        zones[connection][pk] = zone_named(zone)
    for notice in events.values():
        own, group = zones[notice.connection_id], notice.group
        if group is not None and notice.month is not None:
            keys[notice.pk] = frozenset(
                (pk, notice.month) for pk, path, *_ in rows if path.startswith(group.path)
            )
        else:
            months = {active_month(local_date(notice.raised_at, zone)) for zone in own.values()}
            keys[notice.pk] = frozenset((pk, max(months)) for pk in own)
    return keys


def entities_of(notices: Collection[Notice]) -> Q:
    """The condition that the entities meet which these notices are about; their groups must be loaded."""
    periods = {notice.period_id for notice in notices if notice.period_id is not None}
    connections = {notice.connection_id for notice in notices if notice.connection_id is not None}
    scope = Q(pk__in=FiscalPeriod.objects.filter(pk__in=periods).values("entity"))
    scope |= Q(connection__in=connections)
    for path in {notice.group.path for notice in notices if notice.group is not None}:
        scope |= Q(group__path__startswith=path)
    return scope


def entities_by_notice(notices: Collection[Notice], context: EvaluationContext) -> dict[int, list[int]]:
    """The entities that each notice is about, by the notice's id; one query for those of periods.

    The scope of the context must hold them.
    """
    periods = FiscalPeriod.objects.filter(pk__in={row.period_id for row in notices if row.period_id})
    entity_of = dict(periods.values_list("pk", "entity"))
    entity_ids = {}
    for row in notices:
        if row.period_id is not None:
            entity_ids[row.pk] = [entity_of[row.period_id]]
        elif row.connection_id is not None:
            connection = row.connection_id
            entity_ids[row.pk] = [pk for pk, own in context.entities.items() if own.connection == connection]
        else:
            path = context.groups[row.group_id or 0]
            entity_ids[row.pk] = [pk for pk, own in context.entities.items() if own.path.startswith(path)]
    return entity_ids

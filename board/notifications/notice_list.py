"""Queries the notices that a person may see, with their messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from alerts.models import DeliveryLine, Notice
from alerts.notices.notice_specs import kinds_where
from board.notifications.notice_phrasing import (
    DeliveryState,
    NoticeSummarizer,
    NoticeSummary,
    ReadingsByNotice,
)
from board.web.board_request import BoardRequest
from board.web.filters import group_and_descendants
from board.web.params import EVERY_KIND, NoticeFilter
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from entities.access import administered_entities
from entities.models import Membership
from periods.snapshot.freshness import readings_of_connections


def visible_notices(board_request: BoardRequest) -> QuerySet[Notice]:
    """Every notice that the person may see, up to the moment of the request, newest first.

    These include notices of connections that read an entity of theirs, and of groups that they see as a whole.
    """
    entities = board_request.entities()
    memberships = Membership.objects.filter(person=board_request.person, group__isnull=False)
    path = ExpressionWrapper(OuterRef("group__path"), output_field=CharField())
    above = memberships.alias(path=path).filter(path__startswith=F("group__path"))
    of_groups = (
        Q(group__isnull=False) if board_request.person.is_superuser else Q(Exists(above), group__isnull=False)
    )
    connected = entities.filter(connection__isnull=False)
    return Notice.objects.filter(
        Q(period__entity__in=entities) | Q(connection__in=connected.values("connection")) | of_groups,
        raised_at__lte=board_request.as_of,
    )


def filtered_notices(
    board_request: BoardRequest, filters: NoticeFilter, board: Scoreboard
) -> QuerySet[Notice]:
    """The notices that pass every filter, newest first, with their related objects."""
    query, notices = board_request.query, visible_notices(board_request)
    if query.q:
        text = query.q
        notices = notices.filter(
            Q(period__entity__name__icontains=text)
            | Q(period__entity__code__icontains=text)
            | Q(period__entity__owner__name__icontains=text)
        )
    if (groups := group_and_descendants(board.groups, query.group)) is not None:
        notices = notices.filter(period__entity__group__code__in=groups)
    if query.owner:
        notices = notices.filter(period__entity__owner__name=query.owner)
    if query.country:
        notices = notices.filter(period__entity__country=query.country)
    if query.erp:
        notices = notices.filter(period__entity__connection__name=query.erp)
    if not filters.kind:
        notices = notices.exclude(kind__in=kinds_where(lambda spec: spec.is_reminder))
    elif filters.kind != EVERY_KIND:
        notices = notices.filter(kind=filters.kind)
    if filters.month is not None:
        notices = notices.filter(Q(period__reporting_month=filters.month) | Q(month=filters.month))
    if filters.message:
        notices = notices.filter(_message_condition(filters.message))
    return notices.select_related("period__entity", "connection", "group", "policy_version__policy")


def _message_condition(message: str) -> Q:
    lines = DeliveryLine.objects.filter(notice=OuterRef("pk"))
    match message:
        case "nobody":
            return ~Q(Exists(lines)) & ~Q(kind__in=kinds_where(lambda spec: spec.informational))
        case "cancelled":
            return Q(Exists(lines.filter(Q(delivery__state=DeliveryState.CANCELLED) | ~Q(left_out=""))))
        case "waiting":
            return Q(Exists(lines.filter(delivery__state__in=[DeliveryState.WAITING, DeliveryState.SENDING])))
        case _:
            return Q(Exists(lines.filter(delivery__state=message, left_out="")))


def notice_summarizer(
    board_request: BoardRequest, notices: Sequence[Notice], entity_ids: Collection[int]
) -> NoticeSummarizer:
    """The summarizer of notices about these entities, with the messages and readings of each."""
    lines_by_notice: dict[int, list[DeliveryLine]] = defaultdict(list)
    lines = DeliveryLine.objects.filter(notice__in=[notice.pk for notice in notices])
    for line in lines.select_related("delivery__recipient", "delivery__destination").order_by("pk"):
        lines_by_notice[line.notice_id].append(line)
    administered = _administered_entity_ids(board_request, lines_by_notice, entity_ids)
    return NoticeSummarizer(
        board_request, lines_by_notice, administered, _readings_by_notice(board_request, notices)
    )


def _readings_by_notice(board_request: BoardRequest, notices: Sequence[Notice]) -> ReadingsByNotice:
    """The entities of each connection notice that the person may see, with their readings when it was raised."""
    moments = {row.pk: (row.connection_id, row.raised_at) for row in notices if row.connection_id is not None}
    if not moments:
        return {}
    connections = {connection for connection, _ in moments.values()}
    ids = list(board_request.entities().filter(connection__in=connections).values_list("pk", flat=True))
    readings = readings_of_connections(sorted(set(moments.values())), ids)
    return {pk: readings.get(moment, []) for pk, moment in moments.items()}


def _administered_entity_ids(
    board_request: BoardRequest, lines: Mapping[int, Sequence[DeliveryLine]], ids: Collection[int]
) -> set[int]:
    """The entities that the person administers; queried only if a message has a server's reply to show."""
    states = {DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.PARKED}
    if not any(
        line.delivery.words and line.delivery.state in states
        for notice_lines in lines.values()
        for line in notice_lines
    ):
        return set()
    return set(administered_entities(board_request.person).filter(pk__in=ids).values_list("pk", flat=True))


def notices_of_period(
    board_request: BoardRequest, entity_id: int, period_id: int | None, row: Row | None
) -> list[NoticeSummary]:
    """The notices of one period up to the moment of the request, newest first; for the entity's page.

    Of a kind that repeats each day, only the newest is included.
    """
    if period_id is None:
        return []
    visible = (
        visible_notices(board_request)
        .filter(period=period_id)
        .select_related("policy_version__policy", "period")
    )
    repeating = kinds_where(lambda spec: spec.cadence.repeats)
    newest = visible.filter(kind__in=repeating).order_by("kind", "-raised_at", "-pk").distinct("kind")
    notices = list(visible.exclude(~Q(pk__in=newest.values("pk")), kind__in=repeating))
    summarizer = notice_summarizer(board_request, notices, [entity_id])
    return [summarizer.summarize(notice, row, entity_id) for notice in notices]

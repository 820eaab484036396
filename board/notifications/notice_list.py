"""What has been told, as data: who is past the line and was told of, and every notice of what a person may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from alerts.models import DeliveryLine, Notice
from board.notifications.notice_phrasing import DeliveryState
from board.web.board_request import BoardRequest
from board.web.filters import group_and_descendants
from board.web.params import EVERY_KIND, NoticeFilter
from closing.judging.notice_rules import INFORMATIONAL_KINDS, NoticeKind
from closing.scoreboard.board import Scoreboard
from entities.access import administered_entities
from entities.models import Membership

DIGEST_ONLY_KINDS = [NoticeKind.LATE.value, NoticeKind.DUE_SOON.value, NoticeKind.NO_DEADLINE.value]


def visible_notices(asked: BoardRequest) -> QuerySet[Notice]:
    """Every notice of what the person may see, as of the moment asked for, newest first.

    Of connections that read an entity of theirs, and of groups that they see as a whole.
    """
    entities, held = asked.entities(), Membership.objects.filter(person=asked.person, group__isnull=False)
    path = ExpressionWrapper(OuterRef("group__path"), output_field=CharField())
    above = held.alias(path=path).filter(path__startswith=F("group__path"))
    whole = Q(group__isnull=False) if asked.person.is_superuser else Q(Exists(above), group__isnull=False)
    read = entities.filter(connection__isnull=False)
    return Notice.objects.filter(
        Q(period__entity__in=entities) | Q(connection__in=read.values("connection")) | whole,
        raised_at__lte=asked.as_of,
    )


def filtered_notices(asked: BoardRequest, sought: NoticeFilter, board: Scoreboard) -> QuerySet[Notice]:
    """The notices that pass every filter, newest first, with all that tells of them."""
    question, found = asked.query, visible_notices(asked)
    if question.q:
        text = question.q
        found = found.filter(
            Q(period__entity__name__icontains=text)
            | Q(period__entity__code__icontains=text)
            | Q(period__entity__owner__name__icontains=text)
        )
    if (groups := group_and_descendants(board.groups, question.group)) is not None:
        found = found.filter(period__entity__group__code__in=groups)
    if question.owner:
        found = found.filter(period__entity__owner__name=question.owner)
    if question.country:
        found = found.filter(period__entity__country=question.country)
    if question.erp:
        found = found.filter(period__entity__connection__name=question.erp)
    if not sought.kind:
        found = found.exclude(kind__in=DIGEST_ONLY_KINDS)
    elif sought.kind != EVERY_KIND:
        found = found.filter(kind=sought.kind)
    if sought.month is not None:
        found = found.filter(Q(period__reporting_month=sought.month) | Q(month=sought.month))
    if sought.message:
        found = found.filter(_with_message(sought.message))
    return found.select_related("period__entity", "connection", "group", "policy_version__policy")


def _with_message(message: str) -> Q:
    lines = DeliveryLine.objects.filter(notice=OuterRef("pk"))
    match message:
        case "nobody":
            return ~Q(Exists(lines)) & ~Q(kind__in=INFORMATIONAL_KINDS)
        case "cancelled":
            return Q(Exists(lines.filter(Q(delivery__state=DeliveryState.CANCELLED) | ~Q(left_out=""))))
        case "waiting":
            return Q(Exists(lines.filter(delivery__state__in=[DeliveryState.WAITING, DeliveryState.SENDING])))
        case _:
            return Q(Exists(lines.filter(delivery__state=message, left_out="")))


def delivery_lines_by_notice(notices: Iterable[Notice]) -> dict[int, list[DeliveryLine]]:
    """The messages of these notices by notice, each with its recipient, in one query."""
    found: dict[int, list[DeliveryLine]] = defaultdict(list)
    lines = DeliveryLine.objects.filter(notice__in=[each.pk for each in notices])
    for line in lines.select_related("delivery__recipient", "delivery__destination").order_by("pk"):
        found[line.notice_id].append(line)
    return found


def administered_entity_ids(
    asked: BoardRequest, lines: Mapping[int, Sequence[DeliveryLine]], ids: Collection[int]
) -> set[int]:
    """Those of the entities whose servers' words the person may read; asked only where a server said something."""
    said = {DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.PARKED}
    if not any(line.delivery.words and line.delivery.state in said for own in lines.values() for line in own):
        return set()
    return set(administered_entities(asked.person).filter(pk__in=ids).values_list("pk", flat=True))


# --- who is past the line now, and whether anybody knows ------------------------------------------------------------

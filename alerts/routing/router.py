"""Routes each notice into a message to every person and destination that receives it.

Runs in the transaction that writes the notices. Sending follows later (alerts.outbox.queue).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime

from django.db.models import Max

from alerts.models import Delivery, DeliveryLine, Destination, Notice
from alerts.routing.alert_policy import (
    DEFAULT_STEPS,
    EffectiveAlertRules,
    effective_alert_rules,
    effective_steps,
)
from alerts.routing.batching import PersonCadence, open_destination_messages, open_person_messages
from alerts.routing.notice_scope import entities_by_notice, row_keys_by_notice
from alerts.routing.preferences import CadenceChoices, chosen_cadences
from alerts.routing.recipients import (
    EntityAudience,
    group_close_recipients,
    installation_administrators,
    load_audiences,
    recipients,
)
from closing.judging.notice_rules import INFORMATIONAL_KINDS, PROBLEM_KINDS, NoticeKind
from closing.judging.notification_schedule import Cadence, effective_cadence
from entities.models import LegalEntity, Membership


def route_notices(notices: Sequence[Notice], as_of: datetime, *, fall_back: bool = False) -> int:
    """Put each notice into a message to each of its recipients; returns the number of messages it wrote to.

    A message of the same cadence that was not tried yet takes more lines. `fall_back` is for notices whose
    recipients cannot be reached: they go to administrators who have not received them.
    """
    if not notices:
        return 0
    posted = 0 if fall_back else route_to_destinations(notices, as_of)
    entity_ids = entities_by_notice(notices)
    audiences = load_audiences({pk for ids in entity_ids.values() for pk in ids})
    people = _recipients_by_notice(notices, entity_ids, audiences, as_of, fall_back=fall_back)
    everyone = {person for ids in people.values() for person in ids}
    chosen = chosen_cadences(everyone)
    rules = effective_alert_rules((pk, audience.path) for pk, audience in audiences.items())
    lines: dict[PersonCadence, list[int]] = defaultdict(list)
    administrators: Set[int] | None = None
    for notice in notices:
        cadences = _cadences(notice, people[notice.pk], [rules[pk] for pk in entity_ids[notice.pk]], chosen)
        if not cadences and notice.kind not in INFORMATIONAL_KINDS:
            # No recipient may see it, or all have switched it off: administrators receive it at the default cadence.
            administrators = installation_administrators() if administrators is None else administrators
            cadences = _cadences(notice, people[notice.pk] if fall_back else administrators, [], {})
        for person, cadence in cadences.items():
            lines[person, cadence].append(notice.pk)
    deliveries = open_person_messages(lines.keys(), as_of)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=deliveries[key], notice_id=notice, recipient_id=key[0])
        for key in sorted(lines)
        for notice in lines[key]
    )
    return len(deliveries) + posted


def _recipients_by_notice(
    notices: Sequence[Notice],
    entity_ids: Mapping[int, Sequence[int]],
    audiences: Mapping[int, EntityAudience],
    as_of: datetime,
    *,
    fall_back: bool,
) -> dict[int, set[int]]:
    """The recipients of each notice, by its id, whatever their preferences."""
    if fall_back:
        return _fall_back(notices, entity_ids, audiences)
    received, people = _problem_recipients(notices), {}
    told_of_outages = _outage_lines(notices, "recipient")
    escalated = {
        pk for row in notices if row.kind == NoticeKind.ESCALATION.value for pk in entity_ids[row.pk]
    }
    steps = effective_steps((pk, audiences[pk].path) for pk in escalated) if escalated else {}
    groups = {notice.group_id for notice in notices if notice.group_id is not None}
    members = group_close_recipients(groups) if groups else {}
    for notice in notices:
        if notice.group_id is not None:
            people[notice.pk] = members[notice.group_id]
            continue
        if notice.kind == NoticeKind.READ_AGAIN.value:
            people[notice.pk] = {
                person
                for person in told_of_outages[notice.connection_id]
                if any(audiences[pk].may_see(person) for pk in entity_ids[notice.pk])
            }
            continue
        kind, informed = NoticeKind(notice.kind), received[notice.period_id]
        people[notice.pk] = {
            person
            for pk in entity_ids[notice.pk]
            for person in recipients(
                kind, notice.step, audiences[pk], as_of, informed=informed, steps=steps.get(pk, DEFAULT_STEPS)
            )
        }
    return people


def _fall_back(
    notices: Sequence[Notice], about: Mapping[int, Sequence[int]], audiences: Mapping[int, EntityAudience]
) -> dict[int, set[int]]:
    received: dict[int, set[int]] = defaultdict(set)
    lines = DeliveryLine.objects.filter(notice__in=notices)
    for notice, person in lines.exclude(recipient=None).values_list("notice", "recipient"):
        if person is not None:
            received[notice].add(person)
    administrators = installation_administrators()
    return {
        row.pk: administrators.union(
            *(audiences[pk].members_by_role[Membership.Role.ADMINISTRATOR] for pk in about[row.pk])
        )
        - received[row.pk]
        for row in notices
    }


def _cadences(
    notice: Notice, people: Collection[int], rules: Sequence[EffectiveAlertRules], chosen: CadenceChoices
) -> dict[int, Cadence]:
    """The cadence of a notice for each of these people, without those who have switched it off."""
    kind, in_digest = NoticeKind(notice.kind), bool(rules) and all(rule.alerts_in_digest for rule in rules)
    cadences = {
        person: effective_cadence(kind, chosen.get((person, kind)), in_digest=in_digest)
        for person in sorted(people)
    }
    return {person: cadence for person, cadence in cadences.items() if cadence is not Cadence.NEVER}


def _problem_recipients(notices: Sequence[Notice]) -> dict[int | None, set[int]]:
    """The people who received, or will receive, a problem notice of each period that is now cleared, by period."""
    people: dict[int | None, set[int]] = defaultdict(set)
    periods = {notice.period_id for notice in notices if notice.kind == NoticeKind.CLEARED.value}
    if periods:
        lines = DeliveryLine.objects.filter(
            notice__period__in=periods,
            notice__kind__in=PROBLEM_KINDS,
            left_out="",
            delivery__state__in=Delivery.REACHING_STATES,
        )
        for period, person in lines.exclude(recipient=None).values_list("notice__period", "recipient"):
            people[period].add(person)
    return people


def _outage_lines(notices: Sequence[Notice], reader: str) -> dict[int | None, set[int]]:
    """The readers (`recipient` or `destination`) who received the trouble of each connection that is read again."""
    ends = [notice for notice in notices if notice.kind == NoticeKind.READ_AGAIN.value]
    readers: dict[int | None, set[int]] = defaultdict(set)
    if not ends:
        return readers
    connections = {notice.connection_id for notice in ends}
    earlier = Notice.objects.filter(kind=NoticeKind.READ_AGAIN.value, connection__in=connections)
    reported = dict(
        earlier.exclude(pk__in=[notice.pk for notice in ends])
        .order_by()
        .values_list("connection")
        .annotate(Max("raised_at"))
    )
    lines = DeliveryLine.objects.filter(
        notice__connection__in=connections,
        left_out="",
        delivery__state__in=[Delivery.State.SENT, Delivery.State.SENDING],
    ).exclude(notice__kind=NoticeKind.READ_AGAIN.value)
    for connection, raised_at, pk in lines.values_list("notice__connection", "notice__raised_at", reader):
        if pk is not None and (connection not in reported or raised_at > reported[connection]):
            readers[connection].add(pk)
    return readers


def route_to_destinations(notices: Sequence[Notice], as_of: datetime) -> int:
    """Put each notice into a message to every destination that receives it; returns the number of messages.

    A message that was not tried yet takes more lines, so that 300 late entities are one post.
    """
    destinations = list(
        Destination.objects.filter(enabled=True, kinds__overlap=_chosen_kinds(notices))
        .select_related("group")
        .order_by("pk")
    )
    if not destinations:
        return 0
    paths, received = _paths_of(notices), _problem_destinations(notices)
    told_of_outages = _outage_lines(notices, "destination")
    lines: dict[int, list[int]] = defaultdict(list)
    for notice in notices:
        for destination in destinations:
            if notice.kind == NoticeKind.READ_AGAIN.value:
                receives = destination.pk in told_of_outages[notice.connection_id]
            else:
                receives = _receives(destination, notice, paths[notice.pk], received)
            if receives:
                lines[destination.pk].append(notice.pk)
    receiving = [row for row in destinations if row.pk in lines]
    deliveries = open_destination_messages(receiving, as_of)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=deliveries[destination.pk], notice_id=notice, destination=destination)
        for destination in receiving
        for notice in lines[destination.pk]
    )
    return len(deliveries)


def _chosen_kinds(notices: Sequence[Notice]) -> list[str]:
    """The kinds of which a destination must have chosen one: the end of trouble goes where the trouble went."""
    kinds = {notice.kind for notice in notices}
    if NoticeKind.READ_AGAIN.value in kinds:
        kinds |= {NoticeKind.STALE.value, NoticeKind.REFUSED.value}
    return sorted(kinds)


def _receives(
    destination: Destination, notice: Notice, paths: Collection[str], received: set[tuple[int, int]]
) -> bool:
    """Whether a notice of a chosen kind is about an entity, or a whole group, below the destination's group."""
    if notice.kind not in destination.kinds:
        return False
    if notice.group is not None:
        return notice.group.path.startswith(destination.group.path)
    if notice.kind == NoticeKind.CLEARED.value and (destination.pk, notice.period_id or 0) not in received:
        return False
    return any(path.startswith(destination.group.path) for path in paths)


def _paths_of(notices: Sequence[Notice]) -> Mapping[int, set[str]]:
    """The paths of the groups that each notice's entities belong to."""
    row_keys = row_keys_by_notice(notices)
    ids = {entity for keys in row_keys.values() for entity, _ in keys}
    path_of = dict(LegalEntity.objects.filter(pk__in=ids).values_list("pk", "group__path"))
    return {pk: {path_of[entity] for entity, _ in keys if entity in path_of} for pk, keys in row_keys.items()}


def _problem_destinations(notices: Sequence[Notice]) -> set[tuple[int, int]]:
    """The pairs of destination and cleared period where the destination received, or will receive, the problem."""
    periods = {notice.period_id for notice in notices if notice.kind == NoticeKind.CLEARED.value}
    if not periods:
        return set()
    lines = DeliveryLine.objects.filter(
        destination__isnull=False,
        notice__period__in=periods,
        notice__kind__in=PROBLEM_KINDS,
        left_out="",
        delivery__state__in=Delivery.REACHING_STATES,
    )
    return {(pk or 0, period or 0) for pk, period in lines.values_list("destination", "notice__period")}

"""Routes each notice into a message to every person and destination that receives it.

Runs in the transaction that writes the notices. Sending follows later (alerts.outbox.queue).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache

from django.db.models import Max, Q

from alerts.models import REACHES_RECIPIENT, Delivery, DeliveryLine, Notice
from alerts.notices.notice_specs import spec_of
from alerts.routing.alert_policy import EffectiveAlertRules
from alerts.routing.batching import MessageKey, open_messages
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_by_notice
from alerts.routing.preferences import CadenceChoices, chosen_cadences
from alerts.routing.recipients import EntityAudience, load_audiences, recipients
from closing.judging.notification_schedule import Cadence, effective_cadence
from entities.models import Membership


def route_notices(notices: Sequence[Notice], context: EvaluationContext, *, fall_back: bool = False) -> int:
    """Put each notice into a message to each of its recipients; returns the number of messages it wrote to.

    A message of the same cadence that was not tried yet takes more lines, so that 300 late entities are one message.
    `fall_back` is for notices whose recipients cannot be reached: they go to administrators who have not received
    them.
    """
    if not notices:
        return 0
    entity_ids = entities_by_notice(notices, context)
    lines = {} if fall_back else _lines_to_destinations(notices, entity_ids, context)
    audiences = load_audiences({pk for ids in entity_ids.values() for pk in ids}, context.role_holders)
    recipients_of = _administrators_by_notice if fall_back else _recipients_by_notice
    people = recipients_of(notices, entity_ids, audiences, context)
    chosen = chosen_cadences({person for ids in people.values() for person in ids})
    rules = cache(context.alert_policies.rules_of)
    for notice in notices:
        own_rules = [rules(audiences[pk].path) for pk in entity_ids[notice.pk]]
        cadences = _cadences(notice, people[notice.pk], own_rules, chosen)
        if not cadences and not spec_of(notice.kind).informational:
            # No recipient may see it, or all have switched it off: administrators receive it at the default cadence.
            administrators = people[notice.pk] if fall_back else context.role_holders.superusers
            cadences = _cadences(notice, administrators, [], {})
        for person, cadence in cadences.items():
            lines.setdefault((person, None, cadence), []).append(notice.pk)
    deliveries = open_messages(lines, context)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=message, notice_id=pk, recipient_id=key[0], destination_id=key[1])
        for key, message in deliveries.items()
        for pk in lines[key]
    )
    return len(deliveries)


def route_unreached(notices: Collection[Notice], reaching: Q, context: EvaluationContext) -> None:
    """Route these notices to administrators, but for those that have reached somebody, or will.

    `reaching` is the condition of the lines that count for that.
    """
    if not notices:
        return
    ids = [notice.pk for notice in notices]
    # Locked: when two senders lose the last two recipients at once, the later one then sees it.
    list(Notice.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    lines = DeliveryLine.objects.filter(REACHES_RECIPIENT, reaching, notice__in=ids)
    reached = set(lines.values_list("notice", flat=True))
    unreached = [notice for notice in notices if notice.pk not in reached]
    route_notices(unreached, context, fall_back=True)


def _recipients_by_notice(
    notices: Sequence[Notice],
    entity_ids: Mapping[int, Sequence[int]],
    audiences: Mapping[int, EntityAudience],
    context: EvaluationContext,
) -> dict[int, set[int]]:
    """The recipients of each notice, by its id, whatever their preferences."""
    received, people = _problem_lines(notices, "recipient"), {}
    outage_readers = _outage_lines(notices, "recipient")
    steps = cache(context.alert_policies.steps_of)
    for notice in notices:
        if notice.group_id is not None:
            people[notice.pk] = context.role_holders.of_group_close(context.groups[notice.group_id])
            continue
        own = [audiences[pk] for pk in entity_ids[notice.pk]]
        if _ends_outage(notice):
            people[notice.pk] = {
                person
                for person in outage_readers[notice.connection_id]
                if any(each.may_see(person) for each in own)
            }
            continue
        informed, step = received[notice.period_id], notice.step
        people[notice.pk] = set().union(
            *(
                recipients(notice.kind, step, each, context.as_of, informed=informed, steps=steps(each.path))
                for each in own
            )
        )
    return people


def _administrators_by_notice(
    notices: Sequence[Notice],
    entity_ids: Mapping[int, Sequence[int]],
    audiences: Mapping[int, EntityAudience],
    context: EvaluationContext,
) -> dict[int, set[int]]:
    """The administrators who have not received each notice, by its id."""
    received = set(DeliveryLine.objects.filter(notice__in=notices).values_list("notice", "recipient"))
    people = {}
    for notice in notices:
        administrators = context.role_holders.superusers.union(
            *(audiences[pk].members_by_role[Membership.Role.ADMINISTRATOR] for pk in entity_ids[notice.pk])
        )
        people[notice.pk] = {person for person in administrators if (notice.pk, person) not in received}
    return people


def _cadences(
    notice: Notice, people: Collection[int], rules: Sequence[EffectiveAlertRules], chosen: CadenceChoices
) -> dict[int, Cadence]:
    """The cadence of a notice for each of these people, without those who have switched it off."""
    rule = spec_of(notice.kind).cadence
    in_digest = bool(rules) and all(each.alerts_in_digest for each in rules)
    cadences = {
        person: effective_cadence(rule, chosen.get((person, notice.kind)), in_digest=in_digest)
        for person in sorted(people)
    }
    return {person: cadence for person, cadence in cadences.items() if cadence is not Cadence.NEVER}


def _ends_problem(notice: Notice) -> bool:
    return notice.period_id is not None and bool(spec_of(notice.kind).ends)


def _ends_outage(notice: Notice) -> bool:
    return notice.connection_id is not None and bool(spec_of(notice.kind).ends)


def _problem_lines(notices: Sequence[Notice], reader: str) -> dict[int | None, set[int]]:
    """The readers (`recipient` or `destination`) who received, or will, a problem of each period now cleared."""
    readers: dict[int | None, set[int]] = defaultdict(set)
    if ends := list(filter(_ends_problem, notices)):
        lines = DeliveryLine.objects.filter(
            notice__period__in={notice.period_id for notice in ends},
            notice__kind__in={kind for notice in ends for kind in spec_of(notice.kind).ends},
            left_out="",
            delivery__state__in=Delivery.REACHING_STATES,
        )
        for period, pk in lines.exclude(**{reader: None}).values_list("notice__period", reader):
            readers[period].add(pk)
    return readers


def _outage_lines(notices: Sequence[Notice], reader: str) -> dict[int | None, set[int]]:
    """The readers (`recipient` or `destination`) who received the trouble of each connection that is read again."""
    ends = list(filter(_ends_outage, notices))
    readers: dict[int | None, set[int]] = defaultdict(set)
    if not ends:
        return readers
    connections, kinds = {notice.connection_id for notice in ends}, {notice.kind for notice in ends}
    earlier = Notice.objects.filter(kind__in=kinds, connection__in=connections)
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
    ).exclude(notice__kind__in=kinds)
    for connection, raised_at, pk in lines.values_list("notice__connection", "notice__raised_at", reader):
        if pk is not None and (connection not in reported or raised_at > reported[connection]):
            readers[connection].add(pk)
    return readers


def _lines_to_destinations(
    notices: Sequence[Notice], entity_ids: Mapping[int, Sequence[int]], context: EvaluationContext
) -> dict[MessageKey, list[int]]:
    """The notices that each destination receives, by id; destinations without one are left out."""
    received: dict[MessageKey, list[int]] = defaultdict(list)
    # The end of trouble goes where the trouble went.
    ended = (spec_of(notice.kind).ends for notice in notices if _ends_outage(notice))
    kinds = {notice.kind for notice in notices}.union(*ended)
    destinations = [row for row in context.destinations if kinds.intersection(row.kinds)]
    if not destinations:
        return received
    problems, outages = (find(notices, "destination") for find in (_problem_lines, _outage_lines))
    for notice in notices:
        paths = {context.entities[pk].path for pk in entity_ids[notice.pk]}
        if notice.group_id is not None:
            paths = {context.groups[notice.group_id]}
        for row in destinations:
            chosen = notice.kind in row.kinds and any(path.startswith(row.group.path) for path in paths)
            if _ends_outage(notice):
                chosen = row.pk in outages[notice.connection_id]
            elif _ends_problem(notice):
                chosen = chosen and row.pk in problems[notice.period_id]
            if chosen:
                received[None, row.pk, Cadence.IMMEDIATE].append(notice.pk)
    return received

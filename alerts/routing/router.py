"""Routes each notice into a message to every person and destination that receives it.

Runs in the transaction that writes the notices. What is sent when is no matter of this (alerts.outbox.queue).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime

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
    """Put each notice into a message to each of its recipients; returns how many messages that touched.

    A message of the same rhythm that nobody has begun to send takes more lines. `fall_back` is for notices whose
    recipients cannot be reached: they go to administrators who have not heard of them.
    """
    if not notices:
        return 0
    posted = 0 if fall_back else route_to_destinations(notices, as_of)
    about = entities_by_notice(notices)
    around = load_audiences({pk for ids in about.values() for pk in ids})
    people = _who(notices, about, around, as_of, fall_back=fall_back)
    everybody = {person for found in people.values() for person in found}
    chosen = chosen_cadences(everybody)
    rules = effective_alert_rules((pk, each.path) for pk, each in around.items())
    lines: dict[PersonCadence, list[int]] = defaultdict(list)
    everywhere: Set[int] | None = None
    for each in notices:
        told = _rhythms(each, people[each.pk], [rules[pk] for pk in about[each.pk]], chosen)
        if not told and each.kind not in INFORMATIONAL_KINDS:
            # Nobody may see it, or everybody who may has switched it off: whoever is left is told, as usual.
            everywhere = installation_administrators() if everywhere is None else everywhere
            told = _rhythms(each, people[each.pk] if fall_back else everywhere, [], {})
        for person, rhythm in told.items():
            lines[person, rhythm].append(each.pk)
    deliveries = open_person_messages(lines.keys(), as_of)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=deliveries[way], notice_id=notice, recipient_id=way[0])
        for way in sorted(lines)
        for notice in lines[way]
    )
    return len(deliveries) + posted


def _who(
    notices: Sequence[Notice],
    about: Mapping[int, Sequence[int]],
    around: Mapping[int, EntityAudience],
    as_of: datetime,
    *,
    fall_back: bool,
) -> dict[int, set[int]]:
    """Who should hear of each notice, by its id, whatever they have chosen."""
    if fall_back:
        return _fall_back(notices, about, around)
    heard, found = _heard_before(notices), {}
    escalated = {pk for each in notices if each.kind == NoticeKind.ESCALATION.value for pk in about[each.pk]}
    steps = effective_steps((pk, around[pk].path) for pk in escalated) if escalated else {}
    groups = {each.group_id for each in notices if each.group_id is not None}
    members = group_close_recipients(groups) if groups else {}
    for each in notices:
        if each.group_id is not None:
            found[each.pk] = members[each.group_id]
            continue
        kind, before = NoticeKind(each.kind), heard[each.period_id]
        found[each.pk] = {
            person
            for pk in about[each.pk]
            for person in recipients(
                kind, each.step, around[pk], as_of, told_before=before, steps=steps.get(pk, DEFAULT_STEPS)
            )
        }
    return found


def _fall_back(
    notices: Sequence[Notice], about: Mapping[int, Sequence[int]], around: Mapping[int, EntityAudience]
) -> dict[int, set[int]]:
    already: dict[int, set[int]] = defaultdict(set)
    lines = DeliveryLine.objects.filter(notice__in=notices)
    for notice, person in lines.exclude(recipient=None).values_list("notice", "recipient"):
        if person is not None:
            already[notice].add(person)
    everywhere = installation_administrators()
    return {
        each.pk: everywhere.union(
            *(around[pk].members_by_role[Membership.Role.ADMINISTRATOR] for pk in about[each.pk])
        )
        - already[each.pk]
        for each in notices
    }


def _rhythms(
    notice: Notice, people: Collection[int], rules: Sequence[EffectiveAlertRules], chosen: CadenceChoices
) -> dict[int, Cadence]:
    """How soon each of these people is told of a notice, without those who have switched it off."""
    kind, in_digest = NoticeKind(notice.kind), bool(rules) and all(each.alerts_in_digest for each in rules)
    found = {
        person: effective_cadence(kind, chosen.get((person, kind)), in_digest=in_digest)
        for person in sorted(people)
    }
    return {person: rhythm for person, rhythm in found.items() if rhythm is not Cadence.NEVER}


def _heard_before(notices: Sequence[Notice]) -> dict[int | None, set[int]]:
    """For each period whose end is to be told, who was told that it was late."""
    found: dict[int | None, set[int]] = defaultdict(set)
    periods = {each.period_id for each in notices if each.kind == NoticeKind.CLEARED.value}
    if periods:
        lines = DeliveryLine.objects.filter(
            notice__period__in=periods,
            notice__kind__in=PROBLEM_KINDS,
            left_out="",
            delivery__state__in=Delivery.REACHING_STATES,
        )
        for period, person in lines.exclude(recipient=None).values_list("notice__period", "recipient"):
            found[period].add(person)
    return found


def route_to_destinations(notices: Sequence[Notice], as_of: datetime) -> int:
    """Put each notice into a message to every destination that hears of it; returns how many messages that touched.

    One that nobody has begun to send takes more lines, so that 300 late entities are one post.
    """
    places = list(
        Destination.objects.filter(enabled=True, kinds__overlap=sorted({each.kind for each in notices}))
        .select_related("group")
        .order_by("pk")
    )
    if not places:
        return 0
    inside, heard = _paths_of(notices), _destinations_told_before(notices)
    lines: dict[int, list[int]] = defaultdict(list)
    for each in notices:
        for place in places:
            if each.kind in place.kinds and _hears(place, each, inside[each.pk], heard):
                lines[place.pk].append(each.pk)
    told = [place for place in places if place.pk in lines]
    deliveries = open_destination_messages(told, as_of)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=deliveries[place.pk], notice_id=notice, destination=place)
        for place in told
        for notice in lines[place.pk]
    )
    return len(deliveries)


def _hears(place: Destination, notice: Notice, paths: Collection[str], heard: set[tuple[int, int]]) -> bool:
    """Whether a notice is one of the destination's group: of an entity there, or of a group that is all there."""
    if notice.group is not None:
        return notice.group.path.startswith(place.group.path)
    if notice.kind == NoticeKind.CLEARED.value and (place.pk, notice.period_id or 0) not in heard:
        return False
    return any(path.startswith(place.group.path) for path in paths)


def _paths_of(notices: Sequence[Notice]) -> Mapping[int, set[str]]:
    """The paths of the groups that each notice's entities belong to."""
    about = row_keys_by_notice(notices)
    ids = {entity for own in about.values() for entity, _ in own}
    path_of = dict(LegalEntity.objects.filter(pk__in=ids).values_list("pk", "group__path"))
    return {pk: {path_of[entity] for entity, _ in own if entity in path_of} for pk, own in about.items()}


def _destinations_told_before(notices: Sequence[Notice]) -> set[tuple[int, int]]:
    """Which destinations were told, or will be, that a period was late, of those whose end is to be told."""
    periods = {each.period_id for each in notices if each.kind == NoticeKind.CLEARED.value}
    if not periods:
        return set()
    lines = DeliveryLine.objects.filter(
        destination__isnull=False,
        notice__period__in=periods,
        notice__kind__in=PROBLEM_KINDS,
        left_out="",
        delivery__state__in=Delivery.REACHING_STATES,
    )
    return {(place or 0, period or 0) for place, period in lines.values_list("destination", "notice__period")}

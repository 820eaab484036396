"""Lets items of unfinished work stand on purpose, and ends that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from closing.blockers.blocker_facts import BlockerFact, FactId
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.blocker_phrases import money
from closing.blockers.carried import mark_refusal
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import month_end, next_month
from entities.access import writable_entities
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from periods.models import FiscalPeriod
from worklist.models import BlockerReading, CarriedItem
from worklist.recording.fact_rows import fact_of

LONGEST_REASON = 500  # letters


class CarriedRefused(ValueError):
    """An item cannot be carried on purpose like this; the message is a sentence for the person."""


class CarriedNotAllowed(Exception):
    """The person may see the entity, and not write on it."""


@dataclass(frozen=True, slots=True)
class FactInForce:
    """The fact of an entity's period, or of no period, whose items are carried: its kind, part and currency."""

    kind: BlockerKind
    part: str = ""
    currency: str = ""
    period: int | None = None


def fact_in_force(person: Person, entity: LegalEntity, key: FactInForce) -> BlockerReading:
    """The reading in force of a fact that stands on an entity's page; raises BlockerReading.DoesNotExist.

    Of counterparties it is held by the first of the two; the person has to see both.
    """
    visible = LegalEntity.objects.visible_to(person)
    readings = BlockerReading.objects.filter(
        Q(entity=entity, period=key.period)
        | Q(partner=entity, partner_period=key.period, partner_period__isnull=False),
        Q(partner=None) | Q(partner__in=visible, entity__in=visible),
        kind=key.kind.value,
        part=key.part,
        currency=key.currency,
        superseded_at=None,
    )
    return readings.select_related("period", "entity").get()


def last_day_to_carry(reading: BlockerReading, today: date) -> date:
    """The last day of the period after that of the reading, or after today's for work of no period."""
    last = reading.period.last_day if reading.period is not None else month_end(today)
    following = FiscalPeriod.objects.filter(entity=reading.entity_id, type="operating", first_day__gt=last)
    found = following.order_by("first_day").values_list("last_day", flat=True).first()
    return found if found is not None else month_end(next_month(last))


@transaction.atomic
def carry_on_purpose(
    by: Person,
    code: str,
    key: FactInForce,
    items: Sequence[FactId],
    until: date,
    reason: str,
    at: datetime,
) -> list[CarriedItem]:
    """Let items of a fact stand until a day, as the person has seen them; earlier marks of the same items end.

    All of them or none. Raises LegalEntity.DoesNotExist and BlockerReading.DoesNotExist for what the person does not
    see or is no longer there, and CarriedNotAllowed or CarriedRefused.
    """
    entity = _writable(by, code)
    reading = fact_in_force(by, entity, key)
    BlockerReading.objects.select_for_update().get(pk=reading.pk, superseded_at=None)
    fact = fact_of(reading)
    if not items:
        raise CarriedRefused("Choose at least one item.")
    if len(reason.strip()) > LONGEST_REASON:
        raise CarriedRefused(f"Give a reason of at most {LONGEST_REASON} letters.")
    today = local_date(at, zone_named(entity.zone))
    last = last_day_to_carry(reading, today)
    now = {each.item_id: each for each in fact.ids}
    for item in items:
        refusal = mark_refusal(
            fact, item.item_id, until=until, reason=reason, next_period_last=last, today=today
        )
        if not refusal and now[item.item_id] != item:
            refusal = _changed(item, now[item.item_id], fact)
        if refusal:
            raise CarriedRefused(refusal)
    marks = marks_of(reading)
    marks.filter(item__in=[item.item_id for item in items]).update(ended_at=at, ended_by=by)
    carried = [
        CarriedItem(
            entity_id=reading.entity_id,
            period_id=reading.period_id,
            kind=reading.kind,
            part=reading.part,
            currency=reading.currency,
            item=item.item_id,
            units=item.units,
            amount=item.amount,
            until=until,
            reason=reason.strip(),
            by=by,
            at=at,
        )
        for item in {item.item_id: item for item in items}.values()
    ]
    _set(carried, entity, by, at)
    return carried


@transaction.atomic
def end_carried(by: Person, code: str, key: FactInForce, items: Iterable[str], at: datetime) -> int:
    """End the marks of items, by id; returns how many had not ended already. Raises as `carry_on_purpose`."""
    entity = _writable(by, code)
    reading = fact_in_force(by, entity, key)
    marks = list(marks_of(reading).filter(item__in=list(items)).select_for_update())
    if marks:
        _end(marks, entity, by, at)
    return len(marks)


@transaction.atomic
def undo_carried(by: Person, code: str, moment: datetime, at: datetime) -> int:
    """Undo what a person did to the marks of an entity at a moment; returns how many marks changed.

    Marks of that moment end, and those that ended then are set again, unless the item has a mark meanwhile. Raises
    LegalEntity.DoesNotExist and CarriedNotAllowed.
    """
    entity = _writable(by, code)
    own = CarriedItem.objects.select_for_update().filter(
        Q(entity=entity) | Q(part__startswith=f"{entity.code}/") | Q(part__endswith=f"/{entity.code}")
    )
    ended = list(own.filter(ended_at=moment, ended_by=by))
    made = list(own.filter(at=moment, by=by, ended_at=None))
    if made:
        _end(made, entity, by, at)
    again = [mark for mark in ended if mark.at != moment and not _has_mark(mark)]
    for mark in again:
        mark.pk, mark.at, mark.by, mark.ended_at, mark.ended_by = None, at, by, None, None
    if again:
        _set(again, entity, by, at)
    return len(made) + len(again)


def _set(marks: Sequence[CarriedItem], entity: LegalEntity, by: Person, at: datetime) -> None:
    CarriedItem.objects.bulk_create(marks)
    nudge_after_commit()
    words, reason = _words(marks), marks[0].reason
    record_act(Verb.CARRIED_SET, entity_object(entity), at=at, by=by, after=words, reason=reason)


def _end(marks: Sequence[CarriedItem], entity: LegalEntity, by: Person, at: datetime) -> None:
    CarriedItem.objects.filter(pk__in=[mark.pk for mark in marks]).update(ended_at=at, ended_by=by)
    nudge_after_commit()
    record_act(Verb.CARRIED_ENDED, entity_object(entity), at=at, by=by, before=_words(marks))


def marks_of(reading: BlockerReading) -> QuerySet[CarriedItem]:
    """The marks of a reading's key that nobody has ended."""
    return CarriedItem.objects.filter(
        entity=reading.entity_id,
        period=reading.period_id,
        kind=reading.kind,
        part=reading.part,
        currency=reading.currency,
        ended_at=None,
    )


def _has_mark(mark: CarriedItem) -> bool:
    return CarriedItem.objects.filter(
        entity=mark.entity_id,
        period=mark.period_id,
        kind=mark.kind,
        part=mark.part,
        currency=mark.currency,
        item=mark.item,
        ended_at=None,
    ).exists()


def _writable(by: Person, code: str) -> LegalEntity:
    entity = LegalEntity.objects.visible_to(by).select_related("group").get(code=code)
    if not writable_entities(by).filter(pk=entity.pk).exists():
        raise CarriedNotAllowed
    return entity


def _changed(seen: FactId, now: FactId, fact: BlockerFact) -> str:
    """That an item is no longer as the person has seen it, with what it is now."""
    if now.amount is not None and now.amount != seen.amount:
        what = f"its amount is {money(now.amount, fact.currency)} now"
    else:
        what = f"it has {now.units:,} units now"
    return f"{now.item_id} has changed since the page was shown: {what}. Look at it and choose again."


def _words(marks: Sequence[CarriedItem]) -> dict[str, object]:
    first = marks[0]
    items = [mark.item for mark in marks]
    return {
        "kind": first.kind,
        **({"part": first.part} if first.part else {}),
        "item": items[0] if len(items) == 1 else items,
        "until": first.until.isoformat(),
    }

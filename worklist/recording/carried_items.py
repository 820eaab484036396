"""Lets items of unfinished work stand on purpose, and ends that."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from closing.calendar.instants import local_date, zone_named
from entities.access import writable_entities
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import BlockerReading, CarriedItem
from worklist.recording.fact_rows import fact_of

LONGEST_REASON = 500  # letters


class CarriedRefused(ValueError):
    """An item cannot be carried on purpose like this; the message is a sentence for the person."""


class CarriedNotAllowed(Exception):
    """The person may see the entity, and not write on it."""


@transaction.atomic
def carry_on_purpose(
    by: Person, code: str, reading_id: int, item_id: str, until: date, reason: str, at: datetime
) -> CarriedItem:
    """Let an item of a fact in force stand until a day; an earlier mark of the same item ends.

    Raises LegalEntity.DoesNotExist and BlockerReading.DoesNotExist for what the person does not see, and
    CarriedNotAllowed or CarriedRefused.
    """
    entity = _writable(by, code)
    reading = BlockerReading.objects.select_for_update().get(pk=reading_id, entity=entity, superseded_at=None)
    item = next((each for each in fact_of(reading).ids if each.item_id == item_id), None)
    if item is None:
        raise CarriedRefused("The source no longer names this item.")
    if until < local_date(at, zone_named(entity.zone)):
        raise CarriedRefused("This day is past. Choose today or later.")
    if not reason.strip():
        raise CarriedRefused("Give the reason why the item stays.")
    if len(reason.strip()) > LONGEST_REASON:
        raise CarriedRefused(f"Give a reason of at most {LONGEST_REASON} letters.")
    key = {
        "entity": entity,
        "period_id": reading.period_id,
        "kind": reading.kind,
        "part": reading.part,
        "currency": reading.currency,
        "item": item_id,
    }
    CarriedItem.objects.filter(**key, ended_at=None).update(ended_at=at, ended_by=by)
    carried = CarriedItem.objects.create(
        **key, units=item.units, amount=item.amount, until=until, reason=reason.strip(), by=by, at=at
    )
    nudge_after_commit()
    record_act(
        Verb.CARRIED_SET,
        entity_object(entity),
        at=at,
        by=by,
        after=_words(carried),
        reason=carried.reason,
    )
    return carried


@transaction.atomic
def end_carried(by: Person, code: str, carried_id: int, at: datetime) -> bool:
    """End a mark; False if it had ended already. Raises as `carry_on_purpose`, and CarriedItem.DoesNotExist."""
    entity = _writable(by, code)
    carried = CarriedItem.objects.select_for_update().get(pk=carried_id, entity=entity)
    if carried.ended_at is not None:
        return False
    carried.ended_at, carried.ended_by = at, by
    carried.save(update_fields=["ended_at", "ended_by"])
    nudge_after_commit()
    record_act(Verb.CARRIED_ENDED, entity_object(entity), at=at, by=by, before=_words(carried))
    return True


def _writable(by: Person, code: str) -> LegalEntity:
    entity = LegalEntity.objects.visible_to(by).select_related("group").get(code=code)
    if not writable_entities(by).filter(pk=entity.pk).exists():
        raise CarriedNotAllowed
    return entity


def _words(carried: CarriedItem) -> dict[str, str]:
    return {
        "kind": carried.kind,
        "item": carried.item,
        "until": carried.until.isoformat(),
    }

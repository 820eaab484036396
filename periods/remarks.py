"""Writes remarks on a period, and refuses those that make no sense or are not allowed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q

from closing.calendar.date_phrases import full_date, month_and_year, weekday_and_date
from closing.calendar.instants import local_date, zone_named
from closing.facts.period_remarks import OverdueReason, RemarkKind
from closing.judging.standing import Level
from closing.scoreboard.row import Row
from entities.access import writable_entities
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from periods.models import Remark
from periods.snapshot.builder import take_snapshot

MAX_EXPECTED_CLOSE_DAYS = 120  # a close expected later than that is a slip of the year
_DOUBLE_CLICK = timedelta(minutes=1)  # the same remark again within it is a second click
_LOCK = 0x72656D61  # any number of our own: one writer per period at a time


class RemarkNotAllowed(Exception):
    """The person may read the entity, but not write on it."""


def may_write(person: Person, entity_id: int) -> bool:
    """Whether a person may write remarks on an entity, by the rule of `entities.access.writable_entities`."""
    return writable_entities(person).filter(pk=entity_id).exists()


def allowed_remark_kinds(row: Row, at: datetime) -> frozenset[RemarkKind]:
    """The kinds of remark that make sense for a row; without a period a note alone, as nothing is judged yet.

    A reason is for a period past its deadline, or closed after it; an expected close and an acknowledgement are for
    one that is not closed, the latter only past its deadline.
    """
    if row.period_id is None:
        return frozenset({RemarkKind.NOTE})
    kinds = {RemarkKind.NOTE}
    overdue = row.deadline is not None and row.deadline.passed(at)
    if overdue and row.standing.level is not Level.CLOSED_ON_TIME:
        kinds.add(RemarkKind.OVERDUE_REASON)
    if not row.counts_as_closed:
        kinds |= {RemarkKind.EXPECTED_CLOSE} | ({RemarkKind.ACKNOWLEDGEMENT} if overdue else set())
    return frozenset(kinds)


@transaction.atomic
def add_note(by: Person, code: str, month: date, text: str, at: datetime) -> Remark:
    """Write a note on an entity's period.

    All functions here raise LegalEntity.DoesNotExist for an entity that the person does not see, RemarkNotAllowed
    for one that they only read, and ValidationError by field.
    """
    row = _row(by, code, month, at)
    # Never read: the note waits for the month's period.
    return _write(row, by, at, RemarkKind.NOTE, month=month if row.period_id is None else None, text=text)


@transaction.atomic
def edit_note(by: Person, code: str, note_id: int, text: str, at: datetime) -> Remark:
    """Change one's own note; the earlier text stays in the history."""
    old = _current_note(by, code, note_id)
    if old.by_id != by.pk:
        author = old.by.name or old.by.email
        raise ValidationError({"text": f"Only {author} can edit this note. Write one of your own."})
    if text == old.text:
        return old
    return _replace(old, by, at, text=text)


@transaction.atomic
def withdraw_note(by: Person, code: str, note_id: int, at: datetime) -> Remark:
    """Withdraw a note; its text stays in the history."""
    return _replace(_current_note(by, code, note_id), by, at, withdrawn=True)


@transaction.atomic
def set_overdue_reason(
    by: Person, code: str, month: date, reason: OverdueReason, text: str, at: datetime
) -> Remark:
    """Give the reason why a period is, or was closed, past its deadline."""
    row = _period(by, code, month, at)
    if RemarkKind.OVERDUE_REASON not in allowed_remark_kinds(row, at):
        raise ValidationError({"reason": _why_no_reason(row, at)})
    return _write(row, by, at, RemarkKind.OVERDUE_REASON, reason=reason.value, text=text)


@transaction.atomic
def set_expected_close(
    by: Person, code: str, month: date, expected_on: date, text: str, at: datetime
) -> Remark:
    """Give the day, in the entity's zone, on which a period that is not closed is expected to close."""
    row = _period(by, code, month, at)
    today, message = local_date(at, zone_named(row.zone)), ""
    latest = today + timedelta(days=MAX_EXPECTED_CLOSE_DAYS)
    if RemarkKind.EXPECTED_CLOSE not in allowed_remark_kinds(row, at):
        message = "It is closed already."
    elif expected_on < today:
        message = f"{weekday_and_date(expected_on)} is past. Choose today or later."
    elif expected_on > latest:
        message = (
            f"That is more than {MAX_EXPECTED_CLOSE_DAYS} days ahead. Choose a day up to {full_date(latest)}."
        )
    elif row.span is not None and expected_on <= row.span.last:
        message = f"The period ends on {weekday_and_date(row.span.last)}. Choose a later day."
    if message:
        raise ValidationError({"expected_on": message})
    return _write(row, by, at, RemarkKind.EXPECTED_CLOSE, expected_on=expected_on, text=text)


@transaction.atomic
def acknowledge(by: Person, code: str, month: date, text: str, at: datetime) -> Remark:
    """Acknowledge that a period is past its deadline: the person has seen it and looks after it."""
    row = _period(by, code, month, at)
    if RemarkKind.ACKNOWLEDGEMENT not in allowed_remark_kinds(row, at):
        raise ValidationError({"text": "It is not overdue, so there is nothing to take over."})
    return _write(row, by, at, RemarkKind.ACKNOWLEDGEMENT, text=text)


def _why_no_reason(row: Row, at: datetime) -> str:
    if row.deadline is None:
        return "No deadline set, so it is not overdue."
    if not row.deadline.passed(at):
        return f"It is not overdue: the deadline is {weekday_and_date(row.deadline.due_on)}."
    return "It closed on time, so no reason is needed."


def _entity(by: Person, code: str) -> LegalEntity:
    entity = LegalEntity.objects.visible_to(by).get(code=code)
    if not may_write(by, entity.pk):
        raise RemarkNotAllowed
    return entity


def _period(by: Person, code: str, month: date, at: datetime) -> Row:
    """The row of the period, locked against other writers of remarks until this transaction ends."""
    row = _row(by, code, month, at)
    if row.period_id is None:
        raise ValidationError(
            f"No period of {row.name} for {month_and_year(month)} is known yet,"
            " so only a note can be written about it."
        )
    return row


def _row(by: Person, code: str, month: date, at: datetime) -> Row:
    """The row of the entity in a month, with or without a period, locked like `_period`."""
    entity = _entity(by, code)
    board = take_snapshot(LegalEntity.objects.filter(pk=entity.pk), month, at)
    if not board.rows:
        raise ValidationError(f"{entity.name} does not count in {month_and_year(month)}.")
    row = board.rows[0]
    _lock_remarks(row.period_id, entity.pk)
    return row


def _lock_remarks(period_id: int | None, entity_id: int | None) -> None:
    """One writer at a time for a period, or for all months of an entity that have none."""
    key = period_id if period_id is not None else -(entity_id or 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, key % 2**31])


def _write(
    row: Row, by: Person, at: datetime, kind: RemarkKind, *, month: date | None = None, **details: object
) -> Remark:
    """Store a remark, unless the same person wrote the same just now: that is a second click on the button.

    `month` is given for an entity without a period in it.
    """
    place = {"period_id": row.period_id, "entity_id": row.entity_id if month is not None else None}
    fields = {**place, "reporting_month": month, "by": by, "kind": kind.value, **details}
    recent = Remark.objects.filter(**fields, at__gt=at - _DOUBLE_CLICK, replaced_by=None)
    if (same := recent.order_by("-at", "-pk").first()) is not None:
        return same
    return _store(_VERBS[kind], fields | {"at": at}, {key: value for key, value in details.items() if value})


_VERBS = {
    RemarkKind.NOTE: Verb.NOTE_ADDED,
    RemarkKind.OVERDUE_REASON: Verb.OVERDUE_REASON_GIVEN,
    RemarkKind.EXPECTED_CLOSE: Verb.CLOSE_EXPECTED,
    RemarkKind.ACKNOWLEDGEMENT: Verb.TAKEN_OVER,
}


def _store(verb: Verb, fields: dict[str, Any], values: dict[str, object]) -> Remark:
    """Store a remark with these fields, and its event with these values beside the month."""
    nudge_after_commit()
    remark = Remark.objects.create(**fields)
    placed = Remark.objects.select_related("period__entity__group", "entity__group").get(pk=remark.pk)
    entity, month = placed.entity, placed.reporting_month
    if placed.period is not None:
        entity, month = placed.period.entity, placed.period.reporting_month
    assert entity is not None  # remark_is_of_a_period_or_month
    after = {"month": month, **values}
    record_act(verb, entity_object(entity), at=fields["at"], by=fields["by"], after=after)
    return remark


def _current_note(by: Person, code: str, note_id: int) -> Remark:
    """A note of an entity that was not replaced, locked against other writers."""
    entity = _entity(by, code)
    of_entity = Q(period__entity=entity) | Q(entity=entity)
    notes = Remark.objects.filter(of_entity, kind=RemarkKind.NOTE.value, withdrawn=False)
    place = notes.filter(pk=note_id).values_list("period_id", "entity_id").first()
    if place is None:
        raise ValidationError("There is no such note.")
    _lock_remarks(*place)
    note = notes.select_related("by").get(pk=note_id)
    newer = Remark.objects.filter(replaces=note).select_related("by").first()
    if newer is not None:
        verb = "withdrawn" if newer.withdrawn else "edited"
        raise ValidationError({"text": f"Meanwhile {newer.by.name or newer.by.email} has {verb} this note."})
    return note


def _replace(old: Remark, by: Person, at: datetime, **details: object) -> Remark:
    place = {name: getattr(old, name) for name in ("period_id", "entity_id", "reporting_month", "kind")}
    verb = Verb.NOTE_WITHDRAWN if details.get("withdrawn") else Verb.NOTE_EDITED
    fields = {**place, "by": by, "at": at, "replaces": old, **details}
    return _store(verb, fields, {"note": old.pk, **details})

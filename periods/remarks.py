"""Saying something about a period: who may, when it makes sense, and in which words it is refused."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import connection, transaction

from closing.calendar.date_phrases import full_date, month_and_year, weekday_and_date
from closing.calendar.instants import local_date, zone_named
from closing.facts.period_remarks import MAX_REMARK_LENGTH, OverdueReason, RemarkKind
from closing.judging.standing import Level
from closing.scoreboard.row import Row
from entities.access import writable_entities
from entities.models import LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from periods.models import Remark
from periods.snapshot.builder import take_snapshot

MAX_EXPECTED_CLOSE_DAYS = 120  # a close expected later than that is a slip of the year
_TWICE = timedelta(minutes=1)  # the same words again within it are a second click
_LOCK = 0x72656D61  # any number of our own: one writer per period at a time


class InvalidRemark(ValueError):
    """What was to be said makes no sense; the text says why, `field` which input it is about ("" for none)."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class RemarkNotAllowed(Exception):
    """The person sees the entity, and only reads it."""


def may_write(person: Person, entity_id: int) -> bool:
    """Whether a person may write remarks on an entity, by the one rule of `entities.access.writable_entities`."""
    return writable_entities(person).filter(pk=entity_id).exists()


def allowed_remark_kinds(row: Row, at: datetime) -> frozenset[RemarkKind]:
    """What can sensibly be said about a row: nothing where no period is known.

    A reason is for what is past its deadline, or closed after it; an expected close and an acknowledgement are for
    what is not closed.
    """
    if row.period_id is None:
        return frozenset()
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
    where they only read, and InvalidRemark.
    """
    row = _period(by, code, month, at)
    return _say(row, by, at, RemarkKind.NOTE, text=_text(text, required="Write the note first."))


@transaction.atomic
def edit_note(by: Person, code: str, note_id: int, text: str, at: datetime) -> Remark:
    """Word one's own note anew; the earlier wording stays in the history."""
    old = _standing_note(by, code, note_id)
    if old.by_id != by.pk:
        raise InvalidRemark(
            "text", f"Only {old.by.name or old.by.email} can edit this note. Write one of your own."
        )
    said = _text(text, required="A note needs words. To take it back, withdraw it.")
    if said == old.text:
        return old
    return _replace(old, by, at, text=said)


@transaction.atomic
def withdraw_note(by: Person, code: str, note_id: int, at: datetime) -> Remark:
    """Take a note back; what it said stays in the history."""
    return _replace(_standing_note(by, code, note_id), by, at, withdrawn=True)


@transaction.atomic
def set_overdue_reason(by: Person, code: str, month: date, reason: str, text: str, at: datetime) -> Remark:
    """Say why a period is, or was closed, past its deadline; `reason` is a word of OverdueReason."""
    row = _period(by, code, month, at)
    if RemarkKind.OVERDUE_REASON not in allowed_remark_kinds(row, at):
        raise InvalidRemark("reason", _why_no_reason(row, at))
    if reason not in set(OverdueReason):
        raise InvalidRemark("reason", "Choose a reason from the list.")
    required = "Say in a few words what the other reason is." if reason == OverdueReason.OTHER else ""
    return _say(row, by, at, RemarkKind.OVERDUE_REASON, reason=reason, text=_text(text, required=required))


@transaction.atomic
def set_expected_close(
    by: Person, code: str, month: date, expected_on: date | None, text: str, at: datetime
) -> Remark:
    """Say on which day, in the entity's zone, a period that is not closed is expected to close."""
    row = _period(by, code, month, at)
    if RemarkKind.EXPECTED_CLOSE not in allowed_remark_kinds(row, at):
        raise InvalidRemark("expected_on", "It is closed already.")
    if expected_on is None:
        raise InvalidRemark("expected_on", "Choose the day on which you expect to close.")
    today = local_date(at, zone_named(row.zone))
    if expected_on < today:
        raise InvalidRemark("expected_on", f"{weekday_and_date(expected_on)} is past. Choose today or later.")
    if (expected_on - today).days > MAX_EXPECTED_CLOSE_DAYS:
        last = full_date(today + timedelta(days=MAX_EXPECTED_CLOSE_DAYS))
        raise InvalidRemark(
            "expected_on",
            f"That is more than {MAX_EXPECTED_CLOSE_DAYS} days ahead. Choose a day up to {last}.",
        )
    if row.span is not None and expected_on <= row.span.last:
        ends = weekday_and_date(row.span.last)
        raise InvalidRemark("expected_on", f"The period ends on {ends}. Choose a later day.")
    return _say(row, by, at, RemarkKind.EXPECTED_CLOSE, expected_on=expected_on, text=_text(text))


@transaction.atomic
def acknowledge(by: Person, code: str, month: date, text: str, at: datetime) -> Remark:
    """Say that somebody has seen that a period is past its deadline and looks after it."""
    row = _period(by, code, month, at)
    if RemarkKind.ACKNOWLEDGEMENT not in allowed_remark_kinds(row, at):
        raise InvalidRemark("text", "It is not past its deadline, so there is nothing to acknowledge.")
    return _say(row, by, at, RemarkKind.ACKNOWLEDGEMENT, text=_text(text))


def _why_no_reason(row: Row, at: datetime) -> str:
    if row.deadline is None:
        return "There is no deadline, so nothing is overdue."
    if not row.deadline.passed(at):
        return f"It is not overdue: the deadline is {weekday_and_date(row.deadline.due_on)}."
    return "It closed on time, so there is nothing to give a reason for."


def _entity(by: Person, code: str) -> LegalEntity:
    entity = LegalEntity.objects.visible_to(by).get(code=code)
    if not may_write(by, entity.pk):
        raise RemarkNotAllowed
    return entity


def _period(by: Person, code: str, month: date, at: datetime) -> Row:
    """The row of the period that is meant, as it stands; nobody else writes on it until this transaction ends."""
    entity = _entity(by, code)
    board = take_snapshot(LegalEntity.objects.filter(pk=entity.pk), month, at)
    if not board.rows or board.rows[0].period_id is None:
        raise InvalidRemark(
            "",
            f"No period of {entity.name} for {month_and_year(month)} is known yet,"
            " so nothing can be said about it.",
        )
    row = board.rows[0]
    _one_at_a_time(row.period_id)
    return row


def _one_at_a_time(period_id: int | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, (period_id or 0) % 2**31])


def _text(text: str, *, required: str = "") -> str:
    """The text as it is kept; browsers send line ends as two letters."""
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if len(text) > MAX_REMARK_LENGTH:
        raise InvalidRemark(
            "text", f"That is {len(text)} letters long; the longest text has {MAX_REMARK_LENGTH}. Shorten it."
        )
    if required and not text:
        raise InvalidRemark("text", required)
    return text


def _say(row: Row, by: Person, at: datetime, kind: RemarkKind, **words: object) -> Remark:
    """Keep it; the same words of the same person just now are a second click on the same button."""
    said = {"period_id": row.period_id, "by": by, "kind": kind.value, **words}
    again = Remark.objects.filter(**said, at__gt=at - _TWICE, replaced_by=None).order_by("-at", "-pk").first()
    if again is not None:
        return again
    nudge_after_commit()
    return Remark.objects.create(**said, at=at)


def _standing_note(by: Person, code: str, note_id: int) -> Remark:
    """A note of an entity, locked against others who would replace it, that nobody has replaced."""
    entity = _entity(by, code)
    notes = Remark.objects.filter(kind=RemarkKind.NOTE.value, period__entity=entity, withdrawn=False)
    period_id = notes.filter(pk=note_id).values_list("period_id", flat=True).first()
    if period_id is None:
        raise InvalidRemark("", "There is no such note.")
    _one_at_a_time(period_id)
    note = notes.select_related("by").get(pk=note_id)
    newer = Remark.objects.filter(replaces=note).select_related("by").first()
    if newer is not None:
        what = "withdrawn" if newer.withdrawn else "edited"
        raise InvalidRemark("text", f"Meanwhile {newer.by.name or newer.by.email} has {what} this note.")
    return note


def _replace(old: Remark, by: Person, at: datetime, **words: object) -> Remark:
    nudge_after_commit()
    return Remark.objects.create(period_id=old.period_id, kind=old.kind, by=by, at=at, replaces=old, **words)

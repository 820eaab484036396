"""Silences of entities and groups: permission, creation and end, and the entities that each covers at a moment.

A silence is never rewritten: moving its end lifts it and creates another at the same moment, so that the rows show
every past moment. It ends with its last day in each entity's own zone, so a group's silence ends zone by zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import StrIndex

from alerts.models import Silence
from closing.calendar.date_phrases import weekday_and_date
from closing.calendar.instants import end_of_day, local_date, zone_named
from closing.scoreboard.row import RowSilence
from entities.access import Role, groups_with_role, writable_entities
from entities.audit_trail import Verb, entity_object, group_object, record_act
from entities.models import Group, LegalEntity, Person
from infra.audit.recording import AuditedObject
from infra.fast_cursor import fetch_rows
from periods.board_cache.change_feed import nudge_after_commit

MAX_DAYS_AHEAD = 31  # ahead, so that a forgotten silence ends (05-reliability A9)
LONGEST_REASON = 500  # letters
SilenceTarget = LegalEntity | Group
SilenceSpan = tuple[datetime, datetime]  # start, and end (exclusive)


class SilenceNotAllowed(Exception):
    """The person may see the entity or group, and not silence it."""


# --- permission ---------------------------------------------------------------------------------------------------


def silenceable_groups(person: Person) -> QuerySet[Group]:
    """The groups that a person may silence as finance or administrator, in the order of the tree.

    Finance staff may as well as administrators: they know when reminders are of no use, and everybody sees a silence.
    Owners of a group may only read.
    """
    return groups_with_role(person, Q(role__in=[Role.FINANCE, Role.ADMINISTRATOR]))


def may_silence(person: Person, target: SilenceTarget) -> bool:
    """Whether a person may silence this entity (they may write to it) or this group (`silenceable_groups`)."""
    if isinstance(target, Group):
        return silenceable_groups(person).filter(pk=target.pk).exists()
    return writable_entities(person).filter(pk=target.pk).exists()


def visible_silences(person: Person) -> QuerySet[Silence]:
    """Every silence, in force or past, of an entity that the person sees or of a group above one, newest first."""
    visible = LegalEntity.objects.visible_to(person)
    below = visible.alias(at=StrIndex(F("group__path"), OuterRef("group__path"))).filter(at=1)
    silences = Silence.objects.filter(Q(entity__in=visible) | (Q(group__isnull=False) & Exists(below)))
    return silences.select_related("entity", "group", "by", "lifted_by")


# --- creating and lifting -----------------------------------------------------------------------------------------


def today_of(target: SilenceTarget, at: datetime) -> date:
    """The local date of the entity; of a group, the earliest local date among its entities."""
    if isinstance(target, LegalEntity):
        return _earliest_day([target.zone], at)
    entities = LegalEntity.objects.filter(group__path__startswith=target.path).order_by()
    return _earliest_day(entities.values_list("zone", flat=True).distinct(), at)


def _earliest_day(zones: Iterable[str], at: datetime) -> date:
    return min((local_date(at, zone_named(zone)) for zone in zones), default=at.astimezone(UTC).date())


@transaction.atomic
def create_silence(by: Person, target: SilenceTarget, last_day: date, reason: str, at: datetime) -> Silence:
    """Silence an entity or a group up to and including a day; this silence replaces one in force there.

    The same silence again changes nothing. Raises SilenceNotAllowed, and ValidationError for the last day.
    """
    if not may_silence(by, target):
        raise SilenceNotAllowed
    _check_last_day(target, last_day, at)
    before = current_silence(_locked(target), at)
    if before is not None and (before.last_day, before.reason) == (last_day, reason):
        return before
    made_at = at if before is None else _end(before, by, at)
    nudge_after_commit()
    fields = {"group": target} if isinstance(target, Group) else {"entity": target}
    silence = Silence.objects.create(last_day=last_day, reason=reason, by=by, made_at=made_at, **fields)
    record_act(
        Verb.SILENCE_CREATED,
        _silenced_object(target),
        by=by,
        at=made_at,
        before={"last_day": before.last_day, "reason": before.reason} if before is not None else None,
        after={"last_day": last_day, "reason": reason},
    )
    return silence


@transaction.atomic
def lift_silence(by: Person, silence: Silence, at: datetime) -> bool:
    """End a silence now; False where it has ended already. Raises SilenceNotAllowed."""
    target = silence_target(silence)
    if not may_silence(by, target):
        raise SilenceNotAllowed
    _locked(target)
    now = Silence.objects.select_for_update(of=("self",)).get(pk=silence.pk)
    if not still_in_force([now], at):
        return False
    record_act(
        Verb.SILENCE_ENDED,
        _silenced_object(target),
        by=by,
        at=_end(now, by, at),
        before={"last_day": now.last_day},
    )
    nudge_after_commit()
    return True


def _silenced_object(target: SilenceTarget) -> AuditedObject:
    return group_object(target) if isinstance(target, Group) else entity_object(target)


def still_in_force(silences: Sequence[Silence], at: datetime) -> list[Silence]:
    """The silences that are not lifted, and whose last day is not over in some entity that they cover.

    One query at most; each must have its entity or group loaded.
    """
    zones = LegalEntity.objects.order_by().values_list("group__path", "zone").distinct()
    zones_by_path = list(zones) if any(silence.group_id is not None for silence in silences) else []
    in_force = []
    for silence in silences:
        target = silence_target(silence)
        if isinstance(target, LegalEntity):
            own = {target.zone}
        else:
            own = {zone for path, zone in zones_by_path if path.startswith(target.path)}
        if silence.lifted_at is None and silence.last_day >= _earliest_day(own, at):
            in_force.append(silence)
    return in_force


def silence_target(silence: Silence) -> SilenceTarget:
    """The entity or group that a silence covers."""
    target = silence.entity or silence.group
    assert target is not None  # a constraint of the table
    return target


def _check_last_day(target: SilenceTarget, last_day: date, at: datetime) -> None:
    today = today_of(target, at)
    if last_day < today:
        raise ValidationError({"last_day": f"{weekday_and_date(last_day)} is past. Choose today or later."})
    farthest = today + timedelta(days=MAX_DAYS_AHEAD)
    if last_day > farthest:
        message = (
            f"A silence lasts {MAX_DAYS_AHEAD} days at most. Choose a day up to {weekday_and_date(farthest)};"
            " it can be made longer later."
        )
        raise ValidationError({"last_day": message})


def _locked(target: SilenceTarget) -> SilenceTarget:
    """Lock the entity or group against other silences until this transaction ends."""
    model = Group if isinstance(target, Group) else LegalEntity
    model._default_manager.select_for_update(no_key=True).values("pk").get(pk=target.pk)
    return target


def current_silence(target: SilenceTarget, at: datetime) -> Silence | None:
    """The silence in force of exactly this entity or group."""
    own = Q(group=target) if isinstance(target, Group) else Q(entity=target)
    return Silence.objects.filter(own, lifted_at=None, last_day__gte=today_of(target, at)).first()


def _end(silence: Silence, by: Person, at: datetime) -> datetime:
    silence.lifted_at, silence.lifted_by = max(at, silence.made_at), by
    silence.save(update_fields=["lifted_at", "lifted_by"])
    return silence.lifted_at


# --- coverage -----------------------------------------------------------------------------------------------------

_ENTITY_SILENCES = """
SELECT e.id, e.zone, s.made_at, s.lifted_at,
       s.id, s.last_day, coalesce(nullif(p.name, ''), p.email), s.reason, coalesce(g.name, '')
FROM alerts_silence s
JOIN entities_person p ON p.id = s.by_id
LEFT JOIN entities_group g ON g.id = s.group_id
CROSS JOIN entities_legalentity e
JOIN entities_group own ON own.id = e.group_id
WHERE (e.id = s.entity_id OR starts_with(own.path, g.path))
"""
_MADE = " AND s.made_at <= %(as_of)s"
_OF_SOME = " AND e.id = ANY(%(ids)s)"
_IN_ORDER = " ORDER BY s.last_day, s.made_at"
# A day is over in every zone within two days of UTC's; the entity's own zone is applied in Python.
_MAY_BE_IN_FORCE = """
 AND (s.lifted_at IS NULL OR s.lifted_at > %(as_of)s)
 AND s.last_day >= (%(as_of)s::timestamptz AT TIME ZONE 'UTC')::date - 2
"""


def silences_by_entity(ids: Collection[int] | None, as_of: datetime) -> dict[int, RowSilence]:
    """The silence of each of these entities (None: of all) at a moment, in one query.

    Of several the one that ends last, since the entity stays silenced until then.
    """
    return silences_and_until(ids, as_of)[0]


def silences_and_until(
    ids: Collection[int] | None, as_of: datetime
) -> tuple[dict[int, RowSilence], dict[int, datetime]]:
    """As `silences_by_entity`, and when the clock alone changes an entity's silence or begins one; one query."""
    silences: dict[int, RowSilence] = {}
    until: dict[int, datetime] = {}
    for entity, made_at, silence in _entity_silences(ids, as_of, _MAY_BE_IN_FORCE):
        if silence.ends <= as_of:
            continue
        # A silence made by a process whose clock is ahead begins when ours gets there.
        moment = made_at if made_at > as_of else silence.ends
        until[entity] = min(until.get(entity, moment), moment)
        if made_at <= as_of:
            silences[entity] = silence
    return silences, until


def silence_spans(ids: Collection[int] | None, as_of: datetime) -> dict[int, list[SilenceSpan]]:
    """The spans in which each of these entities (None: all) was silenced up to a moment; one query, joined spans."""
    spans: dict[int, list[SilenceSpan]] = defaultdict(list)
    for entity, made_at, silence in _entity_silences(ids, as_of, _MADE):
        if silence.ends > made_at:
            spans[entity].append((made_at, silence.ends))
    return {pk: _joined(pairs) for pk, pairs in spans.items()}


def _entity_silences(
    ids: Collection[int] | None, as_of: datetime, condition: str
) -> Iterator[tuple[int, datetime, RowSilence]]:
    """The silences of each entity, by its id and with their beginnings; the one with the last day comes last."""
    statement = _ENTITY_SILENCES + condition + (_OF_SOME if ids is not None else "") + _IN_ORDER
    rows = fetch_rows(statement, {"as_of": as_of, "ids": list(ids or ())})
    for entity, zone, made_at, lifted_at, pk, last_day, by, reason, group in rows:
        end = end_of_day(last_day, zone_named(zone))
        end = end if lifted_at is None else min(end, lifted_at)
        yield entity, made_at, RowSilence(pk, last_day, by, reason, group, end)


def _joined(spans: Iterable[SilenceSpan]) -> list[SilenceSpan]:
    joined: list[SilenceSpan] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined

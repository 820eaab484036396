"""Silences: who may ask for quiet about an entity or a group, until when it lasts, and whom it covers at a moment.

A silence is never rewritten: to move its end is to lift it and to make another at the same moment, so that every past
moment can be told from the rows. It ends with its last day in each entity's own zone, so a group's ends in each zone
apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import StrIndex

from alerts.models import Silence
from closing.calendar.date_phrases import weekday_and_date
from closing.calendar.instants import end_of_day, local_date, zone_named
from closing.scoreboard.row import RowSilence
from entities.access import Role, writable_entities
from entities.models import Group, LegalEntity, Membership, Person
from periods.board_cache.change_feed import nudge_after_commit

MOST_DAYS = 31  # ahead: a silence cannot be forgotten for ever (05-reliability A9)
LONGEST_REASON = 500  # letters
CLOCKS_DIFFER = timedelta(seconds=5)
SilenceTarget = LegalEntity | Group
SilenceSpan = tuple[datetime, datetime]  # from the first moment until the one that is not in it any more


class InvalidSilence(ValueError):
    """What cannot be silenced so; `field` is the input that it is about ("" for none), the text says what to do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class SilenceNotAllowed(Exception):
    """The person sees it, and only reads it."""


# --- who may ------------------------------------------------------------------------------------------------------


def silenceable_groups(person: Person) -> QuerySet[Group]:
    """The groups that a person may silence: those they work on as finance or administrator, in the order of the tree.

    Its finance staff too, and not administrators alone: who promises a close is who knows that reminders are of no
    use, and what a silence does is seen by everybody. An owner of a group only reads.
    """
    groups = Group.objects.order_by("path")
    if not person.is_active:
        return groups.none()
    if person.is_superuser:
        return groups
    held = Membership.objects.filter(
        person=person, role__in=[Role.FINANCE, Role.ADMINISTRATOR], group__isnull=False
    )
    path = ExpressionWrapper(OuterRef("path"), output_field=CharField())
    return groups.filter(Exists(held.alias(below=path).filter(below__startswith=F("group__path"))))


def may_silence(person: Person, place: SilenceTarget) -> bool:
    """Whether a person may silence an entity that they work on, or a group (`silenceable_groups`)."""
    if isinstance(place, Group):
        return silenceable_groups(person).filter(pk=place.pk).exists()
    return writable_entities(person).filter(pk=place.pk).exists()


def visible_silences(person: Person) -> QuerySet[Silence]:
    """Every silence, in force or past, of an entity that the person sees or of a group above one, newest first."""
    seen = LegalEntity.objects.visible_to(person)
    below = seen.alias(at=StrIndex(F("group__path"), OuterRef("group__path"))).filter(at=1)
    found = Silence.objects.filter(Q(entity__in=seen) | (Q(group__isnull=False) & Exists(below)))
    return found.select_related("entity", "group", "by", "lifted_by")


# --- making and lifting -------------------------------------------------------------------------------------------


def today_of(place: SilenceTarget, at: datetime) -> date:
    """Which day it is there; in a group, where it is earliest."""
    if isinstance(place, LegalEntity):
        return local_date(at, zone_named(place.zone))
    zones = LegalEntity.objects.filter(group__path__startswith=place.path).order_by()
    days = [local_date(at, zone_named(zone)) for zone in zones.values_list("zone", flat=True).distinct()]
    return min(days, default=at.astimezone(UTC).date())


@transaction.atomic
def create_silence(
    by: Person, place: SilenceTarget, last_day: date | None, reason: str, at: datetime
) -> Silence:
    """Silence an entity or a group up to and with a day; one that is in force there ends in favour of this one.

    The same again changes nothing. Raises SilenceNotAllowed and InvalidSilence.
    """
    if not may_silence(by, place):
        raise SilenceNotAllowed
    wanted = _checked(place, last_day, at)
    words = " ".join(reason.replace("\0", "").split())
    if not words:
        raise InvalidSilence("reason", "Say why in a few words: whoever misses a reminder will ask.")
    if len(words) > LONGEST_REASON:
        raise InvalidSilence("reason", f"That is {len(words)} letters long; the longest is {LONGEST_REASON}.")
    before = _in_force_of(_locked(place), at)
    if before is not None and (before.last_day, before.reason) == (wanted, words):
        return before
    made_at = at
    if before is not None:
        made_at = _end(before, by, at)
    nudge_after_commit()
    told = {"group": place} if isinstance(place, Group) else {"entity": place}
    return Silence.objects.create(last_day=wanted, reason=words, by=by, made_at=made_at, **told)


@transaction.atomic
def lift_silence(by: Person, silence: Silence, at: datetime) -> bool:
    """End it now; False where it has ended already. Raises SilenceNotAllowed."""
    place = silence_target(silence)
    if not may_silence(by, place):
        raise SilenceNotAllowed
    _locked(place)
    now = Silence.objects.select_for_update(of=("self",)).get(pk=silence.pk)
    if is_over(now, at):
        return False
    _end(now, by, at)
    nudge_after_commit()
    return True


def is_over(silence: Silence, at: datetime) -> bool:
    """Whether it has been lifted, or its last day is over everywhere in what it silences."""
    return silence.lifted_at is not None or silence.last_day < today_of(silence_target(silence), at)


def still_in_force(silences: Sequence[Silence], at: datetime) -> list[Silence]:
    """Those that are not over, in one query at most; each comes with its entity or group."""
    paths = {each.group.path for each in silences if each.group is not None}
    zones = LegalEntity.objects.order_by().values_list("group__path", "zone").distinct() if paths else ()
    days = [(path, local_date(at, zone_named(zone))) for path, zone in zones]
    found = []
    for each in silences:
        if each.entity is not None:
            today = local_date(at, zone_named(each.entity.zone))
        else:
            below = each.group.path if each.group is not None else ""
            own = [day for path, day in days if path.startswith(below)]
            today = min(own, default=at.astimezone(UTC).date())
        if each.lifted_at is None and each.last_day >= today:
            found.append(each)
    return found


def silence_target(silence: Silence) -> SilenceTarget:
    """What it silences."""
    place = silence.entity or silence.group
    assert place is not None  # a constraint of the table
    return place


def current_silence(place: SilenceTarget, at: datetime) -> Silence | None:
    """The silence of exactly this entity or group that is in force."""
    return _in_force_of(place, at)


def _checked(place: SilenceTarget, last_day: date | None, at: datetime) -> date:
    if last_day is None:
        raise InvalidSilence("last_day", "Choose the last day of the silence.")
    today = today_of(place, at)
    if last_day < today:
        raise InvalidSilence("last_day", f"{weekday_and_date(last_day)} is past. Choose today or later.")
    farthest = today + timedelta(days=MOST_DAYS)
    if last_day > farthest:
        raise InvalidSilence(
            "last_day",
            f"A silence lasts {MOST_DAYS} days at most. Choose a day up to {weekday_and_date(farthest)};"
            " it can be made longer later.",
        )
    return last_day


def _locked(place: SilenceTarget) -> SilenceTarget:
    """Nobody else silences it until this transaction ends."""
    model = Group if isinstance(place, Group) else LegalEntity
    model._default_manager.select_for_update(no_key=True).values("pk").get(pk=place.pk)
    return place


def _in_force_of(place: SilenceTarget, at: datetime) -> Silence | None:
    own = Q(group=place) if isinstance(place, Group) else Q(entity=place)
    return Silence.objects.filter(own, lifted_at=None, last_day__gte=today_of(place, at)).first()


def _end(silence: Silence, by: Person, at: datetime) -> datetime:
    silence.lifted_at, silence.lifted_by = max(at, silence.made_at), by
    silence.save(update_fields=["lifted_at", "lifted_by"])
    return silence.lifted_at


# --- whom it covers -----------------------------------------------------------------------------------------------

_COVERED = """
SELECT s.id, e.id, e.zone, s.last_day, s.reason, coalesce(nullif(p.name, ''), p.email), coalesce(g.name, ''),
       s.made_at, s.lifted_at
FROM alerts_silence s
JOIN entities_person p ON p.id = s.by_id
LEFT JOIN entities_group g ON g.id = s.group_id
CROSS JOIN entities_legalentity e
JOIN entities_group own ON own.id = e.group_id
WHERE (e.id = s.entity_id OR starts_with(own.path, g.path)) AND s.made_at <= %(made_by)s
"""
_OF_SOME = " AND e.id = ANY(%(ids)s)"
# A day is over everywhere within two days of UTC's; which zone's it was is judged apart.
_MAY_BE_IN_FORCE = """
 AND (s.lifted_at IS NULL OR s.lifted_at > %(as_of)s)
 AND s.last_day >= (%(as_of)s::timestamptz AT TIME ZONE 'UTC')::date - 2
"""


@dataclass(frozen=True, slots=True)
class _Covered:
    """One silence of one entity."""

    id: int
    entity: int
    zone: str
    last_day: date
    reason: str
    by: str
    group: str
    made_at: datetime
    lifted_at: datetime | None

    @property
    def ends(self) -> datetime:
        over = end_of_day(self.last_day, zone_named(self.zone))
        return over if self.lifted_at is None else min(over, self.lifted_at)


def silences_by_entity(
    ids: Collection[int] | None, as_of: datetime, ahead: timedelta = timedelta(0)
) -> dict[int, RowSilence]:
    """The silence that each of these entities (None: of all) was under at a moment, in one query.

    Of several the one that ends last, since until then nothing is told. Those that were made within the time `ahead`
    after the moment count as well.
    """
    found: dict[int, _Covered] = {}
    for each in _covered(ids, as_of, _MAY_BE_IN_FORCE, made_by=as_of + ahead):
        if each.ends <= as_of:
            continue
        known = found.get(each.entity)
        if known is None or (known.last_day, known.made_at) < (each.last_day, each.made_at):
            found[each.entity] = each
    return {
        pk: RowSilence(each.id, each.last_day, each.by, each.reason, each.group, each.ends)
        for pk, each in found.items()
    }


def silences_for_boards(ids: Collection[int], as_of: datetime) -> dict[int, RowSilence]:
    """As `silences_by_entity`, also for a silence that somebody whose clock is a little ahead has just made.

    A kept board looks at an entity when it hears of it, and would not look again when our clock gets there.
    """
    return silences_by_entity(ids, as_of, CLOCKS_DIFFER)


def silence_spans(ids: Collection[int] | None, as_of: datetime) -> dict[int, list[SilenceSpan]]:
    """When each of these entities (None: of all) was silenced up to a moment, in one query; spans do not touch."""
    spans: dict[int, list[SilenceSpan]] = defaultdict(list)
    for each in _covered(ids, as_of, "", made_by=as_of):
        if each.ends > each.made_at:
            spans[each.entity].append((each.made_at, each.ends))
    return {pk: _joined(own) for pk, own in spans.items()}


def _covered(
    ids: Collection[int] | None, as_of: datetime, which: str, *, made_by: datetime
) -> list[_Covered]:
    statement = _COVERED + which + (_OF_SOME if ids is not None else "")
    with database.cursor() as cursor:
        cursor.execute(statement, {"as_of": as_of, "made_by": made_by, "ids": list(ids or ())})
        return [_Covered(*row) for row in cursor.fetchall()]


def _joined(spans: Iterable[SilenceSpan]) -> list[SilenceSpan]:
    found: list[SilenceSpan] = []
    for begins, ends in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(ends, found[-1][1])
        else:
            found.append((begins, ends))
    return found

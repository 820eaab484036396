"""Notification preferences of people: the cadence of each kind of notice, and their hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, time
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError

from alerts.models import DEFAULT_DIGEST_TIME, Habits, Subscription
from alerts.routing.evaluation_context import EvaluationContext
from closing.judging.notification_schedule import Cadence, NotificationHours
from entities.models import Person

CadenceChoices = dict[tuple[int, str], Cadence]  # by person and kind of notice


def chosen_cadences(people: Collection[int]) -> CadenceChoices:
    """The cadences that these people chose instead of the defaults, by person and kind, in one query.

    A cadence that only a newer version knows is left out: its default holds here.
    """
    rows = Subscription.objects.filter(person__in=people).values_list("person", "kind", "rhythm")
    return {(person, kind): Cadence(word) for person, kind, word in rows if word in set(Cadence)}


def notification_hours_of(
    people: Collection[int], context: EvaluationContext
) -> dict[int, NotificationHours]:
    """The notification hours of these people, by id; two queries at most, whatever their number."""
    fields = ("digest_at", "digest_weekday", "quiet_from", "quiet_until", "calendar", "rests_on_days_off")
    columns = ("pk", "zone", *(f"habits__{field}" for field in fields))
    rows = list(Person.objects.filter(pk__in=people).values_list(*columns))
    calendar_ids = {calendar for *_, calendar, _ in rows if calendar is not None}
    years = range(context.as_of.year - 1, context.as_of.year + 2)
    calendars = context.calendars.covering(calendar_ids, years) if calendar_ids else {}
    return {
        pk: NotificationHours(
            zone=zone,
            digest_at=at if at is not None else DEFAULT_DIGEST_TIME,
            digest_weekday=weekday or 0,
            quiet_from=start,
            quiet_until=end,
            calendar=calendars.get(calendar),
            defer_on_days_off=bool(day_off),
        )
        for pk, zone, at, weekday, start, end, calendar, day_off in rows
    }


@dataclass(frozen=True, slots=True)
class NotificationPreferences:
    """The settings of a person: cadences that differ from the defaults, hours, and days away.

    `calendar` is the id of a work calendar. Raises ValidationError for settings that contradict each other.
    """

    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    digest_at: time = DEFAULT_DIGEST_TIME
    digest_weekday: int = 0
    quiet_from: time | None = None
    quiet_until: time | None = None
    calendar: int | None = None
    rests_on_days_off: bool = False
    away_from: date | None = None
    away_until: date | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.digest_weekday <= 6:
            raise ValidationError({"digest_weekday": "Choose a day of the week."})
        if (self.quiet_from is None) is not (self.quiet_until is None):
            missing = "quiet_until" if self.quiet_until is None else "quiet_from"
            message = "Quiet hours need a beginning and an end. Clear both to have none."
            raise ValidationError({missing: message})
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            message = "Quiet hours cannot end when they begin: nothing would be sent."
            raise ValidationError({"quiet_until": message})
        if self.away_until is not None and self.away_from is None:
            raise ValidationError({"away_from": "Enter the first day away."})
        if self.away_from is not None and self.away_until is not None and self.away_until < self.away_from:
            raise ValidationError({"away_until": "The last day away lies before the first one."})

    def token(self, person: Person) -> str:
        """These preferences as a signed text, from which `from_token` restores them, for this person only."""
        fields = {name: value for name, value in asdict(self).items() if name != "cadences"}
        texts: dict[str, Any] = {key: None if value is None else str(value) for key, value in fields.items()}
        return _signer(person).sign_object([dict(self.cadences), texts], compress=True)

    @classmethod
    def from_token(cls, token: str, person: Person) -> NotificationPreferences:
        """The preferences in the token; raises signing.BadSignature for a token of another person."""
        cadences, texts = _signer(person).unsign_object(token)
        fields = [field for field in Habits._meta.concrete_fields if field.name in texts]
        habits = {field.name: field.to_python(texts[field.name]) for field in fields}
        return cls({kind: Cadence(cadence) for kind, cadence in cadences.items()}, **habits)


def _signer(person: Person) -> signing.Signer:
    return signing.Signer(salt=f"alerts.arranged.{person.email}")


HABIT_FIELDS = (
    *("digest_at", "digest_weekday", "quiet_from", "quiet_until"),
    *("rests_on_days_off", "away_from", "away_until"),
)


def load_preferences(person: Person) -> NotificationPreferences:
    """The preferences of a person; two queries."""
    cadences = {kind: cadence for (_, kind), cadence in chosen_cadences([person.pk]).items()}
    habits = Habits.objects.filter(person=person).first()
    if habits is None:
        return NotificationPreferences(cadences)
    return NotificationPreferences(
        cadences, calendar=habits.calendar_id, **{name: getattr(habits, name) for name in HABIT_FIELDS}
    )

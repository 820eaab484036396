"""Notification preferences of people: how soon they receive each kind, and at what hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time
from typing import Any

from django.core import signing

from alerts.models import DEFAULT_DIGEST_TIME, Habits, Subscription
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence, NotificationHours
from entities.calendars import work_calendars
from entities.models import Person

CadenceChoices = dict[tuple[int, NoticeKind], Cadence]


def chosen_cadences(people: Collection[int]) -> CadenceChoices:
    """What these people have chosen otherwise than usual, by person and kind, in one query."""
    rows = Subscription.objects.filter(person__in=people).values_list("person", "kind", "rhythm")
    return {(person, NoticeKind(kind)): Cadence(rhythm) for person, kind, rhythm in rows}


def notification_hours_of(people: Collection[int], as_of: datetime) -> dict[int, NotificationHours]:
    """The hours of these people by id; three queries at most, whatever their number."""
    rows = list(
        Person.objects.filter(pk__in=people).values_list(
            "pk",
            "zone",
            "habits__digest_at",
            "habits__digest_weekday",
            "habits__quiet_from",
            "habits__quiet_until",
            "habits__calendar",
            "habits__rests_on_days_off",
        )
    )
    wanted = {calendar for *_, calendar, _ in rows if calendar is not None}
    calendars = work_calendars(wanted, range(as_of.year - 1, as_of.year + 2)) if wanted else {}
    return {
        pk: NotificationHours(
            zone=zone,
            digest_at=at if at is not None else DEFAULT_DIGEST_TIME,
            digest_weekday=weekday or 0,
            quiet_from=begin,
            quiet_until=end,
            calendar=calendars.get(calendar),
            defer_on_days_off=bool(rests),
        )
        for pk, zone, at, weekday, begin, end, calendar, rests in rows
    }


class InvalidPreferences(ValueError):
    """What cannot be arranged so; `field` is the input that it is about, the text says why and what to do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True, slots=True)
class NotificationPreferences:
    """All that a person has arranged: rhythms that differ from the usual ones, hours, and when they are away.

    `calendar` is the id of a work calendar. Raises InvalidPreferences for what makes no sense.
    """

    cadences: Mapping[NoticeKind, Cadence] = field(default_factory=dict)
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
            raise InvalidPreferences("digest_weekday", "Choose a day of the week.")
        if (self.quiet_from is None) is not (self.quiet_until is None):
            missing = "quiet_until" if self.quiet_until is None else "quiet_from"
            words = "Quiet hours need a beginning and an end. Clear both to have none."
            raise InvalidPreferences(missing, words)
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise InvalidPreferences(
                "quiet_until", "Quiet hours cannot end when they begin: nothing would ever be sent."
            )
        if self.away_until is not None and self.away_from is None:
            raise InvalidPreferences("away_from", "Say from which day on you are away.")
        if self.away_from is not None and self.away_until is not None and self.away_until < self.away_from:
            raise InvalidPreferences("away_until", "The last day away lies before the first one.")

    def hours(self, zone: str, as_of: datetime) -> NotificationHours:
        """The hours that these come to for somebody in a zone."""
        years = range(as_of.year - 1, as_of.year + 2)
        calendars = work_calendars([self.calendar], years) if self.calendar is not None else {}
        return NotificationHours(
            zone=zone,
            digest_at=self.digest_at,
            digest_weekday=self.digest_weekday,
            quiet_from=self.quiet_from,
            quiet_until=self.quiet_until,
            calendar=calendars.get(self.calendar or 0),
            defer_on_days_off=self.rests_on_days_off,
        )

    def token(self, person: Person) -> str:
        """A signed text that `from_token` makes the same of, for this person only."""
        told = {name: value for name, value in asdict(self).items() if name != "rhythms"}
        said: dict[str, Any] = {name: None if value is None else str(value) for name, value in told.items()}
        return _signer(person).sign_object([dict(self.cadences), said], compress=True)

    @classmethod
    def from_token(cls, token: str, person: Person) -> NotificationPreferences:
        """What was arranged when the token was made; raises signing.BadSignature for one of anybody else."""
        rhythms, said = _signer(person).unsign_object(token)
        return cls(
            {NoticeKind(kind): Cadence(rhythm) for kind, rhythm in rhythms.items()},
            digest_at=_clock(said["digest_at"]) or DEFAULT_DIGEST_TIME,
            digest_weekday=int(said["digest_weekday"]),
            quiet_from=_clock(said["quiet_from"]),
            quiet_until=_clock(said["quiet_until"]),
            calendar=int(said["calendar"]) if said["calendar"] else None,
            rests_on_days_off=said["rests_on_days_off"] == "True",
            away_from=_day(said["away_from"]),
            away_until=_day(said["away_until"]),
        )


def _signer(person: Person) -> signing.Signer:
    return signing.Signer(salt=f"alerts.arranged.{person.email}")


def _clock(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


HABIT_FIELDS = (
    *("digest_at", "digest_weekday", "quiet_from", "quiet_until"),
    *("rests_on_days_off", "away_from", "away_until"),
)


def load_preferences(person: Person) -> NotificationPreferences:
    """What a person has arranged; two queries."""
    rhythms = {
        NoticeKind(kind): Cadence(rhythm)
        for kind, rhythm in Subscription.objects.filter(person=person).values_list("kind", "rhythm")
    }
    habits = Habits.objects.filter(person=person).first()
    if habits is None:
        return NotificationPreferences(rhythms)
    return NotificationPreferences(
        rhythms, calendar=habits.calendar_id, **{name: getattr(habits, name) for name in HABIT_FIELDS}
    )

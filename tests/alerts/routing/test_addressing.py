"""Who is told of what and how soon: deputies, escalation lists, what people chose, what groups allow, who is left."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import AlertRules, Delivery, DeliveryLine, EscalationStep, Habits, Notice, Subscription
from alerts.notices.notice_specs import spec_of
from alerts.routing.batching import MIN_MESSAGE_SPACING
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.router import route_notices
from closing.calendar.instants import zone_named
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence, effective_cadence
from entities.models import Group, LegalEntity, Membership, Person
from periods.models import FiscalPeriod
from tests.alerts.evaluations import save_member
from tests.builders import MAY, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group
from tests.sample_entities import TWELVE_ENTITIES

pytestmark = pytest.mark.django_db
Role = Membership.Role
AT = utc("2026-06-15 12:00")  # Monday, 13:00 in London, 14:00 in Amsterdam, 08:00 in New York
OF_PERIODS = [
    kind
    for kind in NoticeKind
    if kind not in {NoticeKind.STALE, NoticeKind.REFUSED, NoticeKind.READ_AGAIN, NoticeKind.GROUP_CLOSED}
]
# To those who received the problem, and to auditors and administrators.
TO_OTHERS = {NoticeKind.CLEARED, NoticeKind.PERMANENT_REOPENED}
_numbers = count(1)


def owner(code: str = "NLDT") -> Person:
    found = LegalEntity.objects.get(code=code).owner
    assert found is not None
    return found


def named(name: str) -> Person:
    return Person.objects.get(name=name)


def notice(kind: NoticeKind, code: str = "NLDT", *, step: int = 0) -> Notice:
    """A notice of May of an entity, as if an evaluation had just raised it."""
    period = FiscalPeriod.objects.get(entity__code=code, reporting_month=MAY)
    change = period.changes.first() if kind is NoticeKind.REOPENED else None
    return Notice.objects.create(
        kind=kind.value,
        period=period,
        change=change,
        episode=0 if change is not None else next(_numbers),
        step=step,
        reason="a test",
        raised_at=AT,
        state="open",
        fresh=True,
    )


def tell(*notices: Notice, at: datetime = AT) -> dict[str, Cadence]:
    """Address these; who is told of the first of them, and how soon."""
    route_notices(notices, EvaluationContext(at))
    return told(notices[0])


def told(of: Notice) -> dict[str, Cadence]:
    lines = DeliveryLine.objects.filter(notice=of).exclude(recipient=None)
    return {
        name: Cadence(rhythm) for name, rhythm in lines.values_list("recipient__name", "delivery__rhythm")
    }


def due(name: str, rhythm: Cadence = Cadence.IMMEDIATE) -> datetime:
    return Delivery.objects.get(recipient__name=name, rhythm=rhythm.value, state="waiting").due_at


def choose(name: str, rhythm: Cadence, *kinds: NoticeKind) -> None:
    for kind in kinds:
        Subscription.objects.update_or_create(
            person=named(name), kind=kind.value, defaults={"rhythm": rhythm.value}
        )


def habits(name: str, **more: object) -> None:
    Habits.objects.update_or_create(person=named(name), defaults=more)


def in_london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone_named("Europe/London")).astimezone(UTC)


# --- who ------------------------------------------------------------------------------------------------------------


def test_an_alert_goes_to_the_owner_and_to_finance_and_to_nobody_else(meridian: SampleGroup) -> None:
    save_member("carl", Role.ADMINISTRATOR, Group.objects.get(code="MERIDIAN"))
    save_member("audrey", Role.AUDITOR, Group.objects.get(code="MERIDIAN"))
    assert tell(notice(NoticeKind.ALERT)).keys() == {"Rosa", "Sanne de Wit"}


def deputise(code: str, person: Person | None) -> None:
    LegalEntity.objects.filter(code=code).update(deputy=person)


def away(name: str, first: str, last: str | None = None) -> None:
    habits(name, away_from=date.fromisoformat(first), away_until=last and date.fromisoformat(last))


@pytest.mark.parametrize(
    ("owner_is", "deputy_is", "hear"),
    [
        ("here", "here", {"owner"}),
        ("here", "away", {"owner"}),
        ("away", "here", {"deputy"}),
        ("away", "away", {"owner"}),  # a mail that waits is better than none
        ("away", "blind", {"owner"}),
        ("away", "nobody", {"owner"}),
        ("away", "switched off", {"owner"}),
        ("blind", "here", {"deputy"}),
        ("blind", "away", {"deputy"}),
        ("blind", "blind", set()),
        ("switched off", "here", {"deputy"}),
        ("nobody", "here", {"deputy"}),
        ("nobody", "nobody", set()),
    ],
)
def test_who_answers_for_an_entity(
    meridian: SampleGroup, owner_is: str, deputy_is: str, hear: set[str]
) -> None:
    entity = meridian.entities["NLDT"]
    Person.objects.filter(pk=owner().pk).update(name="owner")
    deputy = save_member("deputy", Role.AUDITOR, entity) if deputy_is != "nobody" else None
    if deputy is not None:
        Person.objects.filter(pk=deputy.pk).update(name="deputy")
        deputise("NLDT", deputy)
    for name, how in (("owner", owner_is), ("deputy", deputy_is)):
        match how:
            case "away":
                away(name, "2026-06-15", "2026-06-15")
            case "blind":
                Membership.objects.filter(person=named(name)).delete()
            case "switched off":
                Person.objects.filter(name=name).update(is_active=False)
            case "nobody" if name == "owner":
                LegalEntity.objects.filter(code="NLDT").update(owner=None)
    assert tell(notice(NoticeKind.ALERT)).keys() == {"Rosa", *hear}


@pytest.mark.parametrize(
    ("zone", "first", "last", "hears"),
    [
        ("Pacific/Auckland", "2026-06-16", None, "Rosa"),  # there it is the 16th already
        ("America/New_York", "2026-06-16", None, "Sanne de Wit"),
        ("Europe/Amsterdam", "2026-06-01", "2026-06-14", "Sanne de Wit"),
        ("Europe/Amsterdam", "2026-06-01", "2026-06-15", "Rosa"),  # the last day is included
        ("no such zone", "2026-06-15", "2026-06-15", "Rosa"),
    ],
)
def test_being_away_counts_days_where_the_owner_is(
    meridian: SampleGroup, zone: str, first: str, last: str | None, hears: str
) -> None:
    Membership.objects.filter(person=named("Rosa")).delete()
    Membership.objects.create(person=named("Rosa"), role=Role.OWNER, group=Group.objects.get(code="MERIDIAN"))
    deputise("NLDT", named("Rosa"))
    Person.objects.filter(pk=owner().pk).update(zone=zone)
    away("Sanne de Wit", first, last)
    assert tell(notice(NoticeKind.ALERT)).keys() == {hears}


def test_a_superuser_may_own_an_entity_or_stand_in(meridian: SampleGroup) -> None:
    root = Person.objects.create_superuser("root@meridian.test", name="Root")
    deputise("NLDT", root)
    away("Sanne de Wit", "2026-06-15")
    assert "Root" in tell(notice(NoticeKind.ALERT))
    LegalEntity.objects.filter(code="NLDT").update(owner=root, deputy=None)
    assert "Root" in tell(notice(NoticeKind.ALERT))


# --- escalation -----------------------------------------------------------------------------------------------------


def steps(group: str, *each: tuple[int, Iterable[Role], Iterable[str]]) -> None:
    for number, (days, roles, people) in enumerate(each, start=1):
        made = EscalationStep.objects.create(
            group=Group.objects.get(code=group),
            step=number,
            after_days=days,
            roles=[role.value for role in roles],
        )
        made.people.set(Person.objects.filter(name__in=people))


def test_the_steps_that_hold_where_nobody_has_agreed_any(meridian: SampleGroup) -> None:
    for name, role in (("carl", Role.ADMINISTRATOR), ("olga", Role.OWNER), ("audrey", Role.AUDITOR)):
        save_member(name, role, Group.objects.get(code="MERIDIAN"))
    assert tell(notice(NoticeKind.ESCALATION, step=1)).keys() == {"Rosa", "Sanne de Wit", "Carl"}
    assert tell(notice(NoticeKind.ESCALATION, step=2)).keys() == {"Rosa", "Sanne de Wit", "Carl", "Olga"}


def test_the_steps_of_the_nearest_group_reach_whom_they_name_and_whom_those_before_named(
    meridian: SampleGroup,
) -> None:
    europe = Group.objects.get(code="EUROPE")
    save_member("audrey", Role.AUDITOR, Group.objects.get(code="MERIDIAN"))
    save_member("olga", Role.OWNER, Group.objects.get(code="MERIDIAN"))
    save_member("eva", Role.AUDITOR, europe)
    steps("MERIDIAN", (8, [Role.OWNER], []))
    steps("EUROPE", (7, [], ["Eva"]), (12, [Role.AUDITOR], []))
    usual = {"Rosa", "Sanne de Wit"}
    assert tell(notice(NoticeKind.ESCALATION, step=1)).keys() == usual | {"Eva"}
    assert tell(notice(NoticeKind.ESCALATION, step=2)).keys() == usual | {"Eva", "Audrey"}
    assert "Olga" in tell(notice(NoticeKind.ESCALATION, "UKHC", step=1))
    # Of steps agreed no more.
    assert tell(notice(NoticeKind.ESCALATION, step=9)).keys() == usual | {
        "Eva",
        "Audrey",
    }


def test_who_is_named_in_a_step_hears_only_of_what_they_may_see(meridian: SampleGroup) -> None:
    """Nobody is told of what they may not see: named people, deputies and owners included (A10)."""
    steps("MERIDIAN", (7, [Role.FINANCE], ["Paul", "Rosa"]))
    deputise("NLDT", named("Paul"))
    away("Sanne de Wit", "2026-06-15")
    assert tell(notice(NoticeKind.ESCALATION, "NLDT", step=1)).keys() == {"Rosa", "Sanne de Wit"}
    assert tell(notice(NoticeKind.ESCALATION, "UKHC", step=1)).keys() == {"Rosa", "Paul"}
    Person.objects.filter(name="Rosa").update(is_active=False)
    assert tell(notice(NoticeKind.ESCALATION, "NLDT", step=1)).keys() == {"Sanne de Wit"}


@pytest.mark.parametrize("kind", OF_PERIODS)
@pytest.mark.parametrize("code", ["NLDT", "UKHC", "USRT"])
def test_nobody_is_ever_told_of_what_they_may_not_see(
    meridian: SampleGroup, kind: NoticeKind, code: str
) -> None:
    everybody = [*Person.objects.values_list("name", flat=True)]
    steps("MERIDIAN", (7, list(Role), everybody))
    for entity, deputy in (("NLDT", "Paul"), ("UKHC", "Sanne de Wit"), ("USRT", "Paul")):
        deputise(entity, named(deputy))
    for name in everybody:
        away(name, "2026-06-01")
    for person in Person.objects.filter(
        name__in=tell(notice(kind, code, step=1 if kind is NoticeKind.ESCALATION else 0))
    ):
        assert LegalEntity.objects.visible_to(person).filter(code=code).exists(), person


# --- how soon -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [None, False, True])
@pytest.mark.parametrize("chosen", [None, *Cadence])
@pytest.mark.parametrize("kind", [kind for kind in OF_PERIODS if kind not in TO_OTHERS])
def test_each_hears_as_soon_as_they_chose_and_their_group_allows(
    meridian: SampleGroup, kind: NoticeKind, chosen: Cadence | None, allowed: bool | None
) -> None:
    if allowed is not None:
        AlertRules.objects.create(group=Group.objects.get(code="MERIDIAN"), alerts_in_digest=not allowed)
        AlertRules.objects.create(group=Group.objects.get(code="EUROPE"), alerts_in_digest=allowed)
    if chosen is not None:
        choose("Rosa", chosen, kind)
    found = tell(notice(kind, step=1 if kind is NoticeKind.ESCALATION else 0))
    rule = spec_of(kind).cadence
    expected = effective_cadence(rule, chosen, in_digest=bool(allowed))
    if expected is Cadence.NEVER:
        assert not rule.mandatory
        assert "Rosa" not in found
    else:
        assert found["Rosa"] is expected
    assert found["Sanne de Wit"] is effective_cadence(rule, None)  # whatever Rosa chose


@pytest.mark.parametrize("rests", [False, True])
@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("rhythm", [Cadence.IMMEDIATE, Cadence.DAILY, Cadence.WEEKLY])
def test_a_message_is_due_when_its_person_wants_it(
    meridian: SampleGroup, rhythm: Cadence, quiet: bool, rests: bool
) -> None:
    saturday = in_london("2026-06-13 12:00")
    habits(
        "Rosa",
        digest_at=time(9),
        digest_weekday=2,
        quiet_from=time(11) if quiet else None,
        quiet_until=time(14) if quiet else None,
        rests_on_days_off=rests,
    )
    choose("Rosa", rhythm, NoticeKind.DUE_SOON)
    tell(notice(NoticeKind.DUE_SOON), at=saturday)
    expected = {
        Cadence.IMMEDIATE: in_london(
            "2026-06-15 00:00" if rests else "2026-06-13 14:00" if quiet else "2026-06-13 12:00"
        ),
        Cadence.DAILY: in_london("2026-06-15 09:00" if rests else "2026-06-14 09:00"),
        Cadence.WEEKLY: in_london("2026-06-17 09:00"),
    }
    assert due("Rosa", rhythm) == expected[rhythm]


def test_digests_come_by_the_clock_of_each(meridian: SampleGroup) -> None:
    Person.objects.filter(name="Rosa").update(zone="America/New_York")
    tell(notice(NoticeKind.LATE))
    assert due("Rosa", Cadence.DAILY) == utc("2026-06-16 12:00")  # the one of today has just gone
    assert due("Sanne de Wit", Cadence.DAILY) == in_london("2026-06-16 08:00")


def test_a_line_joins_the_message_of_its_rhythm(meridian: SampleGroup) -> None:
    late, alert = notice(NoticeKind.LATE), notice(NoticeKind.ALERT)
    assert route_notices([late, alert], EvaluationContext(AT)) == 4
    tell(notice(NoticeKind.DUE_SOON, "UKRT"), notice(NoticeKind.LATE, "UKHC"), at=AT + timedelta(hours=5))
    tell(notice(NoticeKind.ALERT, "UKHC"), at=AT + timedelta(minutes=1))
    mine = Delivery.objects.filter(recipient__name="Rosa")
    assert {each.rhythm: each.notices.count() for each in mine} == {"daily": 3, "at_once": 2}


def test_a_digest_that_is_being_sent_takes_no_more(meridian: SampleGroup) -> None:
    tell(notice(NoticeKind.LATE))
    Delivery.objects.update(state="sending", lease_until=AT + timedelta(minutes=5), attempts=1)
    tell(notice(NoticeKind.LATE, "UKHC"))
    assert Delivery.objects.filter(recipient__name="Rosa", rhythm="daily").count() == 2


# --- no two within five minutes -------------------------------------------------------------------------------------


def gaps(name: str) -> list[timedelta]:
    moments = sorted(Delivery.objects.filter(recipient__name=name).values_list("due_at", flat=True))
    return [later - sooner for sooner, later in pairwise(moments)]


def test_a_digest_far_ahead_delays_no_alert(meridian: SampleGroup) -> None:
    tell(notice(NoticeKind.LATE))
    tell(notice(NoticeKind.ALERT))
    assert due("Rosa") == AT


@pytest.mark.parametrize("minutes", [-4, -1, 0, 3, 4])
def test_what_is_told_at_once_and_a_digest_keep_apart(meridian: SampleGroup, minutes: int) -> None:
    tell(notice(NoticeKind.LATE))
    digest = due("Rosa", Cadence.DAILY)
    tell(notice(NoticeKind.ALERT), at=digest + timedelta(minutes=minutes))
    assert due("Rosa") == digest + MIN_MESSAGE_SPACING
    choose("Rosa", Cadence.WEEKLY, NoticeKind.DUE_SOON)
    habits("Rosa", digest_weekday=1)
    tell(notice(NoticeKind.DUE_SOON))
    assert due("Rosa", Cadence.WEEKLY) == digest + 2 * MIN_MESSAGE_SPACING
    assert min(gaps("Rosa")) >= MIN_MESSAGE_SPACING


def test_room_is_made_outside_of_quiet_hours(meridian: SampleGroup) -> None:
    habits("Rosa", digest_at=time(21, 58), quiet_from=time(22), quiet_until=time(7))
    tell(notice(NoticeKind.LATE))
    at = in_london("2026-06-15 21:57")
    assert due("Rosa", Cadence.DAILY) == in_london("2026-06-15 21:58")
    tell(notice(NoticeKind.ALERT), at=at)
    assert due("Rosa") == in_london("2026-06-16 07:00")


# --- nobody left ----------------------------------------------------------------------------------------------------


def test_where_everybody_has_switched_it_off_administrators_are_told(meridian: SampleGroup) -> None:
    Person.objects.create_superuser("root@meridian.test", name="Root")
    choose("Rosa", Cadence.NEVER, NoticeKind.DUE_SOON)
    assert tell(notice(NoticeKind.DUE_SOON)) == {"Sanne de Wit": Cadence.DAILY}
    choose("Sanne de Wit", Cadence.NEVER, NoticeKind.DUE_SOON)
    # Whoever is the last one left hears of it all the same.
    choose("Root", Cadence.NEVER, NoticeKind.DUE_SOON)
    assert tell(notice(NoticeKind.DUE_SOON)) == {"Root": Cadence.DAILY}


def test_good_news_need_no_reader(meridian: SampleGroup) -> None:
    Person.objects.create_superuser("root@meridian.test", name="Root")
    tell(notice(NoticeKind.ALERT))
    choose("Rosa", Cadence.NEVER, NoticeKind.CLEARED)
    choose("Sanne de Wit", Cadence.NEVER, NoticeKind.CLEARED)
    assert tell(notice(NoticeKind.CLEARED)) == {}


def test_good_news_go_to_whoever_heard_the_bad_as_soon_as_they_like(meridian: SampleGroup) -> None:
    tell(notice(NoticeKind.ALERT))
    save_member("late", Role.FINANCE, Group.objects.get(code="EUROPE"))
    choose("Rosa", Cadence.WEEKLY, NoticeKind.CLEARED)
    assert tell(notice(NoticeKind.CLEARED)) == {"Rosa": Cadence.WEEKLY, "Sanne de Wit": Cadence.IMMEDIATE}


def test_where_nobody_may_see_it_and_there_is_no_administrator_there_is_no_message(
    meridian: SampleGroup,
) -> None:
    Membership.objects.all().delete()
    assert tell(notice(NoticeKind.ALERT)) == {}


# --- what it costs --------------------------------------------------------------------------------------------------


def test_the_number_of_queries_grows_neither_with_people_nor_with_notices() -> None:
    group = save_sample_group(TWELVE_ENTITIES)
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    calendar = group.entities["NLDT"].calendar
    kinds = (NoticeKind.ALERT, NoticeKind.DUE_SOON, NoticeKind.ESCALATION, NoticeKind.CLEARED)
    counts = []
    for many in (2, 30):
        for number in range(many):
            name = f"person{many}-{number}"
            person = save_member(name, Role.FINANCE, Group.objects.get(code="MERIDIAN"), zone="Europe/Paris")
            Habits.objects.create(person=person, calendar=calendar, quiet_from=time(1), quiet_until=time(2))
            choose(person.name, Cadence.WEEKLY, NoticeKind.DUE_SOON)
        if many == 2:
            steps("MERIDIAN", (7, [Role.AUDITOR], ["Person2-0"]))
        codes = list(group.entities)[: 1 if many == 2 else 12]
        new = [
            notice(kind, code, step=int(kind is NoticeKind.ESCALATION)) for code in codes for kind in kinds
        ]
        with CaptureQueriesContext(connection) as queries:
            assert route_notices(new, EvaluationContext(AT + timedelta(days=many))) >= many
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 22

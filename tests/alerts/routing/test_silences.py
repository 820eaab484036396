"""Silences: who may ask for quiet and until when, what is not told meanwhile, and that nothing true is lost."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, DeliveryLine, LineReason, Notice, Silence
from alerts.outbox.sending import send_due_mails
from alerts.routing.silences import (
    MAX_DAYS_AHEAD,
    SilenceNotAllowed,
    create_silence,
    current_silence,
    lift_silence,
    silence_spans,
    silenceable_groups,
    silences_by_entity,
    visible_silences,
)
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind
from entities.models import Group, LegalEntity, Person
from tests.alerts.evaluations import (
    ALL_CLOSED,
    Role,
    evaluate_and_list_notices,
    read_and_evaluate,
    save_evaluation_span,
    save_member,
)
from tests.builders import OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
WHY = "the auditors have the books"


def root() -> Group:
    return Group.objects.get(code="MERIDIAN")


class TestMaking:
    def test_a_second_click_makes_no_second_one(self, meridian: SampleGroup, rosa: Person) -> None:
        at, nldt = utc("2026-06-12 12:00"), meridian.entities["NLDT"]
        made = create_silence(rosa, nldt, date(2026, 6, 18), WHY, at)
        again = create_silence(rosa, nldt, date(2026, 6, 18), WHY, at + timedelta(seconds=2))
        assert again == made
        assert (made.reason, made.by, made.last_day) == (WHY, rosa, date(2026, 6, 18))

    @pytest.mark.parametrize("days", [-1, MAX_DAYS_AHEAD + 1])
    def test_it_has_an_end_that_is_neither_past_nor_far_away(
        self, meridian: SampleGroup, rosa: Person, days: int
    ) -> None:
        at, nldt = utc("2026-06-12 12:00"), meridian.entities["NLDT"]
        for well in (0, MAX_DAYS_AHEAD):
            assert create_silence(rosa, nldt, date(2026, 6, 12) + timedelta(days=well), WHY, at)
        day = date(2026, 6, 12) + timedelta(days=days)
        with pytest.raises(ValidationError) as refused:
            create_silence(rosa, nldt, day, WHY, at)
        assert list(refused.value.message_dict) == ["last_day"]

    def test_its_days_are_those_of_the_entity(self, meridian: SampleGroup, rosa: Person) -> None:
        late = utc("2026-06-12 23:00")  # 13 June in Amsterdam, 12 June in New York
        with pytest.raises(ValidationError):
            create_silence(rosa, meridian.entities["NLDT"], date(2026, 6, 12), WHY, late)
        assert create_silence(rosa, meridian.entities["USRT"], date(2026, 6, 12), WHY, late)
        assert create_silence(rosa, root(), date(2026, 6, 12), WHY, late)  # it is still that day somewhere

    def test_who_may(self, meridian: SampleGroup, rosa: Person) -> None:
        at, nldt, day = utc("2026-06-12 12:00"), meridian.entities["NLDT"], date(2026, 6, 18)
        paul = Person.objects.get(name="Paul")
        owner, auditor = save_member("olga", Role.OWNER, root()), save_member("ada", Role.AUDITOR, root())
        of_entity = nldt.owner
        assert of_entity is not None
        uk = Group.objects.get(code="UK")
        assert [each.code for each in silenceable_groups(paul)] == ["UK"]
        assert {each.code for each in silenceable_groups(rosa)} >= {"MERIDIAN", "UK"}
        create_silence(paul, uk, day, WHY, at)
        create_silence(of_entity, nldt, day, WHY, at)
        for person, place in (
            (paul, nldt),
            (paul, root()),
            (owner, nldt),
            (auditor, root()),
            (of_entity, uk),
        ):
            with pytest.raises(SilenceNotAllowed):
                create_silence(person, place, day, WHY, at)
        silence = current_silence(uk, at)
        assert silence is not None
        with pytest.raises(SilenceNotAllowed):
            lift_silence(owner, silence, at)

    def test_who_sees_it(self, meridian: SampleGroup, rosa: Person) -> None:
        at, day = utc("2026-06-12 12:00"), date(2026, 6, 18)
        of_all = create_silence(rosa, root(), day, WHY, at)
        of_one = create_silence(rosa, meridian.entities["NLDT"], day, WHY, at)
        paul = Person.objects.get(name="Paul")
        assert set(visible_silences(paul)) == {of_all}
        assert set(visible_silences(rosa)) == {of_all, of_one}
        assert not visible_silences(Person.objects.create(email="nobody@meridian.test", name="Nobody"))

    def test_longer_shorter_and_lifted_leave_the_history_as_it_was(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        nldt = meridian.entities["NLDT"]
        first = create_silence(rosa, nldt, date(2026, 6, 18), WHY, utc("2026-06-12 12:00"))
        longer = create_silence(rosa, nldt, date(2026, 6, 20), WHY, utc("2026-06-13 12:00"))
        first.refresh_from_db()
        assert (first.last_day, first.lifted_at) == (date(2026, 6, 18), longer.made_at)
        assert lift_silence(rosa, longer, utc("2026-06-14 12:00"))
        assert not lift_silence(rosa, longer, utc("2026-06-14 12:01"))
        for at, until in (("12 11:59", None), ("12 12:00", 18), ("13 12:00", 20), ("14 12:00", None)):
            found = silences_by_entity([nldt.pk], utc(f"2026-06-{at}"))
            assert (found[nldt.pk].last_day.day if found else None) == until, at
        assert silence_spans(None, utc("2026-06-30 12:00")) == {
            nldt.pk: [(utc("2026-06-12 12:00"), utc("2026-06-14 12:00"))]
        }


class TestWhomItCovers:
    def test_a_group_covers_all_below_it_each_until_its_own_midnight(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        create_silence(rosa, root(), date(2026, 6, 18), WHY, utc("2026-06-12 12:00"))
        of = {code: entity.pk for code, entity in meridian.entities.items()}
        everybody = silences_by_entity(None, utc("2026-06-18 21:59"))
        assert set(everybody) == set(of.values())
        assert everybody[of["NLDT"]].group == root().name
        assert everybody[of["NLDT"]].ends == utc("2026-06-18 22:00")
        assert set(silences_by_entity(None, utc("2026-06-18 22:00"))) == set(of.values()) - {of["NLDT"]}
        assert set(silences_by_entity(None, utc("2026-06-19 03:59"))) == {of["USRT"]}
        assert silences_by_entity(None, utc("2026-06-19 04:00")) == {}

    def test_the_last_day_is_over_at_its_own_end_where_clocks_change(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        nldt = meridian.entities["NLDT"]
        cairo = meridian.entities["UKRT"]
        cairo.zone = "Africa/Cairo"  # where 24 April 2026 begins at 01:00
        cairo.save()
        for entity, day, made, last in (
            (cairo, date(2026, 4, 23), "2026-04-01 12:00", "2026-04-23 21:59"),
            (nldt, date(2026, 10, 25), "2026-10-01 12:00", "2026-10-25 22:59"),  # 25 hours long
        ):
            create_silence(rosa, entity, day, WHY, utc(made))
            assert silences_by_entity([entity.pk], utc(last))
            assert not silences_by_entity([entity.pk], utc(last) + timedelta(minutes=1))

    def test_of_two_the_one_that_ends_last_counts(self, meridian: SampleGroup, rosa: Person) -> None:
        at, nldt = utc("2026-06-12 12:00"), meridian.entities["NLDT"]
        own = create_silence(rosa, nldt, date(2026, 6, 14), WHY, at)
        of_all = create_silence(rosa, root(), date(2026, 6, 18), "a strike", at)
        assert silences_by_entity([nldt.pk], at)[nldt.pk].reason == "a strike"
        lift_silence(rosa, of_all, at)
        assert silences_by_entity([nldt.pk], at)[nldt.pk].reason == own.reason

    def test_it_is_one_query_however_many_there_are(self, meridian: SampleGroup, rosa: Person) -> None:
        at = utc("2026-06-12 12:00")
        for entity in meridian.entities.values():
            with CaptureQueriesContext(
                connection,
            ) as queries:
                silences_by_entity(None, at)
            assert len(queries) == 1
            create_silence(rosa, entity, date(2026, 6, 18), WHY, at)


def minutes_of(
    meridian: SampleGroup, start: str, count: int, kinds: set[NoticeKind]
) -> list[tuple[int, str]]:
    """What each of so many evaluations, a minute apart, raised while EU DTC BV stays open."""
    found = []
    for minute in range(count):
        at = utc(start) + timedelta(minutes=minute)
        save_evaluation_span(at)
        meridian.read(at, ALL_CLOSED | {"NLDT": OPEN})
        found += [(minute, each) for each in evaluate_and_list_notices(at, kinds)]
    return found


EVERY_KIND = set(NoticeKind) - {NoticeKind.GROUP_CLOSED}  # the United Kingdom has closed


class TestNothingIsRaised:
    def test_the_alert_waits_and_comes_within_the_minute_after_the_last_day(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        nldt = meridian.entities["NLDT"]
        create_silence(rosa, nldt, date(2026, 6, 16), WHY, utc("2026-06-08 12:00"))
        for day in range(9, 17):  # late, past the line, day by day
            assert read_and_evaluate(meridian, f"2026-06-{day:02} 12:00", EVERY_KIND, NLDT=OPEN) == []
        found = minutes_of(meridian, "2026-06-16 21:58", 4, EVERY_KIND - {NoticeKind.LATE})
        assert found == [(2, "alert NLDT")]  # 22:00 UTC is midnight in Amsterdam

    def test_lifted_early_it_is_told_by_the_next_evaluation(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        silence = create_silence(
            rosa, meridian.entities["NLDT"], date(2026, 7, 1), WHY, utc("2026-06-12 12:00")
        )
        assert read_and_evaluate(meridian, "2026-06-25 12:00", EVERY_KIND, NLDT=OPEN) == []
        lift_silence(rosa, silence, utc("2026-06-25 12:00:30"))
        found = read_and_evaluate(meridian, "2026-06-25 12:01", NLDT=OPEN)
        assert found == ["alert NLDT", "escalation NLDT", "escalation NLDT"]

    def test_what_closed_meanwhile_is_not_told_of(self, meridian: SampleGroup, rosa: Person) -> None:
        create_silence(rosa, meridian.entities["NLDT"], date(2026, 6, 18), WHY, utc("2026-06-12 12:00"))
        assert read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN) == []
        assert read_and_evaluate(meridian, "2026-06-16 12:00") == []
        assert read_and_evaluate(meridian, "2026-06-19 12:00") == []

    def test_the_end_of_what_was_told_before_is_told_after(self, meridian: SampleGroup, rosa: Person) -> None:
        assert read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
        create_silence(rosa, meridian.entities["NLDT"], date(2026, 6, 18), WHY, utc("2026-06-15 13:00"))
        read_and_evaluate(meridian, "2026-06-16 12:00")
        assert read_and_evaluate(meridian, utc("2026-06-16 12:00") + HOLD_DOWN) == []
        assert read_and_evaluate(meridian, "2026-06-18 22:00") == ["cleared NLDT"]

    def test_a_reopening_is_told_all_the_same(self, meridian: SampleGroup, rosa: Person) -> None:
        read_and_evaluate(meridian, "2026-06-08 12:00", NLDT=OPEN)
        read_and_evaluate(meridian, "2026-06-09 12:00")
        create_silence(rosa, root(), date(2026, 6, 20), WHY, utc("2026-06-15 12:00"))
        assert read_and_evaluate(meridian, "2026-06-16 12:00", NLDT=OPEN) == ["reopened NLDT"]
        assert read_and_evaluate(meridian, "2026-06-20 22:00", NLDT=OPEN) == ["alert NLDT", "escalation NLDT"]

    def test_a_connection_is_silent_where_all_that_it_reads_is(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        trouble = {NoticeKind.STALE, NoticeKind.UNCONFIRMED}
        read_and_evaluate(meridian, "2026-06-12 08:00", NLDT=OPEN)
        of_all = create_silence(rosa, root(), date(2026, 6, 20), WHY, utc("2026-06-12 09:00"))
        save_evaluation_span(utc("2026-06-16 12:00"))
        assert evaluate_and_list_notices(utc("2026-06-16 12:00"), trouble) == []
        lift_silence(rosa, of_all, utc("2026-06-16 12:00"))
        assert evaluate_and_list_notices(utc("2026-06-16 12:01"), trouble) == [
            "unconfirmed NLDT",
            "stale meridian-prod",
        ]


def send_all(at: datetime) -> dict[str, list[str]]:
    """Send what is due; what each person was told, as kinds."""
    before = set(sent_lines())
    send_due_mails(at)
    told: dict[str, list[str]] = {}
    for who, kind, _ in sorted(set(sent_lines()) - before):
        told.setdefault(who, []).append(kind)
    return told


def sent_lines() -> list[tuple[str, str, int]]:
    lines = DeliveryLine.objects.filter(delivery__state="sent", left_out="").exclude(
        notice__kind="group_closed"
    )
    return list(lines.values_list("recipient__name", "notice__kind", "pk"))


@pytest.mark.usefixtures("mails_leave")
class TestWhatHadNotLeft:
    def test_it_is_set_aside_and_told_once_when_the_silence_ends(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
        create_silence(rosa, meridian.entities["NLDT"], date(2026, 6, 16), WHY, utc("2026-06-15 12:01"))
        assert send_all(utc("2026-06-15 12:02")) == {}
        aside = Delivery.objects.filter(notices__kind="alert")
        assert {(each.state, each.words) for each in aside} == {("cancelled", LineReason.SILENCED)}
        read_and_evaluate(meridian, "2026-06-16 12:00", NLDT=OPEN)
        assert send_all(utc("2026-06-16 12:01")) == {}
        read_and_evaluate(meridian, "2026-06-16 22:00", NLDT=OPEN)
        told = send_all(utc("2026-06-16 22:00"))
        assert {who: kinds.count("alert") for who, kinds in told.items()} == {"Rosa": 1, "Sanne de Wit": 1}
        read_and_evaluate(meridian, "2026-06-16 22:10", NLDT=OPEN)
        assert send_all(utc("2026-06-16 22:11")) == {}

    def test_lifted_early_it_is_told_then_and_not_if_it_closed(
        self, meridian: SampleGroup, rosa: Person
    ) -> None:
        read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN, USRT=OPEN)
        read_and_evaluate(meridian, "2026-06-18 12:00", NLDT=OPEN, USRT=OPEN)
        silence = create_silence(rosa, root(), date(2026, 6, 30), WHY, utc("2026-06-18 12:01"))
        assert send_all(utc("2026-06-18 12:02")) == {}
        read_and_evaluate(meridian, "2026-06-19 12:00", NLDT=OPEN)  # US Retail Inc has closed
        lift_silence(rosa, silence, utc("2026-06-19 12:00:30"))
        read_and_evaluate(meridian, "2026-06-19 12:01", NLDT=OPEN)
        send_all(utc("2026-06-19 12:01"))
        alerts = Notice.objects.filter(kind="alert").values_list("period__entity__code", "lines__left_out")
        assert {code for code, why in alerts if not why} == {"NLDT"}
        assert {why for code, why in alerts if code == "USRT"} == {"closed before it was sent"}

    def test_a_mail_goes_without_what_is_silenced(self, meridian: SampleGroup, rosa: Person) -> None:
        read_and_evaluate(meridian, "2026-06-18 12:00", NLDT=OPEN, USRT=OPEN)
        create_silence(rosa, meridian.entities["NLDT"], date(2026, 6, 30), WHY, utc("2026-06-18 12:01"))
        told = send_all(utc("2026-06-18 12:02"))
        assert told["Rosa"].count("alert") == 1
        lines = DeliveryLine.objects.filter(notice__kind="alert", recipient=rosa)
        assert dict(lines.values_list("notice__period__entity__code", "left_out")) == {
            "NLDT": LineReason.SILENCED,
            "USRT": "",
        }


def test_silencing_is_undone_and_done_again_with_the_same_words(meridian: SampleGroup, rosa: Person) -> None:
    at, nldt = utc("2026-06-12 12:00"), meridian.entities["NLDT"]
    first = create_silence(rosa, nldt, date(2026, 6, 18), WHY, at)
    lift_silence(rosa, first, at + timedelta(minutes=1))
    again = create_silence(rosa, nldt, first.last_day, first.reason, at + timedelta(minutes=2))
    assert again != first
    assert Silence.objects.count() == 2
    assert silence_spans([nldt.pk], at + timedelta(minutes=3))[nldt.pk][0] == (at, at + timedelta(minutes=1))
    assert LegalEntity.objects.count() == 4
    run_evaluation(at + timedelta(minutes=3))

"""The proof finds nothing where all is well, and names whatever was taken away, made up or never sent."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alerts.evaluate.run import run_evaluation
from alerts.models import (
    Delivery,
    DeliveryLine,
    EvaluationSpan,
    LineReason,
    Notice,
    ProofRun,
    Silence,
)
from alerts.outbox.sending import send_due_mails
from alerts.reconciliation import ReconciliationReport, reconcile, reconcile_and_record
from alerts.routing.silences import create_silence, lift_silence, silences_by_entity
from closing.calendar.instants import zone_named
from closing.facts.base import NativePeriodFacts
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Person
from periods.deadline_setting import set_deadlines
from periods.models import FiscalPeriod, SyncAttempt
from tests.alerts.evaluations import (
    ALL_CLOSED,
    read_and_evaluate,
    save_evaluation_span,
    save_group_with_recipients,
)
from tests.builders import CLOSED, MAY, OPEN, utc
from tests.db_builders import SampleGroup
from tests.hypothesis_profiles import examples
from tests.periods.model_builders import policy

pytestmark = pytest.mark.django_db
PLUS_SIX = "2026-06-15 12:00"


def words(found: ReconciliationReport) -> list[str]:
    return [f"{each.entity}: {each.words}" for each in found.differences]


def test_all_is_as_the_history_says(alerted_group: SampleGroup) -> None:
    found = reconcile(utc("2026-06-15 13:00"))
    assert (found.expected, words(found)) == (1, [])
    assert reconcile(utc("2026-06-15 13:00"), MAY).expected == 1
    assert reconcile(utc("2026-06-14 13:00")).expected == 0


def test_an_alert_that_is_lost_is_named(alerted_group: SampleGroup) -> None:
    Notice.objects.all().delete()
    assert words(reconcile(utc("2026-06-15 13:00"))) == [
        "EU DTC BV: an alert had to exist from here on, and does not"
    ]


def read_later(group: SampleGroup, at: str, recorded: str, **said: NativePeriodFacts) -> None:
    """Read as of a moment in the past, at the moment `recorded`."""
    group.read(at, ALL_CLOSED | said)
    SyncAttempt.objects.filter(started_at=utc(at)).update(lease_until=utc(recorded))


def test_a_loaded_history_requires_no_alert_of_what_was_over_when_it_was_loaded() -> None:
    """Crossed on 15 June, closed on 17 June, open again on 18 and closed on 19 June: all loaded on 20 June."""
    group = save_group_with_recipients(read=False)
    for at, facts in (
        ("2026-06-01 21:00", OPEN),
        ("2026-06-15 21:00", OPEN),
        ("2026-06-17 21:00", CLOSED),
        ("2026-06-18 21:00", OPEN),
        ("2026-06-19 21:00", CLOSED),
    ):
        read_later(group, at, "2026-06-20 09:00", NLDT=facts)
    found = reconcile(utc("2026-06-20 13:00"))
    assert (found.expected, words(found)) == (0, [])


def test_an_alert_that_is_still_true_when_its_history_was_loaded_has_to_exist_from_then_on() -> None:
    group = save_group_with_recipients(read=False)
    for at in ("2026-06-01 21:00", "2026-06-15 21:00", "2026-06-16 21:00"):
        read_later(group, at, "2026-06-20 09:00", NLDT=OPEN)
    group.read("2026-06-20 09:10", ALL_CLOSED | {"NLDT": OPEN})
    assert reconcile(utc("2026-06-20 09:04")).expected == 0
    lost = reconcile(utc("2026-06-20 09:20"))
    assert [each.at for each in lost.differences] == [utc("2026-06-20 09:00")]
    save_evaluation_span(utc("2026-06-20 09:20"), hours=1)
    assert "alert NLDT" in read_and_evaluate(group, "2026-06-20 09:20", NLDT=OPEN)
    assert words(reconcile(utc("2026-06-20 09:30"))) == []


def test_nothing_has_to_exist_before_evaluations_run_again(meridian: SampleGroup) -> None:
    """Closeboard was stopped from 12 to 20 June; the line was crossed on the 15th."""
    read_and_evaluate(meridian, "2026-06-12 12:00", NLDT=OPEN)
    save_evaluation_span(utc("2026-06-20 09:01"), hours=0)
    meridian.read("2026-06-20 09:00", ALL_CLOSED | {"NLDT": OPEN})
    assert words(reconcile(utc("2026-06-20 09:01"))) == []
    save_evaluation_span(utc("2026-06-20 09:30"), hours=0)
    meridian.read("2026-06-20 09:10", ALL_CLOSED | {"NLDT": OPEN})
    EvaluationSpan.objects.filter(first__gte=utc("2026-06-20 00:00")).update(first=utc("2026-06-20 09:01"))
    assert words(reconcile(utc("2026-06-20 09:30"))) != []


def test_a_deadline_that_was_set_after_its_day_requires_nothing_of_before() -> None:
    """Without a policy until 20 June, when EU DTC BV had closed."""
    group = save_group_with_recipients(policy=False)
    for at, facts in (("2026-06-15 12:00", OPEN), ("2026-06-18 12:00", CLOSED)):
        read_and_evaluate(group, at, NLDT=facts)
    policy(group.entities["NLDT"], rule="calendar_day", n=9)
    set_deadlines([group.entities["NLDT"].pk], utc("2026-06-20 12:00"))
    found = reconcile(utc("2026-06-20 13:00"))
    assert (found.periods, found.expected, words(found)) == (1, 0, [])


def test_an_alert_without_a_cause_is_named(alerted_group: SampleGroup) -> None:
    Notice.objects.update(raised_at=utc("2026-06-14 12:00"))
    assert "an alert exists, and the history has no cause for it" in " ".join(
        words(reconcile(utc("2026-06-15 13:00")))
    )


def test_messages_that_reached_nobody_are_named(alerted_group: SampleGroup) -> None:
    later = utc("2026-06-15 13:30")
    Delivery.objects.update(state="parked")
    assert words(reconcile(later)) == ["EU DTC BV: its alert has reached nobody: no message could be sent"]
    Delivery.objects.update(state="waiting", ended_at=None)
    assert words(reconcile(later)) == ["EU DTC BV: its alert still waits to be sent"]
    Delivery.objects.filter(recipient__name="Rosa").update(state="sent", ended_at=later)
    assert words(reconcile(later)) == []
    DeliveryLine.objects.all().delete()
    assert words(reconcile(later)) == ["EU DTC BV: its alert was for nobody: there is nobody to notify"]


def test_the_command_and_the_nightly_run_say_the_same(alerted_group: SampleGroup) -> None:
    out = StringIO()
    at = utc("2026-06-15 13:00")
    call_command("prove_alerts", "--as-of", "2026-06-15T13:00:00Z", stdout=out)
    assert "1 alerts had to exist: all of them do." in out.getvalue()
    Notice.objects.all().delete()
    with pytest.raises(SystemExit) as ended:
        call_command("prove_alerts", "--month", "2026-05", "--as-of", "2026-06-15T13:00:00Z", stdout=out)
    assert ended.value.code == 1
    reconcile_and_record(at)
    (kept,) = ProofRun.objects.all()
    assert (kept.expected, len(kept.differences)) == (1, 1)
    assert kept.differences[0] in out.getvalue()


_steps = st.lists(st.tuples(st.sampled_from([OPEN, CLOSED]), st.integers(1, 60)), min_size=1, max_size=6)


@pytest.mark.slow  # a story has up to 200 evaluations
@pytest.mark.timeout(400)
@examples(8)
@given(_steps)
def test_whatever_the_erp_says_what_was_raised_is_what_had_to_be(
    steps: list[tuple[NativePeriodFacts, int]],
) -> None:
    """Reads at any distance from the line, evaluated every other minute: raising and the proof name the same."""
    with transaction.atomic():
        group = save_group_with_recipients()
        at = utc("2026-06-14 21:30")  # the line is crossed at 22:00 UTC
        group.read(at, ALL_CLOSED | {"NLDT": OPEN})
        for state, hours in steps:
            at = _minutes(group, at, hours)
            group.read(at, ALL_CLOSED | {"NLDT": state})
        at = _minutes(group, at, 40)
        Delivery.objects.update(state="sent", ended_at=at)
        found = reconcile(at)
        assert words(found) == []
        assert found.expected <= Notice.objects.filter(kind=NoticeKind.ALERT).count()
        transaction.set_rollback(True)


_SILENT = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "silence", "silence all", "lift", "send"]),
        st.sampled_from([OPEN, OPEN, CLOSED]),
        st.sampled_from([2, 6, 32, 26 * 60]),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@pytest.mark.timeout(400)
@settings(
    max_examples=6,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # each story takes seconds: not to be told a hundred times
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(_SILENT)
def test_whoever_silences_and_lifts_nothing_silenced_is_told_and_nothing_true_is_lost(
    mails_leave: None, steps: list[tuple[str, NativePeriodFacts, int]]
) -> None:
    """Silences, lifts, closes and reopenings in any order, evaluated every other minute and sent now and then."""
    with transaction.atomic():
        group = save_group_with_recipients()
        rosa, nldt = Person.objects.get(name="Rosa"), group.entities["NLDT"]
        at = utc("2026-06-14 21:30")  # the line is crossed at 22:00 UTC
        group.read(at, ALL_CLOSED | {"NLDT": OPEN})
        for act, state, minutes in steps:
            at = _on(group, at, minutes)
            today = at.astimezone(zone_named(nldt.zone)).date()
            match act:
                case "read":
                    group.read(at, ALL_CLOSED | {"NLDT": state})
                case "silence":
                    create_silence(rosa, nldt, today + timedelta(days=minutes % 3), "an audit", at)
                case "silence all":
                    create_silence(rosa, Group.objects.get(code="MERIDIAN"), today, "a strike", at)
                case "lift":
                    for silence in Silence.objects.filter(lifted_at=None):
                        lift_silence(rosa, silence, at)
                case "send":
                    _send_and_look(at)
        for silence in Silence.objects.filter(lifted_at=None):
            lift_silence(rosa, silence, at)
        group.read(at, ALL_CLOSED | {"NLDT": group_state(nldt)})
        at = _on(group, at, 40)
        group.read(at, ALL_CLOSED | {"NLDT": group_state(nldt)})
        at = _on(group, at, 4)
        _send_and_look(at)
        assert not DeliveryLine.objects.filter(left_out=LineReason.SILENCED).exists()
        assert words(reconcile(at)) == []
        if group_state(nldt) is OPEN:
            told = DeliveryLine.objects.filter(notice__kind=NoticeKind.ALERT, recipient=rosa, left_out="")
            assert told.filter(delivery__state="sent").exists()
        transaction.set_rollback(True)


def _on(group: SampleGroup, at: datetime, minutes: int) -> datetime:
    """The evaluations of so many minutes; of a day only one in four hours."""
    if minutes < 60:
        return _minutes(group, at, minutes)
    at = _minutes(group, at, 6)
    for _ in range(minutes // 240):
        at += timedelta(hours=4)
        save_evaluation_span(at, hours=1)
        run_evaluation(at)
    return at


def group_state(entity: LegalEntity) -> NativePeriodFacts:
    """What the ERP said last of May."""
    period = FiscalPeriod.objects.get(entity=entity, reporting_month=MAY)
    return CLOSED if period.state == "closed" else OPEN


def _send_and_look(at: datetime) -> None:
    """Send all that waits; nothing of it may be of an entity that is silenced, but for reopenings."""
    before = set(_sent())
    # The outbox goes by the clock of the database, which is not that of the story.
    Delivery.objects.filter(state="waiting").update(due_at=at)
    send_due_mails(at)
    quiet = silences_by_entity(None, at)
    for pk, entity, kind in set(_sent()) - before:
        assert kind in ("reopened", "group_closed") or entity not in quiet, (pk, kind, at)


def _sent() -> list[tuple[int, int, str]]:
    lines = DeliveryLine.objects.filter(delivery__state="sent", left_out="")
    return list(lines.values_list("pk", "notice__period__entity", "notice__kind"))


def test_a_silence_excuses_an_alert_only_while_it_lasts(meridian: SampleGroup) -> None:
    rosa = Person.objects.get(name="Rosa")
    read_and_evaluate(meridian, "2026-06-14 12:00", NLDT=OPEN)
    create_silence(rosa, meridian.entities["NLDT"], date(2026, 6, 16), "an audit", utc("2026-06-14 12:30"))
    for at in ("2026-06-15 12:00", "2026-06-16 12:00", "2026-06-16 21:59"):
        assert read_and_evaluate(meridian, at, NLDT=OPEN) == []
        assert (reconcile(utc(at)).expected, words(reconcile(utc(at)))) == (0, [])
    save_evaluation_span(utc("2026-06-16 22:30"))
    meridian.read("2026-06-16 22:20", ALL_CLOSED | {"NLDT": OPEN})
    lost = reconcile(utc("2026-06-16 22:30"))
    assert words(lost) == ["EU DTC BV: an alert had to exist from here on, and does not"]
    assert lost.differences[0].at == utc("2026-06-16 22:00")
    run_evaluation(utc("2026-06-16 22:30"))
    assert words(reconcile(utc("2026-06-16 22:31"))) == []
    Notice.objects.filter(kind="alert").update(raised_at=utc("2026-06-16 21:00"))
    assert "an alert was raised although the entity was silenced" in " ".join(
        words(reconcile(utc("2026-06-16 22:31")))
    )


def test_what_stays_set_aside_after_the_silence_is_named(alerted_group: SampleGroup) -> None:
    DeliveryLine.objects.filter(notice__kind="alert").update(left_out=LineReason.SILENCED)
    assert words(reconcile(utc("2026-06-15 13:00"))) == [
        "EU DTC BV: its alert is still set aside for a silence that is over"
    ]


def _minutes(group: SampleGroup, at: datetime, minutes: int) -> datetime:
    """The evaluations of so many minutes."""
    until = at + timedelta(minutes=minutes)
    while at < until:
        save_evaluation_span(at, hours=12 if at.minute == 30 else 0)
        run_evaluation(at)
        at += timedelta(minutes=2)
    return until


def test_a_period_is_proved_as_soon_as_it_has_ended_in_its_own_zone() -> None:
    """Due by the end of 31 May in Auckland and alerting at once: 12:00 UTC, while it is still 31 May in UTC."""
    group = save_group_with_recipients(policy=False, read=False)
    LegalEntity.objects.filter(code="NLDT").update(zone="Pacific/Auckland")
    policy(group.entities["NLDT"], rule="calendar_day", n=0, alert_after_days=0)
    group.read("2026-05-30 12:00", ALL_CLOSED | {"NLDT": OPEN})
    assert read_and_evaluate(group, "2026-05-31 12:10", NLDT=OPEN) == ["alert NLDT"]
    assert reconcile(utc("2026-05-31 13:00")).expected == 1

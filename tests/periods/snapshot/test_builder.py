"""The snapshot: one board for every door, of any moment, from a fixed number of queries."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from closing.facts.readings import GapReason, ReadGap
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row
from entities.models import Group, LegalEntity, Membership, Person
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate, DeadlinePolicy
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY, NOT_UNDERSTOOD, ON_HOLD, OPEN, RESTRICTED, utc
from tests.periods.model_builders import policy, top_group
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read, read_result

pytestmark = pytest.mark.django_db


def board(at: str, month: date = MAY) -> Scoreboard:
    return take_snapshot(LegalEntity.objects.all(), month, utc(at))


def row(code: str, at: str) -> Row:
    return next(row for row in board(at).rows if row.code == code)


def told(code: str, at: str) -> tuple[str, str, int]:
    found = row(code, at)
    return found.state.value, found.standing.level.value, found.standing.days_late


def the_worked_example() -> None:
    """The cast, read as in 01-domain 1.8, with US Retail's agreed date."""
    source, entities = connect_four_entities()
    AgreedDate.objects.create(
        entity=entities["USRT"],
        reporting_month=MAY,
        due_on=date(2026, 6, 11),
        reason="new warehouse system",
        agreed_by="R. Bell",
        set_at=utc("2026-05-20 09:00"),
    )
    read(source, "2026-06-01 12:00", facts_of_all())
    read(source, "2026-06-05 18:00", facts_of_all(UKHC=CLOSED))
    read(source, "2026-06-08 18:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED))
    read(source, "2026-06-10 22:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED, USRT=ON_HOLD))
    read(source, "2026-06-12 12:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED, USRT=ON_HOLD))


def test_the_worked_example_and_its_replay() -> None:
    the_worked_example()

    def twelfth_of_june() -> None:
        assert told("UKHC", "2026-06-12 12:00") == ("closed", "closed_on_time", 0)
        assert told("UKRT", "2026-06-12 12:00") == ("closed", "closed_on_time", 0)
        assert told("USRT", "2026-06-12 12:00") == ("on_hold", "late", 1)
        assert told("NLDT", "2026-06-12 12:00") == ("open", "late", 3)
        counts = board("2026-06-12 12:00").counts
        assert (counts.outstanding, counts.late, counts.alerting, counts.stale) == (2, 2, 0, 0)
        assert headline(board("2026-06-12 12:00")).startswith("Not closed: 2 of 4 outstanding. EU DTC BV")

    twelfth_of_june()
    source = LegalEntity.objects.get(code="NLDT").connection
    assert source is not None
    read(source, "2026-06-14 12:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED, USRT=ON_HOLD))
    assert told("NLDT", "2026-06-14 12:00") == ("open", "late", 5)
    read(source, "2026-06-15 12:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED, USRT=ON_HOLD))
    assert told("NLDT", "2026-06-15 12:00") == ("open", "alerting", 6)
    twelfth_of_june()
    assert row("UKHC", "2026-06-12 12:00").read_at == utc("2026-06-12 12:00")


def test_already_closed_when_first_looked_at() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED))
    assert told("UKHC", "2026-06-12 12:00") == ("closed", "closed_date_unknown", 0)
    assert told("NLDT", "2026-06-12 12:00") == ("open", "late", 3)


def test_a_gap_in_reading_over_the_deadline_is_neither_on_time_nor_late() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 18:00", facts_of_all())
    read(source, "2026-06-11 18:00", facts_of_all(UKHC=CLOSED))
    standing = row("UKHC", "2026-06-11 18:00").standing
    assert standing.level == "closed_date_unknown"
    assert standing.closed_between == (date(2026, 6, 8), date(2026, 6, 11))


def test_before_the_first_read_nothing_is_known() -> None:
    the_worked_example()
    found = row("UKHC", "2026-05-31 12:00")
    assert (found.state, found.standing.level, found.because) == ("unknown", "unknown", "never read")
    assert board("2026-05-31 12:00").closed is None


def test_stale_keeps_the_last_level_and_neither_clears_nor_escalates() -> None:
    the_worked_example()
    found = row("NLDT", "2026-06-20 12:00")
    assert not found.fresh
    assert found.read_at == utc("2026-06-12 12:00")
    assert (found.standing.level, found.standing.days_late) == ("late", 3)
    assert board("2026-06-20 12:00").counts.stale == 4


def test_the_group_is_closed_only_while_all_are_closed_and_fresh() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-05 12:00", facts_of_all())
    read(source, "2026-06-09 12:00", dict.fromkeys(facts_of_all(), CLOSED))
    assert board("2026-06-09 12:15").closed is True
    assert board("2026-06-09 12:16").closed is None


def test_an_entity_in_a_gap_is_not_fresh_at_once_and_says_why() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-09 12:00", dict.fromkeys(facts_of_all(), CLOSED))
    gap = ReadGap("nldt", GapReason.MISSING, "not in the ERP's list of companies")
    read(source, "2026-06-09 12:05", read_result(dict.fromkeys(("UKHC", "UKRT", "USRT"), CLOSED), gap))
    found = row("NLDT", "2026-06-09 12:06")
    assert (found.fresh, found.missing_since, found.read_error) == (
        False,
        utc("2026-06-09 12:00"),
        "not in the ERP's list of companies",
    )
    assert board("2026-06-09 12:06").closed is None
    assert row("NLDT", "2026-06-09 12:04").fresh  # replayed: then nobody knew
    read(source, "2026-06-09 12:10", dict.fromkeys(facts_of_all(), CLOSED))
    assert row("NLDT", "2026-06-09 12:10").fresh
    assert row("NLDT", "2026-06-09 12:07").fresh is False


def test_not_understood_after_known_stays_unconfirmed() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all())
    read(source, "2026-06-16 12:00", facts_of_all(NLDT=NOT_UNDERSTOOD))
    found = row("NLDT", "2026-06-16 12:00")
    assert found.state == "unknown"
    assert found.standing.unconfirmed
    assert (found.standing.level, found.standing.days_late) == ("late", 3)


def test_reopened_in_the_month_and_in_an_older_one() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-05 12:00", facts_of_all())
    read(source, "2026-06-08 12:00", facts_of_all(UKHC=CLOSED))
    read(source, "2026-06-12 12:00", read_result(facts_of_all(), april=OPEN))
    found = row("UKHC", "2026-06-12 12:00")
    assert (found.state, found.standing.days_late, found.standing.reopened) == ("open", 3, True)
    assert found.standing.first_closed_on == date(2026, 6, 8)
    warnings = board("2026-06-12 12:00").warnings
    assert {(w.code, w.entity) for w in warnings} == {("reopened", code) for code in facts_of_all()}
    assert "April 2026" in warnings[0].text
    assert board("2026-06-11 12:00").warnings == []
    assert board("2026-06-12 12:00", date(2026, 4, 1)).warnings == []


def test_entities_count_only_while_active() -> None:
    source, _ = connect_four_entities()
    LegalEntity.objects.filter(code="UKRT").update(active_to=date(2026, 5, 30))
    LegalEntity.objects.filter(code="USRT").update(active_from=date(2026, 6, 1))
    read(source, "2026-06-12 12:00", facts_of_all())
    assert {row.code for row in board("2026-06-12 12:00").rows} == {"UKHC", "NLDT"}


def test_no_policy_says_no_deadline() -> None:
    source, _ = connect_four_entities()
    DeadlinePolicy.objects.all().delete()
    read(source, "2026-06-12 12:00", facts_of_all())
    assert told("NLDT", "2026-06-12 12:00") == ("open", "no_deadline", 0)
    assert board("2026-06-12 12:00").counts.no_deadline == 4


def test_on_hold_counts_as_closed_where_the_policy_says_so() -> None:
    the_worked_example()
    policy(top_group(), on_hold_counts_as_closed=True, rule="workday", n=6, first_is=0)
    found = row("USRT", "2026-06-12 12:00")
    assert (found.state, found.standing.level, found.counts_as_closed) == ("on_hold", "closed_on_time", True)


def test_working_days_late_where_the_policy_counts_them() -> None:
    the_worked_example()
    policy(top_group(), lateness_unit="working_days", rule="workday", n=6, first_is=0)
    source = LegalEntity.objects.get(code="NLDT").connection
    assert source is not None
    read(source, "2026-06-15 12:00", facts_of_all())
    found = row("NLDT", "2026-06-15 12:00").standing
    assert (found.days_late, found.unit.value, found.level.value) == (4, "working_days", "late")


def test_who_sees_what() -> None:
    the_worked_example()
    standing = {group.code: group for group in Group.objects.all()}
    reader = Person.objects.create_user("owner@meridian.example", "x", name="Olive Owner")
    assert list(LegalEntity.objects.visible_to(reader)) == []
    Membership.objects.create(person=reader, role="owner", group=standing["UK"])
    Membership.objects.create(person=reader, role="finance", entity=LegalEntity.objects.get(code="NLDT"))
    visible = LegalEntity.objects.visible_to(reader)
    assert {entity.code for entity in visible} == {"UKHC", "UKRT", "NLDT"}
    snapshot = take_snapshot(visible, MAY, utc("2026-06-12 12:00"))
    assert (snapshot.counts.entities, snapshot.counts.outstanding) == (3, 1)
    Membership.objects.create(person=reader, role="auditor", group=standing["MERIDIAN"])
    assert LegalEntity.objects.visible_to(reader).count() == 4
    reader.is_active = False
    assert LegalEntity.objects.visible_to(reader).count() == 0


def test_the_number_of_queries_does_not_grow_with_entities() -> None:
    the_worked_example()
    with CaptureQueriesContext(connection) as few:
        board("2026-06-12 12:00")
    source = LegalEntity.objects.get(code="NLDT").connection
    assert source is not None
    like = LegalEntity.objects.get(code="NLDT")
    for number in range(36):
        LegalEntity.objects.create(
            code=f"X{number}",
            name=f"Extra {number}",
            country="NL",
            zone="Europe/Amsterdam",
            group=like.group,
            calendar=like.calendar,
            connection=source,
            erp_id=f"x{number}",
        )
    read(source, "2026-06-13 12:00", facts_of_all() | {f"X{number}": OPEN for number in range(36)})
    set_deadlines(None, utc("2026-06-13 12:00"))
    with CaptureQueriesContext(connection) as many:
        assert len(board("2026-06-13 12:00").rows) == 40
    assert len(many) == len(few) <= 13


def test_the_because_is_that_of_the_newest_words() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-08 12:00", facts_of_all())
    read(source, "2026-06-08 13:00", facts_of_all(NLDT=RESTRICTED))
    found = row("NLDT", "2026-06-08 13:01")
    assert (found.native_facts, found.state) == (RESTRICTED, "open")
    assert found.because.startswith("two modules restricted")
    assert row("NLDT", "2026-06-08 12:59").because == "no module is restricted"

"""What people say about a period: who may, in which words it is refused, and that nothing said is ever rewritten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext

from closing.facts.period_remarks import OVERDUE_REASON_LABELS, OverdueReason
from closing.scoreboard.board import board_fingerprint
from closing.scoreboard.row import Row
from entities.models import LegalEntity, Membership, Person
from periods.models import FiscalPeriod, PolicyVersion, Remark
from periods.remarks import (
    RemarkNotAllowed,
    acknowledge,
    add_note,
    edit_note,
    set_expected_close,
    set_overdue_reason,
    withdraw_note,
)
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY, OPEN, WORKED_EXAMPLE_AT, utc
from tests.db_builders import SampleGroup, save_person, save_sample_group

pytestmark = pytest.mark.django_db
LATER = WORKED_EXAMPLE_AT + timedelta(hours=1)


def row(code: str = "NLDT", at: str = "2026-06-12 14:00") -> Row:
    return take_snapshot(LegalEntity.objects.filter(code=code), MAY, utc(at)).rows[0]


def somebody(
    email: str, role: Membership.Role, *, group: str | None = None, entity: str | None = None
) -> Person:
    who = save_person(email, email.split("@", maxsplit=1)[0].title(), group=group, role=role)
    if entity is not None:
        Membership.objects.create(person=who, role=role, entity=LegalEntity.objects.get(code=entity))
    return who


# --- what stands --------------------------------------------------------------------------------------------------


def test_a_note_is_edited_and_withdrawn_by_saying_so(rosa: Person) -> None:
    note = add_note(rosa, "NLDT", MAY, "Bank file missing.\nAsked ING.", WORKED_EXAMPLE_AT)
    assert row().remarks.notes == 1
    newer = edit_note(rosa, "NLDT", note.pk, "Bank file is in.", LATER)
    assert row().remarks.notes == 1
    withdraw_note(rosa, "NLDT", newer.pk, LATER + timedelta(minutes=1))
    assert row().remarks.notes == 0
    told = Remark.objects.order_by("pk").values_list("text", "replaces", "withdrawn")
    assert list(told) == [
        ("Bank file missing.\nAsked ING.", None, False),
        ("Bank file is in.", note.pk, False),
        ("", newer.pk, True),
    ]


def test_the_newest_reason_date_and_acknowledgement_stand(rosa: Person) -> None:
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 15), "", WORKED_EXAMPLE_AT)
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 18), "IC balance open", LATER)
    set_overdue_reason(rosa, "NLDT", MAY, OverdueReason.BANK_OR_STATEMENT_MISSING, "ING", LATER)
    acknowledge(rosa, "NLDT", MAY, "Sanne is on it", LATER)
    said = row().remarks
    assert (said.expected_on, said.expected_text, said.expected_by, said.expected_at) == (
        date(2026, 6, 18),
        "IC balance open",
        "Rosa Bell",
        LATER,
    )
    assert (said.reason, said.reason_code, said.reason_text, said.reason_by) == (
        "Bank file or statement missing",
        "bank_or_statement_missing",
        "ING",
        "Rosa Bell",
    )
    assert (said.acknowledged_text, said.acknowledged_by) == ("Sanne is on it", "Rosa Bell")


def test_a_past_moment_knows_only_what_had_been_said_by_then(rosa: Person) -> None:
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 15), "", WORKED_EXAMPLE_AT)
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 18), "", LATER)
    assert row(at="2026-06-12 11:59").remarks.expected_on is None
    assert row(at="2026-06-12 12:30").remarks.expected_on == date(2026, 6, 15)
    assert row(at="2026-06-12 13:30").remarks.expected_on == date(2026, 6, 18)


def test_a_remark_is_news_to_who_watches(rosa: Person) -> None:
    def version() -> str:
        return board_fingerprint(take_snapshot(LegalEntity.objects.all(), MAY, LATER))

    before = version()
    add_note(rosa, "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT)
    assert version() != before
    assert version() == version()


def test_a_second_click_says_nothing_twice(rosa: Person) -> None:
    first = add_note(rosa, "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT)
    again = add_note(rosa, "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT + timedelta(seconds=1))
    assert again == first
    assert (
        add_note(rosa, "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT + timedelta(minutes=5)) != first
    )
    assert add_note(rosa, "USRT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT) != first


# --- where a reason is asked for ----------------------------------------------------------------------------------


def test_a_policy_may_ask_for_the_reason(rosa: Person) -> None:
    assert not row().reason_missing
    PolicyVersion.objects.update(overdue_reason_required=True)
    assert {code: row(code).reason_missing for code in ("UKHC", "UKRT", "USRT", "NLDT")} == {
        "UKHC": False,  # closed on time
        "UKRT": False,
        "USRT": True,
        "NLDT": True,
    }
    assert not row(at="2026-06-09 15:00").reason_missing  # not late yet
    set_overdue_reason(rosa, "NLDT", MAY, OverdueReason.PEOPLE_AWAY, "", WORKED_EXAMPLE_AT)
    assert not row().reason_missing
    assert row("USRT").reason_missing


# --- who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "where", "may"),
    [
        (Membership.Role.FINANCE, {"group": "MERIDIAN"}, True),
        (Membership.Role.FINANCE, {"group": "EUROPE"}, True),
        (Membership.Role.FINANCE, {"entity": "NLDT"}, True),
        (Membership.Role.ADMINISTRATOR, {"group": "EUROPE"}, True),
        (Membership.Role.OWNER, {"entity": "NLDT"}, True),
        (Membership.Role.OWNER, {"group": "EUROPE"}, False),
        (Membership.Role.AUDITOR, {"group": "MERIDIAN"}, False),
        (Membership.Role.AUDITOR, {"entity": "NLDT"}, False),
    ],
)
def test_who_may_say_something(
    meridian: SampleGroup, role: Membership.Role, where: dict[str, str], may: bool
) -> None:
    who = somebody("kim@meridian.test", role, **where)
    rosas = add_note(save_person(), "NLDT", MAY, "Rosa's", WORKED_EXAMPLE_AT)
    verbs: tuple[Callable[[], Remark], ...] = (
        lambda: add_note(who, "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT),
        lambda: set_overdue_reason(who, "NLDT", MAY, OverdueReason.ERP_PROBLEM, "", WORKED_EXAMPLE_AT),
        lambda: set_expected_close(who, "NLDT", MAY, date(2026, 6, 18), "", WORKED_EXAMPLE_AT),
        lambda: acknowledge(who, "NLDT", MAY, "", WORKED_EXAMPLE_AT),
        lambda: withdraw_note(who, "NLDT", rosas.pk, WORKED_EXAMPLE_AT),
    )
    for say in verbs:
        if may:
            assert say().by == who
        else:
            with pytest.raises(RemarkNotAllowed):
                say()
    assert Remark.objects.count() == (6 if may else 1)


def test_who_works_elsewhere_does_not_even_learn_that_the_entity_exists(meridian: SampleGroup) -> None:
    uma = somebody("uma@meridian.test", Membership.Role.FINANCE, group="UK")
    note = add_note(save_person(), "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT)
    foreign: tuple[Callable[[], Remark], ...] = (
        lambda: add_note(uma, "NLDT", MAY, "x", WORKED_EXAMPLE_AT),
        lambda: edit_note(uma, "NLDT", note.pk, "x", WORKED_EXAMPLE_AT),
        lambda: add_note(uma, "NOSUCH", MAY, "x", WORKED_EXAMPLE_AT),
    )
    for say in foreign:
        with pytest.raises(LegalEntity.DoesNotExist):
            say()
    with pytest.raises(
        ValidationError, match="no such note"
    ):  # nor can it be reached through one's own entity
        withdraw_note(uma, "UKHC", note.pk, WORKED_EXAMPLE_AT)


def test_words_are_edited_only_by_who_said_them(rosa: Person) -> None:
    note = add_note(rosa, "NLDT", MAY, "Bank file missing.", WORKED_EXAMPLE_AT)
    kim = somebody("kim@meridian.test", Membership.Role.FINANCE, group="EUROPE")
    with pytest.raises(ValidationError, match="Only Rosa Bell can edit this note"):
        edit_note(kim, "NLDT", note.pk, "All fine.", LATER)
    assert withdraw_note(kim, "NLDT", note.pk, LATER).by == kim
    with pytest.raises(ValidationError, match="Meanwhile Kim has withdrawn this note"):
        edit_note(rosa, "NLDT", note.pk, "Bank file is in.", LATER)


# --- what makes no sense ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (date(2026, 6, 11), "Thu 11 June 2026 is past"),
        (date(2026, 10, 11), "more than 120 days ahead. Choose a day up to 10 October 2026"),
    ],
)
def test_a_day_that_cannot_be_meant(rosa: Person, on: date, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        set_expected_close(rosa, "NLDT", MAY, on, "", WORKED_EXAMPLE_AT)
    assert list(refused.value.message_dict) == ["expected_on"]


def test_days_are_those_of_the_entity(rosa: Person) -> None:
    """At 03:00 in London it is still the day before in New York."""
    at = utc("2026-06-13 02:00")
    assert set_expected_close(rosa, "USRT", MAY, date(2026, 6, 12), "", at).expected_on == date(2026, 6, 12)
    with pytest.raises(ValidationError, match="is past"):
        set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 12), "", at)


def test_what_is_closed_or_not_overdue_needs_no_words(rosa: Person) -> None:
    senseless: tuple[tuple[Callable[[], Remark], str], ...] = (
        (
            lambda: set_expected_close(rosa, "UKHC", MAY, date(2026, 6, 15), "", WORKED_EXAMPLE_AT),
            "closed already",
        ),
        (
            lambda: set_overdue_reason(rosa, "UKHC", MAY, OverdueReason.ERP_PROBLEM, "", WORKED_EXAMPLE_AT),
            "closed on time",
        ),
        (lambda: acknowledge(rosa, "UKHC", MAY, "", WORKED_EXAMPLE_AT), "not overdue"),
        (
            lambda: set_overdue_reason(
                rosa, "NLDT", MAY, OverdueReason.ERP_PROBLEM, "", utc("2026-06-09 12:00")
            ),
            "not overdue: the deadline is Tue 9 June 2026",
        ),
        (
            lambda: acknowledge(rosa, "NLDT", date(2026, 4, 1), "x", WORKED_EXAMPLE_AT),
            "No period of EU DTC BV for April 2026 is known yet, so only a note",
        ),
    )
    for say, words in senseless:
        with pytest.raises(ValidationError, match=words):
            say()
    assert not Remark.objects.exists()
    assert add_note(rosa, "NLDT", MAY, "x" * 2000, WORKED_EXAMPLE_AT)


def test_a_reason_can_still_be_given_when_the_late_period_has_closed(
    rosa: Person, meridian: SampleGroup
) -> None:
    meridian.read("2026-06-15 12:00", dict.fromkeys(meridian.entities, CLOSED))
    set_overdue_reason(rosa, "NLDT", MAY, OverdueReason.LATE_INVOICES, "", utc("2026-06-15 12:05"))
    assert row(at="2026-06-15 12:10").remarks.reason == "Late invoices"


def test_every_reason_has_words() -> None:
    assert set(OVERDUE_REASON_LABELS) == set(OverdueReason)


# --- kept for ever ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE periods_remark SET text = 'never said'",
        "DELETE FROM periods_remark",
        "TRUNCATE periods_remark CASCADE",
        "SET LOCAL session_replication_role = replica; DELETE FROM periods_remark",
    ],
)
def test_nothing_that_was_said_is_ever_rewritten(statement: str) -> None:
    save_sample_group().read("2026-06-12 11:58", {"NLDT": OPEN})
    period = FiscalPeriod.objects.get(entity__code="NLDT")
    Remark.objects.create(
        period=period, kind="note", text="Bank file missing.", by=save_person(), at=WORKED_EXAMPLE_AT
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE would stumble over pending checks first
        with pytest.raises(Error, match="remarks are never updated or deleted"), transaction.atomic():
            cursor.execute(statement)
    assert Remark.objects.get().text == "Bank file missing."


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "note", "text": ""},
        {"kind": "note", "text": "x", "reason": "other"},
        {"kind": "overdue_reason", "reason": "mood"},
        {"kind": "expected_close"},
        {"kind": "gossip", "text": "x"},
        {"kind": "acknowledgement", "withdrawn": True},
    ],
)
def test_the_table_takes_no_nonsense(rosa: Person, wrong: dict[str, object]) -> None:
    period = FiscalPeriod.objects.get(entity__code="NLDT")
    with pytest.raises(Error), transaction.atomic():
        Remark.objects.create(period=period, by=rosa, at=WORKED_EXAMPLE_AT, **wrong)


def test_remarks_cost_one_query_however_many(rosa: Person) -> None:
    with CaptureQueriesContext(connection) as without:
        take_snapshot(LegalEntity.objects.all(), MAY, LATER)
    for number in range(30):
        add_note(rosa, "NLDT", MAY, f"Note {number}", WORKED_EXAMPLE_AT)
    with CaptureQueriesContext(connection) as with_many:
        board = take_snapshot(LegalEntity.objects.all(), MAY, LATER)
    assert len(with_many) == len(without)
    assert board.rows[0].remarks.notes == 30

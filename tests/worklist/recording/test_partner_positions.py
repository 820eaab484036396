"""Positions are stored as they change, and every pair that they touch is compared with what the other side stated."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from closing.blockers.blocker_facts import Doubt
from closing.blockers.intercompany import PositionSide
from entities.models import Connection, Group, LegalEntity
from tests.builders import MAY, utc
from tests.worklist.position_reads import (
    balance,
    in_currency,
    pairs_in_force,
    positions_read,
    rates_of_may,
    record_file,
    record_read,
    without_foreign_currency,
    words_in_force,
)
from tests.worklist.work_reads import may_of
from worklist.models import BlockerReading, ClosingRate, PartnerListing, PartnerPosition
from worklist.recording.closing_rates import record_rates
from worklist.recording.partner_positions import record_positions
from worklist.recording.rate_tables import rates_in_force

pytestmark = pytest.mark.django_db
NIGHT = "2026-06-12 03:10"
UK_OWES = balance("UKRT", "NLDT", "-108000.00", NIGHT, accounts=("210420",))
EU_HAS = balance("NLDT", "UKRT", "127000.00", NIGHT, accounts=("130420",))


def test_two_sides_from_two_erps_are_compared_when_the_second_arrives(
    source: Connection, central: Connection
) -> None:
    rates_of_may()
    without_foreign_currency("UKRT", "NLDT")
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES))
    assert words_in_force() == {("NLDT/UKRT", "", None, None, "no_position")}
    record_read(central, "2026-06-12 08:05", positions_read(EU_HAS))
    assert words_in_force() == {
        ("NLDT/UKRT", "EUR", 1, "640.00", None),
        ("NLDT/UKRT", "", 0, None, None),
    }
    held = pairs_in_force()["NLDT/UKRT", "EUR"]
    nldt, ukrt = may_of("NLDT"), may_of("UKRT")
    assert (held.entity_id, held.period_id) == (nldt.entity_id, nldt.pk)
    assert (held.partner_id, held.partner_period_id) == (ukrt.entity_id, ukrt.pk)
    assert held.source_as_of == utc(NIGHT)
    assert held.body["coverage"] == ["130420", "210420"]


def test_unchanged_positions_write_no_row_and_change_no_fact(source: Connection) -> None:
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, EU_HAS))
    before = [model.objects.count() for model in (PartnerPosition, PartnerListing, BlockerReading)]
    again = record_read(source, "2026-06-12 08:30", positions_read(UK_OWES, EU_HAS))
    again.refresh_from_db()
    assert again.changes == 0
    assert [model.objects.count() for model in (PartnerPosition, PartnerListing, BlockerReading)] == before


def test_a_balance_that_is_gone_and_a_pair_that_is_no_more_become_zero(source: Connection) -> None:
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, EU_HAS))
    record_read(source, "2026-06-12 08:30", positions_read(EU_HAS, read={"UKRT", "NLDT"}))
    ((_, _, count, _, doubt),) = words_in_force()
    assert (count, doubt) == (None, "no_position")
    record_read(source, "2026-06-12 09:00", positions_read(read={"UKRT", "NLDT"}))
    assert words_in_force() == {("NLDT/UKRT", "", 0, None, None)}
    assert not PartnerPosition.objects.filter(superseded_at=None).exists()


def test_a_partner_without_an_account_is_named_and_one_that_is_set_up_is_expected(source: Connection) -> None:
    lacking = {("NLDT", "UKRT", side) for side in PositionSide}
    result = positions_read(
        UK_OWES, read={"UKRT", "NLDT"}, expected={("NLDT", "UKRT"), ("UKRT", "USRT")}, unmapped=lacking
    )
    record_read(source, "2026-06-12 08:00", result)
    assert words_in_force() == {
        ("NLDT/UKRT", "", 1, None, "no_account"),
        ("UKRT/USRT", "", None, None, "no_position"),
    }
    listing = PartnerListing.objects.get(entity__code="NLDT")
    assert [side for _, side in listing.lacking] == ["due_from", "due_to"]


def test_an_erp_that_shows_no_balances_any_more_is_not_readable(source: Connection) -> None:
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, EU_HAS))
    record_read(source, "2026-06-12 08:30", positions_read(UK_OWES, refused={"NLDT": Doubt.NO_ROWS}))
    ((_, _, count, _, doubt),) = words_in_force()
    assert (count, doubt) == (None, "no_position")
    assert PartnerListing.objects.get(entity__code="NLDT", superseded_at=None).doubt == "no_rows"


def test_a_file_fills_what_no_erp_shows_until_the_erp_does(source: Connection) -> None:
    rates_of_may()
    without_foreign_currency("UKRT", "NLDT")
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, refused={"NLDT": Doubt.NO_ROWS}))
    assert record_file("2026-06-12 09:00", balance("NLDT", "UKRT", "127000", "2026-06-12 09:00")) == 2
    held = pairs_in_force()["NLDT/UKRT", "EUR"]
    assert (held.source, held.attempt, held.amount) == ("positions.csv", None, Decimal(640))
    record_read(source, "2026-06-12 09:30", positions_read(UK_OWES, refused={"NLDT": Doubt.NO_ROWS}))
    assert pairs_in_force()["NLDT/UKRT", "EUR"].pk == held.pk
    record_read(source, "2026-06-12 10:00", positions_read(UK_OWES, balance("NLDT", "UKRT", "126360", NIGHT)))
    assert pairs_in_force()["NLDT/UKRT", "EUR"].count == 0
    assert [
        row.source for row in PartnerPosition.objects.filter(entity__code="NLDT", superseded_at=None)
    ] == [""]


def test_a_file_and_a_read_give_one_result_in_either_order(source: Connection) -> None:
    record_read(source, "2026-06-12 10:00", positions_read(UK_OWES, EU_HAS))
    before = words_in_force()
    record_file("2026-06-12 09:00", balance("NLDT", "UKRT", "5", "2026-06-12 09:00"))
    assert words_in_force() == before


def test_partners_of_another_group_are_passed_over(source: Connection) -> None:
    apart = Group.objects.create(code="OTHER", name="Other", path="OTHER/")
    LegalEntity.objects.filter(code="NLDT").update(group=apart)
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, expected={("UKRT", "NLDT")}))
    assert not PartnerPosition.objects.exists()
    assert words_in_force() == set()


def test_the_rates_of_the_nearest_group_above_both_count(source: Connection) -> None:
    """And rates that come after the positions compare them again."""
    without_foreign_currency("UKRT", "NLDT")
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, EU_HAS))
    assert words_in_force() == {("NLDT/UKRT", "", 1, None, "not_comparable")}
    rates_of_may("2026-06-12 08:10", "UK")  # not above both
    assert words_in_force() == {("NLDT/UKRT", "", 1, None, "not_comparable")}
    rates_of_may("2026-06-12 08:20")
    assert ("NLDT/UKRT", "EUR", 1, "640.00", None) in words_in_force()


def test_unchanged_rates_write_no_row_and_a_rate_is_above_zero(source: Connection) -> None:
    rates_of_may()
    rates_of_may("2026-06-12 08:20")
    assert ClosingRate.objects.count() == 3
    top = Group.objects.get(code="MERIDIAN")
    assert record_rates(top, MAY, {("GBP", "EUR"): Decimal("1.18")}, set_at=utc("2026-06-13 08:00")) == 1
    for wrong in (Decimal(0), Decimal(-1), Decimal("NaN")):
        with pytest.raises(ValueError, match="above zero"):
            record_rates(top, MAY, {("GBP", "EUR"): wrong}, set_at=utc("2026-06-13 08:00"))
    with pytest.raises(ValueError, match="first day"):
        record_rates(top, MAY.replace(day=31), {}, set_at=utc("2026-06-13 08:00"))


def test_a_rate_that_is_set_the_other_way_round_replaces_the_one_before(source: Connection) -> None:
    rates_of_may()
    top = Group.objects.get(code="MERIDIAN")
    record_rates(top, MAY, {("EUR", "GBP"): Decimal("0.85")}, set_at=utc("2026-06-13 08:00"))
    assert rates_in_force(top, MAY) == {("GBP", "USD"): Decimal("1.275"), ("EUR", "GBP"): Decimal("0.85")}


def test_two_currencies_are_two_facts_and_one_that_is_gone_is_zero(source: Connection) -> None:
    sides = [
        in_currency("NLDT", "UKRT", "300.00", "EUR", NIGHT),
        in_currency("UKRT", "NLDT", "-299.20", "EUR", NIGHT),
        in_currency("NLDT", "UKRT", "10.00", "USD", NIGHT),
        in_currency("UKRT", "NLDT", "-20.00", "USD", NIGHT),
    ]
    record_read(source, "2026-06-12 08:00", positions_read(*sides))
    assert words_in_force() == {
        ("NLDT/UKRT", "EUR", 1, "0.80", None),
        ("NLDT/UKRT", "USD", 1, "10.00", None),
    }
    record_read(source, "2026-06-12 08:30", positions_read(*sides[:2]))
    assert words_in_force() == {
        ("NLDT/UKRT", "EUR", 1, "0.80", None),
        ("NLDT/UKRT", "USD", 0, "0.00", None),
    }


def test_positions_come_from_an_attempt_or_from_a_named_file(source: Connection) -> None:
    with pytest.raises(ValueError, match="attempt or from a named file"):
        record_positions(positions_read(UK_OWES), read_at=utc(NIGHT))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE worklist_partnerposition SET functional_amount = 0",
        "UPDATE worklist_partnerposition SET superseded_at = now(), functional_amount = 0",
        "DELETE FROM worklist_partnerposition",
        "TRUNCATE worklist_partnerposition",
        "DELETE FROM worklist_partnerlisting",
        "UPDATE worklist_closingrate SET rate = 2",
        "TRUNCATE worklist_closingrate",
    ],
)
def test_the_database_refuses_to_rewrite_them(source: Connection, statement: str) -> None:
    rates_of_may()
    record_read(source, "2026-06-12 08:00", positions_read(UK_OWES, expected={("UKRT", "NLDT")}))
    with pytest.raises(DatabaseError, match="never updated or deleted"), transaction.atomic():
        connection.cursor().execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")

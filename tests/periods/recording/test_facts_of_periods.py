"""What of an ERP's answer concerns a period is compared and stored, and nothing else of it."""

from __future__ import annotations

from datetime import date

import pytest

from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, next_month
from closing.facts.base import UnknownFactKind
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.readings import ReadResult
from periods.models import FiscalPeriod, NativeFacts, StateChange
from tests.builders import utc
from tests.company_lock.company_lock_facts import CompanyLockFacts
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read, reading

pytestmark = pytest.mark.django_db
CODES = tuple(facts_of_all())


def window(month: date) -> PostingWindowFacts:
    return PostingWindowFacts(month, month_end(month))


def two_years_in(facts: PostingWindowFacts) -> ReadResult:
    """Each company's 26 months from June 2024 to July 2026, as Business Central lists them."""
    readings, month = [], date(2024, 6, 1)
    while month <= date(2026, 7, 1):
        readings += [reading(code, facts, DateSpan(month, month_end(month))) for code in CODES]
        month = next_month(month)
    return ReadResult(tuple(readings), pages=1)


def months_changed(at: str) -> list[str]:
    """The months of one company of which a read wrote a change, with state and reason."""
    changes = StateChange.objects.filter(seen_at=utc(at), period__entity__code="NLDT")
    told = changes.order_by("period__first_day").values_list("period__first_day", "state", "because")
    return [f"{first:%Y-%m} {state}: {because}" for first, state, because in told]


def test_a_moved_posting_range_changes_the_months_around_it() -> None:
    """Not each of the 26 months that are closed by it: they stay as far before it as they were."""
    source, _ = connect_four_entities()
    read(source, "2026-06-05 12:00", two_years_in(window(date(2026, 5, 1))))
    assert FiscalPeriod.objects.count() == 4 * 26
    moved = read(source, "2026-06-08 12:00", two_years_in(window(date(2026, 6, 1))))
    assert months_changed("2026-06-08 12:00") == [
        "2026-03 closed: posting allowed only from 1 April 2026 or later",
        "2026-04 closed: posting allowed only from 1 May 2026 or later",
        "2026-05 closed: posting allowed only from 1 June 2026",
        "2026-06 open: posting allowed from 1 June 2026 to 30 June 2026",
        "2026-07 not_started: not started: posting allowed only to 30 June 2026",
    ]
    assert moved.changes == 4 * len(months_changed("2026-06-08 12:00"))
    assert read(source, "2026-06-08 12:05", two_years_in(window(date(2026, 6, 1)))).changes == 0


def test_a_range_opened_for_two_years_is_a_change_of_each_month() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-05 12:00", two_years_in(window(date(2026, 6, 1))))
    opened = read(source, "2026-06-08 12:00", two_years_in(PostingWindowFacts(None, date(2026, 6, 30))))
    assert opened.changes == 4 * 26
    assert months_changed("2026-06-08 12:00")[0].startswith("2024-06 open: posting allowed to ")


def test_facts_of_a_kind_that_is_not_registered_are_refused() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-05 12:00", facts_of_all())
    before = NativeFacts.objects.count(), StateChange.objects.count()
    with pytest.raises(
        UnknownFactKind, match=r"CompanyLockFacts is no .*there are: finops, business_central"
    ):
        read(source, "2026-06-08 12:00", facts_of_all() | {"NLDT": CompanyLockFacts(None)})
    assert (NativeFacts.objects.count(), StateChange.objects.count()) == before


def test_a_connection_of_a_kind_that_is_not_registered_is_refused() -> None:
    source, _ = connect_four_entities()
    source.kind = "sap"
    with pytest.raises(UnknownFactKind, match=r"no kind of ERP 'sap'; there are: finops, business_central"):
        source.save()
    source.refresh_from_db()
    assert (source.kind, source.kind_label) == ("finops", "Finance & Operations")

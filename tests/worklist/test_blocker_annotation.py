"""Blockers on the rows of a board: weighed by the row, aged, replayed, and redacted for each reader."""

from __future__ import annotations

from decimal import Decimal

import pytest

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS, DatedBlocker
from closing.blockers.weighing import BlockerLevel
from closing.scoreboard.row import Row
from entities.models import Connection, LegalEntity
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY, utc
from tests.periods.recorded_reads import facts_of_all, read
from tests.worklist.work_reads import begin_work, fact, lines_read, record_facts

pytestmark = pytest.mark.django_db


def row_of(code: str, at: str, *, seen: tuple[str, ...] = ()) -> Row:
    entities = LegalEntity.objects.filter(code__in=seen) if seen else LegalEntity.objects.all()
    board = take_snapshot(entities, MAY, utc(at))
    return next(row for row in board.rows if row.code == code)


def blockers_of(code: str, at: str, **options: tuple[str, ...]) -> list[DatedBlocker]:
    blockers = row_of(code, at, **options).get(BLOCKERS)
    return list(blockers.blockers) if blockers is not None else []


def test_lines_are_a_note_until_the_deadline_is_near_and_then_warn(source: Connection) -> None:
    lines_read(source, "2026-06-01 08:00", NLDT=61)
    (early,) = blockers_of("NLDT", "2026-06-01 08:10")
    assert (early.blocker.level, early.blocker.because) == (
        BlockerLevel.NOTE,
        "61 lines not posted, above 50",
    )
    lines_read(source, "2026-06-12 08:00", NLDT=61)
    (late,) = blockers_of("NLDT", "2026-06-12 08:10")
    assert (late.blocker.level, late.blocker.because, late.fresh) == (
        BlockerLevel.WARNING,
        "61 lines not posted, above 50",
        True,
    )


def test_the_same_lines_are_left_behind_once_the_period_is_closed(source: Connection) -> None:
    lines_read(source, "2026-06-12 08:00", NLDT=3)
    read(source, "2026-06-12 08:05", facts_of_all(NLDT=CLOSED))
    (left,) = blockers_of("NLDT", "2026-06-12 08:10")
    assert left.blocker.level is BlockerLevel.WARNING
    assert left.blocker.because.startswith("3 lines left behind in a closed period")


def test_a_fact_that_is_not_confirmed_grows_stale_and_a_past_moment_shows_it_as_known_then(
    source: Connection,
) -> None:
    lines_read(source, "2026-06-10 08:00", NLDT=61)
    lines_read(source, "2026-06-10 08:30", NLDT=61)
    (fresh,) = blockers_of("NLDT", "2026-06-10 09:29")
    assert (fresh.fresh, fresh.read_at) == (True, utc("2026-06-10 08:30"))
    (stale,) = blockers_of("NLDT", "2026-06-10 09:30")
    assert (stale.fresh, stale.read_at) == (False, utc("2026-06-10 08:30"))
    lines_read(source, "2026-06-10 10:00", NLDT=0)
    assert blockers_of("NLDT", "2026-06-10 10:01") == []
    (then,) = blockers_of("NLDT", "2026-06-10 08:20")
    assert (then.blocker.count, then.read_at) == (61, utc("2026-06-10 08:00"))
    assert blockers_of("NLDT", "2026-06-10 07:59") == []


def test_what_cannot_be_read_is_words_and_never_zero(source: Connection) -> None:
    lines_read(source, "2026-06-10 08:00", NLDT=None)
    (unread,) = blockers_of("NLDT", "2026-06-10 08:01")
    assert (unread.blocker.level, unread.blocker.count) == (BlockerLevel.NOT_READABLE, None)
    assert unread.blocker.because == "Finance & Operations does not show unposted journal lines"


def test_counterparties_stand_on_both_rows_and_name_no_company_that_the_reader_may_not_see(
    source: Connection,
) -> None:
    attempt = begin_work(source, "2026-06-12 08:00")
    pair = fact(
        "NLDT",
        BlockerKind.INTERCOMPANY_IMBALANCE,
        1,
        attempt.started_at,
        part="NLDT/UKRT",
        amount=Decimal("640.00"),
        currency="EUR",
    )
    record_facts(attempt, [pair])
    (held,) = blockers_of("NLDT", "2026-06-12 08:10")
    (other,) = blockers_of("UKRT", "2026-06-12 08:10")
    assert held.blocker.short == "intercompany with UK Retail Ltd 640.00 EUR"
    assert other.blocker.short == "intercompany with EU DTC BV 640.00 EUR"
    assert other.blocker.because == held.blocker.because
    (hidden,) = blockers_of("NLDT", "2026-06-12 08:10", seen=("NLDT",))
    assert "UK Retail" not in str(hidden)
    assert "640" not in str(hidden)
    assert hidden.blocker.level is held.blocker.level

"""A close undone after its period ended in the entity's own zone is a reopening, and every place says the same."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.test import Client

from alerts.models import Overrun
from closing.calendar.instants import zone_named
from closing.judging.notice_rules import NoticeKind
from closing.judging.timeline import closed_spans
from entities.models import LegalEntity, Person
from periods.snapshot.builder import take_snapshot
from periods.snapshot.period_history import period_details
from tests.alerts.evaluations import ALL_CLOSED, read_and_evaluate, save_group_with_recipients
from tests.builders import CLOSED, MAY, OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
JUNE = date(2026, 6, 1)
NONE_CLOSED = dict.fromkeys(ALL_CLOSED, OPEN)
REOPENED = {NoticeKind.REOPENED}
# When EU DTC BV is seen closed and open again, by its own clock, and whether May had ended there by then.
REOPENINGS = {
    "New York, 22:00 on 31 May": ("America/New_York", "2026-05-31 16:00", "2026-05-31 22:00", False),
    "New York, 01:00 on 1 June": ("America/New_York", "2026-05-31 16:00", "2026-06-01 01:00", True),
    "Auckland, 08:00 on 1 June": ("Pacific/Auckland", "2026-05-31 16:00", "2026-06-01 08:00", True),
    "Auckland, 23:00 on 31 May": ("Pacific/Auckland", "2026-05-31 16:00", "2026-05-31 23:00", False),
    # PostgreSQL takes this zone for an abbreviation, without summer time; its own list of zones may be older, too.
    "CET, 00:30 on 1 June": ("CET", "2026-05-31 16:00", "2026-06-01 00:30", True),
    "London, 00:30 on 1 June": ("Europe/London", "2026-05-31 16:00", "2026-06-01 00:30", True),
}


def there(zone: str, text: str) -> datetime:
    """The instant of a wall time in a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=zone_named(zone)).astimezone(UTC)


def reopen(group: SampleGroup, case: str) -> tuple[list[str], bool]:
    """Close and reopen EU DTC BV as the case says: the notices of reopenings, and whether there must be one."""
    zone, closed, opened, ended = REOPENINGS[case]
    LegalEntity.objects.filter(code="NLDT").update(zone=zone)
    group.read(there(zone, "2026-05-30 12:00"), NONE_CLOSED)
    read_and_evaluate(group, there(zone, closed), REOPENED, **NONE_CLOSED | {"NLDT": CLOSED})
    return read_and_evaluate(group, there(zone, opened), REOPENED, **NONE_CLOSED), ended


@pytest.mark.parametrize("case", REOPENINGS)
def test_a_notice_is_raised_only_of_a_close_undone_after_the_entitys_own_period_end(case: str) -> None:
    raised, ended = reopen(save_group_with_recipients(read=False), case)
    assert raised == (["reopened NLDT"] if ended else [])


@pytest.mark.parametrize("case", REOPENINGS)
def test_board_episodes_warnings_timeline_and_history_agree_with_the_notice(
    case: str, client: Client
) -> None:
    group = save_group_with_recipients(read=False)
    _, ended = reopen(group, case)
    late = utc("2026-06-15 12:00")
    read_and_evaluate(group, late, **NONE_CLOSED)
    entities = LegalEntity.objects.filter(code="NLDT")
    (row,) = take_snapshot(entities, MAY, late).rows
    (period,) = period_details(row.entity_id, MAY, late)
    assert row.standing.reopened is ended
    assert bool(closed_spans(row, [seen.change for seen in period.changes])) is ended
    assert Overrun.objects.get(period__entity__code="NLDT").after_reopening is ended
    assert [each.code for each in take_snapshot(entities, JUNE, late).warnings] == ["reopened"] * ended
    client.force_login(Person.objects.get(name="Rosa"))
    page = client.get("/entities/NLDT/", {"month": "2026-05", "at": "2026-06-15T12:00Z"}).content.decode()
    assert ("Reopened as Open" in page) is ended

"""Builds values of the pure core for the sample entities, judged by the real rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import zone_named
from closing.facts.base import NativePeriodFacts
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from closing.judging.standing import JudgingPolicy, ObservedChange, fold, judge
from closing.scoreboard.board import BoardWarning, GroupNode, Scoreboard
from closing.scoreboard.row import Row, ranked
from tests.sample_entities import GROUPS, NLDT, UKHC, UKRT, USRT, SampleEntity

MAY = date(2026, 5, 1)
MAY_DAYS = DateSpan(date(2026, 5, 1), date(2026, 5, 31))

OPEN = FinopsFacts("Open", {"Ledger": "All"})
ON_HOLD = FinopsFacts("OnHold", {"Ledger": "All"})
CLOSED = FinopsFacts("Closed", {"Ledger": "All"})
NOT_UNDERSTOOD = FinopsFacts("Frozen", {"Ledger": "All"})
RESTRICTED = FinopsFacts("Open", {"Ledger": "User", "Vend": "None"}, {"Ledger": "FINCLOSE"})
FROM_MAY = PostingWindowFacts(allowed_from=date(2026, 5, 1), allowed_to=None)
FROM_JUNE = PostingWindowFacts(allowed_from=date(2026, 6, 1), allowed_to=None)
NO_LIMITS = PostingWindowFacts(allowed_from=None, allowed_to=None)

Reads = Sequence[tuple[str, NativePeriodFacts]]


def utc(text: str) -> datetime:
    """An instant from "2026-06-12 12:00", in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WORKED_EXAMPLE_AT = utc("2026-06-12 12:00")


def deadline(who: SampleEntity) -> Deadline:
    """The entity's deadline for May 2026."""
    return Deadline(date.fromisoformat(who.due_on), who.zone, None, who.label, who.explanation)


def row(
    who: SampleEntity,
    *reads: tuple[str, NativePeriodFacts],
    as_of: datetime = WORKED_EXAMPLE_AT,
    policy: JudgingPolicy | None = None,
    due: Deadline | str | None = "agreed",
    span: DateSpan = MAY_DAYS,
    read_at: str | None = None,
    stale_after: timedelta = timedelta(minutes=15),
    missing_since: datetime | None = None,
    trouble: str = "",
    entity_id: int = 0,
) -> Row:
    """One row from its reads, each (moment, facts), oldest first; `closing` judges it.

    Without `read_at` the last read was two minutes before `as_of`; without reads the entity was never read.
    """
    policy = policy or JudgingPolicy()
    by = deadline(who) if isinstance(due, str) else due
    changes: list[ObservedChange] = []
    previous: datetime | None = None
    for at, facts in reads:
        seen_at = utc(at)
        said = facts.state(span, at=seen_at, zone=zone_named("UTC"), options=frozenset())
        if not changes or said.state is not changes[-1].state:
            changes.append(ObservedChange(said.state, seen_at, previous, said.because))
        previous = seen_at
    history = fold(changes, policy)
    last_read = (utc(read_at) if read_at else as_of - timedelta(minutes=2)) if reads else None
    fresh = last_read is not None and as_of - last_read <= stale_after
    moment = as_of if fresh or last_read is None else last_read
    standing = judge(history, by, as_of=moment, period=span, policy=policy, zone=who.zone)
    newest = changes[-1] if changes else None
    return Row(
        entity_id=entity_id,
        code=who.code,
        name=who.name,
        group=who.group,
        country=who.country,
        zone=who.zone,
        owner=who.owner,
        connection="meridian-prod",
        state=history.state,
        because=newest.because if newest else "never read",
        native_facts=reads[-1][1] if reads else None,
        span=span if reads else None,
        period_name="Period 5" if reads else "",
        deadline=by,
        standing=standing,
        fresh=fresh,
        read_at=last_read,
        counts_as_closed=policy.counts_as_closed(history.state),
        on_hold_counts=policy.on_hold_counts_as_closed,
        seen_between=(newest.previous_read_at, newest.seen_at) if newest else None,
        missing_since=missing_since,
        read_error=trouble,
        alert_after_days=policy.alert_after_days,
    )


def scoreboard_of(
    rows: Iterable[Row],
    *,
    as_of: datetime = WORKED_EXAMPLE_AT,
    month: date = MAY,
    groups: Sequence[GroupNode] = GROUPS,
    warnings: Sequence[BoardWarning] = (),
) -> Scoreboard:
    """A scoreboard of these rows, ranked."""
    return Scoreboard(month, as_of, ranked(rows), groups, warnings)


def reads_until_close(who: SampleEntity, closes: NativePeriodFacts | None, on: str = "") -> Reads:
    """Reads every few hours from 1 June: Open until the read before `on`, then the closing facts."""
    began = (("2026-06-01 12:00", OPEN),)
    if closes is None:
        return began
    before = (utc(on) - timedelta(hours=4)).strftime("%Y-%m-%d %H:%M")
    return (*began, (before, OPEN), (on, closes))


def worked_example(
    as_of: datetime = WORKED_EXAMPLE_AT, *, policy: JudgingPolicy | None = None, nldt: Reads | None = None
) -> Scoreboard:
    """The group on 12 June 2026: both UK entities closed on time, US Retail on hold, EU DTC open (01-domain 1.8)."""
    stories = {
        UKHC: reads_until_close(UKHC, CLOSED, "2026-06-05 16:00"),
        UKRT: reads_until_close(UKRT, CLOSED, "2026-06-08 15:00"),
        USRT: reads_until_close(USRT, ON_HOLD, "2026-06-10 19:00"),
        NLDT: nldt or reads_until_close(NLDT, None),
    }
    return scoreboard_of(
        [row(who, *reads, as_of=as_of, policy=policy) for who, reads in stories.items()], as_of=as_of
    )

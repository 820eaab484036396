"""Properties of the one lateness rule, over any story of changes (01-domain 1.5 to 1.7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from closing.calendar.deadlines import Deadline
from closing.judging.standing import (
    JudgingPolicy,
    LatenessUnit,
    Level,
    ObservedChange,
    after_period_end,
    fold,
    judge,
)
from tests.closing.core_builders import (
    CLOSED,
    DEFAULT,
    ENGLAND,
    MAY,
    NOT_STARTED,
    ON_HOLD,
    OPEN,
    UNKNOWN,
    change_seen,
    utc,
)
from tests.hypothesis_profiles import examples

MOMENTS = st.datetimes(
    datetime(2026, 4, 1),  # noqa: DTZ001 (hypothesis wants naive bounds)
    datetime(2026, 8, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
STORY_ZONES = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Pacific/Auckland", "Africa/Cairo"])
DEADLINES = st.builds(
    Deadline, st.dates(date(2026, 5, 20), date(2026, 7, 20)), STORY_ZONES, st.none() | st.times()
)
STATES = st.sampled_from([OPEN, ON_HOLD, CLOSED, UNKNOWN, NOT_STARTED])
POLICIES = st.builds(JudgingPolicy, st.integers(0, 8), st.sampled_from(LatenessUnit), st.booleans())


@st.composite
def stories(draw: st.DrawFn) -> list[ObservedChange]:
    """Changes in order, each read after the one before, without two of the same state in a row."""
    times = sorted(draw(st.lists(MOMENTS, min_size=1, max_size=14, unique=True)))
    changes: list[ObservedChange] = []
    for n, at in enumerate(times):
        state = draw(STATES)
        if not changes or changes[-1].state is not state:
            changes.append(ObservedChange(state, at, times[n - 1] if n else None))
    return changes


@given(
    DEADLINES,
    MOMENTS,
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.lists(st.sampled_from([OPEN, ON_HOLD, NOT_STARTED]), max_size=4),
    st.sampled_from(LatenessUnit),
)
def test_days_late_never_falls_while_nothing_closes(
    deadline: Deadline, moment: datetime, pause: timedelta, states: list[str], unit: LatenessUnit
) -> None:
    policy = JudgingPolicy(unit=unit)
    story = [change_seen(OPEN, "2026-04-01 09:00")]
    story += [ObservedChange(state, utc(f"2026-04-0{n + 2} 09:00"), None) for n, state in enumerate(states)]  # type: ignore[arg-type]
    history = fold(story, policy)
    earlier, later = (
        judge(history, deadline, as_of=at, period=MAY, policy=policy, calendar=ENGLAND)
        for at in (moment, moment + pause)
    )
    order = [Level.NOT_DUE, Level.DUE_TODAY, Level.LATE, Level.ALERTING]
    assert earlier.days_late <= later.days_late
    assert order.index(earlier.level) <= order.index(later.level)


@examples(300)
@given(stories(), DEADLINES | st.none(), MOMENTS, POLICIES)
def test_any_story_has_one_standing_that_agrees_with_itself(
    story: list[ObservedChange], deadline: Deadline | None, moment: datetime, policy: JudgingPolicy
) -> None:
    told = [change for change in story if change.seen_at <= moment]
    history = fold(told, policy)
    standing = judge(
        history, deadline, as_of=moment, period=MAY, policy=policy, calendar=ENGLAND, zone="Europe/Amsterdam"
    )
    known = [change.state for change in told if change.state is not UNKNOWN]
    # What is no longer known is judged as of the last reading that confirmed it.
    judged_at = min(moment, history.confirmed_at or moment) if standing.unconfirmed else moment
    ended = after_period_end(judged_at, MAY.last, ZoneInfo("Europe/Amsterdam"))
    met = bool(known) and policy.counts_as_closed(known[-1])
    assert (standing.closed, standing.stopped_early) == (met and ended, met and not ended)
    assert standing.outstanding != standing.closed
    assert standing.unconfirmed == bool(known and told[-1].state is UNKNOWN)
    assert standing.alerting == (standing.outstanding and standing.days_late > policy.alert_after_days)
    assert standing.days_late == 0 or standing.level in {Level.LATE, Level.ALERTING, Level.CLOSED_LATE}
    assert (standing.level is Level.UNKNOWN) == (not known)
    if standing.due_in is not None:
        assert standing.outstanding
        assert standing.due_in >= 0
    if standing.closed and deadline is not None:
        assert standing.level is standing.first_close_level


@examples(200)
@given(stories(), DEADLINES, MOMENTS, MOMENTS)
def test_what_is_seen_later_does_not_change_a_first_close(
    story: list[ObservedChange], deadline: Deadline, one: datetime, other: datetime
) -> None:
    """Once the period has ended, the level of the first close stands for good.

    But where the state is lost and was last confirmed before the end: whether it was closed then is not known.
    """
    moment, later = max(min(one, other), utc("2026-06-01 12:00")), max(one, other, utc("2026-06-01 12:00"))
    now, then = (
        judge(
            fold([change for change in story if change.seen_at <= at], DEFAULT),
            deadline,
            as_of=at,
            period=MAY,
            policy=DEFAULT,
        )
        for at in (moment, later)
    )
    if now.first_close_level is not None and not then.stopped_early:
        assert then.first_close_level is now.first_close_level
        assert then.first_closed_on == now.first_closed_on
        assert then.reopened >= now.reopened


@given(stories(), st.integers(0, 13))
def test_a_dark_spell_within_a_state_changes_nothing_but_certainty(
    story: list[ObservedChange], where: int
) -> None:
    known = [change for change in story if change.state is not UNKNOWN]
    assume(known)
    at = where % len(known)
    seconds = timedelta(seconds=1)
    dark = ObservedChange(UNKNOWN, known[at].seen_at + seconds, known[at].seen_at)
    back = ObservedChange(known[at].state, known[at].seen_at + 2 * seconds, dark.seen_at)
    later = known[at + 1 :]
    assume(not later or later[0].seen_at > back.seen_at)
    assert fold([*known[: at + 1], dark, back, *later], DEFAULT) == fold(known, DEFAULT)

"""Builds the Scoreboard of any entities, month and moment in a fixed number of queries; the only builder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import counts_for
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import month_end, previous_month
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.standing import (
    LatenessUnit,
    Level,
    Standing,
    due_as_of,
    fold,
    judge,
    judge_never_read,
)
from closing.judging.states import PeriodState, because_today
from closing.scoreboard.board import BoardWarning, Scoreboard, groups_above, sort_warnings
from closing.scoreboard.row import AnnotationKey, Row, ranked
from entities.calendars import calendar_warnings, work_calendars
from entities.models import LegalEntity
from periods.policies import EffectivePolicy, effective_policies
from periods.snapshot.annotations import (
    LoadedAnnotations,
    SnapshotScope,
    Until,
    foreign_entities,
    load_annotations,
    redacted,
    row_annotations,
)
from periods.snapshot.board_reads import (
    SnapshotEntity,
    SnapshotPeriod,
    read_entities,
    read_groups,
    read_periods,
)
from periods.snapshot.covered_months import CoveringPeriod, covering_periods
from periods.snapshot.freshness import Freshness, freshness
from periods.snapshot.reopened_months import reopened_month_warnings

Visible = Callable[[], frozenset[int] | None]  # the entities that a reader may see, None for all


@dataclass(frozen=True, slots=True)
class UnredactedBoards:
    """Boards by month whose annotations may speak of any entity.

    `annotations_until` says when the clock may change annotations of the last month.
    """

    boards: dict[date, Scoreboard]
    annotations_until: Until


def take_snapshot(
    entities: QuerySet[LegalEntity],
    month: date,
    as_of: datetime,
    *,
    track: int = 0,
    visible: Visible = frozenset,
) -> Scoreboard:
    """The board of `entities` for the reporting month (a first of month) as it was known at `as_of`.

    States, readings, deadlines and policies replay any past instant; groups and owners are today's. Entities count
    from `active_from` to `active_to` (01-domain 1.3). A stale entity is judged as of its last reading, so that it
    neither clears nor escalates (01-domain 1.6). Runs the same number of queries whatever the number of entities.
    `track` is the length of each row's track record in months: the level of the first close, or the month's current
    level if it was never closed or is late again after a reopening. Annotations speak only of the entities of the
    snapshot and of those that `visible` gives; it is called where one speaks of others.
    """
    return _redacted_board(take_tracked(entities, month, as_of, track=track).boards[month], visible)


def take_tracked(
    entities: QuerySet[LegalEntity], month: date, as_of: datetime, *, track: int
) -> UnredactedBoards:
    """The board of `take_snapshot` before redaction, alone in `boards`."""
    months = [month]
    for _ in range(track):
        months.append(previous_month(months[-1]))
    taken = take_unredacted(entities, months, as_of, annotated=[month])
    board = taken.boards[month]
    if track:
        levels: dict[int, list[Level]] = defaultdict(list)
        for earlier in reversed(months[1:]):
            for row in taken.boards[earlier].rows:
                levels[row.entity_id].append(_track_level(row.standing))
        rows = [replace(row, track_record=tuple(levels[row.entity_id])) for row in board.rows]
        board = replace(board, rows=rows)
    return UnredactedBoards({month: board}, taken.annotations_until)


def _track_level(standing: Standing) -> Level:
    if standing.level in (Level.LATE, Level.ALERTING):
        return standing.level
    return standing.first_close_level or standing.level


def take_snapshots(
    entities: QuerySet[LegalEntity],
    months: Sequence[date],
    as_of: datetime,
    *,
    visible: Visible = frozenset,
    annotated: Collection[date] | None = None,
    annotations: Collection[AnnotationKey[Any]] | None = None,
) -> dict[date, Scoreboard]:
    """The boards of several reporting months at one moment, in the queries of one; only the last has warnings.

    `annotated` and `annotations` are those of `take_unredacted`.
    """
    taken = take_unredacted(entities, months, as_of, annotated=annotated, annotations=annotations)
    return {month: _redacted_board(board, visible) for month, board in taken.boards.items()}


def _redacted_board(board: Scoreboard, visible: Visible) -> Scoreboard:
    own = frozenset(row.entity_id for row in board.rows)
    if all(foreign_entities(row) <= own for row in board.rows) or (others := visible()) is None:
        return board
    return replace(board, rows=[redacted(row, own | others) for row in board.rows])


def take_unredacted(
    entities: QuerySet[LegalEntity],
    months: Sequence[date],
    as_of: datetime,
    *,
    annotated: Collection[date] | None = None,
    annotations: Collection[AnnotationKey[Any]] | None = None,
    policies: Mapping[int, EffectivePolicy] | None = None,
    readings: Mapping[int, Freshness] | None = None,
) -> UnredactedBoards:
    """As `take_snapshots`, for callers that redact each row for its reader themselves, or show it to nobody.

    `annotated` are the months whose rows are annotated (None: all), `annotations` the keys of those that are needed
    (None: all). A caller that has them gives the policies and readings of these entities at this moment.
    """
    shown = read_entities(entities)
    ids = [entity.id for entity in shown]
    if policies is None:
        policies = effective_policies(((entity.id, entity.path) for entity in shown), as_of=as_of)
    if readings is None:
        readings = freshness(ids, as_of)
    periods, expected = read_periods(ids, months, as_of)
    scope = SnapshotScope(
        tuple(ids),
        {
            period.id: key
            for key, own in (*periods.items(), *((key, [period]) for key, period in expected.items()))
            if annotated is None or key[1] in annotated
            for period in own
        },
        as_of,
    )
    loaded = load_annotations(scope, row_annotations(annotations))
    unannotated = LoadedAnnotations(())
    calendars = _calendars(shown, policies, months)
    groups = read_groups()
    last, used_calendars = max(months), {entity.calendar_id for entity in shown}
    warnings = sort_warnings(
        [
            *reopened_month_warnings(ids, last, as_of),
            *(
                BoardWarning("calendar", "", text, calendar_id=calendar_id)
                for calendar_id, text in calendar_warnings(as_of.date())
                if calendar_id in used_calendars
            ),
        ]
    )
    covering = covering_periods(
        (
            (entity_id, month, period.name, period.span)
            for (entity_id, month), own in periods.items()
            for period in own
            if not period.vanished
        ),
        months,
    )
    boards = {}
    for month in months:
        end = month_end(month)
        rows = [
            _row(
                entity,
                policies[entity.id],
                readings[entity.id],
                periods.get((entity.id, month), ()),
                calendars.get(entity.calendar_id),
                loaded if annotated is None or month in annotated else unannotated,
                covering.get((entity.id, month)),
                expected=expected.get((entity.id, month)),
                month=month,
                as_of=as_of,
            )
            for entity in shown
            if counts_for(end, entity.active_from, entity.active_to)
        ]
        boards[month] = Scoreboard(
            month,
            as_of,
            ranked(rows),
            groups_above(groups, rows),
            warnings if month == last else (),
        )
    return UnredactedBoards(boards, loaded.until(boards[last].rows))


def _calendars(
    entities: Iterable[SnapshotEntity], policies: Mapping[int, EffectivePolicy], months: Sequence[date]
) -> Mapping[int, WorkdayCalendar]:
    """Work calendars of the entities whose lateness counts in working days."""
    needed = {e.calendar_id for e in entities if policies[e.id].judging.unit is LatenessUnit.WORKING_DAYS}
    return work_calendars(needed, range(min(months).year, max(months).year + 3)) if needed else {}


def _row(
    entity: SnapshotEntity,
    policy: EffectivePolicy,
    read: Freshness,
    candidates: Sequence[SnapshotPeriod],
    calendar: WorkdayCalendar | None,
    annotations: LoadedAnnotations,
    covering: CoveringPeriod | None,
    *,
    expected: SnapshotPeriod | None,
    month: date,
    as_of: datetime,
) -> Row:
    moment = read.judged_at(as_of) or as_of
    judged = []
    for period in candidates:
        history = fold(period.changes, policy.judging)
        standing = judge(
            history,
            period.deadline,
            as_of=moment,
            period=period.span,
            policy=policy.judging,
            calendar=calendar,
            zone=entity.zone,
        )
        judged.append((period, history, due_as_of(standing, period.deadline, as_of)))
    common: dict[str, Any] = {
        "entity_id": entity.id,
        "code": entity.code,
        "name": entity.name,
        "group": entity.group,
        "country": entity.country,
        "zone": entity.zone,
        "owner": entity.owner,
        "connection": entity.connection,
        "connection_id": entity.connection_id,
        "calendar_id": entity.calendar_id,
        "stale_at": read.stale_at,
        "fresh": read.fresh,
        "read_at": read.read_at,
        "on_hold_counts": policy.judging.on_hold_counts_as_closed,
        "alert_after_days": policy.judging.alert_after_days,
        "missing_since": read.read_at if read.missing else None,
        "read_error": read.read_error,
        "reason_required": policy.overdue_reason_required,
    }
    if covering is not None or not judged:
        # Of an entity never read the deadline and the days of the month are known, and nothing else.
        known = expected if read.read_at is None and covering is None else None
        deadline = known.deadline if known is not None else None
        standing = Standing(Level.UNKNOWN if covering is None else Level.NOT_DUE, 0, policy.judging.unit)
        if known is not None and deadline is not None:
            standing = judge_never_read(
                deadline, as_of=as_of, period=known.span, policy=policy.judging, calendar=calendar
            )
        if covering is not None:
            because = covering.because(month)
        elif read.read_at is None:
            because = "never read"
        else:
            because = f"the ERP lists no period for {month_and_year(month)}"
        row = Row(
            state=PeriodState.UNKNOWN if covering is None else PeriodState.NOT_STARTED,
            not_due=covering is not None,
            because=because,
            native_facts=None,
            span=known.span if known is not None else None,
            period_name="",
            period_id=known.id if known is not None else None,
            deadline=deadline,
            standing=standing,
            counts_as_closed=False,
            annotations=annotations.of(entity.id, known.id if known is not None else None),
            **common,
        )
        return annotations.for_row(row, as_of)
    # A period that the ERP no longer lists answers only where it lists none. If a 13-period calendar puts two periods
    # into one month, the one that has ended is shown before the running one; of two the one that holds the entity up.
    candidates_now = [one for one in judged if not one[0].vanished] or judged
    today = local_date(moment, zone_named(entity.zone))
    ended = [one for one in candidates_now if one[0].span.last < today]
    period, history, standing = max(
        ended or [min(candidates_now, key=lambda one: one[0].span.last)],
        key=lambda candidate: (
            candidate[2].stopped_early or not policy.judging.counts_as_closed(candidate[1].state),
            candidate[2].days_late,
            candidate[0].span.last,
        ),
    )
    since = history.since
    state, because = (
        history.state,
        because_today(period.changes[-1].because),
    )  # the newest, also if the facts alone changed
    if standing.stopped_early and state is not PeriodState.UNKNOWN:
        state, because = PeriodState.NOT_STARTED, f"stopped early: {because}"
    row = Row(
        state=state,
        because=because,
        native_facts=period.facts,
        span=period.span,
        period_name=period.name,
        period_id=period.id,
        deadline=period.deadline,
        standing=standing,
        counts_as_closed=policy.judging.counts_as_closed(state),
        seen_between=(since.previous_read_at, since.seen_at) if since else None,
        annotations=annotations.of(entity.id, period.id),
        **common,
    )
    return annotations.for_row(row, as_of)

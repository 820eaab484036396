"""Group closes: a notice when a whole group has closed a month, with the number of working days it took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Max, Min

from alerts.models import Destination, Notice
from alerts.routing.recipients import GROUP_CLOSE_ROLES
from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, start_of_day, zone_named
from closing.calendar.months import month_of, next_month, previous_month
from closing.judging.group_close import last_close_seen_on, last_to_close, working_days_to_close
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind, NoticeReason
from closing.scoreboard.board import group_closed
from closing.scoreboard.row import Row
from entities.calendars import work_calendars
from entities.models import Group, LegalEntity, Membership, ancestor_paths
from periods.expected_periods import EXPECTED_KEY
from periods.models import FiscalPeriod, StateChange
from periods.snapshot.builder import take_unredacted

LOOKS_BACK = timedelta(days=2)  # a close older than this is no news
_CLOSES = ["closed", "on_hold"]

GroupMonth = tuple[int, date]  # a group and a reporting month


def raise_group_closes(as_of: datetime) -> list[Notice]:
    """Write a notice of each month that the last entity of a group has closed, and that has stayed closed since.

    A month that has not ended is never closed; what was stopped early closes when its last day is over. Only a
    period that was seen open, or on hold where that is not closed, can close: new facts of a closed one are no close.

    Only for groups with a recipient: a person with a role for exactly this group, or a destination. A month that
    has a notice gets another one only after a reopening.
    """
    recent = _recent_closes(as_of)
    paths = _groups_with_recipients() if recent else {}
    due = _unreported(_lasting_closes(recent, paths, as_of), paths)
    if not due:
        return []
    rows = _rows({month for _, month in due}, [paths[group] for group, _ in due], as_of)
    closes = []
    for (group, month), episode in due.items():
        own = [row for path, row in rows[month] if path.startswith(paths[group])]
        if group_closed(own) and _closed_lately(own, as_of):
            closes.append((group, month, episode, own))
    return Notice.objects.bulk_create(_notices(closes, as_of))


def _recent_closes(as_of: datetime) -> dict[tuple[str, date], datetime]:
    """The last close that came into force lately, by the path of its entity's group and its month.

    A close that was seen before the period had ended comes into force at its end. Whether on hold counts as closed is
    not known here: a change from on hold to closed is a close until the rows say otherwise.
    """
    closes = (
        StateChange.objects.filter(
            seen_at__lte=as_of, state__in=_CLOSES, previous_state__in=["open", "on_hold"]
        )
        .exclude(state=F("previous_state"))
        .filter(period__type="operating", period__state__in=_CLOSES, period__last_day__lt=_latest_day(as_of))
        .order_by()
    )
    this_month = month_of(as_of.date())
    place = "period__entity__group__path", "period__reporting_month"
    recent: dict[tuple[str, date], datetime] = {}
    lately = closes.filter(seen_at__gt=as_of - LOOKS_BACK).values_list(*place)
    for path, month, at in lately.annotate(Max("seen_at")):
        recent[path, month] = at
    ended = closes.filter(
        period__last_day__gte=(as_of - LOOKS_BACK).date() - ONE_DAY,
        period__reporting_month__range=(
            previous_month(previous_month(this_month)),
            next_month(this_month),
        ),  # else every period would be looked at
    ).values_list(*place, "period__last_day", "period__entity__zone")
    for path, month, last_day, zone in ended.distinct():
        at = start_of_day(last_day + ONE_DAY, zone_named(zone))
        if as_of - LOOKS_BACK < at <= as_of:
            recent[path, month] = max(at, recent.get((path, month), at))
    return recent


def _latest_day(as_of: datetime) -> date:
    """Today in the zone that is furthest ahead."""
    return local_date(as_of, zone_named("Pacific/Kiritimati"))


def _closed_lately(rows: Sequence[Row], as_of: datetime) -> bool:
    """Whether the last close of these rows is news: seen, or in force since the end of its period, lately.

    The rows know what counts as closed: on hold that does has closed a period before it is closed for good.
    """
    seen = last_close_seen_on(rows)
    if seen is None:
        return False
    ends = [row.span.last + ONE_DAY for row in rows if row.span is not None]
    return max(seen, *ends) >= (as_of - LOOKS_BACK).date() - ONE_DAY


def _groups_with_recipients() -> dict[int, str]:
    members = Membership.objects.filter(
        role__in=GROUP_CLOSE_ROLES, person__is_active=True, group__isnull=False
    )
    destinations = Destination.objects.filter(enabled=True, kinds__contains=[NoticeKind.GROUP_CLOSED.value])
    ids = {*members.values_list("group", flat=True), *destinations.values_list("group", flat=True)}
    return dict(Group.objects.filter(pk__in=ids).values_list("pk", "path"))


def _lasting_closes(
    recent: Mapping[tuple[str, date], datetime], paths: Mapping[int, str], as_of: datetime
) -> set[GroupMonth]:
    """The months of groups whose last close has lasted and which have no entity known to be open."""
    by_path = {path: group for group, path in paths.items()}
    last: dict[GroupMonth, datetime] = {}
    for (path, month), at in recent.items():
        for ancestor in ancestor_paths(path):
            if ancestor in by_path:
                close = by_path[ancestor], month
                last[close] = max(at, last.get(close, at))
    months = {month for (_, month), at in last.items() if at <= as_of - HOLD_DOWN}
    not_closed = (
        FiscalPeriod.objects.filter(type="operating", reporting_month__in=months)
        .exclude(state__in=_CLOSES)
        .exclude(erp_key__startswith=EXPECTED_KEY)  # what is only expected is judged by its entity's row
        .filter(last_day__lt=_latest_day(as_of))  # a running one does not count beside one that has ended
        .exclude(state="unknown", facts=None)  # no longer listed: another one may stand in its place
    )
    groups_not_closed: dict[date, set[str]] = defaultdict(set)
    for path, month in not_closed.values_list("entity__group__path", "reporting_month").distinct():
        groups_not_closed[month].update(ancestor_paths(path))
    return {
        (group, month)
        for (group, month), at in last.items()
        if at <= as_of - HOLD_DOWN and paths[group] not in groups_not_closed[month]
    }


def _unreported(closes: Collection[GroupMonth], paths: Mapping[int, str]) -> dict[GroupMonth, int]:
    """The closes without a notice since the last reopening, with the episode number of each."""
    if not closes:
        return {}
    months = {month for _, month in closes}
    periods = FiscalPeriod.objects.filter(type="operating", reporting_month__in=months).order_by()
    first_ends = dict(periods.values_list("reporting_month").annotate(Min("last_day")))
    notices = Notice.objects.filter(kind=NoticeKind.GROUP_CLOSED.value, month__in=months).order_by()
    last = {
        (group, month): (count, at)
        for group, month, count, at in notices.values_list("group", "month").annotate(
            Count("pk"), Max("raised_at")
        )
    }
    reopened: dict[tuple[str, date], datetime] = {}
    reopenings = Notice.objects.filter(kind=NoticeKind.REOPENED.value, period__reporting_month__in=months)
    for path, month, at in reopenings.values_list(
        "period__entity__group__path", "period__reporting_month", "raised_at"
    ):
        for ancestor in ancestor_paths(path or ""):
            reopened[ancestor, month] = max(at, reopened.get((ancestor, month), at))
    unreported = {}
    for group, month in sorted(closes):
        count, at = last.get((group, month), (0, None))
        again = reopened.get((paths[group], month))
        if at is None or _before_any_end(at, first_ends[month]) or (again is not None and again > at):
            unreported[group, month] = count + 1
    return unreported


def _before_any_end(at: datetime, first_end: date) -> bool:
    """Whether no period of a month had ended at a moment; older versions told of such closes."""
    return at.date() < first_end


def _rows(
    months: Collection[date], paths: Sequence[str], as_of: datetime
) -> dict[date, list[tuple[str, Row]]]:
    """The rows of each month with the path of their group, for all entities below one of the paths."""
    path_of = {
        pk: path
        for pk, path in LegalEntity.objects.values_list("pk", "group__path")
        if path.startswith(tuple(paths))
    }
    entities = LegalEntity.objects.filter(pk__in=path_of)
    boards = take_unredacted(entities, sorted(months), as_of, annotations=()).boards
    return {month: [(path_of[row.entity_id], row) for row in board.rows] for month, board in boards.items()}


def _notices(closes: Sequence[tuple[int, date, int, Sequence[Row]]], as_of: datetime) -> list[Notice]:
    last = [last_to_close(rows) for *_, rows in closes]
    calendar_ids = {row.calendar_id for row in last if row is not None and row.calendar_id is not None}
    years = range(min((month.year for _, month, *_ in closes), default=as_of.year), as_of.year + 2)
    calendars = work_calendars(calendar_ids, years) if calendar_ids else {}
    notices = []
    for (group, month, episode, _), row in zip(closes, last, strict=True):
        days = 0
        if row is not None and row.standing.last_closed_on is not None:
            calendar = calendars.get(row.calendar_id or 0)
            days = working_days_to_close(month, row.standing.last_closed_on, calendar)
        notices.append(
            Notice(
                kind=NoticeKind.GROUP_CLOSED.value,
                group_id=group,
                month=month,
                episode=episode,
                reason=NoticeReason.EVERYBODY_CLOSED.value,
                raised_at=as_of,
                days_late=days,
                fresh=True,
            )
        )
    return notices

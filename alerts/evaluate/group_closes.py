"""Group closes: a notice when a whole group has closed a month, with the number of working days it took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db.models import Count, Max

from alerts.models import Destination, Notice
from alerts.routing.recipients import GROUP_CLOSE_ROLES
from closing.judging.group_close import last_to_close, working_days_to_close
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind, NoticeReason
from closing.scoreboard.board import group_closed
from closing.scoreboard.row import Row
from entities.calendars import work_calendars
from entities.models import Group, LegalEntity, Membership, ancestor_paths
from periods.models import FiscalPeriod, StateChange
from periods.snapshot.builder import take_snapshots

LOOKS_BACK = timedelta(days=2)  # a close older than this is no news
_CLOSES = ["closed", "on_hold"]

GroupMonth = tuple[int, date]  # a group and a reporting month


def raise_group_closes(as_of: datetime) -> list[Notice]:
    """Write a notice of each month that the last entity of a group has closed, and that has stayed closed since.

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
        group_rows = [row for path, row in rows[month] if path.startswith(paths[group])]
        if group_closed(group_rows):
            closes.append((group, month, episode, group_rows))
    return Notice.objects.bulk_create(_notices(closes, as_of))


def _recent_closes(as_of: datetime) -> dict[tuple[str, date], datetime]:
    """The latest close seen within LOOKS_BACK, by the path of its entity's group and its month."""
    changes = StateChange.objects.filter(
        seen_at__gt=as_of - LOOKS_BACK,
        seen_at__lte=as_of,
        state__in=_CLOSES,
        previous_state__isnull=False,
        period__type="operating",
    )
    grouped = changes.order_by().values_list("period__entity__group__path", "period__reporting_month")
    return {(path, month): at for path, month, at in grouped.annotate(Max("seen_at"))}


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
    not_closed = FiscalPeriod.objects.filter(type="operating", reporting_month__in=months).exclude(
        state__in=_CLOSES
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
        reopened_at = reopened.get((paths[group], month))
        if at is None or (reopened_at is not None and reopened_at > at):
            unreported[group, month] = count + 1
    return unreported


def _rows(
    months: Collection[date], paths: Sequence[str], as_of: datetime
) -> dict[date, list[tuple[str, Row]]]:
    """The rows of each month with the path of their group, for all entities below one of the paths."""
    path_of = {
        pk: path
        for pk, path in LegalEntity.objects.values_list("pk", "group__path")
        if path.startswith(tuple(paths))
    }
    boards = take_snapshots(LegalEntity.objects.filter(pk__in=path_of), sorted(months), as_of)
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

"""The good news: a whole group has closed a month, and how many working days that took."""

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
    """Write a notice of each month that the last entity of a group has closed, and that has been closed since.

    Of groups that somebody listens to: a person with a role for exactly this group, or a destination. A month that
    was told of is told of again only after a reopening.
    """
    recent = _recent_closes(as_of)
    paths = _listened_to() if recent else {}
    due = _not_told(_closes(recent, paths, as_of), paths)
    if not due:
        return []
    rows = _rows({month for _, month in due}, [paths[group] for group, _ in due], as_of)
    found = []
    for (group, month), episode in due.items():
        own = [row for path, row in rows[month] if path.startswith(paths[group])]
        if group_closed(own):
            found.append((group, month, episode, own))
    return Notice.objects.bulk_create(_notices(found, as_of))


def _recent_closes(as_of: datetime) -> dict[tuple[str, date], datetime]:
    """The last close that we saw happen lately, by the path of its entity's group and its month."""
    changes = StateChange.objects.filter(
        seen_at__gt=as_of - LOOKS_BACK,
        seen_at__lte=as_of,
        state__in=_CLOSES,
        previous_state__isnull=False,
        period__type="operating",
    )
    grouped = changes.order_by().values_list("period__entity__group__path", "period__reporting_month")
    return {(path, month): at for path, month, at in grouped.annotate(Max("seen_at"))}


def _listened_to() -> dict[int, str]:
    members = Membership.objects.filter(
        role__in=GROUP_CLOSE_ROLES, person__is_active=True, group__isnull=False
    )
    places = Destination.objects.filter(enabled=True, kinds__contains=[NoticeKind.GROUP_CLOSED.value])
    ids = {*members.values_list("group", flat=True), *places.values_list("group", flat=True)}
    return dict(Group.objects.filter(pk__in=ids).values_list("pk", "path"))


def _closes(
    recent: Mapping[tuple[str, date], datetime], paths: Mapping[int, str], as_of: datetime
) -> set[GroupMonth]:
    """Months whose last close has lasted, of groups in which nobody is known to be open."""
    by_path = {path: group for group, path in paths.items()}
    last: dict[GroupMonth, datetime] = {}
    for (path, month), at in recent.items():
        for above in ancestor_paths(path):
            if above in by_path:
                close = by_path[above], month
                last[close] = max(at, last.get(close, at))
    months = {month for (_, month), at in last.items() if at <= as_of - HOLD_DOWN}
    undone = FiscalPeriod.objects.filter(type="operating", reporting_month__in=months).exclude(
        state__in=_CLOSES
    )
    held_up: dict[date, set[str]] = defaultdict(set)
    for path, month in undone.values_list("entity__group__path", "reporting_month").distinct():
        held_up[month].update(ancestor_paths(path))
    return {
        (group, month)
        for (group, month), at in last.items()
        if at <= as_of - HOLD_DOWN and paths[group] not in held_up[month]
    }


def _not_told(closes: Collection[GroupMonth], paths: Mapping[int, str]) -> dict[GroupMonth, int]:
    """Those of the closes that nobody was told of since the last reopening, with the number of each."""
    if not closes:
        return {}
    months = {month for _, month in closes}
    told = Notice.objects.filter(kind=NoticeKind.GROUP_CLOSED.value, month__in=months).order_by()
    last = {
        (group, month): (count, at)
        for group, month, count, at in told.values_list("group", "month").annotate(
            Count("pk"), Max("raised_at")
        )
    }
    reopened: dict[tuple[str, date], datetime] = {}
    notices = Notice.objects.filter(kind=NoticeKind.REOPENED.value, period__reporting_month__in=months)
    for path, month, at in notices.values_list(
        "period__entity__group__path", "period__reporting_month", "raised_at"
    ):
        for above in ancestor_paths(path or ""):
            reopened[above, month] = max(at, reopened.get((above, month), at))
    found = {}
    for group, month in sorted(closes):
        count, at = last.get((group, month), (0, None))
        again = reopened.get((paths[group], month))
        if at is None or (again is not None and again > at):
            found[group, month] = count + 1
    return found


def _rows(
    months: Collection[date], paths: Sequence[str], as_of: datetime
) -> dict[date, list[tuple[str, Row]]]:
    """The rows of each month with the path of their group, of all that stands below one of the paths."""
    path_of = {
        pk: path
        for pk, path in LegalEntity.objects.values_list("pk", "group__path")
        if path.startswith(tuple(paths))
    }
    boards = take_snapshots(LegalEntity.objects.filter(pk__in=path_of), sorted(months), as_of)
    return {month: [(path_of[row.entity_id], row) for row in board.rows] for month, board in boards.items()}


def _notices(closes: Sequence[tuple[int, date, int, Sequence[Row]]], as_of: datetime) -> list[Notice]:
    last = [last_to_close(rows) for *_, rows in closes]
    used = {row.calendar_id for row in last if row is not None and row.calendar_id is not None}
    years = range(min((month.year for _, month, *_ in closes), default=as_of.year), as_of.year + 2)
    calendars = work_calendars(used, years) if used else {}
    found = []
    for (group, month, episode, _), row in zip(closes, last, strict=True):
        days = 0
        if row is not None and row.standing.last_closed_on is not None:
            calendar = calendars.get(row.calendar_id or 0)
            days = working_days_to_close(month, row.standing.last_closed_on, calendar)
        found.append(
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
    return found

"""The specifications of the kinds of notices, in the order in which pages list them.

A further kind needs its specification only; one about a connection or a group also needs the constraint of its rows
(`alerts.models.notice`). A word that has none here was stored by a newer process: it is shown and sent as it stands.
"""

from __future__ import annotations

from collections.abc import Callable

from alerts.models import LineReason, Notice
from alerts.notices import entity_sections as months
from alerts.notices import event_sections as events
from alerts.notices.entries import EntityMonth
from alerts.notices.spec import NoticeAudience, NoticeSpec, Outdated, Role, SectionSpec
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence, CadenceRule
from closing.judging.standing import Level
from closing.phrasing import is_confirmed
from closing.scoreboard.row import Row

_NOT_LATE = {Level.NOT_DUE, Level.DUE_TODAY, Level.NO_DEADLINE}
_OVERDUE = {Level.LATE, Level.ALERTING}
_MANDATORY = CadenceRule(mandatory=True)
_ALERTS = (NoticeKind.ALERT, NoticeKind.ESCALATION, NoticeKind.UNCONFIRMED)


def _alert_section(row: Row) -> SectionSpec[EntityMonth]:
    return months.PAST if row.standing.alerting else months.EASED


def _while_open(
    reason: LineReason | None = None, when: Callable[[Notice, Row], bool] = lambda notice, row: False
) -> Outdated:
    """Of a notice that holds while its period is not closed, and unless this reason applies."""
    return lambda notice, rows, over: (
        LineReason.CLOSED_SINCE if over else reason if when(notice, rows[0]) else None
    )


_while_late = _while_open(LineReason.NOT_LATE, lambda notice, row: row.standing.level in _NOT_LATE)


def _was_moved(notice: Notice, row: Row) -> bool:
    """Whether the deadline is later than when the notice was raised."""
    return row.deadline is not None and row.deadline.due_on > (notice.due_on or row.deadline.due_on)


# --- the kinds ------------------------------------------------------------------------------------------------------

_SPECS = (
    NoticeSpec(
        *(NoticeKind.ALERT, "Alert", "warning", "alert"),
        help="An entity is overdue by more than its alert line.",
        post_help="overdue by more than the alert line",
        cadence=_MANDATORY,
        month_section=_alert_section,
        outdated=_while_late,
        runs_at=(Level.ALERTING,),
        opens_alert=True,
        first_of_overrun=True,
    ),
    NoticeSpec(
        *(NoticeKind.ESCALATION, "Escalation", "warning", "alert"),
        help="It is still not closed at the next step of its group’s escalation.",
        post_help="still not closed at a later step",
        cadence=_MANDATORY,
        month_section=_alert_section,
        outdated=_while_late,
        runs_at=(Level.ALERTING,),
        escalates=True,
    ),
    NoticeSpec(
        *(NoticeKind.UNCONFIRMED, "Cannot be read", "unknown", "unsure"),
        help="An entity that cannot be read is alerting by today’s date.",
        post_help="alerting by today’s date, and cannot be read",
        cadence=_MANDATORY,
        month_section=lambda row: _alert_section(row) if is_confirmed(row) else months.UNCONFIRMED,
        outdated=_while_open(),
        runs_at=tuple(Level),
        opens_alert=True,
        first_of_overrun=True,
    ),
    NoticeSpec(
        *(NoticeKind.REOPENED, "Reopened", "reopened", "alert"),
        help="A closed period was reopened.",
        post_help="was closed and has been reopened",
        cadence=_MANDATORY,
        month_section=lambda row: months.REOPENED,
        outdated=_while_open(),
        runs_at=tuple(Level),
        opens_alert=True,
        of_overrun=False,
        silenceable=False,
    ),
    NoticeSpec(
        *(NoticeKind.PERMANENT_REOPENED, "Permanent close undone", "reopened", "alert"),
        help="A permanently closed period was reopened, which Finance & Operations should not allow."
        " Auditors and administrators receive it.",
        post_help="was permanently closed and has been reopened",
        cadence=_MANDATORY,
        audience=NoticeAudience((Role.ADMINISTRATOR, Role.AUDITOR), False, otherwise=Role.FINANCE),
        month_section=lambda row: months.PERMANENT,
        posted=False,
        of_overrun=False,
        silenceable=False,
        thread="permanent",
    ),
    NoticeSpec(
        *(NoticeKind.CLEARED, "Cleared", "closed", "ok"),
        help="An entity that had alerted has closed, and how late it was.",
        post_help="closed after its alert",
        audience=NoticeAudience(informed=True),
        month_section=lambda row: months.CLEARED,
        outdated=lambda notice, rows, over: None if over else LineReason.CLOSED_NO_MORE,
        ends=(*_ALERTS, NoticeKind.REOPENED, NoticeKind.LATE),
        unsent="No alert had been sent, so its close is not reported",
    ),
    NoticeSpec(
        *(NoticeKind.DUE_SOON, "Due soon", "open", "quiet"),
        help="A deadline is a few working days ahead, and the entity is not closed yet.",
        post_help="the deadline is near",
        cadence=CadenceRule(Cadence.DAILY),
        month_section=lambda row: months.LATE if row.standing.level in _OVERDUE else months.DUE_SOON,
        outdated=_while_open(LineReason.NOT_SOON, _was_moved),
        runs_at=(Level.NOT_DUE, Level.DUE_TODAY),
        posted=False,
    ),
    NoticeSpec(
        *(NoticeKind.LATE, "Overdue", "warning", "alert"),
        help="Each overdue entity, every day; in a digest only.",
        post_help="each day that an entity is overdue",
        cadence=CadenceRule(Cadence.DAILY, repeats=True),
        month_section=lambda row: months.LATE if row.standing.level is Level.LATE else _alert_section(row),
        outdated=_while_late,
        posted=False,
    ),
    NoticeSpec(
        *(NoticeKind.NO_DEADLINE, "No deadline set", "warning", "alert"),
        help="A month has ended with no deadline set.",
        post_help="the month has ended with no deadline set",
        cadence=CadenceRule(Cadence.DAILY),
        audience=NoticeAudience((Role.FINANCE, Role.ADMINISTRATOR)),
        month_section=lambda row: months.NO_DEADLINE if row.deadline is None else months.EASED,
        outdated=_while_open(LineReason.HAS_A_DEADLINE, lambda notice, row: row.deadline is not None),
        runs_at=(Level.NO_DEADLINE,),
        posted=False,
    ),
    NoticeSpec(
        *(NoticeKind.STALE, "Connection not read", "stale", "unsure"),
        help="An ERP was not read for longer than its limit.",
        post_help="an ERP not read for longer than its limit",
        audience=NoticeAudience((Role.FINANCE, Role.ADMINISTRATOR), False),
        event_section=events.STALE,
        state="Not read",
        reports=lambda row: not row.fresh,
        outdated=lambda notice, rows, over: LineReason.READ_AGAIN if over or not rows else None,
    ),
    NoticeSpec(
        *(NoticeKind.REFUSED, "Access refused", "warning", "alert"),
        help="An ERP refuses access. Administrators of its entities receive this.",
        post_help="access refused by an ERP",
        audience=NoticeAudience((Role.ADMINISTRATOR,), False),
        event_section=events.REFUSED,
        reports=lambda row: not row.fresh,
        outdated=lambda notice, rows, over: LineReason.READ_AGAIN if over or not rows else None,
    ),
    NoticeSpec(
        *(NoticeKind.READ_AGAIN, "Read again", "closed", "ok"),
        help="A connection that you received a notice about is read again.",
        post_help="a connection that was posted as not read is read again",
        event_section=events.READ_AGAIN,
        outdated=lambda notice, rows, over: (
            None if all(row.fresh for row in rows) else LineReason.NOT_READ_ANY_MORE
        ),
        ends=(NoticeKind.STALE, NoticeKind.REFUSED),
        unsent="No notice of the trouble had been sent, so its end is not reported",
        posted=False,
    ),
    NoticeSpec(
        *(NoticeKind.GROUP_CLOSED, "Group closed", "closed", "ok"),
        help="Every entity of one of your groups has closed.",
        post_help="every entity of a group has closed",
        event_section=events.GROUP_CLOSED,
        outdated=lambda notice, rows, over: (
            None if all(row.counts_as_closed or row.not_due for row in rows) else LineReason.CLOSED_NO_MORE
        ),
        unsent="Not sent: nobody has a role for the group itself",
        silenceable=False,
    ),
)
SPECS: dict[str, NoticeSpec] = {str(spec.kind): spec for spec in _SPECS}


def spec_of(kind: str) -> NoticeSpec:
    """The specification of a stored kind; of a word that has none here, a plain one that shows the word."""
    if kind in SPECS:
        return SPECS[kind]
    return NoticeSpec(
        kind=kind,
        label=kind.replace("_", " ").capitalize(),
        help="A newer version of Closeboard raises it.",
        post_help="raised by a newer version of Closeboard",
        icon="info",
        tone="quiet",
        of_overrun=False,
    )


def kinds_where(holds: Callable[[NoticeSpec], bool]) -> list[str]:
    """The stored words of the kinds for whose specification a condition holds."""
    return [kind for kind, spec in SPECS.items() if holds(spec)]

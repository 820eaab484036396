"""The specification of a kind of notice: how it looks, what it says, who receives it when, and while what holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from alerts.models import LineReason, Notice
from alerts.notices.entries import EntityMonth, MultiEntityNotice
from closing.judging.notification_schedule import CadenceRule
from closing.judging.standing import Level
from closing.phrasing import MomentFormatter
from closing.scoreboard.row import Row
from entities.models import Membership

Role = Membership.Role
_AT_ONCE = CadenceRule()
Entry = TypeVar("Entry")
Outdated = Callable[[Notice, Sequence[Row], bool], LineReason | None]
BoardFilter = Callable[[Sequence[Row]], Mapping[str, str]]


def common_standing(rows: Sequence[Row]) -> Mapping[str, str]:
    """The filter of a board that shows rows of one level, or of one state; empty if they have neither in common."""
    levels, states = {row.standing.level.value for row in rows}, {row.state.value for row in rows}
    if len(levels) == 1:
        return {"level": levels.pop()}
    return {"state": states.pop()} if len(states) == 1 else {}


def shows(name: str) -> BoardFilter:
    """The filter of a board that shows what it calls by this name."""
    return lambda rows: {"show": name}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SectionSpec(Generic[Entry]):
    """The texts of one section of a message, about one entry or many; the lowest rank is the worst and comes first.

    `one` and `many` are its sentence of the subject (`many` is given the heading, which it is by default), `counted`
    its words there behind a worse section. `board_filter` is that of the board that shows its rows, `report` the text
    and path of a page that shows more than these.
    """

    rank: int
    heading: Callable[[Sequence[Entry]], str]
    counted: Callable[[Sequence[Entry]], str]
    note: Callable[[Sequence[Entry]], str]
    one: Callable[[Entry, MomentFormatter], str]
    many: Callable[[Sequence[Entry], str, MomentFormatter], str] = lambda entries, heading, when: heading
    board_filter: BoardFilter = common_standing
    report: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NoticeAudience:
    """The recipients of a notice of an entity: people of these roles, and the responsible person.

    Where there are none, people of the role `otherwise` receive it. `informed`: only those who received the notices
    that it ends.
    """

    roles: tuple[str, ...] = (Role.FINANCE,)
    responsible: bool = True
    otherwise: str = Role.ADMINISTRATOR
    informed: bool = False


@dataclass(frozen=True, slots=True)
class NoticeSpec:
    """All that distinguishes one kind of notice; `kind` is its stored word.

    `help` says when it is raised, `post_help` the same in a few words. A notice of a period has a `month_section`,
    chosen by the row of the entity; one of a connection or of a whole group has an `event_section`, and the `state`
    that its row shows. `outdated` gives the reason why a notice no longer holds, None while it does: of the rows that
    it would report (those that meet `reports`), and whether its period counts as closed, or its outage has ended.
    """

    kind: str
    label: str
    icon: str
    tone: str
    help: str
    post_help: str
    month_section: Callable[[Row], SectionSpec[EntityMonth]] | None = None
    event_section: SectionSpec[MultiEntityNotice] | None = None
    state: str = ""
    reports: Callable[[Row], bool] = lambda row: True
    outdated: Outdated = lambda notice, rows, over: None
    runs_at: tuple[Level, ...] = ()  # levels of its period at which a line that was left out may hold again
    cadence: CadenceRule = _AT_ONCE
    audience: NoticeAudience = NoticeAudience()
    ends: tuple[str, ...] = ()  # kinds of trouble whose readers receive this good news
    unsent: str = ""  # why it may reach nobody; "" for a call to act, which must reach somebody
    posted: bool = True  # a new destination receives it unless its form says otherwise
    opens_alert: bool = False  # an entity that has one and is not closed is an open alert
    first_of_overrun: bool = False  # the first notice that an overrun brings
    of_overrun: bool = True  # its episode is that of an overrun
    escalates: bool = False  # its step is a step of the escalation, whose people receive it
    silenceable: bool = True
    thread: str = ""  # its mails about one period reply to a thread of this name, not to that of the overrun

    @property
    def informational(self) -> bool:
        """Whether it is good news, without a call to act."""
        return bool(self.unsent)

    @property
    def is_reminder(self) -> bool:
        """Whether it comes in digests unless its reader chooses otherwise."""
        return self.cadence.default is not _AT_ONCE.default

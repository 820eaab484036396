"""What a mail tells of, put together: one case for each entity's month, in sections, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from alerts.foreign_text import one_line
from alerts.models import Notice
from closing import words
from closing.notices import Kind
from closing.scoreboard import Row

SHORT_NAME = 60  # letters of a name in a header


@dataclass(frozen=True, slots=True)
class Item:
    """One notice to tell of, with the row of its entity as the board has it at this moment, and its month."""

    notice: Notice
    row: Row
    month: date


class Part(StrEnum):
    """The sections of a mail, the worst first."""

    PAST = "past"  # alerts and steps of an escalation
    UNCONFIRMED = "unconfirmed"
    REOPENED = "reopened"
    CLEARED = "cleared"
    EASED = "eased"  # was past the line when the notice was raised, and is not by what is agreed now


@dataclass(frozen=True, slots=True)
class Case:
    """One entity's month with every notice of it in this mail."""

    row: Row
    month: date
    notices: Sequence[Notice]

    @property
    def name(self) -> str:
        return one_line(self.row.name) or self.row.code

    @property
    def short_name(self) -> str:
        """For a subject, of which a phone shows some sixty letters."""
        return one_line(self.row.name, SHORT_NAME) or self.row.code

    @property
    def step(self) -> int:
        """The highest step of an escalation that it tells of; 0 for none."""
        return max((each.step for each in self.notices if each.kind == Kind.ESCALATION), default=0)

    @property
    def part(self) -> Part:
        """Where it belongs as the row stands now, which the notice of a while ago cannot tell."""
        kinds = {Kind(each.kind) for each in self.notices}
        sure, past = words.confirmed(self.row), self.row.standing.alerting
        if past and (kinds & {Kind.ALERT, Kind.ESCALATION} or (sure and Kind.UNCONFIRMED in kinds)):
            return Part.PAST
        if Kind.UNCONFIRMED in kinds and not sure:
            return Part.UNCONFIRMED
        if Kind.REOPENED in kinds:
            return Part.REOPENED
        return Part.CLEARED if kinds == {Kind.CLEARED} else Part.EASED


Cases = Sequence[Case]


def parts_of(items: Sequence[Item]) -> dict[Part, list[Case]]:
    """The worst section first, and in each of them who is furthest behind first; no section is empty."""
    together: dict[tuple[str, date], list[Item]] = {}
    for item in items:
        together.setdefault((item.row.code, item.month), []).append(item)
    cases = [Case(own[0].row, own[0].month, [each.notice for each in own]) for own in together.values()]
    cases.sort(key=_rank)
    found = {part: [case for case in cases if case.part is part] for part in Part}
    return {part: own for part, own in found.items() if own}


def _rank(case: Case) -> tuple[int, date, str, str]:
    return -case.row.standing.days_late, case.month, case.row.name.casefold(), case.row.code

"""ERP checks: the readings that support a close task, or show that its work is not done (08-blockers-and-tasks 9.1).

A check alone never ticks a task. Not readable is never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from closing.calendar.deadlines import join_with_and

UNPOSTED_DOCUMENTS = "unposted_documents"
DOCUMENT_PARTS = {  # of unposted documents: one and many
    "customer_invoices": ("customer invoice", "customer invoices"),
    "customer_memos": ("customer credit memo", "customer credit memos"),
    "vendor_invoices": ("vendor invoice", "vendor invoices"),
    "vendor_memos": ("vendor credit memo", "vendor credit memos"),
    "customer_payments": ("customer payment", "customer payments"),
    "vendor_payments": ("vendor payment", "vendor payments"),
    "inventory_journals": ("inventory journal", "inventory journals"),
    "project_journals": ("project journal", "project journals"),
    "expense_journals": ("expense journal", "expense journals"),
}
MEMOS_OF = {"customer_invoices": "customer_memos", "vendor_invoices": "vendor_memos"}


@dataclass(frozen=True, slots=True)
class _WorkNouns:
    """How the open work of a kind is counted in words; `missing` replaces the count of a run."""

    one: str
    many: str
    still: str = "not posted"
    missing: str = ""


WORK_NOUNS = {
    "unposted_journals": _WorkNouns("line", "lines"),
    "recurring_due": _WorkNouns("recurring line", "recurring lines"),
    UNPOSTED_DOCUMENTS: _WorkNouns("document", "documents"),
    "late_invoices": _WorkNouns("late invoice", "late invoices", "to be accrued"),
    "subledger_not_transferred": _WorkNouns("voucher", "vouchers", "not transferred"),
    "depreciation_not_posted": _WorkNouns("depreciation journal", "depreciation journals"),
    "inventory_not_closed": _WorkNouns("inventory close", "inventory closes", "missing", "inventory close"),
    "costs_not_adjusted": _WorkNouns("cost entry", "cost entries", "not adjusted"),
    "bank_not_reconciled": _WorkNouns("bank item", "bank items", "not reconciled"),
    "intercompany_imbalance": _WorkNouns("intercompany balance", "intercompany balances", "not agreed"),
    "intercompany_pending": _WorkNouns("intercompany document", "intercompany documents", "pending"),
    "accrual_reversals": _WorkNouns("accrual journal", "accrual journals", "reversed"),
    "approvals_waiting": _WorkNouns("approval", "approvals", "waiting"),
    "revaluation_not_run": _WorkNouns("revaluation", "revaluations", "missing", "revaluation"),
    "open_tasks": _WorkNouns("task", "tasks", "open"),
}


class ErpState(StrEnum):
    """The states of an entity's ledger that can support a task."""

    MODULES_CLOSED = "modules closed"
    POSTING_RESTRICTED = "posting restricted"
    NEXT_PERIOD_OPEN = "next period open"
    CLOSE_LOG_CLEAN = "close log without warnings"
    COUNTS_AS_CLOSED = "counts as closed by policy"


_DOES_NOT_HOLD = {
    ErpState.MODULES_CLOSED: "not all modules are closed",
    ErpState.POSTING_RESTRICTED: "posting is not restricted",
    ErpState.NEXT_PERIOD_OPEN: "the next period is not open",
    ErpState.CLOSE_LOG_CLEAN: "the close log has warnings",
    ErpState.COUNTS_AS_CLOSED: "the period does not count as closed",
}


@dataclass(frozen=True, slots=True, order=True)
class WorkCheck:
    """A kind of blocker that a task answers for, and one of its parts; a blank part means all of them."""

    kind: str
    part: str = ""

    def covers(self, kind: str, part: str) -> bool:
        """Whether a fact of this kind and part concerns the check; a check of invoices takes their memos with it."""
        return kind == self.kind and (not self.part or part in (self.part, MEMOS_OF.get(self.part)))


@dataclass(frozen=True, slots=True)
class ErpCheck:
    """What the ERP must show for a task: no open work of these kinds, and these states.

    `not_understood` are words of a newer version, which can be stored; a check with one is never supported. Raises
    ValueError for an unknown kind or part.
    """

    work: tuple[WorkCheck, ...] = ()
    states: tuple[ErpState, ...] = ()
    not_understood: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for check in self.work:
            if check.kind not in WORK_NOUNS:
                raise ValueError(f"there is no kind of blocker {check.kind!r}")
            if check.part and (check.kind != UNPOSTED_DOCUMENTS or check.part not in DOCUMENT_PARTS):
                raise ValueError(f"{check.kind} has no part {check.part!r}")

    def __bool__(self) -> bool:
        return bool(self.work or self.states or self.not_understood)

    def names(self, kind: str, part: str) -> bool:
        """Whether the check concerns this kind and part."""
        return any(check.covers(kind, part) for check in self.work)


NO_CHECK = ErpCheck()


class CheckVerdict(StrEnum):
    """What the readings come to."""

    NO_CHECK = "no_check"
    SUPPORTS = "supports"
    SHOWS_WORK = "shows_work"
    NOT_READABLE = "not_readable"


@dataclass(frozen=True, slots=True)
class WorkReading:
    """A blocker of the task's entity and period as weighed: level, count left after what is carried on purpose.

    `level` is clear, note, warning or not_readable; `count` None where the source is silent. `undecided`: the fact
    cannot be judged yet, since its two sides cannot be compared. `fact` identifies the fact, `read_at` says how old
    it is.
    """

    kind: str
    part: str
    level: str
    count: int | None
    because: str = ""
    at_least: bool = False
    undecided: bool = False
    fact: int | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StateReading:
    """Whether a state holds for the task's entity and period; None where that cannot be read."""

    state: ErpState
    holds: bool | None
    because: str = ""
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict of a check with its words, and the readings that it rests on, to be stored with an act.

    `remaining` names the open work for a label: "61 lines", "no inventory close".
    """

    verdict: CheckVerdict = CheckVerdict.NO_CHECK
    words: str = ""
    remaining: str = ""
    work: tuple[WorkReading, ...] = ()
    states: tuple[StateReading, ...] = ()


UNCHECKED = CheckResult()


def evaluate_check(
    check: ErpCheck, work: Iterable[WorkReading], states: Mapping[ErpState, StateReading]
) -> CheckResult:
    """What the readings of an entity and period say of a task with this check.

    Open work of any kind outweighs what cannot be read, and that outweighs what is clear. Never read, refused, in
    doubt, and "none seen" of a source that cannot show everything are all not readable.
    """
    if not check:
        return UNCHECKED
    concerned = tuple(reading for reading in work if check.names(reading.kind, reading.part))
    stated = tuple(states.get(state, StateReading(state, None)) for state in check.states)
    open_work = [reading for reading in concerned if _shows_work(reading)]
    unmet = [reading for reading in stated if reading.holds is False]
    if open_work or unmet:
        words = _still(open_work) + [reading.because or _DOES_NOT_HOLD[reading.state] for reading in unmet]
        remaining = _remaining(open_work, unmet)
        return CheckResult(
            CheckVerdict.SHOWS_WORK, _sentence(join_with_and(words)), remaining, concerned, stated
        )
    silent = _never_read(check, concerned)
    silent += [f"“{word}”: not understood by this Closeboard" for word in check.not_understood]
    silent += [reading.because or "not readable" for reading in concerned if not _supports(reading)]
    silent += [reading.because or f"{reading.state}: not readable" for reading in stated if not reading.holds]
    if silent:
        return CheckResult(CheckVerdict.NOT_READABLE, "; ".join(silent), "", concerned, stated)
    words = [reading.because or "none left" for reading in concerned]
    words += [reading.because or reading.state for reading in stated]
    return CheckResult(CheckVerdict.SUPPORTS, "; ".join(dict.fromkeys(words)), "", concerned, stated)


def contradiction(result: CheckResult) -> str:
    """The label of a finished task whose check shows otherwise: "marked done, ERP still shows 61 lines"; else ""."""
    if result.verdict is not CheckVerdict.SHOWS_WORK:
        return ""
    return f"marked done, ERP still shows {result.remaining}"


def _supports(reading: WorkReading) -> bool:
    return reading.level == "clear" or (reading.count == 0 and not reading.at_least and not reading.undecided)


def _shows_work(reading: WorkReading) -> bool:
    return (
        reading.level in ("note", "warning")
        and not reading.undecided
        and reading.count is not None
        and reading.count > 0
    )


def _never_read(check: ErpCheck, concerned: tuple[WorkReading, ...]) -> list[str]:
    """The parts of the check without any reading; a kind without a part needs one reading of that kind."""
    return [
        f"{_nouns(each.kind, each.part)[1]}: never read"
        for each in check.work
        if not any(each.covers(reading.kind, reading.part) for reading in concerned)
    ]


def _nouns(kind: str, part: str) -> tuple[str, str]:
    nouns = WORK_NOUNS[kind]
    return (
        DOCUMENT_PARTS.get(part, (nouns.one, nouns.many))
        if kind == UNPOSTED_DOCUMENTS
        else (
            nouns.one,
            nouns.many,
        )
    )


def _totals(readings: Iterable[WorkReading]) -> dict[tuple[str, str], tuple[int, bool]]:
    """Counts by kind and, of documents, by part; and whether they are lower bounds."""
    totals: dict[tuple[str, str], tuple[int, bool]] = {}
    for reading in readings:
        key = (reading.kind, reading.part if reading.kind == UNPOSTED_DOCUMENTS else "")
        count, at_least = totals.get(key, (0, False))
        totals[key] = (count + (reading.count or 0), at_least or reading.at_least)
    return totals


def _amount(kind: str, part: str, count: int, *, at_least: bool) -> str:
    one, many = _nouns(kind, part)
    return f"{'at least ' if at_least else ''}{count:,} {one if count == 1 else many}"


def _still(readings: Iterable[WorkReading]) -> list[str]:
    """ "61 lines are still not posted"; of one verb, the kinds together."""
    by_verb: dict[str, list[tuple[str, int]]] = {}
    for (kind, part), (count, at_least) in _totals(readings).items():
        nouns = WORK_NOUNS[kind]
        text = f"the {nouns.missing}" if nouns.missing else _amount(kind, part, count, at_least=at_least)
        by_verb.setdefault(nouns.still, []).append((text, 1 if nouns.missing else count))
    return [
        f"{join_with_and([text for text, _ in parts])} {_is_or_are(parts)} still {verb}"
        for verb, parts in by_verb.items()
    ]


def _is_or_are(parts: list[tuple[str, int]]) -> str:
    return "is" if len(parts) == 1 and parts[0][1] == 1 else "are"


def _remaining(readings: Iterable[WorkReading], unmet: Iterable[StateReading]) -> str:
    parts = []
    for (kind, part), (count, at_least) in _totals(readings).items():
        missing = WORK_NOUNS[kind].missing
        parts.append(f"no {missing}" if missing else _amount(kind, part, count, at_least=at_least))
    parts += [f"that {reading.because or _DOES_NOT_HOLD[reading.state]}" for reading in unmet]
    return join_with_and(parts)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"

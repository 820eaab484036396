"""Builds the section "In the way" of an entity's page: every blocker of the period with the facts behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from django.urls import reverse

from board.entity_work.entity_in_month import EntityInMonth
from board.entity_work.profile_lines import ProfileLines, profile_lines
from board.entity_work.work_items import (
    CarriedLine,
    ClaimLine,
    ItemLine,
    carried_lines,
    claim_lines,
    item_lines,
    no_more_words,
    shown_phrase,
)
from board.entity_work.work_phrases import (
    blocker_title,
    inventory_notes,
    kinds_phrase,
    level_label,
    remedy,
)
from board.entity_work.work_reading import WorkReadStatus, work_reading
from board.web import labels
from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import KNOWN_KINDS, BlockerKind, board_rank, excluded_because
from closing.blockers.blocker_phrases import apart_phrases, money, not_counted_phrases
from closing.blockers.blocker_policy import KindTracking
from closing.blockers.intercompany import tolerance_of
from closing.blockers.row_blockers import BLOCKERS
from closing.blockers.weighing import BlockerLevel
from closing.calendar.date_phrases import month_and_year
from closing.calendar.instants import local_date, zone_named
from closing.close_tasks.row_tasks import TASKS
from closing.scoreboard.row import Row
from entities.models import LegalEntity
from worklist.period_work import (
    CheckingTask,
    PeriodWork,
    WeighedFact,
    checking_tasks,
    pending_documents,
    read_period_work,
)

_TASK_STATUS = {
    "open": "open",
    "done": "done",
    "returned": "returned",
    "signed_off": "signed off",
    "not_needed": "not needed",
}


_NEVER_READ = frozenset({BlockerKind.OPEN_TASKS, BlockerKind.NOT_UNDERSTOOD})  # by a connection or a file


@dataclass(frozen=True, slots=True)
class WorkLine:
    """One blocker of the page with what stands behind it. Tones: warning, note, unsure, clear.

    `age` is the word before `read`: the moment of its reading, or the one that its source states.
    """

    key: str
    tone: str
    level: str
    title: str
    read: str
    read_iso: str
    aged: bool
    age: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    items: Sequence[ItemLine] = ()
    shown: str = ""
    link: str = ""
    claims: Sequence[ClaimLine] = ()
    pending: Sequence[str] = ()
    carried: Sequence[CarriedLine] = ()
    carry_url: str = ""
    no_more: str = ""
    fact_key: str = ""
    tasks: Sequence[tuple[str, str, str]] = ()  # title, URL, status


@dataclass(frozen=True, slots=True)
class WorkCard:
    """The section: what is in the way, what is folded, and what has not been read."""

    summary: str
    lines: Sequence[WorkLine]
    undated: Sequence[WorkLine]
    clear: Sequence[WorkLine]
    excluded: Sequence[WorkLine]
    unread: str
    untracked: str
    left_behind: Sequence[tuple[str, str, str]]  # month, its URL, words
    nothing_read: str
    running: bool
    tasks: str
    tasks_url: str
    read_url: str
    end_url: str
    may_end: bool
    reading: WorkReadStatus
    profile: ProfileLines


def fact_key(fact: BlockerFact) -> str:
    """The key of a fact of the page's period, as a form sends it: kind, part, currency, and whether it is undated."""
    undated = "undated" if fact.period is None else ""
    return "|".join([fact.kind.value, fact.part, fact.currency or "", undated])


def work_card(data: EntityInMonth) -> WorkCard | None:
    """The section of the shown period; None for an entity that does not count in the month."""
    row, board_request = data.row, data.board_request
    if row is None or row.span is None:
        return None
    visible = board_request.visible_ids()
    work = read_period_work(row, board_request.month, board_request.as_of, visible)
    tasks = checking_tasks(board_request.person, row.period_id, board_request.as_of) if row.period_id else []
    lines = _Lines(data, row, work, tasks, visible).all() if work is not None else []
    reading = work_reading(data)
    shown = [line for one, line in lines if not _folds(one)]
    progress = row.get(TASKS)
    known = {one.weighed.blocker.kind for one, _ in lines}
    return WorkCard(
        summary=_summary([one for one, _ in lines]),
        lines=[line for (one, line) in lines if line in shown and not one.weighed.blocker.undated],
        undated=[line for (one, line) in lines if line in shown and one.weighed.blocker.undated],
        clear=[line for one, line in lines if _folds(one) and one.weighed.blocker.applies],
        excluded=[line for one, line in lines if not one.weighed.blocker.applies],
        unread=kinds_phrase(_kinds_without_facts(work, known)) if work is not None else "",
        untracked=kinds_phrase(_untracked(work)) if work is not None else "",
        left_behind=_left_behind(data, row),
        nothing_read=_nothing_read(data, reading) if work is None else "",
        running=local_date(board_request.as_of, zone_named(row.zone)) <= row.span.last,
        tasks=f"{progress.progress} close tasks done" if progress is not None else "",
        tasks_url=f"{reverse('entity_tasks', args=[row.code])}?month={board_request.month:%Y-%m}",
        read_url=reverse("read_again", args=[row.code]),
        end_url=reverse("end_carried", args=[row.code]),
        may_end=data.writes and not board_request.past,
        reading=reading,
        profile=profile_lines(data),
    )


class _Lines:
    """The lines of a period's facts, in the order of the board: warnings, notes, unsure ones, then clear ones."""

    def __init__(
        self,
        data: EntityInMonth,
        row: Row,
        work: PeriodWork,
        tasks: Sequence[CheckingTask],
        visible: Collection[int] | None,
    ) -> None:
        self.data, self.row, self.work, self.tasks, self.visible = data, row, work, tasks, visible
        self.request = data.board_request
        self.today = local_date(self.request.as_of, zone_named(row.zone))
        partners = {
            one.dated.partner for one in work.facts if one.dated is not None and one.dated.partner is not None
        }
        self.pending: Mapping[int, tuple[LegalEntity, BlockerFact]] = (
            pending_documents({row.entity_id, *partners}, self.request.month, self.request.as_of)
            if partners
            else {}
        )

    def all(self) -> list[tuple[WeighedFact, WorkLine]]:
        ordered = sorted(self.work.facts, key=_place)
        return [(one, self._line(one, number)) for number, one in enumerate(ordered, start=1)]

    def _line(self, one: WeighedFact, number: int) -> WorkLine:
        blocker, request = one.weighed.blocker, self.request
        fact = one.dated.fact if one.dated is not None else None
        names = self.work.inputs.names or {}
        read_at = one.weighed.read_at
        line = WorkLine(
            key=f"work-{number}",
            tone=_tone(one),
            level=level_label(blocker),
            title=blocker_title(blocker, fact, names, self.row.code),
            read=request.clock(read_at),
            read_iso=labels.iso(read_at) or "",
            aged=not one.weighed.fresh and blocker.applies,
            age=_age(one),
            facts=self._facts(one) if blocker.applies else [],
            notes=list(filter(None, [remedy(blocker, fact)])),
            tasks=[
                (task.task.title, reverse("task", args=[task.task.uid]), self._status(task))
                for task in self.tasks
                if task.names(blocker.kind, blocker.part)
            ],
        )
        if one.dated is None or fact is None or not blocker.applies:
            return line
        return self._with_items(line, one.dated.fact)

    def _with_items(self, line: WorkLine, fact: BlockerFact) -> WorkLine:
        data, request = self.data, self.request
        marks = self.work.inputs.marks_of(fact)
        items = item_lines(
            fact, marks, self.today, data.entity.connection, seen_owners=self._seen_owners(fact.kind)
        )
        refused = no_more_words(fact)
        may_carry = data.writes and not request.past and bool(fact.count) and line.tone != "clear"
        query = urlencode({"month": f"{request.month:%Y-%m}", "fact": fact_key(fact)})
        inventory = (
            inventory_notes(fact, self.row.span, self.row.state, data.entity.connection.kind)
            if fact.kind is BlockerKind.INVENTORY_NOT_CLOSED
            and self.row.span is not None
            and data.entity.connection is not None
            else []
        )
        return replace(
            line,
            notes=[*line.notes, *inventory],
            items=items,
            shown=shown_phrase(fact, len(items)),
            claims=claim_lines(fact, self.work.inputs.names or {}),
            pending=self._pending(fact),
            carried=carried_lines(fact, marks, self.today),
            carry_url=f"{reverse('carried', args=[data.entity.code])}?{query}"
            if may_carry and not refused
            else "",
            no_more=refused if may_carry else "",
            fact_key=fact_key(fact),
        )

    def _facts(self, one: WeighedFact) -> list[tuple[str, str]]:
        """The coverage, age and source of a fact, and what it names beside the count."""
        if one.dated is None:
            return []
        fact, request = one.dated.fact, self.request
        found = []
        if one.dated.source:
            found.append(("Source", one.dated.source))
        if fact.source_as_of is not None:
            found.append(("As of, in the source", request.clock(fact.source_as_of)))
        if fact.counterparties is not None:
            if fact.amount is not None:
                tolerance = tolerance_of(fact, self.work.inputs.policy.tolerance)
                found.append(("Difference", money(fact.amount, fact.currency)))
                found.append(("Tolerance", money(tolerance, fact.currency)))
            if fact.coverage:
                found.append(("Accounts", ", ".join(fact.coverage)))
            return found
        if fact.coverage:
            found.append(("Read from", ", ".join(fact.coverage)))
        apart = apart_phrases(fact)
        if apart and fact.count:
            found.append(("Of these", ", ".join(apart)))
        left_out = not_counted_phrases(fact)
        if left_out:
            found.append(("Not counted", ", ".join(left_out)))
        return found

    def _status(self, task: CheckingTask) -> str:
        """How far a task is; nothing for a past moment, as only its events know that."""
        return "" if self.request.past else _TASK_STATUS[task.task.status]

    def _seen_owners(self, kind: BlockerKind) -> Collection[str] | None:
        """The companies that a reader may see named beside pending documents; None for kinds that name people."""
        if kind is not BlockerKind.INTERCOMPANY_PENDING or self.visible is None:
            return None
        entities = LegalEntity.objects.visible_to(self.request.person).values_list("code", "erp_id", "name")
        return {text.casefold() for names in entities for text in names if text}

    def _pending(self, fact: BlockerFact) -> list[str]:
        """The pending documents of the same two, on either side."""
        if fact.counterparties is None:
            return []
        found = []
        for entity, pending in self.pending.values():
            if entity.code not in fact.counterparties:
                continue
            if pending.count is None:
                found.append(f"pending documents of {entity.name}: not readable")
                continue
            others = {each.code: each for each, _ in self.pending.values()}
            code = next(each for each in fact.counterparties if each != entity.code)
            other = others.get(code)
            known = {
                code.casefold(),
                *(text.casefold() for text in ((other.name, other.erp_id) if other else ())),
            }
            own = [item for item in pending.items if item.owner.casefold() in known]
            found += [
                f"{item.number}{f' of {labels.short_date(item.on)}' if item.on else ''}, pending at {entity.name}"
                for item in own
            ]
        return found


def _tone(one: WeighedFact) -> str:
    blocker = one.weighed.blocker
    if blocker.level is BlockerLevel.NOT_READABLE or blocker.partly_covered:
        return "unsure"
    return {BlockerLevel.WARNING: "warning", BlockerLevel.NOTE: "note"}.get(blocker.level, "clear")


def _place(one: WeighedFact) -> tuple[int, int, int, str, str]:
    blocker = one.weighed.blocker
    tones = ("warning", "note", "unsure", "clear")
    return (
        tones.index(_tone(one)),
        board_rank(blocker.kind),
        -(blocker.count or 0),
        blocker.part,
        blocker.currency or "",
    )


def _folds(one: WeighedFact) -> bool:
    """Whether a blocker says only that nothing is left, or does not apply."""
    blocker = one.weighed.blocker
    counted = blocker.kind is not BlockerKind.INTERCOMPANY_IMBALANCE and bool(blocker.count)
    return blocker.level is BlockerLevel.CLEAR and not counted and not blocker.carried


def _summary(facts: Sequence[WeighedFact]) -> str:
    """ "2 warnings, 3 notes, 1 not readable in full"; empty where nothing was read."""
    counts = {"warning": 0, "note": 0, "unsure": 0}
    for one in facts:
        tone = _tone(one)
        if tone in counts:
            counts[tone] += 1
    named = [
        (counts["warning"], "warning", "warnings"),
        (counts["note"], "note", "notes"),
        (counts["unsure"], "not readable in full", "not readable in full"),
    ]
    found = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in named if count)
    return found or ("nothing left of what was read" if facts else "")


def _age(one: WeighedFact) -> str:
    if one.dated is not None and one.dated.fact.source_as_of is not None:
        return "as of"
    return "not read since" if not one.weighed.fresh and one.weighed.blocker.applies else "read"


def _kinds_without_facts(work: PeriodWork, known: Collection[BlockerKind]) -> list[BlockerKind]:
    """The kinds that apply and are tracked, and of which no reading and no file has said anything."""
    policy, profile = work.inputs.policy, work.inputs.profile
    return [
        kind
        for kind in BlockerKind
        if kind not in known
        and kind not in _NEVER_READ
        and policy.tracks(kind) is KindTracking.YES
        and not excluded_because(profile, kind)
    ]


def _untracked(work: PeriodWork) -> list[BlockerKind]:
    return [kind for kind in KNOWN_KINDS if work.inputs.policy.tracks(kind) is KindTracking.NOT_TRACKED]


def _left_behind(data: EntityInMonth, shown: Row) -> list[tuple[str, str, str]]:
    """Work that stayed behind in the months before, with the page of each."""
    found: list[tuple[str, str, str]] = []
    path = reverse("entity", args=[shown.code])
    for month, row in data.rows:
        blockers = row.get(BLOCKERS)
        if row.period_id == shown.period_id or blockers is None:
            continue
        found += [
            (month_and_year(month), _month_url(data, path, month), dated.blocker.because)
            for dated in blockers.blockers
            if dated.blocker.left_behind
        ]
    return found


def _month_url(data: EntityInMonth, path: str, month: date) -> str:
    return f"{data.board_request.query.url(path, month=month)}#work"


def _nothing_read(data: EntityInMonth, reading: WorkReadStatus) -> str:
    """Why no unfinished work is known, and the next step."""
    return f"No unfinished work has been read for {data.entity.name}: {reading.why_nothing}"

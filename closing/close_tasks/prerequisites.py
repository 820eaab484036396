"""What waits for what: the tasks that a task waits for, those that wait for it, and whether it is blocked.

Works on all tasks of one reporting month (08-blockers-and-tasks 9.1, 9.4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.deadlines import Deadline, join_with_and
from closing.close_tasks.generation import TaskKey
from closing.close_tasks.task_record import TaskRecord, TaskStatus
from closing.close_tasks.task_templates import DependsOn, Reach, TaskLevel

_MOST_NAMED = 3  # entities in a sentence


class TaskStage(StrEnum):
    """Where a task stands, for people: its status, and what is derived."""

    BLOCKED = "Blocked"
    READY = "Open"
    RETURNED = "Returned"
    TO_SIGN_OFF = "Done, to be signed off"
    DONE = "Done"
    SIGNED_OFF = "Signed off"
    NOT_NEEDED = "Not needed"
    SIGNED_BEFORE_REOPENING = "Signed before reopening"
    DONE_BEFORE_REOPENING = "Done before reopening"
    NOT_READABLE = "Not readable"


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """A task that another waits for, and whether it is satisfied."""

    task: TaskRecord
    satisfied: bool


class TaskIndex:
    """All tasks of one reporting month, found by what they wait for.

    `partners` has the counterparties of each entity, `members` the entities of each group and `close_groups` the
    group whose tasks each entity waits for, all by code. With 13 periods in a year an entity may have two periods in
    a month: others wait for its tasks in both. A member without the task counts as satisfied, be it by its profile,
    its ERP, or since its quarter is not due.
    """

    def __init__(
        self,
        tasks: Iterable[TaskRecord],
        *,
        partners: Mapping[str, Collection[str]] | None = None,
        members: Mapping[str, Collection[str]] | None = None,
        close_groups: Mapping[str, str] | None = None,
    ) -> None:
        self._tasks = {task.key: task for task in tasks}
        self._partners, self._members = partners or {}, members or {}
        self._close_groups = close_groups or {}
        self._rounds: dict[tuple[TaskLevel, str, str, str], list[TaskKey]] = {}
        self._periods: dict[tuple[TaskLevel, str, str], set[str]] = {}
        for key in sorted(self._tasks, key=lambda key: key.round):
            self._rounds.setdefault((key.level, key.holder, key.period, key.code), []).append(key)
            self._periods.setdefault((key.level, key.holder, key.code), set()).add(key.period)
        self._of_all: dict[tuple[str, str], tuple[TaskKey, ...]] = {}

    def __getitem__(self, key: TaskKey) -> TaskRecord:
        return self._tasks[key]

    def __iter__(self) -> Iterator[TaskRecord]:
        return iter(self._tasks.values())

    def copy(self) -> TaskIndex:
        """An index of the same tasks in which tasks can be replaced."""
        return TaskIndex(
            self._tasks.values(),
            partners=self._partners,
            members=self._members,
            close_groups=self._close_groups,
        )

    def replace(self, task: TaskRecord) -> None:
        """Put a task in the place of the one with its key; raises KeyError without one."""
        if task.key not in self._tasks:
            raise KeyError(task.key)
        self._tasks[task.key] = task

    def newest(self) -> list[TaskRecord]:
        """Of each task the newest round: what counts for progress."""
        return [self._tasks[keys[-1]] for keys in self._rounds.values()]

    def prerequisites(self, task: TaskRecord) -> list[Prerequisite]:
        """The tasks that it waits for, in order, each once.

        Of its own holder and period the newest round up to its own; of others the newest.
        """
        awaited = [self._tasks[key] for key in dict.fromkeys(self._awaited_keys(task))]
        return [Prerequisite(each, each.finished) for each in awaited]

    def unsatisfied(self, task: TaskRecord) -> list[TaskRecord]:
        """The tasks that it still waits for."""
        return [each.task for each in self.prerequisites(task) if not each.satisfied]

    def blocked(self, task: TaskRecord) -> bool:
        """Whether it is not done yet and waits for another task."""
        if task.status not in (TaskStatus.OPEN, TaskStatus.RETURNED) or not task.understood:
            return False
        return any(not self._tasks[key].finished for key in self._awaited_keys(task))

    def done_before_its_dependency(self, task: TaskRecord) -> bool:
        """Whether it is done although a task that it waits for is not, because that was undone later."""
        return (
            task.status in (TaskStatus.DONE, TaskStatus.SIGNED_OFF)
            and task.lapsed_on is None
            and bool(self.unsatisfied(task))
        )

    def waits_in_words(self, task: TaskRecord) -> str:
        """The tasks that it still waits for, as `waiting_words`."""
        return waiting_words(task, self.unsatisfied(task))

    def dependents(self) -> dict[TaskKey, list[TaskRecord]]:
        """The tasks that wait for each task, satisfied or not."""
        found: dict[TaskKey, list[TaskRecord]] = {}
        for task in self._tasks.values():
            for each in self.prerequisites(task):
                found.setdefault(each.task.key, []).append(task)
        return found

    def superseded(self, task: TaskRecord) -> bool:
        """Whether it has a newer round."""
        key = task.key
        return self._rounds[key.level, key.holder, key.period, key.code][-1] != key

    def due_too_early(self, task: TaskRecord) -> list[str]:
        """Warnings that it is due before a task that it waits for, in its own entity or another.

        Within one holder the time of day counts; between holders, whose zones differ, the date alone does.
        """
        return [
            f"Due {_due_words(task.due)}, before {_titled(task, each.task)}, due {_due_words(each.task.due)}"
            for each in self.prerequisites(task)
            if task.due is not None
            and each.task.due is not None
            and _is_earlier(task.due, each.task.due, same_holder=_same_holder(task, each.task))
        ]

    def stage(self, task: TaskRecord) -> TaskStage:
        """Where the task stands."""
        if not task.understood:
            return TaskStage.NOT_READABLE
        match task.status:
            case TaskStatus.NOT_NEEDED:
                return TaskStage.NOT_NEEDED
            case TaskStatus.SIGNED_OFF:
                return TaskStage.SIGNED_BEFORE_REOPENING if task.lapsed_on else TaskStage.SIGNED_OFF
            case TaskStatus.DONE if task.sign_off:
                return TaskStage.TO_SIGN_OFF
            case TaskStatus.DONE:
                return TaskStage.DONE_BEFORE_REOPENING if task.lapsed_on else TaskStage.DONE
            case _ if self.blocked(task):
                return TaskStage.BLOCKED
            case TaskStatus.RETURNED:
                return TaskStage.RETURNED
            case TaskStatus.OPEN:
                return TaskStage.READY

    def _awaited_keys(self, task: TaskRecord) -> Iterator[TaskKey]:
        for each in task.depends_on:
            for key in self._awaited(task.key, each):
                if key != task.key:
                    yield key

    def _awaited(self, key: TaskKey, each: DependsOn) -> Iterable[TaskKey]:
        match each.reach:
            case Reach.SAME:
                keys = self._rounds.get((key.level, key.holder, key.period, each.code), ())
                return [other for other in keys if other.round <= key.round][-1:]
            case Reach.GROUP:
                return self._newest_of(TaskLevel.GROUP, self._close_groups.get(key.holder, ""), each.code)
            case Reach.PARTNERS:
                holders = [key.holder, *sorted(self._partners.get(key.holder, ()))]
                return [
                    other
                    for holder in holders
                    for other in self._newest_of(TaskLevel.ENTITY, holder, each.code)
                ]
            case Reach.ALL:
                level = key.level is TaskLevel.GROUP
                group = key.holder if level else self._close_groups.get(key.holder, "")
                return self._of_members(group, each.code)

    def _of_members(self, group: str, code: str) -> tuple[TaskKey, ...]:
        if (group, code) not in self._of_all:
            self._of_all[group, code] = tuple(
                key
                for holder in sorted(self._members.get(group, ()))
                for key in self._newest_of(TaskLevel.ENTITY, holder, code)
            )
        return self._of_all[group, code]

    def _newest_of(self, level: TaskLevel, holder: str, code: str) -> list[TaskKey]:
        """The newest round of a holder's task, of each of its periods in the month."""
        periods = self._periods.get((level, holder, code), ())
        return [self._rounds[level, holder, period, code][-1] for period in sorted(periods)]


def _same_holder(task: TaskRecord, other: TaskRecord) -> bool:
    return (task.key.level, task.key.holder) == (other.key.level, other.key.holder)


def _titled(task: TaskRecord, other: TaskRecord) -> str:
    return f"“{other.title}”" + ("" if _same_holder(task, other) else f" of {other.holder_name}")


def _is_earlier(due: Deadline, before: Deadline, *, same_holder: bool) -> bool:
    return _end(due) < _end(before) if same_holder else due.due_on < before.due_on


def _end(due: Deadline) -> tuple[date, time]:
    return due.due_on, time.max if due.cut_off is None else due.cut_off


def _due_words(due: Deadline) -> str:
    return weekday_and_day(due.due_on) + ("" if due.cut_off is None else f" {due.cut_off:%H:%M}")


def waiting_words(task: TaskRecord, awaited: Iterable[TaskRecord]) -> str:
    """Tasks that a task waits for in words, those of other holders by title with up to three names; "" for none."""
    own: list[str] = []
    others: dict[str, list[str]] = {}
    for each in awaited:
        if _same_holder(task, each):
            own.append(each.title)
        else:
            others.setdefault(each.title, []).append(each.holder_name)
    parts = [f"“{title}”" for title in dict.fromkeys(own)]
    for title, names in others.items():
        once = list(dict.fromkeys(names))
        whom = join_with_and(once) if len(once) <= _MOST_NAMED else f"{len(once)} entities"
        parts.append(f"“{title}” of {whom}")
    return f"waits for {join_with_and(parts)}" if parts else ""

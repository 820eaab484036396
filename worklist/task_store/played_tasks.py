"""Plays the close tasks of the demo: what its people would have done by a moment, by the rules of the product."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction

from closing.close_tasks.erp_checks import UNCHECKED, CheckResult, CheckVerdict
from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_acts import TaskAct, act_on, refusal
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskStatus, TaskVerb
from entities.audit_trail import Verb, person_actor
from entities.models import Person
from infra.audit.recording import Act, record
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import CloseTask, TaskEvent
from worklist.recording.pair_facts import compare_after_revaluation
from worklist.task_store.task_acts_store import task_object
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_index import close_groups, index_of, tasks_of_month
from worklist.task_store.task_people import PeopleOfTasks, people_of_tasks
from worklist.task_store.task_rows import CHANGED_COLUMNS, event_row, key_of, set_changed_columns

_A_TASK_TAKES = timedelta(minutes=20)
_A_REVIEW_TAKES = timedelta(hours=2)
_HOURS_EARLY = 30  # tasks are done by up to so many hours before they are due
_CLOSED_ALL_THE_SAME = "Agreed with group finance: it stays for the next period."
_AUDITED = {
    TaskVerb.DONE: Verb.TASK_DONE,
    TaskVerb.CONFIRMED: Verb.TASK_CONFIRMED,
    TaskVerb.SIGNED: Verb.TASK_SIGNED,
}


@dataclass
class _Player:
    """One run over the tasks of a month."""

    index: TaskIndex
    tasks: list[CloseTask]
    checks: dict[int, CheckResult]
    closed: frozenset[int]  # periods
    now: datetime
    people: dict[int, PeopleOfTasks] = field(default_factory=dict)
    changed: dict[int, CloseTask] = field(default_factory=dict)
    events: list[TaskEvent] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    def people_of(self, person: Person) -> PeopleOfTasks:
        if person.pk not in self.people:
            self.people[person.pk] = people_of_tasks(person, self.tasks, self.now)
        return self.people[person.pk]

    def play(self, persons: dict[int, Person]) -> None:
        """Do and sign off until nothing more can be; an early task is tried before a late one."""
        waiting = sorted(self.tasks, key=lambda task: (task.due_on or date.max, task.position, task.pk))
        progress = True
        while progress:
            progress = False
            for task in waiting:
                progress = self._do(task, persons) or progress
            waiting = [task for task in waiting if task.status == TaskStatus.OPEN]

    def _do(self, task: CloseTask, persons: dict[int, Person]) -> bool:
        owner = persons.get(task.owner_id or 0)
        done = self.index[key_of(task)]
        check = self.checks.get(task.pk, UNCHECKED)
        reason = _CLOSED_ALL_THE_SAME if task.period_id in self.closed else ""
        if check.verdict is not CheckVerdict.SHOWS_WORK:
            reason = ""
        at = self._done_at(task, done)
        if owner is None or at > self.now:
            return False
        people = self.people_of(owner).of(task)
        if refusal(TaskAct.DO, done, owner.pk, people, self.index, check=check, reason=reason):
            return False
        self._act(TaskAct.DO, task, owner, at, check, reason)
        reviewer = persons.get(self.people_of(owner).reviewer(task) or 0) if task.sign_off else None
        if reviewer is not None and at + _A_REVIEW_TAKES <= self.now:
            people = self.people_of(reviewer).of(task)
            record_ = self.index[key_of(task)]
            if not refusal(TaskAct.SIGN_OFF, record_, reviewer.pk, people, self.index, check=check):
                self._act(TaskAct.SIGN_OFF, task, reviewer, at + _A_REVIEW_TAKES, check, "")
        return True

    def _done_at(self, task: CloseTask, record_: TaskRecord) -> datetime:
        """Some hours before it is due, after what it waits for; without a due date never."""
        if record_.due is None:
            return datetime.max.replace(tzinfo=self.now.tzinfo)
        digest = hashlib.sha256(f"{task.holder.code} {task.code}".encode()).digest()
        early = timedelta(hours=1 + digest[0] % _HOURS_EARLY, minutes=digest[1] % 60)
        before = [each.task.finished_at for each in self.index.prerequisites(record_)]
        ready = max((at for at in before if at is not None), default=task.generated_at)
        return max(record_.due.due_at - early, ready + _A_TASK_TAKES)

    def _act(
        self, act: TaskAct, task: CloseTask, by: Person, at: datetime, check: CheckResult, reason: str
    ) -> None:
        before = task.status
        people = self.people_of(by).of(task)
        after, change = act_on(
            act, self.index[key_of(task)], by.pk, people, at, self.index, check=check, reason=reason
        )
        self.index.replace(after)
        set_changed_columns(task, after, at)
        self.changed[task.pk] = task
        self.events.append(event_row(task, change))
        self.acts.append(_audit_act(task, change, by, before))


def _audit_act(task: CloseTask, change: TaskChange, by: Person, before: str) -> Act:
    return Act(
        _AUDITED[change.verb].value,
        task_object(task),
        change.at,
        person_actor(by),
        {"status": before},
        {"status": task.status},
        change.reason,
    )


@transaction.atomic
def play_tasks(month: date, closed: Iterable[int], now: datetime) -> int:
    """Do and sign off the tasks of a month as its people would have by now; returns how many acts that were.

    Tasks that a check shows not to be done stay open, but for the periods that are `closed`: there their owner
    confirms them with a reason. Each act keeps the rules and is an event, of the hours before the task was due.
    """
    tasks = tasks_of_month(month)
    index = index_of(tasks, close_groups())
    player = _Player(index, tasks, check_results(tasks, now), frozenset(closed), now)
    player.play({person.pk: person for person in Person.objects.filter(is_active=True)})
    columns = [name.removesuffix("_id") for name in CHANGED_COLUMNS]
    CloseTask.objects.bulk_update(player.changed.values(), columns, batch_size=500)
    TaskEvent.objects.bulk_create(player.events, batch_size=1000)
    record(player.acts)
    compare_after_revaluation(player.changed.values(), now)
    if player.events:
        nudge_after_commit()
    return len(player.events)

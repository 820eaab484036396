"""The section `tasks`: which groups have close tasks, from which templates, and from which month on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from closing.close_tasks.task_templates import TemplateKind
from entities.models import Group
from periods.group_file.added_sections import AddedSection
from periods.group_file.diff import GroupFileDiff, changed_values
from periods.group_file.file_entries import ExistingRows, FileEntry, KnownNames, check_duplicates
from periods.group_file.shape import (
    GroupFileItem,
    MaybeMonth,
    MaybeReference,
    MaybeZone,
    Reference,
    one_of,
    optional,
    required,
    whole_number,
)
from worklist.models import TaskAdoption
from worklist.task_store.missing_roles import missing_roles, missing_roles_phrases
from worklist.template_store.templates_store import (
    AdoptionChoices,
    TemplatesRefused,
    adopt_tasks,
    adoption_choices,
    change_adoption,
    publish_standard,
    published_kinds,
    standard_templates,
)

_KINDS = [kind.value for kind in TemplateKind]


class TasksItem(GroupFileItem):
    """A group with close tasks; a key that is left out keeps what is there."""

    group: Reference
    calendar: MaybeReference = None
    zone: MaybeZone = None
    first_working_day_is: Annotated[int | None, optional(partial(whole_number, low=0, high=1))] = None
    from_month: MaybeMonth = None
    templates: list[Annotated[str, required(partial(one_of, words=_KINDS))]] = _KINDS


def _choices(
    entry: FileEntry[TasksItem], rows: ExistingRows, before: AdoptionChoices | None
) -> AdoptionChoices:
    item = entry.item
    return AdoptionChoices(
        calendar=before.calendar if before and not item.calendar else rows.calendars[item.calendar or ""],
        zone=item.zone or (before.zone if before else ""),
        first_is=(before.first_is if before else 1)
        if item.first_working_day_is is None
        else item.first_working_day_is,
        from_month=before.from_month if before and not entry.has_key("from_month") else item.from_month,
    )


class _Tasks:
    def check(
        self, entries: Sequence[FileEntry[TasksItem]], names: KnownNames, existing: ExistingRows
    ) -> None:
        if not entries:
            return
        check_duplicates(list(entries), "the tasks of group", lambda item: item.group)
        adopted = set(TaskAdoption.objects.values_list("group__code", flat=True))
        for entry in entries:
            item = entry.item
            names.require(entry, "group", "calendar")
            if item.group not in adopted:
                for key in ("calendar", "zone"):
                    if getattr(item, key) is None:
                        entry.refuse(f"group {item.group} has no close tasks yet and needs `{key}`")
            if TemplateKind.MONTH.value not in item.templates:
                entry.refuse(
                    "`templates` needs month: the others add to it at quarter and year ends", "templates"
                )

    def write(self, entries: Sequence[FileEntry[TasksItem]], rows: ExistingRows, diff: GroupFileDiff) -> None:
        for entry in entries:
            group = rows.groups[entry.item.group]
            old = TaskAdoption.objects.select_related("calendar").filter(group=group).first()
            try:
                if old is None:
                    self._adopt(entry, group, rows, diff)
                else:
                    self._change(entry, old, group, rows, diff)
            except TemplatesRefused as refused:
                entry.refuse(str(refused), "templates")
        if diff.has_changes:
            diff.notes += missing_roles_phrases(missing_roles())

    def _adopt(
        self, entry: FileEntry[TasksItem], group: Group, rows: ExistingRows, diff: GroupFileDiff
    ) -> None:
        choices = _choices(entry, rows, None)
        kinds = [TemplateKind(word) for word in entry.item.templates]
        adopt_tasks(
            group,
            choices.calendar,
            choices.zone,
            diff.as_of,
            first_is=choices.first_is,
            from_month=choices.from_month,
            templates=standard_templates(kinds),
        )
        words = [f"{key} {text}" for key, text in choices.words().items()]
        diff.add_line(f"close tasks of group {group.code}: {', '.join(kinds)}; {', '.join(words)}")
        diff.notes.append(
            f"The tasks of {group.code} for the closes that have begun are generated within 15 minutes;"
            " `manage.py adopt_tasks` does so at once."
        )

    def _change(
        self,
        entry: FileEntry[TasksItem],
        old: TaskAdoption,
        group: Group,
        rows: ExistingRows,
        diff: GroupFileDiff,
    ) -> None:
        before = adoption_choices(old)
        choices = _choices(entry, rows, before)
        change_adoption(old, choices, diff.as_of)
        label = f"close tasks of group {group.code}"
        diff.change_line(label, changed_values(before.words(), choices.words()))
        held = published_kinds(group)
        for kind in TemplateKind:
            if kind.value in entry.item.templates and kind not in held:
                publish_standard(group, kind, diff.as_of)
                diff.add_line(f"template {kind} of group {group.code}")
            elif kind in held and kind.value not in entry.item.templates:
                diff.not_in_file.append(f"the template {kind} of group {group.code}")


TASKS = AddedSection("tasks", TasksItem, _Tasks())

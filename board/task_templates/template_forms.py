"""The forms of a template: one task of a draft, the acts on a draft, and a file to import."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms

from board.web.forms import LineField, one_message
from closing.close_tasks.task_templates import LinkKind, TaskSpec, TemplateKind, TemplateVersion
from closing.close_tasks.template_export import template_table
from closing.close_tasks.template_rows import COLUMNS, ImportRow, RowProblem, read_tasks
from worklist.task_store.link_hosts import link_hosts

FIELDS = {
    "title": "Task",
    "code": "Code",
    "days": "TargetDaysFromProjectComplete",
    "day_kind": "DayKind",
    "at": "DueTime",
    "after": "DependsOn",
    "role": "ClosingRole",
    "sign_off": "SignOff",
    "reviewer": "ReviewerRole",
    "area": "Area",
    "level": "Level",
    "erp": "Erp",
    "applies_if": "AppliesIf",
    "check": "ErpCheck",
    "link_kind": "TaskLinkType",
    "link": "TaskLink",
    "hint": "Hint",
}
_NAMES = {column: name for name, column in FIELDS.items()}
MOST_BYTES = 2 * 1024 * 1024


class RevisionForm(forms.Form):
    """The revision of the draft, and the newest version, that a page showed."""

    revision = forms.IntegerField(
        min_value=1, max_value=10**6, error_messages=one_message("Open the draft again: nothing was saved.")
    )
    version = forms.IntegerField(required=False, min_value=0, max_value=10**6)


class DraftActForm(RevisionForm):
    """An act on a draft, or on one of its tasks."""

    act = forms.ChoiceField(
        choices=[(act, act) for act in ("publish", "withdraw", "rename", "remove", "up")],
        error_messages=one_message("Choose what to do with the draft."),
    )
    code = LineField(required=False, max_length=60)
    name = LineField(required=False, max_length=100)


class DraftTaskForm(forms.Form):
    """One task of a draft, in the cells of a file; the errors are those of an import, bound to the fields."""

    title = LineField(required=False)
    code = LineField(required=False)
    days = LineField(required=False)
    day_kind = forms.ChoiceField(
        required=False,
        choices=[("working", "working days"), ("calendar", "calendar days")],
        error_messages=one_message("Choose working days or calendar days."),
    )
    at = LineField(required=False)
    after = LineField(required=False)
    role = LineField(required=False)
    sign_off = forms.BooleanField(required=False)
    reviewer = LineField(required=False)
    area = LineField(required=False)
    level = forms.ChoiceField(
        required=False,
        choices=[("entity", "each entity"), ("group", "the group")],
        error_messages=one_message("Choose whose task it is."),
    )
    erp = LineField(required=False)
    applies_if = LineField(required=False)
    check = LineField(required=False)
    link_kind = forms.ChoiceField(
        required=False,
        choices=[(LinkKind.MENU_ITEM.value, "Menu item of the ERP"), (LinkKind.URL.value, "Address")],
        error_messages=one_message("Choose the kind of link."),
    )
    link = LineField(required=False)
    hint = LineField(required=False)

    def __init__(self, data: object = None, task: TaskSpec | None = None) -> None:
        super().__init__(data, initial=_initial(task))  # type: ignore[arg-type]

    def clean(self) -> dict[str, object]:
        """The cells read as those of a file; the task is `task` then."""
        values = super().clean() or self.cleaned_data
        cells = {FIELDS[name]: str(value) for name, value in values.items() if name in FIELDS}
        cells["SignOff"] = "yes" if values.get("sign_off") else ""
        read, problems = read_tasks([ImportRow(1, cells)], allowed_hosts=link_hosts())
        for problem in problems:
            self.add_error(_NAMES.get(problem.column, "title"), sentence(problem.words))
        if values.get("sign_off") and not values.get("reviewer"):
            self.add_error("reviewer", "Give the role that signs the task off.")
        self.task = read[0][1] if read else None
        return values


class ImportForm(forms.Form):
    """A file of a template; `template` chooses one of several in the file."""

    file = forms.FileField(
        required=True,
        error_messages={"required": "Choose a file first.", "empty": "The file is empty."},
        max_length=300,
    )
    template = LineField(required=False, max_length=200)
    good_ones = forms.BooleanField(required=False)


def sentence(words: str) -> str:
    """The words of a problem as a sentence."""
    begun = words[:1].upper() + words[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."


def problem_lines(problems: Iterable[RowProblem]) -> list[tuple[int, str, str]]:
    """Problems of a file as line, column and sentence."""
    return [(problem.line, problem.column, sentence(problem.words)) for problem in problems]


def _initial(task: TaskSpec | None) -> dict[str, object]:
    if task is None:
        return {"day_kind": "working", "level": "entity", "link_kind": LinkKind.MENU_ITEM.value}
    _, cells = template_table(TemplateVersion("", TemplateKind.MONTH, 1, (task,)))
    by_column = dict(zip(COLUMNS, cells, strict=True))
    values: dict[str, object] = {name: by_column[column] for name, column in FIELDS.items()}
    values["sign_off"] = task.sign_off
    values["link_kind"] = by_column["TaskLinkType"] or LinkKind.MENU_ITEM.value
    return values

"""Templates of close tasks as rows for CSV, Excel and the Microsoft workspace (08-blockers-and-tasks 9.3)."""

from __future__ import annotations

import csv
import io

from closing.close_tasks.task_templates import TemplateVersion
from closing.close_tasks.template_cells import (
    guarded,
    guarded_twice,
    offset_cells,
    own_cells,
    seconds_after_midnight,
)
from closing.close_tasks.template_rows import COLUMNS, WORKSPACE_COLUMNS


def template_table(template: TemplateVersion) -> list[list[str]]:
    """A template as a header and rows of `COLUMNS`, which `templates_of_rows` reads back unchanged."""
    return [list(COLUMNS), *(_cells(template, line) for line in range(len(template.tasks)))]


def sheet_rows(template: TemplateVersion) -> list[list[str | int]]:
    """The rows of `template_table` for a workbook, where text is text: numbers of lines and days are numbers."""
    numbers = {COLUMNS.index(name) for name in ("LineNumber", "TargetDaysFromProjectComplete")}
    return [
        [int(text) if column in numbers else guarded_twice(text) for column, text in enumerate(cells)]
        for cells in template_table(template)[1:]
    ]


def workspace_csv(template: TemplateVersion) -> str:
    """The text of a CSV file of `workspace_records`, guarded as `template_csv`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(WORKSPACE_COLUMNS)
    for record in workspace_records(template):
        writer.writerow([guarded(value) if isinstance(value, str) else value for value in record.values()])
    return out.getvalue()


def template_csv(template: TemplateVersion) -> str:
    """A template as the text of a CSV file with a header; what a spreadsheet might run as a formula is guarded."""
    days = COLUMNS.index("TargetDaysFromProjectComplete")
    rows = [
        [text if column == days else guarded(text) for column, text in enumerate(cells)]
        for cells in template_table(template)
    ]
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def workspace_records(template: TemplateVersion) -> list[dict[str, object]]:
    """A template as records of `PeriodCloseTemplateTasks`, which has no dependencies, checks and sign-offs."""
    records = []
    for line, cells in enumerate(template_table(template)[1:]):
        record: dict[str, object] = dict(zip(COLUMNS, cells, strict=True))
        due = template.tasks[line].due
        record |= {
            "LineNumber": line + 1,
            "TargetDaysFromProjectComplete": due.days,
            "DueTime": seconds_after_midnight(due.at),
            "CompanySelection": ", ".join(sorted(template.tasks[line].applies_if.entities)),
        }
        records.append({name: record[name] for name in WORKSPACE_COLUMNS})
    return records


def _cells(template: TemplateVersion, line: int) -> list[str]:
    task = template.tasks[line]
    days, _, at = offset_cells(task.due)
    cells = {
        "Template": template.name,
        "LineNumber": str(line + 1),
        "Task": task.title,
        "Area": ", ".join(task.areas),
        "ClosingRole": task.owner_role,
        "TargetDaysFromProjectComplete": days,
        "DueTime": at,
        "TaskLink": task.link.target if task.link else "",
        "TaskLinkType": task.link.kind if task.link else "",
        **own_cells(task),
    }
    return [cells.get(name, "") for name in COLUMNS]

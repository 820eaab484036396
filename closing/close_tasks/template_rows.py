"""Templates of close tasks from rows of the Microsoft workspace, CSV and Excel (08-blockers-and-tasks 9.3).

The columns are those of `PeriodCloseTemplateTasks`, and beside them those that it does not have. A row is read by the
names of its columns, whatever their order, case and spaces.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from closing.close_tasks.task_templates import AppliesIf, TaskSpec, TemplateKind, TemplateVersion
from closing.close_tasks.template_cells import (
    own_cells,
    parse_applies_if,
    parse_areas,
    parse_check,
    parse_code,
    parse_depends_on,
    parse_erp_rule,
    parse_level,
    parse_link,
    parse_offset,
    parse_yes,
    unguarded,
)
from closing.tables import FileTable, RefusedCell

WORKSPACE_COLUMNS = (
    "Template",
    "LineNumber",
    "Task",
    "Area",
    "ClosingRole",
    "CompanySelection",
    "TargetDaysFromProjectComplete",
    "DueTime",
    "TaskLink",
    "TaskLinkType",
)
OWN_COLUMNS = (
    "DependsOn",
    "Code",
    "Level",
    "Erp",
    "AppliesIf",
    "DayKind",
    "ErpCheck",
    "SignOff",
    "ReviewerRole",
    "Hint",
)
COLUMNS = (*WORKSPACE_COLUMNS, *OWN_COLUMNS)
_REQUIRED = ("Task", "TargetDaysFromProjectComplete")
_BY_FOLDED_NAME = {name.casefold(): name for name in COLUMNS}
MOST_ROWS = 500
_TIME_AS_TEXT = "write the time as text like 12:00, in a cell that is formatted as text"
_LONGEST = {"Template": 100, "Task": 200, "Hint": 400, "TaskLink": 500, "ClosingRole": 80, "ReviewerRole": 80}


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row of a file or of a workspace: its line for messages, and its cells by the names of `COLUMNS`.

    `refused` has the sentence of each cell whose value the reader of the file does not take.
    """

    line: int
    cells: Mapping[str, str]
    refused: Mapping[str, str] = field(default_factory=dict)

    def cell(self, column: str) -> str:
        """The text of a column without surrounding spaces; "" where there is none."""
        return unguarded(self.cells.get(column, ""))


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be taken: its line, the column where one is to blame, and a sentence."""

    line: int
    column: str
    words: str


@dataclass(frozen=True, slots=True)
class ImportedTemplate:
    """The rows of one template that can be taken, and the problems of the others."""

    name: str
    tasks: tuple[TaskSpec, ...]
    problems: tuple[RowProblem, ...] = ()

    def as_template(
        self, kind: TemplateKind, version: int, *, good_ones_only: bool = False
    ) -> TemplateVersion:
        """The template of all rows, or of the good ones; raises ValueError with problems for the former."""
        if self.problems and not good_ones_only:
            lines = len({problem.line for problem in self.problems})
            raise ValueError(
                f"{lines} {'row' if lines == 1 else 'rows'} of {self.name} cannot be taken: correct them,"
                " or import the good ones only"
            )
        return TemplateVersion(self.name, kind, version, self.tasks)


def rows_of_csv(text: str) -> list[ImportRow]:
    """The rows of a CSV file with a header, separated by commas or semicolons.

    Raises ValueError for a file without one of the columns that every row needs, with an unknown column or one twice,
    or with more than 500 rows.
    """
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    return rows_of_table(list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))


def rows_of_table(table: Sequence[Sequence[object]]) -> list[ImportRow]:
    """The rows of a sheet whose first row names the columns; empty rows are left out. Raises as `rows_of_csv`."""
    return _rows_of_lines(list(enumerate(table, start=1)))


def rows_of_file(table: FileTable) -> list[ImportRow]:
    """The rows of a table that a person sent. Raises as `rows_of_csv`, and the error of a file that is unreadable."""
    return _rows_of_lines(
        [(row.line, row.cells) for row in islice(table.rows, MOST_ROWS + 2)]  # one too many says so
    )


def has_own_columns(rows: Iterable[ImportRow]) -> bool:
    """Whether the file has any column that the Microsoft workspace does not have."""
    return any(name in OWN_COLUMNS for row in rows for name in row.cells)


def keep_own_columns(rows: Iterable[ImportRow], template: TemplateVersion) -> list[ImportRow]:
    """Rows of the Microsoft workspace with what it does not know, from the template's only task of the same title."""
    by_title: dict[str, list[TaskSpec]] = {}
    for task in template.tasks:
        by_title.setdefault(task.title.casefold(), []).append(task)
    kept = []
    for row in rows:
        known = by_title.get(row.cell("Task").casefold(), [])
        if len(known) == 1:
            applies_if = replace(known[0].applies_if, entities=frozenset())
            own = own_cells(replace(known[0], applies_if=applies_if))
            row = replace(row, cells={**own, **row.cells})  # noqa: PLW2901
        kept.append(row)
    return kept


def rows_of_workspace(records: Iterable[Mapping[str, object]]) -> list[ImportRow]:
    """The rows of `PeriodCloseTemplateTasks` as the ERP answers them, in the order of their line numbers.

    Properties that the set has beside its known ones are ignored.
    """
    rows = [
        {name: _text(record.get(name)) for name in WORKSPACE_COLUMNS if record.get(name) is not None}
        for record in records
    ]
    rows.sort(key=lambda cells: (cells.get("Template", ""), _line_number(cells.get("LineNumber", ""))))
    return [ImportRow(line, cells) for line, cells in enumerate(rows, start=1)]


def templates_of_rows(
    rows: Iterable[ImportRow],
    *,
    default_name: str = "Imported",
    other_codes: Collection[str] = (),
    allowed_hosts: Collection[str] | None = None,
    entity_codes: Mapping[str, str] | None = None,
) -> list[ImportedTemplate]:
    """One template for each name in the column Template, with the problems of its rows.

    `other_codes` are the codes of the templates beside it, which its tasks may wait for. `entity_codes` gives the
    entity of each company of the ERP, in small letters; without it companies are entities. A row without a code has
    one made of its title. A row that waits for a row that cannot be taken, or for itself through others, cannot be
    taken either.
    """
    by_name: dict[str, list[ImportRow]] = {}
    for row in rows:
        by_name.setdefault(row.cell("Template") or default_name, []).append(row)
    return [
        _template_of_rows(name, named, frozenset(other_codes), allowed_hosts, entity_codes)
        for name, named in by_name.items()
    ]


def read_tasks(
    rows: Sequence[ImportRow],
    *,
    allowed_hosts: Collection[str] | None = None,
    entity_codes: Mapping[str, str] | None = None,
) -> tuple[list[tuple[int, TaskSpec]], list[RowProblem]]:
    """The tasks of rows with their lines, and the problems of the others; what a task waits for is not looked up."""
    read: list[tuple[int, TaskSpec]] = []
    problems: list[RowProblem] = []
    given = {row.cell("Code") for row in rows}
    used: set[str] = set()
    for row in rows:
        reader = _RowReader(row, allowed_hosts, entity_codes)
        task = reader.task(row.cell("Code") or _code_of_title(row.cell("Task"), used | given))
        if task is not None and task.code in used:
            reader.problems.append(
                RowProblem(row.line, "Code", f"the code {task.code} stands in an earlier row")
            )
            task = None
        problems += reader.problems
        if task is not None:
            used.add(task.code)
            read.append((row.line, task))
    return read, problems


def _rows_of_lines(lines: Sequence[tuple[int, Sequence[object]]]) -> list[ImportRow]:
    header = [_column(str(name or "")) for name in (lines[0][1] if lines else ())]
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise ValueError(f"the first row names no column {' and no column '.join(missing)}")
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise ValueError(f"the first row names the column {repeated[0]} more than once")
    if len(lines) - 1 > MOST_ROWS:
        raise ValueError(f"a template has at most {MOST_ROWS} rows, not {len(lines) - 1} or more")
    rows = []
    for line, values in lines[1:]:
        named = [(name, value) for name, value in zip(header, values, strict=False) if name]
        refused = {
            name: _TIME_AS_TEXT if name == "DueTime" else value.words
            for name, value in named
            if isinstance(value, RefusedCell)
        }
        cells = {name: "" if name in refused else _text(value) for name, value in named}
        if refused or any(cell.strip() for cell in cells.values()):
            rows.append(ImportRow(line, cells, refused))
    return rows


def _template_of_rows(
    name: str,
    rows: Sequence[ImportRow],
    other_codes: frozenset[str],
    allowed_hosts: Collection[str] | None,
    entity_codes: Mapping[str, str] | None,
) -> ImportedTemplate:
    read, problems = read_tasks(rows, allowed_hosts=allowed_hosts, entity_codes=entity_codes)
    while True:  # a row that goes may be what another waits for
        codes = {task.code for _, task in read} | other_codes
        refused = _waits_for_nothing(read, codes) or _waits_for_itself(read)
        if not refused:
            break
        problems += refused
        lines = {problem.line for problem in refused}
        read = [(line, task) for line, task in read if line not in lines]
    ordered = sorted(problems, key=lambda problem: problem.line)
    return ImportedTemplate(name, tuple(task for _, task in read), tuple(ordered))


class _RowReader:
    """Reads one row cell by cell and collects every problem of it."""

    def __init__(
        self,
        row: ImportRow,
        allowed_hosts: Collection[str] | None,
        entity_codes: Mapping[str, str] | None,
    ) -> None:
        self.row, self.allowed_hosts, self.entity_codes = row, allowed_hosts, entity_codes
        self.problems: list[RowProblem] = []

    def task(self, code: str) -> TaskSpec | None:
        """The row as a task; None with problems."""
        cell = self.row.cell
        for column, words in self.row.refused.items():
            self._refuse(column, words)
        for column, longest in _LONGEST.items():
            if len(cell(column)) > longest:
                self._refuse(column, f"at most {longest} characters, not {len(cell(column))}")
        if not cell("Task") and "Task" not in self.row.refused:
            self._refuse("Task", "write what is to be done")
        try:
            column = "Code"
            parse_code(code)
            column = "TargetDaysFromProjectComplete"
            due = parse_offset(cell(column), cell("DayKind"), cell("DueTime"))
            column = "Level"
            level = parse_level(cell(column))
            column = "Erp"
            erp = parse_erp_rule(cell(column))
            column = "AppliesIf"
            applies_if = self._companies(parse_applies_if(cell(column), cell("CompanySelection")))
            column = "DependsOn"
            depends_on = parse_depends_on(cell(column))
            column = "ErpCheck"
            check = parse_check(cell(column))
            column = "SignOff"
            sign_off = parse_yes(cell(column))
            column = "Area"
            areas = parse_areas(cell(column))
            column = "TaskLink"
            link = parse_link(cell("TaskLinkType"), cell(column), self.allowed_hosts)
        except ValueError as error:
            if column not in self.row.refused:
                self._refuse(column, str(error))
            return None
        if self.problems:
            return None
        return TaskSpec(
            code=code,
            title=cell("Task"),
            due=due,
            areas=areas,
            level=level,
            erp=erp,
            applies_if=applies_if,
            depends_on=depends_on,
            owner_role=cell("ClosingRole"),
            reviewer_role=cell("ReviewerRole"),
            check=check,
            sign_off=sign_off,
            link=link,
            hint=cell("Hint"),
        )

    def _refuse(self, column: str, words: str) -> None:
        self.problems.append(RowProblem(self.row.line, column, words))

    def _companies(self, rule: AppliesIf) -> AppliesIf:
        if self.entity_codes is None:
            return rule
        unknown = sorted(code for code in rule.entities if code.casefold() not in self.entity_codes)
        if unknown:
            raise ValueError(f"no entity has the company {unknown[0]}")
        return replace(rule, entities=frozenset(self.entity_codes[code.casefold()] for code in rule.entities))


def _waits_for_nothing(read: Sequence[tuple[int, TaskSpec]], codes: Collection[str]) -> list[RowProblem]:
    return [
        RowProblem(line, "DependsOn", f"it waits for {each.code}, and no row with that code can be taken")
        for line, task in read
        for each in task.depends_on
        if each.code not in codes
    ]


def _waits_for_itself(read: Sequence[tuple[int, TaskSpec]]) -> list[RowProblem]:
    before = {task.code: [each.code for each in task.depends_on] for _, task in read}
    problems = []
    for line, task in read:
        seen: set[str] = set()
        ahead = list(before[task.code])
        while ahead:
            code = ahead.pop()
            if code not in seen:
                seen.add(code)
                ahead += before.get(code, [])
        if task.code in seen:
            problems.append(
                RowProblem(line, "DependsOn", "it waits for itself, through the tasks it waits for")
            )
    return problems


def _code_of_title(title: str, taken: Collection[str]) -> str:
    """A code made of a title, so that a task has the same code in another template; numbered if it is taken."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:36].strip("-") or "task"
    code, number = stem, 2
    while code in taken:
        code, number = f"{stem}-{number}", number + 1
    return code


def _column(name: str) -> str:
    folded = re.sub(r"[^a-z]", "", name.casefold())
    if folded and folded not in _BY_FOLDED_NAME:
        raise ValueError(f'there is no column "{name.strip()}"; there are: {", ".join(COLUMNS)}')
    return _BY_FOLDED_NAME.get(folded, "")


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _line_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")

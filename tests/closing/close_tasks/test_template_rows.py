"""Rows of the Microsoft workspace, CSV and sheets become templates, with problems row by row, and back (08 9.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from hypothesis import given

from closing.close_tasks.due_offsets import DueOffset
from closing.close_tasks.task_templates import (
    AppliesIf,
    DependsOn,
    LinkKind,
    TaskLink,
    TaskSpec,
    TemplateKind,
    TemplateVersion,
)
from closing.close_tasks.template_cells import (
    check_cell,
    erp_cell,
    parse_check,
    parse_erp_rule,
)
from closing.close_tasks.template_export import template_csv, template_table, workspace_records
from closing.close_tasks.template_rows import (
    WORKSPACE_COLUMNS,
    ImportedTemplate,
    RowProblem,
    rows_of_csv,
    rows_of_table,
    rows_of_workspace,
    templates_of_rows,
)
from tests.closing.close_tasks.task_builders import row, standard_codes, standard_templates, template
from tests.closing.close_tasks.template_strategies import tasks


def _read(text: str, **options: object) -> ImportedTemplate:
    (imported,) = templates_of_rows(rows_of_csv(text), **options)  # type: ignore[arg-type]
    return imported


WORKSPACE = [
    {
        "@odata.etag": "W/1",
        "Template": "Month end",
        "LineNumber": 2.0,
        "Task": "Post all vendor invoices",
        "Area": "Accounts payable",
        "ClosingRole": "AP clerk",
        "CompanySelection": "USMF; GBSI",
        "TargetDaysFromProjectComplete": 2,
        "DueTime": 43200,
        "TaskLink": "VendInvoiceWorkspace",
        "TaskLinkType": "MenuItem",
    },
    {
        "Template": "Month end",
        "LineNumber": 1.0,
        "Task": "Open the next period",
        "Area": "",
        "ClosingRole": None,
        "CompanySelection": "All",
        "TargetDaysFromProjectComplete": -2,
        "DueTime": 0,
        "TaskLink": "https://wiki.example.com/open",
        "TaskLinkType": "Url",
    },
    {
        "Template": "Year end",
        "LineNumber": 1.0,
        "Task": "Count",
        "TargetDaysFromProjectComplete": 0,
        "DueTime": 0,
    },
]


def test_rows_of_the_workspace_become_templates() -> None:
    month, year = templates_of_rows(rows_of_workspace(WORKSPACE), allowed_hosts={"example.com"})
    assert (month.name, year.name, month.problems) == ("Month end", "Year end", ())
    opened, posted = month.tasks
    assert (opened.code, opened.due, opened.applies_if) == (
        "open-the-next-period",
        DueOffset(-2),
        AppliesIf(),
    )
    assert opened.link == TaskLink(LinkKind.URL, "https://wiki.example.com/open")
    assert posted == TaskSpec(
        code="post-all-vendor-invoices",
        title="Post all vendor invoices",
        due=DueOffset(2, at=time(12)),
        areas=("Accounts payable",),
        applies_if=AppliesIf(entities=frozenset({"USMF", "GBSI"})),
        owner_role="AP clerk",
        link=TaskLink(LinkKind.MENU_ITEM, "VendInvoiceWorkspace"),
    )


def test_companies_of_the_workspace_become_entities_or_a_problem() -> None:
    month, _ = templates_of_rows(
        rows_of_workspace(WORKSPACE),
        allowed_hosts={"example.com"},
        entity_codes={"usmf": "US1", "gbsi": "GB1"},
    )
    assert month.tasks[1].applies_if.entities == {"US1", "GB1"}
    month, _ = templates_of_rows(rows_of_workspace(WORKSPACE), entity_codes={"usmf": "US1"})
    assert RowProblem(2, "AppliesIf", "no entity has the company GBSI") in month.problems


def test_a_template_goes_back_to_the_workspace_as_it_came() -> None:
    month, _ = templates_of_rows(rows_of_workspace(WORKSPACE))
    records = workspace_records(month.as_template(TemplateKind.MONTH, 1))
    assert [tuple(record) for record in records] == [WORKSPACE_COLUMNS] * 2
    (again,) = templates_of_rows(rows_of_workspace(records))
    assert again.tasks == month.tasks
    assert records[1]["DueTime"] == 43200


@pytest.mark.parametrize("kind", ["month", "quarter", "year"])
def test_a_standard_template_is_read_back_from_its_own_export(kind: str) -> None:
    known: TemplateVersion = getattr(standard_templates(), kind)
    read = _read(template_csv(known), other_codes=standard_codes())
    assert (read.name, read.tasks, read.problems) == (known.name, known.tasks, ())
    (sheet,) = templates_of_rows(rows_of_table(template_table(known)), other_codes=standard_codes())
    assert sheet == read


def test_columns_are_found_by_name_in_any_order_and_with_semicolons() -> None:
    read = _read(
        "\ufefftask;Target Days From Project Complete;due time;depends on\r\nClose;3;9:30;\r\n\r\nSign;4;;close\r\n"
    )
    assert [(task.code, task.due) for task in read.tasks] == [
        ("close", DueOffset(3, at=time(9, 30))),
        ("sign", DueOffset(4)),
    ]
    assert read.tasks[1].depends_on == (DependsOn("close"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no column Task and no column TargetDays"),
        ("Task\n", "names no column TargetDays"),
        ("Task,TargetDaysFromProjectComplete,Colour\n", 'no column "Colour"'),
        ("Task,Task,TargetDaysFromProjectComplete\n", "the column Task more than once"),
        ("Task,TargetDaysFromProjectComplete\n" + "A,1\n" * 501, "at most 500 rows, not 501"),
    ],
)
def test_a_file_that_is_no_template_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rows_of_csv(text)


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"Task": ""}, "Task", "write what is to be done"),
        ({"Task": "x" * 201}, "Task", "at most 200 characters, not 201"),
        ({"Code": "a" * 41}, "Code", "a code has at most 40 characters, not 41"),
        ({"Area": "a" * 61}, "Area", "an area has at most 60 letters, not 61"),
        ({"Code": "A B"}, "Code", 'write a code with small letters, digits and hyphens, like "ap-post", not "A B"'),
        (
            {"TargetDaysFromProjectComplete": "soon"},
            "TargetDaysFromProjectComplete",
            'write days from period end as a whole number like 3, 0 or -2, not "soon"',
        ),
        (
            {"TargetDaysFromProjectComplete": "999"},
            "TargetDaysFromProjectComplete",
            "a task is due at most 366 days from period end, not 999",
        ),
        (
            {"DueTime": "25:00"},
            "TargetDaysFromProjectComplete",
            'write a time of day like 12:00, or seconds after midnight, not "25:00"',
        ),
        (
            {"DueTime": "86400"},
            "TargetDaysFromProjectComplete",
            'write a time of day like 12:00, or seconds after midnight, not "86400"',
        ),
        ({"DayKind": "lunar"}, "TargetDaysFromProjectComplete", 'days are "working" or "calendar", not "lunar"'),
        ({"Level": "team"}, "Level", 'a task is of an "entity" or of the "group", not "team"'),
        ({"Erp": "SAP"}, "Erp", 'there is no ERP "SAP"; there are: F&O, BC, Odoo, ERPNext, NetSuite, Xero'),
        (
            {"Erp": "F&O, not BC"},
            "Erp",
            'name the ERPs that have the task, or those that do not, not both: "F&O, not BC"',
        ),
        ({"DependsOn": "nowhere"}, "DependsOn", "it waits for nowhere, and no row with that code can be taken"),
        ({"SignOff": "perhaps"}, "SignOff", 'write "yes" or nothing, not "perhaps"'),
        ({"TaskLink": "http://wiki.example.com"}, "TaskLink", 'a link begins with https:// and a host, not "http://wiki.example.com"'),
        (
            {"TaskLink": "js:x", "TaskLinkType": "Url"},
            "TaskLink",
            'a link begins with https:// and a host, not "js:x"',
        ),
        (
            {"TaskLink": "https://evil.example.org/?example.com"},
            "TaskLink",
            "links to evil.example.org are not allowed: an administrator adds the host to the allow-list",
        ),
        (
            {"TaskLink": "https://notexample.com"},
            "TaskLink",
            "links to notexample.com are not allowed: an administrator adds the host to the allow-list",
        ),
        ({"TaskLink": "x", "TaskLinkType": "Fax"}, "TaskLink", 'a link is a "MenuItem" or a "Url", not "Fax"'),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_taken_says_why_and_the_others_are_taken(
    cells: dict[str, str], column: str, words: str
) -> None:
    good = {"Task": "Good", "TargetDaysFromProjectComplete": "1"}
    bad = {"Task": "Bad", "TargetDaysFromProjectComplete": "1"} | cells
    header = list(good | bad)
    table = [header, *([each.get(name, "") for name in header] for each in (good, bad))]
    (read,) = templates_of_rows(rows_of_table(table), allowed_hosts={"example.com"})
    assert read.problems == (RowProblem(3, column, words),)
    assert [task.code for task in read.tasks] == ["good"]
    with pytest.raises(ValueError, match="1 row of Imported cannot be taken"):
        read.as_template(TemplateKind.MONTH, 1)
    assert read.as_template(TemplateKind.MONTH, 1, good_ones_only=True).tasks == read.tasks


def test_the_second_row_of_one_code_is_refused_and_titles_that_repeat_are_numbered() -> None:
    read = _read("Code,Task,TargetDaysFromProjectComplete\na,One,1\na,Two,1\n,Close,1\n,Close,2\n")
    assert read.problems == (RowProblem(3, "Code", "the code a stands in an earlier row"),)
    assert [task.code for task in read.tasks] == ["a", "close", "close-2"]


def test_a_row_that_waits_for_one_that_is_refused_is_refused_too() -> None:
    read = _read(
        "Code,Task,TargetDaysFromProjectComplete,DependsOn\na,A,never,\nb,B,1,a\nc,C,1,b\nd,D,1,\ne,E,1,d\n"
    )
    assert [(problem.line, problem.column) for problem in read.problems] == [
        (2, "TargetDaysFromProjectComplete"),
        (3, "DependsOn"),
        (4, "DependsOn"),
    ]
    assert [task.code for task in read.tasks] == ["d", "e"]


def test_rows_that_wait_for_each_other_are_refused() -> None:
    read = _read(
        "Code,Task,TargetDaysFromProjectComplete,DependsOn\na,A,1,c\nb,B,1,a\nc,C,1,b of all\nd,D,1,\n"
    )
    assert {problem.words for problem in read.problems} == {
        "it waits for itself, through the tasks it waits for"
    }
    assert [task.code for task in read.tasks] == ["d"]


def test_two_rows_of_one_code_are_no_template() -> None:
    with pytest.raises(ValueError, match="more than one task a"):
        template(row("a"), row("a"))


@given(task=tasks())
def test_every_task_survives_a_file(task: TaskSpec) -> None:
    read = _read(template_csv(template(task)))
    assert (read.tasks, read.problems) == ((task,), ())
    assert parse_erp_rule(erp_cell(task.erp)) == task.erp
    assert parse_check(check_cell(task.check)) == task.check


def test_a_spreadsheet_runs_nothing_that_somebody_typed() -> None:
    evil = row("a")
    evil = replace(evil, title="=HYPERLINK(1)", hint="\u200b@SUM(1)", owner_role="'-1", due=DueOffset(-2))
    text = template_csv(template(evil))
    assert ",'=HYPERLINK(1)," in text
    assert "'\u200b@SUM(1)" in text
    assert ",-2," in text
    assert _read(text).tasks == (evil,)


def test_cells_of_a_sheet_may_be_numbers_times_and_truths() -> None:
    header = ["Task", "TargetDaysFromProjectComplete", "DueTime", "SignOff", None]
    (read,) = templates_of_rows(
        rows_of_table([header, ["Close", 3.0, time(12), True, "beside"], ["Open", -2, 0, None], [None] * 5])
    )
    assert [(task.due, task.sign_off) for task in read.tasks] == [
        (DueOffset(3, at=time(12)), True),
        (DueOffset(-2), False),
    ]

"""Templates, roles, absences and handover in real Chromium: published, in every look, without scripts too."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from playwright.sync_api import expect

from closing.close_tasks.task_templates import TemplateKind
from entities.models import Group, Membership, Person
from tests.browser.browser_user import (
    ROSA,
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import save_person
from tests.worklist.blocked_scenario import blocked
from tests.worklist.few_close_tasks import save_few_tasks
from worklist.models import TaskTemplateDraft
from worklist.task_store.role_holders import set_absence
from worklist.template_store.template_drafts import draft_tasks, start_draft
from worklist.template_store.templates_store import publish_templates, standard_templates

ADA = "ada.admin@meridian.test"
MONTH = "/tasks/templates/MERIDIAN/month/"


def administered() -> datetime:
    """The standard templates are published, the group has an administrator, and Rosa will be away."""
    blocked()
    ada = save_person(ADA, "Ada Admin", role=Membership.Role.ADMINISTRATOR)
    rosa, top = Person.objects.get(email=ROSA), Group.objects.get(parent=None)
    save_few_tasks(top, rosa, ada, top, WORKED_EXAMPLE_AT)
    publish_templates(top, standard_templates(), WORKED_EXAMPLE_AT, by=ada)
    day = WORKED_EXAMPLE_AT.date()
    set_absence(rosa, ada, day, day.replace(day=19), WORKED_EXAMPLE_AT, by=rosa)
    return WORKED_EXAMPLE_AT


def with_a_draft() -> datetime:
    """A draft with three findings."""
    at = administered()
    top, ada = Group.objects.get(parent=None), Person.objects.get(email=ADA)
    start_draft(top, TemplateKind.MONTH, at, ada)
    draft = TaskTemplateDraft.objects.get()
    text = draft.rows.replace("Post leases", "Post leases and rents")
    text = "\r\n".join(line for line in text.split("\r\n") if ",fx-rate," not in line)
    TaskTemplateDraft.objects.filter(pk=draft.pk).update(rows=text)
    draft.refresh_from_db()
    assert len(draft_tasks(draft)) == 51
    return at


@with_and_without_scripts
def test_a_template_is_imported_edited_and_published(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser, javascript: bool, tmp_path: Path
) -> None:
    clock_at(story(administered))
    ada = new_reader(javascript=javascript)
    ada.log_in(ADA, f"{MONTH}?month=2026-05&entity=UKRT")
    page = ada.page
    expect(page.get_by_role("table")).to_contain_text("Mon 8 June 17:00")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of version 2").click()
    file = tmp_path / "template.csv"
    download.value.save_as(file)
    rows = file.read_text(encoding="utf-8-sig")
    file.write_text(rows.replace(",lease,", ",Lease !,"), encoding="utf-8", newline="")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("CSV or Excel file").set_input_files(file)
    page.get_by_role("button", name="Import into the draft").click()
    expect(page.get_by_role("heading", name="13 rows cannot be taken")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("Write a code with small letters, digits and hyphens")
    file.write_text(rows.replace("Post leases", "Post leases and rents"), encoding="utf-8", newline="")
    page.get_by_label("CSV or Excel file").set_input_files(file)
    page.get_by_role("button", name="Import into the draft").click()
    expect(page.locator(".message").first).to_contain_text("52 tasks imported into the draft.")
    expect(page.locator(".template-changes")).to_contain_text("title: Post leases → Post leases and rents")
    page.get_by_role("link", name="Run the recurring journals", exact=True).click()
    page.get_by_label("Days from period end").fill("soon")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.locator("#days-problem")).to_contain_text("Write days from period end as a whole number")
    page.get_by_label("Days from period end").fill("2")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.locator(".template-changes")).to_contain_text("due: WD+1 → WD+2")
    page.get_by_role("button", name="Publish version 3").click()
    expect(page.locator(".message").first).to_contain_text("Version 3 of Standard month is published.")
    ada.forgive("422")


@every_look
def test_the_pages_of_templates_look_right_everywhere(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(with_a_draft))
    ada = new_reader()
    ada.log_in(ADA)
    for name, path in (
        ("templates", "/tasks/templates/?month=2026-05"),
        ("template", f"{MONTH}?month=2026-05&entity=NLDT"),
        ("template-draft", f"{MONTH}draft/"),
        ("template-task", f"{MONTH}draft/task/flux/"),
        ("template-import", f"{MONTH}import/"),
        ("template-adopt", "/tasks/templates/adopt/"),
        ("task-roles", "/tasks/roles/"),
        ("task-absences", "/tasks/absences/"),
        ("task-handover", f"/tasks/handover/?person={ROSA}"),
    ):
        ada.open(path)
        ada.look_from_everywhere(name)

"""`manage.py load_group` with profiles, policies of unfinished work and close tasks."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.blocker_policy import KindTracking
from closing.blockers.entity_profile import EntityProfile, EntityRole
from closing.blockers.intercompany import DEFAULT_TOLERANCE, IntercompanyTolerance
from connectors.sync import READ_BUDGET, settings_for
from entities.models import Connection, Group, LegalEntity, Person
from infra.models import AuditEvent
from tests.periods.group_file.sample_group_file import MERIDIAN, changed, load, rows
from tests.worklist.group_file.work_group_file import (
    BLOCKERS,
    PROFILE,
    TASK_ROLES,
    TASKS,
    work_file,
    work_rows,
)
from worklist.models import (
    BlockerPolicyVersion,
    ProfileVersion,
    TaskAbsence,
    TaskAdoption,
    TaskRoleHolder,
    TaskTemplate,
)
from worklist.recording.rate_tables import rates_in_force
from worklist.task_store.role_holders import deputies_on, role_holders
from worklist.template_store.templates_store import published_templates
from worklist.weighing_policies import collected_profiles, combined_policy, stated_policies

ADDED = """\
+ person rosa.bell@meridian.example: Rosa Bell, without a password yet
+ profile of UKHC: holding, has foreign currency, intercompany, VAT
+ blockers of group MERIDIAN: unposted_warn_above 40, accruals_warn_above 8, inventory_close_needed yes, \
tolerance 0.2 %, from 2.00 to 500.00, bank_not_reconciled not tracked, late_invoices no
+ blockers of entity UKHC: inventory_close_needed no
+ task role Controller of group MERIDIAN: amira.hale@meridian.example
+ task role Group controller of group MERIDIAN: amira.hale@meridian.example
+ task role General ledger accountant of entity UKHC: amira.hale@meridian.example
+ absence of amira.hale@meridian.example from 15 June 2026 to 26 June 2026: rosa.bell@meridian.example stands in
+ close tasks of group MERIDIAN: month, quarter; calendar ENGLAND, zone Europe/London, \
first_working_day_is 1, from_month 2026-05
+ closing rates of group MERIDIAN for 2026-05: GBP/USD 1.275, GBP/EUR 1.17
"""
CHANGED = """\
~ profile of UKHC
    role: holding -> operating
    has: foreign currency, intercompany, VAT -> inventory, foreign currency, intercompany, VAT
~ blockers of group MERIDIAN
    unposted_warn_above: 40 -> inherited
    late_invoices: no -> yes
~ task role Controller of group MERIDIAN
    person: amira.hale@meridian.example -> rosa.bell@meridian.example
~ task role Group controller of group MERIDIAN
    person: amira.hale@meridian.example -> rosa.bell@meridian.example
~ task role General ledger accountant of entity UKHC
    person: amira.hale@meridian.example -> rosa.bell@meridian.example
~ absence of amira.hale@meridian.example from 15 June 2026
    last_day: 2026-06-26 -> 2026-06-28
~ close tasks of group MERIDIAN
    from_month: 2026-05 -> 2026-06
+ template year of group MERIDIAN
"""
pytestmark = pytest.mark.django_db


def refusal(folder: Path, text: str) -> list[str]:
    before = rows() | work_rows()
    with pytest.raises(CommandError) as refused:
        load(folder, text)
    assert rows() | work_rows() == before
    return [line.partition("group.yaml: ")[2] for line in str(refused.value).splitlines()[:-1]]


def profile_now() -> EntityProfile | None:
    entity = LegalEntity.objects.get()
    return collected_profiles([entity]).get(entity.pk)


def test_what_the_file_states_is_stored(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    ukhc, meridian = LegalEntity.objects.get(), Group.objects.get(code="MERIDIAN")
    assert profile_now() == EntityProfile(
        EntityRole.HOLDING, inventory=False, projects=False, fixed_assets=False, payroll=False
    )
    bodies = stated_policies([meridian, ukhc])
    policy = combined_policy([bodies[meridian], bodies[ukhc]])
    assert (policy.unposted_warn_above, policy.accruals_warn_above) == (40, 8)
    assert policy.tracks(BlockerKind.BANK_NOT_RECONCILED) is KindTracking.NOT_TRACKED
    assert policy.tracks(BlockerKind.LATE_INVOICES) is KindTracking.NO
    assert policy.tracks(BlockerKind.UNPOSTED_JOURNALS) is KindTracking.YES
    assert policy.tracks(BlockerKind.INVENTORY_NOT_CLOSED) is KindTracking.NO  # the entity over its group
    assert policy.tolerance == IntercompanyTolerance(Decimal(2), Decimal("0.002"), Decimal(500))
    adoption = TaskAdoption.objects.select_related("calendar").get()
    assert (adoption.group, adoption.calendar.code, adoption.zone) == (meridian, "ENGLAND", "Europe/London")
    assert (adoption.first_is, adoption.from_month) == (1, date(2026, 5, 1))
    assert sorted(TaskTemplate.objects.values_list("kind", "version")) == [("month", 1), ("quarter", 1)]
    amira, rosa = Person.objects.get(name="Amira Hale"), Person.objects.get(name="Rosa Bell")
    holders = role_holders()
    assert holders.holder("Controller", ukhc.group.path, ukhc.pk) == amira.pk
    assert holders.holder("General ledger accountant", ukhc.group.path, ukhc.pk) == amira.pk
    assert holders.holder("General ledger accountant", meridian.path) is None
    assert deputies_on(date(2026, 6, 26)) == {amira.pk: frozenset({rosa.pk})}
    assert deputies_on(date(2026, 6, 27)) == {}


def test_loading_it_again_changes_nothing(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    before = rows() | work_rows()
    assert load(tmp_path, work_file()) == "Nothing to change.\n"
    assert rows() | work_rows() == before


def test_a_dry_run_shows_all_lines_and_writes_nothing(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    before = rows() | work_rows()
    dry = load(tmp_path, work_file(), "--dry-run")
    assert rows() | work_rows() == before
    loaded = load(tmp_path, work_file())
    assert dry.replace(" Dry run: nothing was written.", "") == loaded
    assert loaded.startswith(ADDED)


def test_a_change_is_a_new_version_with_the_difference(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    newer = work_file()
    for old, new in (
        ("role: holding, has: [foreign", "role: operating, has: [inventory, foreign"),
        ("unposted_warn_above: 40\n      acc", "acc"),
        ("late_invoices: no", "late_invoices: yes"),
        ("from_month: 2026-05", "from_month: 2026-06"),
        ("[month, quarter]", "[month, quarter, year]"),
        ("last_day: 2026-06-26", "last_day: 2026-06-28"),
        (TASK_ROLES, ""),
        ("    name: Rosa Bell\n", "    name: Rosa Bell\n" + TASK_ROLES),
    ):
        newer = changed(old, new, text=newer)
    assert load(tmp_path, newer, "--dry-run").startswith(CHANGED)
    load(tmp_path, newer)
    assert load(tmp_path, newer) == "Nothing to change.\n"
    assert (ProfileVersion.objects.count(), BlockerPolicyVersion.objects.count()) == (2, 3)
    assert TaskRoleHolder.objects.count() == 6
    assert [row.ended_at is None for row in TaskAbsence.objects.order_by("pk")] == [False, True]
    assert TaskAdoption.objects.get().from_month == date(2026, 6, 1)


def test_standard_templates_wait_for_those_that_are_added_later(tmp_path: Path) -> None:
    def waits(code: str) -> set[str]:
        task = published_templates(Group.objects.get(code="MERIDIAN").pk).templates.row_anywhere(code)
        return set() if task is None else {each.code for each in task.depends_on}

    load(tmp_path, work_file().replace("[month, quarter]", "[month]"))
    assert waits("gl-adj").isdisjoint({"ecl", "obs"})
    assert "inv-jrn" in waits("inv-chk")
    load(tmp_path, work_file())
    assert {"ecl", "obs", "gl-fx"} <= waits("gl-adj")
    assert "count" not in waits("inv-jrn")
    assert sorted(TaskTemplate.objects.values_list("kind", "version")) == [
        ("month", 1),
        ("month", 2),
        ("quarter", 1),
    ]


def test_loading_an_unchanged_file_takes_the_same_statements_for_any_number_of_entities(
    tmp_path: Path,
) -> None:
    entity = work_file()[work_file().index("  - code: UKHC") : work_file().index("policies:")]
    more = "".join(entity.replace("UKHC", f"UK{at}").replace("ukhc", f"uk{at}") for at in range(5))
    few, many = work_file(), changed(entity, entity + more, text=work_file())
    counts = []
    for text in (few, many):
        load(tmp_path, text)
        with CaptureQueriesContext(connection) as asked:
            assert load(tmp_path, text) == "Nothing to change.\n"
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_what_is_left_out_stays_and_is_listed(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    before = rows() | work_rows()
    without = work_file().replace(PROFILE, "").replace(BLOCKERS, "").replace(TASKS, "")
    assert load(tmp_path, without) == "Nothing to change.\n"
    fewer = work_file().replace("[month, quarter]", "[month]").replace(", Group controller]", "]")
    assert load(tmp_path, fewer) == (
        "Nothing to change.\n"
        "Not in the file, unchanged: task role Group controller of group MERIDIAN (amira.hale@meridian.example),"
        " the template quarter of group MERIDIAN.\n"
    )
    assert rows() | work_rows() == before


def test_a_key_with_nothing_behind_it_clears(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    load(tmp_path, work_file().replace(PROFILE, "    profile:\n").replace(BLOCKERS, "    blockers:\n"))
    assert profile_now() == EntityProfile()
    assert list(stated_policies([Group.objects.get(code="MERIDIAN")]).values()) == [{}]
    assert combined_policy([{}]).tolerance == DEFAULT_TOLERANCE
    # Where nothing was ever set, it sets nothing.
    ProfileVersion.objects.all().delete()
    assert load(
        tmp_path, work_file().replace(PROFILE, "    profile:\n").replace(BLOCKERS, "    blockers:\n")
    ) == ("Nothing to change.\n")


def test_part_of_a_profile_keeps_the_rest(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    load(tmp_path, work_file().replace(PROFILE, "    profile: {role: dormant}\n"))
    profile = profile_now()
    assert profile is not None
    assert (profile.role, profile.vat, profile.inventory) == (EntityRole.DORMANT, True, False)


def test_each_act_leaves_an_event(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    events = AuditEvent.objects.exclude(
        verb__regex="^(group|calendar|connection|person|entity.added|role|policy|deadline)"
    )
    found = [(event.verb, event.object_id, event.scope) for event in events.order_by("pk")]
    amira = str(Person.objects.get(name="Amira Hale").pk)
    assert sorted(found) == [
        ("blocker_policy.published", "MERIDIAN", "MERIDIAN/"),
        ("blocker_policy.published", "UKHC", "MERIDIAN/UK/"),
        ("closing_rates.set", "MERIDIAN", "MERIDIAN/"),
        ("entity.profile_set", "UKHC", "MERIDIAN/UK/"),
        ("task_deputy.set", amira, ""),
        ("task_role.given", "MERIDIAN", "MERIDIAN/"),
        ("task_role.given", "MERIDIAN", "MERIDIAN/"),
        ("task_role.given", "UKHC", "MERIDIAN/UK/"),
        ("task_template.adopted", "MERIDIAN", "MERIDIAN/"),
        ("task_template.published", "MERIDIAN", "MERIDIAN/"),
        ("task_template.published", "MERIDIAN", "MERIDIAN/"),
    ]
    profile = AuditEvent.objects.get(verb="entity.profile_set")
    assert profile.after is not None
    assert (profile.after["role"], profile.after["vat"], profile.after["payroll"]) == ("holding", True, False)


def test_roles_that_nobody_has_are_named(tmp_path: Path) -> None:
    printed = load(tmp_path, work_file())
    assert "Nobody has the role Payables accountant in UKHC: its tasks there have no owner.\n" in printed
    assert (
        "Nobody has the role Group accountant in MERIDIAN and UKHC: its tasks there have no owner.\n"
        in printed
    )
    assert "role Controller in" not in printed


def test_journal_templates_reach_the_reader(tmp_path: Path) -> None:
    text = changed(
        "    kind: finops\n",
        "    kind: business_central\n    environment: production\n    journal_templates: [general, SALES]\n",
    )
    load(tmp_path, text)
    assert settings_for(Connection.objects.get(), READ_BUDGET).journal_templates == ("GENERAL", "SALES")
    assert "    journal_templates: GENERAL, SALES -> GENERAL\n" in load(
        tmp_path, text.replace("[general, SALES]", "[GENERAL]")
    )
    assert "    journal_templates: GENERAL -> nothing\n" in load(
        tmp_path, text.replace("[general, SALES]", "[]")
    )


BAD = yaml.safe_load(Path(__file__).with_name("bad_work_files.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("bad", BAD, ids=[bad["what"] for bad in BAD])
def test_each_kind_of_mistake_is_named_with_its_line(bad: dict[str, str], tmp_path: Path) -> None:
    text = changed(bad["old"], bad["new"], text=work_file())
    where = text[: text.index(bad["at"] if "at" in bad else bad["new"])].count("\n") + 1
    problems = refusal(tmp_path, text)
    assert any(problem.startswith(f"line {where}: {bad['told']}") for problem in problems), problems


def test_templates_that_do_not_fit_those_of_the_group_are_refused(tmp_path: Path) -> None:
    """The quarter waits for tasks of the month; a group that has removed them cannot take the standard one."""
    load(tmp_path, work_file().replace("[month, quarter]", "[month]"))
    month = TaskTemplate.objects.get()
    lines = [line for line in month.rows.splitlines() if "Process customer payments" not in line]
    edited = "\n".join(lines).replace("ar-pay", "ar-post")
    TaskTemplate.objects.create(
        group=month.group,
        kind="month",
        version=2,
        name=month.name,
        rows=f"{edited}\n",
        published_at=month.published_at,
    )
    problems = refusal(tmp_path, work_file())
    assert len(problems) == 1
    assert "ar-pay" in problems[0]


def test_a_changed_rate_counts_from_now_on_and_the_others_stay(tmp_path: Path) -> None:
    load(tmp_path, work_file())
    newer = changed("GBP/USD: 1.275, GBP/EUR: 1.17", "GBP/EUR: 1.18, GBP/CHF: 1.1", text=work_file())
    assert load(tmp_path, newer).startswith(
        """\
+ closing rates of group MERIDIAN for 2026-05: GBP/CHF 1.1
~ closing rates of group MERIDIAN for 2026-05
    GBP/EUR: 1.17 -> 1.18
"""
    )
    assert rates_in_force(Group.objects.get(code="MERIDIAN"), date(2026, 5, 1)) == {
        ("GBP", "USD"): Decimal("1.275"),
        ("GBP", "EUR"): Decimal("1.18"),
        ("GBP", "CHF"): Decimal("1.1"),
    }
    assert load(tmp_path, newer) == "Nothing to change.\n"

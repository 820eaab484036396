"""`manage.py load_group`: the database says what the file says, and loading it again changes nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from entities.models import CalendarDay, Connection, Group, LegalEntity, Membership, Person, WorkCalendar
from periods.models import AgreedDate, DeadlinePolicy, PolicyVersion
from tests.periods.group_file.sample_group_file import MERIDIAN, changed, load, rows
from tests.periods.model_builders import in_force, months

pytestmark = pytest.mark.django_db


def test_what_the_file_says_is_there(tmp_path: Path) -> None:
    told = load(tmp_path, MERIDIAN)
    assert told.splitlines()[-1] == "11 added, 0 changed, 0 unchanged."
    ukhc = LegalEntity.objects.get(code="UKHC")
    assert ukhc.group.path == "MERIDIAN/UK/"
    assert ukhc.owner is not None
    assert ukhc.connection is not None
    assert (ukhc.owner.email, ukhc.calendar.subdivision) == ("amira.hale@meridian.example", "ENG")
    assert (ukhc.connection.secret, ukhc.connection.interval_seconds) == ("ssh-its-a-secret", 300)
    assert ukhc.owner.check_password("pass-not-to-be-told")
    assert set(Membership.objects.values_list("role", "group__code", "entity__code")) == {
        ("owner", None, "UKHC"),
        ("finance", "UK", None),
    }
    version = PolicyVersion.objects.get()
    assert (version.policy.code, version.policy.name) == ("GROUP-MERIDIAN", "Meridian Group close")
    assert (version.rule, version.n, version.first_is, version.number) == ("workday", 6, 0, 1)
    agreed = AgreedDate.objects.get()
    assert (agreed.reporting_month, agreed.due_on) == (date(2026, 5, 1), date(2026, 6, 11))


def test_loading_it_again_changes_nothing(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    before = rows()
    assert load(tmp_path, MERIDIAN) == "Nothing to change.\n"
    assert rows() == before


def test_a_dry_run_tells_all_and_writes_nothing(tmp_path: Path) -> None:
    before = rows()
    dry = load(tmp_path, MERIDIAN, "--dry-run")
    assert rows() == before
    told = load(tmp_path, MERIDIAN)
    assert dry.replace(" Dry run: nothing was written.", "") == told
    newer = changed("6th working", "7th working")
    dry = load(tmp_path, newer, "--dry-run")
    assert (
        "~ policy Meridian Group close of group MERIDIAN\n    version 2\n    rule: 6th working day -> 7th"
        in dry
    )
    assert PolicyVersion.objects.count() == 1


def test_what_differs_is_told_key_by_key(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    newer = changed("name: UK HoldCo", "name: UK Holdings Ltd")
    newer = changed("    group: UK\n", "    group: EUROPE\n    active_to: 2027-03-31\n", text=newer)
    newer = changed("    tenant:", "    interval: 30s\n    tenant:", text=newer)
    newer = changed("due_on: 2026-06-11", "due_on: 2026-06-12", text=newer)
    newer = changed("name: Continental Europe", "name: Europe", text=newer)
    assert load(tmp_path, newer).splitlines() == [
        "~ group EUROPE",
        "    name: Continental Europe -> Europe",
        "~ connection meridian-finops",
        "    interval: 5m -> 30s",
        "~ entity UKHC",
        "    name: UK HoldCo -> UK Holdings Ltd",
        "    group: UK -> EUROPE",
        "    active_to: nothing -> 2027-03-31",
        "~ date agreed for UKHC, May 2026",
        "    due_on: 2026-06-11 -> 2026-06-12",
        "0 added, 4 changed, 7 unchanged.",
    ]
    assert load(tmp_path, newer) == "Nothing to change.\n"
    assert AgreedDate.objects.count() == 2  # the earlier agreement stays as it was made


def test_a_key_left_out_keeps_what_is_there_and_an_empty_one_clears_it(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    line = "    owner: amira.hale@meridian.example\n"
    assert load(tmp_path, changed(line, "")) == "Nothing to change.\n"
    assert "owner: amira.hale@meridian.example -> nothing" in load(tmp_path, changed(line, "    owner:\n"))
    assert LegalEntity.objects.get().owner is None


def test_a_deputy_is_named_in_the_file_kept_and_cleared(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    line = "    owner: amira.hale@meridian.example\n"
    named = f"{line}    deputy: amira.hale@meridian.example\n"
    assert "deputy: nothing -> amira.hale@meridian.example" in load(tmp_path, changed(line, named))
    assert load(tmp_path, MERIDIAN) == "Nothing to change.\n"
    assert LegalEntity.objects.get().deputy == LegalEntity.objects.get().owner
    load(tmp_path, changed(line, f"{line}    deputy:\n"))
    assert LegalEntity.objects.get().deputy is None


def test_what_is_not_in_the_file_is_left_alone_and_listed(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    before = rows()
    told = load(
        tmp_path, changed(", {role: finance, group: UK}", "", text=MERIDIAN[: MERIDIAN.index("entities:")])
    )
    assert told == (
        "Nothing to change.\n"
        "Not in the file, unchanged: entity UKHC, the policy of group MERIDIAN, the date agreed for UKHC, May 2026,"
        " role finance of amira.hale@meridian.example for group UK.\n"
    )
    assert rows() == before


def test_secrets_and_passwords_are_never_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = load(tmp_path, MERIDIAN)
    newer = changed("secret: ssh-its-a-secret", "secret: another-one-of-those")
    told += load(tmp_path, newer)
    assert "secret: changed (not shown)" in told
    assert Connection.objects.get().secret == "another-one-of-those"
    monkeypatch.setenv("MERIDIAN_SECRET", "from-the-environment")
    told += load(tmp_path, changed("secret: ssh-its-a-secret", "secret_env: MERIDIAN_SECRET"))
    assert Connection.objects.get().secret == "from-the-environment"
    with pytest.raises(CommandError) as refused:
        load(tmp_path, changed("secret: ssh", "passwd: a\n    secret: [ssh-its-a-secret]\n    secrte: ssh"))
    told += str(refused.value)
    for secret in ("ssh-its", "pass-not", "another-one", "from-the"):
        assert secret not in told


def test_a_secret_that_no_longer_opens_is_set_anew(tmp_path: Path, settings: Settings) -> None:
    load(tmp_path, MERIDIAN)
    settings.ENCRYPTION_KEYS = "newer:" + "bmV3ZXItbmV3ZXItbmV3ZXItbmV3ZXItbmV3ZXItMzI="
    assert "secret: changed (not shown)" in load(tmp_path, MERIDIAN)
    assert Connection.objects.get().secret == "ssh-its-a-secret"
    settings.ENCRYPTION_KEYS = ""
    with pytest.raises(CommandError, match=r"Set ENCRYPTION_KEYS .* Nothing was changed"):
        load(tmp_path, changed("secret: ssh", "secret: psst"))


def test_a_password_chosen_since_stays(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    amira = Person.objects.get()
    amira.set_password("what she chose herself")
    amira.save()
    assert load(tmp_path, MERIDIAN) == "Nothing to change.\n"
    assert Person.objects.get().check_password("what she chose herself")


def test_words_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = changed("http://127.0.0.1:9100", "${SIMULATOR_URL:-http://127.0.0.1:9100}")
    text = changed("reason: audit", "reason: 'costs $${5} or $6'", text=text)
    monkeypatch.delenv("SIMULATOR_URL", raising=False)
    load(tmp_path, text)
    assert Connection.objects.get().base_url == "http://127.0.0.1:9100"
    assert AgreedDate.objects.get().reason == "costs ${5} or $6"
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:9177")
    assert "base_url: http://127.0.0.1:9100 -> http://127.0.0.1:9177" in load(tmp_path, text)


def test_names_in_any_script_and_countries_that_yaml_takes_for_no(tmp_path: Path) -> None:
    text = changed("name: UK HoldCo\n    country: GB", "name: Ibérica SL 東京 Ærø\n    country: NO")
    text = changed(
        "code: ENGLAND, name: England, country: GB, subdivision: ENG",
        "code: ENGLAND, name: Norge, country: NO",
        text=text,
    )
    load(tmp_path, b"\xef\xbb\xbf" + text.encode())
    ukhc = LegalEntity.objects.get()
    assert (ukhc.name, ukhc.country, ukhc.calendar.country) == ("Ibérica SL 東京 Ærø", "NO", "NO")


def test_days_of_a_calendar_are_those_of_the_file(tmp_path: Path) -> None:
    def with_days(days: str) -> str:
        return changed("subdivision: ENG}", f"subdivision: ENG, {days}}}")

    load(
        tmp_path, with_days("days_off: [{day: 2026-12-24, name: Office closed}], weekend: [friday, saturday]")
    )
    assert WorkCalendar.objects.get().weekend == [4, 5]
    assert load(tmp_path, MERIDIAN) == "Nothing to change.\n"
    told = load(tmp_path, with_days("days_off: [{day: 2026-12-31}], working_days: [{day: 2026-12-24}]"))
    assert "    days_off: + 2026-12-31\n    days_off: - 2026-12-24 Office closed\n" in told
    assert "    working_days: + 2026-12-24\n" in told
    assert {(one.day.day, one.working) for one in CalendarDay.objects.all()} == {(31, False), (24, True)}
    load(tmp_path, with_days("days_off: [], working_days: []"))
    assert not CalendarDay.objects.exists()


def test_a_group_moves_with_all_below_it(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    moved = changed("      - {code: UK, name: United Kingdom}\n", "")
    moved = changed("Europe}\n", "Europe, groups: [{code: UK, name: United Kingdom}]}\n", text=moved)
    assert "parent: MERIDIAN -> EUROPE" in load(tmp_path, moved)
    assert Group.objects.get(code="UK").path == "MERIDIAN/EUROPE/UK/"


def test_entities_may_swap_their_companies(tmp_path: Path) -> None:
    ukhc = MERIDIAN[MERIDIAN.index("  - code: UKHC") : MERIDIAN.index("policies:")]
    both = changed(ukhc, ukhc + ukhc.replace("UKHC", "UKRT").replace("ukhc", "ukrt"))
    load(tmp_path, both)
    LegalEntity.objects.update(erp_identity="pinned")
    swapped = both.replace("erp_id: ukhc", "erp_id: ?").replace("erp_id: ukrt", "erp_id: ukhc")
    told = load(tmp_path, swapped.replace("erp_id: ?", "erp_id: ukrt"))
    assert "~ entity UKHC\n    erp_id: ukhc -> ukrt\n~ entity UKRT\n    erp_id: ukrt -> ukhc\n" in told
    assert set(LegalEntity.objects.values_list("code", "erp_id", "erp_identity")) == {
        ("UKHC", "ukrt", ""),
        ("UKRT", "ukhc", ""),
    }


@pytest.mark.parametrize(
    ("words", "kind", "n"),
    [
        ("rule: 6th working day after period end", "workday", 6),
        ("rule: working day 6", "workday", 6),
        ("working_day: 6", "workday", 6),
        ("rule: WD6", "workday", 6),
        ("rule: wd 12", "workday", 12),
        ("rule: day 10", "calendar_day", 10),
        ("rule: 15th", "day_of_month", 15),
        ("rule: 10 calendar days", "calendar_day", 10),
        ("calendar_days: 0", "calendar_day", 0),
        ("rule: the 15th of the month", "day_of_month", 15),
        ("day_of_month: 31", "day_of_month", 31),
    ],
)
def test_rules_in_words(tmp_path: Path, words: str, kind: str, n: int) -> None:
    load(tmp_path, changed("    rule: 6th working day\n    first_working_day_is: 0\n", f"    {words}\n"))
    version = PolicyVersion.objects.get()
    assert (version.rule, version.n) == (kind, n)


def test_a_policy_in_full_and_its_versions(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    more = (
        "    quarter_end: 8\n    year_end: 10\n    cut_off: 18:00\n    alert_after_days: 3\n    days: working\n"
        "    on_hold_counts_as_closed: true\n    ledger_restricted_means_on_hold: no\n"
        "    overdue_reason_required: yes\n    name: Day zero\n"
    )
    text = changed("    first_working_day_is: 0\n", "    first_working_day_is: 0\n" + more)
    told = load(tmp_path, text)
    assert (
        "    name: Meridian Group close -> Day zero\n    version 2\n    quarter_end: inherited -> 8\n" in told
    )
    newest = DeadlinePolicy.objects.get().versions.latest("number")
    assert (newest.n_quarter_end, newest.n_year_end, f"{newest.cut_off}") == (8, 10, "18:00:00")
    assert (newest.alert_after_days, newest.lateness_unit) == (3, "working_days")
    assert (newest.on_hold_counts_as_closed, newest.ledger_restricted_means_on_hold) == (True, False)
    assert newest.overdue_reason_required
    assert load(tmp_path, text) == "Nothing to change.\n"


def test_a_changed_policy_sets_the_deadlines_to_come(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    [far] = months(LegalEntity.objects.get(), date(2099, 4, 1), date(2099, 4, 1))
    told = load(tmp_path, changed("6th working", "7th working"))
    assert told.endswith("0 added, 1 changed, 10 unchanged.\nNew deadlines for 1 period.\n")
    assert in_force(far).label == "WD7"


@pytest.mark.parametrize("name", ["worked_example", "group"])
def test_the_files_that_ship_load_and_settle(name: str, tmp_path: Path) -> None:
    text = Path("demo", f"{name}.yaml").read_text(encoding="utf-8")
    load(tmp_path, text)
    assert load(tmp_path, text) == "Nothing to change.\n"
    entities = LegalEntity.objects.all()
    assert {one.code for one in entities} >= {"UKHC", "UKRT", "USRT", "NLDT"}
    assert len(entities) == {"worked_example": 4, "group": 12}[name]
    finance = Person.objects.get(email="finance@meridian.example")
    assert finance.check_password("closeboard demo")
    assert LegalEntity.objects.visible_to(finance).count() == len(entities)

"""A bad group file changes nothing and says which line and why, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError

from tests.periods.group_file.sample_group_file import MERIDIAN, changed, load, rows

pytestmark = pytest.mark.django_db


def refusal(folder: Path, text: str | bytes) -> list[str]:
    """The problems that the command lists, without the name of the file; nothing was written."""
    before = rows()
    with pytest.raises(CommandError) as refused:
        load(folder, text)
    assert rows() == before
    *problems, last = str(refused.value).splitlines()
    assert last.endswith("nothing was changed.")
    return [problem.removeprefix(f"{folder / 'group.yaml'}: ") for problem in problems]


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


BAD = yaml.safe_load(Path(__file__).with_name("bad_group_files.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("bad", BAD, ids=[bad["what"] for bad in BAD])
def test_each_kind_of_mistake_is_named_with_its_line(bad: dict[str, str], tmp_path: Path) -> None:
    text = changed(bad["old"], bad["new"])
    where = line_of(text, bad["at"]) if "at" in bad else line_of(MERIDIAN, bad["old"])
    assert f"line {where}: {bad['told']}" in refusal(tmp_path, text)


def test_all_problems_at_once_and_in_the_order_of_lines(tmp_path: Path) -> None:
    text = changed("Europe/London", "Europe/Lodnon")
    text = changed("due_on: 2026-06-11", "due_on: soon", text=text)
    text = changed("calendar: ENGLAND", "calendar: WALES", text=text)
    text = changed("kind: finops", "kind: sap", text=text)
    text = changed("    country: GB\n", "", text=text)
    # An entity that is not well formed is not looked at further; nobody is told that it does not exist.
    assert refusal(tmp_path, text) == [
        "line 11: `kind`: 'sap' is not one of finops, business_central",
        f"line {line_of(text, '  - code: UKHC')}: `country` is missing",
        "line 24: `zone`: there is no time zone 'Europe/Lodnon'; did you mean Europe/London?",
        "line 35: `due_on`: 'soon' is not a date; a date is written like 2026-06-11",
    ]


def test_things_described_twice(tmp_path: Path) -> None:
    again = MERIDIAN[MERIDIAN.index("  - code: UKHC") : MERIDIAN.index("policies:")]
    agreed = MERIDIAN[MERIDIAN.index("  - {entity: UKHC, month") :]
    text = changed(again, again + again) + agreed
    text = changed(
        "    first_working_day_is: 0\n", "  - {group: MERIDIAN, rule: 10 calendar days}\n", text=text
    )
    text = changed("  - {code: ENGLAND", "  - {code: ENGLAND, name: England}\n  - {code: ENGLAND", text=text)
    told = [problem.partition(": ")[2] for problem in refusal(tmp_path, text)]
    assert told == [
        "calendar ENGLAND is described twice, first on line 8",
        "entity UKHC is described twice, first on line 23",
        "the policy of group MERIDIAN is described twice, first on line 42",
        "the date agreed for UKHC, May 2026 is described twice, first on line 46",
    ]


def test_one_company_is_one_entity(tmp_path: Path) -> None:
    again = MERIDIAN[MERIDIAN.index("  - code: UKHC") : MERIDIAN.index("policies:")]
    twice = changed(again, again + again.replace("UKHC", "UKRT").replace("ukhc", "UKHC"))
    assert refusal(tmp_path, twice) == ["line 39: UKHC of connection meridian-finops is entity UKHC already"]
    load(tmp_path, MERIDIAN)
    other = MERIDIAN.replace("UKHC", "UKRT")
    assert refusal(tmp_path, other) == ["line 30: ukhc of connection meridian-finops is entity UKHC already"]


def test_groups_in_a_circle(tmp_path: Path) -> None:
    text = "groups:\n  - {code: UK, name: UK, parent: EUROPE}\n  - {code: EUROPE, name: Europe, parent: UK}\n"
    assert refusal(tmp_path, text) == ["line 2: group UK would stand below itself"]
    load(tmp_path, MERIDIAN)
    text = "groups:\n  - {code: MERIDIAN, name: Meridian Group, parent: UK}\n"
    [told] = refusal(tmp_path, text)
    assert told == "line 2: group MERIDIAN cannot stand below UK, which stands below MERIDIAN itself"


def test_a_policy_code_is_taken_once(tmp_path: Path) -> None:
    load(tmp_path, MERIDIAN)
    text = MERIDIAN.replace("  - group: MERIDIAN\n", "  - entity: UKHC\n    code: GROUP-MERIDIAN\n")
    assert refusal(tmp_path, text) == [
        f"line {line_of(text, 'code: GROUP')}: policy GROUP-MERIDIAN is that of group MERIDIAN; take another code"
    ]


def test_a_policy_must_say_something_and_belong_to_one(tmp_path: Path) -> None:
    rule = "    rule: 6th working day\n    first_working_day_is: 0\n"
    where = line_of(MERIDIAN, "  - group: MERIDIAN")
    assert refusal(tmp_path, changed(rule, "")) == [
        f"line {where}: this policy is empty; give a rule or another setting"
    ]
    both = changed(rule, rule + "    entity: UKHC\n")
    assert refusal(tmp_path, both) == [
        f"line {where}: a policy is that of a `group` or of an `entity`, of one of them"
    ]


def test_a_new_connection_needs_a_secret_and_business_central_an_environment(tmp_path: Path) -> None:
    without = changed("    secret: ssh-its-a-secret\n", "").replace("kind: finops", "kind: business_central")
    assert refusal(tmp_path, without) == [
        "line 10: Business Central needs `environment`, for example production",
        "line 10: connection meridian-finops is new and needs `secret_env` (or, in a demo, `secret`)",
    ]
    load(tmp_path, MERIDIAN)
    assert load(tmp_path, changed("    secret: ssh-its-a-secret\n", "")) == "Nothing to change.\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the file is empty"),
        ("# nothing yet\n", "line 1: the file is empty"),
        ("groups\n", "line 1: the file must consist of sections: groups, calendars"),
        ("groups: MERIDIAN\n", "line 1: `groups` must be a list: each item begins with a dash"),
        ("groups:\n  - MERIDIAN\n", "line 2: this must be a set of `key: value` lines"),
        ("groups:\n  - code: [\n", "line 3: this is not readable as YAML: "),
        ("groups:\n\t- code: A\n", "line 2: this is not readable as YAML: "),
        ("groups: []\n---\ngroups: []\n", "line 2: this is not readable as YAML: "),
        ("groups:\n  - {code: A\x07, name: B}\n", "line 2: this is not readable as YAML: "),
        ("groups:\n  - {? [a, b] : c}\n", "line 2: a key must be a word"),
        ("groups:\n  - {code: A, name: B, groups: C}\n", "line 2: `groups` must be a list: each item begins"),
    ],
)  # fmt: skip
def test_files_that_are_not_of_this_kind(text: str, told: str, tmp_path: Path) -> None:
    assert any(problem.startswith(told) for problem in refusal(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="line 2: this is not text in UTF-8"):
        load(tmp_path, b"groups:\n  - {code: A, name: Ib\xe9rica}\n")
    (tmp_path / "group.yaml").unlink()
    (tmp_path / "group.yaml").mkdir()
    with pytest.raises(OSError, match="directory"):
        load(tmp_path, MERIDIAN)

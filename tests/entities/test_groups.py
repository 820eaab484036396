"""The group tree: every path right after any move, and no group below itself."""

from __future__ import annotations

import pytest

from entities.group_tree import InvalidGroup, save_group
from entities.models import Group

pytestmark = pytest.mark.django_db


def paths() -> set[str]:
    return set(Group.objects.values_list("path", flat=True))


def test_moving_a_group_takes_everything_below_along() -> None:
    meridian = save_group("MERIDIAN", "Meridian Group", None)
    europe = save_group("EUROPE", "Continental Europe", meridian)
    uk = save_group("UK", "United Kingdom", meridian)
    england = save_group("ENGLAND", "England", uk)
    save_group("LONDON", "London", england)
    assert "MERIDIAN/UK/ENGLAND/LONDON/" in paths()

    save_group("UK", "United Kingdom", europe)
    assert paths() == {
        "MERIDIAN/",
        "MERIDIAN/EUROPE/",
        "MERIDIAN/EUROPE/UK/",
        "MERIDIAN/EUROPE/UK/ENGLAND/",
        "MERIDIAN/EUROPE/UK/ENGLAND/LONDON/",
    }
    save_group("UK", "UK and Ireland", None)
    assert "UK/ENGLAND/LONDON/" in paths()
    assert Group.objects.get(code="UK").name == "UK and Ireland"


def test_codes_that_begin_alike_are_not_taken_along() -> None:
    uk, _ = save_group("UK", "United Kingdom", None), save_group("UKX", "Export", None)
    top = save_group("TOP", "Top", None)
    save_group("UK", uk.name, top)
    assert paths() == {"TOP/", "TOP/UK/", "UKX/"}


def test_no_group_stands_below_itself() -> None:
    meridian = save_group("MERIDIAN", "Meridian Group", None)
    uk = save_group("UK", "United Kingdom", meridian)
    england = save_group("ENGLAND", "England", uk)
    with pytest.raises(
        InvalidGroup, match="group UK cannot stand below ENGLAND, which stands below UK itself"
    ):
        save_group("UK", "United Kingdom", england)
    with pytest.raises(InvalidGroup):
        save_group("UK", "United Kingdom", uk)
    assert "MERIDIAN/UK/ENGLAND/" in paths()


def test_a_tree_has_a_bottom() -> None:
    group = None
    for depth in range(24):
        group = save_group(f"{'DEEP' * 9}{depth:04}", "deeper", group)
    with pytest.raises(InvalidGroup, match="too deep"):
        save_group("DEEPEST-OF-ALL-GROUPS", "too deep", group)

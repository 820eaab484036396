"""The day on which group files are loaded."""

from __future__ import annotations

from datetime import datetime, tzinfo

import pytest

from entities.models import Group, Membership
from periods.management.commands import load_group
from tests.alerts.evaluations import save_group_with_recipients, save_member
from tests.db_builders import SampleGroup


@pytest.fixture
def in_june_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that loads a group file reads a clock that stands at 12 June 2026."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2026, 6, 12, 9, tzinfo=tz)

    monkeypatch.setattr(load_group, "datetime", Clock)


@pytest.fixture
def meridian_with_finance() -> SampleGroup:
    """Rosa is finance of the group, Paul of the UK, Nina of EU DTC BV; its owner is finance of Europe as well."""
    group = save_group_with_recipients()
    nldt = group.entities["NLDT"]
    assert nldt.owner is not None
    save_member("nina", Membership.Role.FINANCE, nldt)
    Membership.objects.create(
        person=nldt.owner, role=Membership.Role.FINANCE, group=Group.objects.get(code="EUROPE")
    )
    return group

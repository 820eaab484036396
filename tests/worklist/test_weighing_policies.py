"""Policies of unfinished work are published once, as versions with their events, and weigh at once."""

from __future__ import annotations

from typing import Any

import pytest

from closing.blockers.row_blockers import BLOCKERS
from entities.models import Connection, LegalEntity
from infra.models import AuditEvent
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.periods.model_builders import top_group
from tests.worklist.close_task_builders import person
from tests.worklist.work_reads import lines_read
from worklist.models import BlockerPolicyVersion
from worklist.weighing_policies import publish_blocker_policy, stated_policies

pytestmark = pytest.mark.django_db
AT = utc("2026-06-08 12:00")


def level_of_61_lines() -> str:
    board = take_snapshot(LegalEntity.objects.all(), MAY, utc("2026-06-08 13:00"))
    blockers = next(row for row in board.rows if row.code == "NLDT").get(BLOCKERS)
    assert blockers is not None
    return next(each.blocker.level.value for each in blockers.blockers if each.blocker.count == 61)


def test_the_nearest_limit_weighs(source: Connection) -> None:
    lines_read(source, "2026-06-08 11:56", NLDT=61)
    entity = LegalEntity.objects.select_related("group").get(code="NLDT")
    assert level_of_61_lines() == "warning"
    publish_blocker_policy(top_group(), {"unposted_warn_above": 61}, AT)
    assert level_of_61_lines() == "note"
    publish_blocker_policy(entity, {"unposted_warn_above": 60}, AT)
    assert level_of_61_lines() == "warning"
    publish_blocker_policy(entity, {}, AT)
    assert level_of_61_lines() == "note"


def test_a_version_is_written_once_with_its_event(source: Connection) -> None:
    anna, group = person("Anna Administrator", role="administrator"), top_group()
    assert publish_blocker_policy(group, {}, AT, by=anna) is None
    body: dict[str, Any] = {"unposted_warn_above": 40, "tracking": {"late_invoices": "not_tracked"}}
    first = publish_blocker_policy(group, body, AT, by=anna)
    assert first is not None
    assert publish_blocker_policy(group, dict(body), AT, by=anna) is None
    second = publish_blocker_policy(group, {"unposted_warn_above": 40}, AT)  # at the same moment, and later
    assert second is not None
    assert second.set_at > first.set_at
    assert stated_policies([group])[group] == {"unposted_warn_above": 40}
    events = AuditEvent.objects.filter(verb="blocker_policy.published").order_by("pk")
    assert (events[0].actor, events[0].before, events[0].after) == (
        anna.name,
        {"unposted_warn_above": "inherited", "late_invoices": "inherited"},
        {"unposted_warn_above": "40", "late_invoices": "not tracked"},
    )
    assert (events[1].before, events[1].after) == (
        {"late_invoices": "not tracked"},
        {"late_invoices": "inherited"},
    )


@pytest.mark.parametrize(
    "body",
    [
        {"inventory_close_needed": "perhaps"},
        {"tracking": {"late_invoices": "seldom"}},
        {"tracking": {"invoices_of_venus": "yes"}},
    ],
)
def test_unknown_words_are_refused(source: Connection, body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown kind or word"):
        publish_blocker_policy(top_group(), body, AT)
    assert not BlockerPolicyVersion.objects.exists()

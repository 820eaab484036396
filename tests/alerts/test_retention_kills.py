"""A deletion of old notices that is killed at any statement leaves alerts that the history requires."""

from __future__ import annotations

import pytest

from alerts.notice_retention import count_old_notices, delete_old_notices
from closing.judging.notice_rules import NoticeKind
from tests.alerts.evaluations import evaluate_and_list_notices
from tests.alerts.test_notice_retention import KEEP, NOW, save_alerts, words
from tests.periods.packing_kills import kill_at_each_statement

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_deletion_killed_at_each_statement_leaves_a_proof_that_agrees(live_database: str) -> None:
    save_alerts()
    assert words(NOW) == []
    kills = 0
    for number, ran in kill_at_each_statement(lambda: delete_old_notices(NOW, keep=KEEP, batch=1)):
        kills += 1
        assert words(NOW) == [], (number, ran)
        assert evaluate_and_list_notices(NOW, list(NoticeKind)) == [], (number, ran)
    assert kills > 6
    assert count_old_notices(NOW, keep=KEEP) == 0

"""What is known of one entity's month, and how its connection was read, as of any moment."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from closing.facts.readings import GapReason, ReadGap
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate, SyncAttempt
from periods.recording.attempts import AttemptResult, begin_attempt, finish_attempt
from periods.snapshot.period_history import newest_attempts, period_details
from tests.builders import CLOSED, MAY, OPEN, RESTRICTED, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
Outcome = SyncAttempt.Outcome


def test_a_month_is_known_as_it_was_at_a_moment(meridian_closed: SampleGroup) -> None:
    pk = meridian_closed.entities["NLDT"].pk
    assert period_details(pk, MAY, utc("2026-05-31 12:00")) == []
    [early] = period_details(pk, MAY, utc("2026-06-03 11:59"))
    assert [seen.facts for seen in early.changes] == [OPEN]
    [late] = period_details(pk, MAY, utc("2026-06-08 12:00"))
    assert [(seen.change.state.value, seen.facts) for seen in late.changes] == [
        ("open", OPEN),
        ("open", RESTRICTED),
        ("closed", CLOSED),
    ]
    assert late.changes[1].change.previous_read_at == utc("2026-06-02 12:00")


def test_whose_word_each_deadline_is(meridian_closed: SampleGroup) -> None:
    nldt = meridian_closed.entities["NLDT"]
    AgreedDate.objects.create(
        entity=nldt,
        reporting_month=MAY,
        due_on=date(2026, 6, 11),
        reason="new bank",
        agreed_by="R. Bell",
        set_at=utc("2026-06-04 09:00"),
    )
    set_deadlines([nldt.pk], utc("2026-06-04 10:00"))
    [period] = period_details(nldt.pk, MAY, utc("2026-06-05 12:00"))
    first, second = period.deadlines
    version = first.policy_version
    assert version is not None
    assert (first.deadline.due_on, version.policy.name, version.number, version.first_is) == (
        date(2026, 6, 9),
        "Group close",
        1,
        0,
    )
    assert second.agreed is not None
    assert (second.deadline.due_on, second.agreed.agreed_by, second.agreed.reason) == (
        date(2026, 6, 11),
        "R. Bell",
        "new bank",
    )
    assert second.policy_version is None
    [before] = period_details(nldt.pk, MAY, utc("2026-06-04 09:59"))
    assert before.deadlines == [first]


def test_attempts_speak_of_this_entity_alone(meridian_closed: SampleGroup) -> None:
    said = dict.fromkeys(("UKHC", "UKRT", "USRT"), CLOSED)
    meridian_closed.read(
        "2026-06-09 12:00", said, gaps=[ReadGap("nldt", GapReason.NO_ACCESS, "No access to this company.")]
    )
    failed = begin_attempt(meridian_closed.connection.pk, utc("2026-06-09 13:00"), lease=timedelta(minutes=5))
    assert failed is not None
    finish_attempt(
        failed.pk,
        AttemptResult(
            Outcome.UNAVAILABLE, utc("2026-06-09 13:01"), words="The ERP does not answer (HTTP 503)."
        ),
    )

    def told(code: str, at: str) -> list[tuple[str, str]]:
        tried = newest_attempts(
            meridian_closed.entities[code].pk, meridian_closed.connection.pk, utc(at), newest=3
        )
        return [(each.outcome.value, each.words) for each in tried]

    assert told("NLDT", "2026-06-09 14:00") == [
        ("unavailable", "The ERP does not answer (HTTP 503)."),
        ("partial", "No access to this company."),
        ("ok", ""),
    ]
    assert told("UKHC", "2026-06-09 14:00")[1] == ("ok", "")
    assert told("UKHC", "2026-06-09 13:00")[0] == ("running", "")  # as it stood then
    assert told("UKHC", "2026-06-09 12:59")[0] == ("ok", "")
    assert newest_attempts(meridian_closed.entities["NLDT"].pk, None, utc("2026-06-09 14:00"), newest=3) == []

"""Evaluations count once they have finished, by the clock of the database (ADR 0017)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, OperationalError
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from alerts import tasks
from alerts.evaluate.continuity import MAX_EVALUATION_GAP, evaluating_since, record_evaluation
from alerts.evaluate.run import run_evaluation
from alerts.models import Notice, OverdueFlag
from alerts.routing.evaluation_context import EvaluationContext
from closeboard.celery import app
from infra.ticks import delete_old_ticks
from tests.alerts.evaluations import save_evaluation_span, save_group_with_recipients
from tests.builders import OPEN, utc
from tests.db_builders import SampleGroup

MINUTE = timedelta(minutes=1)
assert app  # the tasks find their broker by it


def read(group: SampleGroup, at: datetime) -> None:
    group.read(at, dict.fromkeys(group.entities, OPEN))


def alerted() -> int:
    return Notice.objects.filter(kind="alert").count()


# --- a worker whose clock runs ahead ------------------------------------------------------------------------------


def test_a_worker_whose_clock_runs_ahead_evaluates_by_the_clock_of_the_database(
    live_group: SampleGroup, clock_ahead: Callable[[], pytest.MonkeyPatch]
) -> None:
    save_evaluation_span(timezone.now() - 2 * MINUTE)
    read(live_group, timezone.now() - MINUTE)
    ahead = clock_ahead()
    tasks.evaluate()
    ahead.undo()
    now = timezone.now()
    assert OverdueFlag.objects.filter(since__lte=now).count() == len(live_group.entities)
    assert evaluating_since(EvaluationContext(now + 10 * MINUTE)) is None  # it has not evaluated then


def test_what_a_worker_left_ahead_stops_no_right_one(live_group: SampleGroup) -> None:
    """One of the version before, ten minutes ahead, has claimed the next minutes and read for a moment to come."""
    save_evaluation_span(timezone.now() - 2 * MINUTE)
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO periods_claimedtick (name, slot, claimed_at)"
            " SELECT 'evaluate', slot, slot FROM generate_series(date_trunc('minute', now()),"
            " date_trunc('minute', now() + interval '10 minutes'), '1 minute') slot"
        )
    read(live_group, timezone.now() + 10 * MINUTE)
    read(live_group, timezone.now())  # a right reader goes on
    tasks.evaluate()
    assert alerted() == len(live_group.entities)


def test_commands_judge_a_past_moment_and_do_not_count(live_group: SampleGroup) -> None:
    before = evaluating_since(EvaluationContext(timezone.now()))
    call_command("evaluate", "--as-of", "2026-06-20T12:00:00Z")
    call_command("evaluate")
    assert before is None
    assert evaluating_since(EvaluationContext(timezone.now())) is None
    assert evaluating_since(EvaluationContext(utc("2026-06-20 12:00"))) is None


# --- an evaluation that does not finish ---------------------------------------------------------------------------

RAISES = "RAISE EXCEPTION 'broken'"
KILLS = "PERFORM pg_terminate_backend(pg_backend_pid())"


@pytest.mark.parametrize("how", [RAISES, KILLS])
def test_an_evaluation_that_did_not_finish_does_not_count_and_is_done_again(
    live_group: SampleGroup, how: str
) -> None:
    """It breaks when it writes its first flag, and what did not finish is done in the same minute."""
    read(live_group, timezone.now() - MINUTE)
    with database.cursor() as cursor:
        cursor.execute(
            f"CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {how.replace(chr(39), chr(39) * 2)};"
            " RETURN NULL; END'; CREATE TRIGGER break AFTER INSERT ON alerts_overdueflag EXECUTE FUNCTION break()"
        )
    with pytest.raises((DatabaseError, OperationalError)):
        tasks.evaluate()
    database.close()
    assert evaluating_since(EvaluationContext(timezone.now())) is None
    with database.cursor() as cursor:
        cursor.execute("DROP TRIGGER break ON alerts_overdueflag")
    tasks.evaluate()
    assert OverdueFlag.objects.count() == len(live_group.entities)
    assert evaluating_since(EvaluationContext(timezone.now())) is not None


def test_a_second_beat_finds_the_minute_evaluated(live_group: SampleGroup) -> None:
    """The minute may end between two evaluations, but not between all three."""
    with database.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE evaluation (at timestamptz); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO evaluation SELECT now(); RETURN NULL; END';"
            " CREATE TRIGGER note AFTER INSERT ON alerts_overdueflag EXECUTE FUNCTION note()"
        )
        for _ in range(3):
            tasks.evaluate()
        cursor.execute("SELECT count(*), count(DISTINCT date_trunc('minute', at)) FROM evaluation")
        evaluations, minutes = cursor.fetchone()
    assert evaluations == minutes


# --- spans --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_gap_begins_a_new_span_and_past_moments_stay_explained() -> None:
    first = utc("2026-06-10 12:00")
    for minutes in (0, 1, 3, 8):
        record_evaluation(EvaluationContext(first + minutes * MINUTE))
    back = first + 8 * MINUTE + MAX_EVALUATION_GAP + timedelta(seconds=1)
    record_evaluation(EvaluationContext(back))
    record_evaluation(EvaluationContext(back + MINUTE))
    record_evaluation(
        EvaluationContext(back + MINUTE - timedelta(seconds=3))
    )  # the clock was put back a little
    delete_old_ticks(first + timedelta(days=90))
    assert evaluating_since(EvaluationContext(first - MINUTE)) is None
    assert evaluating_since(EvaluationContext(first + 5 * MINUTE)) == first
    assert evaluating_since(EvaluationContext(first + 8 * MINUTE + MAX_EVALUATION_GAP)) == first
    assert evaluating_since(EvaluationContext(back)) == back
    assert evaluating_since(EvaluationContext(back + 6 * MINUTE)) == back
    assert evaluating_since(EvaluationContext(back + 7 * MINUTE)) is None


@pytest.mark.slow
def test_the_upgrade_makes_spans_of_the_claimed_ticks(live_database: str) -> None:
    executor = MigrationExecutor(database)
    executor.migrate([("alerts", "0007_silences"), ("periods", "0005_news_of_names")])
    now = timezone.now().replace(second=0, microsecond=0)
    old, new = now - timedelta(hours=20), now - timedelta(hours=3)
    ahead = [now + minute * MINUTE for minute in range(2, 9)]
    slots = [old, old + 5 * MINUTE, old + 9 * MINUTE]
    slots += [new + minute * MINUTE for minute in range(180)]
    with database.cursor() as cursor:
        for name, moments in (("evaluate", [*slots, *ahead]), ("sync", [old + 12 * MINUTE])):
            cursor.execute(
                "INSERT INTO periods_claimedtick (name, slot, claimed_at) SELECT %s, at, at FROM unnest(%s) at",
                [name, moments],
            )
    executor = MigrationExecutor(database)
    executor.migrate([("alerts", "0008_evaluation_spans"), ("periods", "0006_connection_clock")])
    assert evaluating_since(EvaluationContext(old + 9 * MINUTE + MAX_EVALUATION_GAP)) == old
    assert evaluating_since(EvaluationContext(old + 15 * MINUTE)) is None
    assert evaluating_since(EvaluationContext(now)) == new
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*), max(last) FROM alerts_evaluationspan")
        assert cursor.fetchone() == (2, slots[-1])


@pytest.mark.django_db
def test_an_evaluation_replayed_at_a_past_moment_leaves_the_spans_alone() -> None:
    save_group_with_recipients()
    at = utc("2026-06-15 12:00")
    save_evaluation_span(at)
    run_evaluation(at + MINUTE)
    assert evaluating_since(EvaluationContext(at + MINUTE + MAX_EVALUATION_GAP)) is None

"""An evaluation costs the same few statements at any size, and all its steps judge by the same facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cached_property

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.group_closes import group_close_notices
from alerts.evaluate.run import run_evaluation
from alerts.models import Notice, OverdueFlag
from alerts.routing.evaluation_context import EvaluationContext
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind
from entities.models import Connection, Group, LegalEntity
from periods.models import FiscalPeriod, PolicyVersion, StateChange, SyncAttempt
from tests.alerts.evaluate.evaluation_groups import (
    CHANGED_AT,
    HOUR,
    MINUTE,
    Facts,
    before_statement,
    evaluate_at,
    save_rich_group,
)
from tests.alerts.evaluations import ALL_CLOSED, read_and_evaluate, save_evaluation_span
from tests.builders import CLOSED, MAY, OPEN, utc
from tests.db_builders import SampleGroup
from tests.periods.model_builders import policy, top_group

pytestmark = pytest.mark.django_db

# --- statements ---------------------------------------------------------------------------------------------------

FRIDAY, MONDAY = utc("2026-06-12 12:00"), utc("2026-06-22 12:00")
Evaluated = tuple[set[NoticeKind], list[str]]  # the kinds raised, and the statements


def nothing_is_late(group: SampleGroup) -> Evaluated:
    evaluate_at(utc("2026-06-02 12:00"), group, dict.fromkeys(group.entities, OPEN))
    return evaluated(utc("2026-06-02 12:01"), group, dict.fromkeys(group.entities, OPEN))


def nothing_new(group: SampleGroup) -> Evaluated:
    """All are late, and have alerted a minute ago."""
    evaluate_at(MONDAY, group, dict.fromkeys(group.entities, OPEN))
    return evaluated(MONDAY + MINUTE, group, dict.fromkeys(group.entities, OPEN))


def told_of_a_close(group: SampleGroup) -> Evaluated:
    """The group has closed, and its recipients received the notice a minute ago."""
    group_close(group)
    return evaluated(MONDAY + MINUTE, group, dict.fromkeys(group.entities, CLOSED))


def alerts(group: SampleGroup) -> Evaluated:
    return evaluated(MONDAY, group, dict.fromkeys(group.entities, OPEN))


def reopenings(group: SampleGroup) -> Evaluated:
    """Closed for two hours, reopened past the alert line."""
    evaluate_at(MONDAY - 2 * HOUR, group, dict.fromkeys(group.entities, CLOSED))
    return evaluated(MONDAY, group, dict.fromkeys(group.entities, OPEN))


def outage(group: SampleGroup) -> Evaluated:
    evaluate_at(FRIDAY, group, dict.fromkeys(group.entities, OPEN))
    return evaluated(FRIDAY + HOUR, group, None)


def group_close(group: SampleGroup) -> Evaluated:
    evaluate_at(MONDAY - HOUR, group, dict.fromkeys(group.entities, CLOSED))
    return evaluated(MONDAY, group, dict.fromkeys(group.entities, CLOSED))


def clears_and_group_close(group: SampleGroup) -> Evaluated:
    """All have alerted, and closed an hour ago."""
    evaluate_at(MONDAY - 2 * HOUR, group, dict.fromkeys(group.entities, OPEN))
    return group_close(group)


def evaluated(at: datetime, group: SampleGroup, facts: Facts | None) -> Evaluated:
    result, statements = evaluate_at(at, group, facts)
    return {NoticeKind(kind) for kind in result.notices}, statements


K = NoticeKind


@pytest.mark.parametrize(
    ("scenario", "raised", "most"),
    [
        (nothing_is_late, set(), 25),
        (nothing_new, set(), 25),
        (told_of_a_close, set(), 25),
        (alerts, {K.ALERT, K.ESCALATION, K.LATE}, 38),
        (reopenings, {K.ALERT, K.ESCALATION, K.LATE, K.REOPENED, K.PERMANENT_REOPENED}, 38),
        (outage, {K.STALE}, 38),
        (group_close, {K.GROUP_CLOSED}, 50),
        (clears_and_group_close, {K.CLEARED, K.GROUP_CLOSED}, 50),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
@pytest.mark.parametrize("size", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_an_evaluation_costs_the_same_few_statements_at_any_size(
    scenario: Callable[[SampleGroup], Evaluated], raised: set[NoticeKind], most: int, size: int
) -> None:
    """The statements of one minute, with those that begin and end its transaction (here a savepoint)."""
    counts = []
    for entities in (3, size):
        with transaction.atomic():
            kinds, statements = scenario(save_rich_group(entities))
            assert kinds == raised
            counts.append(len(statements))
            transaction.set_rollback(True)
    assert counts[1] == counts[0], "\n".join(text[:120] for text in statements)
    assert counts[1] <= most, "\n".join(text[:120] for text in statements)


# --- facts are read once, and none that a step writes is kept -----------------------------------------------------


def tables(statements: Iterable[str], *words: str) -> set[str]:
    """The tables named after one of these words."""
    return {name for text in statements for name in re.findall(rf'(?:{"|".join(words)}) "?(\w+_\w+)"?', text)}


def test_each_fact_is_one_statement_of_tables_that_no_step_writes() -> None:
    wrote: set[str] = set()
    for scenario in (reopenings, outage, clears_and_group_close):
        with transaction.atomic():
            _, statements = scenario(save_rich_group(3))
            wrote |= tables(statements, "INSERT INTO", "UPDATE", "DELETE FROM")
            transaction.set_rollback(True)
    assert {"alerts_overrun", "alerts_notice", "alerts_outage", "alerts_deliveryline"} <= wrote
    group = save_rich_group(3)
    group.read(MONDAY, dict.fromkeys(group.entities, OPEN))
    context = EvaluationContext(MONDAY)
    assert len(context.entities) == 3  # which others are built from
    facts = [name for name, kind in vars(EvaluationContext).items() if isinstance(kind, cached_property)]
    assert len(facts) >= 11
    for fact in facts:
        if fact in vars(context):
            continue
        with CaptureQueriesContext(connection) as statements_of_fact:
            assert getattr(context, fact) is getattr(context, fact)
        (statement,) = statements_of_fact
        read = tables([statement["sql"]], "FROM", "JOIN")
        assert read
        # The span moves when all steps are done.
        assert not (read & wrote) - ({"alerts_evaluationspan"} if fact == "span" else set()), fact


def test_a_reopening_raised_by_an_earlier_step_counts_in_the_same_evaluation(meridian: SampleGroup) -> None:
    """The context is the same before and after the notice is saved."""
    closed_at = utc("2026-06-09 12:00")
    read_and_evaluate(meridian, closed_at, [NoticeKind.GROUP_CLOSED])
    closes = read_and_evaluate(meridian, closed_at + HOLD_DOWN, [NoticeKind.GROUP_CLOSED])
    assert set(closes) == {"group_closed United Kingdom", "group_closed Meridian Group"}
    context = EvaluationContext(closed_at + HOLD_DOWN + MINUTE)
    assert group_close_notices(context) == []
    change = StateChange.objects.filter(period__entity__code="UKRT").latest("seen_at")
    Notice.objects.create(
        kind=NoticeKind.REOPENED.value,
        period=change.period,
        change=change,
        reason="a test",
        raised_at=context.as_of,
        fresh=True,
    )
    again = group_close_notices(context)
    assert {(row.group_id, row.episode) for row in again} == {
        (Group.objects.get(code=code).pk, 2) for code in ("UK", "MERIDIAN")
    }


# --- somebody writes while an evaluation runs ---------------------------------------------------------------------


def publish_policy() -> PolicyVersion:
    """On hold counts as closed, from the moment of the evaluation on."""
    return policy(
        top_group(), rule="workday", n=6, first_is=0, on_hold_counts_as_closed=True, set_at=CHANGED_AT
    )


def outcome(number: int | None = None) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The flags and notices of an evaluation in which a policy is published before a statement; undone afterwards."""
    with transaction.atomic():
        if number is None:
            run_evaluation(CHANGED_AT)
        else:
            with before_statement(number, publish_policy):
                run_evaluation(CHANGED_AT)
            assert PolicyVersion.objects.filter(set_at=CHANGED_AT).exists()
        flags = set(OverdueFlag.objects.values_list("period__entity__code", "level"))
        notices = Notice.objects.values_list("kind", "period__entity__code", "group__code")
        found = flags, {(kind, code or group) for kind, code, group in notices}
        transaction.set_rollback(True)
    return found


def statements_of_evaluation() -> int:
    with transaction.atomic(), CaptureQueriesContext(connection) as statements:
        run_evaluation(CHANGED_AT)
        transaction.set_rollback(True)
    return len(statements)


EVERY_THIRD = pytest.param(3, id="every third statement")
EVERY = pytest.param(1, id="every statement", marks=pytest.mark.slow)


@pytest.mark.parametrize("step", [EVERY_THIRD, EVERY])
def test_a_policy_published_while_an_evaluation_runs_is_seen_by_all_steps_or_none(
    group_on_hold: SampleGroup, step: int
) -> None:
    unseen, seen = outcome(), outcome(0)
    assert {("alert", "USRT"), ("alert", "NLDT")} <= unseen[1]
    assert not {kind for kind, _ in unseen[1]} & {"reopened", "group_closed"}
    assert {("reopened", "NLDT"), ("group_closed", "UK")} <= seen[1]
    assert ("alert", "USRT") not in seen[1]
    outcomes = [outcome(number) for number in range(0, statements_of_evaluation(), step)]
    assert all(found in (seen, unseen) for found in outcomes)
    assert outcomes.index(unseen) == len([found for found in outcomes if found == seen])  # from one moment on


def test_a_policy_dated_ahead_is_seen_by_no_step(group_on_hold: SampleGroup) -> None:
    """As on the board: it is in force from its own moment on."""
    unseen = outcome()
    ahead = publish_policy()
    PolicyVersion.objects.filter(pk=ahead.pk).update(set_at=CHANGED_AT + MINUTE)
    assert outcome() == unseen


def reopened_newcomer() -> None:
    """An entity of a new connection comes with a period that was closed and is open again."""
    entity = LegalEntity.objects.get(code="NLDT")
    entity.pk, entity.code, entity.name, entity.erp_id = None, "NEWC", "Newcomer BV", "newc"
    entity.connection = Connection.objects.create(
        name="new",
        kind="finops",
        base_url="https://new.operations.dynamics.com",
        tenant="new",
        client_id="new",
    )
    entity.save()
    period = FiscalPeriod.objects.create(
        entity=entity,
        erp_key="Fiscal|2026|5",
        year="2026",
        name="Period 5",
        first_day=MAY,
        last_day=date(2026, 5, 31),
        type="operating",
        reporting_month=MAY,
        state="open",
        because="open",
    )
    first, last = SyncAttempt.objects.order_by("pk")[:2]
    for hours, before, state, attempt in ((3, "open", "closed", first), (1, "closed", "open", last)):
        StateChange.objects.create(
            period=period,
            attempt=attempt,
            state=state,
            previous_state=before,
            seen_at=CHANGED_AT - hours * HOUR,
            previous_read_at=CHANGED_AT - 4 * HOUR,
            because=state,
        )


@pytest.mark.parametrize("step", [pytest.param(5, id="every fifth statement"), EVERY])
def test_an_entity_added_while_an_evaluation_runs_waits_for_the_next(
    meridian: SampleGroup, step: int
) -> None:
    meridian.read(CHANGED_AT - MINUTE, ALL_CLOSED | {"NLDT": OPEN})
    save_evaluation_span(CHANGED_AT - MINUTE)
    for number in range(0, statements_of_evaluation(), step):
        with transaction.atomic():
            with before_statement(number, reopened_newcomer):
                run_evaluation(CHANGED_AT)
            run_evaluation(CHANGED_AT + MINUTE)
            assert Notice.objects.filter(kind="reopened", period__entity__code="NEWC").exists()
            transaction.set_rollback(True)

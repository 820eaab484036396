"""News: whatever a board shows tells that it was written, once its transaction is in, in whatever order they come."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from psycopg import sql

from closing.facts.readings import GapReason
from entities.access import access_fingerprints
from entities.models import LegalEntity, Membership, Person
from periods.board_cache.change_feed import ChangeEvent, changes_since, delete_old_events
from periods.models import News, SyncAttempt
from periods.recording.attempts import begin_attempt
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY
from tests.hypothesis_profiles import examples
from tests.periods.events import ChangingGroup

# Tables without triggers of their own: why whoever writes them tells all the same.
TOLD_WITH_ANOTHER = {
    "periods_readspan": "written only where an attempt finishes, in one transaction",
    "periods_syncgap": "written only where an attempt finishes, in one transaction",
    "periods_packedattempts": "holds attempts that were rows before, and changes no board",
    "periods_connectionclock": "written with the attempts, or where some are packed",
    "periods_nativefacts": "never changes; a change of state that points at it is written with it",
}
# Triggers refuse to update or delete these.
STAY = {"periods_statechange", "periods_remark", "worklist_blockerreading", "worklist_taskevent"}
# Deleted only together with the entity or the connection they belong to, which tells.
GO_WITH_THEIR_OWNER = {
    "periods_fiscalperiod",
    "periods_perioddeadline",
    "periods_syncattempt",
    "worklist_workattempt",
    "entities_connection",
    "entities_person",
}
MADE_BEFORE_ANYBODY_POINTS_AT_THEM = {"entities_connection", "entities_person"}


def heard(work: Callable[[], object]) -> list[ChangeEvent]:
    """What is told of some work."""
    seen, _, _ = changes_since(None)
    work()
    return changes_since(seen)[1]


def kinds(work: Callable[[], object]) -> set[str]:
    return {piece.kind for piece in heard(work)}


def touched(work: Callable[[], object]) -> set[str]:
    """The tables that the statements of some work name."""
    with CaptureQueriesContext(connection) as ran:
        work()
    names = "|".join(re.escape(name) for name in connection.introspection.table_names())
    return {found for query in ran for found in re.findall(rf"\b({names})\b", query["sql"])}


def triggers() -> dict[str, set[str]]:
    """By table: the events of which a trigger tells."""
    told: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT event_object_table, event_manipulation FROM information_schema.triggers
            WHERE action_statement LIKE '%periods_tell_of_%'
            """
        )
        for table, event in cursor.fetchall():
            told.setdefault(table, set()).add(event)
    return told


# --- every table tells ----------------------------------------------------------------------------------------------


def test_every_table_that_a_board_reads_tells(shared_group: ChangingGroup) -> None:
    """The list is made of what a snapshot really reads; a new table without triggers fails here."""
    shared_group.pass_time(3 * 24 * 3600)
    shared_group.agree_policy("NLDT", rule="workday", n=3, first_is=1, lateness_unit="working_days")
    shared_group.speak(0, "NLDT", "note")
    read = touched(lambda: take_snapshot(LegalEntity.objects.all(), MAY, shared_group.now, track=12))
    assert {"entities_legalentity", "periods_statechange", "entities_calendarday"} <= read
    told = triggers()
    for table in read - TOLD_WITH_ANOTHER.keys():
        wanted = {"INSERT", "UPDATE", "DELETE"}
        if table in STAY:
            wanted -= {"UPDATE", "DELETE"}
        if table in GO_WITH_THEIR_OWNER:
            wanted -= {"DELETE"}
        if table in MADE_BEFORE_ANYBODY_POINTS_AT_THEM:
            wanted -= {"INSERT"}
        assert wanted <= told.get(table, set()), table


def test_every_table_that_decides_who_sees_what_tells(shared_group: ChangingGroup) -> None:
    """The session is looked at by itself, and a superuser's row tells of access."""
    read = touched(lambda: access_fingerprints([each.pk for each in shared_group.speakers]))
    read |= touched(lambda: list(LegalEntity.objects.visible_to(shared_group.speakers[0])))
    told = triggers()
    assert read == {"entities_legalentity", "entities_group", "entities_membership", "entities_person"}
    for table in read - {"entities_person"}:
        assert told[table] == {"INSERT", "UPDATE", "DELETE"}, table
    assert "UPDATE" in told["entities_person"]


def test_what_has_no_trigger_is_told_with_what_has(shared_group: ChangingGroup) -> None:
    ids = tuple(sorted(each.pk for each in shared_group.group.entities.values()))
    shared_group.pass_time(60)
    told = heard(lambda: shared_group.read({}, unread={"NLDT": GapReason.NO_ACCESS}))
    assert ChangeEvent("read", (shared_group.group.connection.pk,)) in told
    shared_group.pass_time(60)
    told = heard(lambda: shared_group.read({"NLDT": CLOSED}))
    assert ChangeEvent("rows", (shared_group.group.entities["NLDT"].pk,)) in told
    shared_group.pass_time(60)
    assert heard(lambda: shared_group.read({})) == [ChangeEvent("read", (shared_group.group.connection.pk,))]
    assert ids  # an uneventful read names no entity


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entities_legalentity SET name = 'By hand' WHERE code = 'NLDT'",
        "UPDATE entities_group SET name = 'By hand' WHERE code = 'UK'",
        "UPDATE entities_workcalendar SET name = 'By hand'",
        "UPDATE entities_connection SET stale_after_seconds = 7200",
        "UPDATE entities_person SET name = 'By hand' WHERE name = 'Amira Hale'",
        "UPDATE periods_policyversion SET n = 2",
        "UPDATE periods_deadlinepolicy SET name = 'By hand'",
        "UPDATE periods_fiscalperiod SET reporting_month = '2026-04-01' WHERE reporting_month = '2026-05-01'",
        "UPDATE periods_perioddeadline SET due_on = due_on + 1",
        "DELETE FROM entities_membership",
        "UPDATE entities_person SET is_active = false WHERE name = 'Rosa Bell'",
        "UPDATE entities_person SET password = 'x' WHERE name = 'Rosa Bell'",
        "UPDATE entities_person SET is_superuser = true WHERE name = 'Rosa Bell'",
    ],
)
def test_a_hand_with_sql_tells_too(statement: str, shared_group: ChangingGroup) -> None:
    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with transaction.atomic():
        assert kinds(work)
        transaction.set_rollback(True)


def test_what_no_board_shows_is_no_news(shared_group: ChangingGroup) -> None:
    rosa = shared_group.speakers[0]
    assert heard(lambda: Person.objects.filter(pk=rosa.pk).update(last_login=timezone.now())) == []
    assert heard(lambda: LegalEntity.objects.filter(code="NOBODY").update(name="x")) == []
    assert (
        heard(lambda: begin_attempt(shared_group.other.pk, shared_group.now, lease=timedelta(minutes=3)))
        == []
    )
    finish = SyncAttempt.objects.filter(outcome="running")
    assert kinds(lambda: finish.update(outcome="ok", finished_at=shared_group.now)) == {"read"}


def test_news_say_whom_they_are_about(shared_group: ChangingGroup) -> None:
    nldt, rosa = shared_group.group.entities["NLDT"].pk, shared_group.speakers[0].pk
    assert heard(lambda: shared_group.rename_entity("NLDT", "Another name")) == [
        ChangeEvent("places", (nldt,))
    ]
    assert heard(lambda: Membership.objects.filter(person=rosa).delete()) == [ChangeEvent("access", (rosa,))]
    sanne = Person.objects.filter(name="Sanne de Wit")
    assert heard(lambda: sanne.update(name="S. de Wit")) == [ChangeEvent("rows", (nldt,))]
    assert ChangeEvent("rows", None) in heard(
        lambda: shared_group.agree_policy("", rule="workday", n=7, first_is=1)
    )


# --- in whatever order ----------------------------------------------------------------------------------------------


def another_session() -> psycopg.Connection[tuple[object, ...]]:
    params = connection.get_connection_params()
    known = {key: params[key] for key in ("host", "port", "user", "password", "dbname") if key in params}
    return psycopg.connect(**known)


RENAME = sql.SQL("UPDATE entities_legalentity SET name = name || '.' WHERE code = %s")


def test_what_commits_late_is_seen_late_and_once(shared_group: ChangingGroup) -> None:
    """A transaction that began first and commits last: a counter would have been passed already."""
    pk = {code: each.pk for code, each in shared_group.group.entities.items()}
    with another_session() as slow, another_session() as fast:
        start, _, _ = changes_since(None)
        slow.execute(RENAME, ["UKHC"])
        fast.execute(RENAME, ["NLDT"])
        fast.commit()
        between, told, _ = changes_since(start)
        assert told == [ChangeEvent("places", (pk["NLDT"],))]
        slow.commit()
        end, told, _ = changes_since(between)
        assert told == [ChangeEvent("places", (pk["UKHC"],))]
        assert changes_since(end)[1] == []
        assert {piece.ids for piece in changes_since(start)[1]} == {(pk["NLDT"],), (pk["UKHC"],)}


def test_nothing_is_heard_of_what_was_taken_back(shared_group: ChangingGroup) -> None:
    pk = shared_group.group.entities["NLDT"].pk
    start, _, _ = changes_since(None)
    with another_session() as session:
        session.execute(RENAME, ["UKHC"])
        assert changes_since(start)[1] == []
        session.rollback()
        session.execute(RENAME, ["NLDT"])
        session.execute("SAVEPOINT here")
        session.execute(RENAME, ["UKHC"])
        session.execute("ROLLBACK TO here")
        session.commit()
    assert changes_since(start)[1] == [ChangeEvent("places", (pk,))]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(("write", "write", "inner", "commit", "commit", "rollback", "look")),
    ),
    min_size=4,
    max_size=25,
)


@pytest.mark.hypothesis  # its property stands inside
@pytest.mark.timeout(240)
def test_every_order_of_three_writers_is_heard_exactly(shared_group: ChangingGroup) -> None:
    """Each reader hears what was committed since its last look, all of it, once, and nothing else."""
    codes = sorted(shared_group.group.entities)[:3]
    pk = {code: shared_group.group.entities[code].pk for code in codes}

    @examples(40, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def play(steps: list[tuple[int, str]]) -> None:
        sessions = [another_session() for _ in codes]
        seen, _, _ = changes_since(None)
        waiting = [0, 0, 0]  # statements of each writer that are not committed
        committed: list[int] = []
        try:
            for who, verb in [*steps, (0, "look")]:
                session, code = sessions[who], codes[who]
                match verb:
                    case "write":
                        session.execute(RENAME, [code])
                        waiting[who] += 1
                    case "inner":
                        with session.transaction():
                            session.execute(RENAME, [code])
                        if session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                            committed.append(pk[code])
                        else:
                            waiting[who] += 1
                    case "commit":
                        session.commit()
                        committed += [pk[code]] * waiting[who]
                        waiting[who] = 0
                    case "rollback":
                        session.rollback()
                        waiting[who] = 0
                    case _:
                        seen, told, _ = changes_since(seen)
                        assert sorted(one for piece in told for one in piece.ids or ()) == sorted(committed)
                        committed = []
        finally:
            for session in sessions:
                session.close()

    play()


def test_who_begins_hears_nothing_but_knows_from_where_on(shared_group: ChangingGroup) -> None:
    snapshot, told, since = changes_since(None)
    assert (told, since) == ([], None)
    shared_group.rename_entity("NLDT", "Later")
    assert len(changes_since(snapshot)[1]) == 1


def test_old_news_are_forgotten_and_young_ones_stay(shared_group: ChangingGroup) -> None:
    seen, _, _ = changes_since(None)
    shared_group.rename_entity("NLDT", "Young")
    now = timezone.now()
    assert delete_old_events(now) == 0
    assert len(changes_since(seen)[1]) == 1
    with transaction.atomic():
        News.objects.update(at=now - timedelta(days=2))
    kept = News.objects.count()
    assert delete_old_events(now) == kept > 0

"""What the source does wrong, from the simulator over HTTP to the tables: rows E1 to E25 of 05-reliability.

The rule for every row: a failed or partial read changes no state; it leaves an attempt with words, and what was not
read ages. How each answer is told apart is tested in tests/connectors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from closing.facts.readings import GapReason
from connectors.pacing import due_connections
from connectors.sync import sync_connection
from connectors.tasks import sync_one
from entities.models import Connection, LegalEntity
from periods.models import FiscalPeriod, StateChange, SyncAttempt
from periods.snapshot.builder import take_snapshot
from periods.snapshot.freshness import freshness
from simulator.run import Running
from tests.builders import MAY, utc
from tests.faults.sync_helpers import assert_invariants
from tests.periods.model_builders import calendar, groups, policy, top_group, workday

pytestmark = [pytest.mark.django_db, pytest.mark.fault]

FIRST, THEN = utc("2026-06-12 11:50"), utc("2026-06-12 12:00")
STALE = FIRST + timedelta(minutes=16)  # the first reading is older than its 15 minutes
BRIEF = timedelta(seconds=0.6)  # a budget that own retries soon use up
AMPLE = timedelta(seconds=20)  # for what is refused or misread without a retry
COMPANIES = {
    "finops": {"UKHC": "ukhc", "UKRT": "ukrt", "USRT": "usrt", "NLDT": "nldt"},
    "business_central": {"ESIB": "Ibérica SL", "IEOP": "Ireland Operations"},
}
KINDS = list(COMPANIES)


@dataclass
class Read:
    """A connection that was read once, when all was well."""

    sim: Running
    source: Connection
    entities: dict[str, LegalEntity] = field(default_factory=dict)

    def again(self, budget: timedelta = timedelta(seconds=60)) -> SyncAttempt:
        attempt = sync_connection(self.source, THEN, budget=budget, wall_clock=timezone.now()).attempt
        assert attempt is not None
        return attempt

    def fresh(self, at: Any) -> set[str]:
        standing = freshness([entity.pk for entity in self.entities.values()], at)
        return {code for code, entity in self.entities.items() if standing[entity.pk].fresh}

    def troubles(self) -> dict[str, str]:
        standing = freshness([entity.pk for entity in self.entities.values()], THEN)
        return {code: standing[entity.pk].read_error for code, entity in self.entities.items()}


def connected(sim: Running, kind: str, tenant: str, name: str, companies: dict[str, str]) -> Read:
    """A connection of these companies, by code."""
    source = Connection(
        name=name,
        kind=kind,
        base_url=sim.url,
        authority=sim.url,
        tenant=tenant,
        environment="production" if kind == "business_central" else "",
        client_id="simulator",
    )
    source.secret = "simulator"
    source.save()
    return Read(sim, source, {code: company(code, erp_id, source) for code, erp_id in companies.items()})


def company(code: str, erp_id: str, source: Connection) -> LegalEntity:
    return LegalEntity.objects.create(
        code=code,
        name=erp_id,
        country="GB",
        zone="Europe/London",
        group=top_group(),
        calendar=calendar("ENGLAND", "England", "GB", "ENG"),
        connection=source,
        erp_id=erp_id,
    )


def read_once(sim: Running, kind: str, tenant: str) -> Read:
    groups()
    policy(top_group(), **workday(6, 0))
    read = connected(sim, kind, tenant, kind.replace("_", "-"), COMPANIES[kind])
    first = sync_connection(read.source, FIRST, wall_clock=timezone.now())
    assert first.attempt is not None
    assert (first.attempt.outcome, first.gaps) == ("ok", 0), first.attempt.words
    assert first.changes > 0
    assert read.fresh(THEN) == set(COMPANIES[kind])
    sim.call("DELETE", "requests")
    return read


def picture(*, but: str = "") -> tuple[list[Any], int]:
    """Every period as it stands with the length of history; `but` leaves a company out."""
    stand = FiscalPeriod.objects.exclude(entity__code=but).order_by("pk")
    history = StateChange.objects.exclude(period__entity__code=but)
    return list(
        stand.values_list("pk", "state", "because", "facts_id", "first_day", "last_day")
    ), history.count()


def assert_words(attempt: SyncAttempt) -> None:
    """A sentence for people, without the secret, a token, or what only a programmer reads."""
    assert re.fullmatch(r"\w.{20,}[.)]|.*It begins: .*", attempt.words, re.DOTALL), attempt.words
    for never in ("simulator", "eyJ", "Bearer", "Traceback", "object at 0x"):
        assert never not in attempt.words


# nothing is read ----------------------------------------------------------------------------------------------------

WHOLE = [
    ("E1", "unauthorized", {}, "refused"),
    ("E2", "invalid_client", {"code": 7000222}, "refused"),
    ("E3", "forbidden", {}, "refused"),
    ("E4", "not_found", {}, "refused"),
    ("E5", "throttled", {"retry_after": "600"}, "unavailable"),
    ("E5", "throttled", {}, "unavailable"),
    *(("E6", "status", {"status": status}, "unavailable") for status in (408, 500, 502, 503, 504)),
    ("E6", "status", {"status": 413}, "misread"),
    ("E7", "read_hang", {}, "unavailable"),
    ("E7", "slow_loris", {}, "unavailable"),
    *(("E8", f"truncated_{how}", {}, "unavailable") for how in ("length", "chunked", "close")),
    ("E8", "reset", {}, "unavailable"),
    ("E9", "html_login", {}, "misread"),
    ("E9", "redirect", {}, "misread"),
    ("E9", "not_json", {}, "misread"),
    *(("E13", f"next_link_{how}", {}, "misread") for how in ("self", "loop", "host", "scheme")),
    ("E14", "gzip_bomb", {"megabytes": 64}, "misread"),
]


def named(row: tuple[str, str, dict[str, Any], str]) -> str:
    return "-".join([row[0], row[1], *map(str, row[2].values())])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", WHOLE, ids=named)
def test_a_read_that_fails_changes_nothing_and_ages(
    row: tuple[str, str, dict[str, Any], str], kind: str, example_sim: Running, tenant: str
) -> None:
    """E1 to E9, E13, E14: no period, no history; an attempt with words; fresh for 15 minutes and not after."""
    _, fault, options, outcome = row
    read = read_once(example_sim, kind, tenant)
    before = picture()
    if fault == "invalid_client":
        example_sim.fault("expired_token")
    match = {} if fault == "invalid_client" else {"match": "/data/" if kind == "finops" else "/companies"}
    example_sim.fault(fault, **match, **options)
    attempt = read.again(BRIEF if outcome == "unavailable" else AMPLE)
    assert picture() == before
    assert attempt.outcome == outcome
    assert_words(attempt)
    assert attempt.finished_at is not None
    assert attempt.finished_at - attempt.started_at <= BRIEF + timedelta(seconds=5)  # E7
    everybody = set(COMPANIES[kind])
    assert read.fresh(THEN) == everybody
    assert set(read.troubles().values()) == {attempt.words}
    assert read.fresh(STALE) == set()
    assert_invariants()


@pytest.mark.parametrize(
    ("row", "fault", "options"),
    [
        ("E10", "wrong_shape", {"shape": "no_value"}),
        ("E10", "wrong_shape", {"shape": "list"}),
        ("E11", "duplicate_keys", {"company": "NLDT"}),
        ("E14", "huge_page", {"megabytes": 25}),
    ],
)
def test_a_list_of_states_that_cannot_be_trusted_changes_nothing(
    row: str, fault: str, options: dict[str, Any], example_sim: Running, tenant: str
) -> None:
    """E10, E11, E14: one bad list of all companies' states, and none of them is believed."""
    read = read_once(example_sim, "finops", tenant)
    example_sim.set_state("NLDT", period="2026-05", status="Closed")
    before = picture()
    example_sim.fault(fault, **options)
    attempt = read.again()
    assert picture() == before
    assert attempt.outcome == "misread"
    assert_words(attempt)
    assert read.fresh(STALE) == set()
    assert_invariants()


# one company is not read --------------------------------------------------------------------------------------------

ALONE: list[tuple[str, str, str, str, dict[str, Any], GapReason]] = [
    ("E3", "business_central", "forbidden", "IEOP", {}, GapReason.NO_ACCESS),
    ("E4", "business_central", "not_found", "IEOP", {}, GapReason.NOT_FOUND),
    *(
        ("E6", "business_central", "status", "IEOP", {"status": status}, GapReason.FAILED)
        for status in (400, 405, 409, 423, 501, 503)
    ),
    ("E5", "business_central", "throttled", "IEOP", {"retry_after": 600}, GapReason.FAILED),
    ("E10", "finops", "missing_field", "NLDT", {}, GapReason.BAD_ROW),
    ("E10", "finops", "wrong_type", "NLDT", {}, GapReason.BAD_ROW),
    ("E10", "business_central", "missing_field", "IEOP", {}, GapReason.BAD_ROW),
    ("E11", "business_central", "duplicate_keys", "IEOP", {}, GapReason.BAD_ROW),
    ("E12", "finops", "conflicting_rows", "NLDT", {}, GapReason.CONFLICT),
    ("E16", "finops", "empty_list", "NLDT", {"match": "LedgerFiscalPeriods"}, GapReason.EMPTY),
    ("E16", "business_central", "empty_list", "IEOP", {"match": "accountingPeriods"}, GapReason.EMPTY),
    ("E17", "finops", "entity_missing", "NLDT", {}, GapReason.MISSING),
    ("E17", "business_central", "entity_missing", "IEOP", {}, GapReason.MISSING),
    ("E21", "business_central", "identity_changed", "IEOP", {}, GapReason.IDENTITY_CHANGED),
]


@pytest.mark.parametrize(
    ("row", "kind", "fault", "code", "options", "reason"),
    ALONE,
    # The tenant is named after the test, and must not contain what a fault is matched by.
    ids=[f"{one[0]}-{one[1]}-{one[2]}-{one[4].get('status', '')}" for one in ALONE],
)
def test_one_company_that_is_not_read_ages_alone(
    row: str,
    kind: str,
    fault: str,
    code: str,
    options: dict[str, Any],
    reason: GapReason,
    example_sim: Running,
    tenant: str,
) -> None:
    """E3, E4, E10 to E12, E16, E17, E21: the others are fresh; this one keeps its states and is not."""
    read = read_once(example_sim, kind, tenant)
    before = picture()
    example_sim.fault(fault, company=code, **options)
    attempt = read.again()
    assert picture() == before
    assert attempt.outcome == "partial"
    assert_words(attempt)
    [gap] = attempt.gaps.all()
    assert gap.entity == read.entities[code]
    assert gap.reason == reason.value
    assert read.fresh(THEN) == set(read.entities) - {code}
    assert read.troubles()[code] == gap.words != ""
    assert (attempt.retry_at is not None) == (row == "E5")
    assert freshness([read.entities[code].pk], THEN)[read.entities[code].pk].missing == (row == "E17")
    read.entities[code].refresh_from_db()
    board = take_snapshot(LegalEntity.objects.filter(code=code), MAY, THEN)
    assert [(one.code, one.fresh) for one in board.rows] == [(code, False)]
    assert_invariants()


@pytest.mark.parametrize("fault", ["forbidden", "not_found"])
def test_e3_e4_one_of_twenty_companies_is_refused(
    fault: str, twenty_companies_sim: Running, tenant: str
) -> None:
    """19 fresh, 1 not; it is shown with its last state, never as closed and never removed."""
    groups()
    companies = {f"B{number:05}": f"Company {number}" for number in range(1, 21)}
    read = connected(twenty_companies_sim, "business_central", tenant, "twenty", companies)
    assert sync_connection(read.source, FIRST).gaps == 0
    before = picture()
    twenty_companies_sim.fault(fault, company="B00007")
    assert read.again().outcome == "partial"
    assert picture() == before
    assert read.fresh(THEN) == set(companies) - {"B00007"}
    board = take_snapshot(LegalEntity.objects.all(), MAY, THEN)
    assert len(board.rows) == 20
    [seventh] = [one for one in board.rows if one.code == "B00007"]
    assert (seventh.fresh, seventh.counts_as_closed) == (False, False)


def test_e24_answers_for_the_default_company_only(example_sim: Running, tenant: str) -> None:
    """Cross-company ignored by the ERP: the default company is fresh, each of the others a gap with words."""
    read = read_once(example_sim, "finops", tenant)
    before = picture()
    example_sim.fault("default_company_only")
    attempt = read.again()
    assert picture() == before
    assert attempt.outcome == "partial"
    assert read.fresh(THEN) == {"UKHC"}
    assert all(read.troubles()[code] for code in ("UKRT", "USRT", "NLDT"))
    assert_invariants()


def test_e16_an_empty_answer_for_everybody_is_not_fine(example_sim: Running, tenant: str) -> None:
    """`value: []`: never "no open periods, so all are closed"; the old states stay and age."""
    read = read_once(example_sim, "finops", tenant)
    before = picture()
    example_sim.fault("empty_list", match="LedgerFiscalPeriods")
    attempt = read.again()
    assert picture() == before
    assert attempt.outcome == "partial"
    assert_words(attempt)
    assert read.fresh(THEN) == set()
    assert_invariants()


# what is read although something is odd ----------------------------------------------------------------------------


def test_e12_equal_rows_count_once(example_sim: Running, tenant: str) -> None:
    """The same row twice: read, nothing changed."""
    read = read_once(example_sim, "finops", tenant)
    before = picture()
    example_sim.fault("duplicate_rows", rows=3)
    assert read.again().outcome == "ok"
    assert picture() == before
    assert read.fresh(STALE) == set(read.entities)


@pytest.mark.parametrize("word", ["Frozen", "closed", "Geschlossen", "7", ""])
def test_e15_a_word_that_nobody_knows(word: str, example_sim: Running, tenant: str) -> None:
    """Unknown with the raw value kept and shown; never open and never closed, and nobody else's concern."""
    read = read_once(example_sim, "finops", tenant)
    others = picture(but="NLDT")
    example_sim.fault("unknown_enum", company="NLDT", value=word, rows=99)
    assert read.again().outcome == "ok"
    may = FiscalPeriod.objects.get(entity__code="NLDT", reporting_month=MAY, type="operating")
    assert may.state == "unknown"
    assert may.facts is not None
    assert may.facts.body["status"] == word
    assert word in may.because
    assert picture(but="NLDT") == others
    assert read.fresh(STALE) == set(read.entities)
    assert_invariants()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [3600, -3600])
def test_e19_a_server_clock_that_is_off(seconds: int, kind: str, example_sim: Running, tenant: str) -> None:
    """An hour off: no state changes, the skew is noted and told, and the order is ours."""
    read = read_once(example_sim, kind, tenant)
    before = picture()
    example_sim.fault("clock_skew", seconds=seconds)
    attempt = read.again()
    assert picture() == before
    assert attempt.outcome == "ok"
    assert attempt.clock_skew_seconds is not None
    assert abs(attempt.clock_skew_seconds - seconds) < 60
    assert_words(attempt)
    assert read.fresh(STALE) == set(read.entities)


def test_e21_a_company_that_came_back_as_another_is_not_written_until_it_is_confirmed(
    example_sim: Running, tenant: str
) -> None:
    """The identity pinned at the first read stays; a new one under the old name stops the writing."""
    read = read_once(example_sim, "business_central", tenant)
    pinned = LegalEntity.objects.get(code="IEOP").erp_identity
    assert pinned == "22222222-3333-4444-5555-666666666666"
    example_sim.fault("identity_changed", company="IEOP")
    for minutes in range(3):
        synced = sync_connection(read.source, THEN + timedelta(minutes=minutes))
        assert synced.gaps == 1
    assert LegalEntity.objects.get(code="IEOP").erp_identity == pinned
    assert StateChange.objects.filter(period__entity__code="IEOP", seen_at__gte=THEN).count() == 0


@pytest.mark.parametrize(("which", "state"), [("both", "open"), ("from", "open"), ("to", "closed")])
def test_e25_blank_bounds_are_no_limits(which: str, state: str, example_sim: Running, tenant: str) -> None:
    """May of Ibérica: posting is allowed from 1 June, so closed; a blank `from` means no limit, so open again."""
    read = read_once(example_sim, "business_central", tenant)
    may = FiscalPeriod.objects.get(entity__code="ESIB", reporting_month=MAY)
    assert may.state == "closed"
    example_sim.fault("blank_bc_dates", company="ESIB", which=which)
    assert read.again().outcome == "ok"
    may.refresh_from_db()
    assert may.state == state
    assert_invariants()


# pacing -------------------------------------------------------------------------------------------------------------


def tokens_asked(sim: Running) -> int:
    return len(sim.requests("/oauth2/"))


def test_e1_an_expired_token_costs_one_refresh_for_all(example_sim: Running, tenant: str) -> None:
    """Five connections of one application after all tokens expired: 1 token request, all read; no storm."""
    read = read_once(example_sim, "finops", tenant)
    sources = [read.source]
    for number in range(4):
        other = connected(example_sim, "finops", tenant, f"other-{number}", {f"OTHER{number}": "ukhc"})
        sources.append(other.source)
    example_sim.fault("expired_token")
    assert [sync_connection(source, THEN).attempt.outcome for source in sources] == ["ok"] * 5  # type: ignore[union-attr]
    assert tokens_asked(example_sim) == 1


def test_e1_a_token_that_is_never_accepted_is_no_storm(example_sim: Running, tenant: str) -> None:
    """401 to everything, five reads in a row: one forced refresh in a minute, `refused` for a quarter of an hour."""
    read = read_once(example_sim, "finops", tenant)
    example_sim.fault("unauthorized", match="/data/")
    for seconds in range(5):
        synced = sync_connection(read.source, THEN + timedelta(seconds=seconds))
        assert synced.attempt is not None
        assert synced.attempt.outcome == "refused"
    assert tokens_asked(example_sim) == 1
    last = THEN + timedelta(seconds=4)
    assert due_connections(last + timedelta(minutes=14, seconds=59)) == []
    assert due_connections(last + timedelta(minutes=15)) == [read.source.pk]


def test_e2_an_expired_secret_is_not_hammered(example_sim: Running, tenant: str) -> None:
    """7000222: words of its own, one token request however often it is read, and due only after 15 minutes."""
    read = read_once(example_sim, "finops", tenant)
    example_sim.fault("expired_token")
    example_sim.fault("invalid_client", code=7000222)
    for seconds in range(5):
        synced = sync_connection(read.source, THEN + timedelta(seconds=seconds))
        assert synced.attempt is not None
        assert (synced.attempt.outcome, synced.changes) == ("refused", 0)
        assert "has expired" in synced.attempt.words
    assert tokens_asked(example_sim) == 1
    assert due_connections(THEN + timedelta(minutes=14)) == []


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("600", 600), ("http-date", 600), ("1000000000", 900), ("-5", None), ("soon", None), (None, None)],
)
def test_e5_a_wait_that_was_asked_for_is_kept_in_sql(
    asked: str | None, seconds: int | None, example_sim: Running, tenant: str
) -> None:
    """429: due no earlier than asked, capped at 15 minutes; without a sensible wait at the next interval."""
    read = read_once(example_sim, "finops", tenant)
    example_sim.fault("throttled", retry_after=asked, seconds=600)
    attempt = read.again(BRIEF)
    assert attempt.outcome == "unavailable"
    assert attempt.finished_at is not None
    if seconds is None:
        assert attempt.retry_at is None
        assert due_connections(THEN + timedelta(minutes=5)) == [read.source.pk]
        return
    assert attempt.retry_at is not None
    wait = (attempt.retry_at - attempt.finished_at).total_seconds()
    assert seconds - 3 <= wait <= seconds + 1  # an HTTP date has whole seconds, and some had passed
    assert due_connections(attempt.retry_at - timedelta(seconds=1)) == []
    assert due_connections(attempt.retry_at) == [read.source.pk]


def test_e6_the_circuit_opens_after_five_failures_and_closes_after_a_read(
    example_sim: Running, tenant: str
) -> None:
    """Pauses of 5, 5, 5, 5, then 10 and at most 15 minutes; one good read and it is 5 again."""
    read = read_once(example_sim, "finops", tenant)
    example_sim.fault("status", status=503)
    at, pauses = THEN, []
    for _ in range(7):
        synced = sync_connection(read.source, at, budget=timedelta(seconds=0.4))
        assert synced.attempt is not None
        assert synced.attempt.outcome == "unavailable"
        pauses.append(pause_after(read.source, at))
        at += pauses[-1]
    assert [pause.total_seconds() / 60 for pause in pauses] == [5, 5, 5, 5, 10, 15, 15]
    example_sim.call("DELETE", "faults")
    assert sync_connection(read.source, at).attempt.outcome == "ok"  # type: ignore[union-attr]
    assert pause_after(read.source, at).total_seconds() == 300
    assert_invariants()


def test_a_worker_whose_clock_runs_ahead_reads_by_the_clock_of_the_database(
    example_sim: Running, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes ahead, it reads once for now; the right worker that comes after it goes on in its turn."""
    read = read_once(example_sim, "finops", tenant)
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(minutes=10))
    sync_one(read.source.pk)
    monkeypatch.undo()
    newest = SyncAttempt.objects.latest("pk")
    assert newest.outcome == "ok"
    assert newest.started_at <= right()
    assert due_connections(right()) == []
    assert due_connections(right() + timedelta(minutes=5)) == [read.source.pk]


def test_an_attempt_dated_ahead_of_the_clock_holds_nothing_back(example_sim: Running, tenant: str) -> None:
    """A worker of the version before, whose clock was an hour ahead, has read and was turned away."""
    read = read_once(example_sim, "finops", tenant)
    ahead = timezone.now() + timedelta(hours=1)
    assert sync_connection(read.source, ahead).attempt.outcome == "ok"  # type: ignore[union-attr]
    example_sim.fault("unauthorized", match="/data/")
    assert sync_connection(read.source, ahead).attempt.outcome == "refused"  # type: ignore[union-attr]
    example_sim.call("DELETE", "faults")
    sync_one(read.source.pk)
    newest = SyncAttempt.objects.latest("pk")
    assert newest.outcome == "ok"
    assert read.fresh(timezone.now()) == set(read.entities)
    assert_invariants()


def pause_after(source: Connection, at: Any) -> timedelta:
    """The first minute in which the connection is due again (looks come every minute)."""
    for minute in range(1, 60):
        if due_connections(at + timedelta(minutes=minute)) == [source.pk]:
            return timedelta(minutes=minute)
    raise AssertionError("never due again")

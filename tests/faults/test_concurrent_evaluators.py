"""Two beats, three evaluators and three senders tell exactly what one of each tells (05-reliability A3, A4, B9)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import pytest
from django.conf import settings
from django.db.models import Q
from pytest_django import DjangoDbBlocker

from alerts.models import Delivery, DeliveryLine, Notice, Outage
from closeboard.ops.children import die_with_parent
from closing.facts.base import NativePeriodFacts
from entities.models import Group
from tests.alerts.evaluations import Role, save_evaluation_span, save_member
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.closeboard.processes import PROJECT
from tests.databases import live_copy
from tests.db_builders import SampleGroup, save_sample_group
from tests.faults.smtp_sink import Sink
from tests.faults.sync_helpers import FULL
from tests.sample_entities import NLDT, TWELVE_ENTITIES

pytestmark = [pytest.mark.fault, pytest.mark.slow]
BEGIN, HOURS = utc("2026-06-14 18:00"), 8  # over the midnights of Amsterdam, London and Dublin into +6
EVERY = timedelta(minutes=1 if FULL else 4)  # between two evaluations
READ_EVERY = timedelta(minutes=8 if not FULL else 5)
SILENT = (timedelta(hours=5), timedelta(hours=6))  # the ERP says nothing in this hour
CAST = (*TWELVE_ENTITIES, *(replace(NLDT, code=f"NL{n:02}", name=f"Branch {n} BV") for n in range(20)))
Told = tuple[str, str, int, int, datetime, str]


class Player:
    """A process that evaluates and sends at the moments it is told (tests/faults/evaluator_process.py)."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.evaluator_process"],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - from the main thread, see closeboard.ops.children
        )

    def __enter__(self) -> Self:
        assert self.answer() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def ask(self, what: str, at: datetime) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{what} {at.isoformat()}\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def ask_all(players: Sequence[Player], what: str, at: datetime, times: int = 1) -> None:
    """Everybody at once, so many times; nobody may have failed."""
    for _ in range(times):
        for each in players:
            each.ask(what, at)
    answers = [each.answer() for _ in range(times) for each in players]
    assert all(answer.isdigit() for answer in answers), answers


@contextmanager
def playing(env: dict[str, str], count: int) -> Iterator[list[Player]]:
    """So many players, started side by side."""
    players = [Player(env) for _ in range(count)]
    with ExitStack() as stack:
        yield [stack.enter_context(each) for each in players]


def environment(url: str, mail_url: str = "") -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "closeboard.settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "MAIL_URL": mail_url,
        "MAILS_A_MINUTE": "0",
    }


def story() -> list[tuple[datetime, dict[str, NativePeriodFacts] | None]]:
    """What the ERP says at each reading, entities opening and closing at random but each time the same ones.

    None in its silence.
    """
    chance, said = random.Random(20_260_614), {who.code: OPEN for who in CAST}
    found: list[tuple[datetime, dict[str, NativePeriodFacts] | None]] = []
    at = BEGIN
    while at <= BEGIN + timedelta(hours=HOURS):
        for code in said:
            if chance.random() < 0.02:
                said[code] = chance.choice([OPEN, CLOSED, CLOSED, ON_HOLD])
        silent = SILENT[0] <= at - BEGIN <= SILENT[1]
        found.append((at, None if silent else dict(said)))
        at += READ_EVERY
    return found


def save_the_group() -> SampleGroup:
    group = save_sample_group(CAST)
    for name, role, code in (
        ("rosa", Role.FINANCE, "MERIDIAN"),
        ("paul", Role.FINANCE, "UK"),
        ("carl", Role.ADMINISTRATOR, "MERIDIAN"),
        ("olga", Role.OWNER, "EUROPE"),
    ):
        save_member(name, role, Group.objects.get(code=code))
    group.read("2026-06-01 12:00", {who.code: OPEN for who in CAST})
    return group


def played(env: dict[str, str], sink: Sink, *, beats: int, evaluators: int, senders: int) -> set[Told]:
    """The eight hours with so many of each; whom each notice was told, and that each mail left once."""
    group = save_the_group()
    readings = dict(story())
    with playing(env, max(evaluators, senders)) as players:
        at = BEGIN
        due = sorted(readings)
        while at <= BEGIN + timedelta(hours=HOURS):
            while due and due[0] <= at:
                moment = due.pop(0)
                said = readings[moment]
                if said is not None:
                    group.read(moment, said)
            ask_all(players[:evaluators], "tick", at, times=beats)
            ask_all(players[:senders], "send", at)
            at += EVERY
    ended = Delivery.objects.exclude(state__in=["sent", "cancelled"])
    left = ended.filter(Q(rhythm="at_once") | Q(attempts__gt=0))  # digests wait for their hour
    assert not left, list(left.values_list("state", "attempts", "due_at", "words"))[:5]
    sent = set(Delivery.objects.filter(state="sent").values_list("message_id", flat=True))
    assert set(sink.ids) == sent
    assert sink.extra == 0
    lines = DeliveryLine.objects.filter(left_out="").select_related(
        "notice__period__entity", "notice__connection", "notice__group", "recipient"
    )
    found = [_told(line.notice, line.recipient.email if line.recipient else "") for line in lines]
    assert len(found) == len(set(found))
    return set(found)


def _told(notice: Notice, recipient: str) -> Told:
    what = notice.period.entity.code if notice.period else str(notice.connection or notice.group)
    return notice.kind, what, notice.episode, notice.step, notice.raised_at, recipient


@pytest.mark.timeout(600 if not FULL else 3_600)
def test_a4_a_cluster_tells_what_one_tells(
    migrated_database: str, django_db_blocker: DjangoDbBlocker, empty_redis: None
) -> None:
    """The same notices at the same moments to the same people, each mail once, nobody fails."""
    told = []
    for beats, evaluators, senders in ((1, 1, 1), (2, 3, 3)):
        with live_copy(migrated_database, django_db_blocker) as url, Sink() as sink:
            env = environment(url, sink.url())
            told.append(played(env, sink, beats=beats, evaluators=evaluators, senders=senders))
            assert Outage.objects.filter(kind="stale").exists()
    one, many = told
    kinds = {kind for kind, *_ in one}
    print(f"{len(one)} told, of kinds {sorted(kinds)}")
    assert kinds >= {"alert", "cleared", "reopened", "stale", "late"}
    assert many == one


@pytest.mark.timeout(120 if not FULL else 900)
def test_a3_three_evaluators_at_once_write_what_one_writes(live_database: str) -> None:
    """1,000 periods cross their line in the same moment (full size: 10,000), and all three look at them at once."""
    count = 10_000 if FULL else 1_000
    cast = [replace(NLDT, code=f"N{n:05}", name=f"Branch {n} BV") for n in range(count)]
    group = save_sample_group(cast)
    save_member("rosa", Role.FINANCE, Group.objects.get(code="MERIDIAN"))
    said = {who.code: OPEN for who in cast}
    group.read("2026-06-01 12:00", said)
    at = utc("2026-06-15 12:00")
    save_evaluation_span(at)
    group.read(at, said)
    with playing(environment(live_database), 3) as players:
        ask_all(players, "evaluate", at)
        ask_all(players, "evaluate", at + timedelta(seconds=1))
    alerts = Notice.objects.filter(kind="alert")
    assert alerts.count() == alerts.values("period").distinct().count() == count
    assert DeliveryLine.objects.filter(notice__kind="alert").count() == count
    assert Delivery.objects.filter(notices__kind="alert").distinct().count() == 1  # one mail with all of them

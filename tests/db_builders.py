"""Saves the sample entities: groups, people, policies, and readings recorded as a connector's worker records them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from closing.facts.readings import GapReason, PeriodReading, PeriodType, ReadGap, ReadResult
from entities.models import Connection, Group, LegalEntity, Membership, Person, WorkCalendar
from periods.models import AgreedDate, DeadlinePolicy, PolicyVersion, SyncAttempt
from periods.recording.attempts import AttemptResult, begin_attempt
from periods.recording.store import record_readings
from tests.builders import CLOSED, MAY, MAY_DAYS, NOT_UNDERSTOOD, ON_HOLD, OPEN, RESTRICTED, utc
from tests.sample_entities import FOUR_ENTITIES, GROUPS, TWELVE_ENTITIES, USRT, SampleEntity

PASSWORD = "a long enough password"
CALENDARS = {"GB": "England", "NL": "Netherlands"}
AGREED_AT = utc("2026-01-12 09:00")


@dataclass
class SampleGroup:
    """The saved group: its connection, its entities by code, and how to read them."""

    connection: Connection
    entities: dict[str, LegalEntity] = field(default_factory=dict)

    def read(
        self,
        at: str | datetime,
        said: Mapping[str, NativePeriodFacts],
        *,
        span: DateSpan = MAY_DAYS,
        gaps: Iterable[ReadGap] = (),
    ) -> None:
        """Record one good read at a moment with the facts of each entity's period."""
        moment = utc(at) if isinstance(at, str) else at
        attempt = begin_attempt(self.connection.pk, moment, lease=timedelta(minutes=5))
        assert attempt is not None
        # Recorded at its own moment: a lease by the clock of the database would make it a history loaded later.
        SyncAttempt.objects.filter(pk=attempt.pk).update(lease_until=moment + timedelta(minutes=5))
        name = f"Period {span.last.month}"
        readings = tuple(
            PeriodReading(
                erp_id=self.entities[code].erp_id,
                erp_key=f"Fiscal|{span.last.year}|{name}",
                calendar="Fiscal",
                year=str(span.last.year),
                name=name,
                span=span,
                type=PeriodType.OPERATING,
                facts=facts,
            )
            for code, facts in said.items()
        )
        gaps = tuple(gaps)
        outcome = SyncAttempt.Outcome.PARTIAL if gaps else SyncAttempt.Outcome.OK
        record_readings(
            attempt, ReadResult(readings, gaps), span, AttemptResult(outcome, moment, rows=len(readings))
        )


def save_sample_group(
    cast: Iterable[SampleEntity] = FOUR_ENTITIES,
    *,
    first_is: int = 0,
    stale_after: timedelta = timedelta(minutes=15),
    own_n: Mapping[str, int] | None = None,
    on_hold_counts: bool | None = None,
    policy: bool = True,
) -> SampleGroup:
    """Save the group tree, these entities, the group's policy and US Retail's own agreed date.

    `own_n` gives entities a working day of their own; without `policy` there is no deadline at all.
    """
    groups = _save_groups()
    cast = tuple(cast)
    made_calendars = WorkCalendar.objects.bulk_create(
        WorkCalendar(
            code=code, name=CALENDARS.get(code, code), country=code, subdivision="ENG" if code == "GB" else ""
        )
        for code in sorted({who.country for who in cast})
    )
    calendars = {each.code: each for each in made_calendars}
    connection = Connection.objects.create(
        name="meridian-prod",
        kind="finops",
        base_url="https://meridian.operations.dynamics.com",
        tenant="meridian",
        client_id="simulator",
        stale_after_seconds=int(stale_after.total_seconds()),
    )
    if policy:
        agreed = DeadlinePolicy.objects.create(
            code="GROUP-CLOSE", name="Group close", group=groups["MERIDIAN"]
        )
        PolicyVersion.objects.create(
            policy=agreed,
            number=1,
            rule="workday",
            n=6,
            first_is=first_is,
            on_hold_counts_as_closed=on_hold_counts,
            set_at=AGREED_AT,
        )
    owners = Person.objects.bulk_create(
        Person(email=f"{name.replace(' ', '.').lower()}@meridian.test", name=name)
        for name in dict.fromkeys(who.owner for who in cast)
    )
    people = {each.name: each for each in owners}
    entities = LegalEntity.objects.bulk_create(
        LegalEntity(
            code=who.code,
            name=who.name,
            country=who.country,
            zone=who.zone,
            group=groups[who.group],
            calendar=calendars[who.country],
            owner=people[who.owner],
            connection=connection,
            erp_id=who.code.lower(),
        )
        for who in cast
    )
    saved = SampleGroup(connection, {each.code: each for each in entities})
    if USRT.code in saved.entities and policy:
        AgreedDate.objects.create(
            entity=saved.entities[USRT.code],
            reporting_month=MAY,
            due_on=date(2026, 6, 11),
            reason="new warehouse system",
            agreed_by="R. Bell",
            set_at=AGREED_AT,
        )
    for code, n in (own_n or {}).items():
        own = DeadlinePolicy.objects.create(
            code=f"{code}-CLOSE", name=f"{code} close", entity=saved.entities[code]
        )
        PolicyVersion.objects.create(
            policy=own, number=1, rule="workday", n=n, first_is=first_is, set_at=AGREED_AT
        )
    return saved


def _save_groups() -> dict[str, Group]:
    """Save the tree of groups, one level after another; by code."""
    groups: dict[str, Group] = {}
    for level in ([node for node in GROUPS if not node.parent], [node for node in GROUPS if node.parent]):
        made = Group.objects.bulk_create(
            Group(
                code=node.code,
                name=node.name,
                parent=groups.get(node.parent),
                path=f"{groups[node.parent].path if node.parent else ''}{node.code}/",
            )
            for node in level
        )
        groups |= {each.code: each for each in made}
    return groups


def save_worked_example() -> SampleGroup:
    """Save the sample group and record its reads up to 12 June 2026 noon."""
    group = save_sample_group()
    record_worked_example(group)
    return group


def record_worked_example(group: SampleGroup) -> None:
    """Record the reads of the worked example up to 12 June 2026 noon, every few hours where a state changes."""
    states: dict[str, NativePeriodFacts] = dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), OPEN)
    for at, code, facts in (
        ("2026-06-01 12:00", "", OPEN),
        ("2026-06-05 12:00", "", OPEN),
        ("2026-06-05 16:05", "UKHC", CLOSED),
        ("2026-06-08 12:00", "", OPEN),
        ("2026-06-08 15:05", "UKRT", CLOSED),
        ("2026-06-10 16:00", "", OPEN),
        ("2026-06-10 19:05", "USRT", ON_HOLD),
        ("2026-06-12 11:58", "", OPEN),
    ):
        if code:
            states[code] = facts
        group.read(at, states)


BUSY_GROUP_AT = utc("2026-06-17 09:42")


def save_busy_group() -> SampleGroup:
    """Twelve entities on 17 June 2026 with nearly every state and problem: see the facts of each below."""
    group = save_sample_group(TWELVE_ENTITIES, own_n={"MXCO": 15, "DEVT": 7, "USHQ": 9, "CALC": 9})
    april = DateSpan(date(2026, 4, 1), date(2026, 4, 30))
    codes = [who.code for who in TWELVE_ENTITIES]
    all_closed = dict.fromkeys(codes, CLOSED)
    group.read("2026-05-04 12:00", dict.fromkeys(codes, OPEN), span=april)
    group.read("2026-05-08 12:00", all_closed, span=april)
    group.read("2026-05-28 12:00", all_closed | {"FRSA": OPEN}, span=april)
    said: dict[str, NativePeriodFacts] = dict.fromkeys(codes, OPEN)
    del said["CALC"]  # its connection came late: its period was closed when it was first read
    unread = [ReadGap("calc", GapReason.NO_ACCESS, "No access to this company.")]
    for at, news in (
        ("2026-06-01 12:00", {}),
        ("2026-06-05 15:00", {"UKHC": CLOSED}),
        ("2026-06-08 15:00", {"UKRT": CLOSED, "DEVT": CLOSED}),
        ("2026-06-09 15:00", {"IEOP": CLOSED}),
        ("2026-06-10 15:00", {"FRSA": CLOSED, "USRT": ON_HOLD, "DEVT": RESTRICTED}),
        ("2026-06-11 15:00", {"UKWS": ON_HOLD}),
        ("2026-06-16 18:00", {"USHQ": CLOSED}),
    ):
        said |= news
        group.read(at, said, gaps=unread)
    group.read("2026-06-16 19:00", said | {"CALC": CLOSED})
    group.read("2026-06-17 08:12", said | {"CALC": CLOSED})
    gone = {"IEOP", "ESIB"}
    left = {code: facts for code, facts in said.items() if code not in gone} | {"CALC": CLOSED, "NLDT": OPEN}
    group.read(
        "2026-06-17 09:40",
        left | {"UKWS": NOT_UNDERSTOOD},
        gaps=[
            ReadGap("ieop", GapReason.NO_ACCESS, "The ERP refused access to this company (403)."),
            ReadGap("esib", GapReason.MISSING, "The ERP no longer lists this company."),
        ],
    )
    return group


def save_person(
    email: str = "rosa.bell@meridian.test",
    name: str = "Rosa Bell",
    *,
    group: str | None = "MERIDIAN",
    role: Membership.Role = Membership.Role.FINANCE,
    zone: str = "Europe/London",
) -> Person:
    """Save a person with a role for a group and everything below it; None: with no role at all."""
    somebody = Person.objects.create_user(email, PASSWORD, name=name, zone=zone)
    if group is not None:
        Membership.objects.create(person=somebody, role=role, group=Group.objects.get(code=group))
    return somebody

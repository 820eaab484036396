"""The cast in the database: groups, people, policies, and readings recorded as a connector's worker records them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from closing.days import DateSpan
from closing.readings import Gap, Harvest, NativeFacts, PeriodReading, PeriodType
from entities.models import Connection, Group, LegalEntity, Membership, Person, WorkCalendar
from periods.attempts import Finish, begin_attempt
from periods.models import AgreedDate, DeadlinePolicy, PolicyVersion, SyncAttempt
from periods.services import record_readings
from tests.cast import CAST, GROUPS, USRT, Who
from tests.make import CLOSED, MAY, MAY_DAYS, ON_HOLD, OPEN, utc

PASSWORD = "a long enough password"
AGREED_AT = utc("2026-01-12 09:00")


@dataclass
class Meridian:
    """The saved group: its connection, its entities by code, and how to read them."""

    connection: Connection
    entities: dict[str, LegalEntity] = field(default_factory=dict)

    def read(
        self,
        at: str | datetime,
        said: Mapping[str, NativeFacts],
        *,
        span: DateSpan = MAY_DAYS,
        gaps: Iterable[Gap] = (),
    ) -> None:
        """Record one good read at a moment of what the ERP said about the period of each entity."""
        moment = utc(at) if isinstance(at, str) else at
        attempt = begin_attempt(self.connection.pk, moment, lease=timedelta(minutes=5))
        assert attempt is not None
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
        record_readings(attempt, Harvest(readings, gaps), span, Finish(outcome, moment, rows=len(readings)))


def save_group(
    cast: Iterable[Who] = CAST, *, first_is: int = 0, stale_after: timedelta = timedelta(minutes=15)
) -> Meridian:
    """Save the group tree, these entities, the group's policy and US Retail's own agreed date."""
    groups: dict[str, Group] = {}
    for node in GROUPS:
        parent = groups.get(node.parent)
        path = f"{parent.path if parent else ''}{node.code}/"
        groups[node.code] = Group.objects.create(code=node.code, name=node.name, parent=parent, path=path)
    calendars = {
        code: WorkCalendar.objects.create(code=code, name=name, country=code, subdivision=subdivision)
        for code, name, subdivision in (("GB", "England", "ENG"), ("US", "US", ""), ("NL", "Netherlands", ""))
    }
    connection = Connection.objects.create(
        name="meridian-prod",
        kind=Connection.Kind.FINOPS,
        base_url="https://meridian.operations.dynamics.com",
        tenant="meridian",
        client_id="simulator",
        stale_after_seconds=int(stale_after.total_seconds()),
    )
    policy = DeadlinePolicy.objects.create(code="GROUP-CLOSE", name="Group close", group=groups["MERIDIAN"])
    PolicyVersion.objects.create(
        policy=policy, number=1, rule="workday", n=6, first_is=first_is, set_at=AGREED_AT
    )
    people: dict[str, Person] = {}
    saved = Meridian(connection)
    for who in cast:
        if who.owner not in people:
            people[who.owner] = Person.objects.create(
                email=f"{who.owner.replace(' ', '.').lower()}@meridian.test", name=who.owner
            )
        saved.entities[who.code] = LegalEntity.objects.create(
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
        if who.code == USRT.code:
            AgreedDate.objects.create(
                entity=saved.entities[who.code],
                reporting_month=MAY,
                due_on=date(2026, 6, 11),
                reason="new warehouse system",
                agreed_by="R. Bell",
                set_at=AGREED_AT,
            )
    return saved


def play_the_worked_example(group: Meridian) -> None:
    """The reads of the worked example up to 12 June 2026 noon, every few hours where something happens."""
    states: dict[str, NativeFacts] = dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), OPEN)
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


def person(
    email: str = "rosa.bell@meridian.test",
    name: str = "Rosa Bell",
    *,
    group: str | None = "MERIDIAN",
    role: Membership.Role = Membership.Role.FINANCE,
    zone: str = "Europe/London",
) -> Person:
    """Somebody with a role for a group and everything below it; None: with no role at all."""
    somebody = Person.objects.create_user(email, PASSWORD, name=name, zone=zone)
    if group is not None:
        Membership.objects.create(person=somebody, role=role, group=Group.objects.get(code=group))
    return somebody

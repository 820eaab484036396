"""Events of the audit log as tests of its page save them, and a day of a group with one of each sort."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from entities.audit_trail import Verb, entity_object, group_object, person_actor, person_object
from entities.models import Group, LegalEntity, Membership, Person
from infra.audit.origin import Actor, Origin, acting
from infra.audit.recording import Act, AuditedObject, record
from infra.audit.sealing import seal_events
from infra.models import AuditEvent
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import record_worked_example, save_person, save_sample_group

NOON = WORKED_EXAMPLE_AT
ROSA = Actor("person", "Rosa Bell", None)
EUROPE = AuditedObject("entity", "NLDT", "EU DTC BV", "MERIDIAN/EUROPE/")
UK = AuditedObject("entity", "UKHC", "UK HoldCo", "MERIDIAN/UK/")
WHOLE = AuditedObject("person", "1", "Rosa Bell")


def save_event(
    target: AuditedObject = EUROPE, at: datetime = NOON, verb: Verb = Verb.NOTE_ADDED, **changes: Any
) -> AuditEvent:
    """Save one event of Rosa Bell about an object."""
    fields: dict[str, Any] = {"by": ROSA, **changes}
    record([Act(verb.value, target, at, **fields)])
    return AuditEvent.objects.latest("pk")


def save_events(targets: Iterable[AuditedObject], at: datetime = NOON) -> list[int]:
    """Save an event about each of these, all at one moment; returns their ids."""
    before = AuditEvent.objects.count()
    record(Act(Verb.NOTE_ADDED.value, target, at, ROSA) for target in targets)
    return list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True)[before:])


def auditor(group: str = "MERIDIAN", role: Membership.Role = Membership.Role.AUDITOR) -> Person:
    """Save Ada Audit with a role for a group."""
    return save_person("ada@meridian.test", "Ada Audit", role=role, group=group)


def a_week_of_acts() -> datetime:
    """The worked example, and an event of each sort in the week before it; the last two are not sealed."""
    record_worked_example(save_sample_group())
    rosa, ada = save_person(), auditor()
    nldt, group = LegalEntity.objects.get(code="NLDT"), Group.objects.get(code="EUROPE")

    def act(hours: int, verb: Verb, target: AuditedObject, **more: Any) -> Act:
        fields = {"by": person_actor(rosa), **more}
        return Act(verb.value, target, NOON - timedelta(hours=hours), **fields)

    page = Origin("page", request_id="6f1a", address="203.0.113.9")
    with acting(page):
        record(
            [
                act(170, Verb.SIGNED_IN, person_object(rosa)),
                act(
                    146,
                    Verb.NOTE_ADDED,
                    entity_object(nldt),
                    after={"month": "2026-05", "text": "The bank file came;\nIC with US Retail is open."},
                ),
                act(
                    120,
                    Verb.SILENCE_CREATED,
                    entity_object(nldt),
                    after={"last_day": date(2026, 6, 18)},
                    reason="The auditors have the books until Thursday",
                ),
                act(
                    98,
                    Verb.ALERT_POLICY_CHANGED,
                    group_object(group),
                    before={"due_soon_days": 2, "steps": [], "alerts_in_digest": False, "people": []},
                    after={
                        "due_soon_days": 3,
                        "steps": ["7 days: finance, owner", "12 days: administrator"],
                        "alerts_in_digest": True,
                        "people": ["Rosa Bell", "Sanne de Wit"],
                    },
                ),
                act(
                    73,
                    Verb.SIGN_IN_REFUSED,
                    person_object(ada),
                    by=Actor("unknown", "Ada Audit"),
                    after={"times": 250, "first": NOON - timedelta(hours=74), "address": "198.51.100.7"},
                ),
            ]
        )
    with acting(Origin("command")):
        record(
            [
                act(
                    50,
                    Verb.ENTITY_CHANGED,
                    entity_object(nldt),
                    by=Actor("operator", "closeboard"),
                    before={"owner": "Sanne de Wit", "year_end_month": 12},
                    after={"owner": "Rosa Bell", "year_end_month": 6},
                )
            ]
        )
    seal_events(NOON - timedelta(hours=49))
    with acting(page):
        record(
            [
                act(
                    2,
                    Verb.DESTINATION_KEY_RENEWED,
                    AuditedObject("destination", "3", "Europe close", group.path),
                ),
                act(
                    1,
                    Verb.DEPUTY_SET,
                    entity_object(nldt),
                    before={"deputy": ""},
                    after={"deputy": "Rosa Bell"},
                ),
            ]
        )
    return NOON

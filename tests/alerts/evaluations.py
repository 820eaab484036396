"""Builders for tests of alerts: recipients, readings and evaluations at a moment, and the notices they raise."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from alerts.evaluate.continuity import MAX_EVALUATION_GAP
from alerts.evaluate.run import run_evaluation
from alerts.models import DeliveryLine, EvaluationSpan, Notice
from closing.facts.base import NativePeriodFacts
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Membership, Person
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group

Role = Membership.Role
OF_ALERTS = (
    NoticeKind.ALERT,
    NoticeKind.ESCALATION,
    NoticeKind.UNCONFIRMED,
    NoticeKind.REOPENED,
    NoticeKind.CLEARED,
)
ALL_CLOSED: dict[str, NativePeriodFacts] = dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), CLOSED)


def save_member(name: str, role: Role, place: Group | LegalEntity, **more: object) -> Person:
    person = Person.objects.create(email=f"{name}@meridian.test", name=name.title(), **more)
    where = {"group": place} if isinstance(place, Group) else {"entity": place}
    Membership.objects.create(person=person, role=role, **where)
    return person


def save_group_with_recipients(*, policy: bool = True, read: bool = True) -> SampleGroup:
    """The sample group, read on 1 June; Sanne owns EU DTC BV and may see it, Rosa is finance of the whole group."""
    group = save_sample_group(policy=policy)
    save_member("rosa", Role.FINANCE, Group.objects.get(code="MERIDIAN"))
    save_member("paul", Role.FINANCE, Group.objects.get(code="UK"))
    nldt = group.entities["NLDT"]
    assert nldt.owner is not None
    Membership.objects.create(person=nldt.owner, role=Role.OWNER, entity=nldt)
    if read:
        group.read("2026-06-01 12:00", dict.fromkeys(ALL_CLOSED, OPEN))
    return group


def save_evaluation_span(at: datetime, hours: int = 2) -> None:
    """Record that evaluations finished every minute for so many hours, the last one at this moment."""
    first = at - timedelta(hours=hours)
    spans = EvaluationSpan.objects.filter(first__lte=at, last__gte=first - MAX_EVALUATION_GAP)
    found = list(spans.values_list("first", flat=True))
    spans.delete()
    EvaluationSpan.objects.create(first=min([first, *found]), last=at)


def read_and_evaluate(
    group: SampleGroup,
    at: str | datetime,
    kinds: Collection[NoticeKind] = OF_ALERTS,
    /,
    **said: NativePeriodFacts,
) -> list[str]:
    """Read and evaluate at a moment; returns the notices of these kinds, as `evaluate_and_list_notices` does."""
    moment = utc(at) if isinstance(at, str) else at
    save_evaluation_span(moment)
    group.read(moment, ALL_CLOSED | said)
    return evaluate_and_list_notices(moment, kinds)


def evaluate_and_list_notices(moment: datetime, kinds: Collection[NoticeKind] = OF_ALERTS) -> list[str]:
    """Evaluate; returns the new notices of these kinds as "kind entity" (or connection or group)."""
    before = set(Notice.objects.values_list("pk", flat=True))
    run_evaluation(moment)
    new = Notice.objects.exclude(pk__in=before).filter(kind__in=kinds).order_by("pk")
    return [f"{each.kind} {about(each)}" for each in new]


def about(notice: Notice) -> str:
    if notice.period is not None:
        return notice.period.entity.code
    return str(notice.connection or notice.group)


def recipients_of(kind: str) -> set[str]:
    lines = DeliveryLine.objects.filter(notice__kind=kind)
    return set(lines.values_list("recipient__name", flat=True))

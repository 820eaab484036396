"""Who has a role of close tasks and who stands in for whom: one sentence for each refusal, one event for each act."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from entities.models import LegalEntity, Person
from infra.models import AuditEvent
from tests.builders import utc
from tests.periods.model_builders import top_group
from tests.worklist.close_task_builders import person
from worklist.models import TaskAbsence, TaskRoleHolder
from worklist.task_store.role_holders import (
    deputies_on,
    end_absence,
    give_task_role,
    role_holders,
    set_absence,
)

pytestmark = pytest.mark.django_db
AT = utc("2026-06-03 12:00")
FIRST, LAST = date(2026, 6, 1), date(2026, 6, 5)


def refusal_of(field: str, work: object, *args: object) -> str:
    with pytest.raises(ValidationError) as refused:
        work(*args)  # type: ignore[operator]
    return refused.value.message_dict[field][0]


def test_a_role_is_given_taken_away_and_given_again_unchanged(source: object) -> None:
    olaf, nora = person("Olaf Other"), person("Nora New")
    entity = LegalEntity.objects.select_related("group").get(code="NLDT")
    assert give_task_role(top_group(), "Treasurer", olaf, utc("2026-06-01 08:00"), by=nora)
    assert not give_task_role(top_group(), "Treasurer", olaf, utc("2026-06-02 08:00"), by=nora)
    assert give_task_role(entity, "Treasurer", nora, utc("2026-06-02 09:00"), by=nora)
    assert role_holders().holder("Treasurer", entity.group.path, entity.pk) == nora.pk
    assert give_task_role(entity, "Treasurer", None, utc("2026-06-02 10:00"), by=nora)
    assert role_holders().holder("Treasurer", entity.group.path, entity.pk) == olaf.pk
    assert TaskRoleHolder.objects.filter(role="Treasurer").count() == 3
    events = AuditEvent.objects.filter(verb="task_role.given").order_by("pk")
    assert [(event.object_id, event.before, event.after) for event in events] == [
        (top_group().code, {"person": ""}, {"role": "Treasurer", "person": "Olaf Other"}),
        ("NLDT", {"person": ""}, {"role": "Treasurer", "person": "Nora New"}),
        ("NLDT", {"person": "Nora New"}, {"role": "Treasurer", "person": ""}),
    ]


def test_a_person_who_cannot_sign_in_gets_no_role_and_stands_in_for_nobody(source: object) -> None:
    olaf, gone = person("Olaf Other"), person("Gina Gone")
    Person.objects.filter(pk=gone.pk).update(is_active=False)
    gone.refresh_from_db()
    words = "Gina Gone cannot sign in any more: choose somebody else."
    assert refusal_of("person", give_task_role, top_group(), "Treasurer", gone, AT) == words
    assert refusal_of("deputy", set_absence, olaf, gone, FIRST, LAST, AT) == words


def test_an_absence_is_refused_with_the_next_step(source: object) -> None:
    olaf, nora, dora = person("Olaf Other"), person("Nora New"), person("Dora Deputy")
    assert (
        refusal_of("deputy", set_absence, olaf, olaf, FIRST, LAST, AT)
        == "Choose somebody else: nobody stands in for themself."
    )
    assert (
        refusal_of("last_day", set_absence, olaf, dora, LAST, FIRST, AT)
        == "The last day is before the first day."
    )
    set_absence(olaf, dora, FIRST, LAST, AT)
    assert (
        refusal_of("first_day", set_absence, olaf, nora, LAST, date(2026, 6, 9), AT)
        == "Olaf Other is away from Mon 1 June 2026 to Fri 5 June 2026 already: end that absence first."
    )
    assert (
        refusal_of("deputy", set_absence, nora, olaf, FIRST, FIRST, AT)
        == "Olaf Other is away from Mon 1 June 2026 to Fri 5 June 2026: choose another deputy."
    )


def test_an_absence_once_again_changes_nothing_and_ends_once(source: object) -> None:
    olaf, dora = person("Olaf Other"), person("Dora Deputy")
    absence = set_absence(olaf, dora, FIRST, LAST, AT, by=dora)
    assert set_absence(olaf, dora, FIRST, LAST, AT, by=dora) == absence
    assert deputies_on(FIRST) == {olaf.pk: frozenset({dora.pk})}
    assert end_absence(absence, AT, by=dora)
    assert not end_absence(absence, AT, by=dora)
    assert deputies_on(FIRST) == {}
    assert TaskAbsence.objects.count() == 1
    values = {"deputy": "Dora Deputy", "from": "2026-06-01", "to": "2026-06-05"}
    events = AuditEvent.objects.filter(verb__startswith="task_deputy").order_by("pk")
    assert [(event.verb, event.before, event.after) for event in events] == [
        ("task_deputy.set", None, values),
        ("task_deputy.ended", values, None),
    ]

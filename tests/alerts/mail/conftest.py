"""The sender of the golden mails, and people for whom close tasks wait."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

import pytest
from pytest_django.fixtures import Settings

from alerts.models import Delivery
from entities.models import Person
from tests.builders import utc
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read
from tests.worklist.close_task_builders import adopt, generate, give_roles, person
from worklist.models import CloseTask


@pytest.fixture
def golden_sender(public_address: None, settings: Settings) -> None:
    """Mails have the links and the sender of the golden files."""
    settings.DEFAULT_FROM_EMAIL = "Closeboard <closeboard@meridian.test>"


@pytest.fixture
def anna() -> Person:
    """Anna owns all tasks of May; nine are left on 3 June, of which Rita has two to sign off."""
    source, _ = connect_four_entities()
    read(source, "2026-06-02 17:55", facts_of_all())
    adopt()
    owner, rita = person("Anna Owner"), person("Rita Reviewer")
    give_roles(owner, rita)
    generate()
    for task in CloseTask.objects.select_related("entity", "group"):
        task.uid = uuid5(NAMESPACE_URL, f"{task.holder.code}/{task.code}/{task.month}")
        task.save(update_fields=["uid"])
    CloseTask.objects.exclude(code__in=["rec", "lease", "flux"]).update(status="signed_off")
    CloseTask.objects.filter(code="rec", entity__code__in=["UKHC", "UKRT", "USRT"]).update(status="done")
    CloseTask.objects.filter(code="flux", entity__code__in=["NLDT", "UKRT"]).update(
        status="done",
        done_by=owner,
        done_at=utc("2026-06-02 18:00"),
        touched_by=[owner.pk],
        due_on="2026-06-03",
    )
    Delivery.objects.all().delete()
    return owner

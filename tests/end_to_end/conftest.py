"""The simulator of the worked example and its group, companies without years, and periods under other names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from alerts.models import Notice
from entities.models import Connection, Group, LegalEntity, Membership
from periods.models import FiscalPeriod
from periods.recording import staging
from simulator.run import Running, running
from tests.alerts.evaluations import save_group_with_recipients, save_member
from tests.builders import CLOSED
from tests.db_builders import SampleGroup
from tests.end_to_end.fiscal_calendars import read_quarters
from tests.end_to_end.renamed_periods import another_name, read
from tests.end_to_end.uncreated_years import ENTITY, GROUP_FILE, STORY
from tests.periods.model_builders import top_group
from tests.periods.recorded_reads import begin, connect_four_entities, facts_of_all, read_result, record


@pytest.fixture(scope="module")
def worked_example_simulator() -> Iterator[Running]:
    """The ERPs of the worked example answer from a process, as on 1 June 2026."""
    with running("worked_example", clock="2026-06-01T12:00:00Z") as simulator:
        yield simulator


@pytest.fixture
def loaded_group(worked_example_simulator: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The group of the worked example is loaded, and its ERPs, which are given, are as they were at the start."""
    worked_example_simulator.reset()
    monkeypatch.setenv("SIMULATOR_URL", worked_example_simulator.url)
    call_command("load_group", "demo/worked_example.yaml", stdout=StringIO())
    return worked_example_simulator


@pytest.fixture(scope="module")
def uncreated_years_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Business Central answers from a process, as on 3 June 2026, for companies whose year was not created."""
    story: Path = tmp_path_factory.mktemp("story") / "story.yaml"
    story.write_text(STORY, encoding="utf-8")
    with running(story, clock="2026-06-03T12:00:00Z") as started:
        yield started


@pytest.fixture
def uncreated_years_group(uncreated_years_simulator: Running, tmp_path: Path) -> Running:
    """A group of these companies is loaded, and its ERP is as it was at the start."""
    uncreated_years_simulator.reset()
    names = dict(re.findall(r"code: (\w+), name: ([\w ]+?),", STORY))
    text = GROUP_FILE.replace("URL", uncreated_years_simulator.url)
    file = tmp_path / "group.yaml"
    file.write_text(
        text + "".join(ENTITY.format(code, name) for code, name in names.items()), encoding="utf-8"
    )
    call_command("load_group", str(file), stdout=StringIO())
    return uncreated_years_simulator


@pytest.fixture
def worked() -> tuple[Connection, dict[str, LegalEntity]]:
    """The two UK entities have closed in time; the others are open past their deadline, as read on 11 June."""
    source, entities = connect_four_entities()
    record(begin(source, "2026-06-01 12:00"), read_result(facts_of_all()))
    record(begin(source, "2026-06-05 16:00"), read_result(facts_of_all(UKHC=CLOSED)))
    record(begin(source, "2026-06-08 15:00"), read_result(facts_of_all(UKHC=CLOSED, UKRT=CLOSED)))
    read(source, "2026-06-11 12:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED))
    return source, entities


@pytest.fixture
def old_rows(
    worked: tuple[Connection, dict[str, LegalEntity]], monkeypatch: pytest.MonkeyPatch
) -> tuple[Connection, dict[str, LegalEntity]]:
    """An older version recorded the renamed periods as new ones, and the old ones as Unknown, after an alert."""
    source, entities = worked
    read(source, "2026-06-15 12:00", facts_of_all(UKHC=CLOSED, UKRT=CLOSED))
    read(source, "2026-06-15 12:05", facts_of_all(UKHC=CLOSED, UKRT=CLOSED))
    assert Notice.objects.filter(kind="alert").count() == 2
    with monkeypatch.context() as older:
        older.setattr(staging, "keep_periods_under_other_keys", lambda *_: None)
        brought = read_result(facts_of_all(UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED, NLDT=CLOSED))
        renamed = tuple(another_name(reading) for reading in brought.readings)
        record(begin(source, "2026-06-15 13:00"), replace(brought, readings=renamed))
    assert FiscalPeriod.objects.count() == 16
    return source, entities


@pytest.fixture
def four_connected() -> Connection:
    """The connection of the four entities, due on the 6th working day after period end; nothing is read yet."""
    return connect_four_entities()[0]


@pytest.fixture
def audited(db: None, settings: Settings) -> SampleGroup:
    """Samuel audits the group and Priya administers it; EU DTC BV is read in the night of 1 June."""
    settings.MAILS_LEAVE = True
    group = save_group_with_recipients()
    meridian = Group.objects.get(code="MERIDIAN")
    save_member("samuel", Membership.Role.AUDITOR, meridian)
    save_member("priya", Membership.Role.ADMINISTRATOR, meridian)
    return group


@pytest.fixture
def quarters(four_connected: Connection) -> Connection:
    """May has been closed by all for whom it was due, in time, in two reads; Rosa hears of the whole group."""
    save_member("rosa", Membership.Role.FINANCE, top_group())
    read_quarters(four_connected, "2026-06-01 12:00", date(2026, 5, 1))
    read_quarters(four_connected, "2026-06-05 12:00", date(2026, 6, 1))
    return four_connected

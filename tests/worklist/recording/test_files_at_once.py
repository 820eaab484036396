"""Files and reads of the same work at the same time: each is whole, and one fact of each key is in force."""

from __future__ import annotations

from uuid import uuid4

import pytest

from entities.models import Connection
from infra.models import AuditEvent
from tests.builders import utc
from tests.threads import at_once
from tests.worklist.close_task_builders import person
from tests.worklist.work_files import RUNS, WORK, csv_file, months_read, run, save_file, work
from tests.worklist.work_reads import begin_work, lines, record_facts
from worklist.models import BlockerReading, InventoryRunFact
from worklist.recording.work_file import import_work
from worklist.recording.work_uploads import save_upload

pytestmark = [pytest.mark.usefixtures("live_database"), pytest.mark.slow]
AT = utc("2026-06-12 12:00")


def test_files_and_a_read_at_once_leave_one_fact_in_force(live_database: str, source: Connection) -> None:
    months_read(source)
    ann, bea = person("Ann Controller"), person("Bea Controller")
    attempt = begin_work(source, "2026-06-12 11:59")
    facts = [lines("NLDT", 5, attempt.started_at), lines("UKRT", 0, attempt.started_at)]

    def send(by: object, count: int) -> None:
        file = csv_file(WORK, work(count=count), work("UKRT", count))
        import_work(by, file, AT, good_rows=False)  # type: ignore[arg-type]

    at_once(lambda: send(ann, 61), lambda: send(bea, 62), lambda: record_facts(attempt, facts))
    in_force = BlockerReading.objects.filter(superseded_at=None)
    assert in_force.count() == 2
    assert len({row.source for row in in_force}) == 1  # both of one writer: none is written in part
    assert AuditEvent.objects.filter(verb="work.by_file").count() == 4


def test_two_presses_of_one_button_save_a_file_once(live_database: str, source: Connection) -> None:
    months_read(source)
    ann, uid = person("Ann Controller"), uuid4()
    save_file(ann, uid, AT, work())
    results: list[bool] = []

    def press() -> None:
        results.append(save_upload(ann, uid, AT, good_rows=False) is not None)

    at_once(press, press)
    assert sorted(results) == [False, True]
    assert BlockerReading.objects.count() == 1


def test_the_same_runs_sent_twice_at_once_are_stored_once(live_database: str, source: Connection) -> None:
    months_read(source)
    ann = person("Ann Controller")
    file = csv_file(RUNS, run("2026-04-30", "2026-05-05 18:05"))

    def send() -> None:
        import_work(ann, file, AT, good_rows=False)

    at_once(send, send)
    assert InventoryRunFact.objects.count() == 1

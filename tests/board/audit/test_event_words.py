"""The words of one event: who, what, values before and after, and what is folded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from board.audit.event_words import ChangedValue, EventLine, event_line
from board.web.readers import Reader
from infra.models import AuditEvent
from tests.builders import WORKED_EXAMPLE_AT as NOON

LONDON = Reader.in_zone("Europe/London")


def line(url: str = "", **fields: Any) -> EventLine:
    usual = {
        "at": datetime(2026, 6, 11, 22, 30, tzinfo=UTC),
        "verb": "remark.note_added",
        "actor_kind": "person",
        "actor_id": 7,
        "actor": "Rosa Bell",
        "through": "page",
        "object_kind": "entity",
        "object_id": "NLDT",
        "object": "EU DTC BV",
    }
    return event_line(AuditEvent(**{**usual, **fields}), url, LONDON, NOON)


def values(**fields: Any) -> list[tuple[str, str | None, str | None]]:
    return [(value.name, value.before, value.after) for value in line(**fields).values]


def test_an_event_in_words() -> None:
    event = line("/entities/NLDT/", reason="wrong month", seal=3)
    assert (event.act, event.at, event.at_iso) == ("Note added", "Thu 11 Jun 23:30", "2026-06-11T22:30:00Z")
    assert (event.actor, event.actor_note, event.origin) == ("Rosa Bell", "", "Page")
    assert (event.object, event.object_note, event.object_url) == (
        "EU DTC BV",
        "entity NLDT",
        "/entities/NLDT/",
    )
    assert (event.reason, event.sealed, line().sealed) == ("wrong month", True, False)


@pytest.mark.parametrize(
    ("fields", "note", "origin"),
    [
        ({"actor_kind": "operator", "through": "command"}, "operator of the server", "Command"),
        ({"actor_kind": "system", "through": "task"}, "by itself", "Scheduled task"),
        ({"actor_kind": "unknown", "through": "link"}, "", "Link in a mail"),
        ({"actor_kind": "of tomorrow", "through": "api"}, "", "api"),
    ],
)
def test_who_and_through(fields: dict[str, str], note: str, origin: str) -> None:
    assert (line(**fields).actor_note, line(**fields).origin) == (note, origin)


def test_what_is_not_known_stays_as_stored() -> None:
    assert line(verb="robot.waved").act == "robot.waved"
    assert line(object_kind="alert_policy", object_id="12").object_note == "alert policy"
    assert line(object="").object == "NLDT"


def test_the_object_of_an_act_on_oneself_is_not_repeated() -> None:
    assert line(object_kind="person", object_id="7", object="Rosa Bell").object == ""
    assert line(object_kind="person", object_id="8", object="Ada").object == "Ada"


def test_values_are_read_as_words() -> None:
    assert values(
        before={"last_day": "2026-06-18", "on": True, "kinds": ["alert", "late"], "month": "2026-05"},
        after={"last_day": None, "on": False, "kinds": [], "month": "2026-13"},
    ) == [
        ("Last day", "18 June 2026", "none"),
        ("On", "yes", "no"),
        ("Kinds", "alert, late", "none"),
        ("Month", "May 2026", "2026-13"),
    ]
    assert values(after={"first": "2026-06-12T11:00:00.000000+00:00", "steps": {"1": {"after_days": 7}}}) == [
        ("First", None, "Fri 12 June 2026, 12:00"),
        ("Steps", None, "1: after days: 7"),
    ]
    assert values(after={"steps": ["7 days: finance, owner", "12 days: owner"]}) == [
        ("Steps", None, "7 days: finance, owner; 12 days: owner")
    ]
    assert values(after={"reason": "late_invoices", "text": "a_b c"}) == [
        ("Reason", None, "late invoices"),
        ("Text", None, "a_b c"),
    ]
    assert values(after={"month": "2026-05-01"}) == [("Month", None, "May 2026")]
    assert values(before={"name": "Close"}) == [("Name", "Close", None)]
    assert values() == []


def test_many_or_long_values_are_folded() -> None:
    few = {str(number): number for number in range(3)}
    assert line(after=few).folded == ""
    assert line(after={**few, "more": 1}).folded == "4 values"
    assert line(after={"text": "x" * 141}).folded == "1 value"
    assert line(after={"text": "x" * 140}).values == [ChangedValue("Text", None, "x" * 140)]

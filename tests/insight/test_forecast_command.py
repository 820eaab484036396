"""`manage.py forecast` says what the golden tables say, from what was read of an ERP (09-insight 9.5)."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from closing.calendar.days import DateSpan
from entities.models import Connection, LegalEntity
from tests.builders import CLOSED
from tests.db_builders import SampleGroup

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("golden_reads")]


def forecast(*options: str) -> Any:
    out = StringIO()
    call_command("forecast", "--month", "2026-01", *options, "--format", "json", stdout=out)
    return json.loads(out.getvalue())


def test_the_golden_table_of_an_ordinary_month_before_it_ends() -> None:
    found = {one["entity"]: one for one in forecast("--as-of", "2026-01-29T12:00:00Z")["entities"]}
    for code, first, last, likely, nine, holds in (
        ("UKHC", 5, 5, 5, 6, 0.8810),
        ("UKRT", 6, 7, 6, 7, 0.9650),
        ("USRT", 5, 6, 6, 7, 0.8663),
        ("EUDTC", 8, 11, 9, 11, 0.8941),
        ("NEWCO", 6, 7, 6, 7, 0.9659),
        ("PLAIN1", 5, 5, 5, 6, 0.8810),
    ):
        days = found[code]["days"]
        assert (days["first"], days["last"], days["likely"], days["nine_in_ten_by"]) == (
            first,
            last,
            likely,
            nine,
        )
        assert found[code]["holds"] == pytest.approx(holds, abs=0.00055)
    assert found["BABY"]["needs_closes"] == 1
    assert found["NEWCO"]["thin"]


def test_the_group_and_what_would_help() -> None:
    group = forecast("--as-of", "2026-01-29T12:00:00Z")["group"]
    assert group["closed_by"]["likely"] == "2026-02-12"  # the ninth working day of February
    assert group["closed_by"]["holds"] == pytest.approx(0.8481, abs=0.00055)
    assert group["on_time"] == pytest.approx(0.3217, abs=0.00055)
    assert [step["entity"] for step in group["would_help"]] == ["EUDTC", "UKRT", "PLAIN3", "PLAIN6"]
    assert [step["on_time"] for step in group["would_help"]] == [
        pytest.approx(chance, abs=0.00055) for chance in (0.4432, 0.5704, 0.7337, 0.9437)
    ]
    assert group["without_forecast"] == ["BABY"]


def test_a_past_moment_knows_nothing_that_came_after_it() -> None:
    before = forecast("--as-of", "2026-01-29T12:00:00Z")
    entities = {entity.code: entity for entity in LegalEntity.objects.all()}
    january = DateSpan(date(2026, 1, 1), date(2026, 1, 31))
    SampleGroup(Connection.objects.get(), entities).read(
        "2026-02-02 12:00", dict.fromkeys(entities, CLOSED), span=january
    )
    assert forecast("--as-of", "2026-01-29T12:00:00Z") == before
    assert forecast("--as-of", "2026-02-02T12:01:00Z")["closed"] == 12


def test_a_month_that_ends_later_has_no_forecast_yet() -> None:
    assert forecast("--as-of", "2026-01-20T12:00:00Z")["entities"] == []


def test_a_month_that_is_no_month_is_refused() -> None:
    with pytest.raises(CommandError, match="a month is written like"):
        call_command("forecast", "--month", "May")

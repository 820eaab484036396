"""Every door tells the same of one moment, and none says "all closed" on a guess."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from board.live.hub import authorize_stream
from board.live.screen_diff import ScreenState
from board.scoreboard.screen import BoardScreen
from board.scoreboard.serializers import as_json
from board.scoreboard.wall import _verdict
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.readers import Reader
from closing.judging.standing import JudgingPolicy
from closing.judging.states import PeriodState
from closing.scoreboard.board import group_closed
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row, is_closed
from entities.models import Person
from tests.builders import (
    CLOSED,
    NOT_UNDERSTOOD,
    ON_HOLD,
    WORKED_EXAMPLE_AT,
    reads_until_close,
    row,
    scoreboard_of,
)
from tests.db_builders import (
    BUSY_GROUP_AT,
    record_worked_example,
    save_busy_group,
    save_person,
    save_sample_group,
)
from tests.hypothesis_profiles import examples
from tests.sample_entities import TWELVE_ENTITIES
from tests.saved_once import saved_once

LONDON = ZoneInfo("Europe/London")
STATES = {text: state.value for state, text in labels.STATE_LABELS.items()}


@dataclass(frozen=True)
class Told:
    """What a door tells of one entity; None is what it does not tell."""

    state: str
    fresh: bool
    read_at: str
    against: str | None = None
    days_late: int | None = None


@dataclass(frozen=True)
class Page:
    """What somebody reads on a page, a fragment or a stream's first screen."""

    verdict: str
    chips: dict[str, int]
    rows: dict[str, Told]


# --- the doors ------------------------------------------------------------------------------------------------------

_ROW = re.compile(r'<tr id="row-([^"]+)" class="([^"]*)".*?</tr>', re.DOTALL)
_CHIP = re.compile(r'id="chip-([a-z]+)"[^>]*>[^<]*<b>(\d+)</b>')


def first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def read_page(text: str) -> Page:
    rows = {}
    for found in _ROW.finditer(text):
        rows[found[1]] = Told(
            state=first(r'<span class="state ([a-z_]+)"', found[0]),
            fresh="stale" not in found[2].split() and "<time" in found[0],
            read_at=first(r'<time datetime="([^"]*)"', found[0]),
            against=first(r'<span class="level [^>]*>([^<]*)<', found[0]),
        )
    chips = {name: int(count) for name, count in _CHIP.findall(text)}
    return Page(first("<h2>(.*?)</h2>", text), chips, rows)


def got(client: Client, url: str, **headers: str) -> HttpResponse:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200
    return answer  # type: ignore[return-value]


def page_at(client: Client, query: str) -> Page:
    return read_page(got(client, f"/{query}").content.decode())


def fragment_at(client: Client, query: str) -> Page:
    text = got(client, f"/{query}", **{"HX-Request": "true"}).content.decode()
    assert "<!doctype" not in text.lower()
    return read_page(text)


def first_screen(somebody: Person, query: str) -> Page:
    told = dict(pair.split("=") for pair in query.lstrip("?").split("&") if pair)
    opening = authorize_stream(somebody.pk, "no session", told)
    assert opening is not None
    shown = opening[0].state
    assert isinstance(shown, ScreenState)
    table = "".join(
        shown.screen.row(shown.rows[each.id]) for each in shown.positions if each.id in shown.rows
    )
    return read_page(f"{shown.parts['verdict']}{shown.parts['chips']}{table}")


def csv_at(client: Client, query: str) -> list[dict[str, str]]:
    text = got(client, f"/export/board.csv{query}").getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_told(each: dict[str, Any]) -> Told:
    """A row of the JSON, or of a CSV, whose values are texts."""
    return Told(
        each["state"],
        each["fresh"] in (True, "true"),
        each["read_at"] or "",
        days_late=int(each["days_late"]),
    )


def excel_at(client: Client, query: str) -> tuple[dict[str, Told], dict[str, str], set[str]]:
    """The rows, the sheet about them, and the moments they are of."""
    book = load_workbook(io.BytesIO(got(client, f"/export/board.xlsx{query}").getvalue()))
    table: list[list[Any]] = [[cell.value for cell in each] for each in book["Board"].iter_rows()]
    rows, moments = {}, set()
    for line in table[1:]:
        cells: dict[str, Any] = dict(zip(table[0], line, strict=True))
        state, doubt = re.fullmatch(r"([^(]*?)( \(as last read\))?", cells["State"]).groups()  # type: ignore[union-attr]
        read_at = cells["Last read (London time)"]
        rows[cells["Code"]] = Told(
            STATES[state],
            read_at is not None and not doubt,
            utc_of(read_at),
            against=cells["Against deadline"],
            days_late=cells["Days late"],
        )
        moments.add(utc_of(cells["As of (London time)"]))
    about = {str(each[0].value): str(each[1].value) for each in book["About"].iter_rows()}
    return rows, about, moments


def utc_of(there: datetime | None) -> str:
    return "" if there is None else labels.iso(there.replace(tzinfo=LONDON).astimezone(UTC)) or ""


def command(as_of: datetime, *more: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("scoreboard", "--format", "json", "--as-of", as_of.isoformat(), *more, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def but(rows: dict[str, Told], unsaid: str) -> dict[str, Told]:
    """The rows without what another door does not tell."""
    return {code: replace(each, **{unsaid: None}) for code, each in rows.items()}  # type: ignore[arg-type]


# --- one moment, all doors ------------------------------------------------------------------------------------------


def worked() -> datetime:
    record_worked_example(save_sample_group())
    return WORKED_EXAMPLE_AT


def busy() -> datetime:
    save_busy_group()
    return BUSY_GROUP_AT


@pytest.mark.django_db
@pytest.mark.parametrize("moment", [None, "2026-06-10T17:00"])
@pytest.mark.parametrize(
    "query",
    ["", "?show=late&by=none&sort=name", "?show=outstanding&by=owner", "?group=UK&by=erp", "?show=stale"],
)
@pytest.mark.parametrize("group", [worked, busy])
def test_every_door_tells_the_same(
    group: Callable[[], datetime], query: str, moment: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = saved_once(group)
    monkeypatch.setattr("board.web.board_request.now", lambda: now)
    rosa, client = save_person(), Client()
    client.force_login(rosa)
    as_of = now
    if moment is not None:
        as_of = datetime.fromisoformat(moment).replace(tzinfo=LONDON).astimezone(UTC)
        query = f"{query}{'&' if query else '?'}at={moment}"

    page = page_at(client, query)
    assert fragment_at(client, query) == page
    if moment is None:
        assert first_screen(rosa, query) == page

    lines = csv_at(client, query)
    assert [each["code"] for each in lines] == list(page.rows)
    of_csv = {each["code"]: as_told(each) for each in lines}
    late = {code: each.days_late for code, each in of_csv.items()}
    assert of_csv == {
        code: replace(each, against=None, days_late=late[code]) for code, each in page.rows.items()
    }
    assert {each["as_of"] for each in lines} <= {labels.iso(as_of)}

    rows, about, moments = excel_at(client, query)
    assert list(rows) == list(page.rows)
    assert but(rows, "days_late") == page.rows
    assert but(rows, "against") == of_csv
    assert moments <= {labels.iso(as_of) or ""}

    whole = command(as_of)
    assert whole["as_of"] == labels.iso(as_of)
    everybody = {each["code"]: as_told(each) for each in whole["entities"]}
    assert of_csv == {code: everybody[code] for code in of_csv}
    assert about["Headline, of all that you see"] == whole["headline"]
    assert page.verdict == whole["headline"].partition(". ")[0].rstrip(".")

    some = command(as_of, "--group", "UK") if "group=UK" in query else whole
    counts = some["counts"]
    assert page.chips["all"] == counts["entities"]
    assert page.chips["late"] == counts["late"] + counts["alerting"]
    assert page.chips["alerting"] == counts["alerting"]
    assert page.chips["stale"] == counts["stale"]
    shown = first(r"show=([a-z]+)", query) or "all"
    assert page.chips[shown] == len(page.rows)
    if shown == "stale":
        assert not any(each.fresh for each in page.rows.values())


@pytest.mark.django_db
@pytest.mark.parametrize("format_", ["csv", "table"])
def test_the_command_tells_the_same_in_each_format(format_: str) -> None:
    """The operator's CSV has the JSON's rows, and the table its headline."""
    as_of = busy()
    whole, out = command(as_of), io.StringIO()
    call_command("scoreboard", "--format", format_, "--as-of", as_of.isoformat(), stdout=out)
    if format_ == "table":
        assert whole["headline"].partition(":")[0] in out.getvalue()
    else:
        lines = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
        assert [as_told(each) for each in lines] == [as_told(each) for each in whole["entities"]]


# --- never a guess --------------------------------------------------------------------------------------------------

_ENDS = {"closed": CLOSED, "held": ON_HOLD, "open": None, "not understood": NOT_UNDERSTOOD}


@dataclass(frozen=True)
class Made:
    """A row, and whether it may be told as closed for certain, by what was put in."""

    row: Row
    certain: bool


@st.composite
def anybody(draw: st.DrawFn, number: int) -> Made:
    """An entity in any state, read lately, long ago or never; mostly closed, so that all are closed at times."""
    who = TWELVE_ENTITIES[number]
    end = draw(
        st.sampled_from(("closed", "closed", "closed", "closed", "held", "open", "not understood", "never"))
    )
    counts = draw(st.booleans())
    age = draw(st.sampled_from((0, 2, 2, 2, 15, 16, 3000)))
    on = draw(st.sampled_from(("2026-06-05 16:00", "2026-06-09 16:00", "2026-06-11 16:00")))
    reads = () if end == "never" else reads_until_close(who, _ENDS[end], on)
    made = row(
        who,
        *reads,
        policy=JudgingPolicy(on_hold_counts_as_closed=counts),
        read_at=f"{WORKED_EXAMPLE_AT - timedelta(minutes=age):%Y-%m-%d %H:%M}",
        due=draw(st.sampled_from(("agreed", "agreed", None))),
        entity_id=number + 1,
    )
    certain = age <= 15 and (end == "closed" or (end == "held" and counts))
    return Made(made, certain)


@examples(120)
@given(st.integers(0, 6).flatmap(lambda size: st.tuples(*(anybody(number) for number in range(size)))))
def test_all_closed_is_said_only_where_every_row_is_known_to_be(made: tuple[Made, ...]) -> None:
    whole = scoreboard_of([each.row for each in made])
    certain = bool(made) and all(each.certain for each in made)
    screen = BoardScreen(whole, BoardQuery(), Reader.in_zone("Europe/London"))
    page, told = screen.page, screen.verdict()
    wall = _verdict(whole, BoardQuery(), whole.groups)
    said = {
        "board": whole.closed is True,
        "rows": group_closed(whole.rows) is True,
        "headline": headline(whole).startswith("Group closed"),
        "verdict": page.verdict.startswith("Group closed"),
        "title": "Group closed" in page.title,
        "tone": page.tone == "closed",
        "tick": 'class="done"' in told,
        "section": 'class="verdict closed"' in told,
        "json": as_json(whole)["group_closed"] is True,
        "wall": wall.startswith("Group closed"),
    }
    assert said == dict.fromkeys(said, certain)


@examples(120)
@given(anybody(3))
def test_no_doubtful_row_looks_closed(made: Made) -> None:
    told = BoardScreen(scoreboard_of([made.row]), BoardQuery(), Reader.in_zone("Europe/London")).row(made.row)
    classes = first('<tr id="[^"]*" class="([^"]*)"', told).split()
    chip = first('<span class="state ([^"]*)"', told)
    if made.row.state is PeriodState.UNKNOWN:
        assert chip == "unknown"
    assert ("stale" in classes) is not made.row.fresh
    if chip == "closed" and "stale" not in classes:
        assert made.certain
    if not made.row.fresh and made.row.read_at is not None:
        assert "not read since " in told
        assert "data-connection" not in told  # the browser does not make it young again


@examples(100)
@given(st.integers(1, 6).flatmap(lambda size: st.tuples(*(anybody(number) for number in range(size)))))
def test_the_bar_shows_as_closed_what_is_confirmed(made: tuple[Made, ...]) -> None:
    screen = BoardScreen(
        scoreboard_of([each.row for each in made]), BoardQuery(), Reader.in_zone("Europe/London")
    )
    shares = {each.kind: each.count for each in screen.page.segments}
    sure = [each for each in made if each.certain]
    assert shares.get("closed", 0) == sum(each.row.state is PeriodState.CLOSED for each in sure)
    assert sum(shares.values()) == len(made)
    if any(section.name for section in screen.sections):
        closed = sum(section.closed for section in screen.sections if not section.above)
        assert closed + screen.unfiltered.counts.outstanding == len(made)
        old = any(is_closed(each.row) and not each.row.fresh for each in made)
        assert any(section.closed_phrase == "closed when last read" for section in screen.sections) is old

"""Silences as people see and make them: the page, the entity's form, the marks, and that open boards hear of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Silence
from alerts.routing.silences import SilenceTarget, create_silence, lift_silence
from board.reports.exports import standing_columns
from board.web.board_request import resolve_request
from closing.scoreboard.row import RowSilence
from entities.models import Group, LegalEntity, Membership, Person
from periods.board_cache.cache import BoardCache
from periods.board_cache.change_feed import changes_since
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
Role = Membership.Role
WHY = "the auditors have the books"
UNTIL = date(2026, 6, 18)


def person(name: str, role: Role, code: str = "MERIDIAN") -> Person:
    found = Person.objects.create(email=f"{name}@meridian.test", name=name.title(), zone="Europe/London")
    Membership.objects.create(person=found, role=role, group=Group.objects.get(code=code))
    return found


def make(client: Client, **form: str) -> object:
    return client.post(
        "/alerts/silences/", {"place": "entity:NLDT", "last_day": "2026-06-18", "reason": WHY} | form
    )


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return " ".join(answer.content.decode().split())


MARK = "Silenced until Thu 18 Jun by Rosa: the auditors have the books"


def test_every_screen_that_shows_the_entity_says_so(
    meridian: SampleGroup, rosa_person: Person, client: Client
) -> None:
    screens = ("/", "/past-deadline/?month=2026-05", "/entities/NLDT/")
    for url in screens:
        assert "Silenced" not in text_of(client, url)
    nldt = meridian.entities["NLDT"]
    nldt_policy_line(nldt)
    made = create_silence(rosa_person, nldt, UNTIL, WHY, WORKED_EXAMPLE_AT - timedelta(hours=1))
    for url in screens:
        assert MARK in text_of(client, url), url
    row = take_snapshot(LegalEntity.objects.filter(code="NLDT"), MAY, WORKED_EXAMPLE_AT).rows[0]
    _, silenced = standing_columns(resolve_request(rosa_person, {}, WORKED_EXAMPLE_AT))[-1]
    assert silenced(row) == MARK  # of the workbooks
    assert MARK in text_of(client, "/alerts/")
    assert MARK not in text_of(client, "/?at=2026-06-12T10:30")
    lift_silence(rosa_person, made, WORKED_EXAMPLE_AT)
    for url in screens:
        assert "Silenced" not in text_of(client, url), url
    assert MARK in text_of(client, "/?at=2026-06-12T12:30")  # London: half past eleven


def nldt_policy_line(entity: LegalEntity) -> None:
    """Past the line already, so that the queue has it."""
    from periods.models import DeadlinePolicy, PolicyVersion  # noqa: PLC0415

    own = DeadlinePolicy.objects.create(code="NLDT-CLOSE", name="NLDT close", entity=entity)
    PolicyVersion.objects.create(
        policy=own,
        number=1,
        rule="workday",
        n=6,
        first_is=0,
        alert_after_days=2,
        set_at=WORKED_EXAMPLE_AT - timedelta(days=90),
    )


def test_a_kept_board_hears_of_it_and_forgets_it_at_its_end(
    meridian: SampleGroup, rosa_person: Person
) -> None:
    keeper, pk = BoardCache(), meridian.entities["NLDT"].pk
    keeper.board(MAY, WORKED_EXAMPLE_AT)

    def quiet(at: datetime = WORKED_EXAMPLE_AT) -> RowSilence | None:
        keeper.apply_changes(*changes_since(keeper.snapshot_token))
        return keeper.board(MAY, at).rows[pk].silence

    assert quiet() is None
    made = create_silence(rosa_person, Group.objects.get(code="MERIDIAN"), UNTIL, WHY, WORKED_EXAMPLE_AT)
    found = quiet()
    assert found is not None
    assert found.group == Group.objects.get(code="MERIDIAN").name
    assert quiet(found.ends - timedelta(seconds=1)) is not None
    assert quiet(found.ends) is None
    keeper.clear()
    assert quiet() is not None
    lift_silence(rosa_person, made, WORKED_EXAMPLE_AT)
    assert quiet() is None


def test_a_form_makes_it_and_undo_lifts_it(
    meridian: SampleGroup, rosa_person: Person, client: Client
) -> None:
    empty = text_of(client, "/alerts/silences/")
    assert "No silence is in force" in empty
    answer = client.post(
        "/alerts/silences/",
        {"place": "entity:NLDT", "last_day": "2026-06-18", "reason": WHY, "next": "/entities/NLDT/"},
    )
    assert (answer.status_code, answer["Location"]) == (303, "/entities/NLDT/")
    made = Silence.objects.get()
    page = text_of(client, "/entities/NLDT/")
    assert "EU DTC BV is silenced until Thu 18 Jun." in page
    assert f'action="/alerts/silences/{made.pk}/lift/"' in page
    answer = client.post(f"/alerts/silences/{made.pk}/lift/", {"back": "/alerts/silences/"})
    assert (answer.status_code, answer["Location"]) == (303, "/alerts/silences/")
    page = text_of(client, "/alerts/silences/")
    assert "The silence of EU DTC BV is lifted." in page
    assert "lifted by Rosa" in page
    client.post(f"/alerts/silences/{made.pk}/again/")
    again = Silence.objects.get(lifted_at=None)
    assert (again.last_day, again.reason) == (made.last_day, made.reason)
    assert "is silenced again until Thu 18 Jun." in text_of(client, "/alerts/silences/")


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"place": ""}, "place", "Choose what to silence"),
        ({"last_day": ""}, "last-day", "Choose the last day"),
        ({"last_day": "soon"}, "last-day", "is not a date"),
        ({"last_day": "2026-06-11"}, "last-day", "is past"),
        ({"last_day": "2026-07-14"}, "last-day", "31 days at most"),
        (
            {"last_day": "20 June 2026, if the bank answers"},
            "last-day",
            "“20 June 2026, if the” is not a date",
        ),
        ({"reason": " "}, "reason", "Give a reason"),
        ({"reason": "\0"}, "reason", "Give a reason"),
        ({"reason": "x" * 501}, "reason", "That is 501 letters long; the longest is 500."),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_nothing_typed_is_lost(
    meridian: SampleGroup, rosa_person: Person, client: Client, form: dict[str, str], field: str, words: str
) -> None:
    answer = make(client, **form)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    page = " ".join(answer.content.decode().split())  # type: ignore[attr-defined]
    beside = page.split(f'id="{field}-problem">')[1].split("</span>")[0]
    assert words in beside
    assert not Silence.objects.exists()
    typed = {"place": "entity:NLDT", "last_day": "2026-06-18", "reason": WHY} | form
    for name in ("last_day", "reason"):
        assert f'name="{name}" value="{typed[name]}"' in page.replace(' maxlength="500"', "")
    if typed["place"]:
        assert f'<option value="{typed["place"]}" selected>' in page


def test_all_that_is_wrong_is_shown_at_once(
    meridian: SampleGroup, rosa_person: Person, client: Client
) -> None:
    page = make(client, place="", last_day="soon", reason="").content.decode()  # type: ignore[attr-defined]
    assert page.count('aria-invalid="true"') == page.count('class="error"') == 3


def test_a_group_is_silenced_by_who_works_on_all_of_it(
    meridian: SampleGroup, rosa_person: Person, client: Client
) -> None:
    assert make(client, place="group:MERIDIAN").status_code == 303  # type: ignore[attr-defined]
    board = text_of(client, "/")
    assert board.count("Silenced with all of") == 4
    client.force_login(person("paul", Role.FINANCE, "UK"))
    page = text_of(client, "/alerts/silences/")
    assert "all of the group" in page
    assert "EU DTC BV" not in page
    assert "/lift/" not in page
    made = Silence.objects.get()
    assert client.post(f"/alerts/silences/{made.pk}/lift/").status_code == 403
    assert make(client).status_code == 404  # type: ignore[attr-defined]
    assert make(client, place="group:NOBODY").status_code == 404  # type: ignore[attr-defined]


def test_who_reads_sees_them_and_no_form(meridian: SampleGroup, rosa_person: Person, client: Client) -> None:
    made = create_silence(rosa_person, meridian.entities["NLDT"], UNTIL, WHY, WORKED_EXAMPLE_AT)
    client.force_login(person("ada", Role.AUDITOR))
    page = text_of(client, "/alerts/silences/")
    assert WHY in page
    assert "You can only read" in page
    assert "<form" not in page.split("</header>")[1]
    assert make(client, place="entity:UKHC").status_code == 403  # type: ignore[attr-defined]
    assert client.post(f"/alerts/silences/{made.pk}/lift/").status_code == 403
    client.force_login(Person.objects.create(email="nobody@meridian.test", name="Nobody"))
    assert WHY not in text_of(client, "/alerts/silences/")
    assert client.post(f"/alerts/silences/{made.pk}/lift/").status_code == 404
    assert client.post(f"/alerts/silences/{made.pk}/again/").status_code == 404


def test_the_page_asks_as_much_of_the_database_however_many_there_are(
    meridian: SampleGroup, rosa_person: Person, client: Client
) -> None:
    def queries() -> int:
        client.get("/alerts/silences/")
        with CaptureQueriesContext(connection) as asked:
            client.get("/alerts/silences/")
        return len(asked)

    create_silence(rosa_person, Group.objects.get(code="UK"), UNTIL, WHY, WORKED_EXAMPLE_AT)
    few = queries()
    places: list[SilenceTarget] = [*meridian.entities.values(), *Group.objects.all()]
    for day, place in enumerate(places):
        for more in range(2):
            create_silence(
                rosa_person, place, UNTIL + timedelta(days=more), f"{WHY} {day}", WORKED_EXAMPLE_AT
            )
    assert queries() == few
